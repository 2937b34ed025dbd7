//! How long a message may wait to be sent.
//!
//! `ValidityPeriod` limits the time in Twilio's queue; what is still in it then is not sent and fails with 30036. It is
//! counted from the moment at which the message is due. Twilio's default is 36,000 s; here a message for which none was
//! asked waits for ever, so that one that is to be silent stays so.
//! Source: <https://www.twilio.com/docs/api/errors/30036>.

use std::time::Duration;

use super::script::Step;
use crate::whatsapp::MessageStatus;

/// The steps of a message with what its validity makes of them.
pub(super) fn within(validity: Option<Duration>, steps: Vec<Step>) -> Vec<Step> {
    let Some(validity) = validity else { return steps };
    let limit = u64::try_from(validity.as_millis()).unwrap_or(u64::MAX);
    let leaves_the_queue = |step: &Step| step.status.rank() >= MessageStatus::Sent.rank();
    if steps.iter().any(|step| step.after_ms <= limit && leaves_the_queue(step)) {
        return steps;
    }
    let end = Step { error_code: Some(30036), ..Step::new(validity, MessageStatus::Failed) };
    steps.into_iter().filter(|step| step.after_ms <= limit).chain([end]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(after_ms: u64, status: MessageStatus) -> Step {
        Step::new(Duration::from_millis(after_ms), status)
    }

    fn shown(validity: Option<u64>, steps: Vec<Step>) -> String {
        let steps = within(validity.map(Duration::from_secs), steps);
        let shown = steps.iter().map(|step| format!("{}@{}", step.status, step.after_ms));
        shown.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_is_not_sent_in_time_fails() {
        let usual = || vec![step(1500, MessageStatus::Sent), step(9000, MessageStatus::Delivered)];
        assert_eq!(shown(None, usual()), "sent@1500 delivered@9000");
        assert_eq!(shown(Some(2), usual()), "sent@1500 delivered@9000", "it has left the queue in time");
        assert_eq!(shown(Some(1), usual()), "failed@1000");
        assert_eq!(shown(Some(5), Vec::new()), "failed@5000");
        assert_eq!(shown(None, Vec::new()), "");
        let sending = vec![step(10, MessageStatus::Sending), step(3000, MessageStatus::Sent)];
        assert_eq!(shown(Some(1), sending), "sending@10 failed@1000");
        assert_eq!(within(Some(Duration::from_secs(1)), usual())[0].error_code, Some(30036));
    }
}
