//! Who is connected to the other replicas, as far as they have told.
//!
//! A replica tells each coming and going once, with a number. Whoever finds a number missing asks for the whole list; so
//! does whoever finds another number in a sign of life than it knows. What is lost on the way is thereby found within
//! [`SIGN_INTERVAL`], and a thousand accounts that stay cost nothing.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use domain::Timestamp;
use domain::id::AccountId;
use tokio::time::Instant;

use crate::relay::{Attendance, Notice, ReplicaId};

/// How often each replica gives a sign of life. By the machine's clock, like everything here: it is about machines.
pub(crate) const SIGN_INTERVAL: Duration = Duration::from_secs(2);
/// A replica of which nothing was heard for so long is forgotten, with all who were connected to it.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(7);
/// For so long a replica that fell silent without a farewell is suspected to live on, unheard.
const MISSED_FOR: Duration = Duration::from_mins(10);
/// A list that was asked for is waited for so long before it is asked for again.
const ROLL_PATIENCE: Duration = Duration::from_secs(2);
/// A list of more parts is not believed.
const ROLL_PARTS_MAX: usize = 10_000;

/// Somebody came or went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Move {
    pub(crate) account: AccountId,
    pub(crate) online: bool,
    pub(crate) at: Timestamp,
}

/// What follows from what a replica said.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Who is there now and was not, or the other way round.
    pub(crate) moves: Vec<Move>,
    /// Who is to hear of it; none: that was not said.
    pub(crate) told: Option<Vec<AccountId>>,
    /// This replica must be asked for its list.
    pub(crate) ask: Option<ReplicaId>,
    /// The replica wants the list of this one.
    pub(crate) wants_roll: bool,
}

/// The other replicas.
#[derive(Debug, Default)]
pub(super) struct Elsewhere {
    replicas: HashMap<ReplicaId, Replica>,
    /// Those that fell silent without a farewell, and when they were forgotten.
    missing: HashMap<ReplicaId, Instant>,
}

#[derive(Debug)]
struct Replica {
    heard_at: Instant,
    present: HashMap<AccountId, Timestamp>,
    /// The last of its notices that [`Self::present`] knows of. Each start of a replica begins with nobody and with 0.
    revision: u64,
    roll: Roll,
    asked_at: Option<Instant>,
    said_farewell: bool,
}

/// A list as far as it has come.
#[derive(Debug, Default)]
struct Roll {
    revision: u64,
    parts: usize,
    present: HashMap<AccountId, Timestamp>,
}

impl Elsewhere {
    /// Takes in what another replica said. `at` is the engine's time, for those who are found to have gone.
    pub(super) fn hear(&mut self, said: Attendance, now: Instant, at: Timestamp) -> Outcome {
        let Attendance { replica: id, revision, notice } = said;
        self.missing.remove(&id);
        let replica = self.replicas.entry(id).or_insert_with(|| Replica::new(now));
        replica.heard_at = now;
        if !matches!(notice, Notice::Roll { .. }) {
            // The parts of a list come in a row.
            replica.roll = Roll::default();
        }
        let mut outcome = Outcome::default();
        match notice {
            Notice::RollCall { .. } => outcome.wants_roll = true,
            Notice::Farewell => replica.said_farewell = true,
            Notice::Moved { account, online, at, told } if revision == replica.revision + 1 => {
                replica.revision = revision;
                if online {
                    replica.present.insert(account, at);
                } else {
                    replica.present.remove(&account);
                }
                outcome.told = Some(told);
                outcome.moves = vec![Move { account, online, at }];
            }
            // A sign of life; or a move that is known, or that has a gap before it.
            Notice::Alive | Notice::Moved { .. } => {}
            Notice::Roll { part, parts, present } => {
                if let Some(present) = replica.assemble(revision, part, parts, present) {
                    outcome.moves = replica.replace(revision, present, at);
                }
            }
        }
        if replica.is_behind(revision, now) {
            replica.asked_at = Some(now);
            outcome.ask = Some(id);
        }
        let here_only = |change: &Move| !self.is_at_another(id, change.account);
        outcome.moves.retain(here_only);
        outcome
    }

    /// Since when `account` is there, as far as one of the others has told.
    pub(super) fn since(&self, account: AccountId) -> Option<Timestamp> {
        self.replicas.values().filter_map(|replica| replica.present.get(&account).copied()).min()
    }

    /// Forgets the replicas that have been silent for too long. Answers who is gone with them.
    pub(super) fn forget_silent(&mut self, now: Instant, at: Timestamp) -> Vec<Move> {
        let is_silent = |replica: &mut Replica| replica.heard_at + FORGOTTEN_AFTER <= now;
        let silent: Vec<_> = self.replicas.extract_if(|_, replica| is_silent(replica)).collect();
        let mut gone = HashSet::new();
        for (id, replica) in silent {
            if !replica.said_farewell {
                self.missing.insert(id, now);
            }
            gone.extend(replica.present.into_keys());
        }
        self.missing.retain(|_, since| now < *since + MISSED_FOR);
        gone.retain(|&account| self.since(account).is_none());
        gone.into_iter().map(|account| Move { account, online: false, at }).collect()
    }

    /// Gives all of them time again to be heard: the silence was on this side.
    pub(super) fn bear_with_all(&mut self, now: Instant) {
        for replica in self.replicas.values_mut() {
            (replica.heard_at, replica.asked_at) = (now, None);
        }
    }

    /// Whether a replica fell silent that may still be at work.
    pub(super) fn is_one_missing(&self) -> bool {
        !self.missing.is_empty()
    }

    /// How many replicas are heard.
    pub(super) fn count(&self) -> usize {
        self.replicas.values().filter(|replica| !replica.said_farewell).count()
    }

    fn is_at_another(&self, but: ReplicaId, account: AccountId) -> bool {
        let mut others = self.replicas.iter().filter(|(id, _)| **id != but);
        others.any(|(_, replica)| replica.present.contains_key(&account))
    }
}

impl Replica {
    fn new(now: Instant) -> Self {
        Self {
            heard_at: now,
            present: HashMap::new(),
            revision: 0,
            roll: Roll::default(),
            asked_at: None,
            said_farewell: false,
        }
    }

    fn is_behind(&self, revision: u64, now: Instant) -> bool {
        let was_asked = self.asked_at.is_some_and(|asked_at| now < asked_at + ROLL_PATIENCE);
        self.revision < revision && self.roll.parts == 0 && !was_asked
    }

    /// Adds a part of a list. Answers the list when it is whole and tells something new.
    fn assemble(
        &mut self,
        revision: u64,
        part: usize,
        parts: usize,
        present: Vec<(AccountId, Timestamp)>,
    ) -> Option<HashMap<AccountId, Timestamp>> {
        let follows = part == 0 || (part == self.roll.parts && revision == self.roll.revision);
        if revision <= self.revision || !follows || ROLL_PARTS_MAX < parts {
            self.roll = Roll::default();
            return None;
        }
        if part == 0 {
            self.roll = Roll { revision, ..Roll::default() };
        }
        self.roll.parts += 1;
        self.roll.present.extend(present);
        let is_whole = parts <= self.roll.parts;
        is_whole.then(|| std::mem::take(&mut self.roll).present)
    }

    /// Puts a whole list in the place of what was known. Answers the difference.
    fn replace(
        &mut self,
        revision: u64,
        present: HashMap<AccountId, Timestamp>,
        at: Timestamp,
    ) -> Vec<Move> {
        (self.revision, self.asked_at) = (revision, None);
        let before = std::mem::replace(&mut self.present, present);
        let came = self.present.iter().filter(|(account, _)| !before.contains_key(account));
        let came = came.map(|(&account, &at)| Move { account, online: true, at });
        let gone = before.keys().filter(|account| !self.present.contains_key(account));
        let gone = gone.map(|&account| Move { account, online: false, at });
        came.chain(gone).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: ReplicaId = ReplicaId(1);
    const SECOND: ReplicaId = ReplicaId(2);

    fn account(id: i64) -> AccountId {
        AccountId::new(id).unwrap()
    }

    fn time(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// Replicas that are listened to, by a clock that the test moves.
    struct Listening {
        elsewhere: Elsewhere,
        now: Instant,
    }

    impl Listening {
        fn new() -> Self {
            Self { elsewhere: Elsewhere::default(), now: Instant::now() }
        }

        fn hear(&mut self, replica: ReplicaId, revision: u64, notice: Notice) -> Outcome {
            let said = Attendance { replica, revision, notice };
            self.elsewhere.hear(said, self.now, time(99))
        }

        fn pass(&mut self, seconds: u64) -> Vec<Move> {
            self.now += Duration::from_secs(seconds);
            self.elsewhere.forget_silent(self.now, time(99))
        }

        fn is_there(&self, id: i64) -> bool {
            self.elsewhere.since(account(id)).is_some()
        }
    }

    fn moved(id: i64, online: bool) -> Notice {
        Notice::Moved { account: account(id), online, at: time(5), told: vec![account(50)] }
    }

    fn roll(part: usize, parts: usize, ids: &[i64]) -> Notice {
        let present = ids.iter().map(|&id| (account(id), time(7))).collect();
        Notice::Roll { part, parts, present }
    }

    fn a_move(id: i64, online: bool, second: i64) -> Move {
        Move { account: account(id), online, at: time(second) }
    }

    #[test]
    fn who_is_at_two_replicas_has_gone_when_both_say_so() {
        let mut listening = Listening::new();
        let came = listening.hear(FIRST, 1, moved(7, true));
        assert_eq!(came.moves, [a_move(7, true, 5)]);
        assert_eq!(came.told, Some(vec![account(50)]));
        assert_eq!(listening.hear(SECOND, 1, moved(7, true)).moves, []);
        assert_eq!(listening.hear(FIRST, 2, moved(7, false)).moves, []);
        assert!(listening.is_there(7));
        assert_eq!(listening.hear(SECOND, 2, moved(7, false)).moves, [a_move(7, false, 5)]);
        assert!(!listening.is_there(7));
    }

    #[test]
    fn who_misses_a_notice_asks_for_the_list_once_and_learns_the_difference() {
        let mut listening = Listening::new();
        for (revision, id) in [(1, 1), (2, 2)] {
            listening.hear(FIRST, revision, moved(id, true));
        }
        // Account 1 went, and nobody heard it.
        let gap = listening.hear(FIRST, 4, moved(4, true));
        assert_eq!(gap, Outcome { ask: Some(FIRST), ..Outcome::default() });
        assert_eq!(listening.hear(FIRST, 4, Notice::Alive), Outcome::default(), "it was asked");
        assert_eq!(listening.hear(FIRST, 4, roll(0, 2, &[2])).moves, []);
        let mut moves = listening.hear(FIRST, 4, roll(1, 2, &[4])).moves;
        moves.sort_by_key(|moved| moved.account);
        assert_eq!(moves, [a_move(1, false, 99), a_move(4, true, 7)]);
        assert_eq!(listening.hear(FIRST, 5, moved(1, true)).moves, [a_move(1, true, 5)]);
        // The list that another replica had asked for, too.
        assert_eq!(listening.hear(FIRST, 5, roll(0, 1, &[2, 4, 1])), Outcome::default());
    }

    #[test]
    fn a_list_of_which_a_part_is_lost_is_asked_for_again() {
        let mut listening = Listening::new();
        assert_eq!(listening.hear(FIRST, 9, Notice::Alive).ask, Some(FIRST));
        for lost_part in [1, 2] {
            for part in (0..3).filter(|&part| part != lost_part) {
                listening.hear(FIRST, 9, roll(part, 3, &[1]));
            }
            assert!(!listening.is_there(1));
            listening.pass(2);
            assert_eq!(listening.hear(FIRST, 9, Notice::Alive).ask, Some(FIRST));
        }
        assert_eq!(listening.hear(FIRST, 9, roll(0, 1, &[1])).moves, [a_move(1, true, 7)]);
    }

    #[test]
    fn a_replica_that_dies_without_a_word_is_forgotten_and_missed() {
        let mut listening = Listening::new();
        listening.hear(FIRST, 1, moved(7, true));
        listening.hear(FIRST, 2, moved(8, true));
        listening.hear(SECOND, 1, moved(8, true));
        assert_eq!(listening.pass(6), []);
        listening.hear(SECOND, 1, Notice::Alive);
        assert_eq!(listening.pass(1), [a_move(7, false, 99)], "8 is at the other one, too");
        assert!(listening.is_there(8) && listening.elsewhere.is_one_missing());
        // It was not dead, only cut off.
        assert_eq!(listening.hear(FIRST, 2, Notice::Alive).ask, Some(FIRST));
        assert!(!listening.elsewhere.is_one_missing());
        assert_eq!(listening.hear(FIRST, 2, roll(0, 1, &[7, 8])).moves, [a_move(7, true, 7)]);
    }

    #[test]
    fn a_replica_that_said_farewell_is_forgotten_and_not_missed() {
        let mut listening = Listening::new();
        listening.hear(FIRST, 1, moved(7, true));
        assert_eq!(listening.hear(FIRST, 1, Notice::Farewell), Outcome::default());
        assert!(listening.is_there(7), "its clients have a moment to come back elsewhere");
        assert_eq!(listening.pass(7), [a_move(7, false, 99)]);
        assert!(!listening.elsewhere.is_one_missing());
    }

    #[test]
    fn those_are_counted_who_are_heard_and_stay() {
        let mut listening = Listening::new();
        listening.hear(FIRST, 0, Notice::Alive);
        listening.hear(SECOND, 0, Notice::Alive);
        assert_eq!(listening.elsewhere.count(), 2);
        listening.hear(FIRST, 0, Notice::Farewell);
        assert_eq!(listening.elsewhere.count(), 1);
        listening.pass(7);
        assert_eq!(listening.elsewhere.count(), 0);
    }

    #[test]
    fn a_missing_replica_is_given_up_at_last() {
        let mut listening = Listening::new();
        listening.hear(FIRST, 0, Notice::Alive);
        listening.pass(7);
        assert!(listening.elsewhere.is_one_missing());
        listening.pass(600);
        assert!(!listening.elsewhere.is_one_missing());
    }

    #[test]
    fn a_silence_on_this_side_is_nobody_s_fault() {
        let mut listening = Listening::new();
        listening.hear(FIRST, 1, moved(7, true));
        listening.now += Duration::from_mins(1);
        listening.elsewhere.bear_with_all(listening.now);
        assert_eq!(listening.pass(6), []);
        assert!(listening.is_there(7));
    }
}
