//! Which messages have changed since somebody last looked, so that a page that shows thousands asks for a few.

use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The changes of the messages of a store, which are known here by their numbers in it.
#[derive(Debug, Default)]
pub(super) struct Changes {
    revision: u64,
    /// The revision at which a message was last removed. Who has seen less cannot know that it is gone.
    removed: u64,
    /// The revision at which each message last changed, and the other way round.
    of: HashMap<u64, u64>,
    by_revision: BTreeMap<u64, u64>,
}

impl Changes {
    /// A message was created, or is about to change.
    pub(super) fn touch(&mut self, number: u64) {
        self.revision += 1;
        if let Some(before) = self.of.insert(number, self.revision) {
            self.by_revision.remove(&before);
        }
        self.by_revision.insert(self.revision, number);
    }

    /// A message was removed.
    pub(super) fn remove(&mut self, number: u64) {
        self.drop(number);
        self.revision += 1;
        self.removed = self.revision;
    }

    /// All messages were removed.
    pub(super) fn clear(&mut self) {
        let revision = self.revision + 1;
        *self = Self { revision, removed: revision, ..Self::default() };
    }

    /// A message made room for others. Whoever has seen it may go on showing it.
    pub(super) fn drop(&mut self, number: u64) {
        if let Some(before) = self.of.remove(&number) {
            self.by_revision.remove(&before);
        }
    }

    /// Grows with every change.
    pub(super) fn revision(&self) -> u64 {
        self.revision
    }

    /// The numbers of the messages that changed after a revision, lowest first. `None` where a message was removed since,
    /// and of a revision that is still to come: it was another simulator's.
    pub(super) fn since(&self, revision: u64) -> Option<impl Iterator<Item = u64>> {
        (self.removed..=self.revision).contains(&revision).then(|| {
            let changed: BTreeSet<_> =
                self.by_revision.range(revision + 1..).map(|(_, number)| *number).collect();
            changed.into_iter()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn since(changes: &Changes, revision: u64) -> Option<Vec<u64>> {
        changes.since(revision).map(Iterator::collect)
    }

    #[test]
    fn only_what_changed_is_told_and_in_the_order_of_creation() {
        let mut changes = Changes::default();
        assert_eq!(since(&changes, 0), Some(vec![]));
        for number in [0, 1, 2, 1, 0] {
            changes.touch(number);
        }
        assert_eq!(since(&changes, 0), Some(vec![0, 1, 2]));
        assert_eq!(since(&changes, 3), Some(vec![0, 1]));
        assert_eq!(since(&changes, 4), Some(vec![0]));
        assert_eq!(since(&changes, 5), Some(vec![]));
    }

    #[test]
    fn who_has_not_seen_a_removal_needs_the_whole() {
        let mut changes = Changes::default();
        changes.touch(0);
        changes.touch(1);
        changes.remove(0);
        assert_eq!(since(&changes, 2), None, "message 0 is still shown there");
        assert_eq!(since(&changes, 3), Some(vec![]));
        changes.touch(2);
        assert_eq!(since(&changes, 3), Some(vec![2]));
        changes.drop(1);
        assert_eq!(since(&changes, 3), Some(vec![2]), "making room is no removal");
        changes.clear();
        assert_eq!(since(&changes, 4), None);
        assert_eq!(since(&changes, 5), Some(vec![]));
    }

    #[test]
    fn a_revision_of_another_simulator_needs_the_whole() {
        assert_eq!(since(&Changes::default(), 1), None);
        assert_eq!(since(&Changes::default(), u64::MAX), None);
    }
}
