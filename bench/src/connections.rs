//! Live connections: what an idle one holds in memory, and whether a busy account delays the others.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use reqwest::Client;
use serde_json::json;

use crate::as_float;
use crate::child::{Person, ServerWithPeople, person};
use crate::effort::Effort;
use crate::figure::Figure;
use crate::memory::resident_bytes;
use crate::open_files;
use crate::report::Report;
use crate::times::Times;

/// Idle connections that are weighed, each of another account, in a short and in a full run.
const IDLE: (usize, usize) = (2000, 10_000);
/// Connections before the weighing: what the server makes once is not theirs.
const WARM_UP: usize = 200;
/// How long the server may take to come to rest.
const REST: Duration = Duration::from_secs(3);
/// Streams of the busy account.
const STREAMS: usize = 1000;
/// Sends that are timed, with and without the busy account.
const SENDS: usize = 300;
/// The busy account gets a message this often.
const BUSY_INTERVAL: Duration = Duration::from_millis(250);
/// No answer takes longer.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(30);

/// Measures both.
pub(crate) async fn measure(effort: Effort, report: &mut Report) -> anyhow::Result<()> {
    let idle = effort.pick(IDLE.0, IDLE.1);
    let allowed = open_files::allow_connections(WARM_UP + idle);
    for (wire, must, aim) in [(Wire::WebSocket, 16.0, 8.0), (Wire::Sse, 32.0, 24.0)] {
        let name = format!("resident memory of each of {idle} idle connections, {}", wire.name());
        if let Err(refusal) = &allowed {
            report.skip(10, name, refusal.to_string());
            continue;
        }
        let mut figure = Figure::new(name, "KiB").row(10).at_most(must, aim);
        let bytes = tokio::task::spawn_blocking(move || weigh(wire, idle)).await??;
        figure.add_alone(bytes / 1024.0);
        report.add(figure);
    }
    busy_account(report).await
}

#[derive(Clone, Copy)]
enum Wire {
    Sse,
    WebSocket,
}

impl Wire {
    fn name(self) -> &'static str {
        match self {
            Self::Sse => "SSE (native)",
            Self::WebSocket => "WebSocket (Partizap)",
        }
    }

    /// Connects as `who`, and returns once the server has begun to serve the stream.
    fn connect(self, address: SocketAddr, who: &Person) -> anyhow::Result<TcpStream> {
        let mut socket = TcpStream::connect(address)?;
        socket.set_read_timeout(Some(ANSWER_TIME_MAX))?;
        match self {
            Self::Sse => {
                let key = &who.key;
                write!(
                    socket,
                    "GET /api/v1/events/stream HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {key}\r\n\r\n"
                )?;
                read_until(&mut socket, "stream.ready")?;
            }
            Self::WebSocket => {
                let cookie = &who.cookie;
                write!(
                    socket,
                    "GET /connection/websocket HTTP/1.1\r\nHost: bench\r\nCookie: {cookie}\r\nUpgrade: websocket\r\n\
                     Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
                )?;
                read_until(&mut socket, "\r\n\r\n")?;
                socket.write_all(&masked_text(br#"{"id":1,"connect":{"name":"bench"}}"#))?;
                read_until(&mut socket, "personal:")?;
            }
        }
        Ok(socket)
    }
}

/// A text frame of less than 126 bytes, masked with zeros.
fn masked_text(text: &[u8]) -> Vec<u8> {
    const FINAL_TEXT: u8 = 0x81;
    const MASKED: u8 = 0x80;
    let length = u8::try_from(text.len()).unwrap_or(0);
    [&[FINAL_TEXT, MASKED | length, 0, 0, 0, 0], text].concat()
}

fn read_until(socket: &mut TcpStream, wanted: &str) -> anyhow::Result<()> {
    let mut read = Vec::new();
    let mut buffer = [0; 4096];
    while !String::from_utf8_lossy(&read).contains(wanted) {
        let count = socket.read(&mut buffer)?;
        anyhow::ensure!(count != 0, "refused: {}", String::from_utf8_lossy(&read));
        read.extend_from_slice(&buffer[..count]);
    }
    Ok(())
}

/// The bytes that each of so many idle connections adds to what the server holds.
fn weigh(wire: Wire, idle: usize) -> anyhow::Result<f64> {
    let server = ServerWithPeople::start(WARM_UP + idle)?;
    let connect = |index| wire.connect(server.address, &person(index));
    let _warm = (0..WARM_UP).map(connect).collect::<anyhow::Result<Vec<_>>>()?;
    std::thread::sleep(REST);
    let before = resident_bytes(server.id())?;
    let _idle = (WARM_UP..WARM_UP + idle).map(connect).collect::<anyhow::Result<Vec<_>>>()?;
    std::thread::sleep(REST);
    let grown = resident_bytes(server.id())?.saturating_sub(before);
    Ok(as_float(grown) / as_float(idle as u64))
}

/// How long sends between two people take while another account with many streams gets messages, beside the same without.
async fn busy_account(report: &mut Report) -> anyhow::Result<()> {
    let server = ServerWithPeople::start(4)?;
    let sender = Sender::of(&server, person(3)).await?;
    sender.time(SENDS / 3).await?;
    let alone = sender.time(SENDS).await?;

    let address = server.address;
    let streams = tokio::task::spawn_blocking(move || {
        let connect = |_| Wire::Sse.connect(address, &person(0));
        (0..STREAMS).map(connect).collect::<anyhow::Result<Vec<_>>>()
    });
    let streams = streams.await??;
    let to_busy = Sender::of(&server, person(1)).await?;
    let busy = tokio::spawn(async move {
        let mut messages = 0_usize;
        loop {
            tokio::time::sleep(BUSY_INTERVAL).await;
            if to_busy.send().await.is_err() {
                return messages;
            }
            messages += 1;
        }
    });
    let beside = sender.time(SENDS).await?;
    busy.abort();
    drop(streams);
    let name = format!("native sends beside an account with {STREAMS} streams, p50");
    let mut figure = Figure::new(name, "ms").beside("without it");
    figure.add(alone.milliseconds(0.5), beside.milliseconds(0.5));
    report.add(figure);
    Ok(())
}

/// Writes in the first chat of one person.
struct Sender {
    http: Client,
    url: String,
    key: String,
}

impl Sender {
    async fn of(server: &ServerWithPeople, who: Person) -> anyhow::Result<Self> {
        let http = Client::builder().no_proxy().build()?;
        let chat = server.chat_of(&who).await?;
        let url = format!("http://{}/api/v1/chats/{chat}/messages", server.address);
        Ok(Self { http, url, key: who.key })
    }

    async fn send(&self) -> anyhow::Result<()> {
        let request = self.http.post(&self.url).bearer_auth(&self.key);
        request.json(&json!({"text": "Здравствуйте!"})).send().await?.error_for_status()?;
        Ok(())
    }

    /// How long some sends took, with a pause between them.
    async fn time(&self, sends: usize) -> anyhow::Result<Times> {
        let mut times = Times::new()?;
        for _ in 0..sends {
            let start = Instant::now();
            self.send().await?;
            times.add(start.elapsed())?;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(times)
    }
}
