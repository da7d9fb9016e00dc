//! A client of live events that says and hears the protocol word by word.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use domain::id::AccountId;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use testkit::{BUYER, PRODUCT, Server};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::handshake::client::{Request, Response};
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use super::person::Person;

/// How long something that must happen may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// An open connection.
pub(crate) struct Socket {
    stream: WebSocketStream<TcpStream>,
    lines: VecDeque<Value>,
    /// What the server answered to the upgrade.
    pub(crate) upgrade: Response,
}

/// A request to open a connection.
pub(crate) struct Upgrade {
    request: Request,
    address: SocketAddr,
    receive_buffer_bytes: Option<u32>,
}

impl Upgrade {
    /// Of a program that has no session.
    pub(crate) fn of_nobody(server: &Server) -> Self {
        Self::at(server, "/connection/websocket")
    }

    pub(crate) fn at(server: &Server, path: &str) -> Self {
        let address: SocketAddr = server.url().trim_start_matches("http://").parse().unwrap();
        let request = format!("ws://{address}{path}").into_client_request().unwrap();
        Self { request, address, receive_buffer_bytes: None }
    }

    /// Of somebody who is signed in: the session's cookie and nothing else.
    pub(crate) fn of(person: &Person<'_>) -> Self {
        let session = format!("PARTIZAP_SESSION={}", person.session);
        Self::of_nobody(person.server).with("cookie", &session)
    }

    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        let value = HeaderValue::from_str(value).unwrap();
        self.request.headers_mut().insert(HeaderName::from_static(name), value);
        self
    }

    /// With as small a buffer as the system gives: whoever does not read holds the server up soon.
    pub(crate) fn with_small_buffer(self) -> Self {
        Self { receive_buffer_bytes: Some(4096), ..self }
    }

    /// Opens it. What the server answers instead is the error.
    pub(crate) async fn open(self) -> Result<Socket, tungstenite::http::Response<Option<Vec<u8>>>> {
        let socket = TcpSocket::new_v4().unwrap();
        if let Some(bytes) = self.receive_buffer_bytes {
            socket.set_recv_buffer_size(bytes).unwrap();
        }
        let stream = socket.connect(self.address).await.unwrap();
        match client_async(self.request, stream).await {
            Ok((stream, upgrade)) => Ok(Socket { stream, lines: VecDeque::new(), upgrade }),
            Err(tungstenite::Error::Http(answer)) => Err(*answer),
            Err(error) => panic!("{error}"),
        }
    }
}

impl Socket {
    /// Connects as `person`, from here on.
    pub(crate) async fn of(person: &Person<'_>) -> Self {
        let mut socket = Upgrade::of(person).open().await.unwrap();
        let subscription = socket.say_hello(json!({})).await;
        assert_eq!(subscription["recovered"], Value::Null);
        socket
    }

    /// Connects as `person`, whose account is `account` and who has everything up to `offset`; answers what the server
    /// says about that.
    pub(crate) async fn coming_back(
        person: &Person<'_>,
        account: AccountId,
        epoch: &Value,
        offset: i64,
    ) -> (Self, Value) {
        let mut socket = Upgrade::of(person).open().await.unwrap();
        let position = json!({"recover": true, "epoch": epoch, "offset": offset});
        let subscription =
            socket.say_hello(json!({"subs": {format!("personal:#{account}"): position}})).await;
        (socket, subscription)
    }

    /// Sends the first command, and answers where the server says that the client stands in its one channel.
    pub(crate) async fn say_hello(&mut self, connect: Value) -> Value {
        self.say(&json!({"id": 1, "connect": connect})).await;
        let welcome = self.line().await;
        assert_eq!(welcome["id"], 1, "{welcome}");
        let subscriptions = welcome["connect"]["subs"].as_object().unwrap();
        assert_eq!(subscriptions.len(), 1);
        subscriptions.values().next().unwrap().clone()
    }

    /// Sends one line.
    pub(crate) async fn say(&mut self, line: &Value) {
        self.say_text(&line.to_string()).await;
    }

    /// Sends a frame as it is.
    pub(crate) async fn say_text(&mut self, frame: &str) {
        self.send(Message::text(frame)).await;
    }

    pub(crate) async fn send(&mut self, frame: Message) {
        self.stream.send(frame).await.unwrap();
    }

    /// The next line that the server sends.
    pub(crate) async fn line(&mut self) -> Value {
        loop {
            if let Some(line) = self.lines.pop_front() {
                return line;
            }
            match self.frame().await {
                Some(Ok(Message::Text(text))) => {
                    let lines = text.split('\n').map(|line| serde_json::from_str(line).unwrap());
                    self.lines.extend(lines);
                }
                Some(Ok(Message::Pong(_))) => {}
                other => panic!("{other:?} instead of a line"),
            }
        }
    }

    /// The next publication: its channel, its event, its offset.
    pub(crate) async fn publication(&mut self) -> (Value, Value, Option<i64>) {
        let mut line = self.line().await;
        let push = &mut line["push"];
        let offset = push["pub"]["offset"].as_i64();
        (push["channel"].take(), push["pub"]["data"].take(), offset)
    }

    /// The publications of the next frame, with their offsets; none when nothing comes for a moment.
    pub(crate) async fn frame_of_publications(&mut self) -> Option<Vec<(Value, Option<i64>)>> {
        let first = tokio::time::timeout(Duration::from_millis(200), self.line()).await.ok()?;
        let lines = std::iter::once(first).chain(self.lines.drain(..));
        let publications = lines.map(|mut line| {
            let publication = &mut line["push"]["pub"];
            (publication["data"].take(), publication["offset"].as_i64())
        });
        Some(publications.collect())
    }

    /// The next event.
    pub(crate) async fn event(&mut self) -> Value {
        let (_, event, _) = self.publication().await;
        assert!(event["type"].is_string(), "{event}");
        event
    }

    /// The next event, which must be of this type; answers its data.
    #[track_caller]
    pub(crate) fn expect<'s>(&'s mut self, name: &'s str) -> impl Future<Output = Value> + 's {
        let caller = std::panic::Location::caller();
        async move {
            let mut event = self.event().await;
            assert_eq!(event["type"], name, "{event} at {caller}");
            event["data"].take()
        }
    }

    /// Lets the buyer write to the seller, who is connected here: the connection lives, and nothing else has been said.
    pub(crate) async fn hears_what_comes_next(&mut self, server: &Server) {
        let buyer = Person::sign_in(server, BUYER).await;
        buyer.write_about(PRODUCT.get(), "Слышно?").await;
        self.expect("message.new").await;
        self.expect("unread.update").await;
    }

    /// How the server ends the connection. Nothing may come before that.
    pub(crate) async fn goodbye(&mut self) -> (u16, String) {
        assert_eq!(self.lines, [] as [Value; 0]);
        match self.frame().await {
            Some(Ok(Message::Close(Some(close)))) => {
                // The answer to it leaves with the next look.
                let _ = self.frame().await;
                (close.code.into(), close.reason.to_string())
            }
            other => panic!("{other:?} instead of a goodbye"),
        }
    }

    /// How the server ends the connection, whatever comes before that.
    pub(crate) async fn goodbye_at_last(&mut self) -> (u16, String) {
        loop {
            match self.frame().await {
                Some(Ok(Message::Text(_))) => {}
                Some(Ok(Message::Close(Some(close)))) => {
                    return (close.code.into(), close.reason.to_string());
                }
                other => panic!("{other:?} instead of a goodbye"),
            }
        }
    }

    async fn frame(&mut self) -> Option<tungstenite::Result<Message>> {
        tokio::time::timeout(PATIENCE, self.stream.next()).await.expect("nothing came")
    }
}
