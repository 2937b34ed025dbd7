//! A batch of runs in one transaction, each under its savepoint; one COMMIT for all.
//!
//! Runs are sent ahead to the worker, so that it never waits for the host between two of them; the host takes their
//! frames in order. Ends of runs, with their logs and results, are held back until the COMMIT: before it nothing has
//! happened. When the COMMIT fails, nothing has happened either as far as anyone can tell, and each run asks
//! `_host_done` when it is taken up again.
//!
//! When a statement has ended the transaction (an interrupted INSERT, `OR ROLLBACK`, a full disk, too much memory), the
//! effects of the whole batch are gone: its runs are done again one by one, until the culprit is alone and fails.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::base::Seed;
use crate::base::stage::{self, Panicked};
use crate::host::{Effects, RunContext, VoSource, reply_function, run_separated};
use crate::pipeline::WorkerHandle;
use crate::pipeline::application::{Application, Baton, Work};
use crate::pipeline::edition::Edition;
use crate::pipeline::queue::Verdict;
use crate::pipeline::report::{LogLine, Used};
use crate::pipeline::run::{Origin, Run, RunJournal, Stop, new_ticket, used, vo_fields, vo_of_message};
use crate::script::protocol::{Ended, Failure, LogLevel, Reason, Returned, RunRequest, ToWorker, Vo};
use crate::store::{Journal, JournalOrigin, ScriptSqlError, Source, StoreError};

/// Runs before a worker at most: it bounds the latency of the effect under load, not the throughput.
const AHEAD: usize = 128;
/// How long the effect of a run that has ended waits for the runs behind it at most, if these end at all.
const COMMIT_WITHIN: Duration = Duration::from_millis(100);

/// A batch that is being run by a slot.
pub(super) struct Batch<'a> {
    pub(super) application: &'a Arc<Application>,
    /// What all of its runs go by, to the end.
    pub(super) edition: Arc<Edition>,
    /// Only away while a run sends.
    baton: Option<Baton>,
    ended: Vec<EndedRun>,
    /// When the open transaction began.
    begun: Instant,
    /// Processor time of the workers.
    workers_cpu: Duration,
}

/// A run that has ended, and what is to be told of it once that is committed.
pub(super) struct EndedRun {
    pub(super) run: Run,
    pub(super) verdict: Verdict,
    pub(super) result: Result<Returned, Failure>,
    pub(super) used: Used,
}

impl<'a> Batch<'a> {
    pub(super) fn new(application: &'a Arc<Application>, edition: Arc<Edition>, baton: Baton) -> Self {
        Self {
            application,
            edition,
            baton: Some(baton),
            ended: Vec::new(),
            begun: stage::now(),
            workers_cpu: Duration::ZERO,
        }
    }

    /// Runs everything, commits, and gives the baton back.
    pub(super) fn run(mut self, work: Vec<Work>) -> Baton {
        stage::reach("runs-claimed");
        let cpu = stage::cpu();
        let mut waiting: VecDeque<Run> = work.into_iter().filter_map(|work| self.prepare(work)).collect();
        while !waiting.is_empty() {
            match self.edition.pool.take() {
                Ok(worker) => self.with_worker(worker, &mut waiting),
                Err(error) => {
                    tracing::error!(app = %self.application.id, %error, "no worker to run an action");
                    let message = format!("the host could not start a worker: {error}");
                    for run in waiting.drain(..) {
                        self.trouble(run, message.clone());
                    }
                }
            }
        }
        if let Err(error) = self.commit() {
            tracing::error!(app = %self.application.id, %error, "the application's database could not commit");
        }
        self.application.spent(self.workers_cpu + stage::cpu().saturating_sub(cpu));
        self.take_baton()
    }

    /// Whether no run of the open transaction has ended yet.
    pub(super) fn nothing_has_ended(&self) -> bool {
        self.ended.is_empty()
    }

    pub(super) fn db(&self) -> &crate::store::AppDb {
        &self.baton_ref().db
    }

    fn baton_ref(&self) -> &Baton {
        match &self.baton {
            Some(baton) => baton,
            // Taken only by `without_baton`, which puts it back before it returns.
            None => unreachable!("the baton is away only inside `without_baton`"),
        }
    }

    fn take_baton(&mut self) -> Baton {
        match self.baton.take() {
            Some(baton) => baton,
            None => self.application.take_baton(),
        }
    }

    /// Does something that takes long while others may have the database; also says how long it then waited to have
    /// it again.
    pub(super) fn without_baton<T>(&mut self, work: impl FnOnce() -> T) -> (T, Duration) {
        let baton = self.take_baton();
        self.application.lend_baton(baton);
        let result = work();
        let waiting = stage::now();
        self.baton = Some(self.application.take_baton());
        (result, stage::now().saturating_duration_since(waiting))
    }

    /// Readies a run; `None` when it turns out to be done, or cannot be readied.
    fn prepare(&mut self, work: Work) -> Option<Run> {
        let parameters = &self.edition.parameters;
        let now = self.application.now();
        let (mut reply, mut faulty) = (None, false);
        let (origin, company, action, vo, source, recovered, generation) = match work {
            Work::Notification(claim) => {
                let Some(action) = self.edition.action_of(claim.source).cloned() else {
                    // The action was configured when the notification came and is not any more: it goes on waiting.
                    self.application.with_queue(|queue| queue.put_back(claim.id));
                    return None;
                };
                let company = claim.company.as_str();
                // What came is anybody's: if the host has a fault with it, the run fails without it.
                let made = stage::catch(|| {
                    stage::reach("vo-wanted");
                    if claim.source == Source::Message {
                        let vo = vo_of_message(&claim.form, company);
                        reply = reply_function();
                        (Vo::Json(vo.to_string()), VoSource::Json(Arc::new(vo)))
                    } else {
                        let fields = vo_fields(&claim.form, company);
                        (Vo::Form(fields.clone()), VoSource::Form(Arc::new(fields)))
                    }
                });
                let (vo, source) = made.unwrap_or_else(|Panicked| {
                    faulty = true;
                    (Vo::Form(Vec::new()), VoSource::Form(Arc::default()))
                });
                let origin = Origin::Notification { id: claim.id, attempt: claim.attempt };
                (origin, claim.company, action, vo, source, claim.recovered, claim.generation)
            }
            Work::Direct(run, reply) => {
                let vo = Vo::Json(run.vo.to_string());
                (Origin::Direct(reply), run.company, run.action, vo, VoSource::Json(run.vo), false, 0)
            }
        };
        let ticket = new_ticket();
        let mut journal = RunJournal {
            start: JournalOrigin { started: now.0, seed: Seed::generate(), generation },
            recorded: Vec::new(),
            begun: false,
            outdated: false,
            unsaved_bytes: 0,
            unsaved: Vec::new(),
        };
        let mut messages = Vec::new();
        let mut trouble = None;
        if let (true, Origin::Notification { id, .. }) = (recovered, &origin) {
            messages = self.application.close_reopened(*id);
            match (self.db().is_done(*id), self.db().journal(*id)) {
                (Ok(true), _) => {
                    self.already_done(*id, &messages);
                    return None;
                }
                (Ok(false), Ok(Some(Journal { origin: start, .. }))) if start.generation < generation => {
                    journal.outdated = true;
                }
                (Ok(false), Ok(Some(Journal { origin: start, calls }))) => {
                    (journal.start, journal.recorded, journal.begun) = (start, calls, true);
                }
                (Ok(false), Ok(None)) => {}
                (Err(error), _) | (_, Err(error)) => trouble = Some(error),
            }
        }
        let run = Run {
            origin,
            context: RunContext {
                application: Arc::clone(parameters),
                company: company.clone(),
                vo: source,
                public_url: Arc::clone(&self.application.surroundings.public_url),
                simulator_url: self.application.surroundings.simulator_url.clone(),
                storage: self.edition.storage.clone(),
                keys: self.application.inbox().map(|inbox| inbox.keys().clone()).unwrap_or_default(),
                ledger: self.application.ledger().clone(),
                runtime: self.application.surroundings.runtime.clone(),
            },
            ticket,
            frame: ToWorker::Run(RunRequest {
                ticket,
                action: action.to_string(),
                company: company.to_string(),
                vo,
                started: journal.start.started,
                seed: journal.start.seed,
                reply,
            }),
            action,
            effects: Effects::default(),
            log: Vec::new(),
            lines: 0,
            begun: stage::now(),
            logged: 0,
            waited: Duration::ZERO,
            started_at: now,
            advanced: 0,
            calls: 0,
            host_calls: 0,
            calls_made: Vec::new(),
            sends: 0,
            journal,
            messages,
        };
        match trouble {
            None if faulty => {
                let used = Used::default();
                self.settle(vec![EndedRun { run, verdict: Verdict::Failed, result: Err(fault()), used }]);
                None
            }
            None => Some(run),
            Some(error) => {
                self.trouble(run, error.to_string());
                None
            }
        }
    }

    /// Runs what waits until the worker dies or nothing is left.
    fn with_worker(&mut self, mut worker: Box<dyn WorkerHandle>, waiting: &mut VecDeque<Run>) {
        let mut ahead = 0;
        let mut sender_ahead = false;
        let cpu = worker.cpu();
        loop {
            while ahead < waiting.len().min(AHEAD)
                && (ahead == 0 || !sender_ahead && worker.bytes_ahead() < worker.room_ahead())
            {
                let next = &waiting[ahead];
                sender_ahead = self.application.is_sender(next.action.as_str());
                if let Err(error) = worker.queue(&next.frame) {
                    tracing::error!(%error, "a run cannot be handed to its worker");
                    if let Some(run) = waiting.remove(ahead) {
                        self.trouble(run, error.to_string());
                    }
                    continue;
                }
                ahead += 1;
            }
            let Some(mut run) = waiting.pop_front() else { break };
            let outcome = match stage::catch(|| self.one(&mut *worker, &mut run)) {
                Ok(outcome) => outcome,
                Err(Panicked) => Err(self.after_fault()),
            };
            let outstanding = ahead;
            ahead -= 1;
            let stop = match outcome {
                Ok(ended) => {
                    self.conclude(run, ended);
                    self.commit_in_time();
                    continue;
                }
                Err(stop) => stop,
            };
            self.workers_cpu += worker.cpu().saturating_sub(cpu);
            if let Stop::Died(death) = &stop {
                self.workers_cpu += death.cpu;
            }
            drop(worker); // kills it, if it is not dead
            for other in waiting.drain(..ahead) {
                let alone = matches!(stop, Stop::Died(_));
                self.interrupted(other, alone);
            }
            self.stopped(run, stop, outstanding);
            return;
        }
        self.workers_cpu += worker.cpu().saturating_sub(cpu);
        self.edition.pool.put(worker);
    }

    /// Commits what has ended when that is due, though more of the batch is to come: runs that take long do not keep the
    /// effects of those before them waiting, nor those who want the database back after a send.
    fn commit_in_time(&mut self) {
        if stage::now().saturating_duration_since(self.begun) < COMMIT_WITHIN || self.ended.is_empty() {
            return;
        }
        if let Err(error) = self.commit() {
            tracing::error!(app = %self.application.id, %error, "the application's database could not commit");
        }
        if self.application.is_baton_wanted() {
            self.without_baton(|| ());
        }
    }

    /// A fault of the host's own has ended a conversation, maybe while the baton was away, and left the transaction at any
    /// point: nothing of it is kept.
    fn after_fault(&mut self) -> Stop {
        let mut baton = self.take_baton();
        if let Err(error) = baton.db.reopen() {
            tracing::error!(%error, "the application's database could not be opened anew");
        }
        self.baton = Some(baton);
        Stop::Fault
    }

    fn one(&mut self, worker: &mut dyn WorkerHandle, run: &mut Run) -> Result<Ended, Stop> {
        if !self.db().in_transaction() {
            self.db().begin()?;
            self.begun = stage::now();
        }
        self.db().begin_run()?;
        run.begun = stage::now();
        worker.run_begins();
        self.converse(worker, run)
    }

    /// A run came to its end in its worker.
    fn conclude(&mut self, mut run: Run, ended: Ended) {
        let used = used(&run, &ended);
        if !self.db().in_transaction() {
            return self.transaction_lost(run, ended.result.err(), used);
        }
        let result = ended.result;
        let kept = match &result {
            Ok(_) => self.keep(&run),
            Err(_) => self.undo(&mut run),
        };
        match kept {
            // A separated statement that succeeded within the run may end the transaction when it is alone.
            Ok(()) if !self.db().in_transaction() => self.transaction_lost(run, result.err(), used),
            Ok(()) => {
                let verdict = if result.is_ok() { Verdict::Done } else { Verdict::Failed };
                self.ended.push(EndedRun { run, verdict, result, used });
            }
            Err(error) => {
                // Half of the run may be in the transaction: with it go the runs before this one.
                let _ = self.db().rollback();
                self.interrupt_ended();
                self.trouble(run, error.to_string());
            }
        }
    }

    /// The transaction is gone, and with it what has ended in it: it is done again, one by one.
    fn interrupt_ended(&mut self) {
        for mut other in std::mem::take(&mut self.ended) {
            other.verdict = Verdict::Interrupted { alone: true };
            self.settle(vec![other]);
        }
    }

    fn keep(&self, run: &Run) -> Result<(), StoreError> {
        let db = self.db();
        if let Origin::Notification { id, .. } = run.origin {
            if !db.mark_done(id, self.application.now())? {
                // Its effect is there from before: this one is not wanted.
                return db.undo_run();
            }
            if run.journal.begun || run.journal.outdated {
                db.forget_journal(id)?;
            }
        }
        db.keep_run()
    }

    /// Undoes what the run wrote, except what was to stay.
    fn undo(&self, run: &mut Run) -> Result<(), StoreError> {
        let db = self.db();
        db.undo_run()?;
        // Alone a statement may take longer than within the run: they have as long as a run has, all together.
        let deadline = stage::now() + self.edition.parameters.limits.wall;
        for statement in &run.effects.separated {
            db.begin_run()?;
            db.set_deadline(Some(deadline));
            let done = run_separated(db, &run.context, statement);
            db.set_deadline(None);
            match done {
                Ok(_) => db.keep_run()?,
                Err(_) if !db.in_transaction() => return Ok(()), // the caller sees it
                Err(error) => {
                    db.undo_run()?;
                    run.log.push(not_separated(&error));
                }
            }
        }
        Ok(())
    }

    /// The same for a run whose transaction is gone: each statement in one of its own.
    fn separately(&self, run: &mut Run) -> Result<(), StoreError> {
        let db = self.db();
        let deadline = stage::now() + self.edition.parameters.limits.wall;
        for statement in &run.effects.separated {
            db.begin()?;
            db.set_deadline(Some(deadline));
            let done = run_separated(db, &run.context, statement);
            db.set_deadline(None);
            match done {
                Ok(_) => db.commit()?,
                Err(error) => {
                    db.rollback()?;
                    run.log.push(not_separated(&error));
                }
            }
        }
        Ok(())
    }

    /// A statement of this run has ended the transaction that it shared.
    fn transaction_lost(&mut self, mut run: Run, thrown: Option<Failure>, used: Used) {
        let innocent = std::mem::take(&mut self.ended);
        if innocent.is_empty() {
            if let Err(error) = self.separately(&mut run) {
                let _ = self.db().rollback();
                return self.trouble(run, error.to_string());
            }
            let result = Err(thrown.unwrap_or_else(|| {
                failure(
                    Reason::Thrown,
                    "SQL_TRANSACTION_LOST",
                    "a statement ended the run's transaction (ON CONFLICT ROLLBACK, an interrupt, too much memory, a full \
                     disk): nothing of it stays",
                )
            }));
            self.settle(vec![EndedRun { run, verdict: Verdict::Failed, result, used }]);
            return;
        }
        self.ended = innocent;
        self.interrupt_ended();
        self.interrupted(run, true);
    }

    /// The conversation ended before the run did.
    fn stopped(&mut self, mut run: Run, stop: Stop, outstanding: usize) {
        let counts = match stop {
            Stop::Died(_) => outstanding == 1,
            Stop::Fault => true,
            _ => false,
        };
        if !counts {
            run.effects.separated.clear(); // this attempt does not count
        }
        let undone = if self.db().in_transaction() { self.undo(&mut run) } else { self.separately(&mut run) };
        if let Err(error) = undone {
            tracing::error!(%error, "a run could not be undone: its transaction is given up");
            let _ = self.db().rollback();
        }
        if !self.db().in_transaction() {
            // With the transaction went the effects of the runs before this one.
            self.interrupt_ended();
        }
        match stop {
            Stop::Died(death) if outstanding > 1 => {
                tracing::warn!(app = %self.application.id, reason = death.reason.as_str(),
                    "a worker died with {outstanding} runs before it: each is taken alone now");
                self.interrupted(run, true);
            }
            Stop::Died(death) => {
                let result = Err(Failure::new(death.reason, death.message));
                let used = Used {
                    cpu: death.cpu,
                    wall: run.elapsed(),
                    peak_memory_bytes: death.peak_memory_bytes,
                    host_calls: run.host_calls,
                };
                self.ended.push(EndedRun { run, verdict: Verdict::KilledWorker, result, used });
            }
            Stop::Trouble(error) => self.trouble(run, error.to_string()),
            // `converse` has made a death of it.
            Stop::TooMuch(message) => self.trouble(run, message),
            Stop::NotCommitted { alone: false } => self.interrupted(run, true),
            Stop::Stopping => self.interrupted(run, false),
            Stop::NotCommitted { alone: true } => {
                let used = Used { wall: run.elapsed(), host_calls: run.host_calls, ..Used::default() };
                let result = Err(violated());
                self.ended.push(EndedRun { run, verdict: Verdict::Failed, result, used });
            }
            // It was this run's: what others had in the worker was not looked at yet.
            Stop::Fault => {
                let used = Used { wall: run.elapsed(), host_calls: run.host_calls, ..Used::default() };
                self.ended.push(EndedRun { run, verdict: Verdict::Failed, result: Err(fault()), used });
            }
            Stop::Mismatch(message) => {
                let result = Err(failure(Reason::Thrown, "JOURNAL_MISMATCH", message));
                let used = Used { wall: run.elapsed(), host_calls: run.host_calls, ..Used::default() };
                self.ended.push(EndedRun { run, verdict: Verdict::Hopeless, result, used });
            }
        }
    }

    /// Commits what has ended, and tells everyone.
    ///
    /// # Errors
    /// When the COMMIT failed: then the runs go back to the queue.
    pub(super) fn commit(&mut self) -> Result<(), StoreError> {
        stage::reach("runs-ended");
        let alone = self.ended.len() == 1;
        let committed = if self.db().in_transaction() { self.db().commit() } else { Ok(()) };
        stage::reach("runs-committed");
        let mut ended = std::mem::take(&mut self.ended);
        if let Err(error) = &committed {
            for other in &mut ended {
                (other.verdict, other.result) = match error.is_violation() {
                    true if alone => (Verdict::Failed, Err(violated())),
                    true => (Verdict::Interrupted { alone: true }, Err(violated())),
                    false => (
                        Verdict::HostTrouble,
                        Err(failure(
                            Reason::Thrown,
                            "DATABASE_COMMIT",
                            format!("the application's database could not commit: {error}"),
                        )),
                    ),
                };
            }
            // Whether it is on the disk, only the disk knows: look with a new connection.
            if let Some(baton) = &mut self.baton
                && let Err(error) = baton.db.reopen()
            {
                tracing::error!(%error, "the application's database could not be opened anew");
            }
        }
        self.settle(ended);
        committed
    }
}

fn not_separated(error: &ScriptSqlError) -> LogLine {
    let text = format!("executeSql with separatedTransaction: {}: {error}", error.code);
    LogLine { level: LogLevel::Error, text }
}

/// A failure of the host's own making, for the author.
pub(super) fn failure(reason: Reason, code: &str, message: impl Into<String>) -> Failure {
    Failure { code: Some(code.to_owned()), ..Failure::new(reason, message) }
}

fn fault() -> Failure {
    failure(
        Reason::Thrown,
        "HOST_FAULT",
        "the host had a fault of its own while it worked for this run: its log names the place",
    )
}

fn violated() -> Failure {
    failure(
        Reason::Thrown,
        "SQL_CONSTRAINT",
        "what the action wrote violates a deferred foreign key, which is checked when the run is committed",
    )
}
