//! A stream that is open: what it writes next.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use engine::limits::Pass;
use engine::presence::Online;
use engine::wakeups::Signal;
use engine::{Engine, EngineError};
use http::StatusCode;
use live::{Frame, Next, Reader};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::frames::{self, EventRender};
use crate::Api;
use crate::account::event_filter::EventFilter;
use crate::account::events::log_trimmed;
use crate::gate::check_reader_again;
use crate::problem::Problem;

/// Entries are written together up to so many bytes.
const CHUNK_BYTES: usize = 16 << 10;
/// A client that was sent away because the server stops comes back after this, in milliseconds; another is sure to be
/// there soon.
const RETRY_SOON_MS: u32 = 500;
/// Over so many milliseconds their return is spread.
const RETRY_SPREAD_MS: u32 = 1_500;

/// With what a stream was opened, so that it can be checked again.
pub(super) struct Credential {
    pub(super) secret_hash: [u8; 32],
    pub(super) address: IpAddr,
}

/// A stream and where its client stands.
pub(super) struct OpenStream {
    engine: Engine,
    reader: Reader<EventRender>,
    filter: EventFilter,
    credential: Credential,
    stopping: Option<CancellationToken>,
    heartbeat: std::time::Duration,
    next_heartbeat: Instant,
    opening: Option<Bytes>,
    /// Entries that the client has not been given yet. There are never more than the reader brings at once.
    waiting: VecDeque<Arc<Frame<Bytes>>>,
    /// Entries of the last chunk.
    handed: Vec<Arc<Frame<Bytes>>>,
    /// The last sequence that the client was given, or that was kept from it by the filter.
    position: i64,
    is_over: bool,
    _held: (Online, Pass),
}

enum Happening {
    Stopping,
    Heartbeat,
    Read(Result<Next<Bytes>, EngineError>),
}

impl OpenStream {
    pub(super) fn new(
        api: &Api,
        reader: Reader<EventRender>,
        filter: EventFilter,
        credential: Credential,
        stopping: Option<CancellationToken>,
        opening: Bytes,
        held: (Online, Pass),
    ) -> Self {
        let heartbeat = api.settings.streams.heartbeat;
        Self {
            engine: api.engine.clone(),
            position: reader.position(),
            reader,
            filter,
            credential,
            stopping,
            heartbeat,
            next_heartbeat: Instant::now() + heartbeat,
            opening: Some(opening),
            waiting: VecDeque::new(),
            handed: Vec::new(),
            is_over: false,
            _held: held,
        }
    }

    /// What is written next; none at the end. It is asked for when what came before has left for the socket.
    pub(super) async fn next_chunk(&mut self) -> Option<Bytes> {
        if self.is_over {
            return None;
        }
        if let Some(opening) = self.opening.take() {
            return Some(opening);
        }
        if !self.handed.is_empty() {
            let handed = std::mem::take(&mut self.handed);
            Box::pin(self.reader.delivered(&handed)).await;
        }
        if self.stopping.as_ref().is_some_and(CancellationToken::is_cancelled) {
            return Some(self.close(&server_stops()));
        }
        loop {
            if let Some(chunk) = self.take_waiting() {
                return Some(chunk);
            }
            match self.wait().await {
                Happening::Stopping => return Some(self.close(&server_stops())),
                Happening::Heartbeat => {
                    self.next_heartbeat = Instant::now() + self.heartbeat;
                    return Some(match self.check_credential().await {
                        Ok(()) => frames::heartbeat(self.position).into(),
                        Err(problem) => self.close(&problem),
                    });
                }
                Happening::Read(Ok(Next::Frames(frames))) => self.waiting.extend(frames),
                Happening::Read(Ok(Next::Signal(Signal::CredentialsChanged))) => {
                    if let Err(problem) = self.check_credential().await {
                        return Some(self.close(&problem));
                    }
                }
                Happening::Read(Ok(Next::Signal(signal))) => {
                    if self.filter.passes_signal(&signal) {
                        return Some(frames::passing(&signal).into());
                    }
                }
                Happening::Read(Ok(Next::CutOff { oldest })) => {
                    return Some(self.close(&log_trimmed(oldest)));
                }
                Happening::Read(Err(error)) => return Some(self.close(&error.into())),
            }
        }
    }

    /// The stop comes before everything, and signs of life before entries: a filter may keep all of these away.
    async fn wait(&mut self) -> Happening {
        let stopped = async {
            match &self.stopping {
                Some(token) => token.cancelled().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = stopped => Happening::Stopping,
            () = sleep_until(self.next_heartbeat) => Happening::Heartbeat,
            next = self.reader.next() => Happening::Read(next),
        }
    }

    /// As many of the waiting entries as are written together; none when the filter keeps all of them away.
    fn take_waiting(&mut self) -> Option<Bytes> {
        let mut chunk_bytes = 0;
        while let Some(frame) = self.waiting.pop_front_if(|frame| {
            let frame_bytes = frame.content.as_ref().map_or(0, Bytes::len);
            chunk_bytes == 0 || chunk_bytes + frame_bytes <= CHUNK_BYTES
        }) {
            self.position = frame.logged.sequence;
            if let Some(content) = &frame.content
                && self.filter.passes(&frame.logged.entry)
            {
                chunk_bytes += content.len();
                self.handed.push(frame);
            }
        }
        if let [only] = &self.handed[..] {
            // All streams of the account share these bytes.
            return only.content.clone();
        }
        let mut chunk = Vec::with_capacity(chunk_bytes);
        for content in self.handed.iter().filter_map(|frame| frame.content.as_ref()) {
            chunk.extend_from_slice(content);
        }
        (!chunk.is_empty()).then(|| chunk.into())
    }

    async fn check_credential(&self) -> Result<(), Problem> {
        let Credential { secret_hash, address } = &self.credential;
        Box::pin(check_reader_again(&self.engine, secret_hash, *address)).await
    }

    fn close(&mut self, problem: &Problem) -> Bytes {
        self.is_over = true;
        let mut bytes = [0; 2];
        self.engine.random().fill(&mut bytes);
        let retry_ms = RETRY_SOON_MS + u32::from(u16::from_le_bytes(bytes)) % RETRY_SPREAD_MS;
        frames::closing(problem, self.position, retry_ms).into()
    }
}

fn server_stops() -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "server-stopping",
        "The server stops",
        "Connect again with the last id: the stream goes on behind it.",
    )
}
