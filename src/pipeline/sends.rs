//! A run that sends: a send is a commit point.
//!
//! ```text
//! record the calls so far and the intent ─ COMMIT ─ tell the ledger ─ give the baton up
//!   ─ ask Twilio, and again while it certainly did not process the request ─ take the baton
//!   ─ record the outcome ─ COMMIT ─ go on in a new transaction
//! ```
//!
//! A run that is taken up again and meets an intent without an outcome finds out what became of it: from the ledger,
//! else from Twilio's log. What cannot be found out stays in doubt; it is never sent again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::base::{MessageId, MessageSid, MessageStatus, NotificationId, UnixMillis, stage};
use crate::host::Send;
use crate::pipeline::Event;
use crate::pipeline::application::Application;
use crate::pipeline::backoff::Attempt;
use crate::pipeline::batch::Batch;
use crate::pipeline::calls::{advance, encode, unsent_reply};
use crate::pipeline::keys::{next_key, verdict};
use crate::pipeline::meter::Counted;
use crate::pipeline::reconcile::{look_for, tells};
use crate::pipeline::run::{Origin, Run, Stop};
use crate::script::protocol::Answer;
use crate::store::{
    BroughtKey, Inbox, JournalCall, KeyPlace, KeyVerdict, Ledger, NewMessage, SendRecord, StoreError,
};
use crate::whatsapp::outcome::{TOO_MANY_REQUESTS, TWILIO_UNREACHABLE};
use crate::whatsapp::{Finding, MessageResource, Outcome, OutcomeCode, OutgoingMessage, SendOutcome, codes};

/// How a callback URL asks Twilio to retry: five times, when the connection fails, the answer takes too long, or the
/// host says 5xx (<https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides>).
const RETRIES: &str = "#rc=5&rp=ct,rt,5xx";
/// What is said of a send whose outcome died with the host.
const DIED: &str = "The host died while the message was being sent";

/// What an author and a person are told of a send whose outcome died with the host.
pub(super) fn died() -> Outcome {
    Outcome::in_doubt(DIED)
}

impl Batch<'_> {
    /// Sends, and answers the call with the outcome. What has certainly not left is not `counted` any more.
    pub(super) fn send(
        &mut self,
        run: &mut Run,
        send: &Send,
        fingerprint: [u8; 16],
        counted: Option<&Counted>,
    ) -> Result<Answer, Stop> {
        let gate = &self.application.gate;
        let Some(inbox) = self.application.inbox().cloned() else {
            return Err(Stop::Trouble(StoreError::Unavailable("the host is not started".into())));
        };
        let id = MessageId::generate();
        let key = self.brought_key(send)?;
        if let Origin::Notification { id: notification, .. } = run.origin {
            self.record_calls(run, notification)?;
            let intent = JournalCall { fingerprint, answer: None, message: Some(id) };
            self.db().record_call(notification, run.calls, &intent)?;
        }
        self.commit_so_far().inspect_err(|_| gate.give_back(counted))?;
        run.effects.separated.clear(); // committed
        // From here on the message may leave, and its notifications wait for this run.
        self.open_message(run, id);
        let new = self.new_message(run, id, send);
        if let Err(error) = inbox.open_message_with(new.clone(), key.clone()) {
            // Whether it is in the ledger, nobody knows.
            gate.give_back(counted);
            return Err(self.take_back(run, &inbox, id, Stop::Trouble(error))?);
        }
        let mut message = send.message.clone();
        message.status_callback = Some(format!(
            "{}/whatsapp/callback/{}/{}?message={id}{RETRIES}",
            run.context.public_url, run.context.application.id, send.company
        ));
        let application = self.application;
        let transmission = Transmission {
            application,
            inbox: &inbox,
            send,
            message: &message,
            new,
            deadline: self.deadline(run),
            wall: self.edition.parameters.limits.wall,
            may_be_interrupted: matches!(run.origin, Origin::Notification { .. }),
        };
        let (made, waited) = self.without_baton(|| {
            stage::reach("send-intended");
            let answer = match transmission.make()? {
                Made::Answer(answer) => answer,
                Made::Interrupted => return Ok(None),
            };
            stage::reach("send-answered");
            if matches!(answer, SendOutcome::NotSent { .. }) {
                gate.give_back(counted);
            }
            if let (Some(key), Some(verdict)) = (key, verdict(&answer)) {
                let _ = inbox.judge_key(key, verdict, application.now()); // durable with the outcome
            }
            let mut outcome = Outcome::of(&answer, &message);
            outcome.warnings.extend(send.warnings.iter().cloned());
            application.surroundings.events.tell(|| Event::Sent {
                app: application.id.clone(),
                company: send.company.clone(),
                outcome: outcome.clone(),
            });
            let told = tell(&inbox, record(application.now(), id, &outcome));
            Ok(Some((outcome, told)))
        });
        run.waited += waited;
        let (outcome, told) = match made {
            Ok(Some(made)) => made,
            Ok(None) => {
                gate.give_back(counted);
                return Err(self.take_back(run, &inbox, id, Stop::Stopping)?);
            }
            Err(error) => {
                gate.give_back(counted);
                return Err(self.take_back(run, &inbox, id, Stop::Trouble(error))?);
            }
        };
        if let Some(thrown) = unsent_reply(send.form, &outcome) {
            self.withdraw(run)?;
            told?; // the ledger keeps the attempt
            return Ok(Answer::Throw(thrown));
        }
        let answer = Answer::Return {
            value: send.form.value(&outcome),
            advance_ms: advance(run, self.application.now()),
        };
        self.db().begin()?;
        if let Origin::Notification { id: notification, .. } = run.origin {
            let call = JournalCall { fingerprint, answer: Some(encode(&answer)), message: Some(id) };
            self.db().record_call(notification, run.calls, &call)?;
            self.commit()?;
            told?; // the journal knows: the ledger is told when the run is taken up again
            self.db().begin()?;
        } else if let Err(error) = told {
            tracing::warn!(id = %id, %error, "the ledger has not heard of the outcome of a send");
        }
        self.db().begin_run()?;
        Ok(answer)
    }

    /// Records the calls of this attempt that are not recorded yet.
    fn record_calls(&self, run: &mut Run, notification: NotificationId) -> Result<(), StoreError> {
        let db = self.db();
        if !run.journal.begun {
            if std::mem::take(&mut run.journal.outdated) {
                db.forget_journal(notification)?;
            }
            db.record_origin(notification, run.journal.start)?;
            run.journal.begun = true;
        }
        for (number, call) in run.journal.unsaved.drain(..) {
            db.record_call(notification, number, &call)?;
        }
        run.journal.unsaved_bytes = 0;
        Ok(())
    }

    /// Does something that takes long before a message leaves, with the baton away. As with a send, what the run has
    /// written so far is committed with the calls that led there: an attempt that is cut off goes on from here.
    pub(super) fn aside<T>(&mut self, run: &mut Run, work: impl FnOnce() -> T) -> Result<T, Stop> {
        if let Origin::Notification { id, .. } = run.origin {
            self.record_calls(run, id)?;
        }
        self.commit_so_far()?;
        run.effects.separated.clear(); // committed
        self.application.sends(run.action.as_str());
        let (result, waited) = self.without_baton(work);
        run.waited += waited;
        self.db().begin()?;
        self.db().begin_run()?;
        Ok(result)
    }

    /// Tells the ledger the outcome that the journal has of a send, if it has not heard of it.
    pub(super) fn retell(&self, message: MessageId, outcome: &Outcome) -> Result<(), StoreError> {
        let Some(inbox) = self.application.inbox() else { return Ok(()) };
        inbox.flush()?;
        let row = Ledger::open(self.application.ledger())?.message(&message.to_string())?;
        match row {
            Some(row) if row.status == "sending" => {
                tell(inbox, record(self.application.now(), message, outcome))
            }
            _ => Ok(()),
        }
    }

    /// The notifications of this message wait for the run's end.
    pub(super) fn open_message(&self, run: &mut Run, message: MessageId) {
        if !run.messages.contains(&message) {
            self.application.open_message(run.action.as_str(), message);
            run.messages.push(message);
        }
    }

    /// Commits what this run has written, and with it what has ended before it.
    fn commit_so_far(&mut self) -> Result<(), Stop> {
        let alone = self.nothing_has_ended();
        self.db().keep_run()?;
        self.commit().map_err(|error| {
            if error.is_violation() { Stop::NotCommitted { alone } } else { Stop::Trouble(error) }
        })
    }

    /// Takes intent and message back: the message has certainly not left. The intent first, for the journal decides
    /// what a replay does; a message that stays behind is found not to be in Twilio's log.
    fn take_back(&mut self, run: &Run, inbox: &Inbox, id: MessageId, stop: Stop) -> Result<Stop, Stop> {
        self.withdraw(run)?;
        let _ = inbox.withdraw_message(id);
        Ok(stop)
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

    /// What became of a message whose send was interrupted: a callback may have told its sid, or Twilio's log shows it.
    pub(super) fn found_out(
        &mut self,
        run: &mut Run,
        message: Option<MessageId>,
        send: Option<&Send>,
    ) -> Result<Outcome, Stop> {
        let (Some(id), Some(inbox)) = (message, self.application.inbox().cloned()) else {
            return Ok(died());
        };
        inbox.flush()?; // the outcome may be on its way there
        let between = |outcome: Outcome| match send {
            Some(send) => outcome.between(Some(send.message.to.whatsapp()), Some(send.from())),
            None => outcome,
        };
        let row = Ledger::open(self.application.ledger())?.message(&id.to_string())?;
        if let Some(sid) = row.as_ref().and_then(|row| row.sid.as_deref())
            && let Ok(sid) = MessageSid::parse(sid)
        {
            self.confirm(&inbox, send)?;
            let status = row.map_or(MessageStatus::Queued, |row| MessageStatus::parse(&row.status));
            return Ok(between(Outcome::known(&sid, &status)));
        }
        if let Some(row) = row.as_ref().filter(|row| !matches!(row.status.as_str(), "sending" | "unknown")) {
            // It came to an outcome, and only the journal had not heard of it: Twilio refused it, or was not reached.
            let code = row.error_code.as_deref().unwrap_or("SEND_REFUSED");
            let mut outcome = Outcome::failed(code, row.error_message.clone().unwrap_or_default());
            outcome.retryable = if let Ok(number) = code.parse() {
                outcome.error_code = Some(OutcomeCode::Number(number));
                codes::explain(number).is_some_and(codes::ErrorCode::is_retryable)
            } else {
                matches!(code, TWILIO_UNREACHABLE | TOO_MANY_REQUESTS)
            };
            return Ok(between(outcome));
        }
        // When it was last tried, which a doubt that is noted later must not move.
        let last_tried = row.as_ref().map(|row| row.updated_at);
        if let Some(send) = send {
            if row.is_none() {
                inbox.open_message(self.new_message(run, id, send))?;
            } else if let Some(found) = self.looked_for(run, id, send)? {
                // What Twilio has told nobody yet is left to reconciliation, so that a notification tells it.
                let status = if tells(&found.status) { MessageStatus::Queued } else { found.status.clone() };
                let outcome = Outcome::known(&found.sid, &status);
                self.confirm(&inbox, Some(send))?;
                tell(&inbox, record(self.application.now(), id, &outcome))?;
                return Ok(between(Outcome::found(&found)));
            }
        }
        let outcome = between(died());
        let at = last_tried.unwrap_or_else(|| self.application.now());
        tell(&inbox, record(at, id, &outcome))?;
        Ok(outcome)
    }

    /// The message in Twilio's log, if it can be told which it is. The baton is away meanwhile: the transaction holds
    /// nothing of this run, and what other runs have written is committed.
    fn looked_for(
        &mut self,
        run: &mut Run,
        id: MessageId,
        send: &Send,
    ) -> Result<Option<MessageResource>, Stop> {
        self.commit_so_far()?;
        let application = self.application;
        let (found, waited) = self.without_baton(|| {
            let ledger = Ledger::open(application.ledger())?;
            match ledger.polled_message(id)? {
                Some(message) => {
                    look_for(&*application.surroundings.network, &ledger, &message, &send.account)
                        .map(|(_, answer)| answer)
                }
                None => Ok(Ok(Finding::Undecided)),
            }
        });
        run.waited += waited;
        self.db().begin()?;
        self.db().begin_run()?;
        match found? {
            Ok(Finding::Found(found)) => Ok(Some(*found)),
            Ok(Finding::Absent | Finding::Undecided) => Ok(None),
            Err(error) => {
                tracing::warn!(id = %id, %error, "Twilio's log could not be read for a send in doubt");
                Ok(None)
            }
        }
    }

    /// The key that the call brought along, to be remembered for the message's callbacks, which may come before the answer.
    fn brought_key(&self, send: &Send) -> Result<Option<Arc<BroughtKey>>, StoreError> {
        if !send.brings_key {
            return Ok(None);
        }
        let place = KeyPlace {
            app: self.application.id.clone(),
            company: send.company.clone(),
            account: send.account.sid.clone(),
        };
        let key = BroughtKey::new(&self.application.surroundings.key, place, &send.account.password)?;
        Ok(Some(Arc::new(key)))
    }

    /// Twilio turned out to have the message: it has taken the key that the call brought along.
    fn confirm(&self, inbox: &Inbox, send: Option<&Send>) -> Result<(), StoreError> {
        if let Some(key) = send.map(|send| self.brought_key(send)).transpose()?.flatten() {
            let _ = inbox.judge_key(key, KeyVerdict::Taken, self.application.now());
        }
        Ok(())
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
            template: send.message.content_sid.clone(),
            content_hash: send.content_hash(&self.application.surroundings.key),
            body: send.message.body.clone().filter(|_| self.edition.parameters.whatsapp.keep_bodies),
            at: self.application.now(),
        }
    }
}

/// One message on its way to Twilio.
struct Transmission<'a> {
    application: &'a Application,
    inbox: &'a Inbox,
    send: &'a Send,
    message: &'a OutgoingMessage,
    new: NewMessage,
    /// When the run must have ended.
    deadline: Instant,
    /// How long a run may take.
    wall: Duration,
    /// Whether the run is taken up again if it is interrupted.
    may_be_interrupted: bool,
}

/// How the requests of a send ended.
enum Made {
    Answer(SendOutcome),
    /// The host is stopping, and nothing has left.
    Interrupted,
}

impl Transmission<'_> {
    /// Asks Twilio, and again after a while as long as it certainly did not process the request and there is time.
    ///
    /// # Errors
    /// When the ledger cannot be told that the message leaves once more; it has not left then.
    fn make(&self) -> Result<Made, StoreError> {
        let mut requests = 0;
        let mut account = self.send.account.clone();
        loop {
            requests += 1;
            let begun = stage::now();
            let answer = self.application.surroundings.network.create_message(&account, self.message);
            if verdict(&answer) == Some(KeyVerdict::Refused)
                && stage::now() < self.deadline
                && next_key(&mut account)
            {
                self.inbox.open_message(NewMessage { at: self.application.now(), ..self.new.clone() })?;
                continue;
            }
            let SendOutcome::NotSent { why, .. } = &answer else { return Ok(Made::Answer(answer)) };
            let attempt = Attempt {
                message: self.new.id,
                requests,
                why,
                took: stage::now().saturating_duration_since(begun),
                left: self.deadline.saturating_duration_since(stage::now()),
                wall: self.wall,
            };
            let Some(wait) = attempt.wait() else { return Ok(Made::Answer(answer)) };
            tracing::debug!(id = %self.new.id, requests, ?why, wait_ms = wait.as_millis(), "a send is made again");
            if !self.application.let_pass(wait) {
                let interrupted = self.may_be_interrupted;
                return Ok(if interrupted { Made::Interrupted } else { Made::Answer(answer) });
            }
            // A doubt is looked for around the time of its last request.
            self.inbox.open_message(NewMessage { at: self.application.now(), ..self.new.clone() })?;
        }
    }
}

/// Tells the ledger what became of a send; returns once that is durable. The run goes on only then: once it is done,
/// nobody remembers the outcome any more.
fn tell(inbox: &Inbox, record: SendRecord) -> Result<(), StoreError> {
    let _ = inbox.close_message(record); // a writer that is gone is told of by `flush`
    inbox.flush()
}

fn record(at: UnixMillis, id: MessageId, outcome: &Outcome) -> SendRecord {
    SendRecord {
        id,
        sid: outcome.sid.as_deref().and_then(|sid| MessageSid::parse(sid).ok()),
        status: MessageStatus::parse(&outcome.status),
        error_code: outcome.error_code.as_ref().map(ToString::to_string),
        error_message: outcome.error_message.clone(),
        price: outcome.price.clone(),
        at,
    }
}
