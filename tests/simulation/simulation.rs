//! One simulation: a host and its world, from a seed.
//!
//! First a storm: callbacks arrive, runs send, and everything that can fail does. Then the faults stop; what has not
//! been acknowledged is told again, the clock goes on to whatever is due next, and everything must come to its end.

use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use boatswain::base::{Clock, NotificationId};
use boatswain::store::{Receipt, ReplayOrder, StoreError, Which};

use crate::changes::Changes;
use crate::director::Director;
use crate::host::Outside;
use crate::plan::Plan;
use crate::rng::Rng;
use crate::trace::Keep;
use crate::world::{Callback, Settings, World};

/// How often the clock is moved on, once faults have stopped, before everything must have come to its end.
const PATIENCE: u32 = 1_000;

/// How a simulation ended.
pub struct Report {
    /// Of the trace: the same whenever the seed is run.
    pub hash: u64,
    pub steps: u64,
    /// What was violated: the number of the invariant (docs/simulation.md), and what happened.
    pub failure: Option<String>,
    /// The last lines of the trace, where they were kept.
    pub lines: Vec<String>,
}

/// Something that happens outside the host.
#[derive(Debug, Clone, Copy)]
enum Happening {
    /// Twilio makes a callback.
    Callback,
    /// Time passes: milliseconds to minutes.
    Tick,
    /// The clock is set.
    Jump,
    /// The host is killed while all its threads stand still.
    Kill,
    /// The host is stopped in order.
    Stop,
    /// Somebody has what is dead run again.
    Replay,
    /// Somebody looks at the databases.
    Look,
    /// Scripts or parameters change.
    Change,
}

/// A callback that waits for its answer.
struct Connection {
    callback: Callback,
    /// Nobody will see the answer.
    torn: bool,
    answer: Pin<Box<dyn Future<Output = Result<Receipt, StoreError>>>>,
}

struct Simulation {
    world: Arc<World>,
    director: Arc<Director>,
    outside: Arc<Outside>,
    changes: Changes,
    connections: Vec<Connection>,
}

/// Runs the simulation of a seed.
pub fn run(seed: u64, keep: Keep) -> Report {
    let mut rng = Rng::new(seed);
    let settings = Settings::choose(&mut rng);
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
    let director = Director::new(rng, settings.rates, settings.deaths, keep);
    director.note(&format!("{settings:?}"));
    let world = World::new(Arc::clone(&director), settings, &folder.path().join("data"));
    // Nothing is ever driven by it.
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let outside = Outside::new(&world, settings.workers, runtime.handle().clone());
    let changes = Changes::new(&world, &outside.application);
    let mut simulation = Simulation { world, director, outside, changes, connections: Vec::new() };
    simulation.expect_messages();
    simulation.expect_conversations();
    simulation.outside.start();
    simulation.storm();
    simulation.calm();
    simulation.end();
    let director = simulation.director;
    Report {
        hash: director.hash(),
        steps: director.steps(),
        failure: director.failure(),
        lines: director.lines(),
    }
}

impl Simulation {
    /// Notifications of messages that the host has not sent.
    fn expect_messages(&self) {
        for number in 0..self.world.settings.messages {
            let sid = format!("SM{:032}", 1000 + number);
            let statuses = self.director.ask(|rng| {
                rng.one_of(&[
                    &["sent", "delivered", "read"][..],
                    &["delivered", "sent"],
                    &["sent"],
                    &["failed"],
                ])
            });
            for status in statuses {
                let plan = self.director.ask(|rng| Plan::choose(rng, true));
                self.expect(Callback::new(&sid, status, None), plan);
            }
        }
    }

    /// What people write.
    fn expect_conversations(&self) {
        let Settings { people, written, .. } = self.world.settings;
        for number in 0..people * written {
            let plan = self.director.ask(Plan::of_message);
            self.expect(Callback::written(&format!("SM{:032}", 2000 + number), number % people), plan);
        }
    }

    fn expect(&self, callback: Callback, plan: Plan) {
        self.world.oracle().expect(&callback, plan, None);
        self.world.will_call(callback);
    }

    fn over(&self) -> bool {
        self.director.failure().is_some()
    }

    fn storm(&mut self) {
        for _ in 0..self.world.settings.happenings {
            self.director.turn();
            if self.over() {
                return;
            }
            self.revive();
            self.hear_answers();
            let Settings { jumps, replays, changes, .. } = self.world.settings;
            let happening = self.director.ask(|rng| {
                rng.weighted(&[
                    (500, Happening::Callback),
                    (250, Happening::Tick),
                    (jumps / 10, Happening::Jump),
                    (5, Happening::Kill),
                    (10, Happening::Stop),
                    (25, Happening::Look),
                    (replays, Happening::Replay),
                    (changes, Happening::Change),
                ])
            });
            self.let_happen(happening);
        }
    }

    fn let_happen(&mut self, happening: Happening) {
        match happening {
            Happening::Callback => self.call(),
            Happening::Tick => {
                let most = self.director.ask(|rng| rng.one_of(&[50, 2_000, 60_000, 900_000]));
                let millis = self.director.ask(|rng| rng.between(1, most));
                self.world.pass(Duration::from_millis(millis.into()));
            }
            Happening::Jump => {
                let hours = self.director.ask(|rng| rng.between(1, 10));
                self.world.set_clock(i64::from(hours) - 5);
            }
            Happening::Kill => self.director.kill(),
            Happening::Stop => self.outside.stop(),
            Happening::Replay => {
                self.replay();
            }
            Happening::Look => self.look(),
            Happening::Change => {
                if let Some(pipeline) = self.outside.pipeline() {
                    self.changes.any(pipeline);
                }
            }
        }
    }

    /// Has one that is dead run again, or all of them; says whether there was any.
    fn replay(&self) -> bool {
        let Some(inbox) = self.outside.inbox() else { return false };
        let dead = self.world.oracle().dead();
        if dead.is_empty() {
            return false;
        }
        let order = self.director.ask(|rng| {
            let all = Which::Dead { app: None, company: None, after: NotificationId(0) };
            let one = Which::One(NotificationId(rng.one_of(&dead)));
            ReplayOrder { which: if rng.chance(300) { all } else { one }, resend: rng.chance(300) }
        });
        let (director, now) = (Arc::clone(&self.director), self.world.now());
        self.director.start("replay", move || {
            let answer = inbox.replay(order.clone(), now);
            director.note(&format!("{order:?}: {answer:?}"));
        });
        true
    }

    fn look(&self) {
        if self.outside.inbox().is_some() {
            self.world.oracle().look();
        }
    }

    /// Starts the next host when this one is dead, or has stopped.
    fn revive(&mut self) {
        if !self.director.alive().is_empty() || self.outside.inbox().is_some() && !self.director.is_dead() {
            return;
        }
        for connection in self.connections.drain(..) {
            self.world.will_call(connection.callback);
        }
        drop(self.outside.host.lock().unwrap().take());
        self.world.oracle().host_died();
        self.changes.host_died();
        self.director.bury();
        self.director.note("the host starts anew");
        self.outside.start();
    }

    /// Twilio makes a callback, if the host listens.
    fn call(&mut self) {
        let Some(inbox) = self.outside.inbox() else { return };
        let Some(callback) = self.world.next_callback() else { return };
        self.outside.twilio.comes_to(&callback);
        let settings = self.world.settings;
        if self.director.unlucky(settings.lost) {
            self.director.note(&format!("{} is lost", callback.name()));
            return;
        }
        let torn = self.director.unlucky(settings.torn);
        self.director.note(&format!("{} arrives", callback.name()));
        let notification = callback.notification(self.world.now());
        let answer = Box::pin(async move { inbox.receive(notification).await });
        self.connections.push(Connection { callback, torn, answer });
        self.hear_answers();
    }

    /// What the callers hear by now.
    fn hear_answers(&mut self) {
        let mut context = Context::from_waker(Waker::noop());
        for mut connection in std::mem::take(&mut self.connections) {
            let callback = match connection.answer.as_mut().poll(&mut context) {
                Poll::Pending => {
                    self.connections.push(connection);
                    continue;
                }
                Poll::Ready(answer) => {
                    let name = connection.callback.name();
                    if answer.is_ok() && !connection.torn {
                        self.director.note(&format!("{name} is acknowledged"));
                        self.acknowledged(&connection.callback);
                        if !self.director.unlucky(self.world.settings.doubled) {
                            continue;
                        }
                    } else if self.director.unlucky(self.world.settings.lost) {
                        self.director.note(&format!("Twilio gives {name} up"));
                        continue;
                    } else {
                        self.director.note(&format!("{name} is not acknowledged"));
                    }
                    connection.callback
                }
            };
            self.world.will_call(callback);
        }
    }

    fn acknowledged(&self, callback: &Callback) {
        let mut oracle = self.world.oracle();
        oracle.acknowledged(&callback.name());
        if let Some(message) = callback.message {
            oracle.told.entry(message).or_default().push(callback.status.to_owned());
        }
    }

    fn calm(&mut self) {
        self.director.note("the faults stop");
        self.director.calm();
        // What the host keeps to itself is due within a second or two, or hours later if the clock was set back.
        let mut pace = Duration::from_millis(1_100);
        let mut replays = self.world.settings.late_replays;
        let mut undone = false;
        for round in 0..PATIENCE {
            self.director.idle();
            if self.over() {
                return;
            }
            self.revive();
            self.hear_answers();
            if !self.connections.is_empty() {
                self.director.fail("7: callers wait for ever");
                return;
            }
            let Some(pipeline) = self.outside.pipeline() else { continue };
            undone = undone || self.changes.undo(pipeline);
            self.call();
            if !self.connections.is_empty() {
                continue;
            }
            let now = self.world.now();
            let (waiting, next) = self.world.oracle().waiting(now);
            if waiting.is_empty() {
                if replays > 0 && self.replay() {
                    replays -= 1;
                    continue;
                }
                return;
            }
            if round + 1 == PATIENCE {
                self.director.fail(format!("7: {} wait for ever", waiting.join(", ")));
            }
            if let Some(next) = next.filter(|_| round.is_multiple_of(2)) {
                self.world.pass(next.since(now));
            } else {
                self.world.pass(pace);
                pace = (pace + pace / 16).min(Duration::from_hours(1));
            }
        }
    }

    /// Stops the host, and looks for the last time.
    fn end(&mut self) {
        if !self.over() {
            self.outside.stop();
            self.director.idle();
            let alive = self.director.alive();
            if !alive.is_empty() && !self.over() {
                self.director
                    .fail(format!("7: the host has stopped, and {} wait for ever", alive.join(", ")));
            }
        }
        if self.over() {
            self.director.kill();
        }
        self.connections.clear();
        drop(self.outside.host.lock().unwrap().take());
        self.director.bury();
        if !self.over() {
            let messages = self.outside.twilio.messages();
            self.world.oracle().last_look(&messages, self.world.clock_was_right());
        }
    }
}
