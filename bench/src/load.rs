//! Clients that cost little: keep-alive connections which write requests that were made before, and hardly look at the
//! answers. On a small machine a proper client would take as much of it as the server.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rand::RngExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::client_thread;
use crate::times::Times;

/// Requests of which any may be sent at any time, and to whom.
#[derive(Clone)]
pub(crate) struct Requests {
    pub(crate) address: SocketAddr,
    /// Whole requests, heads and bodies.
    pub(crate) all: Arc<[Vec<u8>]>,
    /// Which of them are sent how often.
    pub(crate) choice: Choice,
}

impl Requests {
    /// The one that is sent next.
    pub(crate) fn choose(&self) -> &[u8] {
        &self.all[self.choice.index(self.all.len())]
    }
}

/// How one of many is chosen.
#[derive(Clone, Copy)]
pub(crate) enum Choice {
    /// All alike.
    Even,
    /// As words in a text, or customers in a market: the second half as often as the first, the third a third as often, and so
    /// on (Zipf's law). Of 100,000 the first 300 get half of all.
    Skewed,
}

impl Choice {
    /// The index of one of `count`.
    pub(crate) fn index(self, count: usize) -> usize {
        match self {
            Self::Even => rand::rng().random_range(0..count),
            Self::Skewed => {
                // The inverse of the harmonic numbers' logarithm, which is close enough.
                let ranks = crate::as_float(count as u64 + 1);
                let rank = ranks.powf(rand::rng().random());
                // `rank` lies from 1 to `count` + 1.
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
                let index = rank as usize - 1;
                index.min(count - 1)
            }
        }
    }
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
    /// From request to answer.
    pub(crate) times: Times,
    /// The longest time in which nobody got an answer.
    pub(crate) stall: Duration,
}

/// Who asks one thing at a time, and waits for its answer.
pub(crate) trait Client: Send + 'static {
    /// Sends a whole request. An answer that is no success is an error.
    fn exchange(&mut self, request: &[u8]) -> impl Future<Output = anyhow::Result<()>> + Send;
}

/// Keeps so many connections busy, divided evenly between the `targets`; each asks again when it is answered. Blocks, but
/// lets other tasks go on.
pub(crate) fn run(targets: &[Requests], connections: usize, span: Span) -> anyhow::Result<Load> {
    run_clients(targets, connections, span, async |_, address| Connection::open(address).await)
}

/// Like [`run`], with clients that are opened by their index and the address of their target.
pub(crate) fn run_clients<C: Client>(
    targets: &[Requests],
    clients: usize,
    span: Span,
    open: impl AsyncFn(usize, SocketAddr) -> anyhow::Result<C> + Sync,
) -> anyhow::Result<Load> {
    client_thread::run(async || {
        let mut opened = Vec::new();
        for index in 0..clients {
            let requests = targets[index % targets.len()].clone();
            opened.push((open(index, requests.address).await?, requests));
        }
        let count =
            Arc::new(Mutex::new(Count::begin(Instant::now() + span.warm_up, span.counted)?));
        let busy: Vec<_> = opened
            .into_iter()
            .map(|(client, requests)| tokio::spawn(keep_busy(client, requests, Arc::clone(&count))))
            .collect();
        for client in busy {
            client.await??;
        }
        let count = count.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Load {
            per_second: crate::as_float(count.times.count()) / span.counted.as_secs_f64(),
            answers: count.answers,
            times: count.times.clone(),
            stall: count.stall,
        })
    })
}

/// What all connections have seen up to now.
struct Count {
    begin: Instant,
    end: Instant,
    answers: u64,
    times: Times,
    last_answer: Instant,
    stall: Duration,
}

impl Count {
    fn begin(begin: Instant, counted: Duration) -> anyhow::Result<Self> {
        let times = Times::new()?;
        let (last_answer, stall) = (begin, Duration::ZERO);
        Ok(Self { begin, end: begin + counted, answers: 0, times, last_answer, stall })
    }

    /// Counts the answer to a request that was sent at `start`. Answers whether there is to be a next one.
    fn answered(&mut self, start: Instant) -> anyhow::Result<bool> {
        self.answers += 1;
        let now = Instant::now();
        if (self.begin..self.end).contains(&now) {
            self.times.add(now - start)?;
        }
        if self.begin <= now {
            let silence = now.min(self.end).saturating_duration_since(self.last_answer);
            self.stall = self.stall.max(silence);
            self.last_answer = now;
        }
        Ok(now < self.end)
    }
}

async fn keep_busy(
    mut client: impl Client,
    requests: Requests,
    count: Arc<Mutex<Count>>,
) -> anyhow::Result<()> {
    loop {
        let request = requests.choose();
        let start = Instant::now();
        client.exchange(request).await?;
        if !count.lock().unwrap_or_else(PoisonError::into_inner).answered(start)? {
            return Ok(());
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

    /// The same, and how long it took.
    pub(crate) async fn time(&mut self, request: &[u8]) -> anyhow::Result<Duration> {
        let start = Instant::now();
        self.ask(request).await?;
        Ok(start.elapsed())
    }
}

impl Client for Connection {
    async fn exchange(&mut self, request: &[u8]) -> anyhow::Result<()> {
        self.ask(request).await
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
