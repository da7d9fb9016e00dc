//! Something between a server and PostgreSQL that breaks their connection at a chosen point of the transaction that
//! stores a message.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader, BufWriter};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// By these statements a batch is told from whatever else a server does.
const LOCKS: &str = "lock_accounts(";
const WRITES: &str = "INSERT INTO messages";

/// The types of messages (PostgreSQL's documentation, "Message Formats").
const PARSE: u8 = b'P';
const BIND: u8 = b'B';
const QUERY: u8 = b'Q';
const READY_FOR_QUERY: u8 = b'Z';
const NO_TRANSACTION: u8 = b'I';

/// Where a connection breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Break {
    /// Before the accounts are locked, and so before anything is written.
    BeforeLock,
    /// When all changes have been passed on, and the COMMIT behind them has not.
    BeforeCommit,
    /// When PostgreSQL has committed. Nothing of what it answers to the COMMIT is passed on.
    AfterCommit,
}

/// Listens on a port of its own and leads to a PostgreSQL, which is not asked for TLS.
pub(super) struct PostgresProxy {
    address: SocketAddr,
    breaks: Breaks,
    listening: JoinHandle<()>,
}

/// What is still to happen: so often, a connection breaks there.
type Breaks = Arc<Mutex<Option<(Break, usize)>>>;

impl PostgresProxy {
    /// A proxy in front of the PostgreSQL at this port.
    pub(super) async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let breaks = Breaks::default();
        let armed = Arc::clone(&breaks);
        let listening = tokio::spawn(async move {
            loop {
                let (inside, _) = listener.accept().await.unwrap();
                let Ok(outside) = TcpStream::connect(("127.0.0.1", port)).await else { continue };
                tokio::spawn(lead(inside, outside, Arc::clone(&armed)));
            }
        });
        Self { address, breaks, listening }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next so many connections that come to this point of a batch break there.
    pub(super) fn break_next(&self, at: Break, times: usize) {
        *self.breaks.lock().unwrap() = Some((at, times));
    }

    /// How many connections are still to break. Nothing more will.
    pub(super) fn disarm(&self) -> usize {
        self.breaks.lock().unwrap().take().map_or(0, |(_, times)| times)
    }
}

impl Drop for PostgresProxy {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

/// Passes on what both sides say. The connection ends with whichever ends first.
async fn lead(inside: TcpStream, outside: TcpStream, breaks: Breaks) {
    for stream in [&inside, &outside] {
        let _ = stream.set_nodelay(true);
    }
    let (from_client, to_client) = inside.into_split();
    let (from_server, to_server) = outside.into_split();
    let is_mute = AtomicBool::new(false);
    tokio::select! {
        _ = pass_on_requests(from_client, to_server, &breaks, &is_mute) => {}
        _ = pass_on_answers(from_server, to_client, &is_mute) => {}
    }
}

async fn pass_on_requests(
    client: OwnedReadHalf,
    server: OwnedWriteHalf,
    breaks: &Breaks,
    is_mute: &AtomicBool,
) -> std::io::Result<()> {
    let (mut client, mut server) = (BufReader::new(client), BufWriter::new(server));
    // The first message has a length and no type.
    let length = client.read_u32().await?;
    let mut startup = vec![0; length as usize - 4];
    client.read_exact(&mut startup).await?;
    server.write_u32(length).await?;
    server.write_all(&startup).await?;
    server.flush().await?;

    let mut statements = HashMap::new();
    let mut has_written = false;
    loop {
        let Message { kind, body } = read(&mut client).await?;
        let point = match kind {
            PARSE => {
                let (name, rest) = text(&body);
                statements.insert(name.to_owned(), text(rest).0.to_owned());
                None
            }
            BIND => {
                let (_portal, rest) = text(&body);
                let statement = statements.get(text(rest).0).map_or("", String::as_str);
                has_written |= statement.starts_with(WRITES);
                statement.contains(LOCKS).then_some(Break::BeforeLock)
            }
            QUERY if text(&body).0 == "COMMIT" => {
                let wrote = std::mem::take(&mut has_written);
                wrote.then_some(Break::BeforeCommit)
            }
            _ => None,
        };
        match point.and_then(|point| due(breaks, point)) {
            None => {}
            Some(Break::BeforeLock | Break::BeforeCommit) => {
                // What came before is on its way to the server, and then the end of the connection.
                return server.flush().await;
            }
            Some(Break::AfterCommit) => is_mute.store(true, Ordering::SeqCst),
        }
        write(&mut server, kind, &body).await?;
        if client.buffer().is_empty() {
            server.flush().await?;
        }
    }
}

/// Whether a connection is to break that has come to this point; where a COMMIT is held back or passed on, both are one.
fn due(breaks: &Breaks, point: Break) -> Option<Break> {
    let mut breaks = breaks.lock().unwrap();
    let (wanted, times) = breaks.as_mut()?;
    let is_commit = |point: Break| point != Break::BeforeLock;
    if *times == 0 || is_commit(*wanted) != is_commit(point) {
        return None;
    }
    *times -= 1;
    Some(*wanted)
}

async fn pass_on_answers(
    server: OwnedReadHalf,
    client: OwnedWriteHalf,
    is_mute: &AtomicBool,
) -> std::io::Result<()> {
    let (mut server, mut client) = (BufReader::new(server), BufWriter::new(client));
    loop {
        let Message { kind, body } = read(&mut server).await?;
        if is_mute.load(Ordering::SeqCst) {
            if kind == READY_FOR_QUERY && body == [NO_TRANSACTION] {
                return Ok(());
            }
            continue;
        }
        write(&mut client, kind, &body).await?;
        if server.buffer().is_empty() {
            client.flush().await?;
        }
    }
}

struct Message {
    kind: u8,
    body: Vec<u8>,
}

async fn read(stream: &mut BufReader<OwnedReadHalf>) -> std::io::Result<Message> {
    let kind = stream.read_u8().await?;
    let length = stream.read_u32().await?;
    let mut body = vec![0; length as usize - 4];
    stream.read_exact(&mut body).await?;
    Ok(Message { kind, body })
}

async fn write(
    stream: &mut BufWriter<OwnedWriteHalf>,
    kind: u8,
    body: &[u8],
) -> std::io::Result<()> {
    stream.write_u8(kind).await?;
    stream.write_u32(u32::try_from(body.len()).unwrap() + 4).await?;
    stream.write_all(body).await
}

/// The text at the beginning, which ends with a zero, and what follows it.
fn text(body: &[u8]) -> (&str, &[u8]) {
    let end = body.iter().position(|&byte| byte == 0).unwrap();
    (std::str::from_utf8(&body[..end]).unwrap(), &body[end + 1..])
}
