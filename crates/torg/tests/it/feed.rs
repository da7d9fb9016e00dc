//! Readers of one account's log that share what is rendered.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use domain::SignedDuration;
use domain::commands::Subject;
use domain::id::{AccountId, ChatId};
use engine::access::Caller;
use engine::store::{LogEntry, Said};
use engine::wakeups::Signal;
use engine::{Engine, EngineError};
use live::{Feed, Next, Reader, Render, Rendered};
use testkit::{BUYER, PRODUCT, SELLER, Server};

/// Renders an entry as its sequence, and counts.
#[derive(Clone, Default)]
struct Counting(Arc<AtomicUsize>);

#[async_trait]
impl Render for Counting {
    type Content = i64;

    async fn render(
        &self,
        _account: AccountId,
        entries: &[LogEntry],
        _said: &[Said],
    ) -> Result<Vec<Rendered<i64>>, EngineError> {
        self.0.fetch_add(entries.len(), Ordering::SeqCst);
        let of_entry =
            |logged: &LogEntry| Rendered { content: Some(logged.sequence), delivery: None };
        Ok(entries.iter().map(of_entry).collect())
    }
}

impl Counting {
    fn rendered(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// Like [`Counting`], once the database can be read again.
struct Hiccuping {
    failures_left: AtomicUsize,
    rendering: Counting,
}

#[async_trait]
impl Render for Hiccuping {
    type Content = i64;

    async fn render(
        &self,
        account: AccountId,
        entries: &[LogEntry],
        said: &[Said],
    ) -> Result<Vec<Rendered<i64>>, EngineError> {
        let fails = |left: usize| left.checked_sub(1);
        match self.failures_left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, fails) {
            Ok(_) => Err(EngineError::Unavailable),
            Err(_) => self.rendering.render(account, entries, said).await,
        }
    }
}

/// Renders an entry as its sequence, and shows the messages.
struct Showing(Engine);

#[async_trait]
impl Render for Showing {
    type Content = i64;

    async fn render(
        &self,
        account: AccountId,
        entries: &[LogEntry],
        said: &[Said],
    ) -> Result<Vec<Rendered<i64>>, EngineError> {
        let caller = Caller::account_holder(account);
        let messages = self.0.messages_of_entries(&caller, entries, said).await?;
        let rendered = entries.iter().map(|logged| {
            let shown = logged.entry.message.and_then(|id| messages.get(&id));
            let delivery = shown.and_then(|said| self.0.delivery(&caller, &said.0, &said.1));
            Rendered { content: Some(logged.sequence), delivery }
        });
        Ok(rendered.collect())
    }
}

async fn open_chat(server: &Server) -> ChatId {
    let buyer = Caller::account_holder(BUYER);
    let subject = Subject::Product(PRODUCT, None);
    server.engine().open_chat(&buyer, subject, None).await.unwrap().chat.id
}

/// What comes next, but for the first look at the account's credentials: it may be due at any time.
async fn next<R: Render>(reader: &mut Reader<R>) -> Next<R::Content> {
    loop {
        match reader.next().await.unwrap() {
            Next::Signal(Signal::CredentialsChanged) => {}
            next @ (Next::Frames(_) | Next::Signal(_) | Next::CutOff { .. }) => return next,
        }
    }
}

/// The sequences that come next.
async fn sequences(reader: &mut Reader<impl Render<Content = i64>>) -> Vec<i64> {
    match tokio::time::timeout(Duration::from_secs(10), next(reader)).await.unwrap() {
        Next::Frames(frames) => {
            for frame in &frames {
                assert_eq!(frame.content, Some(frame.logged.sequence));
            }
            frames.iter().map(|frame| frame.logged.sequence).collect()
        }
        Next::Signal(signal) => panic!("{signal:?}"),
        Next::CutOff { oldest } => panic!("cut off before {oldest}"),
    }
}

async fn is_silent(reader: &mut Reader<Counting>) -> bool {
    tokio::time::timeout(Duration::from_millis(100), next(reader)).await.is_err()
}

#[tokio::test]
async fn a_database_that_hiccups_ends_no_reader() {
    let server = Server::start().await;
    open_chat(&server).await;
    let rendering = Counting::default();
    let hiccuping = Hiccuping { failures_left: AtomicUsize::new(2), rendering: rendering.clone() };
    let feed = Feed::new(server.engine().clone(), hiccuping);
    let mut reader = feed.read(SELLER, 0);
    // Being asked again and again, as in a loop that waits for other things too, is no reason not to rest.
    let moment = Duration::from_millis(20);
    assert!(tokio::time::timeout(moment, reader.next()).await.is_err());
    assert!(tokio::time::timeout(moment, reader.next()).await.is_err());
    assert_eq!(sequences(&mut reader).await, [1]);
    assert_eq!(rendering.rendered(), 1);
}

#[tokio::test]
async fn an_entry_is_rendered_once_for_all_that_are_up_to_date() {
    let server = Server::start().await;
    let chat = open_chat(&server).await;
    let rendering = Counting::default();
    let feed = Feed::new(server.engine().clone(), rendering.clone());
    let mut readers: Vec<_> = (0..50).map(|_| feed.read(SELLER, 1)).collect();
    for text in ["раз", "два", "три"] {
        server.say(BUYER, chat, text).await;
        for reader in &mut readers {
            let after = reader.position();
            assert_eq!(sequences(reader).await, [after + 1]);
        }
    }
    for reader in &mut readers {
        assert!(reader.position() == 4 && is_silent(reader).await);
    }
    assert_eq!(rendering.rendered(), 3);
}

#[tokio::test]
async fn readers_at_different_places_each_see_all_that_is_theirs() {
    let server = Server::start().await;
    let chat = open_chat(&server).await;
    for _ in 0..150 {
        server.say(BUYER, chat, "слово").await;
    }
    let feed = Feed::new(server.engine().clone(), Counting::default());
    let mut ahead = feed.read(SELLER, 140);
    assert_eq!(sequences(&mut ahead).await, (141..=151).collect::<Vec<_>>());
    for start in [0, 1, 75, 139, 140, 145, 150] {
        let mut reader = feed.read(SELLER, start);
        let mut seen = Vec::new();
        while reader.position() < 151 {
            seen.extend(sequences(&mut reader).await);
        }
        assert_eq!(seen, (start + 1..=151).collect::<Vec<_>>(), "from {start}");
        assert!(is_silent(&mut reader).await);
    }
    // One that lags behind while another goes on.
    let mut behind = feed.read(SELLER, 0);
    assert_eq!(sequences(&mut behind).await.len(), 100);
    for _ in 0..100 {
        server.say(BUYER, chat, "дальше").await;
        next(&mut ahead).await;
    }
    let mut seen = Vec::new();
    while behind.position() < 251 {
        seen.extend(sequences(&mut behind).await);
    }
    assert_eq!(seen, (101..=251).collect::<Vec<_>>());
}

#[tokio::test]
async fn dropping_a_wait_loses_nothing() {
    let server = Server::start().await;
    let chat = open_chat(&server).await;
    let feed = Feed::new(server.engine().clone(), Counting::default());
    let mut readers = [feed.read(SELLER, 0), feed.read(SELLER, 0)];
    let sends = async {
        for _ in 0..100 {
            server.say(BUYER, chat, "слово").await;
        }
    };
    let [first, second] = &mut readers;
    let impatient = async |reader: &mut Reader<Counting>| {
        let mut expected = 1;
        // Some waits end before anything is read, some in the middle, and some are long enough for any database.
        for attempt in 0.. {
            if 101 < expected {
                break;
            }
            let patience = Duration::from_micros(300) * (1 + attempt % 64);
            let wait = tokio::time::timeout(patience, next(reader)).await;
            let Ok(next) = wait else { continue };
            let Next::Frames(frames) = next else { panic!("nothing else happens") };
            for frame in frames {
                assert_eq!(frame.logged.sequence, expected);
                expected += 1;
            }
        }
    };
    tokio::join!(sends, impatient(first), impatient(second));
}

#[tokio::test]
async fn whoever_stops_to_watch_leaves_it_to_the_others() {
    let server = Server::start().await;
    let chat = open_chat(&server).await;
    let feed = Feed::new(server.engine().clone(), Counting::default());
    let [mut on_watch, mut busy, mut asleep] = [0; 3].map(|_| feed.read(SELLER, 1));
    assert!(is_silent(&mut on_watch).await && is_silent(&mut busy).await);
    // The first one has gone; the second one writes to its client, and asks for nothing meanwhile.
    drop(on_watch);
    let (seen, ()) = tokio::join!(sequences(&mut asleep), async {
        tokio::task::yield_now().await;
        server.say(BUYER, chat, "слово").await;
    });
    assert_eq!(seen, [2]);
    drop(asleep);
    server.say(BUYER, chat, "ещё").await;
    assert_eq!(sequences(&mut busy).await, [2]);
    assert_eq!(sequences(&mut busy).await, [3]);
}

#[tokio::test]
async fn a_reader_behind_what_is_kept_is_cut_off() {
    let server = Server::start().await;
    let chat = open_chat(&server).await;
    server.say(BUYER, chat, "давно").await;
    let feed = Feed::new(server.engine().clone(), Counting::default());
    let mut up_to_date = feed.read(SELLER, 2);
    let mut behind = feed.read(SELLER, 1);
    server.clock().advance(SignedDuration::from_hours(31 * 24));
    let seller = Caller::account_holder(SELLER);
    let started = Instant::now();
    while server.engine().events(&seller, 0, 1).await.unwrap().oldest != 3 {
        assert!(started.elapsed() < Duration::from_secs(10));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(matches!(next(&mut behind).await, Next::CutOff { oldest: 3 }));
    assert!(is_silent(&mut up_to_date).await);
    server.say(BUYER, chat, "теперь").await;
    assert_eq!(sequences(&mut up_to_date).await, [3]);
    assert!(matches!(next(&mut behind).await, Next::CutOff { oldest: 3 }));
}

#[tokio::test]
async fn each_message_that_was_handed_over_is_noted_whoever_handed_it_over() {
    let server = Server::start().await;
    let (chat, quiet) = (open_chat(&server).await, open_order_chat(&server).await);
    let early = server.say(BUYER, quiet, "в другом чате").await;
    let late = server.say(BUYER, chat, "здесь").await;
    let feed = Feed::new(server.engine().clone(), Showing(server.engine().clone()));
    let delivered = async |chat| server.chat(SELLER, chat).await.seller.marks.delivered_up_to;
    let newest =
        server.engine().events(&Caller::account_holder(SELLER), 0, 1).await.unwrap().newest;
    let (mut first, mut second) = (feed.read(SELLER, newest - 1), feed.read(SELLER, 0));
    let Next::Frames(frames) = next(&mut first).await else { panic!("there is an entry") };
    first.delivered(&frames).await;
    assert_eq!((delivered(chat).await, delivered(quiet).await), (Some(late.id), None));
    // A reader from further back hands over what the first one did not.
    let Next::Frames(frames) = next(&mut second).await else { panic!("there are entries") };
    second.delivered(&frames).await;
    assert_eq!(delivered(quiet).await, Some(early.id));
}

async fn open_order_chat(server: &Server) -> ChatId {
    let order = server.order(domain::catalog::Model::Fbs).await;
    let buyer = Caller::account_holder(BUYER);
    let subject = Subject::Posting(order.posting);
    server.engine().open_chat(&buyer, subject, None).await.unwrap().chat.id
}

#[tokio::test]
async fn signals_reach_all_readers_of_an_account() {
    let server = Server::start().await;
    let chat = open_chat(&server).await;
    let feed = Feed::new(server.engine().clone(), Counting::default());
    let mut readers = [feed.read(SELLER, 1), feed.read(SELLER, 1)];
    for reader in &mut readers {
        assert!(is_silent(reader).await);
    }
    server.engine().tell_typing(&Caller::account_holder(BUYER), chat).await.unwrap();
    for reader in &mut readers {
        let next = next(reader).await;
        assert!(matches!(next, Next::Signal(Signal::Typing { by: BUYER, .. })));
    }
    drop(readers);
    assert!(!server.engine().is_listened_to(SELLER));
}
