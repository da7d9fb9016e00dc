//! What a courier has taken up: entries wait in lanes, each behind those that have to arrive before it.

use std::collections::{BTreeMap, VecDeque};

use domain::Timestamp;
use domain::id::ChatId;
use engine::store::{LogEntry, WaitingPush};

use crate::format::Order;

/// So many entries of a webhook are taken up at most; the log is the queue for the others.
const ENTRIES_MAX: usize = 2000;
/// So many of them may have been read ahead, in lanes that do not fail.
const READ_AHEAD_MAX: usize = 256;
/// So many lanes may fail before nothing new is taken up.
const FAILING_LANES_MAX: usize = 16;

/// Entries that were taken up and are not settled.
#[derive(Debug)]
pub(crate) struct Lanes {
    order: Order,
    /// By what has to arrive in order; each by rising sequence and never empty.
    taken: BTreeMap<Option<ChatId>, VecDeque<Taken>>,
    in_flight: usize,
}

/// An entry that was taken up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    /// Its place in the log, and how often it was attempted.
    pub(crate) push: WaitingPush,
    /// The entry itself, unless it is still to be read.
    pub(crate) logged: Option<LogEntry>,
    is_in_flight: bool,
}

impl Lanes {
    /// Nothing, to be pushed in this order.
    pub(crate) fn new(order: Order) -> Self {
        Self { order, taken: BTreeMap::new(), in_flight: 0 }
    }

    /// Takes up an entry that waited when somebody saved it.
    pub(crate) fn take_up_waiting(&mut self, push: WaitingPush) {
        self.take(Taken { push, logged: None, is_in_flight: false });
    }

    /// Takes up an entry of the log.
    pub(crate) fn take_up(&mut self, logged: LogEntry) {
        let push = WaitingPush {
            sequence: logged.sequence,
            chat: logged.entry.chat,
            attempts: 0,
            next_attempt_at: logged.entry.at,
        };
        self.take(Taken { push, logged: Some(logged), is_in_flight: false });
    }

    fn take(&mut self, taken: Taken) {
        let lane = self.lane_of(taken.push.chat);
        self.taken.entry(lane).or_default().push_back(taken);
    }

    /// How many more entries may be taken up.
    pub(crate) fn room(&self) -> usize {
        let (mut failing_lanes, mut failing, mut read_ahead) = (0, 0, 0);
        for lane in self.taken.values() {
            if is_failing(lane) {
                failing_lanes += 1;
                failing += lane.len();
            } else {
                read_ahead += lane.len();
            }
        }
        if FAILING_LANES_MAX <= failing_lanes {
            return 0;
        }
        let room = ENTRIES_MAX.saturating_sub(failing + read_ahead);
        room.min(READ_AHEAD_MAX.saturating_sub(read_ahead))
    }

    /// Whether an entry waits that was attempted.
    pub(crate) fn is_failing(&self) -> bool {
        self.taken.values().any(is_failing)
    }

    /// How many attempts are under way.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// The oldest entry that is due at `now` and has none before it in its lane. It is in flight from now on.
    pub(crate) fn start_next(&mut self, now: Timestamp) -> Option<Taken> {
        let due = self
            .taken
            .values_mut()
            .filter_map(VecDeque::front_mut)
            .filter(|head| !head.is_in_flight && is_due(&head.push, now));
        let head = due.min_by_key(|head| head.push.sequence)?;
        head.is_in_flight = true;
        self.in_flight += 1;
        Some(head.clone())
    }

    /// When the next entry is due that is not due at `now`.
    pub(crate) fn next_due_after(&self, now: Timestamp) -> Option<Timestamp> {
        let heads = self.taken.values().filter_map(VecDeque::front);
        let waiting = heads.filter(|head| !head.is_in_flight && !is_due(&head.push, now));
        waiting.map(|head| head.push.next_attempt_at).min()
    }

    /// An entry that was in flight needs no further attempt.
    pub(crate) fn settle(&mut self, push: &WaitingPush) {
        let lane = self.lane_of(push.chat);
        if self.land(push).is_some()
            && let Some(entries) = self.taken.get_mut(&lane)
        {
            entries.pop_front();
            if entries.is_empty() {
                self.taken.remove(&lane);
            }
        }
    }

    /// An entry that was in flight stays, as `after` says.
    pub(crate) fn put_back(&mut self, after: WaitingPush) {
        if let Some(taken) = self.land(&after) {
            taken.push = after;
        }
    }

    fn land(&mut self, push: &WaitingPush) -> Option<&mut Taken> {
        let lane = self.lane_of(push.chat);
        let head = self.taken.get_mut(&lane)?.front_mut()?;
        if !head.is_in_flight || head.push.sequence != push.sequence {
            return None;
        }
        head.is_in_flight = false;
        self.in_flight -= 1;
        Some(head)
    }

    /// What waits, up to the entry `last`.
    pub(crate) fn waiting_up_to(&self, last: i64) -> BTreeMap<i64, WaitingPush> {
        let entries = self.taken.values().flatten().map(|taken| taken.push);
        let waiting = entries.filter(|push| push.sequence <= last);
        waiting.map(|push| (push.sequence, push)).collect()
    }

    fn lane_of(&self, chat: Option<ChatId>) -> Option<ChatId> {
        match self.order {
            Order::PerChat => chat,
            Order::PerWebhook => None,
        }
    }
}

/// A first attempt is always due, wherever the clock stood when its entry was made.
fn is_due(push: &WaitingPush, now: Timestamp) -> bool {
    push.attempts == 0 || push.next_attempt_at <= now
}

fn is_failing(lane: &VecDeque<Taken>) -> bool {
    lane.front().is_some_and(|head| 0 < head.push.attempts)
}

#[cfg(test)]
mod tests {
    use domain::SignedDuration;
    use domain::event::{Entry, EntryKind};

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second)
    }

    fn logged(sequence: i64, chat: i64) -> LogEntry {
        let entry = Entry {
            kind: EntryKind::MessageCreated,
            chat: ChatId::new(chat),
            message: None,
            side: None,
            webhook: None,
            at: at(0),
        };
        LogEntry { sequence, entry }
    }

    /// Entries 1, 2, 3, … in these chats.
    fn taken_up(order: Order, chats: &[i64]) -> Lanes {
        let mut lanes = Lanes::new(order);
        for (sequence, chat) in (1..).zip(chats) {
            lanes.take_up(logged(sequence, *chat));
        }
        lanes
    }

    fn start_all(lanes: &mut Lanes, second: i64) -> Vec<WaitingPush> {
        std::iter::from_fn(|| lanes.start_next(at(second))).map(|taken| taken.push).collect()
    }

    fn sequences(pushes: &[WaitingPush]) -> Vec<i64> {
        pushes.iter().map(|push| push.sequence).collect()
    }

    #[test]
    fn an_entry_waits_for_those_of_its_chat_only() {
        let mut lanes = taken_up(Order::PerChat, &[5, 5, 6, 7, 6]);
        let started = start_all(&mut lanes, 0);
        assert_eq!((sequences(&started), lanes.in_flight()), (vec![1, 3, 4], 3));
        let failed = WaitingPush { attempts: 1, next_attempt_at: at(60), ..started[0] };
        lanes.put_back(failed);
        lanes.settle(&started[1]);
        assert_eq!(sequences(&start_all(&mut lanes, 59)), [5]);
        assert_eq!(lanes.next_due_after(at(59)), Some(at(60)));
        let again = start_all(&mut lanes, 60);
        assert_eq!(again, [failed]);
        lanes.settle(&failed);
        assert_eq!(sequences(&start_all(&mut lanes, 60)), [2]);
    }

    #[test]
    fn every_entry_waits_where_the_order_is_the_webhooks() {
        let mut lanes = taken_up(Order::PerWebhook, &[5, 6, 7]);
        for expected in 1..=3 {
            let started = start_all(&mut lanes, 0);
            assert_eq!(sequences(&started), [expected]);
            lanes.settle(&started[0]);
        }
        assert_eq!((start_all(&mut lanes, 0), lanes.in_flight()), (vec![], 0));
    }

    #[test]
    fn what_was_saved_comes_before_what_is_new() {
        let mut lanes = Lanes::new(Order::PerChat);
        let saved =
            WaitingPush { sequence: 3, chat: ChatId::new(5), attempts: 2, next_attempt_at: at(30) };
        lanes.take_up_waiting(saved);
        lanes.take_up(logged(9, 5));
        assert_eq!(start_all(&mut lanes, 29), []);
        assert_eq!(start_all(&mut lanes, 30), [saved]);
    }

    #[test]
    fn what_waits_is_known_up_to_any_entry() {
        let mut lanes = taken_up(Order::PerChat, &[5, 6, 5, 7]);
        let started = start_all(&mut lanes, 0);
        lanes.settle(&started[1]);
        let waiting =
            |lanes: &Lanes, last| lanes.waiting_up_to(last).into_keys().collect::<Vec<_>>();
        assert_eq!(waiting(&lanes, 2), [1]);
        assert_eq!(waiting(&lanes, 4), [1, 3, 4]);
    }

    #[test]
    fn many_failing_chats_or_many_entries_leave_no_room() {
        let chats: Vec<i64> = (1..=20).collect();
        let mut lanes = taken_up(Order::PerChat, &chats);
        let started = start_all(&mut lanes, 0);
        for push in &started[..15] {
            lanes.put_back(WaitingPush { attempts: 1, next_attempt_at: at(60), ..*push });
        }
        assert_eq!(lanes.room(), READ_AHEAD_MAX - 5);
        lanes.put_back(WaitingPush { attempts: 1, next_attempt_at: at(60), ..started[15] });
        assert_eq!(lanes.room(), 0);

        let mut lanes = taken_up(Order::PerChat, &vec![5; READ_AHEAD_MAX]);
        assert_eq!(lanes.room(), 0);
        let first = start_all(&mut lanes, 0)[0];
        lanes.put_back(WaitingPush { attempts: 1, next_attempt_at: at(60), ..first });
        assert_eq!(lanes.room(), READ_AHEAD_MAX, "what waits behind a failure was not read ahead");
        assert_eq!(taken_up(Order::PerChat, &vec![5; ENTRIES_MAX]).room(), 0);
    }
}
