//! Engines that share a store, as replicas do, with NATS between them, with a relay inside this process, and with none.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod in_process;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use domain::account::Account;
use domain::catalog::Fact;
use domain::chat::Side;
use domain::commands::{Draft, Subject};
use domain::id::{AccountId, ChatId};
use domain::policy::{FileRules, Policy, SellerRules, TextRules};
use domain::text::Text;
use domain::{SignedDuration, Timestamp};
use engine::access::Caller;
use engine::clock::ManualClock;
use engine::random::{Random, SystemRandom};
use engine::relay::{self, Relay, RelayState};
use engine::store::Store;
use engine::wakeups::{Heard, Listener, Signal};
use engine::{Engine, Parts};
use local_services::Nats;
use relay_nats::{NatsRelay, Settings};
use store::sqlite::SqliteStore;
use tokio::time::timeout;

use in_process::Network;

const SELLER: i64 = 7;
const BUYER: i64 = 42;
/// Nothing that a test waits for takes longer.
const PATIENCE: Duration = Duration::from_secs(30);
/// What a relay brings, and what is found by looking every second, comes within this time on a machine that is busy with
/// other tests; what is found while a relay is connected comes after five seconds.
const PROMPTLY: Duration = Duration::from_secs(2);

fn account(id: i64) -> AccountId {
    AccountId::new(id).unwrap()
}

fn caller(id: i64) -> Caller {
    Caller::account_holder(account(id))
}

/// What replicas have in common.
struct Installation {
    store: Arc<dyn Store>,
    clock: Arc<ManualClock>,
    folder: tempfile::TempDir,
}

impl Installation {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path().join("torg.sqlite")).unwrap();
        let start = Timestamp::from_second(1_750_000_000).unwrap();
        let clock = Arc::new(ManualClock::starting_at(start));
        let people = [SELLER, BUYER].map(|id| {
            Fact::Account(Box::new(Account::new(account(id), format!("Account {id}"), start)), None)
        });
        store.put_facts(people.into()).await.unwrap();
        Self { store: Arc::new(store), clock, folder }
    }

    async fn replica(&self, relay: Arc<dyn Relay>) -> Engine {
        let policy = Policy {
            text: TextRules {
                chars_max: 1000,
                tidied: false,
                blank_allowed: true,
                control_characters_refused: false,
            },
            files: FileRules { bytes_max: 1000, per_message_max: 10, pictures_only: false },
            seller: SellerRules { opens_other_chat: true, ..SellerRules::UNBOUND },
        };
        let parts = Parts {
            store: Arc::clone(&self.store),
            vault: media::Vault::open(&self.folder.path().join("attachments")).unwrap(),
            committers: std::num::NonZeroUsize::MIN,
            clock: Arc::clone(&self.clock) as Arc<_>,
            random: Arc::new(SystemRandom),
            relay,
            unit_ledger: None,
            public_url: "http://localhost".to_owned(),
        };
        Engine::start(parts, policy).await.unwrap()
    }

    /// Two replicas with NATS between them.
    async fn two_with_nats(&self, url: &str) -> [Engine; 2] {
        static INSTALLATIONS: AtomicU32 = AtomicU32::new(0);
        let number = INSTALLATIONS.fetch_add(1, Ordering::Relaxed);
        let prefix = format!("torg.replicas-{}-{number}", std::process::id());
        let relay = async || {
            let settings = Settings {
                address: url.parse().unwrap(),
                subject_prefix: prefix.clone(),
                installation: "ours".to_owned(),
                secret: [1; 32],
                salt: <dyn Random>::uuid(&SystemRandom).into_bytes(),
            };
            NatsRelay::start(settings).await.unwrap()
        };
        let both = [
            self.replica(Arc::new(relay().await)).await,
            self.replica(Arc::new(relay().await)).await,
        ];
        for engine in &both {
            is_in(engine, RelayState::Connected).await;
        }
        both
    }
}

async fn is_in(engine: &Engine, wanted: RelayState) {
    until(|| engine.relay_state() == wanted).await;
}

async fn until(is_so: impl Fn() -> bool) {
    let wait = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, wait).await.unwrap();
}

async fn a_chat(engine: &Engine) -> ChatId {
    let subject = Subject::Account { other: account(BUYER), as_side: Side::Seller };
    engine.open_chat(&caller(SELLER), subject, None).await.unwrap().chat.id
}

/// Lets the buyer write.
async fn say(engine: &Engine, chat: ChatId) {
    let text = Text::new("Здравствуйте!", &engine.policy().text).unwrap();
    engine.post_message(&caller(BUYER), chat, Draft::text(text)).await.unwrap();
}

/// The first listener to an account, of which everything is taken that was there before, and the end of its log.
async fn listener(engine: &Engine, id: i64) -> (Listener, i64) {
    let mut listener = engine.listen(account(id));
    // The first look at an account is told as a change of its credentials.
    hear(&mut listener, PATIENCE, |heard| *heard == Heard::Signal(Signal::CredentialsChanged))
        .await;
    let newest = engine.events(&caller(id), i64::MAX, 1).await.unwrap().newest;
    (listener, newest)
}

/// Waits for what is wanted, and passes over everything else. How long it took.
async fn hear(
    listener: &mut Listener,
    time_max: Duration,
    is_wanted: impl Fn(&Heard) -> bool,
) -> Duration {
    let began = Instant::now();
    let wait = async { while !is_wanted(&listener.heard().await) {} };
    timeout(time_max, wait).await.expect("something that was to be heard");
    began.elapsed()
}

/// Waits until the listener was told of an entry behind `sequence`.
async fn hear_beyond(listener: &mut Listener, sequence: i64, time_max: Duration) {
    let wait = async {
        while listener.newest() <= sequence {
            listener.heard().await;
        }
    };
    timeout(time_max, wait).await.expect("an entry to be told");
}

fn is_presence(heard: &Heard, id: i64, is_online: bool) -> bool {
    matches!(heard, Heard::Signal(Signal::Presence { account: who, online, .. })
        if *who == account(id) && *online == is_online)
}

fn is_typing(heard: &Heard) -> bool {
    matches!(heard, Heard::Signal(Signal::Typing { by, .. }) if *by == account(BUYER))
}

/// Everything that goes from one to the other.
async fn the_other_hears_everything_promptly(installation: &Installation, both: &[Engine; 2]) {
    let [one, other] = both;
    let chat = a_chat(one).await;
    let (mut seller, newest) = listener(other, SELLER).await;

    say(one, chat).await;
    hear_beyond(&mut seller, newest, PROMPTLY).await;
    it_is_told_what_was_said(other, newest).await;
    one.tell_typing(&caller(BUYER), chat).await.unwrap();
    hear(&mut seller, PROMPTLY, is_typing).await;

    // The buyer is at both, and has gone when both say so.
    let here = one.come_online(account(BUYER));
    hear(&mut seller, PROMPTLY, |heard| is_presence(heard, BUYER, true)).await;
    let there = other.come_online(account(BUYER));
    assert_eq!(other.online_counterparts(account(SELLER)).await.unwrap().len(), 1);
    drop(here);
    // The grace of a connection that ended begins a moment later.
    tokio::time::sleep(Duration::from_millis(100)).await;
    installation.clock.advance(SignedDuration::from_secs(5));
    let silence = timeout(Duration::from_millis(300), async {
        while !is_presence(&seller.heard().await, BUYER, false) {}
    });
    assert!(silence.await.is_err(), "it is still there");
    drop(there);
    tokio::time::sleep(Duration::from_millis(100)).await;
    installation.clock.advance(SignedDuration::from_secs(5));
    hear(&mut seller, PROMPTLY, |heard| is_presence(heard, BUYER, false)).await;

    a_revoked_key_is_heard_of_promptly(one, &mut seller).await;
}

/// Whoever follows the seller's log need not look up the message behind `newest`.
async fn it_is_told_what_was_said(engine: &Engine, newest: i64) {
    let seller = caller(SELLER);
    until(|| !engine.told_events(&seller, newest).entries.is_empty()).await;
    let told = engine.told_events(&seller, newest);
    let stored = engine.messages_of_entries(&seller, &told.entries, &[]).await.unwrap();
    let [said] = &told.said[..] else { panic!("{told:?}") };
    assert_eq!(stored[&said.1.id], *said);
}

async fn a_revoked_key_is_heard_of_promptly(engine: &Engine, seller: &mut Listener) {
    let key = engine.new_key(Some(account(SELLER)), "native", "test", &engine.random().token());
    engine.put_key(&key).await.unwrap().unwrap();
    assert!(engine.revoke_key(Some(account(SELLER)), key.id).await.unwrap());
    hear(seller, PROMPTLY, |heard| *heard == Heard::Signal(Signal::CredentialsChanged)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_inside_the_process_carries_everything() {
    let installation = Installation::new().await;
    let network = Network::default();
    let both =
        [installation.replica(network.join()).await, installation.replica(network.join()).await];
    the_other_hears_everything_promptly(&installation, &both).await;
    assert!(!both[1].may_miss_news());
}

#[tokio::test(flavor = "multi_thread")]
async fn nats_carries_everything() {
    let installation = Installation::new().await;
    let both = installation.two_with_nats(&local_services::nats_url().unwrap()).await;
    the_other_hears_everything_promptly(&installation, &both).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nats_that_is_restarted_costs_time_and_no_entry() {
    let installation = Installation::new().await;
    let nats = Nats::start().unwrap();
    let both = installation.two_with_nats(&nats.url()).await;
    let [one, other] = &both;
    let chat = a_chat(one).await;
    let (mut seller, newest) = listener(other, SELLER).await;

    nats.stop().unwrap();
    for engine in &both {
        is_in(engine, RelayState::Away).await;
        until(|| engine.may_miss_news()).await;
    }
    say(one, chat).await;
    hear_beyond(&mut seller, newest, PROMPTLY).await;
    // Also who is connected is told of a key's end in time.
    a_revoked_key_is_heard_of_promptly(one, &mut seller).await;

    nats.start_again().unwrap();
    for engine in &both {
        is_in(engine, RelayState::Connected).await;
        until(|| !engine.may_miss_news()).await;
    }
    let newest = seller.newest();
    say(one, chat).await;
    hear_beyond(&mut seller, newest, PROMPTLY).await;
    drop(seller);
    the_other_hears_everything_promptly(&installation, &both).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_relay_everything_but_passing_hints_is_found() {
    let installation = Installation::new().await;
    let [one, other] =
        [installation.replica(relay::none()).await, installation.replica(relay::none()).await];
    let chat = a_chat(&one).await;
    let (mut seller, newest) = listener(&other, SELLER).await;
    say(&one, chat).await;
    hear_beyond(&mut seller, newest, PROMPTLY).await;
    a_revoked_key_is_heard_of_promptly(&one, &mut seller).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_is_cut_off_hears_and_is_heard() {
    let installation = Installation::new().await;
    let network = Network::default();
    let (relay, cut_off_relay) = (network.join(), network.join());
    let engine = installation.replica(relay).await;
    let cut_off = installation.replica(Arc::clone(&cut_off_relay) as Arc<_>).await;
    let chat = a_chat(&engine).await;
    let (mut here, _) = listener(&engine, SELLER).await;
    let (mut there, newest) = listener(&cut_off, SELLER).await;
    let there_is_the_buyer = cut_off.come_online(account(BUYER));
    hear(&mut here, PROMPTLY, |heard| is_presence(heard, BUYER, true)).await;

    cut_off_relay.cut();
    until(|| cut_off.may_miss_news()).await;
    say(&engine, chat).await;
    hear_beyond(&mut there, newest, PROMPTLY).await;
    // The others notice its silence, and look at the store for what it does.
    hear(&mut here, PATIENCE, |heard| is_presence(heard, BUYER, false)).await;
    until(|| engine.may_miss_news()).await;
    let newest = engine.events(&caller(SELLER), i64::MAX, 1).await.unwrap().newest;
    say(&cut_off, chat).await;
    hear_beyond(&mut here, newest, PROMPTLY).await;
    a_revoked_key_is_heard_of_promptly(&cut_off, &mut here).await;

    cut_off_relay.mend();
    hear(&mut here, PATIENCE, |heard| is_presence(heard, BUYER, true)).await;
    until(|| !engine.may_miss_news() && !cut_off.may_miss_news()).await;
    drop(there_is_the_buyer);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_cut_off_does_not_take_the_others_people_for_present() {
    let installation = Installation::new().await;
    let network = Network::default();
    let (relay, cut_off_relay) = (network.join(), network.join());
    let engine = installation.replica(relay).await;
    let cut_off = installation.replica(Arc::clone(&cut_off_relay) as Arc<_>).await;
    a_chat(&engine).await;
    let (mut seller, _) = listener(&cut_off, SELLER).await;
    let _buyer = engine.come_online(account(BUYER));
    hear(&mut seller, PROMPTLY, |heard| is_presence(heard, BUYER, true)).await;

    cut_off_relay.cut();
    hear(&mut seller, PATIENCE, |heard| is_presence(heard, BUYER, false)).await;
    assert_eq!(cut_off.online_counterparts(account(SELLER)).await.unwrap(), []);
    cut_off_relay.mend();
    hear(&mut seller, PATIENCE, |heard| is_presence(heard, BUYER, true)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_comes_later_learns_who_is_there() {
    let installation = Installation::new().await;
    let network = Network::default();
    let first = installation.replica(network.join()).await;
    a_chat(&first).await;
    let _buyer = first.come_online(account(BUYER));
    tokio::time::sleep(Duration::from_millis(200)).await;
    let second = installation.replica(network.join()).await;
    let mut seller = second.listen(account(SELLER));
    hear(&mut seller, PATIENCE, |heard| is_presence(heard, BUYER, true)).await;
    assert_eq!(second.online_counterparts(account(SELLER)).await.unwrap().len(), 1);
}
