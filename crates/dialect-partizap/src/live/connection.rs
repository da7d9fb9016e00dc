//! One client's connection, from its hello to the goodbye.

use std::sync::Arc;
use std::time::Duration;

use ::live::{Frame, Next, Reader};
use axum::extract::ws::{Message, WebSocket};
use domain::id::AccountId;
use engine::EngineError;
use engine::access::Caller;
use engine::limits::Pass;
use engine::store::Session;
use engine::wakeups::Signal;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::Live;
use super::command::{Command, Connect, Position, commands};
use super::disconnect::Disconnect;
use super::event::Event;
use super::heartbeat::{Due, Heartbeat, PING_INTERVAL};
use super::render::{PublicationWriter, Published};
use super::reply::{PING, Publication, Subscription, Welcome, not_available};
use crate::Face;
use crate::wire::Writer;

/// How long a client may take to say hello.
const HELLO_TIME_MAX: Duration = Duration::from_secs(10);
/// How long to look for the answer to a ping before a client that seems silent is given up.
const LAST_WORD_TIME_MAX: Duration = Duration::from_millis(100);
/// How long the other end may take to say goodbye, too.
const GOODBYE_TIME_MAX: Duration = Duration::from_secs(5);
/// So many log entries a client may have missed to get them all; beyond that it fetches what it shows.
const RECOVERED_ENTRIES_MAX: i64 = 1000;
/// Lines are gathered into frames of about so many bytes.
const FRAME_BYTES: usize = 16 << 10;

/// A client's connection.
pub(crate) struct Connection {
    live: Live,
    socket: WebSocket,
}

/// Why a conversation is over.
enum End {
    /// The client is gone.
    Left,
    /// The server has had enough.
    Disconnect(Disconnect),
}

/// Who is at the other end. Kept small: there are many.
pub(crate) struct Person {
    account: AccountId,
    token_hash: [u8; 32],
    channel: String,
    /// One of the person's live connections.
    _place: Pass,
}

type Step<T> = Result<T, End>;
type Frames = [Arc<Frame<Published>>];

impl From<Disconnect> for End {
    fn from(disconnect: Disconnect) -> Self {
        Self::Disconnect(disconnect)
    }
}

impl From<EngineError> for End {
    fn from(error: EngineError) -> Self {
        tracing::warn!(error = &error as &dyn std::error::Error, "live events cannot be read");
        Self::Disconnect(Disconnect::ServerError)
    }
}

impl Person {
    /// Whose session it is; none if the person has as many live connections as one may have.
    pub(crate) fn enter(face: &Face, session: &Session) -> Option<Self> {
        let subject = session.account.to_string();
        let at_once_max = face.settings.limits.live_connections;
        Some(Self {
            account: session.account,
            token_hash: session.token_hash,
            channel: format!("personal:#{subject}"),
            _place: face.engine.limits().enter("partizap live", &subject, at_once_max)?,
        })
    }
}

impl Connection {
    pub(crate) fn new(live: Live, socket: WebSocket) -> Self {
        Self { live, socket }
    }

    /// Talks with the client until one of the two has had enough, or the server stops.
    pub(crate) async fn serve(&mut self, person: &Person, stopping: &CancellationToken) {
        let end = tokio::select! {
            end = self.converse(person) => end,
            () = stopping.cancelled() => Disconnect::Shutdown.into(),
        };
        match end {
            End::Left => {}
            End::Disconnect(disconnect) => self.close(disconnect).await,
        }
    }

    /// Says goodbye, and waits until the client has heard it: closing at once could overtake the words.
    pub(crate) async fn close(&mut self, disconnect: Disconnect) {
        let goodbye = async {
            self.socket.send(Message::Close(Some(disconnect.into()))).await.ok()?;
            while let Some(Ok(_)) = self.socket.recv().await {}
            Some(())
        };
        let _ = timeout(GOODBYE_TIME_MAX, goodbye).await;
    }

    async fn converse(&mut self, person: &Person) -> End {
        match self.follow(person).await {
            Ok(never) => match never {},
            Err(end) => end,
        }
    }

    async fn follow(&mut self, person: &Person) -> Step<std::convert::Infallible> {
        let hello = timeout(HELLO_TIME_MAX, self.hello()).await;
        let (hello, others) = hello.map_err(|_| Disconnect::Stale)??;
        let mut reader = self.welcome(person, &hello).await?;
        let engine = self.live.face.engine.clone();
        let _online = engine.come_online(person.account);
        self.tell_who_is_online(person).await?;
        let mut heartbeat = Heartbeat::starting_at(engine.now());
        self.answer(others, &mut heartbeat).await?;
        loop {
            tokio::select! {
                frame = self.socket.recv() => {
                    let commands = heard(frame)?;
                    self.answer(commands, &mut heartbeat).await?;
                }
                next = reader.next() => match next? {
                    Next::Frames(frames) => {
                        self.publish(person, &frames).await?;
                        // Partizap contract §7.8.
                        reader.delivered(&frames).await;
                    }
                    Next::Signal(signal) => self.hear_signal(person, signal).await?,
                    Next::CutOff { .. } => return Err(Disconnect::InsufficientState.into()),
                },
                () = engine.sleep_until(heartbeat.wakes_at()) => match heartbeat.due(engine.now()) {
                    Due::Nothing => {}
                    Due::Ping => {
                        self.require_session_if_known(person).await?;
                        self.send(PING.to_owned()).await?;
                    }
                    // Where writing or the whole server was held up, the answer may wait to be read.
                    Due::Silence => {
                        let frame = timeout(LAST_WORD_TIME_MAX, self.socket.recv()).await;
                        let commands = heard(frame.map_err(|_| Disconnect::NoPong)?)?;
                        self.answer(commands, &mut heartbeat).await?;
                    }
                },
            }
        }
    }

    /// The client's first command, and what came with it.
    async fn hello(&mut self) -> Step<(Connect, Vec<Command>)> {
        let mut commands = loop {
            let commands = heard(self.socket.recv().await)?;
            if !commands.is_empty() {
                break commands.into_iter();
            }
        };
        match commands.next() {
            Some(Command::Connect(hello)) => Ok((hello, commands.collect())),
            Some(Command::Pong | Command::NotOffered { .. }) | None => {
                Err(Disconnect::BadRequest.into())
            }
        }
    }

    /// Tells the client where it stands, with the first of what it missed.
    async fn welcome(
        &mut self,
        person: &Person,
        hello: &Connect,
    ) -> Step<Reader<PublicationWriter>> {
        let engine = self.live.face.engine.clone();
        let caller = Caller::account_holder(person.account);
        let epoch = engine.seal_cursor("partizap live epoch", &person.account.get().to_be_bytes());
        // No entry is wanted, only where the log begins and ends.
        let end = engine.events(&caller, i64::MAX, 1).await?;
        let wanted = hello.position(&person.channel);
        let is_known = |wanted: &Position| {
            let missed = end.newest.checked_sub(wanted.offset);
            wanted.epoch == epoch
                && missed.is_some_and(|missed| (0..=RECOVERED_ENTRIES_MAX).contains(&missed))
                && !end.is_cut_off(wanted.offset)
        };
        let mut known = wanted.as_ref().filter(|wanted| is_known(wanted));
        let mut start = known.map_or(end.newest, |known| known.offset);
        let mut reader = self.live.feed.read(person.account, start);
        let mut missed = Vec::new();
        if start < end.newest {
            match reader.next().await? {
                Next::Frames(frames) => missed = frames,
                // What the client missed was forgotten this very moment.
                Next::CutOff { .. } => {
                    (known, start) = (None, end.newest);
                    reader = self.live.feed.read(person.account, start);
                }
                // What is behind comes first, so this does not happen; and no signal has to arrive.
                Next::Signal(_) => {}
            }
        }
        // The reader hears of the session's end, which may have come since the upgrade.
        self.require_session(person).await?;
        let publications: Vec<Publication> = published(&missed).cloned().collect();
        let subscription = match (known, &wanted) {
            (Some(_), _) => Subscription::recovered(&epoch, start, &publications),
            (None, Some(_)) => Subscription::not_recovered(&epoch, start),
            (None, None) => Subscription::new(&epoch, start),
        };
        let welcome = Welcome {
            id: hello.id,
            client: engine.random().uuid().to_string(),
            ping_seconds: PING_INTERVAL.as_secs(),
            channel: &person.channel,
            subscription,
        };
        let line = welcome.line()?;
        self.send(line).await?;
        reader.delivered(&missed).await;
        Ok(reader)
    }

    /// Answers what a client may ask besides: nothing.
    async fn answer(&mut self, commands: Vec<Command>, heartbeat: &mut Heartbeat) -> Step<()> {
        let mut answers = Vec::new();
        for command in commands {
            match command {
                Command::Connect(_) => return Err(Disconnect::BadRequest.into()),
                Command::Pong => heartbeat.hear_pong(),
                Command::NotOffered { id } => answers.push(not_available(id)),
            }
        }
        if answers.is_empty() { Ok(()) } else { self.send(answers.join("\n")).await }
    }

    /// What an entry became is never spread over two frames, so a client has all of it or nothing.
    async fn publish(&mut self, person: &Person, frames: &Frames) -> Step<()> {
        let mut lines = String::new();
        for frame in frames {
            for publication in published(std::slice::from_ref(frame)) {
                if !lines.is_empty() {
                    lines.push('\n');
                }
                lines.push_str(&publication.push(&person.channel)?);
            }
            if FRAME_BYTES <= lines.len() {
                self.send(std::mem::take(&mut lines)).await?;
            }
        }
        if lines.is_empty() { Ok(()) } else { self.send(lines).await }
    }

    async fn hear_signal(&mut self, person: &Person, signal: Signal) -> Step<()> {
        let face = &self.live.face;
        let event = match signal {
            Signal::Typing { chat, by } => Event::typing(chat, by),
            Signal::Presence { account, online, at } if face.settings.online_events => {
                Event::presence(&Writer::new(face, person.account), account, online, at)
            }
            Signal::Presence { .. } => return Ok(()),
            Signal::CredentialsChanged => return self.require_session_if_known(person).await,
        };
        let publication = Publication::new(&event, None)?;
        self.send(publication.push(&person.channel)?).await
    }

    /// Says who of those with whom the person shares a conversation is there already.
    async fn tell_who_is_online(&mut self, person: &Person) -> Step<()> {
        if !self.live.face.settings.online_events {
            return Ok(());
        }
        for signal in self.live.face.engine.online_counterparts(person.account).await? {
            self.hear_signal(person, signal).await?;
        }
        Ok(())
    }

    /// Ends the conversation if the person's session has ended.
    async fn require_session(&mut self, person: &Person) -> Step<()> {
        let engine = &self.live.face.engine;
        if engine.is_session_running(person.account, &person.token_hash).await? {
            Ok(())
        } else {
            Err(Disconnect::Unauthorized.into())
        }
    }

    /// Like [`Self::require_session`]; but when it cannot be found out, the next ping will: a database that hiccups must
    /// not send everybody away at once.
    async fn require_session_if_known(&mut self, person: &Person) -> Step<()> {
        let engine = &self.live.face.engine;
        match engine.is_session_running(person.account, &person.token_hash).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(Disconnect::Unauthorized.into()),
            Err(_logged_where_it_happened) => Ok(()),
        }
    }

    /// Writes a frame. Whoever does not take it in time is given up: what waits here waits in memory.
    async fn send(&mut self, lines: String) -> Step<()> {
        let written = self.socket.send(Message::Text(lines.into()));
        match timeout(self.live.face.settings.send_time_max, written).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::Left),
            Err(_) => Err(Disconnect::Slow.into()),
        }
    }
}

/// The commands of what came from the client.
fn heard(frame: Option<Result<Message, axum::Error>>) -> Step<Vec<Command>> {
    match frame {
        Some(Ok(Message::Text(text))) => commands(&text).map_err(|_| Disconnect::BadRequest.into()),
        Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(Vec::new()),
        Some(Ok(Message::Close(_))) | None => Err(End::Left),
        // A client of the Protobuf kind; or broken off, or longer than any client's words.
        Some(Ok(Message::Binary(_)) | Err(_)) => Err(Disconnect::BadRequest.into()),
    }
}

fn published(frames: &Frames) -> impl Iterator<Item = &Publication> {
    let contents = frames.iter().filter_map(|frame| frame.content.as_ref());
    contents.flat_map(|published| &published.publications)
}
