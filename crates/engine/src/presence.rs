//! Who is there: an account is online while a live connection of it is open here. Nothing of it is stored.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::id::AccountId;
use domain::time::later;
use domain::{SignedDuration, Timestamp};
use tokio::sync::Semaphore;

use crate::engine::Engine;
use crate::error::EngineError;
use crate::store::ActivityQuery;
use crate::wakeups::Signal;

/// How long an account counts as online after its last connection ended, so that a client that connects again does not
/// seem to go and come.
const OFFLINE_GRACE: SignedDuration = SignedDuration::from_secs(5);
/// Those with whom an account shares one of so many chats, the most recently active ones, hear of it.
const TOLD_CHATS: usize = 100;
/// So many comings and goings are told at once: after a restart everybody comes.
const ANNOUNCEMENTS_AT_ONCE: usize = 4;

/// Which accounts are there.
#[derive(Debug)]
pub(crate) struct Presence {
    visits: Mutex<HashMap<AccountId, Visit>>,
    announcements: Semaphore,
}

/// From the first connection of an account to the grace after the last.
#[derive(Clone, Copy, Debug)]
struct Visit {
    since: Timestamp,
    connections: usize,
    /// How often the last connection ended, which tells one farewell from a later one.
    farewells: u64,
}

/// A live connection of an account: the account is online until the last one is dropped.
pub struct Online {
    engine: Engine,
    account: AccountId,
}

impl Default for Presence {
    fn default() -> Self {
        Self { visits: Mutex::default(), announcements: Semaphore::new(ANNOUNCEMENTS_AT_ONCE) }
    }
}

impl Presence {
    /// Counts a connection. True when the account was not there before.
    fn enter(&self, account: AccountId, now: Timestamp) -> bool {
        let mut visits = self.visits();
        let visit =
            visits.entry(account).or_insert(Visit { since: now, connections: 0, farewells: 0 });
        visit.connections += 1;
        visit.connections == 1 && visit.farewells == 0
    }

    /// Counts a connection less. When it was the last: the number of this farewell.
    fn leave(&self, account: AccountId) -> Option<u64> {
        let mut visits = self.visits();
        let visit = visits.get_mut(&account)?;
        visit.connections -= 1;
        if visit.connections != 0 {
            return None;
        }
        visit.farewells += 1;
        Some(visit.farewells)
    }

    /// Ends the visit, unless somebody came back after this farewell.
    fn end(&self, account: AccountId, farewell: u64) -> bool {
        let mut visits = self.visits();
        let is_over = visits
            .get(&account)
            .is_some_and(|visit| visit.connections == 0 && visit.farewells == farewell);
        if is_over {
            visits.remove(&account);
        }
        is_over
    }

    fn since(&self, account: AccountId) -> Option<Timestamp> {
        self.visits().get(&account).map(|visit| visit.since)
    }

    fn visits(&self) -> MutexGuard<'_, HashMap<AccountId, Visit>> {
        self.visits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Engine {
    /// Counts a live connection of `account`, which is online as long as there is one, and tells those with whom it
    /// has most recently had to do and who listen here.
    pub fn come_online(&self, account: AccountId) -> Online {
        let now = self.now();
        if self.presence().enter(account, now) {
            let engine = self.clone();
            tokio::spawn(async move { engine.announce(account, true, now).await });
        }
        Online { engine: self.clone(), account }
    }

    /// Those of the accounts with which `account` has most recently had to do that are online here, as the signals that
    /// would tell so.
    pub async fn online_counterparts(
        &self,
        account: AccountId,
    ) -> Result<Vec<Signal>, EngineError> {
        let counterparts = self.counterparts(account).await?;
        let online = counterparts.into_iter().filter_map(|account| {
            let at = self.presence().since(account)?;
            Some(Signal::Presence { account, online: true, at })
        });
        Ok(online.collect())
    }

    async fn announce(&self, account: AccountId, online: bool, at: Timestamp) {
        // The semaphore is never closed.
        let _turn = self.presence().announcements.acquire().await;
        match self.counterparts(account).await {
            // Who came back meanwhile, or went again, is told by an announcement of its own, which may be faster.
            Ok(_) if self.presence().since(account).is_some() != online => {}
            Ok(counterparts) => {
                for counterpart in counterparts {
                    self.wakeups()
                        .signal_here(counterpart, Signal::Presence { account, online, at });
                }
            }
            Err(error) => tracing::warn!(
                error = &error as &dyn std::error::Error,
                "nobody was told who came or went"
            ),
        }
    }

    /// Those who sit across from `account` in its most recently active chats. Where the buyer has blocked the seller,
    /// neither hears of the other.
    async fn counterparts(&self, account: AccountId) -> Result<BTreeSet<AccountId>, EngineError> {
        let query = ActivityQuery {
            account,
            side: None,
            over: None,
            unread_only: false,
            skip_hidden: false,
            after: None,
            limit: TOLD_CHATS,
        };
        let chats = self.store().chats_by_activity(&query).await?;
        let across = chats.iter().filter(|chat| !chat.blocked_by_buyer).filter_map(|chat| {
            let side = chat.side_of(account)?;
            Some(chat.seat(side.other()).account)
        });
        Ok(across.collect())
    }
}

impl Drop for Online {
    fn drop(&mut self) {
        let account = self.account;
        let Some(farewell) = self.engine.presence().leave(account) else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let engine = self.engine.clone();
        runtime.spawn(async move {
            let left_at = engine.now();
            engine.sleep_until(later(left_at, OFFLINE_GRACE)).await;
            if engine.presence().end(account, farewell) {
                engine.announce(account, false, left_at).await;
            }
        });
    }
}

impl std::fmt::Debug for Online {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Online").field(&self.account).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_visit_outlives_a_short_absence() {
        let presence = Presence::default();
        let account = AccountId::new(7).unwrap();
        let now = Timestamp::UNIX_EPOCH;
        assert!(presence.enter(account, now));
        assert!(!presence.enter(account, now));
        assert_eq!(presence.leave(account), None);
        let first = presence.leave(account).unwrap();
        assert!(!presence.enter(account, now), "it came back within the grace");
        assert!(!presence.end(account, first));
        let second = presence.leave(account).unwrap();
        assert!(!presence.end(account, first), "the first farewell was taken back");
        assert!(presence.since(account).is_some());
        assert!(presence.end(account, second));
        assert_eq!(presence.since(account), None);
        assert!(presence.enter(account, now));
    }
}
