//! The director: of all threads of a simulated host, exactly one runs at a time.
//!
//! Each thread is a real one, and stands still in the director whenever it has come to a point of
//! [`boatswain::base::stage`]. There the seed decides who goes on, whether a COMMIT fails, and whether the host dies:
//! then each of its threads is unwound where it stands, its connections close, and what was not committed is gone, as
//! it is for a process that is killed.
//!
//! Thread 0 is the world outside the host (`world.rs`). It may run at any time, except when it has gone idle: then it
//! goes on once nothing in the host can. A thread that waits looks again whenever another has done something; when
//! nobody can go on, everyone looks once more, then time-outs pass, and only then is the host quiet.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use boatswain::base::stage::{self, Fault};

use crate::rng::Rng;
use crate::trace::{Keep, Trace};

/// The world outside, which is the thread that the simulation itself runs in.
const WORLD: usize = 0;
/// More steps than any simulation takes: it turns in a circle.
const MAX_STEPS: u64 = 2_000_000;
/// How long a thread may run from one point to the next, in real time.
const STANDSTILL: Duration = Duration::from_mins(1);

thread_local! {
    /// Which of the director's threads this is.
    static ME: Cell<usize> = const { Cell::new(WORLD) };
}

/// What unwinds a thread of a host that dies. No panic: nothing is printed.
struct HostDied;

/// How often what happens, in thousandths.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rates {
    /// Another thread goes on at a point.
    pub switch: u32,
    /// A time-out passes although others could go on.
    pub timeout: u32,
    /// The host dies at a point.
    pub death: u32,
    /// A COMMIT fails.
    pub commit: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    Ready,
    /// Waits for something that somebody else has to do.
    Paused {
        has_timeout: bool,
        /// The monitor where it was not told yet; elsewhere it looks whenever something happens.
        monitor: Option<usize>,
        /// What had happened when it last looked.
        seen: u64,
    },
    /// The world has nothing to do until the host is quiet.
    Idle,
    Ended,
}

struct Actor {
    name: String,
    doing: Doing,
    turn: Arc<Condvar>,
    /// Its time-out is to pass.
    timed_out: bool,
    /// It goes on from a wait: if it waits again at once, it has only looked.
    only_looked: bool,
    /// When it last looked, or its time-out passed, although nothing had happened since: not again before.
    looked_at: u64,
    timed_out_at: u64,
    handle: Option<JoinHandle<()>>,
}

struct State {
    rng: Rng,
    rates: Rates,
    /// Whether there are faults.
    storm: bool,
    /// How often the host may still die.
    deaths_left: u32,
    actors: Vec<Actor>,
    current: usize,
    /// Counts what may have changed something for somebody who waits.
    progress: u64,
    dying: bool,
    failure: Option<String>,
    trace: Trace,
    /// How much time has passed since the director began.
    elapsed: Duration,
}

pub struct Director {
    state: Mutex<State>,
    began: Instant,
    me: Weak<Self>,
}

impl Director {
    pub fn new(rng: Rng, rates: Rates, deaths: u32, keep: Keep) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            began: Instant::now(),
            state: Mutex::new(State {
                rng,
                rates,
                storm: true,
                deaths_left: deaths,
                actors: vec![Actor::new("world", None)],
                current: WORLD,
                progress: 1,
                dying: false,
                failure: None,
                trace: Trace::new(keep),
                elapsed: Duration::ZERO,
            }),
            me: me.clone(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Asks the seed.
    pub fn ask<T>(&self, question: impl FnOnce(&mut Rng) -> T) -> T {
        question(&mut self.lock().rng)
    }

    /// Asks the seed whether a fault happens; never, once faults have stopped.
    pub fn unlucky(&self, per_mille: u32) -> bool {
        let mut state = self.lock();
        state.storm && state.rng.chance(per_mille)
    }

    pub fn is_storm(&self) -> bool {
        self.lock().storm
    }

    /// Faults stop.
    pub fn calm(&self) {
        self.lock().storm = false;
    }

    /// Something worth telling the reader of a trace.
    pub fn note(&self, text: &str) {
        self.lock().trace.note(text);
    }

    /// What must be true is not: the simulation ends here.
    pub fn fail(&self, what: impl Into<String>) {
        let mut state = self.lock();
        let what = what.into();
        state.trace.note(&format!("VIOLATED: {what}"));
        state.failure.get_or_insert(what);
        state.dying = true;
    }

    pub fn failure(&self) -> Option<String> {
        self.lock().failure.clone()
    }

    pub fn hash(&self) -> u64 {
        self.lock().trace.hash()
    }

    pub fn steps(&self) -> u64 {
        self.lock().trace.steps()
    }

    pub fn lines(&self) -> Vec<String> {
        self.lock().trace.lines()
    }

    /// Time passes.
    pub fn pass(&self, time: Duration) {
        self.lock().elapsed += time;
    }

    /// A thread of the simulation that belongs to the host: its start, its end.
    pub fn start(&self, name: &str, work: impl FnOnce() + Send + 'static) {
        stage::Director::spawn(self, name, Box::new(work));
    }

    /// The world has done something: others may go on.
    pub fn turn(&self) {
        let mut state = self.lock();
        state.step(WORLD, "turn", false);
        drop(Self::hand_over(state, WORLD, Doing::Ready));
    }

    /// The world waits until the host is quiet, or dead.
    pub fn idle(&self) {
        let mut state = self.lock();
        state.step(WORLD, "idle", false);
        drop(Self::hand_over(state, WORLD, Doing::Idle));
    }

    /// Kills the host, wherever its threads stand.
    pub fn kill(&self) {
        let mut state = self.lock();
        state.trace.note("the host is killed");
        state.dying = true;
        drop(Self::hand_over(state, WORLD, Doing::Ready));
    }

    /// Whether the host is dead.
    pub fn is_dead(&self) -> bool {
        self.lock().dying
    }

    /// The host's threads that have not ended.
    pub fn alive(&self) -> Vec<String> {
        let state = self.lock();
        let alive = state.actors.iter().skip(1).filter(|actor| actor.doing != Doing::Ended);
        alive.map(|actor| actor.name.clone()).collect()
    }

    /// Forgets the threads of a host that has ended, once they are gone for the operating system too.
    pub fn bury(&self) {
        let handles: Vec<_> = self.lock().actors.iter_mut().filter_map(|actor| actor.handle.take()).collect();
        for handle in handles {
            handle.join().unwrap();
        }
        let mut state = self.lock();
        state.actors.truncate(1);
        state.dying = state.failure.is_some();
    }

    /// Comes to a point: may unwind.
    fn come<'a>(mut state: MutexGuard<'a, State>, me: usize, point: &str) -> MutexGuard<'a, State> {
        state.step(me, point, false);
        let state = Self::survive(state, me);
        Self::perhaps_switch(state, me)
    }

    /// Unwinds if the host is dying, or dies now.
    fn survive(mut state: MutexGuard<'_, State>, me: usize) -> MutexGuard<'_, State> {
        let death = state.rates.death;
        if me != WORLD && !state.dying && state.storm && state.deaths_left > 0 && state.rng.chance(death) {
            state.deaths_left -= 1;
            state.dying = true;
            state.trace.note("the host dies here");
        }
        Self::unwind_if_dying(state, me)
    }

    fn unwind_if_dying(state: MutexGuard<'_, State>, me: usize) -> MutexGuard<'_, State> {
        if me != WORLD && state.dying {
            drop(state);
            resume_unwind(Box::new(HostDied));
        }
        state
    }

    fn perhaps_switch(mut state: MutexGuard<'_, State>, me: usize) -> MutexGuard<'_, State> {
        let switch = state.rates.switch;
        if !state.rng.chance(switch) {
            return state;
        }
        let state = Self::hand_over(state, me, Doing::Ready);
        Self::unwind_if_dying(state, me)
    }

    /// Lets somebody go on, and waits for the next turn.
    fn hand_over(mut state: MutexGuard<'_, State>, me: usize, doing: Doing) -> MutexGuard<'_, State> {
        state.actors[me].doing = doing;
        state.pass_on();
        let turn = Arc::clone(&state.actors[me].turn);
        let mut steps = state.trace.steps();
        while state.current != me {
            let (waited, timeout) = turn.wait_timeout(state, STANDSTILL).unwrap();
            state = waited;
            if me == WORLD && timeout.timed_out() && state.trace.steps() == steps {
                let name = &state.actors[state.current].name;
                eprintln!("the thread `{name}` stands still outside the director's reach");
                std::process::exit(1);
            }
            steps = state.trace.steps();
        }
        state.actors[me].doing = Doing::Ready;
        state
    }

    fn end(&self, me: usize, result: Result<(), Box<dyn Any + Send>>) {
        let mut state = self.lock();
        state.step(me, "end", false);
        if let Err(payload) = result
            && !payload.is::<HostDied>()
        {
            let text = payload.downcast_ref::<String>().cloned();
            let text = text.or_else(|| payload.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            let what = format!("a thread panicked: {}", text.unwrap_or_default());
            state.failure.get_or_insert(what);
            state.dying = true;
        }
        state.actors[me].doing = Doing::Ended;
        state.pass_on();
    }
}

impl stage::Director for Director {
    fn spawn(&self, name: &str, work: Box<dyn FnOnce() + Send>) {
        let director = self.me.upgrade().unwrap();
        let mut state = self.lock();
        let me = state.actors.len();
        let for_thread = Arc::clone(&director);
        let handle = std::thread::spawn(move || {
            ME.set(me);
            stage::direct(Arc::clone(&for_thread) as Arc<dyn stage::Director>);
            let result = catch_unwind(AssertUnwindSafe(|| {
                for_thread.wait_for_first_turn(me);
                work();
            }));
            for_thread.end(me, result);
        });
        state.progress += 1;
        state.actors.push(Actor::new(name, Some(handle)));
    }

    fn reach(&self, point: &'static str) {
        if std::thread::panicking() {
            return; // a destructor of a thread that is being unwound
        }
        drop(Self::come(self.lock(), ME.get(), point));
    }

    fn pause(&self, has_timeout: bool) -> bool {
        self.stand_still(None, has_timeout)
    }

    fn wait(&self, monitor: usize, has_timeout: bool) {
        self.stand_still(Some(monitor), has_timeout);
    }

    fn notify(&self, monitor: usize, all: bool) {
        let mut state = self.lock();
        let at =
            |actor: &Actor| matches!(actor.doing, Doing::Paused { monitor: Some(at), .. } if at == monitor);
        let mut told = state.which(at);
        if !all && told.len() > 1 {
            told = vec![state.rng.one_of(&told)];
        }
        for index in told {
            if let Doing::Paused { monitor, seen, .. } = &mut state.actors[index].doing {
                (*monitor, *seen) = (None, 0);
            }
        }
    }

    fn now(&self) -> Instant {
        // No point: it is asked for in the middle of a statement too.
        self.began + self.lock().elapsed
    }

    fn fault(&self, point: &'static str) -> Option<Fault> {
        let me = ME.get();
        let mut state = Self::come(self.lock(), me, point);
        let commit = state.rates.commit;
        if !state.storm || !state.rng.chance(commit) {
            return None;
        }
        let fault = state.rng.one_of(&[Fault::Before, Fault::After]);
        state.trace.note(&format!("{point} fails: {fault:?}"));
        Some(fault)
    }
}

impl Director {
    fn stand_still(&self, monitor: Option<usize>, has_timeout: bool) -> bool {
        let me = ME.get();
        let mut state = self.lock();
        state.step(me, if has_timeout { "wait, for a time" } else { "wait" }, true);
        let mut state = Self::survive(state, me);
        let seen = state.progress;
        state.actors[me].timed_out = false;
        let state = Self::hand_over(state, me, Doing::Paused { has_timeout, monitor, seen });
        let mut state = Self::unwind_if_dying(state, me);
        state.actors[me].only_looked = true;
        std::mem::take(&mut state.actors[me].timed_out)
    }

    fn wait_for_first_turn(&self, me: usize) {
        let mut state = self.lock();
        let turn = Arc::clone(&state.actors[me].turn);
        while state.current != me {
            state = turn.wait(state).unwrap();
        }
        drop(Self::unwind_if_dying(state, me));
    }
}

impl State {
    fn step(&mut self, me: usize, point: &str, waits: bool) {
        let actor = &mut self.actors[me];
        self.trace.step(me, &actor.name, point);
        if !(waits && std::mem::take(&mut actor.only_looked)) {
            actor.only_looked = false;
            self.progress += 1;
        }
        if self.trace.steps() > MAX_STEPS && self.failure.is_none() {
            self.failure = Some("7: it comes to no end".to_owned());
            self.dying = true;
        }
    }

    fn pass_on(&mut self) {
        let next = if self.dying { self.next_to_die() } else { self.next_to_run() };
        self.current = next;
        self.actors[next].turn.notify_one();
    }

    fn next_to_die(&self) -> usize {
        self.actors.iter().skip(1).position(|actor| actor.doing != Doing::Ended).map_or(WORLD, |at| at + 1)
    }

    fn next_to_run(&mut self) -> usize {
        let waiting = |actor: &Actor| matches!(actor.doing, Doing::Paused { monitor: None, .. });
        let timed = |actor: &Actor| matches!(actor.doing, Doing::Paused { has_timeout: true, .. });
        let progress = self.progress;
        let timeout = self.rates.timeout;
        if self.storm && self.rng.chance(timeout) {
            let timed = self.which(timed);
            if !timed.is_empty() {
                let next = self.rng.one_of(&timed);
                self.actors[next].timed_out = true;
                return next;
            }
        }
        let able = self.which(|actor| match actor.doing {
            Doing::Ready => true,
            Doing::Paused { monitor: None, seen, .. } => seen < progress,
            Doing::Paused { .. } | Doing::Idle | Doing::Ended => false,
        });
        if !able.is_empty() {
            return self.rng.one_of(&able);
        }
        // Nobody who waits has seen anything change. A thread that woke and waited again may have changed something
        // for another all the same: everyone looks once more.
        if let Some(&next) = self.which(|actor| waiting(actor) && actor.looked_at != progress).first() {
            self.actors[next].looked_at = progress;
            return next;
        }
        if let Some(&next) = self.which(|actor| timed(actor) && actor.timed_out_at != progress).first() {
            self.actors[next].timed_out_at = progress;
            self.actors[next].timed_out = true;
            return next;
        }
        WORLD
    }

    fn which(&self, is: impl Fn(&Actor) -> bool) -> Vec<usize> {
        self.actors.iter().enumerate().filter(|(_, actor)| is(actor)).map(|(index, _)| index).collect()
    }
}

impl Actor {
    fn new(name: &str, handle: Option<JoinHandle<()>>) -> Self {
        Self {
            name: name.to_owned(),
            doing: Doing::Ready,
            turn: Arc::new(Condvar::new()),
            timed_out: false,
            only_looked: false,
            looked_at: 0,
            timed_out_at: 0,
            handle,
        }
    }
}
