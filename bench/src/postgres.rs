//! Torg on PostgreSQL: sends beside a plain transaction, and what it costs that streams hang on another replica.
//!
//! One PostgreSQL, as durable as in production, serves both sides of every ratio.

mod baseline;
mod ejabberd;
mod replicas;
mod sends;

use std::time::Duration;

use anyhow::Context as _;
use local_services::{Durability, Ejabberd, Error, Nats, Postgres, Schema};
use tokio_postgres::{Client, NoTls};
use torg::faces::NATIVE_AUDIENCE;
use torg::server::{Server, Surroundings};
use torg::settings::{self, Sources};

use crate::effort::Effort;
use crate::report::Report;
use crate::town::{self, FIRST_BUYER, FIRST_SELLER, Plan, Town};
use baseline::Baseline;

/// Of PostgreSQL. A server in production has more memory than the defaults expect, and does not write everything down
/// every few minutes.
const SETTINGS: [(&str, &str); 3] =
    [("shared_buffers", "1GB"), ("max_wal_size", "4GB"), ("checkpoint_timeout", "30min")];
/// The size of a marketplace which has grown out of one machine's file only in load: with fewer accounts the transactions
/// of the baseline would mostly wait for one another, with many more nothing would stay in any cache.
const PLAN: Plan = Plan { sellers: 1000, chats_of_seller: 20, buyers: 4000 };
/// The first so many buyers, and all sellers, have a key to follow their logs by Torg's own API.
const READERS: i64 = 500;
/// How long the index for search may take to come up with the messages of a round.
const INDEXED_TIME_MAX: Duration = Duration::from_mins(2);

/// What the measurements share.
struct Site {
    /// Where Torg's tables are.
    place: Schema,
    /// A connection of the bench's own, to the same tables.
    client: Client,
    town: Town,
    effort: Effort,
}

/// Measures both.
pub(crate) async fn measure(effort: Effort, report: &mut Report) -> anyhow::Result<()> {
    let started = tokio::task::spawn_blocking(|| Ok((start()?, Nats::start()?)));
    let (postgres, nats) = match started.await? {
        Ok(started) => started,
        Err(missing @ (Error::NotInstalled { .. } | Error::NoSystemUser)) => {
            report.skip(8, "PostgreSQL: sends/s", missing.to_string());
            report.skip(9, "PostgreSQL, two replicas: sends/s", missing.to_string());
            return Ok(());
        }
        Err(failure) => return Err(failure.into()),
    };
    let site = Site::build(&postgres, effort).await?;
    let other_place = Schema::make(&postgres.url())?;
    build(&other_place, async |_| Ok(())).await?;
    let baseline = Baseline::copy(&postgres, &site.client, &site.place, other_place).await?;

    report.condition(site.describe().await?);
    sends::measure(&site, &baseline, report).await?;
    replicas::measure(&site, &nats, report).await
}

/// Measures sends beside those of ejabberd, and the memory of both.
pub(crate) async fn measure_beside_ejabberd(
    effort: Effort,
    report: &mut Report,
) -> anyhow::Result<()> {
    let started = tokio::task::spawn_blocking(|| {
        Ejabberd::check_installed()?;
        start()
    });
    let postgres = match started.await? {
        Ok(postgres) => postgres,
        Err(missing @ (Error::NotInstalled { .. } | Error::NoSystemUser)) => {
            report.skip(12, "PostgreSQL: sends/s and memory beside ejabberd", missing.to_string());
            return Ok(());
        }
        Err(failure) => return Err(failure.into()),
    };
    let site = Site::build(&postgres, effort).await?;
    ejabberd::measure(&site, &postgres, report).await
}

fn start() -> Result<Postgres, Error> {
    Postgres::start_with(Durability::Machine, &SETTINGS)
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
    /// A place in `postgres` with a town in it.
    async fn build(postgres: &Postgres, effort: Effort) -> anyhow::Result<Self> {
        let place = Schema::make(&postgres.url())?;
        let client = connect(place.url()).await?;
        let town = build(&place, async |server| {
            let sellers = FIRST_SELLER..FIRST_SELLER + PLAN.sellers;
            let readers = sellers.chain(FIRST_BUYER..FIRST_BUYER + READERS);
            let town = Town::build(server.engine(), PLAN).await?;
            town::put_keys(server.engine(), NATIVE_AUDIENCE, readers).await?;
            Ok(town)
        })
        .await?;
        Ok(Self { place, client, town, effort })
    }

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
        let settings = SETTINGS.map(|(name, value)| format!("{name} = {value}")).join(", ");
        let (rounds, span) = (self.effort.rounds(), self.effort.span());
        Ok(format!(
            "PostgreSQL {version}: fsync and synchronous_commit are on; {settings}. \
             {} sellers with {} chats each, {} buyers; every send goes to a chat chosen evenly. \
             {rounds} rounds of {} s each, after {} s to warm up, baseline and Torg in turn.",
            PLAN.sellers,
            PLAN.chats_of_seller,
            PLAN.buyers,
            span.counted.as_secs(),
            span.warm_up.as_secs(),
        ))
    }
}
