//! What the host and all that is outside it share: the clock, the callbacks that are under way, the oracle.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use boatswain::base::{
    AccountSid, AppId, Clock, CompanyId, MessageId, MessageSid, MessageStatus, UnixMillis,
};
use boatswain::store::{Conversation, NewNotification, Source};
use boatswain::whatsapp::Form;

use crate::director::{Director, Rates};
use crate::oracle::{Oracle, parts};
use crate::rng::Rng;

/// When every simulation begins.
const BEGINNING: i64 = 1_800_000_000_000;
const ACCOUNT: &str = "AC00000000000000000000000000000001";

/// What kind of weather a seed has. Each fault is absent in many seeds: what two faults do together hides what one
/// does alone.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    pub rates: Rates,
    /// How often the host dies at most.
    pub deaths: u32,
    /// How many things happen outside before faults stop.
    pub happenings: u32,
    /// Messages whose notifications come although the host has not sent them.
    pub messages: u32,
    /// People who write, and how many messages each writes.
    pub people: u32,
    pub written: u32,
    /// Threads of the application.
    pub workers: u32,
    /// How much of what waits is in memory: one notification, some, all.
    pub waiting_bytes: usize,
    /// How many runs are sent ahead to a worker.
    pub runs_ahead: usize,
    /// The application's share of the processor, in percent, of which every frame of a worker costs a second.
    pub cpu_percent: u32,
    /// In thousandths: a worker has grown when its batch is done; it dies at a frame, cannot be started;
    pub worker_grows: u32,
    pub worker_dies: u32,
    pub no_worker: u32,
    /// a callback never arrives, comes twice, loses its connection; the clock jumps by hours.
    pub lost: u32,
    pub doubled: u32,
    pub torn: u32,
    pub jumps: u32,
    /// Among what happens: somebody replays what is dead;
    pub replays: u32,
    /// and how often that is done once faults have stopped.
    pub late_replays: u32,
    /// Twilio gives a question no answer.
    pub mute: u32,
    /// To how many people the actions send.
    pub recipients: u32,
    /// Whether time passes while runs are under way, so that they use theirs up.
    pub slow: bool,
    /// In thousandths, among what happens: scripts or parameters change.
    pub changes: u32,
}

impl Settings {
    pub fn choose(rng: &mut Rng) -> Self {
        let mut rate = |rates: &[u32]| if rng.chance(500) { 0 } else { rng.one_of(rates) };
        let (death, commit) = (rate(&[2, 5, 15]), rate(&[10, 50, 150]));
        let (worker_dies, no_worker) = (rate(&[5, 30]), rate(&[30, 100]));
        let (lost, doubled, torn, jumps) = (rate(&[50, 300]), rate(&[200]), rate(&[100, 300]), rate(&[200]));
        let worker_grows = rate(&[100, 500]);
        let replays = rate(&[20, 100]);
        let mute = rate(&[100, 500]);
        let slow = rng.chance(300);
        let timeout = rng.one_of(&[5, 50, 200]);
        let switch = rng.one_of(&[20, 100, 300, 700, 1000]);
        let waiting_bytes = rng.one_of(&[1, 2_000, 4_000, 1 << 20]);
        // With less, what is held back can fill the memory, while what holds it back waits behind what was replayed.
        let replays = if waiting_bytes == 1 { 0 } else { replays };
        Self {
            rates: Rates { switch, timeout, death, commit },
            deaths: rng.between(1, 6),
            happenings: rng.one_of(&[40, 80, 160]),
            messages: rng.between(1, 5),
            people: rng.between(0, 3),
            written: rng.between(1, 5),
            workers: rng.between(1, 4),
            waiting_bytes,
            runs_ahead: rng.one_of(&[1, 4, 64]),
            cpu_percent: rng.one_of(&[6400, 100, 20]),
            worker_grows,
            worker_dies,
            no_worker,
            lost,
            doubled,
            torn,
            jumps,
            replays,
            late_replays: rng.between(0, 2),
            mute,
            recipients: rng.one_of(&[1, 4, 100]),
            slow,
            changes: if rng.chance(500) { 0 } else { rng.one_of(&[20, 100]) },
        }
    }
}

/// What Twilio wants to tell: the status of a message, or one that somebody wrote.
#[derive(Debug, Clone)]
pub struct Callback {
    pub sid: String,
    pub status: &'static str,
    /// The host's id of the message, from the callback's URL.
    pub message: Option<MessageId>,
    /// Who wrote it: it is no status.
    pub person: Option<u32>,
}

impl Callback {
    pub fn new(sid: &str, status: &'static str, message: Option<MessageId>) -> Self {
        Self { sid: sid.to_owned(), status, message, person: None }
    }

    /// A message that a person wrote.
    pub fn written(sid: &str, person: u32) -> Self {
        Self { person: Some(person), ..Self::new(sid, "received", None) }
    }

    /// In whose order its run belongs.
    pub fn line(&self) -> String {
        self.person.map_or_else(|| self.sid.clone(), |person| format!("person {person}"))
    }

    pub fn name(&self) -> String {
        format!("{}/{}", self.sid, self.status)
    }

    /// What `web/callback.rs` and `web/message.rs` make of it.
    pub fn notification(&self, now: UnixMillis) -> NewNotification {
        let mut form = Form::default();
        form.push("AccountSid", ACCOUNT);
        form.push("MessageSid", &self.sid);
        if let Some(person) = self.person {
            form.push("From", format!("whatsapp:{}", number(person as usize)));
            form.push("To", "whatsapp:+14155238886");
        } else {
            form.push("MessageStatus", self.status);
        }
        let form = form.encode();
        let conversation = Conversation::of_form("app", CompanyId::none().as_str(), form.as_bytes());
        NewNotification {
            app: AppId::parse("app").unwrap(),
            company: CompanyId::none(),
            account: AccountSid::parse(ACCOUNT).unwrap(),
            message_sid: MessageSid::parse(&self.sid).unwrap(),
            status: MessageStatus::parse(self.status),
            error_code: None,
            error_message: None,
            message: self.message,
            form: form.into(),
            source: if self.person.is_some() { Source::Message } else { Source::Callback },
            conversation,
            received_at: now,
            has_action: true,
            fence: None,
            opening: None,
        }
    }
}

fn number(person: usize) -> String {
    format!("+39333123{person:04}")
}

pub struct World {
    pub director: Arc<Director>,
    pub settings: Settings,
    pub folder: PathBuf,
    oracle: Mutex<Oracle>,
    now: AtomicI64,
    /// Whether somebody has set the clock.
    was_set: AtomicBool,
    /// Callbacks that are to be made.
    callbacks: Mutex<Vec<Callback>>,
}

impl World {
    pub fn new(director: Arc<Director>, settings: Settings, folder: &Path) -> Arc<Self> {
        Arc::new(Self {
            oracle: Mutex::new(Oracle::new(Arc::clone(&director), folder)),
            director,
            settings,
            folder: folder.to_owned(),
            now: AtomicI64::new(BEGINNING),
            was_set: AtomicBool::new(false),
            callbacks: Mutex::new(Vec::new()),
        })
    }

    pub fn oracle(&self) -> MutexGuard<'_, Oracle> {
        self.oracle.lock().unwrap()
    }

    /// Time passes.
    pub fn pass(&self, time: Duration) {
        self.now.fetch_add(i64::try_from(time.as_millis()).unwrap(), Ordering::Relaxed);
        let steady = if self.settings.slow || !self.director.is_storm() { time } else { Duration::ZERO };
        self.director.pass(steady);
        self.director.note(&format!("{} ms pass", time.as_millis()));
    }

    /// Somebody sets the clock, forwards or backwards.
    pub fn set_clock(&self, hours: i64) {
        self.now.fetch_add(hours * 3_600_000, Ordering::Relaxed);
        self.was_set.store(true, Ordering::Relaxed);
        self.director.note(&format!("the clock is set {hours} hours on"));
    }

    /// Whether time has only passed so far.
    pub fn clock_was_right(&self) -> bool {
        !self.was_set.load(Ordering::Relaxed)
    }

    /// To whom a step of a notification's action sends.
    pub fn recipient(&self, name: &str, step: usize) -> String {
        let number: usize = parts(name).0[2..].parse().unwrap();
        let one = (number + 7 * step) % usize::try_from(self.settings.recipients).unwrap();
        self::number(one)
    }

    /// Twilio will make this call.
    pub fn will_call(&self, callback: Callback) {
        self.callbacks.lock().unwrap().push(callback);
    }

    /// Which call Twilio makes now: as a rule the one that has waited for the longest.
    pub fn next_callback(&self) -> Option<Callback> {
        let mut callbacks = self.callbacks.lock().unwrap();
        let waiting = callbacks.len();
        if waiting == 0 {
            return None;
        }
        let index = self.director.ask(|rng| if rng.chance(400) { rng.below(waiting) } else { 0 });
        Some(callbacks.remove(index))
    }
}

impl Clock for World {
    fn now(&self) -> UnixMillis {
        UnixMillis(self.now.load(Ordering::Relaxed))
    }
}
