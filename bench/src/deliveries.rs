//! What live streams are given in a second, beside a server of the same stack that does nothing else.
//!
//! Four accounts with 500 streams each, which ask for new messages only. Everybody who writes to one of these accounts
//! waits until the message is there on all of its streams, and writes again: so each message is one write to each stream,
//! on both sides, none is lost, and the sends are few beside the deliveries.
//!
//! Torg does what the plain server does not: it stores each message with entries in both logs, and notes that it was
//! delivered, of which the log of whoever wrote it tells.

mod fan_out;

use std::time::Duration;

use anyhow::Context as _;
use tokio::io::AsyncReadExt as _;
use tokio::time::{Instant, sleep_until, timeout};

use self::fan_out::publish;
pub(crate) use self::fan_out::{PLAIN_FAN_OUT, run as run_plain_fan_out};
use crate::as_float;
use crate::child::{ServerProcess, ServerWithPeople, person};
use crate::client_thread;
use crate::cpu::CpuTime;
use crate::effort::Effort;
use crate::figure::Figure;
use crate::load::{Connection, Span};
use crate::open_files;
use crate::report::Report;
use crate::streams::{self, Streams, Wanted};
use crate::town::TEXT;

/// Accounts whose logs are followed; each has somebody who writes to it.
const ACCOUNTS: usize = 4;
/// Streams of each of them.
const STREAMS: usize = 500;
/// How long a message may take to all of its streams.
const DELIVERY_TIME_MAX: Duration = Duration::from_secs(30);

/// A server and how to write to each of the accounts there.
struct Target {
    address: std::net::SocketAddr,
    process: u32,
    /// Whole requests, by account.
    sends: Vec<Vec<u8>>,
}

/// What came of a round.
struct Round {
    per_second: f64,
    /// Time of a processor that the server took for each delivery, in microseconds; and the clients.
    server_microseconds: f64,
    client_microseconds: f64,
}

/// Measures and remarks.
pub(crate) async fn measure(effort: Effort, report: &mut Report) -> anyhow::Result<()> {
    let name = format!("deliveries/s to {ACCOUNTS} accounts with {STREAMS} live streams each");
    if let Err(refusal) = open_files::allow_connections(ACCOUNTS * STREAMS) {
        report.skip(11, name, refusal.to_string());
        return Ok(());
    }
    let server = ServerWithPeople::start(2 * ACCOUNTS)?;
    let plain_server = ServerProcess::start(PLAIN_FAN_OUT, &[])?;
    let mut sends = Vec::new();
    for account in 0..ACCOUNTS {
        sends.push(send(&server, account).await?);
    }
    let event = event_of(&server, &sends[0]).await?;
    let torg = Target { address: server.address, process: server.id(), sends };
    let plain = Target {
        address: plain_server.address,
        process: plain_server.id(),
        sends: (0..ACCOUNTS).map(|account| publish(&seller_key(account), &event)).collect(),
    };

    let span = effort.span();
    let baseline = "plain fan-out, same stack";
    let mut figure = Figure::new(name, "/s").row(11).beside(baseline).at_least(0.6, 0.85);
    let mut last = None;
    for _ in 0..effort.rounds() {
        let (baseline, round) = (plain.round(span)?, torg.round(span)?);
        figure.add(baseline.per_second, round.per_second);
        last = Some((baseline, round));
    }
    report.add(figure);
    if let Some((baseline, round)) = last {
        report.remark(format!(
            "A delivery is an event of {} bytes. In the last round the server's process took {:.1} µs of a processor for \
             each of them, the plain one {:.1} µs, and the clients {:.1} and {:.1} µs.",
            event.len(),
            round.server_microseconds,
            baseline.server_microseconds,
            round.client_microseconds,
            baseline.client_microseconds,
        ));
    }
    Ok(())
}

fn seller_key(account: usize) -> String {
    person(2 * account).key
}

/// The request by which the buyer of an account writes to it.
async fn send(server: &ServerWithPeople, account: usize) -> anyhow::Result<Vec<u8>> {
    let buyer = person(2 * account + 1);
    let chat = server.chat_of(&buyer).await?;
    let (key, body) = (buyer.key, format!(r#"{{"text":"{TEXT}"}}"#));
    Ok(format!(
        "POST /api/v1/chats/{chat}/messages HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {key}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len(),
    )
    .into_bytes())
}

/// The bytes of the event that a stream of the first account gets by `send`.
async fn event_of(server: &ServerWithPeople, send: &[u8]) -> anyhow::Result<Vec<u8>> {
    const EVENT: &[u8] = b"id: ";
    const END: &[u8] = b"\n\n";
    let mut stream = streams::connect(server.address, &seller_key(0), Wanted::NewMessages).await?;
    Connection::open(server.address).await?.ask(send).await?;
    let mut read = Vec::new();
    loop {
        let place_of = |wanted: &[u8], from: usize| {
            let place = read[from..].windows(wanted.len()).position(|bytes| bytes == wanted);
            place.map(|place| from + place)
        };
        // What is still to come of the stream's greeting has no id.
        if let Some(begin) = place_of(EVENT, 0)
            && let Some(end) = place_of(END, begin)
        {
            return Ok(read[begin..end + END.len()].to_vec());
        }
        let count = timeout(DELIVERY_TIME_MAX, stream.read_buf(&mut read)).await??;
        anyhow::ensure!(count != 0, "the stream has ended");
    }
}

impl Target {
    /// Has messages delivered for a while. Blocks.
    fn round(&self, span: Span) -> anyhow::Result<Round> {
        client_thread::run(async || self.deliver(span).await)
    }

    async fn deliver(&self, span: Span) -> anyhow::Result<Round> {
        let mut writers = Vec::new();
        for (account, send) in self.sends.iter().enumerate() {
            let places = vec![(self.address, seller_key(account)); STREAMS];
            let streams = Streams::open_for(Wanted::NewMessages, &places).await?;
            let connection = Connection::open(self.address).await?;
            writers.push(Writer { connection, send: send.clone(), streams });
        }
        let begin = Instant::now() + span.warm_up;
        let end = begin + span.counted;
        let writers = writers.into_iter().map(|writer| tokio::spawn(writer.write(begin, end)));
        let writers: Vec<_> = writers.collect();
        let cpu = || anyhow::Ok([CpuTime::of(self.process)?, CpuTime::of(std::process::id())?]);
        sleep_until(begin).await;
        let before = cpu()?;
        sleep_until(end).await;
        let after = cpu()?;
        let mut deliveries = 0;
        for writer in writers {
            deliveries += writer.await??;
        }
        let deliveries = as_float(deliveries);
        let processors = as_float(std::thread::available_parallelism()?.get() as u64);
        let microseconds = |index: usize| {
            let share = after[index].share_since(before[index]);
            share * processors * span.counted.as_secs_f64() * 1e6 / deliveries
        };
        Ok(Round {
            per_second: deliveries / span.counted.as_secs_f64(),
            server_microseconds: microseconds(0),
            client_microseconds: microseconds(1),
        })
    }
}

/// Somebody who writes to an account, and the streams of that account.
struct Writer {
    connection: Connection,
    send: Vec<u8>,
    streams: Streams,
}

impl Writer {
    /// Writes until `end`. Answers how much was delivered since `begin`.
    async fn write(mut self, begin: Instant, end: Instant) -> anyhow::Result<u64> {
        let (mut expected, mut counted) = (0, 0);
        loop {
            self.connection.ask(&self.send).await?;
            expected += STREAMS as u64;
            timeout(DELIVERY_TIME_MAX, self.streams.wait_for(expected)).await.with_context(
                || format!("of {expected} deliveries {} have come", self.streams.delivered()),
            )??;
            let now = Instant::now();
            if end <= now {
                return Ok(counted);
            }
            if begin <= now {
                counted += STREAMS as u64;
            }
        }
    }
}
