//! Clients that cost little: keep-alive connections which write requests that were made before, and hardly look at the
//! answers. On a small machine a proper client would take as much of it as the server.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use hdrhistogram::Histogram;
use rand::RngExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Requests of which any may be sent at any time, and to whom.
#[derive(Clone)]
pub(crate) struct Requests {
    pub(crate) address: SocketAddr,
    /// Whole requests, heads and bodies.
    pub(crate) all: Arc<[Vec<u8>]>,
}

/// How long there is load.
#[derive(Clone, Copy)]
pub(crate) struct Span {
    /// Before the count begins.
    pub(crate) warm_up: Duration,
    pub(crate) counted: Duration,
}

/// What came of it.
pub(crate) struct Load {
    /// Answers, all of them successes, in each second that was counted.
    pub(crate) per_second: f64,
    /// Answers since the first request, the warm-up included.
    pub(crate) answers: u64,
    /// Microseconds from request to answer.
    pub(crate) times: Histogram<u64>,
}

/// Keeps so many connections busy, divided evenly between the `targets`; each asks again when it is answered. Blocks.
pub(crate) fn run(targets: &[Requests], connections: usize, span: Span) -> anyhow::Result<Load> {
    // One thread: several would only get in the way of the servers.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut open = Vec::new();
        for index in 0..connections {
            let requests = targets[index % targets.len()].clone();
            open.push((Connection::open(requests.address).await?, requests));
        }
        let begin = Instant::now() + span.warm_up;
        let busy: Vec<_> = open
            .into_iter()
            .map(|(connection, requests)| {
                tokio::spawn(keep_busy(connection, requests, begin, span.counted))
            })
            .collect();
        let mut load = Load { per_second: 0.0, answers: 0, times: Histogram::new(3)? };
        for client in busy {
            let (times, answers) = client.await??;
            load.times.add(times)?;
            load.answers += answers;
        }
        load.per_second = crate::as_float(load.times.len()) / span.counted.as_secs_f64();
        Ok(load)
    })
}

/// The times of the requests that were answered while it counted, and how many were answered at all.
async fn keep_busy(
    mut connection: Connection,
    requests: Requests,
    begin: Instant,
    counted: Duration,
) -> anyhow::Result<(Histogram<u64>, u64)> {
    let mut times = Histogram::new(3)?;
    let mut answers = 0;
    loop {
        let request = &requests.all[rand::rng().random_range(0..requests.all.len())];
        let start = Instant::now();
        connection.ask(request).await?;
        answers += 1;
        let now = Instant::now();
        if begin + counted <= now {
            return Ok((times, answers));
        }
        if begin <= now {
            times.record(u64::try_from((now - start).as_micros())?)?;
        }
    }
}

/// A connection of HTTP/1.1.
pub(crate) struct Connection {
    socket: TcpStream,
    answer: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        Ok(Self { socket, answer: Vec::new() })
    }

    /// Sends a request and waits for its answer, which must be a success with a `Content-Length`.
    pub(crate) async fn ask(&mut self, request: &[u8]) -> anyhow::Result<()> {
        self.socket.write_all(request).await?;
        self.answer.clear();
        while !is_complete(&self.answer)? {
            let count = self.socket.read_buf(&mut self.answer).await?;
            anyhow::ensure!(count != 0, "the server closed the connection");
        }
        let is_success = self.answer.starts_with(b"HTTP/1.1 2");
        anyhow::ensure!(is_success, "refused: {}", String::from_utf8_lossy(&self.answer));
        Ok(())
    }
}

fn is_complete(answer: &[u8]) -> anyhow::Result<bool> {
    const HEAD_END: &[u8] = b"\r\n\r\n";
    const LENGTH: &str = "content-length: ";
    let Some(head_end) = answer.windows(HEAD_END.len()).position(|bytes| bytes == HEAD_END) else {
        return Ok(false);
    };
    let head = str::from_utf8(&answer[..head_end])?;
    let length = head.lines().find_map(|line| line.strip_prefix(LENGTH));
    let length: usize = length.context("an answer without a length")?.parse()?;
    Ok(head_end + HEAD_END.len() + length <= answer.len())
}
