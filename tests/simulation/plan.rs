//! What the action of a notification does, step by step.
//!
//! What it does follows from the notification's name alone, as a script's path follows from its `vo`; only how often it
//! has been started decides whether a step still fails.

use std::fmt;

use crate::rng::Rng;

/// One step of an action. Where a number stands, the step fails in that many starts and does nothing after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Inserts a row that names the notification and the step.
    Write,
    /// The same with `separatedTransaction`.
    Separated,
    /// Reads how many rows there are; the next message names what it read.
    Query,
    /// Sends a message that names the notification and the step.
    Send,
    /// Returns a reply to the message that started it; the last step.
    Reply,
    /// Throws.
    Throw(u32),
    /// Kills its worker.
    Die(u32),
    /// Uses up its time.
    Hang(u32),
    /// Ends the transaction that it shares with other runs, and does not notice.
    Rollback(u32),
    /// Writes what only the COMMIT refuses.
    Deferred(u32),
}

/// The steps of an action, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan(pub Vec<Step>);

impl Plan {
    /// A plan that the seed chooses.
    pub fn choose(rng: &mut Rng, may_send: bool) -> Self {
        let mut steps = Vec::new();
        for _ in 0..rng.between(1, 5) {
            // Seldom for ever: then the notification dies.
            let starts = rng.weighted(&[(12, 1), (6, 2), (2, 4), (1, 99)]);
            steps.push(rng.weighted(&[
                (40, Step::Write),
                (if may_send { 25 } else { 0 }, Step::Send),
                (10, Step::Query),
                (6, Step::Separated),
                (6, Step::Throw(starts)),
                (4, Step::Die(starts)),
                (3, Step::Hang(starts)),
                (4, Step::Rollback(starts)),
                (3, Step::Deferred(starts)),
            ]));
        }
        Self(steps)
    }

    /// What the action of an incoming message does.
    pub fn of_message(rng: &mut Rng) -> Self {
        let mut plan = Self::choose(rng, true);
        if rng.chance(700) {
            plan.0.push(Step::Reply);
        }
        plan
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.0.iter().enumerate() {
            let space = if index == 0 { "" } else { " " };
            match step {
                Step::Write => write!(f, "{space}w"),
                Step::Separated => write!(f, "{space}s"),
                Step::Query => write!(f, "{space}q"),
                Step::Send => write!(f, "{space}m"),
                Step::Reply => write!(f, "{space}a"),
                Step::Throw(starts) => write!(f, "{space}t{starts}"),
                Step::Die(starts) => write!(f, "{space}d{starts}"),
                Step::Hang(starts) => write!(f, "{space}h{starts}"),
                Step::Rollback(starts) => write!(f, "{space}r{starts}"),
                Step::Deferred(starts) => write!(f, "{space}f{starts}"),
            }?;
        }
        Ok(())
    }
}
