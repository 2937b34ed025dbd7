//! What is known outside the host, and what must be true of it at once.
//!
//! The oracle hears of every acknowledgement, of every run that begins and ends in a worker, and of every message that
//! Twilio accepts. What it needs of the host's databases it reads with connections of its own, as any other program
//! may. `looks.rs` compares the databases as a whole.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use boatswain::base::{MessageId, UnixMillis};
use boatswain::pipeline::Event;
use boatswain::store::Mark;
use rusqlite::{Connection, OptionalExtension};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::TryRecvError;

use crate::director::Director;
use crate::plan::Plan;
use crate::world::Callback;

/// A notification as everybody outside names it: its message and its status.
pub type Name = String;

/// What is known of a notification.
#[derive(Debug)]
pub struct Known {
    pub plan: Plan,
    /// In whose order it runs: its message's, or its conversation's.
    pub line: String,
    /// Somebody saw the 204.
    pub acknowledged: bool,
    /// How often its action was started.
    pub starts: u32,
    /// How often its action failed by itself since it was last replayed.
    pub failures: u32,
    /// How often its worker died before it since then.
    pub deaths: u32,
    /// The pipeline told that it is dead, and no run has begun since.
    pub told_dead: bool,
    /// Whose run sent the message that this one is about.
    pub sender: Option<Name>,
    /// Whether a run of it that has sent may still go on.
    pub sending: Sending,
    /// How often it was replayed, as far as its runs have begun since.
    pub replays: u32,
    /// What Twilio accepted of it.
    pub accepted: BTreeMap<Call, Accepted>,
}

/// A call of a run: its generation, for one that is to start anew may send anew, and its step.
pub type Call = (u32, usize);

/// A run that begins.
#[derive(Debug, Clone, Copy)]
pub struct Begun {
    /// How often it has been started, this time included.
    pub starts: u32,
    /// How often it was told to start anew.
    pub generation: u32,
}

/// Where a run stands that has sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sending {
    /// It goes on, or will in a moment.
    Open,
    /// It has come to its end, and is not committed: who runs now, runs in the same transaction or after it.
    Ended,
    /// It is over, or has sent nothing.
    Over,
}

/// A message that Twilio accepted.
#[derive(Debug, Clone)]
pub struct Accepted {
    pub sid: String,
    pub message: MessageId,
    /// The attempt that sent it is over: its notifications may have been taken up since, also beside the next attempt.
    pub released: bool,
}

/// A notification that was seen done or dead, and how often it had been replayed then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    pub state: String,
    pub replays: u32,
}

/// What was last seen of a message in the ledger.
#[derive(Debug, Clone)]
pub struct SeenMessage {
    pub sid: Option<String>,
    pub status: String,
    pub to: String,
    pub created: UnixMillis,
    pub updated: UnixMillis,
}

pub struct Oracle {
    pub director: Arc<Director>,
    pub folder: PathBuf,
    pub known: BTreeMap<Name, Known>,
    /// The runs that are under way: line → notification and worker.
    running: BTreeMap<String, (Name, u64)>,
    /// Statuses that Twilio told of the host's messages, and saw acknowledged.
    pub told: BTreeMap<MessageId, Vec<String>>,
    events: Option<Receiver<Event>>,
    connections: Option<Connections>,
    /// What earlier looks saw.
    pub settled: BTreeMap<i64, Settled>,
    pub messages: BTreeMap<MessageId, SeenMessage>,
}

pub struct Connections {
    pub host: Connection,
    pub app: Connection,
}

impl Oracle {
    pub fn new(director: Arc<Director>, folder: &Path) -> Self {
        Self {
            director,
            folder: folder.to_owned(),
            known: BTreeMap::new(),
            running: BTreeMap::new(),
            told: BTreeMap::new(),
            events: None,
            connections: None,
            settled: BTreeMap::new(),
            messages: BTreeMap::new(),
        }
    }

    fn must(&self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.director.fail(what());
        }
    }

    /// A notification that the world will tell of.
    pub fn expect(&mut self, callback: &Callback, plan: Plan, sender: Option<Name>) {
        let name = callback.name();
        self.director.note(&format!("{name} will do {plan}"));
        let known = Known {
            plan,
            line: callback.line(),
            acknowledged: false,
            starts: 0,
            failures: 0,
            deaths: 0,
            told_dead: false,
            sender,
            sending: Sending::Over,
            replays: 0,
            accepted: BTreeMap::new(),
        };
        self.known.insert(name, known);
    }

    pub fn acknowledged(&mut self, name: &str) {
        self.get(name).acknowledged = true;
    }

    pub fn get(&mut self, name: &str) -> &mut Known {
        self.known.get_mut(name).unwrap()
    }

    /// The host has begun anew: its events come from here.
    pub fn listen(&mut self, events: Receiver<Event>) {
        self.hear();
        self.events = Some(events);
    }

    /// Readers of the two databases; they are there once the host has started.
    pub fn connections(&mut self) -> &Connections {
        let folder = &self.folder;
        self.connections.get_or_insert_with(|| {
            let open = |file: PathBuf| {
                let flags =
                    rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY | rusqlite::OpenFlags::SQLITE_OPEN_NO_MUTEX;
                Connection::open_with_flags(file, flags).unwrap()
            };
            Connections { host: open(folder.join("host.db")), app: open(folder.join("apps/app.db")) }
        })
    }

    /// The host is dead: no run is under way, and a run that has sent and was interrupted is open until it was taken up
    /// again. One whose attempt has failed, and is recorded so, has let its messages' notifications go.
    pub fn host_died(&mut self) {
        self.hear();
        self.events = None;
        self.running.clear();
        let senders = self.known.iter().filter(|(_, known)| !known.accepted.is_empty());
        for name in senders.map(|(name, _)| name.clone()).collect::<Vec<_>>() {
            let open = self.was_interrupted(&name);
            let known = self.get(&name);
            known.sending = if open { Sending::Open } else { Sending::Over };
            known.accepted.values_mut().for_each(|accepted| accepted.released = !open);
        }
    }

    fn was_interrupted(&mut self, name: &str) -> bool {
        let (sid, status) = parts(name);
        let sql = "SELECT state = 'waiting' AND next_attempt_at IS NULL FROM notifications
                   WHERE message_sid = ? AND status = ?";
        let found = self
            .connections()
            .host
            .prepare_cached(sql)
            .and_then(|mut statement| statement.query_row([sid, status], |row| row.get(0)).optional());
        found.unwrap().unwrap_or(false)
    }

    /// Takes in what the pipeline has told.
    fn hear(&mut self) {
        while let Some(events) = &mut self.events {
            match events.try_recv() {
                Ok(Event::Ran { notification: Some((id, mark)), .. }) => self.ran(id.0, mark),
                Ok(_) => {}
                Err(TryRecvError::Lagged(missed)) => panic!("{missed} events were missed"),
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
        }
    }

    fn ran(&mut self, id: i64, mark: Mark) {
        let name = self
            .connections()
            .host
            .prepare_cached("SELECT message_sid || '/' || status FROM notifications WHERE id = ?")
            .and_then(|mut statement| statement.query_row([id], |row| row.get::<_, String>(0)))
            .unwrap();
        self.director.note(&format!("{name} ran: {mark:?}"));
        if mark == Mark::Done {
            let done = self.is_done(id);
            self.must(done, || format!("3: {name} was told to be done, and its mark is not on the disk"));
        }
        let known = self.get(&name);
        known.sending = Sending::Over;
        known.accepted.values_mut().for_each(|accepted| accepted.released = true);
        known.told_dead |= mark == Mark::Dead;
    }

    fn is_done(&mut self, id: i64) -> bool {
        self.connections()
            .app
            .prepare_cached("SELECT 1 FROM _host_done WHERE notification = ?")
            .and_then(|mut statement| statement.exists([id]))
            .unwrap()
    }

    fn is_done_by_name(&mut self, name: &str) -> bool {
        let (sid, status) = parts(name);
        let id = self
            .connections()
            .host
            .prepare_cached("SELECT id FROM notifications WHERE message_sid = ? AND status = ?")
            .and_then(|mut statement| statement.query_row([sid, status], |row| row.get(0)).optional())
            .unwrap();
        id.is_some_and(|id| self.is_done(id))
    }

    /// Takes in what the host has recorded of replays: counts begin anew. Says the generation of the run.
    pub fn take_in_replays(&mut self, name: &str) -> u32 {
        let (sid, status) = parts(name);
        let sql = "SELECT generation, (SELECT count(*) FROM replays WHERE notification = n.id)
                   FROM notifications n WHERE message_sid = ? AND status = ?";
        let found = self
            .connections()
            .host
            .prepare_cached(sql)
            .and_then(|mut statement| {
                statement.query_row([sid, status], |row| Ok((row.get(0)?, row.get(1)?)))
            })
            .optional();
        let (generation, replays) = found.unwrap().unwrap_or_default();
        let known = self.get(name);
        if replays > known.replays {
            (known.replays, known.failures, known.deaths, known.told_dead) = (replays, 0, 0, false);
        }
        generation
    }

    /// The numbers of what is dead.
    pub fn dead(&mut self) -> Vec<i64> {
        let host = &self.connections().host;
        let mut statement =
            host.prepare_cached("SELECT id FROM notifications WHERE state = 'dead' ORDER BY id").unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    /// A run begins in a worker.
    pub fn run_begins(&mut self, name: &str, worker: u64) -> Begun {
        self.hear();
        let generation = self.take_in_replays(name);
        let (sid, line) = (parts(name).0, self.known[name].line.clone());
        if let Some((other, _)) = self.running.insert(line.clone(), (name.to_owned(), worker)) {
            self.director.fail(format!("5: {name} begins while {other} of the same line runs"));
        }
        let rows: Vec<(i64, String)> = self
            .connections()
            .host
            .prepare_cached("SELECT id, message_sid || '/' || status FROM notifications ORDER BY id")
            .and_then(|mut statement| {
                let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
                rows.collect()
            })
            .unwrap();
        let mut begun = false;
        for (id, other) in rows {
            let Some(known) = self.known.get(&other).filter(|known| known.line == line) else { continue };
            let is_dead = known.told_dead;
            let done = self.is_done(id);
            if other == name {
                self.must(!done, || format!("3: {name} begins again and is done"));
                begun = true;
                break;
            }
            let over = done || is_dead;
            self.must(over, || format!("5: {name} begins before {other}, which came earlier, is over"));
        }
        self.must(begun, || format!("1: {name} runs and is not on the disk"));
        if let Some(sender) = self.known[name].sender.clone() {
            let known = &self.known[&sender];
            let held = known.accepted.values().any(|accepted| accepted.sid == sid && !accepted.released);
            let open = held && known.sending == Sending::Open && !self.is_done_by_name(&sender);
            self.must(!open, || format!("{name} begins while {sender}, whose run sent it, is open"));
        }
        let known = self.get(name);
        known.starts += 1;
        let starts = known.starts;
        self.director.note(&format!("{name} begins, start {starts}"));
        Begun { starts, generation }
    }

    /// A run has ended in its worker, by itself or with it.
    pub fn run_ended(&mut self, name: &str, failed: bool) {
        let line = self.known[name].line.clone();
        self.running.remove(&line);
        let known = self.get(name);
        known.sending = if known.sending == Sending::Open { Sending::Ended } else { known.sending };
        known.failures += u32::from(failed);
        let how = if failed { "has failed" } else { "has ended" };
        self.director.note(&format!("{name} {how}"));
    }

    /// A worker has died, or was killed by the host.
    pub fn worker_gone(&mut self, worker: u64) {
        self.running.retain(|_, (_, other)| *other != worker);
    }

    /// Twilio has accepted a message. Says when it has left by the ledger.
    pub fn accepted(&mut self, name: &str, call: Call, accepted: Accepted) -> UnixMillis {
        self.director.note(&format!("Twilio accepts {} of {name}, call {call:?}", accepted.sid));
        let left: Option<i64> = self
            .connections()
            .host
            .prepare_cached("SELECT updated_at FROM messages WHERE id = ?")
            .and_then(|mut statement| {
                statement.query_row([accepted.message.as_bytes()], |row| row.get(0)).optional()
            })
            .unwrap();
        self.must(left.is_some(), || format!("4: a message of {name} leaves and is not in the ledger"));
        let known = self.get(name);
        known.sending = Sending::Open;
        if known.accepted.insert(call, accepted).is_some() {
            self.director.fail(format!("4: call {call:?} of {name} was sent twice"));
        }
        UnixMillis(left.unwrap_or_default())
    }

    /// A reply fails its run: it has not left, and the next attempt may send it.
    pub fn reply_waits(&mut self, name: &str, call: Call, code: Option<&str>) {
        self.director.note(&format!("{name} fails for its reply, call {call:?}: {code:?}"));
        let accepted = self.known[name].accepted.get(&call).map(|accepted| accepted.sid.clone());
        self.must(accepted.is_none(), || {
            format!(
                "4: {name} fails for a reply that has not left, call {call:?}, and Twilio has {accepted:?}"
            )
        });
    }

    /// What the action learns of a send.
    pub fn outcome(&mut self, name: &str, call: Call, outcome: &serde_json::Value) {
        let accepted = self.known[name].accepted.get(&call).map(|accepted| accepted.sid.clone());
        let sid = outcome["sid"].as_str().map(str::to_owned);
        let told = outcome["status"].as_str().unwrap_or("").to_owned();
        self.director.note(&format!("{name} learns of call {call:?}: {told}"));
        if outcome["success"] == true || sid.is_some() {
            // What Twilio has accepted may have failed by the time that its fate is found out.
            self.must(sid.is_some() && sid == accepted, || {
                format!("4: {name} is told that call {call:?} was sent as {sid:?}; Twilio has {accepted:?}")
            });
        } else if told != "unknown" {
            self.must(accepted.is_none(), || {
                format!("4: {name} is told that call {call:?} was not sent, and Twilio has it")
            });
        }
    }
}

/// Message and status of a notification.
pub fn parts(name: &str) -> (&str, &str) {
    name.split_once('/').unwrap()
}
