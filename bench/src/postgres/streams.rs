//! Live streams of Torg's own API, of which nothing is read but how many messages they brought.

use std::net::SocketAddr;

use futures_util::future::try_join_all;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;
use torg::faces::NATIVE_AUDIENCE;

use super::town::secret;

/// So many streams are opened at the same time.
const AT_ONCE: usize = 64;

/// Streams that are open until this is dropped.
pub(super) struct Streams {
    delivered: watch::Receiver<u64>,
    _readers: JoinSet<()>,
}

impl Streams {
    /// Opens one at each address for the account that stands beside it.
    pub(super) async fn open(places: &[(SocketAddr, i64)]) -> anyhow::Result<Self> {
        let (counter, delivered) = watch::channel(0);
        let mut readers = JoinSet::new();
        for some in places.chunks(AT_ONCE) {
            for socket in try_join_all(some.iter().map(|&place| connect(place))).await? {
                readers.spawn(count_messages(socket, counter.clone()));
            }
        }
        Ok(Self { delivered, _readers: readers })
    }

    /// How many messages they have brought.
    pub(super) fn delivered(&self) -> u64 {
        *self.delivered.borrow()
    }

    /// Waits until they have brought so many.
    pub(super) async fn wait_for(&mut self, messages: u64) -> anyhow::Result<()> {
        self.delivered.wait_for(|delivered| messages <= *delivered).await?;
        Ok(())
    }
}

async fn connect((address, account): (SocketAddr, i64)) -> anyhow::Result<TcpStream> {
    let mut socket = TcpStream::connect(address).await?;
    socket.set_nodelay(true)?;
    let request = format!(
        "GET /api/v1/events/stream HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {}\r\n\r\n",
        secret(NATIVE_AUDIENCE, account)
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
