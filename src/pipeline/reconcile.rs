//! Reconciliation: asking Twilio what it has not told.
//!
//! A message without a final status is asked for on the schedule of [`schedule`]. With a sid Twilio's record of it is
//! read; a status that is news enters the inbox as the notification that Twilio should have sent, and the action sees
//! an ordinary `vo`. Without a sid the message is in doubt, and is looked for in Twilio's log.
//!
//! [`Reconciler::poll_due`] does everything that is due at a given time, over a [`Network`], the inbox and the ledger,
//! without sleeping; [`Reconciliation`] is the thread that calls it at the right times and paces it. Nothing is held
//! in memory but a page of what is due: the schedule is in the ledger, so a host that was down makes up for it.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use crate::base::stage::{self, Thread};
use crate::base::{
    AccountSid, AppId, Clock, CompanyId, MessageId, MessageSid, MessageStatus, Price, UnixMillis, schedule,
};
use crate::config;
use crate::host::account_of;
use crate::pipeline::keys::read_as;
use crate::pipeline::sends::died;
use crate::pipeline::{Network, Surroundings};
use crate::store::{
    Inbox, KeyPlace, KeyVerdict, Learnt, Ledger, NewNotification, PollBell, Polled, PolledMessage,
    SEND_NOT_FOUND, Source, StoreError,
};
use crate::whatsapp::outcome::SEND_IN_DOUBT;
use crate::whatsapp::{Account, Doubt, Finding, Form, MessageResource, ReadError};

/// Messages that are read from the ledger at once.
const PAGE: usize = 50;
/// The time between two questions: at most ten a second.
const PACE: Duration = Duration::from_millis(100);
/// How long an account is left in peace after a question that had no answer, or a 429 without `Retry-After`: doubling
/// with each one in a row, up to the longest.
const FIRST_REST: Duration = Duration::from_secs(1);
const LAST_REST: Duration = Duration::from_mins(1);
/// Twilio itself may ask for more, but no more than that is believed.
const LONGEST_REST: Duration = Duration::from_hours(24);
/// How long after Twilio refused its key.
const AFTER_REFUSAL: Duration = Duration::from_mins(10);
/// The longest sleep while something is scheduled: a clock that was set, or a computer that slept, is noticed then.
const LONGEST_SLEEP: Duration = Duration::from_hours(1);
/// The version of Twilio's API, as its callbacks name it.
const API_VERSION: &str = "2010-04-01";

/// Whether a message is being sent right now, or its run waits to be taken up again.
pub type IsOpen = Box<dyn Fn(&AppId, MessageId) -> bool + Send>;

/// What the parameters say of an application now; `None`: it is not among them.
pub type Known = Box<dyn Fn(&AppId) -> Option<Arc<config::Application>> + Send>;

/// Asks Twilio about the messages that are due.
pub struct Reconciler {
    clock: Arc<dyn Clock>,
    network: Arc<dyn Network>,
    inbox: Inbox,
    ledger: PathBuf,
    known: Known,
    simulator_url: Option<Url>,
    is_open: IsOpen,
    /// The page that is being worked on.
    page: VecDeque<PolledMessage>,
    /// What is to be recorded of messages that nobody was asked about.
    skipped: Vec<Polled>,
    /// Accounts that are left in peace, and until when.
    resting: BTreeMap<Resting, Rest>,
}

/// Who is left in peace: an account; or an account as one company asks about it, where its key was refused, for another
/// company may have a better one.
type Resting = (AccountSid, Option<(AppId, CompanyId)>);

/// An account that is left in peace.
#[derive(Debug, Clone, Copy)]
struct Rest {
    until: UnixMillis,
    /// How many questions in a row had no answer.
    troubles: u32,
}

impl Rest {
    /// No rest is longer than the longest: one that lies further ahead is from a clock that was set back.
    fn is_on(&self, now: UnixMillis) -> bool {
        self.until > now && self.until <= now.plus(LONGEST_REST)
    }
}

/// What one step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Twilio was asked.
    Asked,
    /// A message was put off.
    Skipped,
    /// Nothing is due.
    Idle,
}

impl Reconciler {
    /// For the applications that are `known`; `is_open` says which messages are still being sent.
    #[must_use]
    pub fn new(surroundings: &Surroundings, inbox: Inbox, known: Known, is_open: IsOpen) -> Self {
        Self {
            clock: Arc::clone(&surroundings.clock),
            network: Arc::clone(&surroundings.network),
            ledger: surroundings.ledger.clone(),
            simulator_url: surroundings.simulator_url.clone(),
            inbox,
            known,
            is_open,
            page: VecDeque::new(),
            skipped: Vec::new(),
            resting: BTreeMap::new(),
        }
    }

    /// Asks about everything that is due at `now`; returns when what came of it is durable, with how often Twilio was
    /// asked. Blocks, and does not pace itself.
    ///
    /// # Errors
    /// [`StoreError`]: what is not recorded stays due.
    pub fn poll_due(&mut self, now: UnixMillis) -> Result<usize, StoreError> {
        let mut asked = 0;
        loop {
            match self.step(now)? {
                Step::Asked => asked += 1,
                Step::Skipped => {}
                Step::Idle => return Ok(asked),
            }
        }
    }

    /// Looks at one message that is due.
    fn step(&mut self, now: UnixMillis) -> Result<Step, StoreError> {
        if self.page.is_empty() {
            self.record(Vec::new())?;
            self.page = Ledger::open(&self.ledger)?.due_messages(now, PAGE)?.into();
        }
        let Some(message) = self.page.pop_front() else { return Ok(Step::Idle) };
        let polled = self.look_at(now, &message)?;
        if polled.asked {
            self.record(vec![polled])?;
            Ok(Step::Asked)
        } else {
            self.skipped.push(polled);
            Ok(Step::Skipped)
        }
    }

    fn record(&mut self, asked: Vec<Polled>) -> Result<(), StoreError> {
        let mut all = std::mem::take(&mut self.skipped);
        all.extend(asked);
        if all.is_empty() {
            return Ok(());
        }
        // Of a page that is dropped, what was not recorded is due as before.
        self.inbox.record_polls(all).inspect_err(|_| self.page.clear())
    }

    fn look_at(&mut self, now: UnixMillis, message: &PolledMessage) -> Result<Polled, StoreError> {
        let Some((application, account)) = self.account(message, now) else {
            tracing::debug!(id = %message.id, app = %message.app, account = %message.account,
                "Twilio is not asked about a message: there is no key for its account");
            return Ok(put_off(message, now, next_slot(message, now)));
        };
        let resting = [of_account(message), of_company(message)];
        let resting = resting.iter().filter_map(|who| self.resting.get(who));
        if let Some(rest) = resting.filter(|rest| rest.is_on(now)).max_by_key(|rest| rest.until) {
            return Ok(put_off(message, now, Some(rest.until)));
        }
        if message.sid.is_none()
            && message.status.as_str() == "sending"
            && (self.is_open)(&message.app, message.id)
        {
            return Ok(put_off(message, now, next_slot(message, now)));
        }
        let asked = if let Some(sid) = &message.sid {
            let (signed_in, answer) = read_as(&account, |account| self.network.fetch_message(account, sid));
            self.confirm(message, &signed_in, answer.is_ok(), now);
            answer.map(|record| {
                let learnt = told(&application, message, &record, now).unwrap_or(Learnt::Nothing);
                (learnt, price(&record))
            })
        } else {
            let ledger = Ledger::open(&self.ledger)?;
            let (signed_in, answer) = look_for(&*self.network, &ledger, message, &account)?;
            self.confirm(message, &signed_in, answer.is_ok(), now);
            answer.map(|finding| {
                let price = if let Finding::Found(record) = &finding { price(record) } else { None };
                (concluded(&application, message, finding, now), price)
            })
        };
        Ok(match asked {
            Ok((learnt, price)) => {
                self.resting.remove(&of_account(message));
                self.resting.remove(&of_company(message));
                Polled { asked: true, learnt, price, ..put_off(message, now, next(message, now, true)) }
            }
            Err(ReadError::NotFound) => {
                tracing::warn!(
                    id = %message.id, app = %message.app,
                    help = "a simulator forgets its messages when it stops; at Twilio, look whether the account is another's",
                    "Twilio does not know this message's sid: what became of it cannot be found out"
                );
                Polled { asked: true, ..put_off(message, now, next(message, now, true)) }
            }
            Err(error) => self.not_answered(message, now, &error),
        })
    }

    /// Twilio did not answer the question: the account rests a while, and the message is not lost.
    fn not_answered(&mut self, message: &PolledMessage, now: UnixMillis, error: &ReadError) -> Polled {
        let who = match error {
            ReadError::Refused(_) => of_company(message),
            _ => of_account(message),
        };
        let troubles = self.resting.get(&who).map_or(0, |rest| rest.troubles);
        // One question without an answer says little; several in a row, that Twilio is in trouble.
        let patience = FIRST_REST.saturating_mul(1 << troubles.min(16)).min(LAST_REST);
        let rest = match error {
            ReadError::TooManyRequests { retry_after } => retry_after.unwrap_or(patience),
            ReadError::Refused(_) => AFTER_REFUSAL,
            ReadError::NotFound | ReadError::Unclear(_) => patience,
        };
        let until = now.plus(rest.clamp(PACE, LONGEST_REST));
        self.resting.insert(who, Rest { until, troubles: troubles + 1 });
        tracing::warn!(id = %message.id, account = %message.account, %error, rest_s = rest.as_secs(),
            "Twilio could not be asked about a message");
        let next = match error {
            ReadError::TooManyRequests { .. } => Some(until),
            _ => next(message, now, false),
        };
        Polled { asked: true, ..put_off(message, now, next) }
    }

    fn account(
        &self,
        message: &PolledMessage,
        now: UnixMillis,
    ) -> Option<(Arc<config::Application>, Account)> {
        let application = (self.known)(&message.app)?;
        let remembered = self.inbox.keys().keys(&key_place(message), now);
        let simulator = self.simulator_url.as_ref();
        let account = account_of(&application, &message.company, &message.account, remembered, simulator)?;
        Some((application, account))
    }

    /// When Twilio has answered a question that it was asked with a key that an action brought along, for a send that
    /// stayed in doubt, that key is good.
    fn confirm(&self, message: &PolledMessage, account: &Account, is_answered: bool, now: UnixMillis) {
        if is_answered
            && let Some(key) = self.inbox.keys().unconfirmed(&key_place(message), &account.password)
        {
            let _ = self.inbox.judge_key(key, KeyVerdict::Taken, now);
        }
    }
}

fn key_place(message: &PolledMessage) -> KeyPlace {
    let (app, company, account) = (message.app.clone(), message.company.clone(), message.account.clone());
    KeyPlace { app, company, account }
}

fn of_account(message: &PolledMessage) -> Resting {
    (message.account.clone(), None)
}

fn of_company(message: &PolledMessage) -> Resting {
    (message.account.clone(), Some((message.app.clone(), message.company.clone())))
}

/// When a message is due after the question at `now`.
fn next(message: &PolledMessage, now: UnixMillis, answered: bool) -> Option<UnixMillis> {
    schedule::next_poll(message.created, now, message.polls.saturating_add(1), answered)
}

/// When a message is due that nobody was asked about.
fn next_slot(message: &PolledMessage, now: UnixMillis) -> Option<UnixMillis> {
    next(message, now, false)
}

fn put_off(message: &PolledMessage, now: UnixMillis, next: Option<UnixMillis>) -> Polled {
    let learnt = Learnt::Nothing;
    Polled { id: message.id, asked: false, due: message.due, next, learnt, price: None, at: now }
}

/// What Twilio's record says that its message cost.
fn price(record: &MessageResource) -> Option<(MessageSid, Price)> {
    Some((record.sid.clone(), record.price()?))
}

/// Whether Twilio tells this status in a callback: all but those that a message begins with.
pub(super) fn tells(status: &MessageStatus) -> bool {
    !matches!(
        status,
        MessageStatus::Scheduled
            | MessageStatus::Accepted
            | MessageStatus::Queued
            | MessageStatus::Receiving
            | MessageStatus::Received
    )
}

/// The notification that Twilio should have sent; `None` for a status that it tells nobody.
fn told(
    application: &config::Application,
    message: &PolledMessage,
    record: &MessageResource,
    now: UnixMillis,
) -> Option<Learnt> {
    if !tells(&record.status) {
        return None;
    }
    let form = notification_form(message, record);
    let word = |name: &str| form.get(name).map(|word| word.chars().take(500).collect::<String>());
    Some(Learnt::Status(Box::new(NewNotification {
        app: message.app.clone(),
        company: message.company.clone(),
        account: message.account.clone(),
        message_sid: record.sid.clone(),
        status: record.status.clone(),
        error_code: word("ErrorCode"),
        error_message: word("ErrorMessage"),
        message: Some(message.id),
        form: form.encode().into(),
        source: Source::Poll,
        conversation: None,
        received_at: now,
        has_action: application.whatsapp.whatsapp_callback.is_some(),
        fence: None,
        opening: None,
    })))
}

/// The fields that Twilio documents for a status callback, as far as its record of the message has them
/// (<https://www.twilio.com/docs/messaging/guides/track-outbound-message-status>).
fn notification_form(message: &PolledMessage, record: &MessageResource) -> Form {
    let mut form = Form::default();
    let sender = || (!message.from.starts_with("MG")).then(|| message.from.clone());
    let fields = [
        ("AccountSid", Some(message.account.to_string())),
        ("ApiVersion", Some(API_VERSION.to_owned())),
        ("ErrorCode", record.error_code.map(|code| code.to_string())),
        ("ErrorMessage", record.error_message.clone()),
        ("From", record.from.clone().or_else(sender)),
        ("MessageSid", Some(record.sid.to_string())),
        ("MessageStatus", Some(record.status.to_string())),
        ("SmsSid", Some(record.sid.to_string())),
        ("SmsStatus", Some(record.status.to_string())),
        ("To", Some(record.to.clone().unwrap_or_else(|| message.to.whatsapp()))),
    ];
    for (name, value) in fields {
        if let Some(value) = value {
            form.push(name, value);
        }
    }
    form
}

/// What follows from looking for a message in doubt.
///
/// That Twilio's log does not show it is proof only once the message has had an hour to appear there: until then the
/// doubt stays, and after it the ledger says that the message was not sent. Should a callback tell otherwise later,
/// Twilio's word replaces the host's.
fn concluded(
    application: &config::Application,
    message: &PolledMessage,
    finding: Finding,
    now: UnixMillis,
) -> Learnt {
    match finding {
        Finding::Found(record) => told(application, message, &record, now)
            .unwrap_or(Learnt::Sid { sid: record.sid.clone(), status: record.status.clone() }),
        Finding::Absent if schedule::is_late(message.created, now) => Learnt::Conclusion {
            status: MessageStatus::Failed,
            code: SEND_NOT_FOUND,
            message: "The answer to the send was lost, and Twilio's log has no such message: it was not sent"
                .into(),
        },
        Finding::Absent | Finding::Undecided => Learnt::Conclusion {
            status: MessageStatus::parse("unknown"),
            code: SEND_IN_DOUBT,
            message: died().error_message.unwrap_or_default(),
        },
    }
}

/// Looks for a message in doubt in Twilio's log; gives also with which of the account's keys.
///
/// # Errors
/// When the ledger fails; within, when Twilio cannot be asked.
pub(super) fn look_for(
    network: &dyn Network,
    ledger: &Ledger,
    message: &PolledMessage,
    account: &Account,
) -> Result<(Account, Result<Finding, ReadError>), StoreError> {
    let doubt = doubt(message);
    let (account, listed) = read_as(account, |account| network.list_messages(account, &doubt.filter()));
    let listed = match listed {
        Ok(listed) => listed,
        Err(error) => return Ok((account, Err(error))),
    };
    // Read after Twilio was asked: what became known meanwhile counts.
    let rivals: Vec<_> = ledger.rivals(message)?.iter().map(self::doubt).collect();
    let mut known = Vec::new();
    for one in &listed {
        if ledger.knows_sid(&one.sid)? {
            known.push(&one.sid);
        }
    }
    let finding = doubt.judge(&listed, &rivals, |sid| known.contains(&sid));
    Ok((account, Ok(finding)))
}

fn doubt(message: &PolledMessage) -> Doubt {
    Doubt {
        to: message.to.clone(),
        from: message.from.clone(),
        created: message.created,
        last_tried: message.updated,
    }
}

/// The thread that asks Twilio when something is due.
pub struct Reconciliation {
    bell: Arc<PollBell>,
    thread: Thread,
}

impl Reconciliation {
    /// Starts the thread; it looks at once at what has become due while no host was up.
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub fn start(mut reconciler: Reconciler) -> std::io::Result<Self> {
        let bell = Arc::clone(reconciler.inbox.poll_bell());
        let rung = Arc::clone(&bell);
        let thread = stage::spawn("reconcile", move || {
            while !rung.is_stopped() {
                reconciler.round(&rung);
            }
        })?;
        Ok(Self { bell, thread })
    }

    /// Tells the thread to look at the clock: a message may be due that was not a moment ago. Needed by those who set
    /// the clock themselves.
    pub fn look(&self) {
        self.bell.ring(UnixMillis(i64::MIN));
    }

    /// Tells the thread to end, after the question that it is asking.
    pub fn stop(&self) {
        self.bell.stop();
    }

    /// Waits for the thread's end; [`Reconciliation::stop`] comes first. Blocks.
    pub fn join(self) {
        self.thread.join();
    }
}

impl Reconciler {
    /// Asks until nothing is due, at the pace that Twilio is owed, and sleeps until something is.
    fn round(&mut self, bell: &PollBell) {
        bell.look();
        let due = loop {
            if bell.is_stopped() {
                return;
            }
            match self.step(self.clock.now()) {
                Ok(Step::Asked) => bell.pause(PACE),
                Ok(Step::Skipped) => {}
                Ok(Step::Idle) => {
                    break Ledger::open(&self.ledger).and_then(|ledger| ledger.next_poll_at());
                }
                Err(error) => break Err(error),
            }
        };
        match due {
            Ok(due) => bell.wait(self.clock.now(), due, LONGEST_SLEEP),
            Err(error) => {
                tracing::error!(%error, "what became of messages could not be recorded: it is asked for again");
                bell.pause(LAST_REST);
            }
        }
    }
}

#[cfg(test)]
mod tests;
