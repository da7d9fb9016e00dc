//! The ledger of rate limits in PostgreSQL, through which several servers count together.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use domain::{SignedDuration, Timestamp};
use engine::EngineError;
use engine::limits::{FORGOTTEN_AT_ONCE, Lease, Limits, Quota, UnitLedger, UnitWindow};
use engine::store::{Store as _, StoreError};
use store::postgres::PostgresStore;
use tokio::task::JoinSet;

/// An empty database, and as many servers on it as are asked for.
struct Database(local_services::Schema);

impl Database {
    async fn empty() -> Self {
        Self(tokio::task::spawn_blocking(local_services::fresh_schema).await.unwrap().unwrap())
    }

    async fn open(&self) -> Arc<PostgresStore> {
        Arc::new(PostgresStore::open(self.0.url()).await.unwrap())
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A window of the hour from ten o'clock.
fn window(subject: &str, units: u32) -> UnitWindow {
    let until = at("2026-11-21T11:00:00Z");
    UnitWindow { what: "send", subject: subject.to_owned(), until, units }
}

#[tokio::test(flavor = "multi_thread")]
async fn units_are_granted_until_the_window_has_none_left() {
    let database = Database::empty().await;
    let [one, other] = [database.open().await, database.open().await];
    let hundred = window("7", 100);
    assert_eq!(one.lease(&hundred, 30).await.unwrap(), Lease { granted: 30, taken: 30 });
    assert_eq!(other.lease(&hundred, 30).await.unwrap(), Lease { granted: 30, taken: 60 });
    assert_eq!(one.lease(&hundred, 30).await.unwrap(), Lease { granted: 30, taken: 90 });
    assert_eq!(other.lease(&hundred, 30).await.unwrap(), Lease { granted: 10, taken: 100 });
    for store in [&one, &other] {
        assert_eq!(store.lease(&hundred, 1).await.unwrap(), Lease { granted: 0, taken: 100 });
    }
    // A lease is never larger than the window, nor is more granted when a server has a smaller limit by its settings.
    let taken = one.lease(&window("8", 7), 30).await.unwrap();
    assert_eq!(taken, Lease { granted: 7, taken: 7 });
    assert_eq!(one.lease(&window("7", 50), 1).await.unwrap(), Lease { granted: 0, taken: 100 });
}

#[tokio::test(flavor = "multi_thread")]
async fn windows_are_told_apart_by_what_who_and_when() {
    let database = Database::empty().await;
    let store = database.open().await;
    let first = window("7", u32::MAX);
    let until = first.until + SignedDuration::from_millis(1);
    let windows = [
        first.clone(),
        UnitWindow { what: "list", ..first.clone() },
        UnitWindow { until, ..first.clone() },
        window("", u32::MAX),
        window("7 ", u32::MAX),
        // What a stranger may send as an e-mail address.
        window("127.0.0.1 \0\u{fffe}'; DROP TABLE unit_leases", u32::MAX),
        window(&"я".repeat(600), u32::MAX),
    ];
    for window in &windows {
        let lease = store.lease(window, u32::MAX - 1).await.unwrap();
        assert_eq!(lease, Lease { granted: u32::MAX - 1, taken: u32::MAX - 1 }, "{window:?}");
    }
    for window in &windows {
        let lease = store.lease(window, 9).await.unwrap();
        assert_eq!(lease, Lease { granted: 1, taken: u32::MAX }, "{window:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_gets_what_is_let_once_an_interval() {
    let database = Database::empty().await;
    let [one, other] = [database.open().await, database.open().await];
    let take = async |store: &PostgresStore, now, until| {
        store.take_once("mail", "7", at(now), at(until)).await.unwrap()
    };
    let (ten, one_past, two_past) =
        ("2026-11-21T10:00:00Z", "2026-11-21T10:01:00Z", "2026-11-21T10:02:00Z");
    assert_eq!(take(&one, ten, one_past).await, None);
    // The very same request of another server is another one.
    assert_eq!(take(&other, ten, one_past).await, Some(at(one_past)));
    assert_eq!(take(&other, "2026-11-21T10:00:59.999Z", two_past).await, Some(at(one_past)));

    let mut requests = JoinSet::new();
    for index in 0..20 {
        let store = Arc::clone(if index % 2 == 0 { &one } else { &other });
        requests.spawn(async move {
            store.take_once("mail", "7", at(one_past), at(two_past)).await.unwrap()
        });
    }
    let answers = requests.join_all().await;
    assert_eq!(answers.iter().filter(|answer| answer.is_none()).count(), 1);
    assert_eq!(answers.iter().filter(|answer| **answer == Some(at(two_past))).count(), 19);
    assert_eq!(one.take_once("mail", "8", at(ten), at(one_past)).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_over_is_forgotten_some_at_a_time() {
    let database = Database::empty().await;
    let store = database.open().await;
    let running = window("running", 10);
    store.lease(&running, 1).await.unwrap();
    let count = i64::from(FORGOTTEN_AT_ONCE) + 20;
    for index in 0..count {
        let until = running.until - SignedDuration::from_secs(1 + index);
        store.lease(&UnitWindow { until, ..window("over", 10) }, 10).await.unwrap();
    }
    store
        .take_once("mail", "7", at("2026-11-21T10:00:00Z"), at("2026-11-21T10:01:00Z"))
        .await
        .unwrap();

    let is_remembered = async |index| {
        let until = running.until - SignedDuration::from_secs(1 + index);
        let lease = store.lease(&UnitWindow { until, ..window("over", 10) }, 0).await.unwrap();
        lease.taken != 0
    };
    store.forget(running.until).await.unwrap();
    assert!(!is_remembered(count - 1).await, "the oldest go first");
    assert!(is_remembered(0).await);
    store.forget(running.until).await.unwrap();
    assert!(!is_remembered(0).await);
    assert_eq!(store.lease(&running, 1).await.unwrap().taken, 2, "it is not over at its end");
    let again =
        store.take_once("mail", "7", at("2026-11-21T10:00:30Z"), at("2026-11-21T10:01:30Z"));
    assert_eq!(again.await.unwrap(), None, "the interval is forgotten as well");
}

/// Counts how often a ledger is asked.
struct Counted {
    ledger: Arc<PostgresStore>,
    leases: AtomicU32,
}

#[async_trait]
impl UnitLedger for Counted {
    async fn lease(&self, window: &UnitWindow, units: u32) -> Result<Lease, StoreError> {
        self.leases.fetch_add(1, Ordering::Relaxed);
        self.ledger.lease(window, units).await
    }

    async fn take_once(
        &self,
        what: &'static str,
        subject: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        self.ledger.take_once(what, subject, now, until).await
    }

    async fn forget(&self, before: Timestamp) -> Result<(), StoreError> {
        self.ledger.forget(before).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn three_thousand_requests_to_two_servers_are_a_thousand_answers() {
    const QUOTA: Quota = Quota { units: 1_000, window: SignedDuration::from_hours(1) };
    let database = Database::empty().await;
    let mut requests = JoinSet::new();
    let mut servers = Vec::new();
    for _ in 0..2 {
        let ledger = Counted { ledger: database.open().await, leases: AtomicU32::new(0) };
        let ledger = Arc::new(ledger);
        let limits = Arc::new(Limits::new(Some(Arc::clone(&ledger) as Arc<dyn UnitLedger>)));
        servers.push((ledger, limits));
    }
    for index in 0..3_000 {
        let limits = Arc::clone(&servers[index % 2].1);
        requests.spawn(async move {
            limits.take("send", "7", QUOTA, at("2026-11-21T10:00:00Z")).await.unwrap().allowed
        });
    }
    let answers = requests.join_all().await;
    assert_eq!(answers.into_iter().filter(|allowed| *allowed).count(), 1_000);
    let leases: u32 = servers.iter().map(|(ledger, _)| ledger.leases.load(Ordering::Relaxed)).sum();
    assert!(leases <= 150, "{leases} leases");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_database_counts_nothing() {
    const QUOTA: Quota = Quota { units: 1_000, window: SignedDuration::from_hours(1) };
    let database = Database::empty().await;
    let store = database.open().await;
    let limits = Limits::new(Some(Arc::clone(&store) as Arc<dyn UnitLedger>));
    store.close().await.unwrap();
    let now = at("2026-11-21T10:00:00Z");
    let refused = limits.take("send", "7", QUOTA, now).await;
    assert!(matches!(refused, Err(EngineError::Unavailable)), "{refused:?}");
    let refused = limits.take_once("mail", "7", QUOTA.window, now).await;
    assert!(matches!(refused, Err(EngineError::Unavailable)), "{refused:?}");
}
