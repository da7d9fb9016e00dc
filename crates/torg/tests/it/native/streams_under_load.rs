//! Streams that break, that are many, and that nobody reads.

use std::time::{Duration, Instant};

use domain::SignedDuration;
use domain::id::ChatId;
use engine::random::Random as _;
use engine::random::SeededRandom;
use reqwest::StatusCode;
use testkit::{BUYER, OTHER_BUYER, SELLER, Server};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

use super::client::Client;
use super::event_stream::EventStream;

/// Sends `count` messages, some at a time.
async fn send(server: &Server, chat: ChatId, count: usize, text: &str) {
    const AT_ONCE: usize = 50;
    for _ in 0..count / AT_ONCE {
        let sends = (0..AT_ONCE).map(|_| server.say(BUYER, chat, text));
        futures_util::future::join_all(sends).await;
    }
}

/// Follows a log from where `stream` stands up to the entry `until`, and asserts that each comes in its turn.
async fn follow(stream: &mut EventStream, until: impl Fn(&serde_json::Value) -> bool) {
    loop {
        let before = stream.last_id.unwrap();
        let event = stream.next().await.unwrap();
        assert_eq!(event.id, Some(before + 1));
        if until(&event.data.unwrap()) {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_connects_again_and_again_sees_every_sequence_once() {
    const SENDS: usize = 5_000;
    const CONNECTIONS: usize = 100;
    let server = Server::start().await;
    let (seller, buyer) = (Client::seller(&server).await, Client::buyer(&server).await);
    let chat = ChatId::new(buyer.product_chat().await).unwrap();
    let random_seed = 20_261_121;
    let random = SeededRandom::new(random_seed);

    let (mut seen, mut last_id, mut connections) = (Vec::new(), Some(0), 0);
    let reading = async {
        let mut texts = 0;
        while texts < SENDS {
            connections += 1;
            let mut stream = seller.unready_stream("", last_id).await;
            // Cut off after so many blocks; sometimes before the first entry, and sometimes in the midst of one.
            let mut bytes = [0; 2];
            random.fill(&mut bytes);
            let blocks = usize::from(u16::from_le_bytes(bytes)) % (SENDS / CONNECTIONS);
            for _ in 0..blocks {
                let Ok(block) =
                    tokio::time::timeout(Duration::from_secs(10), stream.next_block()).await
                else {
                    break;
                };
                let block = block.unwrap();
                if block.name == "stream.ready" {
                    assert_eq!(block.id, last_id);
                } else if block.data.is_some() {
                    seen.push(block.id.unwrap());
                    texts += usize::from(block.name == "message.created");
                }
                if texts == SENDS {
                    break;
                }
            }
            last_id = stream.last_id;
        }
    };
    tokio::join!(reading, send(&server, chat, SENDS, "ещё одно"));
    let in_order: Vec<_> = (1..=i64::try_from(seen.len()).unwrap()).collect();
    assert!(
        seen == in_order,
        "seed {random_seed}: {:?}",
        seen.iter().zip(&in_order).find(|(a, b)| a != b)
    );
    assert!(CONNECTIONS <= connections, "{connections}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_message_reaches_a_thousand_streams_and_holds_nobody_up() {
    const STREAMS: usize = 1_000;
    let server = Server::start().await;
    let (seller, buyer) = (Client::seller(&server).await, Client::buyer(&server).await);
    let chat = buyer.product_chat().await;
    let other = Client::of(&server, OTHER_BUYER).await;
    let other_chat = ChatId::new(other.product_chat().await).unwrap();
    let mut streams = Vec::new();
    for _ in 0..STREAMS {
        streams.push(seller.stream(&format!("?kind=message.created&chat={chat}"), None).await);
    }
    let mut readers = JoinSet::new();
    for mut stream in streams {
        readers.spawn(
            async move { stream.expect("message.created").await["message"]["text"].clone() },
        );
    }
    // What somebody else sends meanwhile is not behind a thousand answers.
    buyer.say(chat, "всем").await;
    let started = Instant::now();
    for _ in 0..20 {
        server.say(OTHER_BUYER, other_chat, "между делом").await;
    }
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    let texts = readers.join_all().await;
    assert_eq!(texts.len(), STREAMS);
    assert!(texts.iter().all(|text| text == "всем"));
}

/// A stream of which nothing is read, over a connection whose buffers are as small as the system lets them be.
async fn unread_stream(client: &Client<'_>, last_id: i64) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let address = client.server.url().strip_prefix("http://").unwrap().parse().unwrap();
    let mut connection = socket.connect(address).await.unwrap();
    let request = format!(
        "GET /api/v1/events/stream HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\nlast-event-id: {last_id}\r\n\r\n",
        client.key
    );
    connection.write_all(request.as_bytes()).await.unwrap();
    connection
}

/// All that comes until the stream ends in order.
async fn read_to_end(connection: &mut TcpStream) -> String {
    let mut text = Vec::new();
    let reading = async {
        let mut bytes = vec![0; 64 << 10];
        while !text.ends_with(b"\r\n0\r\n\r\n") {
            let count = connection.read(&mut bytes).await.unwrap();
            assert_ne!(count, 0, "the connection was cut");
            text.extend_from_slice(&bytes[..count]);
        }
    };
    tokio::time::timeout(Duration::from_secs(30), reading).await.unwrap();
    String::from_utf8_lossy(&text).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_stops_reading_is_dropped_and_goes_on_later() {
    let server = Server::start_with(|settings| {
        settings.limits.stalled_timeout_seconds = 1;
        settings.native.streams_per_key = 1;
    })
    .await;
    let (seller, buyer) = (Client::seller(&server).await, Client::buyer(&server).await);
    let chat = ChatId::new(buyer.product_chat().await).unwrap();
    let connection = unread_stream(&seller, 0).await;
    send(&server, chat, 1_000, &"т".repeat(4_000)).await;

    // The only place for a stream of this key is taken until the first one is dropped.
    let started = Instant::now();
    let mut stream = loop {
        let response = seller.stream_request("", Some(0)).send().await.unwrap();
        if response.status() == StatusCode::OK {
            break EventStream::of(response, Some(0));
        }
        assert!(started.elapsed() < Duration::from_mins(1), "it is still open");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    drop(connection);
    assert_eq!(stream.next().await.unwrap().name, "stream.ready");
    let last = server.say(BUYER, chat, "последнее").await.id.get();
    follow(&mut stream, |event| event["message"]["id"] == last).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_whose_next_entries_are_forgotten_says_so_and_ends() {
    let server = Server::start().await;
    let (seller, buyer) = (Client::seller(&server).await, Client::buyer(&server).await);
    let chat = ChatId::new(buyer.product_chat().await).unwrap();
    let mut connection = unread_stream(&seller, 0).await;
    send(&server, chat, 1_000, &"т".repeat(4_000)).await;
    server.clock().advance(SignedDuration::from_hours(31 * 24));
    let started = Instant::now();
    while seller.get("/events?limit=1").await.ok()["oldest"] == 1 {
        assert!(started.elapsed() < Duration::from_secs(20));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    // What was in the buffers still comes, and then the reason.
    let text = read_to_end(&mut connection).await;
    let (_, closing) = text.rsplit_once("event: stream.closing\ndata: ").unwrap();
    let problem: serde_json::Value = serde_json::from_str(closing.lines().next().unwrap()).unwrap();
    assert_eq!(
        (&problem["type"], &problem["status"]),
        (&"/problems/log-trimmed".into(), &410.into())
    );
    let oldest = problem["oldest"].as_i64().unwrap();
    assert!(1_000 < oldest, "{oldest}");
    // A client that has listed the chats again goes on as it was told.
    let mut stream = seller.stream("?kind=message.created", problem["go_on_after"].as_i64()).await;
    server.say(SELLER, chat, "дальше").await;
    stream.expect("message.created").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_does_not_pass_over_what_the_client_was_not_given() {
    let server = Server::start().await;
    let (seller, buyer) = (Client::seller(&server).await, Client::buyer(&server).await);
    let chat = ChatId::new(buyer.product_chat().await).unwrap();
    let mut connection = unread_stream(&seller, 0).await;
    send(&server, chat, 1_000, &"т".repeat(4_000)).await;
    drop((seller, buyer));
    let (text, ()) = tokio::join!(read_to_end(&mut connection), server.stop());
    let (entries, closing) = text.rsplit_once("retry: ").unwrap();
    assert!(
        closing.contains("event: stream.closing\n")
            && closing.contains("/problems/server-stopping")
    );
    let id = |text: &str| {
        let (_, id) = text.rsplit_once("\nid: ").unwrap();
        id.lines().next().unwrap().parse::<i64>().unwrap()
    };
    assert_eq!(id(closing), id(entries), "the last id is that of the last entry");
    assert!(id(entries) < 1_000);
}
