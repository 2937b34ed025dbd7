//! Forgetting a person: what is the same through a running host and without one.
//!
//! Found by a reader, erased by the inbox's writer in steps of a few rows. Interrupted, it is repeated from the
//! beginning: what a row is found by goes last.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::base::{AppId, Diagnostic, MessageId, NotificationId, PhoneNumber, RunId};
use crate::store::{
    AT_ONCE, AppDb, Concerned, DataDir, Erase, Erasure, Inbox, Ledger, Mention, MessageRow, OptOutRow,
    Person, SqlLimits, StoreError, traces,
};

/// Asks for a number to be forgotten.
#[derive(Clone, Serialize, Deserialize)]
pub struct ForgetOrder {
    /// The number, in its E.164 form.
    pub number: String,
    /// Only to be told what would go.
    pub dry_run: bool,
}

/// What went, and what did not.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Forgotten {
    /// Whether nothing was erased, because that was only asked.
    pub dry_run: bool,
    /// Messages to the number: their rows stay, without it.
    pub messages: usize,
    /// Notifications about them, or with the number in their forms.
    pub notifications: usize,
    /// Dead notifications among those, or whose runs have sent to the number: they are done now, and are not replayed.
    pub closed: usize,
    /// Other texts that named the number: logs, results and errors of runs, bodies to others.
    pub mentions: usize,
    /// Senders of which it was known when the person last wrote to them.
    pub windows: usize,
    /// Notifications whose action has still to run: they were left alone.
    pub waiting: usize,
    /// Messages of runs that may still go on: likewise.
    pub open_messages: usize,
    /// Who does not write to the number any more: that stays.
    pub opt_outs: Vec<OptOutRow>,
    /// How often the number still stands in unused room of the file; none where something was left alone anyway.
    pub traces: Option<u64>,
}

impl Forgotten {
    /// Looks into the file for what no row names. The opt-outs stay in it, once each.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn look_for_traces(&mut self, host_db: &Path, number: &PhoneNumber) -> Result<(), StoreError> {
        let left = traces(host_db, number)?.saturating_sub(self.opt_outs.len() as u64);
        self.traces = (self.waiting + self.open_messages == 0).then_some(left);
        Ok(())
    }

    /// Whether nothing of it is left to be done.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.waiting == 0 && self.open_messages == 0 && self.traces.unwrap_or(0) == 0
    }
}

/// Why a number was not forgotten.
#[derive(Debug, thiserror::Error)]
pub enum NotForgotten {
    /// It is the number that the host sends from: everything would go.
    #[error("this is a number that the host sends from")]
    OwnSender,
    /// A database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl NotForgotten {
    /// The error as it is shown.
    #[must_use]
    pub fn diagnostic(&self) -> Diagnostic {
        match self {
            Self::OwnSender => Diagnostic::error("OWN_SENDER", self.to_string())
                .help("give the number of the person who wants to be forgotten"),
            Self::Store(error) => error.diagnostic(),
        }
    }
}

/// Deletes the journals of notifications of an application, by its name.
pub type EraseJournals<'a> = &'a dyn Fn(&str, &[NotificationId]) -> Result<(), StoreError>;

/// What forgetting works with.
pub struct Eraser<'a> {
    /// `host.db`.
    pub host_db: &'a Path,
    /// What writes it.
    pub inbox: &'a Inbox,
    /// Whether a run that sends this message is open: of an application, by its name.
    pub is_open: &'a dyn Fn(&str, MessageId) -> bool,
    /// For notifications that are done.
    pub erase_journals: EraseJournals<'a>,
}

/// All that was found of a number.
struct Found {
    person: Person,
    notifications: Vec<Concerned>,
    runs: Vec<Mention<RunId>>,
    replays: Vec<Mention<i64>>,
    mentioned: Vec<MessageId>,
}

impl Eraser<'_> {
    /// Forgets a number, or only tells what would go. Blocks.
    ///
    /// # Errors
    /// When a database fails: what has gone until then has gone, and the rest goes when it is repeated. When the number
    /// is the host's own.
    pub fn forget(&self, number: &PhoneNumber, dry_run: bool) -> Result<Forgotten, NotForgotten> {
        self.inbox.flush()?;
        let ledger = Ledger::open(self.host_db)?;
        if ledger.is_own_sender(number)? {
            return Err(NotForgotten::OwnSender);
        }
        let found = Found::of(&ledger, number)?;
        let (open, free): (Vec<_>, Vec<_>) =
            found.person.messages.iter().partition(|message| self.is_held(message, &found));
        let mut told = Forgotten {
            dry_run,
            messages: free.len(),
            open_messages: open.len(),
            opt_outs: found.person.opt_outs(&ledger)?,
            windows: ledger.windows_of(number)?.len(),
            ..Forgotten::default()
        };
        let done = self.closed(&ledger, &found, dry_run)?;
        let about: Vec<_> = done.iter().filter(|one| one.is_about).map(|one| one.id).collect();
        told.notifications = about.len();
        told.closed = done.iter().filter(|one| one.is_dead).count();
        told.waiting = found.waiting(&done);
        let runs: Vec<_> = found.runs.iter().filter(|run| !run.waits).map(|run| run.id).collect();
        let replays: Vec<_> = found.replays.iter().filter(|one| !one.waits).map(|one| one.id).collect();
        told.mentions = runs.len() + replays.len() + found.mentioned.len();
        if dry_run {
            return Ok(told);
        }
        self.journals(&done)?;
        self.in_steps(number, &runs, Erase::Runs)?;
        self.in_steps(number, &replays, Erase::Replays)?;
        self.in_steps(number, &found.mentioned, Erase::Mentions)?;
        self.in_steps(number, &about, Erase::Notifications)?;
        let free: Vec<_> = free.into_iter().map(|row| row.id).collect();
        self.in_steps(number, &free, Erase::Messages)?;
        self.inbox.erase(Erasure { number: number.clone(), what: Erase::Windows })?;
        drop(ledger);
        told.look_for_traces(self.host_db, number)?;
        Ok(told)
    }

    /// The notifications that nothing makes run again, the dead among them closed first.
    fn closed<'f>(
        &self,
        ledger: &Ledger,
        found: &'f Found,
        dry_run: bool,
    ) -> Result<Vec<&'f Concerned>, StoreError> {
        let settled: Vec<_> = found.notifications.iter().filter(|one| !one.waits).collect();
        if dry_run {
            return Ok(settled);
        }
        let ids = |is_wanted: fn(&Concerned) -> bool| -> Vec<_> {
            settled.iter().filter(|one| is_wanted(one)).map(|one| one.id).collect()
        };
        self.in_steps(&found.person.number, &ids(|one| one.is_dead), Erase::Close)?;
        // What was replayed a moment ago is not done, and needs its journal.
        let done = Person::done_among(ledger, &ids(|_| true))?;
        Ok(settled.into_iter().filter(|one| done.contains(&one.id)).collect())
    }

    /// Whether the run that sent a message may still ask what became of it.
    fn is_held(&self, message: &MessageRow, found: &Found) -> bool {
        let waits = |sender: i64| found.notifications.iter().any(|one| one.id.0 == sender && one.waits);
        message.notification_id.is_some_and(waits) || (self.is_open)(&message.app_id, message.id)
    }

    /// The journals of all that is done: they hold what was sent to whom, and nobody needs them.
    fn journals(&self, done: &[&Concerned]) -> Result<(), StoreError> {
        let mut apps: Vec<_> = done.iter().map(|one| one.app.as_str()).collect();
        apps.sort_unstable();
        apps.dedup();
        for app in apps {
            let ids: Vec<_> = done.iter().filter(|one| one.app == app).map(|one| one.id).collect();
            for some in ids.chunks(AT_ONCE) {
                (self.erase_journals)(app, some)?;
            }
        }
        Ok(())
    }

    fn in_steps<T: Clone>(
        &self,
        number: &PhoneNumber,
        rows: &[T],
        erase: fn(Vec<T>) -> Erase,
    ) -> Result<(), StoreError> {
        for some in rows.chunks(AT_ONCE) {
            self.inbox.erase(Erasure { number: number.clone(), what: erase(some.to_vec()) })?;
        }
        Ok(())
    }
}

impl Found {
    fn of(ledger: &Ledger, number: &PhoneNumber) -> Result<Self, StoreError> {
        let person = Person::find(ledger, number)?;
        Ok(Self {
            notifications: person.notifications(ledger)?,
            runs: person.runs(ledger)?,
            replays: person.replays(ledger)?,
            mentioned: person.mentioned(ledger)?,
            person,
        })
    }

    /// How many notifications are left alone, because their actions may still run.
    fn waiting(&self, done: &[&Concerned]) -> usize {
        let not_done = self.notifications.iter().filter(|one| !done.iter().any(|done| done.id == one.id));
        let mut ids: Vec<_> = not_done.map(|one| Some(one.id)).collect();
        ids.extend(self.runs.iter().filter(|one| one.waits).map(|one| one.notification));
        ids.extend(self.replays.iter().filter(|one| one.waits).map(|one| one.notification));
        ids.sort_unstable();
        ids.dedup();
        ids.len()
    }
}

/// Deletes journals of an application that no pipeline holds, if it has a database.
///
/// # Errors
/// When a database fails.
pub fn erase_journals(data: &DataDir, app: &str, ids: &[NotificationId]) -> Result<(), StoreError> {
    let file = AppId::parse(app).map(|app| data.app_db(&app)).ok().filter(|file| file.exists());
    match file {
        Some(file) => {
            let host = Ledger::open(&data.host_db())?.host_id()?;
            AppDb::open(&file, &host, SqlLimits::default())?.erase_journals(ids)
        }
        None => Ok(()),
    }
}
