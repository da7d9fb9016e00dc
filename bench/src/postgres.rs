//! Torg on PostgreSQL: sends beside a plain transaction, and what it costs that streams hang on another replica.
//!
//! One PostgreSQL, as durable as in production, serves both sides of every ratio.

mod baseline;
mod replicas;
mod sends;
mod streams;
mod town;

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::Context as _;
use local_services::{Durability, Nats, Postgres, Schema};
use tokio_postgres::{Client, NoTls};
use torg::server::{Server, Surroundings};
use torg::settings::{self, Sources};

use crate::figure::HEAD;
use crate::load::Span;
use baseline::Baseline;
use town::Town;

/// Of PostgreSQL. A server in production has more memory than the defaults expect, and does not write everything down
/// every few minutes.
const SETTINGS: [(&str, &str); 3] =
    [("shared_buffers", "1GB"), ("max_wal_size", "4GB"), ("checkpoint_timeout", "30min")];
/// How long the index for search may take to come up with the messages of a round.
const INDEXED_TIME_MAX: Duration = Duration::from_mins(2);

/// How much is measured.
struct Effort {
    rounds: usize,
    span: Span,
    /// Messages whose way to a stream is timed.
    deliveries: usize,
}

impl Effort {
    fn new(is_quick: bool) -> Self {
        let seconds = Duration::from_secs;
        if is_quick {
            let span = Span { warm_up: seconds(1), counted: seconds(4) };
            Self { rounds: 3, span, deliveries: 30 }
        } else {
            let span = Span { warm_up: seconds(2), counted: seconds(10) };
            Self { rounds: 5, span, deliveries: 100 }
        }
    }
}

/// What the measurements share.
struct Site {
    /// Where Torg's tables are.
    place: Schema,
    /// A connection of the bench's own, to the same tables.
    client: Client,
    nats: Nats,
    town: Town,
    effort: Effort,
}

/// Measures and answers lines of a table.
pub(crate) async fn measure(is_quick: bool) -> anyhow::Result<String> {
    let (postgres, nats) = tokio::task::spawn_blocking(|| {
        Ok::<_, local_services::Error>((
            Postgres::start_with(Durability::Machine, &SETTINGS)?,
            Nats::start()?,
        ))
    })
    .await??;
    let (place, other_place) = (Schema::make(&postgres.url())?, Schema::make(&postgres.url())?);
    let client = connect(place.url()).await?;
    let town = build(&place, async |server| Town::build(server.engine()).await).await?;
    build(&other_place, async |_| Ok(())).await?;
    let baseline = Baseline::copy(&postgres, &client, &place, other_place).await?;
    let site = Site { place, client, nats, town, effort: Effort::new(is_quick) };

    let mut table = format!("{}\n{HEAD}", site.describe().await?);
    let mut remarks = String::new();
    sends::measure(&site, &baseline, &mut table, &mut remarks).await?;
    replicas::measure(&site, &mut table, &mut remarks).await?;
    write!(table, "\n{remarks}")?;
    Ok(table)
}

/// Has a server make its tables in `place`, and lets `work` do something there.
async fn build<T>(
    place: &Schema,
    work: impl AsyncFnOnce(&Server) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let data = tempfile::tempdir()?;
    let flags = vec![("store".to_owned(), place.url().to_owned())];
    let mut settings = settings::load(&Sources { flags, ..Sources::default() })?;
    settings.listen = "127.0.0.1:0".parse()?;
    settings.data_dir = data.path().to_owned();
    let server = Server::start(&settings, Surroundings::of_this_machine()).await?;
    let done = work(&server).await;
    server.stop().await?;
    done
}

async fn connect(url: &str) -> anyhow::Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    // It ends with the client, and what ends it before is told to the client.
    tokio::spawn(connection);
    Ok(client)
}

impl Site {
    /// Waits until nothing of the last round is left to be done, so that the next one does not pay for it. Answers how
    /// many messages were not in the index for search at first.
    async fn indexed(&self) -> anyhow::Result<i64> {
        let unindexed = async || -> anyhow::Result<i64> {
            let row = self.client.query_one("SELECT count(*) FROM unindexed_messages", &[]).await?;
            Ok(row.get(0))
        };
        let at_first = unindexed().await?;
        let all_indexed = async {
            while unindexed().await? != 0 {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            Ok::<_, anyhow::Error>(())
        };
        tokio::time::timeout(INDEXED_TIME_MAX, all_indexed)
            .await
            .context("the index for search does not come up")??;
        self.client.batch_execute("CHECKPOINT").await?;
        Ok(at_first)
    }

    /// Machine and settings.
    async fn describe(&self) -> anyhow::Result<String> {
        let version = self.client.query_one("SHOW server_version", &[]).await?;
        let version: String = version.get(0);
        let processors = std::thread::available_parallelism()?;
        let settings = SETTINGS.map(|(name, value)| format!("{name} = {value}")).join(", ");
        let Effort { rounds, span, .. } = self.effort;
        Ok(format!(
            "PostgreSQL {version}, its clients and its baseline on one machine of {processors} processors.\n\
             fsync and synchronous_commit are on; {settings}.\n\
             {} sellers with {} chats each, {} buyers; every send goes to a chat chosen evenly.\n\
             {rounds} rounds of {} s each, after {} s to warm up, baseline and Torg in turn.\n",
            town::SELLERS,
            town::CHATS_OF_SELLER,
            town::BUYERS,
            span.counted.as_secs(),
            span.warm_up.as_secs(),
        ))
    }
}
