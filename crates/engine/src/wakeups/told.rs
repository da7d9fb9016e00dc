//! The newest entries of a log, as far as wake-ups have brought them along.

use std::collections::VecDeque;

use crate::store::LogEntry;

/// So many entries of a log are kept.
const ENTRIES_KEPT: usize = 16;

/// What those who listen to a log were told of it last: whoever is woken for an entry need not read it.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Rising, without a gap.
    entries: VecDeque<LogEntry>,
}

impl Told {
    /// Adds what follows. What is late or known already changes nothing; behind a gap it begins anew.
    pub(super) fn add(&mut self, entries: &[LogEntry]) {
        for logged in entries {
            match self.entries.back().map(|last| last.sequence) {
                Some(last) if logged.sequence <= last => continue,
                Some(last) if last + 1 < logged.sequence => self.entries.clear(),
                Some(_) | None => {}
            }
            if self.entries.len() == ENTRIES_KEPT {
                self.entries.pop_front();
            }
            self.entries.push_back(logged.clone());
        }
    }

    /// All that is kept behind `after`; none where it does not begin right behind it.
    pub(super) fn behind(&self, after: i64) -> Vec<LogEntry> {
        match self.entries.front() {
            Some(first) if first.sequence <= after + 1 => {
                self.entries.iter().filter(|logged| after < logged.sequence).cloned().collect()
            }
            Some(_) | None => Vec::new(),
        }
    }

    /// The log was seen to end at `newest`: somebody told of entries beyond that which are not in it.
    pub(super) fn end_at(&mut self, newest: i64) {
        if self.entries.back().is_some_and(|last| newest < last.sequence) {
            self.entries.clear();
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use domain::Timestamp;
    use domain::event::{Entry, EntryKind};
    use domain::id::ChatId;

    use super::*;

    pub(in crate::wakeups) fn logged(sequence: i64) -> LogEntry {
        let entry = Entry {
            kind: EntryKind::ChatOpened,
            chat: ChatId::new(1),
            message: None,
            side: None,
            webhook: None,
            at: Timestamp::UNIX_EPOCH,
        };
        LogEntry { sequence, entry }
    }

    fn check(told: &Told, after: i64, expected: impl IntoIterator<Item = i64>) {
        let behind: Vec<_> = told.behind(after).iter().map(|logged| logged.sequence).collect();
        assert_eq!(behind, Vec::from_iter(expected), "behind {after}");
    }

    #[test]
    fn what_was_told_in_a_row_is_kept() {
        let mut told = Told::default();
        check(&told, 0, []);
        told.add(&[logged(4)]);
        told.add(&[logged(5), logged(6)]);
        told.add(&[logged(5), logged(6), logged(7)]);
        // Late.
        told.add(&[logged(3)]);
        check(&told, 2, []);
        check(&told, 3, 4..=7);
        check(&told, 5, 6..=7);
        check(&told, 7, []);
    }

    #[test]
    fn behind_a_gap_it_begins_anew() {
        let mut told = Told::default();
        told.add(&[logged(5)]);
        told.add(&[logged(7)]);
        check(&told, 4, []);
        check(&told, 5, []);
        check(&told, 6, [7]);
    }

    #[test]
    fn only_the_newest_are_kept() {
        let mut told = Told::default();
        for sequence in 1..=30 {
            told.add(&[logged(sequence)]);
        }
        check(&told, 13, []);
        check(&told, 14, 15..=30);
    }

    #[test]
    fn what_the_log_does_not_hold_is_forgotten() {
        let mut told = Told::default();
        told.add(&[logged(5), logged(6)]);
        told.end_at(6);
        check(&told, 4, 5..=6);
        told.end_at(5);
        check(&told, 4, []);
        told.add(&[logged(6)]);
        check(&told, 5, [6]);
    }
}
