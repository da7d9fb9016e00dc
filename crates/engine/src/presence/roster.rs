//! Who is there: at this replica, and as far as they have told, at the others.

use std::collections::HashMap;

use domain::Timestamp;
use domain::id::AccountId;
use tokio::time::Instant;

use super::elsewhere::{Elsewhere, Outcome};
use crate::presence::elsewhere::Move;
use crate::relay::{Attendance, Notice, ROLL_PART_MAX, ReplicaId};

/// Which accounts are there.
#[derive(Debug)]
pub(super) struct Roster {
    replica: ReplicaId,
    visits: HashMap<AccountId, Visit>,
    /// Those of the visits of which the other replicas know.
    told: HashMap<AccountId, Timestamp>,
    /// How often [`Self::told`] has changed.
    revision: u64,
    elsewhere: Elsewhere,
}

/// From the first connection of an account to the grace after the last.
#[derive(Clone, Copy, Debug)]
struct Visit {
    since: Timestamp,
    connections: usize,
    /// How often the last connection ended, which tells one farewell from a later one.
    farewells: u64,
}

/// An account came to this replica, or went.
pub(super) struct Told {
    /// What the other replicas are to be told.
    pub(super) notice: Attendance,
    /// Whether the account was nowhere else, so that it matters here as well.
    pub(super) is_heard_here: bool,
}

impl Roster {
    pub(super) fn new(replica: ReplicaId) -> Self {
        Self {
            replica,
            visits: HashMap::new(),
            told: HashMap::new(),
            revision: 0,
            elsewhere: Elsewhere::default(),
        }
    }

    /// Counts a connection. True when the account was not here before.
    pub(super) fn enter(&mut self, account: AccountId, now: Timestamp) -> bool {
        let visit = self.visits.entry(account).or_insert(Visit {
            since: now,
            connections: 0,
            farewells: 0,
        });
        visit.connections += 1;
        visit.connections == 1 && visit.farewells == 0
    }

    /// Counts a connection less. When it was the last: the number of this farewell.
    pub(super) fn leave(&mut self, account: AccountId) -> Option<u64> {
        let visit = self.visits.get_mut(&account)?;
        visit.connections -= 1;
        if visit.connections != 0 {
            return None;
        }
        visit.farewells += 1;
        Some(visit.farewells)
    }

    /// Ends the visit, unless somebody came back after this farewell.
    pub(super) fn end(&mut self, account: AccountId, farewell: u64) -> bool {
        let is_over = self
            .visits
            .get(&account)
            .is_some_and(|visit| visit.connections == 0 && visit.farewells == farewell);
        if is_over {
            self.visits.remove(&account);
        }
        is_over
    }

    /// Since when an account is there.
    pub(super) fn since(&self, account: AccountId) -> Option<Timestamp> {
        let here = self.visits.get(&account).map(|visit| visit.since);
        here.into_iter().chain(self.elsewhere.since(account)).min()
    }

    /// Notes that `moved` is told to `told`. None where it holds no more, or was told before: who came back meanwhile, or
    /// went again, is told by an announcement of its own, which may be faster.
    pub(super) fn tell(&mut self, moved: Move, told: &[AccountId]) -> Option<Told> {
        let Move { account, online, at } = moved;
        let is_known = self.told.contains_key(&account) == online;
        if is_known || self.visits.contains_key(&account) != online {
            return None;
        }
        if online {
            self.told.insert(account, at);
        } else {
            self.told.remove(&account);
        }
        self.revision += 1;
        let notice = Notice::Moved { account, online, at, told: told.to_vec() };
        let is_heard_here = self.elsewhere.since(account).is_none();
        Some(Told { notice: self.say(notice), is_heard_here })
    }

    /// `notice` in the name of this replica.
    pub(super) fn say(&self, notice: Notice) -> Attendance {
        Attendance { replica: self.replica, revision: self.revision, notice }
    }

    /// All who are here, in parts.
    pub(super) fn roll(&self) -> Vec<Attendance> {
        let all: Vec<_> = self.told.iter().map(|(&account, &since)| (account, since)).collect();
        let parts = all.len().div_ceil(ROLL_PART_MAX).max(1);
        let part = |part: usize| {
            let present = all.iter().skip(part * ROLL_PART_MAX).take(ROLL_PART_MAX);
            self.say(Notice::Roll { part, parts, present: present.copied().collect() })
        };
        (0..parts).map(part).collect()
    }

    /// Takes in what another replica said. Answers what follows from it here.
    pub(super) fn hear(&mut self, said: Attendance, now: Instant, at: Timestamp) -> Outcome {
        let is_asked = match said.notice {
            Notice::RollCall { of } => of.is_none_or(|of| of == self.replica),
            Notice::Alive | Notice::Moved { .. } | Notice::Roll { .. } | Notice::Farewell => false,
        };
        let mut outcome = self.elsewhere.hear(said, now, at);
        outcome.wants_roll &= is_asked;
        outcome.moves.retain(|moved| !self.visits.contains_key(&moved.account));
        outcome
    }

    /// Forgets replicas that have been silent for too long. Answers who is gone with them.
    pub(super) fn forget_silent(&mut self, now: Instant, at: Timestamp) -> Vec<Move> {
        let mut gone = self.elsewhere.forget_silent(now, at);
        gone.retain(|moved| !self.visits.contains_key(&moved.account));
        gone
    }

    /// Gives the other replicas time again to be heard: the silence was on this side.
    pub(super) fn bear_with_all(&mut self, now: Instant) {
        self.elsewhere.bear_with_all(now);
    }

    /// How many other replicas are heard.
    pub(super) fn others(&self) -> usize {
        self.elsewhere.count()
    }

    /// Whether a replica fell silent that may still be at work.
    pub(super) fn is_one_missing(&self) -> bool {
        self.elsewhere.is_one_missing()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account() -> AccountId {
        AccountId::new(7).unwrap()
    }

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn moved(online: bool) -> Move {
        Move { account: account(), online, at: NOW }
    }

    #[test]
    fn a_visit_outlives_a_short_absence() {
        let mut roster = Roster::new(ReplicaId(1));
        assert!(roster.enter(account(), NOW));
        assert!(!roster.enter(account(), NOW));
        assert_eq!(roster.leave(account()), None);
        let first = roster.leave(account()).unwrap();
        assert!(!roster.enter(account(), NOW), "it came back within the grace");
        assert!(!roster.end(account(), first));
        let second = roster.leave(account()).unwrap();
        assert!(!roster.end(account(), first), "the first farewell was taken back");
        assert!(roster.since(account()).is_some());
        assert!(roster.end(account(), second));
        assert_eq!(roster.since(account()), None);
        assert!(roster.enter(account(), NOW));
    }

    #[test]
    fn each_coming_and_going_is_told_once_and_in_the_end_as_it_is() {
        let mut roster = Roster::new(ReplicaId(1));
        roster.enter(account(), NOW);
        assert!(roster.tell(moved(false), &[]).is_none(), "an old announcement comes late");
        assert_eq!(roster.tell(moved(true), &[]).unwrap().notice.revision, 1);
        assert!(roster.tell(moved(true), &[]).is_none());
        let farewell = roster.leave(account()).unwrap();
        roster.end(account(), farewell);
        let told = roster.tell(moved(false), &[]).unwrap();
        assert!(told.is_heard_here);
        assert_eq!(told.notice.revision, 2);
        assert_eq!(roster.roll()[0].notice, Notice::Roll { part: 0, parts: 1, present: vec![] });
    }

    #[test]
    fn who_goes_here_and_stays_elsewhere_is_still_there() {
        let mut roster = Roster::new(ReplicaId(1));
        roster.enter(account(), NOW);
        roster.tell(moved(true), &[]);
        let elsewhere = |revision, online| {
            let notice = Notice::Moved { account: account(), online, at: NOW, told: vec![] };
            Attendance { replica: ReplicaId(2), revision, notice }
        };
        assert_eq!(roster.hear(elsewhere(1, true), Instant::now(), NOW).moves, []);
        let farewell = roster.leave(account()).unwrap();
        roster.end(account(), farewell);
        assert!(!roster.tell(moved(false), &[]).unwrap().is_heard_here);
        let gone = roster.hear(elsewhere(2, false), Instant::now(), NOW);
        assert_eq!(gone.moves, [moved(false)]);
    }

    #[test]
    fn a_long_roll_is_told_in_parts() {
        let mut roster = Roster::new(ReplicaId(1));
        let count = ROLL_PART_MAX + 1;
        for id in (1..).take(count) {
            let account = AccountId::new(id).unwrap();
            roster.enter(account, NOW);
            roster.tell(Move { account, online: true, at: NOW }, &[]);
        }
        let mut elsewhere = Roster::new(ReplicaId(2));
        let mut moves = Vec::new();
        for part in roster.roll() {
            moves.extend(elsewhere.hear(part, Instant::now(), NOW).moves);
        }
        assert_eq!(moves.len(), count);
    }
}
