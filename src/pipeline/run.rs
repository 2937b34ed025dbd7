//! A run in a batch: what started it, what it has gathered, and why it may stop.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::base::{ActionId, MessageId, NotificationId, cut, stage};
use crate::host::{Effects, MANIFEST, RunContext};
use crate::pipeline::report::{CallMade, LogLine, RunReport, Used};
use crate::script::Death;
use crate::script::protocol::{Answer, Ended, LogLevel, ToWorker, too_many_lines};
use crate::store::{JournalCall, JournalOrigin, StoreError};
use crate::whatsapp::{Form, incoming};

/// Bytes of one log line at most.
pub(super) const MAX_LOG_LINE: u32 = 16 << 10;
/// How many calls of a run by hand are told.
const MAX_CALLS_TOLD: usize = 1_000;
/// Bytes of what a run logs, at most.
const MAX_LOG_BYTES: usize = 4 << 20;

/// Numbers the runs of this process, so that the frames of one are never taken for another's.
static TICKET: AtomicU32 = AtomicU32::new(1);

/// A run in a batch.
pub(super) struct Run {
    pub(super) origin: Origin,
    pub(super) action: ActionId,
    pub(super) context: RunContext,
    pub(super) ticket: u32,
    pub(super) frame: ToWorker,
    pub(super) effects: Effects,
    pub(super) log: Vec<LogLine>,
    /// Lines that it has logged, and that host functions have on its behalf.
    pub(super) lines: u32,
    pub(super) begun: Instant,
    /// Bytes that it has logged.
    pub(super) logged: usize,
    /// How long it has waited in line, which does not count as its time.
    pub(super) waited: Duration,
    pub(super) started_at: crate::base::UnixMillis,
    /// By how much the script's clock was moved.
    pub(super) advanced: u64,
    pub(super) calls: u32,
    pub(super) host_calls: u32,
    /// Its calls, where somebody may ask for them.
    pub(super) calls_made: Vec<CallMade>,
    /// Messages that it has asked to be sent.
    pub(super) sends: u32,
    pub(super) journal: RunJournal,
    /// The messages that this run has sent: their notifications wait for its end.
    pub(super) messages: Vec<MessageId>,
}

/// What started a run.
pub(super) enum Origin {
    Notification { id: NotificationId, attempt: u32 },
    Direct(oneshot::Sender<RunReport>),
}

/// What is recorded of a run, and what is not yet.
pub(super) struct RunJournal {
    pub(super) start: JournalOrigin,
    /// From earlier attempts.
    pub(super) recorded: Vec<JournalCall>,
    /// Whether `start` is recorded.
    pub(super) begun: bool,
    /// Whether a journal is recorded that does not count any more.
    pub(super) outdated: bool,
    /// Bytes of the answers in `unsaved`.
    pub(super) unsaved_bytes: usize,
    /// Calls of this attempt that the next send records.
    pub(super) unsaved: Vec<(u32, JournalCall)>,
}

/// Why a conversation with a worker ended before the run did.
pub(super) enum Stop {
    /// The worker is dead.
    Died(Death),
    /// The host cannot go on; nobody's fault.
    Trouble(StoreError),
    /// What was written violates a constraint that only a COMMIT checks.
    NotCommitted {
        /// Whether only this run can be to blame.
        alone: bool,
    },
    /// The host is stopping, and a message that Twilio has not taken yet is not waited for.
    Stopping,
    /// The host had a fault of its own.
    Fault,
    /// The script calls something else than the last time, where a message was sent.
    Mismatch(String),
    /// The run has called more than it may.
    TooMuch(String),
}

impl Run {
    /// Time on the wall since it began.
    pub(super) fn elapsed(&self) -> Duration {
        stage::now().saturating_duration_since(self.begun)
    }

    /// Notes a call of a run by hand, of which nothing else is kept.
    pub(super) fn note_call(&mut self, function: u16, began: Duration, answer: &Answer) {
        if !matches!(self.origin, Origin::Direct(_)) || self.calls_made.len() >= MAX_CALLS_TOLD {
            return;
        }
        let millis = |time: Duration| time.as_secs_f64() * 1000.0;
        self.calls_made.push(CallMade {
            function: MANIFEST.get(usize::from(function)).map_or("?", |known| known.name).to_owned(),
            at_ms: millis(began),
            took_ms: millis(self.elapsed().saturating_sub(began)),
            threw: match answer {
                Answer::Return { .. } => None,
                Answer::Throw(thrown) => Some(thrown.code.clone().unwrap_or_else(|| thrown.message.clone())),
            },
        });
    }

    /// Takes over what a host function has logged on the run's behalf.
    pub(super) fn take_log(&mut self, most: u32) {
        for (level, text) in std::mem::take(&mut self.effects.log) {
            self.take_line(level, &text, most);
        }
    }

    /// Takes over a line of the run's log, of which there are `most`; the worker counts as well, but it is not trusted to.
    pub(super) fn take_line(&mut self, level: LogLevel, text: &str, most: u32) {
        self.lines = self.lines.saturating_add(1);
        self.logged = self.logged.saturating_add(text.len());
        // The last line of all may say that there were more.
        let line = match self.lines.cmp(&most.saturating_add(1)) {
            std::cmp::Ordering::Greater => return,
            _ if self.logged > MAX_LOG_BYTES => return,
            std::cmp::Ordering::Less => LogLine { level, text: cut(text, MAX_LOG_LINE as usize) },
            std::cmp::Ordering::Equal => LogLine { level: LogLevel::Warn, text: too_many_lines(most) },
        };
        self.log.push(line);
    }
}

/// What `limits.result_kb` allows, in bytes.
pub(super) fn result_bytes(result_kb: u32) -> usize {
    usize::try_from(result_kb).unwrap_or(usize::MAX).saturating_mul(1024)
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Trouble(error)
    }
}

/// The members of a notification's `vo`: each field once, and the path's company, which wins over a field of its name.
pub(super) fn vo_fields(form: &[u8], company: &str) -> Vec<(String, String)> {
    // What was accepted was parsed before: the limit of fields cannot fail here.
    let form = Form::parse(form).unwrap_or_default();
    let mut fields: Vec<_> = form
        .fields()
        .into_iter()
        .filter(|(name, _)| *name != "companyId")
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    fields.push(("companyId".to_owned(), company.to_owned()));
    fields
}

/// What an incoming message's action gets as its `vo`.
pub(super) fn vo_of_message(form: &[u8], company: &str) -> serde_json::Value {
    incoming::vo(&Form::parse(form).unwrap_or_default(), company)
}

/// What a run used, by the worker's account and the host's.
pub(super) fn used(run: &Run, ended: &Ended) -> Used {
    Used {
        cpu: Duration::from_micros(ended.cpu_us),
        wall: run.elapsed(),
        peak_memory_bytes: ended.peak_memory_bytes,
        host_calls: run.host_calls,
    }
}

/// A number for a run that no other of this process has.
pub(super) fn new_ticket() -> u32 {
    TICKET.fetch_add(1, Ordering::Relaxed)
}
