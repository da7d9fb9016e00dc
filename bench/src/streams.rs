//! Live streams of Torg's own API, of which nothing is read but how many messages they brought.

use std::net::SocketAddr;

use futures_util::future::try_join_all;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// So many streams are opened at the same time.
const AT_ONCE: usize = 64;

/// What a stream brings.
#[derive(Clone, Copy)]
pub(crate) enum Wanted {
    /// All that happens.
    Everything,
    /// Only messages that are new.
    NewMessages,
}

/// Streams that are open until this is dropped.
pub(crate) struct Streams {
    delivered: watch::Receiver<u64>,
    _readers: JoinSet<()>,
}

impl Streams {
    /// Opens one at each address with the key that stands beside it.
    pub(crate) async fn open(places: &[(SocketAddr, String)]) -> anyhow::Result<Self> {
        Self::open_for(Wanted::Everything, places).await
    }

    /// Opens one at each address with the key that stands beside it, for what is `wanted`.
    pub(crate) async fn open_for(
        wanted: Wanted,
        places: &[(SocketAddr, String)],
    ) -> anyhow::Result<Self> {
        let (counter, delivered) = watch::channel(0);
        let mut readers = JoinSet::new();
        for some in places.chunks(AT_ONCE) {
            for socket in
                try_join_all(some.iter().map(|(address, key)| connect(*address, key, wanted)))
                    .await?
            {
                readers.spawn(count_messages(socket, counter.clone()));
            }
        }
        Ok(Self { delivered, _readers: readers })
    }

    /// How many messages they have brought.
    pub(crate) fn delivered(&self) -> u64 {
        *self.delivered.borrow()
    }

    /// Waits until they have brought so many.
    pub(crate) async fn wait_for(&mut self, messages: u64) -> anyhow::Result<()> {
        self.delivered.wait_for(|delivered| messages <= *delivered).await?;
        Ok(())
    }
}

/// A stream that has begun.
pub(crate) async fn connect(
    address: SocketAddr,
    key: &str,
    wanted: Wanted,
) -> anyhow::Result<TcpStream> {
    let query = match wanted {
        Wanted::Everything => "",
        Wanted::NewMessages => "?kind=message.created",
    };
    let mut socket = TcpStream::connect(address).await?;
    socket.set_nodelay(true)?;
    let request = format!(
        "GET /api/v1/events/stream{query} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {key}\r\n\r\n"
    );
    socket.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    while !String::from_utf8_lossy(&answer).contains("event: stream.ready") {
        let count = socket.read_buf(&mut answer).await?;
        anyhow::ensure!(count != 0, "no stream: {}", String::from_utf8_lossy(&answer));
    }
    Ok(socket)
}

async fn count_messages(mut socket: TcpStream, counter: watch::Sender<u64>) {
    const MESSAGE: &[u8] = b"event: message.created";
    let mut unread = Vec::new();
    // A stream that ends brings nothing any more, and that is seen.
    while socket.read_buf(&mut unread).await.is_ok_and(|count| count != 0) {
        let Some(end) = unread.iter().rposition(|&byte| byte == b'\n') else { continue };
        let lines = unread[..end].split(|&byte| byte == b'\n');
        let messages = lines.filter(|line| line.starts_with(MESSAGE)).count();
        unread.drain(..=end);
        if messages != 0 {
            counter.send_modify(|count| *count += messages as u64);
        }
    }
}
