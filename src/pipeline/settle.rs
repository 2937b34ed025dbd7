//! Telling everyone how runs ended: the queue, the inbox, whoever asked, the log.
//!
//! Only what is committed is told; the queue decides what comes next.

use crate::base::{ActionId, MessageId, NotificationId, stage};
use crate::pipeline::Event;
use crate::pipeline::batch::{Batch, EndedRun, failure};
use crate::pipeline::evidence::{Evidence, replay};
use crate::pipeline::queue::{Decision, Verdict};
use crate::pipeline::report::{LogLine, RunReport, Used};
use crate::pipeline::run::{Origin, Run};
use crate::script::protocol::{LogLevel, Reason, Returned};
use crate::store::{Finished, Mark};

impl Batch<'_> {
    /// Asks the queue what becomes of each, and tells.
    pub(super) fn settle(&self, ended: Vec<EndedRun>) {
        if ended.is_empty() {
            return;
        }
        let application = self.application;
        let now = application.now();
        let (decisions, pause): (Vec<_>, _) = application.with_queue(|queue| {
            let before = queue.pauses_until();
            let decisions = ended
                .iter()
                .map(|end| {
                    let decision = match end.run.origin {
                        Origin::Notification { id, .. } => queue.finish(id, end.verdict, now),
                        Origin::Direct(_) => Decision::Done,
                    };
                    // A run that goes on in a moment is not over: notifications of what it has sent go on waiting.
                    if decision != Decision::Again {
                        for message in &end.run.messages {
                            queue.release(*message);
                        }
                    }
                    decision
                })
                .collect();
            (decisions, queue.pauses_until().filter(|until| before != Some(*until)))
        });
        if let Some(until) = pause {
            tracing::error!(
                app = %application.id, version = %self.edition.script_version, %until,
                "run after run of this application kills its worker: its runs pause, then one tries"
            );
        }
        let mut finished = Vec::with_capacity(ended.len());
        let (mut over, mut delayed) = (Vec::new(), Vec::new());
        stage::reach("ends-decided");
        let mut replies = Vec::new();
        for (end, decision) in ended.into_iter().zip(decisions) {
            let EndedRun { run, verdict, result, used } = end;
            let evidence = result
                .as_ref()
                .err()
                .map(|failure| Evidence::gather(failure, &run.context.vo, &self.edition.bundle));
            let report = RunReport {
                result,
                log: run.log,
                used,
                started_at: run.started_at,
                evidence,
                calls: run.calls_made,
                script_version: self.edition.script_version.clone(),
            };
            let (notification, attempts) = match &run.origin {
                Origin::Notification { id, attempt } => {
                    let mark = match decision {
                        Decision::Done => {
                            over.push(*id);
                            Mark::Done
                        }
                        Decision::Retry { at } => {
                            delayed.push((*id, at));
                            Mark::Retry { at }
                        }
                        Decision::Dead => {
                            over.push(*id);
                            Mark::Dead
                        }
                        Decision::Again => {
                            application.keep_open(*id, run.messages);
                            continue;
                        }
                    };
                    (Some((*id, mark)), *attempt)
                }
                Origin::Direct(_) => (None, 1),
            };
            tell(&application.id, &run.action, notification, &report);
            application.surroundings.events.tell(|| Event::Ran {
                app: application.id.clone(),
                action: run.action.clone(),
                notification,
                report: report.clone(),
            });
            finished.push(Finished {
                notification,
                killed: verdict == Verdict::KilledWorker,
                run: report.record(
                    &self.edition.parameters,
                    &run.context.company,
                    &run.action,
                    &self.edition.script_version,
                    attempts,
                ),
            });
            if let Origin::Direct(reply) = run.origin {
                replies.push((reply, report));
            }
        }
        if let Some(inbox) = application.inbox()
            && !finished.is_empty()
            && inbox.finish(finished).is_err()
        {
            tracing::warn!("the inbox is closed: ends of runs are found again at the next start");
        }
        stage::reach("ends-told");
        if !over.is_empty() || !delayed.is_empty() {
            application.recorded(&over, &delayed);
        }
        for (reply, report) in replies {
            let _ = reply.send(report); // whoever asked may have gone
        }
    }

    /// A notification's effect was there already.
    pub(super) fn already_done(&self, id: NotificationId, messages: &[MessageId]) {
        let now = self.application.now();
        self.application.with_queue(|queue| {
            for message in messages {
                queue.release(*message);
            }
            queue.finish(id, Verdict::Done, now)
        });
        if let Some(inbox) = self.application.inbox() {
            let _ = inbox.mark_done(id);
        }
        self.application.recorded(&[id], &[]);
    }

    /// An attempt that does not count.
    pub(super) fn interrupted(&self, run: Run, alone: bool) {
        match run.origin {
            Origin::Notification { .. } => {
                let end = EndedRun {
                    run,
                    verdict: Verdict::Interrupted { alone },
                    result: Ok(Returned::Undefined),
                    used: Used::default(),
                };
                self.settle(vec![end]);
            }
            // Runs by hand come alone, so this one is not innocent; it is not repeated by itself.
            Origin::Direct(_) => self.trouble(run, "the run was interrupted".into()),
        }
    }

    /// An attempt that the host could not make.
    pub(super) fn trouble(&self, run: Run, message: String) {
        let used = Used { wall: run.elapsed(), host_calls: run.host_calls, ..Used::default() };
        let result = Err(failure(Reason::Thrown, "HOST_TROUBLE", message));
        self.settle(vec![EndedRun { run, verdict: Verdict::HostTrouble, result, used }]);
    }
}

/// Writes a run's log lines, and its failure, to the host's log.
fn tell(
    app: &crate::base::AppId,
    action: &ActionId,
    notification: Option<(NotificationId, Mark)>,
    report: &RunReport,
) {
    let Some((id, mark)) = notification else { return }; // whoever asked by hand is told himself
    for LogLine { level, text } in &report.log {
        // A record's level is fixed where it is written.
        macro_rules! tell {
            ($record:ident) => {
                tracing::$record!(target: "script", %app, %action, notification = id.0, level = level.as_str(), "{text}")
            };
        }
        match level {
            LogLevel::Error => tell!(error),
            LogLevel::Warn => tell!(warn),
            // What a script tells for debugging is shown without asking, as `console.debug` is elsewhere.
            LogLevel::Info | LogLevel::Debug => tell!(info),
        }
    }
    if let Err(failure) = &report.result {
        let place = failure.frames.first().map(|frame| format!(" at {}", frame.place()));
        let evidence = report.evidence.as_ref();
        // The log in text shows what follows the record's fields on lines of their own (`cli::log`).
        tracing::warn!(
            target: "script", %app, %action, notification = id.0, reason = failure.reason.as_str(), next = next_of(&mark).as_str(),
            code = failure.code.as_deref(),
            code_frame = evidence.and_then(|evidence| evidence.code_frame.as_deref()),
            stack = failure.stack(false),
            causes = failure.caused_by(),
            help = failure.remedy(),
            vo = evidence.map(|evidence| evidence.masked_vo().to_string()),
            run_again = matches!(mark, Mark::Dead).then(|| replay(id)),
            "{}{}", failure.message, place.unwrap_or_default()
        );
    }
}

/// What comes next, for the log.
fn next_of(mark: &Mark) -> String {
    match mark {
        Mark::Done => "none".to_owned(),
        Mark::Retry { at } => format!("tried again at {at}"),
        Mark::Dead => "dead".to_owned(),
    }
}
