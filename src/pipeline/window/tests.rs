//! An application whose disk is a map, in which everything happens at random, from a seed.
#![allow(clippy::cast_possible_wrap, clippy::cast_possible_truncation, clippy::cast_sign_loss)]

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;

use super::*;
use crate::base::{CompanyId, MessageSid, MessageStatus};
use crate::pipeline::queue::{Decision, Verdict};
use crate::store::{Accepted, Conversation};

/// A row of the disk.
#[derive(Clone)]
struct Row {
    waiting: Waiting,
    /// As memory knows it and the disk does not yet.
    told: Option<Mark>,
    mark: Mark,
    /// Somebody replays it: what came after it has run already.
    replayed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    Waiting,
    Over,
}

/// An application whose disk is a map, in which everything happens at random.
struct World {
    random: u64,
    now: UnixMillis,
    disk: BTreeMap<i64, Row>,
    queue: Queue,
    window: Window,
    /// What runs, by line.
    running: HashMap<Line, NotificationId>,
    claimed: Vec<(NotificationId, Line, u32)>,
    /// What is over, without that the inbox was told: a flush does not put it on the disk.
    untold: Vec<NotificationId>,
    /// How many lines there are: of few, each is long.
    lines: u64,
    heaviest: usize,
    /// What has no action at the moment.
    idle: Vec<Source>,
    /// Whether an admin takes actions away and gives them back.
    is_changed: bool,
}

const MOST: usize = 16 * 520;

impl World {
    fn new(seed: u64) -> Self {
        Self {
            random: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
            now: UnixMillis(1_000_000_000),
            disk: BTreeMap::new(),
            queue: Queue::with_lines_of(1 + seed as usize % 5),
            window: Window::open(MOST, Vec::new()),
            running: HashMap::new(),
            claimed: Vec::new(),
            untold: Vec::new(),
            lines: [3, 40][seed as usize % 2],
            heaviest: 0,
            idle: Vec::new(),
            is_changed: false,
        }
    }

    fn below(&mut self, n: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) % n
    }

    fn come(&mut self, announced: bool) {
        let id = NotificationId(self.disk.len() as i64 + 1);
        let person = self.below(self.lines);
        let conversation =
            Conversation::of_form("demo", "C", format!("To=x&From={person}").as_bytes()).unwrap();
        let waiting = Waiting {
            accepted: Accepted {
                id,
                app: AppId::parse("demo").unwrap(),
                company: CompanyId::parse(&format!("C{}", self.below(3))).unwrap(),
                message_sid: MessageSid::parse(&format!("SM{:032x}", id.0)).unwrap(),
                line: Line::Conversation(conversation),
                message: None,
                status: MessageStatus::Sent,
                form: Bytes::from_static(b"12345678"),
                source: if self.is_changed && person % 2 == 1 { Source::Message } else { Source::Callback },
            },
            attempts: 0,
            kills: 0,
            next_attempt_at: None,
            generation: 0,
        };
        self.disk
            .insert(id.0, Row { waiting: waiting.clone(), told: None, mark: Mark::Waiting, replayed: false });
        if announced {
            self.window.announced(vec![arrival(waiting)], &mut self.queue);
        }
    }

    fn claim(&mut self) {
        let most = 1 + self.below(4) as usize;
        for claim in self.queue.claim(self.now, most) {
            let row = &self.disk[&claim.id.0];
            assert_eq!(row.told.unwrap_or(row.mark), Mark::Waiting, "{:?} is over", claim.id);
            let other = self.running.insert(claim.line.clone(), claim.id);
            assert_eq!(other, None, "two runs of one line");
            let earlier = self.disk.values().find(|row| {
                row.waiting.accepted.line == claim.line
                    && row.waiting.accepted.id < claim.id
                    && !row.replayed
                    && row.told.unwrap_or(row.mark) == Mark::Waiting
            });
            assert!(earlier.is_none(), "{:?} overtakes {:?}", claim.id, earlier.unwrap().waiting);
            if self.idle.contains(&claim.source) {
                self.running.remove(&claim.line);
                self.queue.put_back(claim.id);
                continue;
            }
            self.claimed.push((claim.id, claim.line, claim.attempt));
        }
    }

    fn finish(&mut self) {
        if self.claimed.is_empty() {
            return;
        }
        let which = self.below(self.claimed.len() as u64) as usize;
        let (id, line, attempt) = self.claimed.swap_remove(which);
        self.running.remove(&line);
        let verdict = match self.below(10) {
            0 | 1 if attempt < 4 => Verdict::Failed,
            2 if attempt < 4 => Verdict::KilledWorker,
            3 => Verdict::Interrupted { alone: true },
            4 => Verdict::HostTrouble,
            _ => Verdict::Done,
        };
        let decision = self.queue.finish(id, verdict, self.now);
        let row = self.disk.get_mut(&id.0).unwrap();
        match decision {
            Decision::Done | Decision::Dead => {
                row.told = Some(Mark::Over);
                self.untold.push(id);
            }
            Decision::Retry { at } => {
                row.told = Some(Mark::Waiting);
                row.waiting.attempts = attempt;
                row.waiting.next_attempt_at = Some(at);
                self.window.recorded(id, at, &mut self.queue);
            }
            Decision::Again => {}
        }
    }

    /// The inbox is told of what is over.
    fn tell(&mut self) {
        self.queue.told(&std::mem::take(&mut self.untold));
    }

    /// As [`Order::read`], from the map.
    fn read(&mut self, order: &Order) -> Delivery {
        for row in self.disk.values_mut() {
            if !self.untold.contains(&row.waiting.accepted.id) {
                row.mark = row.told.take().unwrap_or(row.mark); // the flush
            }
        }
        let waiting: Vec<&Waiting> =
            self.disk.values().filter(|row| row.mark == Mark::Waiting).map(|row| &row.waiting).collect();
        let piece = |mut rows: Vec<Waiting>| {
            let many = (order.most / 520).max(1);
            let is_last = rows.len() <= many;
            rows.truncate(many);
            (rows, is_last)
        };
        let of_line = |line: &Line, after: NotificationId| {
            let same = |row: &&&Waiting| row.accepted.line == *line && row.accepted.id > after;
            let mut rows: Vec<_> = waiting.iter().filter(same).map(|row| (*row).clone()).collect();
            let is_last = rows.len() <= order.of_line;
            rows.truncate(order.of_line);
            Piece { rows, is_last }
        };
        let mut delivery = Delivery { fresh_is_last: true, scheduled_is_last: true, ..Delivery::default() };
        if let Some(after) = order.scheduled {
            let mut rows: Vec<_> = waiting
                .iter()
                .filter(|row| row.next_attempt_at.is_some_and(|at| (at, row.accepted.id) > after))
                .map(|row| (*row).clone())
                .collect();
            rows.sort_by_key(|row| (row.next_attempt_at, row.accepted.id));
            (delivery.scheduled, delivery.scheduled_is_last) = piece(rows);
            for one in &delivery.scheduled {
                let line = &one.accepted.line;
                delivery.lines.push((line.clone(), of_line(line, NotificationId(0))));
            }
        }
        delivery.rest =
            order.rest.iter().map(|(line, behind)| (line.clone(), of_line(line, *behind))).collect();
        if let Some(after) = order.fresh {
            let rows = waiting.iter().filter(|row| row.next_attempt_at.is_none() && row.accepted.id > after);
            let (rows, is_last) = piece(rows.map(|row| (*row).clone()).collect());
            delivery.fresh_is_last = is_last;
            for row in rows {
                let earlier = waiting.iter().filter(|other| {
                    other.accepted.line == row.accepted.line && other.accepted.id < row.accepted.id
                });
                let earlier = earlier.map(|other| other.accepted.id).take(order.earlier).collect();
                delivery.fresh.push((row, earlier));
            }
        }
        delivery
    }

    fn step(&mut self) {
        match self.below(8) {
            0 | 1 => self.claim(),
            2 if !self.untold.is_empty() => self.tell(),
            2..5 => self.finish(),
            5 => self.now = self.now.plus(Duration::from_millis(self.random % 3000)),
            _ if self.window.wants(&self.queue, self.now) => {
                let Some(order) = self.window.begin(&mut self.queue, self.now) else { return };
                let delivery = if self.below(10) == 0 {
                    Err(StoreError::Unavailable("a fault".into()))
                } else {
                    Ok(self.read(&order))
                };
                for _ in 0..self.below(6) {
                    self.change();
                    match self.below(4) {
                        0 => self.claim(),
                        1 if self.disk.len() < 300 => self.come(true),
                        2 => self.replay(),
                        _ => self.finish(),
                    }
                }
                self.window.done(&order, delivery, &mut self.queue, self.now);
            }
            _ => {}
        }
        self.heaviest = self.heaviest.max(self.queue.weight());
    }

    /// An admin takes an action away, or gives it back.
    fn change(&mut self) {
        if self.is_changed && self.below(10) == 0 {
            self.idle = [vec![], vec![Source::Callback], vec![Source::Callback, Source::Message]]
                [self.below(3) as usize]
                .clone();
            self.window.is_idle_for(self.idle.clone());
        }
    }

    /// Somebody replays something that came to its end.
    fn replay(&mut self) {
        if self.disk.is_empty() || self.below(3) > 0 {
            return;
        }
        let id = 1 + self.below(self.disk.len() as u64) as i64;
        let row = self.disk.get_mut(&id).unwrap();
        if row.mark == Mark::Over && row.told.is_none() {
            (row.mark, row.replayed) = (Mark::Waiting, true);
            row.waiting.attempts = 0;
            row.waiting.next_attempt_at = Some(self.now);
            let at = self.now;
            self.window.reaches_back_to(at);
        }
    }

    fn is_over(&self) -> bool {
        self.disk.values().all(|row| row.told.unwrap_or(row.mark) == Mark::Over)
    }
}

#[test]
fn everything_runs_in_order_whatever_fits_into_memory() {
    for seed in 1..100 {
        everything_runs(World::new(seed), seed);
    }
}

#[test]
fn what_lost_its_action_and_has_it_again_runs_in_order_with_the_rest() {
    for seed in 1..40 {
        everything_runs(World { is_changed: true, ..World::new(seed) }, seed);
    }
}

fn everything_runs(mut world: World, seed: u64) {
    for _ in 0..world.below(120) {
        world.come(false); // from before the start
    }
    for _ in 0..2000 {
        if world.disk.len() < 250 && world.below(4) == 0 {
            world.come(true);
        }
        world.change();
        world.step();
    }
    (world.is_changed, world.idle) = (false, Vec::new());
    world.window.is_idle_for(Vec::new());
    for _ in 0..60_000 {
        if world.is_over() {
            break;
        }
        world.step();
    }
    let left: Vec<_> = world
        .disk
        .values()
        .filter(|row| row.told.unwrap_or(row.mark) == Mark::Waiting)
        .map(|row| (row.waiting.accepted.id, row.waiting.next_attempt_at))
        .collect();
    assert!(left.is_empty(), "seed {seed}: {left:?} of {}; {:?}", world.disk.len(), world.window);
    // A piece of each kind beyond the window, and the lines of what is scheduled.
    assert!(world.heaviest < 4 * MOST, "seed {seed}: {}", world.heaviest);
}

/// As when an admin has taken the action of callbacks away, and that of incoming messages stays.
#[test]
fn what_has_no_action_any_more_keeps_nothing_from_running() {
    let mut world = World::new(1);
    world.window = Window::open(MOST, vec![Source::Callback, Source::Poll]);
    for _ in 0..200 {
        world.come(false);
    }
    world.come(false);
    let last = world.disk.values_mut().last().unwrap();
    last.waiting.accepted.source = Source::Message;
    last.waiting.accepted.line = Line::Message(last.waiting.accepted.message_sid.clone());
    let mut claims = Vec::new();
    for _ in 0..100 {
        if world.window.wants(&world.queue, world.now)
            && let Some(order) = world.window.begin(&mut world.queue, world.now)
        {
            let delivery = world.read(&order);
            world.window.done(&order, Ok(delivery), &mut world.queue, world.now);
        }
        for claim in world.queue.claim(world.now, 9) {
            let verdict = if claim.source == Source::Message { Verdict::Done } else { Verdict::HostTrouble };
            world.queue.finish(claim.id, verdict, world.now);
            claims.push(claim.source);
        }
        world.now = world.now.plus(Duration::from_secs(1));
    }
    assert_eq!(claims, [Source::Message], "and nothing is tried again and again");
}
