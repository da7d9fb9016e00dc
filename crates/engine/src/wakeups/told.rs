//! The newest entries of a log, as far as wake-ups have brought them along.

use std::collections::{HashMap, VecDeque};

use domain::id::ChatId;

use crate::store::{LogEntry, Said};

/// So many entries of a log are kept.
const ENTRIES_KEPT: usize = 16;

/// What those who listen to a log were told of it last: whoever is woken for an entry need not read it.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Rising, without a gap. Each with what was said there, where that was told.
    entries: VecDeque<(LogEntry, Option<Said>)>,
}

/// What a reader of a log was told.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ToldEvents {
    /// Rising, without a gap.
    pub entries: Vec<LogEntry>,
    /// Of these entries, messages with their chats, both as they are at the end of them.
    pub said: Vec<Said>,
}

impl Told {
    /// Adds what follows. What is late or known already changes nothing; behind a gap it begins anew.
    pub(super) fn add(&mut self, entries: impl IntoIterator<Item = (LogEntry, Option<Said>)>) {
        for (logged, said) in entries {
            match self.entries.back().map(|(last, _)| last.sequence) {
                Some(last) if logged.sequence <= last => continue,
                Some(last) if last + 1 < logged.sequence => self.entries.clear(),
                Some(_) | None => {}
            }
            if self.entries.len() == ENTRIES_KEPT {
                self.entries.pop_front();
            }
            self.entries.push_back((logged, said));
        }
    }

    /// All that is kept behind `after`; nothing where it does not begin right behind it.
    pub(super) fn behind(&self, after: i64) -> ToldEvents {
        let begins_there =
            self.entries.front().is_some_and(|(first, _)| first.sequence <= after + 1);
        if !begins_there {
            return ToldEvents::default();
        }
        let mut entries = Vec::new();
        // What has happened in a chat since then is not in what was told before.
        let mut said: HashMap<ChatId, &Said> = HashMap::new();
        for (logged, in_it) in self.entries.iter().filter(|(logged, _)| after < logged.sequence) {
            entries.push(logged.clone());
            match (logged.entry.chat, in_it) {
                (Some(chat), Some(in_it)) => drop(said.insert(chat, in_it)),
                (Some(chat), None) => drop(said.remove(&chat)),
                (None, _) => {}
            }
        }
        ToldEvents { entries, said: said.into_values().cloned().collect() }
    }

    /// The log was seen to end at `newest`: somebody told of entries beyond that which are not in it.
    pub(super) fn end_at(&mut self, newest: i64) {
        if self.entries.back().is_some_and(|(last, _)| newest < last.sequence) {
            self.entries.clear();
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use domain::Timestamp;
    use domain::chat::{Chat, Context, Seat, State, Turn};
    use domain::event::{Entry, EntryKind};
    use domain::id::{AccountId, MessageId};
    use domain::marks::Marks;
    use domain::message::{Author, Message, Role};
    use uuid::Uuid;

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

    fn told_at(sequence: i64) -> (LogEntry, Option<Said>) {
        (logged(sequence), None)
    }

    fn seat(id: i64) -> Seat {
        Seat { account: AccountId::new(id).unwrap(), marks: Marks::default(), hidden: false }
    }

    /// The entry of a message of that number in a chat, with what was said there.
    fn said_at(sequence: i64, chat: i64, message: i64) -> (LogEntry, Option<Said>) {
        let chat = Chat {
            id: ChatId::new(chat).unwrap(),
            public_id: Uuid::from_u128(1),
            seller: seat(1),
            buyer: seat(2),
            context: Context::None,
            order: None,
            state: State::Open,
            turn: Turn::Nobody,
            created_at: Timestamp::UNIX_EPOCH,
            last_message: None,
            last_buyer_message_at: None,
            waiting_since: None,
            blocked_by_buyer: false,
        };
        let author = Author { role: Role::Buyer, account: chat.buyer.account, member: None };
        let message = Message {
            id: MessageId::new(message).unwrap(),
            chat: chat.id,
            author,
            text: Some("Да".to_owned()),
            attachments: Vec::new(),
            created_at: Timestamp::UNIX_EPOCH,
            edited_at: None,
            received_by_seller: 0,
            received_by_buyer: 0,
        };
        let mut logged = logged(sequence);
        logged.entry.kind = EntryKind::MessageCreated;
        logged.entry.chat = Some(chat.id);
        logged.entry.message = Some(message.id);
        (logged, Some(Said::new((chat, message))))
    }

    #[test]
    fn of_each_chat_only_what_was_told_last_is_as_it_is_now() {
        let mut told = Told::default();
        told.add([said_at(1, 1, 11), said_at(2, 1, 12), said_at(3, 2, 21)]);
        let said = |told: &Told, after| {
            let mut said: Vec<_> =
                told.behind(after).said.iter().map(|said| said.1.id.get()).collect();
            said.sort_unstable();
            said
        };
        assert_eq!(said(&told, 0), [12, 21]);
        assert_eq!(said(&told, 2), [21]);
        // Something else happens in the first chat.
        told.add([told_at(4)]);
        assert_eq!(said(&told, 0), [21]);
        assert_eq!(said(&told, 3), [0; 0]);
    }

    fn check(told: &Told, after: i64, expected: impl IntoIterator<Item = i64>) {
        let behind: Vec<_> =
            told.behind(after).entries.iter().map(|logged| logged.sequence).collect();
        assert_eq!(behind, Vec::from_iter(expected), "behind {after}");
    }

    #[test]
    fn what_was_told_in_a_row_is_kept() {
        let mut told = Told::default();
        check(&told, 0, []);
        told.add([told_at(4)]);
        told.add([told_at(5), told_at(6)]);
        told.add([told_at(5), told_at(6), told_at(7)]);
        // Late.
        told.add([told_at(3)]);
        check(&told, 2, []);
        check(&told, 3, 4..=7);
        check(&told, 5, 6..=7);
        check(&told, 7, []);
    }

    #[test]
    fn behind_a_gap_it_begins_anew() {
        let mut told = Told::default();
        told.add([told_at(5)]);
        told.add([told_at(7)]);
        check(&told, 4, []);
        check(&told, 5, []);
        check(&told, 6, [7]);
    }

    #[test]
    fn only_the_newest_are_kept() {
        let mut told = Told::default();
        for sequence in 1..=30 {
            told.add([told_at(sequence)]);
        }
        check(&told, 13, []);
        check(&told, 14, 15..=30);
    }

    #[test]
    fn what_the_log_does_not_hold_is_forgotten() {
        let mut told = Told::default();
        told.add([told_at(5), told_at(6)]);
        told.end_at(6);
        check(&told, 4, 5..=6);
        told.end_at(5);
        check(&told, 4, []);
        told.add([told_at(6)]);
        check(&told, 5, [6]);
    }
}
