//! Looking at the databases: what must be true of them at any time, and what at the end.

use std::collections::{BTreeMap, BTreeSet};

use boatswain::base::{MessageId, MessageStatus, UnixMillis};
use rusqlite::Row;

use crate::oracle::{Oracle, SeenMessage, Settled};
use crate::plan::Step;
use crate::twilio::Record;

/// A row of `notifications`.
struct Notification {
    id: i64,
    state: String,
    attempts: u32,
    kills: u32,
    replays: u32,
    generation: u32,
}

/// An effect: of which notification, which step of it, in which generation of its run.
type Effect = (String, i64, u32);

/// All that a look sees.
struct Look {
    notifications: BTreeMap<String, Notification>,
    messages: BTreeMap<MessageId, SeenMessage>,
    done: BTreeSet<i64>,
    journals: BTreeSet<i64>,
    effects: BTreeMap<Effect, i64>,
    separated: BTreeMap<Effect, i64>,
}

impl Oracle {
    /// Looks at both databases.
    pub fn look(&mut self) {
        let seen = self.see();
        for (name, known) in &self.known {
            if known.acknowledged && !seen.notifications.contains_key(name) {
                self.director.fail(format!("1: {name} was acknowledged and is not there"));
            }
        }
        for (name, row) in &seen.notifications {
            if row.state == "done" && !seen.done.contains(&row.id) {
                self.director.fail(format!("3: {name} is marked as done, and its effect is not on the disk"));
            }
            let now = Settled { state: row.state.clone(), replays: row.replays };
            if let Some(before) = self.settled.get(&row.id)
                && *before != now
                && (before.state == "done" || before.replays == now.replays)
            {
                self.director.fail(format!("7: {name} was {before:?} and is {now:?}"));
            }
            if row.state != "waiting" {
                self.settled.insert(row.id, now);
            }
        }
        for ((name, step, _), times) in &seen.effects {
            if *times > 1 {
                self.director.fail(format!("3: step {step} of {name} has taken effect {times} times"));
            }
        }
        for (id, before) in &self.messages {
            let Some(now) = seen.messages.get(id) else {
                // What has certainly not left may be taken back; the last look finds what Twilio has all the same.
                if before.sid.is_some() || before.status != "sending" {
                    self.director.fail(format!("6: the message with the sid {:?} is gone", before.sid));
                }
                continue;
            };
            if before.sid.is_some() && now.sid != before.sid {
                self.director.fail(format!("6: a message was {:?} and is {:?}", before.sid, now.sid));
            }
            if !may_follow(before, now) {
                self.director.fail(format!("6: a message was {} and is {}", before.status, now.status));
            }
        }
        self.messages.clone_from(&seen.messages);
    }

    /// Looks once more when everything has come to its end.
    pub fn last_look(&mut self, accepted: &[Record], clock_was_right: bool) {
        self.look();
        let seen = self.see();
        for (name, row) in &seen.notifications {
            let known = &self.known[name];
            match row.state.as_str() {
                "done" => {}
                "dead" if known.failures + known.deaths >= 12 || known.deaths >= 3 => {}
                "dead" => self.director.fail(format!(
                    "7: {name} is dead after {} failures and {} deaths of its worker (the host counts {} and {})",
                    known.failures, known.deaths, row.attempts, row.kills
                )),
                other => self.director.fail(format!("7: {name} is {other} at the end")),
            }
            if row.state == "done" && seen.journals.contains(&row.id) {
                self.director.fail(format!("3: the journal of {name} was not forgotten"));
            }
            // What was committed before a send stays; a dead run may have come so far.
            let last_send =
                known.plan.0.iter().rposition(|step| matches!(step, Step::Send | Step::Reply)).unwrap_or(0);
            let steps = || known.plan.0.iter().enumerate();
            let all = (0..=row.generation).flat_map(|generation| steps().map(move |step| (generation, step)));
            for (generation, (index, step)) in all {
                let at = (name.clone(), i64::try_from(index).unwrap(), generation);
                let effects = seen.effects.get(&at).copied().unwrap_or(0);
                let separated = seen.separated.get(&at).copied().unwrap_or(0);
                // A generation that was given up is dead, also where the next is done.
                let done = row.state == "done" && generation == row.generation;
                match step {
                    Step::Write if done && effects != 1 => {
                        self.director
                            .fail(format!("3: step {index} of {name} has no effect, and it is done"));
                    }
                    Step::Write if !done && effects != 0 && index > last_send => {
                        self.director
                            .fail(format!("3: step {index} of {name} has an effect, and it is dead"));
                    }
                    Step::Separated if done && separated == 0 => {
                        self.director.fail(format!("3: the separated step {index} of {name} has no effect"));
                    }
                    _ => {}
                }
            }
        }
        self.check_ledger(&seen.messages, accepted, clock_was_right);
    }

    /// What waits, notifications and questions to Twilio, and when the next of them is due after `now`.
    pub fn waiting(&mut self, now: UnixMillis) -> (Vec<String>, Option<UnixMillis>) {
        let mut names = Vec::new();
        let mut next = None;
        each(
            &self.connections().host,
            "SELECT message_sid || '/' || status, next_attempt_at FROM notifications WHERE state = 'waiting'
             UNION ALL
             SELECT 'the question for a message that is ' || status, next_poll_at FROM messages
             WHERE next_poll_at IS NOT NULL",
            |row| {
                names.push(row.get(0)?);
                let due = row.get::<_, Option<i64>>(1)?.map(UnixMillis);
                next = [next, due.filter(|due| *due > now)].into_iter().flatten().min();
                Ok(())
            },
        );
        (names, next)
    }

    fn see(&mut self) -> Look {
        let connections = self.connections();
        let (host, app) = (&connections.host, &connections.app);
        let mut look = Look {
            notifications: BTreeMap::new(),
            messages: BTreeMap::new(),
            done: BTreeSet::new(),
            journals: BTreeSet::new(),
            effects: BTreeMap::new(),
            separated: BTreeMap::new(),
        };
        each(
            host,
            "SELECT id, message_sid || '/' || status, state, attempts, kills,
                    (SELECT count(*) FROM replays WHERE notification = n.id), generation FROM notifications n",
            |row| {
                let notification = Notification {
                    id: row.get(0)?,
                    state: row.get(2)?,
                    attempts: row.get(3)?,
                    kills: row.get(4)?,
                    replays: row.get(5)?,
                    generation: row.get(6)?,
                };
                look.notifications.insert(row.get(1)?, notification);
                Ok(())
            },
        );
        let sql = "SELECT id, sid, status, recipient, created_at, updated_at FROM messages";
        each(host, sql, |row| {
            let message = SeenMessage {
                sid: row.get(1)?,
                status: row.get(2)?,
                to: row.get(3)?,
                created: UnixMillis(row.get(4)?),
                updated: UnixMillis(row.get(5)?),
            };
            look.messages.insert(MessageId::from_bytes(row.get(0)?), message);
            Ok(())
        });
        each(app, "SELECT notification FROM _host_done", |row| {
            look.done.insert(row.get(0)?);
            Ok(())
        });
        each(app, "SELECT DISTINCT notification FROM _host_journal", |row| {
            look.journals.insert(row.get(0)?);
            Ok(())
        });
        for (table, into) in [("effects", &mut look.effects), ("separated", &mut look.separated)] {
            each(
                app,
                &format!("SELECT name, step, generation, count(*) FROM {table} GROUP BY 1, 2, 3"),
                |row| {
                    into.insert((row.get(0)?, row.get(1)?, row.get(2)?), row.get(3)?);
                    Ok(())
                },
            );
        }
        look
    }
}

fn each(db: &rusqlite::Connection, sql: &str, mut take: impl FnMut(&Row<'_>) -> rusqlite::Result<()>) {
    let mut statement = db.prepare_cached(sql).unwrap();
    let mut rows = statement.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        take(row).unwrap();
    }
}

/// Whether what a look sees of a message may have come from what an earlier one saw.
fn may_follow(before: &SeenMessage, now: &SeenMessage) -> bool {
    // Before Twilio has said anything of it, anything may come.
    let untouched = before.sid.is_none() && matches!(before.status.as_str(), "sending" | "unknown");
    untouched
        || before.status == now.status
        || MessageStatus::parse(&before.status).may_become(&MessageStatus::parse(&now.status))
}
