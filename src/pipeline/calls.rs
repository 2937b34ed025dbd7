//! A run's conversation with its worker: its calls, and its sends.
//!
//! Calls are numbered. In a run that is taken up again, a number that the journal knows is answered from the journal;
//! what the journal does not know happens. A send is a commit point:
//!
//! ```text
//! record the calls so far and the intent ─ COMMIT ─ tell the ledger ─ give the baton up
//!   ─ ask Twilio ─ take the baton ─ record the outcome ─ COMMIT ─ go on in a new transaction
//! ```

use std::time::Instant;

use sha2::{Digest, Sha256};

use crate::base::{MessageId, MessageSid, MessageStatus, stage};
use crate::host::{self, MANIFEST, OutcomeForm, Reply, Send};
use crate::pipeline::batch::Batch;
use crate::pipeline::report::LogLine;
use crate::pipeline::run::{Origin, Run, Stop};
use crate::pipeline::{Event, WorkerHandle};
use crate::script::Death;
use crate::script::protocol::{
    Answer, Ended, ErrorKind, FromWorker, MAX_FRAME, Reason, Thrown, ToWorker, Value,
};
use crate::store::{Inbox, JournalCall, Ledger, NewMessage, SendRecord, StoreError};
use crate::whatsapp::{Outcome, OutcomeCode};

/// How a callback URL asks Twilio to retry: five times, when the connection fails, the answer takes too long, or the
/// host says 5xx (<https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides>).
const RETRIES: &str = "#rc=5&rp=ct,rt,5xx";
/// Calls of host functions in one run at most.
const MAX_CALLS: u32 = 100_000;
/// Bytes of the answers that a run's journal holds in memory until the next send, at most.
const MAX_UNSAVED: usize = 32 << 20;
/// Bytes of what a run logs, at most.
const MAX_LOG_BYTES: usize = 4 << 20;

impl Batch<'_> {
    /// Answers the run's calls until it has ended.
    pub(super) fn converse(&mut self, worker: &mut dyn WorkerHandle, run: &mut Run) -> Result<Ended, Stop> {
        loop {
            match worker.receive(self.deadline(run)).map_err(Stop::Died)? {
                FromWorker::Call { ticket, function, arguments } if ticket == run.ticket => {
                    run.host_calls += 1;
                    stage::reach("run-calls");
                    if run.host_calls > MAX_CALLS {
                        let message = format!("the action called host functions more than {MAX_CALLS} times");
                        return Err(Stop::Died(Death { reason: Reason::HostCallLimit, message }));
                    }
                    let answer = self.answer(run, function, &arguments)?;
                    run.take_log();
                    if run.journal.unsaved_bytes > MAX_UNSAVED {
                        let message = format!(
                            "the answers of the action's calls are more than {} MiB together",
                            MAX_UNSAVED >> 20
                        );
                        return Err(Stop::Died(Death { reason: Reason::HostCallLimit, message }));
                    }
                    worker.queue(&ToWorker::Answer(answer)).map_err(|error| {
                        Stop::Died(Death { reason: Reason::Killed, message: error.to_string() })
                    })?;
                }
                FromWorker::Log { ticket, level, text } if ticket == run.ticket => {
                    // The worker keeps its own limit of lines; this one holds also against a worker that does not.
                    run.logged += text.len();
                    if run.logged <= MAX_LOG_BYTES {
                        run.log.push(LogLine { level, text });
                    }
                }
                FromWorker::Ended(ended) if ended.ticket == run.ticket => return Ok(ended),
                _ => {
                    let message = "the worker spoke of another run".to_owned();
                    return Err(Stop::Died(Death { reason: Reason::Killed, message }));
                }
            }
        }
    }

    /// When the run must have ended.
    fn deadline(&self, run: &Run) -> Instant {
        run.begun + self.application.parameters.limits.wall + run.waited
    }

    /// Calls a host function; its statements must end when the run must.
    fn call(&self, run: &mut Run, function: u16, arguments: &[Value]) -> Result<Reply, Thrown> {
        self.db().set_deadline(Some(self.deadline(run)));
        let reply = host::call(function, arguments, &run.context, self.db(), &mut run.effects);
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
            Ok(Reply::Send(send)) if self.application.may_send() => self.send(run, &send, fingerprint),
            Ok(Reply::Send(send)) => {
                let limit = self.application.parameters.limits.messages_per_minute;
                let message = format!(
                    "the application may send {limit} messages a minute (limits.messages_per_minute): try again later"
                );
                let outcome = Outcome { retryable: true, ..Outcome::failed("MESSAGES_PER_MINUTE", message) };
                let outcome = outcome.between(Some(send.message.to.whatsapp()), Some(send.from()));
                let answer = Answer::Return { value: send.form.value(&outcome), advance_ms: advance(run) };
                Ok(remember(run, fingerprint, answer))
            }
            Ok(Reply::Return(value)) => {
                let advance_ms = advance(run);
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
                "call {} of this run ({name}) is not the one that an earlier attempt made, and a message was sent \
                 after that: the script or what it reads has changed in between, so the run cannot be continued",
                run.calls
            )));
        }
        if let Some(message) = before.message {
            // An attempt that failed has let the message's notifications go: they wait for this one again.
            self.open_message(run, message);
        }
        if let Some(answer) = before.answer.as_deref() {
            let answer: Answer = postcard::from_bytes(answer)
                .map_err(|_| Stop::Mismatch("the journal of this run cannot be read".into()))?;
            if let Answer::Return { value, advance_ms } = &answer {
                run.advanced += advance_ms;
                if let (Some(message), Some(outcome), Some(inbox)) =
                    (before.message, outcome_in(value), self.application.inbox())
                {
                    tell_outcome(inbox, self.record(message, &outcome))?;
                }
            }
            return Ok(answer);
        }
        // An intent without an outcome: the host died in between.
        let reply = self.call(run, function, arguments);
        let (form, send) = match reply {
            Ok(Reply::Send(send)) => (send.form, Some(send)),
            _ if MANIFEST.get(usize::from(function)).is_some_and(|known| known.name == "whatsapp.send") => {
                (OutcomeForm::Object, None)
            }
            _ => (OutcomeForm::Text, None),
        };
        let outcome = self.found_out(run, before.message, send.as_deref())?;
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

    /// What the ledger knows of a message whose send was interrupted: a callback may have told its sid.
    fn found_out(&self, run: &Run, message: Option<MessageId>, send: Option<&Send>) -> Result<Outcome, Stop> {
        let in_doubt = || Outcome::in_doubt("The host died while the message was being sent");
        let (Some(id), Some(inbox)) = (message, self.application.inbox()) else { return Ok(in_doubt()) };
        inbox.flush()?; // the outcome may be on its way there
        let between = |outcome: Outcome| match send {
            Some(send) => outcome.between(Some(send.message.to.whatsapp()), Some(send.from())),
            None => outcome,
        };
        let row = Ledger::open(self.application.ledger())?.message(&id.to_string())?;
        if let Some(sid) = row.as_ref().and_then(|row| row.sid.as_deref())
            && let Ok(sid) = MessageSid::parse(sid)
        {
            let status = row.map_or(MessageStatus::Queued, |row| MessageStatus::parse(&row.status));
            return Ok(between(Outcome::known(&sid, &status)));
        }
        if let Some(row) = row.as_ref().filter(|row| !matches!(row.status.as_str(), "sending" | "unknown")) {
            // It came to an outcome, and only the journal had not heard of it: Twilio refused it, or was not reached.
            let code = row.error_code.as_deref().unwrap_or("SEND_REFUSED");
            let mut outcome = Outcome::failed(code, row.error_message.clone().unwrap_or_default());
            if let Ok(number) = code.parse() {
                outcome.error_code = Some(OutcomeCode::Number(number));
            }
            outcome.retryable = matches!(code, "TWILIO_UNREACHABLE" | "TOO_MANY_REQUESTS");
            return Ok(between(outcome));
        }
        if let (None, Some(send)) = (&row, send) {
            inbox.open_message(self.new_message(run, id, send))?;
        }
        let outcome = between(in_doubt());
        tell_outcome(inbox, self.record(id, &outcome))?;
        Ok(outcome)
    }

    fn send(&mut self, run: &mut Run, send: &Send, fingerprint: [u8; 16]) -> Result<Answer, Stop> {
        let Some(inbox) = self.application.inbox().cloned() else {
            return Err(Stop::Trouble(StoreError::Unavailable("the host is not started".into())));
        };
        let id = MessageId::generate();
        if let Origin::Notification { id: notification, .. } = run.origin {
            let db = self.db();
            if !run.journal.begun {
                db.record_origin(notification, run.journal.start)?;
                run.journal.begun = true;
            }
            for (number, call) in run.journal.unsaved.drain(..) {
                db.record_call(notification, number, &call)?;
            }
            let intent = JournalCall { fingerprint, answer: None, message: Some(id) };
            db.record_call(notification, run.calls, &intent)?;
        }
        let alone = self.nothing_has_ended();
        self.db().keep_run()?;
        self.commit().map_err(|error| {
            if error.is_violation() { Stop::NotCommitted { alone } } else { Stop::Trouble(error) }
        })?;
        run.effects.separated.clear(); // committed
        // From here on the message may leave, and its notifications wait for this run.
        self.open_message(run, id);
        if let Err(error) = inbox.open_message(self.new_message(run, id, send)) {
            // Whether it is in the ledger, nobody knows: it must not be shown there as one that is on its way. Without
            // that the intent stays, and its outcome is found out later.
            let unsent =
                Outcome::failed("HOST_TROUBLE", format!("the message could not be recorded: {error}"));
            tell_outcome(&inbox, self.record(id, &unsent))?;
            self.withdraw(run)?;
            return Err(Stop::Trouble(error));
        }
        let mut message = send.message.clone();
        message.status_callback = Some(format!(
            "{}/whatsapp/callback/{}/{}?message={id}{RETRIES}",
            run.context.public_url, run.context.application.id, send.company
        ));
        let application = self.application;
        let ((outcome, told), waited) = self.without_baton(|| {
            let surroundings = &application.surroundings;
            stage::reach("send-intended");
            let answer = surroundings.network.create_message(&send.account, &message);
            stage::reach("send-answered");
            let mut outcome = Outcome::of(&answer, &message);
            outcome.warnings.extend(send.warnings.iter().cloned());
            surroundings.events.tell(|| Event::Sent {
                app: application.parameters.id.clone(),
                company: send.company.clone(),
                outcome: outcome.clone(),
            });
            let told = tell_outcome(&inbox, record(application.now(), id, &outcome));
            (outcome, told)
        });
        run.waited += waited;
        let answer = Answer::Return { value: send.form.value(&outcome), advance_ms: advance(run) };
        self.db().begin()?;
        if let Origin::Notification { id: notification, .. } = run.origin {
            let call = JournalCall { fingerprint, answer: Some(encode(&answer)), message: Some(id) };
            self.db().record_call(notification, run.calls, &call)?;
            self.commit()?;
            told?; // the journal knows: the ledger is told again when the run is taken up again
            self.db().begin()?;
        } else if let Err(error) = told {
            tracing::warn!(message = %id, %error, "the ledger has not heard of the outcome of a send");
        }
        self.db().begin_run()?;
        Ok(answer)
    }

    /// The notifications of this message wait for the run's end.
    fn open_message(&self, run: &mut Run, message: MessageId) {
        if !run.messages.contains(&message) {
            self.application.open_message(run.action.as_str(), message);
            run.messages.push(message);
        }
    }

    /// Takes an intent back: the message has certainly not left.
    fn withdraw(&mut self, run: &Run) -> Result<(), StoreError> {
        self.db().begin()?;
        if let Origin::Notification { id, .. } = run.origin {
            self.db().forget_call(id, run.calls)?;
        }
        self.commit()?;
        self.db().begin()?;
        self.db().begin_run()
    }

    fn new_message(&self, run: &Run, id: MessageId, send: &Send) -> NewMessage {
        NewMessage {
            id,
            app: run.context.application.id.clone(),
            company: send.company.clone(),
            account: send.account.sid.clone(),
            notification: match run.origin {
                Origin::Notification { id, .. } => Some(id),
                Origin::Direct(_) => None,
            },
            to: send.message.to.clone(),
            from: send.from(),
            at: self.application.now(),
        }
    }

    fn record(&self, id: MessageId, outcome: &Outcome) -> SendRecord {
        record(self.application.now(), id, outcome)
    }
}

/// Tells the ledger what became of a send; returns once that is durable. The run goes on only then: once it is done,
/// nobody remembers the outcome any more.
fn tell_outcome(inbox: &Inbox, record: SendRecord) -> Result<(), StoreError> {
    // A writer that is gone is told of by `flush`.
    let _ = inbox.close_message(record);
    inbox.flush()
}

/// The outcome that a recorded answer holds.
fn outcome_in(value: &Value) -> Option<Outcome> {
    match value {
        Value::String(json) | Value::Json(json) => serde_json::from_str(json).ok(),
        _ => None,
    }
}

fn record(at: crate::base::UnixMillis, id: MessageId, outcome: &Outcome) -> SendRecord {
    SendRecord {
        id,
        sid: outcome.sid.as_deref().and_then(|sid| MessageSid::parse(sid).ok()),
        status: MessageStatus::parse(&outcome.status),
        error_code: outcome.error_code.as_ref().map(|code| match code {
            OutcomeCode::Number(number) => number.to_string(),
            OutcomeCode::Name(name) => name.clone(),
        }),
        error_message: outcome.error_message.clone(),
        at,
    }
}

/// How much later it is for the script than when it was last told, in milliseconds.
fn advance(run: &mut Run) -> u64 {
    let elapsed = u64::try_from(run.elapsed().as_millis()).unwrap_or(u64::MAX);
    let advance = elapsed.saturating_sub(run.advanced);
    run.advanced += advance;
    advance
}

/// Keeps an answer for the next send to record; runs by hand have no journal, for nobody takes them up again.
fn remember(run: &mut Run, fingerprint: [u8; 16], answer: Answer) -> Answer {
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

fn encode(answer: &Answer) -> Vec<u8> {
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
