//! Over real sockets, with bounds of fractions of a second.

use std::time::Instant;

use axum::Extension;
use axum::extract::ws::{WebSocket, WebSocketUpgrade};
use axum::routing::{get, post};
use http_kit::body::{BodyBounds, read_bounded};
use hyper::Uri;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinHandle;

use super::*;

const HEADER_TIME_MAX: Duration = Duration::from_millis(300);

struct Server {
    address: SocketAddr,
    stop: CancellationToken,
    ended: JoinHandle<Stopped>,
}

fn bounds() -> ConnectionBounds {
    ConnectionBounds {
        connections_max: 16,
        header_time_max: HEADER_TIME_MAX,
        stalled_time_max: Duration::from_secs(1),
        shutdown_grace: Duration::from_secs(5),
    }
}

async fn start(bounds: ConnectionBounds) -> Server {
    let routes = Router::new()
        .route("/", get(async || "hello"))
        .route("/slow", get(async || tokio::time::sleep(Duration::from_millis(500)).await))
        .route("/endless", get(async || std::future::pending::<()>().await))
        .route(
            "/watching",
            get(async |Extension(Stopping(stop)): Extension<Stopping>| stop.cancelled().await),
        )
        .route("/echo", get(echo))
        .route("/large", get(async || vec![0_u8; 64 << 20]))
        .route("/unread", post(async || "answered without reading"))
        .route("/bounded", post(bounded));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let ended = tokio::spawn(serve(listener, routes, bounds, stop.clone()));
    Server { address, stop, ended }
}

/// Reads a body of at most 1 KiB, as the faces do.
async fn bounded(body: Body) -> String {
    match read_bounded(body, BodyBounds::of(1024)).await {
        Ok(bytes) => format!("read {}", bytes.len()),
        Err(problem) => problem.to_string(),
    }
}

/// A WebSocket that sends everything back. It says goodbye when the server stops, except to those who ask to stay.
async fn echo(
    Extension(open): Extension<OpenConnection>,
    Extension(Stopping(stop)): Extension<Stopping>,
    uri: Uri,
    upgrade: WebSocketUpgrade,
) -> Response<Body> {
    let echo = async |mut socket: WebSocket| {
        while let Some(Ok(message)) = socket.recv().await {
            socket.send(message).await.unwrap();
        }
    };
    if uri.query() == Some("stays") {
        return upgrade.on_upgrade(async move |socket| {
            open.run(echo(socket)).await;
        });
    }
    upgrade.on_upgrade(async move |socket| {
        open.run(stop.run_until_cancelled(echo(socket))).await;
    })
}

/// A client whose connection has become a WebSocket.
async fn upgraded(server: &Server, path: &str) -> TcpStream {
    let mut client = send(
        server,
        &format!(
            "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        ),
    )
    .await;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await.unwrap());
    }
    assert!(head.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&head));
    client
}

/// Sends a text frame with two letters, masked with zeros, and waits for them to come back.
async fn assert_echoes(client: &mut TcpStream) {
    client.write_all(b"\x81\x82\0\0\0\0ab").await.unwrap();
    let mut echoed = [0; 4];
    client.read_exact(&mut echoed).await.unwrap();
    assert_eq!(&echoed, b"\x81\x02ab");
}

/// Connects and sends `text`.
async fn send(server: &Server, text: &str) -> TcpStream {
    let mut client = TcpStream::connect(server.address).await.unwrap();
    client.write_all(text.as_bytes()).await.unwrap();
    client
}

/// Everything until the server closes.
async fn rest(mut client: TcpStream) -> String {
    let mut answer = Vec::new();
    tokio::time::timeout(Duration::from_secs(10), client.read_to_end(&mut answer))
        .await
        .expect("still open")
        .ok();
    String::from_utf8_lossy(&answer).into_owned()
}

async fn assert_closed_at_the_header_timeout(client: TcpStream) -> String {
    let began_at = Instant::now();
    let answer = rest(client).await;
    let elapsed = began_at.elapsed();
    assert!(elapsed < Duration::from_secs(5), "closed only after {elapsed:?}");
    answer
}

#[tokio::test]
async fn half_a_head_is_closed() {
    let server = start(bounds()).await;
    let client = send(&server, "GET / HTTP/1.1\r\nHost: x\r\nX-Half: ").await;
    assert_closed_at_the_header_timeout(client).await;
}

#[tokio::test]
async fn a_silent_connection_is_closed() {
    let server = start(bounds()).await;
    let client = send(&server, "").await;
    assert_eq!(assert_closed_at_the_header_timeout(client).await, "");
}

#[tokio::test]
async fn an_idle_kept_connection_is_closed() {
    let server = start(bounds()).await;
    let client = send(&server, "GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let answer = assert_closed_at_the_header_timeout(client).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("hello"), "{answer}");
}

#[tokio::test]
async fn a_client_that_never_reads_is_dropped() {
    let server = start(ConnectionBounds { connections_max: 1, ..bounds() }).await;
    let greedy = send(&server, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n").await;
    tokio::time::sleep(Duration::from_millis(50)).await;

    // The only permit is free again once the greedy connection is gone.
    let client = send(&server, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(rest(client).await.ends_with("hello"));
    drop(greedy);
}

#[tokio::test]
async fn a_client_beyond_the_cap_waits_for_its_turn() {
    let server = start(ConnectionBounds { connections_max: 1, ..bounds() }).await;
    let first = send(&server, "GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    let second = send(&server, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(rest(second).await.ends_with("hello"));
    assert!(rest(first).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn an_answer_reaches_a_client_that_sends_a_long_body_first() {
    let server = start(bounds()).await;
    let head = format!("POST /unread HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", 100 << 20);
    let mut client = send(&server, &head).await;
    let piece = vec![b'x'; 1 << 20];
    for _ in 0..100 {
        client.write_all(&piece).await.unwrap();
    }
    let answer = rest(client).await;
    assert!(answer.ends_with("answered without reading"), "{answer}");
}

#[tokio::test]
async fn an_answer_says_whether_the_connection_goes_on() {
    let server = start(bounds()).await;
    for (path, closes) in [("/unread", true), ("/bounded", false)] {
        let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n");
        let mut client = send(&server, &head).await;
        if path == "/bounded" {
            client.write_all(b"abc").await.unwrap();
        }
        let mut answer = vec![0; 1000];
        let length = client.read(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer[..length]).into_owned();
        assert_eq!(answer.contains("connection: close\r\n"), closes, "{answer}");
    }
}

#[tokio::test]
async fn a_refusal_reaches_a_client_that_sends_a_gigabyte() {
    const GIGABYTE: u64 = 1 << 30;
    let server = start(bounds()).await;
    let head = format!("POST /bounded HTTP/1.1\r\nHost: x\r\nContent-Length: {GIGABYTE}\r\n\r\n");
    let mut client = send(&server, &head).await;
    let piece = vec![b'x'; 1 << 20];
    for _ in 0..GIGABYTE / (1 << 20) {
        client.write_all(&piece).await.unwrap();
    }
    let answer = rest(client).await;
    assert!(
        answer.ends_with("the body has 1073741824 bytes or more, the limit is 1024"),
        "{answer}"
    );
}

#[tokio::test]
async fn a_refusal_reaches_a_client_that_sends_a_long_body_without_saying_its_length() {
    let server = start(bounds()).await;
    let head = "POST /bounded HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut client = send(&server, head).await;
    let chunk = [b"100000\r\n".as_slice(), &vec![b'x'; 1 << 20], b"\r\n"].concat();
    for _ in 0..100 {
        client.write_all(&chunk).await.unwrap();
    }
    client.write_all(b"0\r\n\r\n").await.unwrap();
    let answer = rest(client).await;
    assert!(answer.contains("the limit is 1024"), "{answer}");
}

#[tokio::test]
async fn a_client_that_waits_for_leave_to_send_is_refused_at_once() {
    let server = start(bounds()).await;
    let head = "POST /bounded HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1073741824\r\n\r\n";
    let mut client = send(&server, head).await;
    let mut answer = [0; 15];
    client.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
}

#[tokio::test]
async fn a_stop_finishes_the_running_request_and_takes_no_new_one() {
    let server = start(bounds()).await;
    let running = send(&server, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    server.stop.cancel();
    assert!(rest(running).await.starts_with("HTTP/1.1 200 OK"));
    assert_eq!(server.ended.await.unwrap(), Stopped::Complete);
    assert!(TcpStream::connect(server.address).await.is_err());
}

#[tokio::test]
async fn a_stop_is_seen_by_handlers_and_ends_idle_connections_at_once() {
    let server =
        start(ConnectionBounds { header_time_max: Duration::from_mins(1), ..bounds() }).await;
    let watching = send(&server, "GET /watching HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let _idle = send(&server, "").await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let began_at = Instant::now();
    server.stop.cancel();
    assert!(rest(watching).await.starts_with("HTTP/1.1 200 OK"));
    assert_eq!(server.ended.await.unwrap(), Stopped::Complete);
    assert!(began_at.elapsed() < Duration::from_secs(4));
}

#[tokio::test]
async fn a_request_that_outlives_the_grace_period_is_cut() {
    let server =
        start(ConnectionBounds { shutdown_grace: Duration::from_millis(200), ..bounds() }).await;
    let endless = send(&server, "GET /endless HTTP/1.1\r\nHost: x\r\n\r\n").await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    server.stop.cancel();
    assert_eq!(server.ended.await.unwrap(), Stopped::Cut { connections: 1 });
    assert_eq!(rest(endless).await, "");
}

#[tokio::test]
async fn an_upgraded_connection_keeps_its_place_until_it_ends() {
    let server = start(ConnectionBounds { connections_max: 1, ..bounds() }).await;
    let mut socket = upgraded(&server, "/echo").await;
    // The timer of the header would have gone off twice by then.
    tokio::time::sleep(2 * HEADER_TIME_MAX).await;
    assert_echoes(&mut socket).await;

    let mut waiting = send(&server, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    let answer = tokio::time::timeout(Duration::from_millis(300), waiting.read_u8()).await;
    assert!(answer.is_err(), "the only place was given away");
    assert_echoes(&mut socket).await;
    drop(socket);
    assert!(rest(waiting).await.ends_with("hello"));
}

#[tokio::test]
async fn an_upgraded_connection_sees_the_stop_and_the_stop_waits_for_it() {
    let server = start(bounds()).await;
    let mut socket = upgraded(&server, "/echo").await;
    assert_echoes(&mut socket).await;
    let began_at = Instant::now();
    server.stop.cancel();
    assert_eq!(rest(socket).await, "");
    assert_eq!(server.ended.await.unwrap(), Stopped::Complete);
    assert!(began_at.elapsed() < Duration::from_secs(4));
}

#[tokio::test]
async fn an_upgraded_connection_that_outlives_the_grace_period_is_cut() {
    let server =
        start(ConnectionBounds { shutdown_grace: Duration::from_millis(200), ..bounds() }).await;
    let mut socket = upgraded(&server, "/echo?stays").await;
    server.stop.cancel();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_echoes(&mut socket).await;
    assert_eq!(server.ended.await.unwrap(), Stopped::Cut { connections: 1 });
    assert_eq!(rest(socket).await, "");
}
