//! A run's conversation with its worker: its calls.
//!
//! Calls are numbered. In a run that is taken up again, a number that the journal knows is answered from the journal;
//! what the journal does not know happens. A call that sends is made in [`super::sends`].

use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use crate::base::{PhoneNumber, UnixMillis, stage};
use crate::host::{self, MANIFEST, OutcomeForm, Reply};
use crate::pipeline::WorkerHandle;
use crate::pipeline::batch::Batch;
use crate::pipeline::report::LogLine;
use crate::pipeline::run::result_bytes;
use crate::pipeline::run::{Origin, Run, Stop};
use crate::script::protocol::{
    Answer, Ended, ErrorKind, FromWorker, LogLevel, MAX_FRAME, Reason, Thrown, ToWorker, Value,
};
use crate::store::JournalCall;
use crate::whatsapp::Outcome;

/// After so many calls of one run …
const CALLS_IN_A_ROW: u32 = 200;
/// … it gives way for so long. Two threads that only ask and answer each other wake each other up thousands of times a
/// second, and Linux then keeps them on their processor before anything else: the kernel's own threads, by which others
/// wait for the disk, were seen to wait there for most of a second (6.18, two cores), and with them acknowledgements.
const GIVES_WAY: Duration = Duration::from_micros(300);
/// Bytes of the answers that a run's journal holds in memory until the next send, at most.
const MAX_UNSAVED: usize = 32 << 20;

impl Batch<'_> {
    /// Answers the run's calls until it has ended.
    pub(super) fn converse(&mut self, worker: &mut dyn WorkerHandle, run: &mut Run) -> Result<Ended, Stop> {
        loop {
            match worker.receive(self.deadline(run)).map_err(Stop::Died)? {
                FromWorker::Call { ticket, function, arguments } if ticket == run.ticket => {
                    let answer = self.called(run, function, &arguments).map_err(|stop| match stop {
                        Stop::TooMuch(message) => Stop::Died(worker.end(Reason::HostCallLimit, message)),
                        other => other,
                    })?;
                    if let Err(error) = worker.queue(&ToWorker::Answer(answer)) {
                        return Err(Stop::Died(worker.end(Reason::Killed, error.to_string())));
                    }
                }
                FromWorker::Log { ticket, level, text } if ticket == run.ticket => {
                    run.take_line(level, &text, self.edition.parameters.limits.log_lines);
                }
                FromWorker::Ended(ended) if ended.ticket == run.ticket => {
                    let most = self.edition.parameters.limits.result_kb;
                    return Ok(ended.within(result_bytes(most)));
                }
                _ => {
                    return Err(Stop::Died(
                        worker.end(Reason::Killed, "the worker spoke of another run".into()),
                    ));
                }
            }
        }
    }

    /// Answers a call, within what a run may call.
    fn called(&mut self, run: &mut Run, function: u16, arguments: &[Value]) -> Result<Answer, Stop> {
        let most = self.edition.parameters.limits.host_calls;
        run.host_calls += 1;
        stage::reach("run-calls");
        if run.host_calls.is_multiple_of(CALLS_IN_A_ROW) {
            let _ = self.application.pause(GIVES_WAY); // a host that stops lets open runs come to their end
        }
        if run.host_calls > most {
            return Err(Stop::TooMuch(format!(
                "the action called host functions more than {most} times (limits.host_calls = {most})"
            )));
        }
        let began = run.elapsed();
        let answer = self.answer(run, function, arguments)?;
        run.note_call(function, began, &answer);
        run.take_log(self.edition.parameters.limits.log_lines);
        if host::is_reply(function) {
            tell_reply(run, &answer);
        } else if let Some(name) = host::sends(function) {
            tell_warnings(run, name, &answer);
        }
        if run.journal.unsaved_bytes > MAX_UNSAVED {
            return Err(Stop::TooMuch(format!(
                "the answers of the action's calls are more than {} MiB together",
                MAX_UNSAVED >> 20
            )));
        }
        Ok(answer)
    }

    /// Counts a message that the run asks to be sent.
    fn count_send(&self, run: &mut Run) -> Result<(), Stop> {
        let most = self.edition.parameters.limits.sends;
        run.sends += 1;
        if run.sends <= most {
            return Ok(());
        }
        Err(Stop::TooMuch(format!(
            "the action asked for more than {most} messages to be sent (limits.sends = {most})"
        )))
    }

    /// When the run must have ended.
    pub(super) fn deadline(&self, run: &Run) -> Instant {
        run.begun + self.edition.parameters.limits.wall + run.waited
    }

    /// Calls a host function; its statements must end when the run must.
    fn call(&self, run: &mut Run, function: u16, arguments: &[Value]) -> Result<Reply, Thrown> {
        self.db().set_deadline(Some(self.deadline(run)));
        let reply = host::call(
            function,
            arguments,
            &run.context,
            self.db(),
            self.application.now(),
            &mut run.effects,
        );
        self.db().set_deadline(None); // the host's own statements have no deadline
        reply
    }

    fn answer(&mut self, run: &mut Run, function: u16, arguments: &[Value]) -> Result<Answer, Stop> {
        run.calls += 1;
        let fingerprint = fingerprint(function, arguments);
        if let Some(before) = run.journal.recorded.get(run.calls as usize - 1) {
            let before = before.clone();
            return self.replayed(run, function, arguments, fingerprint, &before);
        }
        if !self.db().in_transaction() {
            return Ok(Answer::Throw(Thrown {
                kind: ErrorKind::Error,
                message: "an earlier statement has ended the run's transaction: nothing more can be done"
                    .into(),
                code: Some("SQL_TRANSACTION_LOST".into()),
            }));
        }
        match self.call(run, function, arguments) {
            Ok(Reply::Send(mut send)) => {
                match self.count_send(run).and_then(|()| self.admit(run, &mut send))? {
                    Ok(counted) => self.send(run, &send, fingerprint, counted.as_ref()),
                    Err(outcome) => {
                        let outcome = outcome.between(Some(send.message.to.whatsapp()), Some(send.from()));
                        if let Some(thrown) = unsent_reply(send.form, &outcome) {
                            return Ok(Answer::Throw(thrown));
                        }
                        let answer = Answer::Return {
                            value: send.form.value(&outcome),
                            advance_ms: advance(run, self.application.now()),
                        };
                        Ok(remember(run, fingerprint, answer))
                    }
                }
            }
            Ok(Reply::Save(save)) => self.save(run, &save, fingerprint),
            Ok(Reply::Return(value)) => {
                let advance_ms = advance(run, self.application.now());
                Ok(remember(run, fingerprint, Answer::Return { value, advance_ms }))
            }
            Err(thrown) => Ok(remember(run, fingerprint, Answer::Throw(thrown))),
        }
    }

    /// Answers a call that an earlier attempt made.
    fn replayed(
        &mut self,
        run: &mut Run,
        function: u16,
        arguments: &[Value],
        fingerprint: [u8; 16],
        before: &JournalCall,
    ) -> Result<Answer, Stop> {
        if before.fingerprint != fingerprint {
            let name = MANIFEST.get(usize::from(function)).map_or("?", |function| function.name);
            return Err(Stop::Mismatch(format!(
                "call {} of this run ({name}) is not the one that an earlier attempt made, and what that one had done was \
                 kept, for a message that it sent or had to wait with: the script or what it reads has changed in \
                 between, so the run cannot be continued",
                run.calls
            )));
        }
        if let Some(message) = before.message {
            self.count_send(run)?;
            // An attempt that failed has let the message's notifications go: they wait for this one again.
            self.open_message(run, message);
        }
        if let Some(answer) = before.answer.as_deref() {
            let answer: Answer = postcard::from_bytes(answer)
                .map_err(|_| Stop::Mismatch("the journal of this run cannot be read".into()))?;
            if let Answer::Return { value, advance_ms } = &answer {
                run.advanced += advance_ms;
                if let (Some(message), Some(outcome)) = (before.message, outcome_in(value)) {
                    self.retell(message, &outcome)?;
                }
            }
            return Ok(answer);
        }
        // An intent without an outcome: the host died in between.
        let reply = self.call(run, function, arguments);
        let (form, send) = match reply {
            Ok(Reply::Send(send)) => (send.form, Some(send)),
            _ if host::is_reply(function) => (OutcomeForm::Log, None),
            _ if MANIFEST.get(usize::from(function)).is_some_and(|known| known.name == "whatsapp.send") => {
                (OutcomeForm::Object, None)
            }
            _ => (OutcomeForm::Text, None),
        };
        let outcome = self.found_out(run, before.message, send.as_deref())?;
        if let Some(thrown) = unsent_reply(form, &outcome) {
            if let Origin::Notification { id, .. } = run.origin {
                self.db().keep_run()?;
                self.db().forget_call(id, run.calls)?;
                self.db().begin_run()?;
            }
            return Ok(Answer::Throw(thrown));
        }
        let answer = Answer::Return { value: form.value(&outcome), advance_ms: 0 };
        // Recorded by itself: nothing that this attempt wrote may be kept with it, and it has written nothing yet.
        if let Origin::Notification { id, .. } = run.origin {
            self.db().keep_run()?;
            let call = JournalCall { fingerprint, answer: Some(encode(&answer)), message: before.message };
            self.db().record_call(id, run.calls, &call)?;
            self.db().begin_run()?;
        }
        Ok(answer)
    }
}

/// The outcome that a recorded answer holds.
fn outcome_in(value: &Value) -> Option<Outcome> {
    match value {
        Value::String(json) | Value::Json(json) => serde_json::from_str(json).ok(),
        _ => None,
    }
}

/// What a reply ends its run with that has not left and may leave later: this call is not kept in the journal, so the
/// next attempt sends anew. No script could do that, for none is given the outcome.
pub(super) fn unsent_reply(form: OutcomeForm, outcome: &Outcome) -> Option<Thrown> {
    (form == OutcomeForm::Log && outcome.has_not_left() && outcome.retryable).then(|| Thrown {
        kind: ErrorKind::Error,
        message: unsent(outcome),
        code: outcome.error_code.as_ref().map(ToString::to_string),
    })
}

/// What became of a reply that Twilio has not taken, for the author.
fn unsent(outcome: &Outcome) -> String {
    let code = outcome.error_code.as_ref().map_or_else(|| outcome.status.clone(), ToString::to_string);
    let mut why = outcome.error_message.clone().unwrap_or_default();
    // What Twilio says may name the person.
    if let Some(to) = outcome.to.as_deref().and_then(|to| PhoneNumber::sender(to).ok()) {
        why = why.replace(to.digits(), to.masked().trim_start_matches('+'));
    }
    let what = if outcome.status == "unknown" { "may not have been sent" } else { "was not sent" };
    format!("the reply {what}: {code}: {why}; `boatswain explain {code}` says more")
}

/// Says in the run's log what became of a reply, for no script is given its outcome.
fn tell_reply(run: &mut Run, answer: &Answer) {
    tell_warnings(run, "reply", answer);
    let Answer::Return { value, .. } = answer else { return };
    let Some(outcome) = outcome_in(value).filter(|outcome| !outcome.success) else { return };
    run.log.push(LogLine { level: LogLevel::Error, text: unsent(&outcome) });
}

/// Says in the run's log what an outcome warns of: few scripts look at that, and their authors would not know.
fn tell_warnings(run: &mut Run, function: &str, answer: &Answer) {
    let Answer::Return { value, .. } = answer else { return };
    let Some(outcome) = outcome_in(value) else { return };
    let text = |warning: &String| format!("{function}: {warning}");
    let lines = outcome.warnings.iter().map(text).map(|text| LogLine { level: LogLevel::Warn, text });
    run.log.extend(lines);
}

/// How much later it is for the script than when it was last told, in milliseconds.
pub(super) fn advance(run: &mut Run, now: UnixMillis) -> u64 {
    let elapsed = u64::try_from(now.since(run.started_at).as_millis()).unwrap_or(u64::MAX);
    let advance = elapsed.saturating_sub(run.advanced);
    run.advanced += advance;
    advance
}

/// Keeps an answer for the next send to record; runs by hand have no journal, for nobody takes them up again.
pub(super) fn remember(run: &mut Run, fingerprint: [u8; 16], answer: Answer) -> Answer {
    let mut encoded = encode(&answer);
    let answer = if encoded.len() + 64 > MAX_FRAME {
        // What the script gets is what is recorded.
        let thrown = Answer::Throw(Thrown {
            kind: ErrorKind::RangeError,
            message: format!("the answer is larger than {} MiB: ask for less at once", MAX_FRAME >> 20),
            code: Some("ANSWER_TOO_LARGE".into()),
        });
        encoded = encode(&thrown);
        thrown
    } else {
        answer
    };
    if let Origin::Notification { .. } = run.origin {
        run.journal.unsaved_bytes += encoded.len();
        let call = JournalCall { fingerprint, answer: Some(encoded), message: None };
        run.journal.unsaved.push((run.calls, call));
    }
    answer
}

pub(super) fn encode(answer: &Answer) -> Vec<u8> {
    // Plain data: it always serializes.
    postcard::to_stdvec(answer).unwrap_or_default()
}

/// 16 bytes of SHA-256 over function and arguments.
fn fingerprint(function: u16, arguments: &[Value]) -> [u8; 16] {
    let name = MANIFEST.get(usize::from(function)).map_or("", |function| function.name);
    let mut hash = Sha256::new();
    hash.update(name);
    hash.update([0]);
    hash.update(postcard::to_stdvec(arguments).unwrap_or_default());
    let mut fingerprint = [0; 16];
    fingerprint.copy_from_slice(&hash.finalize()[..16]);
    fingerprint
}
