//! Who is there: an account is online while a live connection of it is open, here or at another replica. Nothing of it
//! is stored.

mod elsewhere;
mod roster;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::SignedDuration;
use domain::id::AccountId;
use domain::time::later;
use tokio::sync::Semaphore;
use tokio::time::Instant;

pub(crate) use self::elsewhere::SIGN_INTERVAL;
use self::elsewhere::{Move, Outcome};
use self::roster::Roster;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::relay::{Attendance, News, Notice, ReplicaId};
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
    roster: Mutex<Roster>,
    announcements: Semaphore,
}

/// A live connection of an account: the account is online until the last one is dropped.
pub struct Online {
    engine: Engine,
    account: AccountId,
}

impl Presence {
    pub(crate) fn new(replica: ReplicaId) -> Self {
        Self {
            roster: Mutex::new(Roster::new(replica)),
            announcements: Semaphore::new(ANNOUNCEMENTS_AT_ONCE),
        }
    }

    /// How many other replicas are heard.
    pub(crate) fn others(&self) -> usize {
        self.roster().others()
    }

    /// Whether a replica fell silent that may still be at work.
    pub(crate) fn is_one_missing(&self) -> bool {
        self.roster().is_one_missing()
    }

    /// Gives the other replicas time again to be heard: the silence was on this side.
    pub(crate) fn bear_with_all(&self) {
        self.roster().bear_with_all(Instant::now());
    }

    fn roster(&self) -> MutexGuard<'_, Roster> {
        self.roster.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Engine {
    /// Counts a live connection of `account`, which is online as long as there is one, and tells those with whom it
    /// has most recently had to do and who listen.
    pub fn come_online(&self, account: AccountId) -> Online {
        let at = self.now();
        if self.presence().roster().enter(account, at) {
            let engine = self.clone();
            tokio::spawn(async move { engine.announce(Move { account, online: true, at }).await });
        }
        Online { engine: self.clone(), account }
    }

    /// Those of the accounts with which `account` has most recently had to do that are online, as the signals that would
    /// tell so.
    pub async fn online_counterparts(
        &self,
        account: AccountId,
    ) -> Result<Vec<Signal>, EngineError> {
        let counterparts = self.counterparts(account).await?;
        let roster = self.presence().roster();
        let online = counterparts.into_iter().filter_map(|account| {
            let at = roster.since(account)?;
            Some(Signal::Presence { account, online: true, at })
        });
        Ok(online.collect())
    }

    /// Tells of an account that came to this replica, or went.
    async fn announce(&self, moved: Move) {
        // The semaphore is never closed.
        let _turn = self.presence().announcements.acquire().await;
        let counterparts: Vec<_> = match self.counterparts(moved.account).await {
            Ok(counterparts) => counterparts.into_iter().collect(),
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "nobody was told who came or went"
                );
                Vec::new()
            }
        };
        let mut roster = self.presence().roster();
        let Some(told) = roster.tell(moved, &counterparts) else { return };
        // The roster is still held: the others hear everything in the order of its numbers.
        self.relay().tell(News::Attendance(told.notice));
        drop(roster);
        if told.is_heard_here {
            self.signal_move(moved, &counterparts);
        }
    }

    /// Says something to the other replicas in the name of this one.
    pub(crate) fn say(&self, notice: Notice) {
        let roster = self.presence().roster();
        self.relay().tell(News::Attendance(roster.say(notice)));
    }

    /// Tells the other replicas who is here.
    pub(crate) fn say_roll(&self) {
        let roster = self.presence().roster();
        for part in roster.roll() {
            self.relay().tell(News::Attendance(part));
        }
    }

    /// Takes in what another replica said about who is there. True when it wants to know who is here.
    pub(crate) fn hear_attendance(&self, said: Attendance) -> bool {
        let at = self.now();
        let Outcome { moves, told, ask, wants_roll } =
            self.presence().roster().hear(said, Instant::now(), at);
        match told {
            Some(told) => moves.iter().for_each(|&moved| self.signal_move(moved, &told)),
            None => self.announce_here(moves),
        }
        if ask.is_some() {
            self.say(Notice::RollCall { of: ask });
        }
        wants_roll
    }

    /// Forgets replicas that have been silent for too long, and tells who is gone with them.
    pub(crate) fn forget_silent_replicas(&self) {
        let gone = self.presence().roster().forget_silent(Instant::now(), self.now());
        self.announce_here(gone);
    }

    /// Tells those who listen here of moves for which nobody said who is to hear of them.
    fn announce_here(&self, moves: Vec<Move>) {
        if !moves.is_empty() {
            let engine = self.clone();
            tokio::spawn(async move {
                if let Err(error) = engine.find_who_is_to_hear(moves).await {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "not everybody was told who came or went elsewhere"
                    );
                }
            });
        }
    }

    /// Who shares a chat with whom can be asked from both sides: the shorter list is asked.
    async fn find_who_is_to_hear(&self, moves: Vec<Move>) -> Result<(), EngineError> {
        let listeners = self.wakeups().accounts();
        let moves: HashMap<_, _> = moves.into_iter().map(|moved| (moved.account, moved)).collect();
        if listeners.len() < moves.len() {
            for listener in listeners {
                let _turn = self.presence().announcements.acquire().await;
                for counterpart in self.counterparts(listener).await? {
                    if let Some(&moved) = moves.get(&counterpart) {
                        self.signal_move_if_so(moved, &[listener]);
                    }
                }
            }
        } else {
            for moved in moves.into_values() {
                let _turn = self.presence().announcements.acquire().await;
                let told: Vec<_> = self.counterparts(moved.account).await?.into_iter().collect();
                self.signal_move_if_so(moved, &told);
            }
        }
        Ok(())
    }

    fn signal_move_if_so(&self, moved: Move, told: &[AccountId]) {
        let is_online = self.presence().roster().since(moved.account).is_some();
        if is_online == moved.online {
            self.signal_move(moved, told);
        }
    }

    fn signal_move(&self, moved: Move, told: &[AccountId]) {
        let Move { account, online, at } = moved;
        for &listener in told {
            self.wakeups().signal_here(listener, Signal::Presence { account, online, at });
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
        let Some(farewell) = self.engine.presence().roster().leave(account) else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let engine = self.engine.clone();
        runtime.spawn(async move {
            let at = engine.now();
            engine.sleep_until(later(at, OFFLINE_GRACE)).await;
            if engine.presence().roster().end(account, farewell) {
                engine.announce(Move { account, online: false, at }).await;
            }
        });
    }
}

impl std::fmt::Debug for Online {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Online").field(&self.account).finish()
    }
}
