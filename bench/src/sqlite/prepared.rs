//! Data directories that are filled once and copied for each round, so that every round begins with as much stored.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use engine::Engine;
use engine::sessions::Browser;
use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;
use torg::faces::NATIVE_AUDIENCE;
use torg::server::{Server, Surroundings};
use torg::settings::{self, Sources};

use crate::child::{DATA_DIR, ServerProcess};
use crate::report::progress;
use crate::town::{self, Chat, FIRST_SELLER, Plan, Town};

/// Lifted, so that few sellers may do as much as all do otherwise: their requests are counted all the same.
pub(super) const SETTINGS: [(&str, &str); 6] = [
    ("ozon.requests_per_second", "1000000"),
    ("yandex_market.parallel_requests", "1000000"),
    ("yandex_market.requests_per_hour.get_chats", "1000000000"),
    ("yandex_market.requests_per_hour.get_chat_history", "1000000000"),
    ("partizap.limits.reads_per_minute", "1000000"),
    ("native.requests_per_minute", "1000000000"),
];

/// A million messages in 100,000 chats.
pub(super) const LARGE: Plan = Plan { sellers: 2000, chats_of_seller: 50, buyers: 20_000 };
/// A tenth of that, for those who have no time.
pub(super) const MIDDLE: Plan = Plan { sellers: 200, chats_of_seller: 50, buyers: 2000 };
/// A thousand messages in 100 chats.
pub(super) const SMALL: Plan = Plan { sellers: 2, chats_of_seller: 50, buyers: 50 };

/// One chat of so many is long.
const LONG_CHAT_EVERY: usize = 20;
/// Messages of a long chat, and of each other one: ten on average. All end with the seller's, as they do after a send.
const MESSAGES_OF_CHAT: (usize, usize) = (124, 4);
/// The first so many sellers have what they need to read.
const READERS: i64 = 200;
/// What [`town::secret`] has for Partizap's cookies.
pub(super) const SESSION: &str = "session";
/// How long the index for search may take to come up with the messages.
const INDEXED_TIME_MAX: Duration = Duration::from_mins(10);

/// A town in a data directory on which no server runs.
pub(super) struct Prepared {
    data: TempDir,
    pub(super) town: Town,
    plan: Plan,
}

impl Prepared {
    /// Fills a data directory, through the engine: every row is as Torg writes it.
    pub(super) async fn build(plan: Plan) -> anyhow::Result<Self> {
        let data = tempfile::tempdir()?;
        let mut settings = settings::load(&Sources::default())?;
        settings.listen = "127.0.0.1:0".parse()?;
        settings.data_dir = data.path().to_owned();
        let server = Server::start(&settings, Surroundings::of_this_machine()).await?;
        let town = fill(server.engine(), plan).await;
        let indexed = indexed_in(data.path()).await;
        server.stop().await?;
        indexed?;
        let this = Self { data, town: town?, plan };
        progress(&format!("stored: {}", this.describe()));
        Ok(this)
    }

    /// How many messages are stored.
    pub(super) fn messages(&self) -> usize {
        (0..self.town.chats.len()).map(messages_of).sum()
    }

    /// Those who have a key for every API, and a session.
    pub(super) fn readers(&self) -> impl Iterator<Item = i64> {
        readers(self.plan)
    }

    /// The readers' chats with more messages than a page.
    pub(super) fn long_chats_of_readers(&self) -> impl Iterator<Item = &Chat> {
        let long = self.town.chats.iter().step_by(LONG_CHAT_EVERY);
        long.filter(|chat| self.readers().any(|reader| reader == chat.seller))
    }

    /// What is stored.
    pub(super) fn describe(&self) -> String {
        format!(
            "{} messages in {} chats of {} sellers and {} buyers",
            self.messages(),
            self.plan.chats(),
            self.plan.sellers,
            self.plan.buyers
        )
    }

    /// A copy in which a round may do what it wants.
    pub(super) fn copy(&self) -> anyhow::Result<Copy> {
        let data = tempfile::tempdir()?;
        for entry in fs::read_dir(self.data.path())? {
            let entry = entry?;
            // No attachment was sent, so there are files only, and folders without any.
            if entry.file_type()?.is_file() {
                let copied = data.path().join(entry.file_name());
                fs::copy(entry.path(), &copied)?;
                // What the system would write down later would slow a round down.
                File::open(copied)?.sync_all()?;
            }
        }
        Ok(Copy { data })
    }
}

/// A copy of a data directory.
pub(super) struct Copy {
    data: TempDir,
}

impl Copy {
    /// The database.
    pub(super) fn database(&self) -> PathBuf {
        database_in(self.data.path())
    }

    /// The folder.
    pub(super) fn folder(&self) -> &Path {
        self.data.path()
    }

    /// Starts a server on it.
    pub(super) fn serve(&self) -> anyhow::Result<ServerProcess> {
        let data = self.data.path().to_str().context("the folder's name is not UTF-8")?;
        ServerProcess::with_settings(&[&[(DATA_DIR, data)], &SETTINGS[..]].concat())
    }

    /// How many messages a chat has.
    pub(super) fn messages_in(&self, chat: &Chat) -> anyhow::Result<i64> {
        let count = "SELECT count(*) FROM messages WHERE chat_id = ?1";
        let database = open_for_reading(&self.database())?;
        Ok(database.query_row(count, [chat.id.get()], |row| row.get(0))?)
    }

    /// How many messages are not in the index for search yet.
    pub(super) fn unindexed(&self) -> anyhow::Result<i64> {
        unindexed_in(self.data.path())
    }

    /// Waits until all messages are in the index for search.
    pub(super) async fn indexed(&self) -> anyhow::Result<()> {
        indexed_in(self.data.path()).await
    }
}

/// How many messages in a data directory are not in the index for search yet.
fn unindexed_in(data: &Path) -> anyhow::Result<i64> {
    let database = open_for_reading(&database_in(data))?;
    let index = open_for_reading(&database_in(data).with_added_extension("search"))?;
    let last: i64 = index.query_row("SELECT message_id FROM indexed", [], |row| row.get(0))?;
    let count = "SELECT count(*) FROM searchable_messages WHERE message_id > ?1";
    Ok(database.query_row(count, [last], |row| row.get(0))?)
}

/// Waits until all messages are in the index for search, so that nobody pays for that later.
async fn indexed_in(data: &Path) -> anyhow::Result<()> {
    let all_indexed = async {
        while unindexed_in(data)? != 0 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        anyhow::Ok(())
    };
    let waited = tokio::time::timeout(INDEXED_TIME_MAX, all_indexed).await;
    waited.context("the index for search does not come up")?
}

async fn fill(engine: &Engine, plan: Plan) -> anyhow::Result<Town> {
    let town = Town::build(engine, plan).await?;
    town.talk(engine, messages_of).await?;
    let readers = || readers(plan);
    town::put_keys(engine, dialect_yandex_market::AUDIENCE, readers()).await?;
    town::put_keys(engine, NATIVE_AUDIENCE, readers()).await?;
    for reader in readers() {
        let browser = Browser { ip_address: "127.0.0.1".to_owned(), user_agent: String::new() };
        let token = town::secret(SESSION, reader);
        engine.put_session(town::id(reader)?, &token, browser, None).await?;
    }
    Ok(town)
}

/// Those who have a key for every API, and a session.
fn readers(plan: Plan) -> impl Iterator<Item = i64> {
    (0..plan.sellers.min(READERS)).map(|index| FIRST_SELLER + index)
}

/// How many messages a chat has.
fn messages_of(chat: usize) -> usize {
    let (long, short) = MESSAGES_OF_CHAT;
    if chat.is_multiple_of(LONG_CHAT_EVERY) { long } else { short }
}

fn database_in(data: &Path) -> PathBuf {
    data.join("torg.sqlite")
}

fn open_for_reading(file: &Path) -> rusqlite::Result<Connection> {
    Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)
}
