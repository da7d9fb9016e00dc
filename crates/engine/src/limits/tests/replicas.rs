//! Several replicas over one ledger.

use std::sync::atomic::{AtomicU32, Ordering};

use tokio::task::JoinSet;

use super::memory::Ledger;
use super::*;

const NOW: &str = "2026-11-21T10:00:00Z";

fn quota(units: u32) -> Quota {
    Quota { units, window: SignedDuration::from_hours(1) }
}

fn replica(ledger: &Arc<Ledger>) -> Arc<Limits> {
    Arc::new(Limits::new(Some(Arc::clone(ledger) as Arc<dyn UnitLedger>)))
}

async fn take(limits: &Limits, units: u32) -> Taken {
    limits.take("send", "7", quota(units), at(NOW)).await.unwrap()
}

/// Takes until nothing is left for `limits`, and gives every `give_back_every`th unit back (0: none).
async fn drain(limits: Arc<Limits>, units: u32, give_back_every: u32, let_through: Arc<AtomicU32>) {
    for times in 1.. {
        let taken = take(&limits, units).await;
        if !taken.allowed {
            return;
        }
        // The last one stays taken: it would be given back for ever.
        if give_back_every != 0 && times % give_back_every == 0 && taken.remaining != 0 {
            limits.give_back("send", "7", quota(units), taken);
        } else {
            let_through.fetch_add(1, Ordering::Relaxed);
        }
        tokio::task::yield_now().await;
    }
}

/// Lets `takers` at each of `replicas` take whatever they get. Answers how many units were let through.
async fn drained(seed: u32, units: u32, replicas: u32, takers: u32, give_back_every: u32) -> u32 {
    let ledger = Ledger::with_delays(seed);
    let replicas: Vec<_> = (0..replicas).map(|_| replica(&ledger)).collect();
    let let_through = Arc::new(AtomicU32::new(0));
    let mut drains = JoinSet::new();
    for limits in &replicas {
        for _ in 0..takers {
            let (limits, let_through) = (Arc::clone(limits), Arc::clone(&let_through));
            drains.spawn(drain(limits, units, give_back_every, let_through));
        }
    }
    drains.join_all().await;
    // What was given back after the others had been refused.
    for limits in replicas {
        drain(limits, units, 0, Arc::clone(&let_through)).await;
    }
    let_through.load(Ordering::Relaxed)
}

/// Quotas, numbers of replicas, and of those who take at each.
const SHAPES: [(u32, u32, u32); 6] =
    [(1, 3, 4), (2, 2, 1), (7, 2, 9), (50, 3, 1), (300, 4, 8), (1_000, 3, 30)];

#[tokio::test]
async fn all_together_let_through_exactly_what_the_window_holds() {
    for seed in 0..50 {
        for (units, replicas, takers) in SHAPES {
            for give_back_every in [0, 3] {
                let let_through = drained(seed, units, replicas, takers, give_back_every).await;
                let case = format!("seed {seed}, {replicas} replicas, {takers} takers at each");
                assert_eq!(let_through, units, "{case}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_limit_is_exact_on_several_threads_too() {
    for seed in 0..20 {
        for (units, replicas, takers) in SHAPES {
            assert_eq!(drained(seed, units, replicas, takers, 3).await, units, "seed {seed}");
        }
    }
}

#[tokio::test]
async fn few_requests_ask_the_ledger() {
    for (units, asked_max) in [(10, 10), (50, 14), (300, 75), (1_000, 145), (10_000, 1_045)] {
        let ledger = Arc::new(Ledger::default());
        let limits = replica(&ledger);
        for _ in 0..units {
            assert!(take(&limits, units).await.allowed);
        }
        assert_eq!(ledger.asked(), asked_max, "{units}");
        for _ in 0..100 {
            assert!(!take(&limits, units).await.allowed);
        }
        assert_eq!(ledger.asked(), asked_max, "{units}: what is used up is known to be");
    }
}

#[tokio::test]
async fn those_who_ask_at_once_wait_for_one_lease_together() {
    let ledger = Ledger::with_delays(7);
    let limits = replica(&ledger);
    let mut requests = JoinSet::new();
    for _ in 0..50 {
        let limits = Arc::clone(&limits);
        requests.spawn(async move { take(&limits, 50).await.allowed });
    }
    assert!(requests.join_all().await.into_iter().all(|allowed| allowed));
    // The first lease is for one share of the quota, the second for everybody who is left waiting.
    assert_eq!(ledger.asked(), 2);
}

#[tokio::test]
async fn a_replica_that_is_asked_no_more_keeps_little_from_the_others() {
    for units in [20, 50, 300, 1_000] {
        let ledger = Arc::new(Ledger::default());
        let [silent, busy] = [replica(&ledger), replica(&ledger)];
        assert!(take(&silent, units).await.allowed);
        let mut let_through = 1;
        while take(&busy, units).await.allowed {
            let_through += 1;
        }
        let unspent = units - let_through;
        assert!(unspent < (units / 50).max(5), "{unspent} of {units} are unspent");
        // They are not lost: the silent one still lets them through, and not one more.
        while take(&silent, units).await.allowed {
            let_through += 1;
        }
        assert_eq!(let_through, units);
    }
}

#[tokio::test]
async fn what_others_have_leased_is_told_from_the_next_lease_on() {
    let ledger = Arc::new(Ledger::default());
    let [one, other] = [replica(&ledger), replica(&ledger)];
    assert_eq!(take(&one, 1_000).await.remaining, 999);
    // Who asks for the first time learns what the others have.
    assert_eq!(take(&other, 1_000).await.remaining, 979);
    let looked = replica(&ledger).look("send", "7", quota(1_000), at(NOW)).await.unwrap();
    assert_eq!(looked.remaining, 960);
    for remaining in (980..999).rev() {
        assert_eq!(take(&one, 1_000).await.remaining, remaining);
    }
    assert_eq!(take(&one, 1_000).await.remaining, 939);
}

#[tokio::test]
async fn who_goes_away_while_waiting_takes_nothing_along() {
    let ledger = Ledger::with_delays(3);
    let limits = replica(&ledger);
    let waiting = tokio::spawn({
        let limits = Arc::clone(&limits);
        async move { take(&limits, 1_000).await }
    });
    while lock(&limits.windows).len() == 0 {
        tokio::task::yield_now().await;
    }
    waiting.abort();
    assert!(waiting.await.unwrap_err().is_cancelled());
    assert_eq!(take(&limits, 1_000).await.remaining, 999);
    assert_eq!(ledger.asked(), 1, "what was leased for the first one is there for the second");
}

#[tokio::test]
async fn without_the_ledger_only_what_is_in_hand_is_let_through() {
    let ledger = Arc::new(Ledger::default());
    let limits = replica(&ledger);
    ledger.put_away(true);
    for _ in 0..3 {
        let failed = limits.take("send", "7", quota(1_000), at(NOW)).await;
        assert!(matches!(failed, Err(EngineError::Unavailable)), "{failed:?}");
        let failed = limits.look("send", "7", quota(1_000), at(NOW)).await;
        assert!(matches!(failed, Err(EngineError::Unavailable)), "{failed:?}");
    }
    ledger.put_away(false);
    assert_eq!(take(&limits, 1_000).await.remaining, 999);
    ledger.put_away(true);
    for remaining in (980..999).rev() {
        assert_eq!(take(&limits, 1_000).await.remaining, remaining);
    }
    let failed = limits.take("send", "7", quota(1_000), at(NOW)).await;
    assert!(matches!(failed, Err(EngineError::Unavailable)), "{failed:?}");
    ledger.put_away(false);
    assert_eq!(take(&limits, 1_000).await.remaining, 979);
}

#[tokio::test]
async fn what_is_let_once_an_interval_is_let_by_one_replica() {
    let ledger = Arc::new(Ledger::default());
    let [one, other] = [replica(&ledger), replica(&ledger)];
    let minute = SignedDuration::from_mins(1);
    let take_once = async |limits: &Limits, time| {
        limits
            .take_once("mail", "7", minute, at(time))
            .await
            .map(|taken| (taken.allowed, taken.until))
    };
    let until = at("2026-11-21T10:01:30Z");
    assert_eq!(take_once(&one, "2026-11-21T10:00:30Z").await.unwrap(), (true, until));
    assert_eq!(take_once(&other, "2026-11-21T10:01:29.999Z").await.unwrap(), (false, until));
    // What was heard once is not asked again.
    ledger.put_away(true);
    assert_eq!(take_once(&other, "2026-11-21T10:01:29.999Z").await.unwrap(), (false, until));
    let failed = take_once(&other, "2026-11-21T10:01:30Z").await;
    assert!(matches!(failed, Err(EngineError::Unavailable)), "{failed:?}");
    ledger.put_away(false);
    let until = at("2026-11-21T10:02:30Z");
    assert_eq!(take_once(&other, "2026-11-21T10:01:30Z").await.unwrap(), (true, until));
    assert_eq!(take_once(&one, "2026-11-21T10:01:30Z").await.unwrap(), (false, until));
}

#[tokio::test]
async fn the_ledger_is_told_to_forget_what_is_over() {
    let ledger = Arc::new(Ledger::default());
    let limits = replica(&ledger);
    let second = Quota { units: 50, window: SignedDuration::from_secs(1) };
    for seconds in 0..2_000 {
        let now = at(NOW) + SignedDuration::from_secs(seconds);
        assert_eq!(limits.take("send", "7", second, now).await.unwrap().remaining, 49);
    }
    assert!(ledger.windows() <= 200, "{} windows", ledger.windows());
}
