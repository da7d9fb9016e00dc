//! Two replicas, behind which everybody sends on one and follows their log on the other: what it costs that messages are
//! pushed across, and how much later they come.

use std::net::SocketAddr;
use std::ops::Range;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use local_services::Nats;
use rand::RngExt as _;
use torg::faces::NATIVE_AUDIENCE;

use super::{PLAN, READERS, Site};
use crate::child::ServerProcess;
use crate::figure::{Figure, median};
use crate::load::{self, Choice, Connection, Requests};
use crate::report::Report;
use crate::streams::Streams;
use crate::town::{Chat, FIRST_BUYER, FIRST_SELLER, TEXT, secret};

/// How many sellers send at the same time, half of them on each replica.
const CONNECTIONS: usize = 64;
/// Lifts Ozon's limit, so that the few sellers of these buyers may send as often as all do otherwise.
const SELLER_LIMIT: (&str, &str) = ("ozon.requests_per_second", "1000");
/// So long after streams were opened, and after they were closed, everybody has been told who came and who went. That is
/// not measured here.
const COMING_AND_GOING: (Duration, Duration) = (Duration::from_secs(4), Duration::from_secs(9));
/// How long the last messages of a round may take to come.
const DELIVERED_TIME_MAX: Duration = Duration::from_mins(1);
/// Messages whose way to a stream is timed, in a short and in a full run.
const DELIVERIES: (u64, u64) = (30, 100);
/// Messages whose way is timed come at most so far apart, at random: replicas that look for news once in a while must not
/// be met at always the same moment.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Measures and remarks.
pub(super) async fn measure(site: &Site, nats: &Nats, report: &mut Report) -> anyhow::Result<()> {
    let store = ("store", site.place.url());
    let nats_url = nats.url();
    let with_nats = Pair::start(&[store, ("nats.url", &nats_url), SELLER_LIMIT])?;
    let without = Pair::start(&[store, SELLER_LIMIT])?;

    let pairs = (&with_nats, &without);
    let name = "PostgreSQL, two replicas: sends/s, each sender follows its log on the other";
    let figure = Figure::new(name, "/s").row(9).at_least(0.8, 0.95);
    follow(site, pairs, Followers::Senders, figure, report).await?;
    let name = "the same, each receiver follows its log: each message is delivered, and told to be";
    follow(site, pairs, Followers::Receivers, Figure::new(name, "/s"), report).await?;

    for (pair, how) in [(&with_nats, "with NATS"), (&without, "without NATS, by looking")] {
        let [here, there] = &pair.replicas;
        let same = delay(site, here, here).await?;
        let other = delay(site, here, there).await?;
        report.remark(format!(
            "From a send to its message on the sender's stream, median, {how}: {same:.1} ms on the same replica, {other:.1} ms \
             on the other one; added {:.1} ms.",
            other - same
        ));
    }
    Ok(())
}

/// Measures sends with streams, on the pair that has NATS, beside sends without either.
async fn follow(
    site: &Site,
    (with_nats, without): (&Pair, &Pair),
    followers: Followers,
    figure: Figure,
    report: &mut Report,
) -> anyhow::Result<()> {
    let mut figure = figure.beside("without streams and NATS");
    let mut at_once = Vec::new();
    for _ in 0..site.effort.rounds() {
        let requests = without.requests(site, followers);
        let off = load::run(&requests, CONNECTIONS, site.effort.span())?.per_second;
        site.indexed().await?;

        let mut streams = Streams::open(&with_nats.streams(followers)).await?;
        tokio::time::sleep(COMING_AND_GOING.0).await;
        let requests = with_nats.requests(site, followers);
        let on = load::run(&requests, CONNECTIONS, site.effort.span())?;
        at_once.push(crate::as_float(streams.delivered()) / crate::as_float(on.answers));
        tokio::time::timeout(DELIVERED_TIME_MAX, streams.wait_for(on.answers))
            .await
            .with_context(|| {
                format!("of {} messages {} have come", on.answers, streams.delivered())
            })??;
        drop(streams);
        tokio::time::sleep(COMING_AND_GOING.1).await;
        site.indexed().await?;
        figure.add(off, on.per_second);
    }
    report.add(figure);
    at_once.sort_by(f64::total_cmp);
    report.remark(format!(
        "Every message came on the streams of its {}; {:.1} % of a round's were there when the last send was answered.",
        followers.name(),
        median(&at_once).unwrap_or_default() * 100.0
    ));
    Ok(())
}

/// Who follow their logs, each on the replica on which nobody writes in their chats.
#[derive(Clone, Copy)]
enum Followers {
    /// Those who write.
    Senders,
    /// Some of those who are written to. Only they are written to then.
    Receivers,
}

impl Followers {
    fn name(self) -> &'static str {
        match self {
            Self::Senders => "senders",
            Self::Receivers => "receivers",
        }
    }

    fn accounts(self) -> Range<i64> {
        match self {
            Self::Senders => FIRST_SELLER..FIRST_SELLER + PLAN.sellers,
            Self::Receivers => FIRST_BUYER..FIRST_BUYER + READERS,
        }
    }

    /// Who of them hears of what is said in `chat`.
    fn in_chat(self, chat: &Chat) -> Option<i64> {
        let account = match self {
            Self::Senders => chat.seller,
            Self::Receivers => chat.buyer,
        };
        Some(account).filter(|account| self.accounts().contains(account))
    }
}

/// Two replicas of one installation.
struct Pair {
    replicas: [ServerProcess; 2],
}

impl Pair {
    fn start(settings: &[(&str, &str)]) -> anyhow::Result<Self> {
        let start = || ServerProcess::with_settings(settings);
        Ok(Self { replicas: [start()?, start()?] })
    }

    /// What is sent on each replica: messages of which those who follow hear on the other one.
    fn requests(&self, site: &Site, followers: Followers) -> [Requests; 2] {
        [0, 1].map(|replica| Requests {
            address: self.replicas[replica].address,
            all: site.town.sends(|chat| {
                followers.in_chat(chat).is_some_and(|account| place_of_stream(account) != replica)
            }),
            choice: Choice::Even,
        })
    }

    /// Where the streams are, and by which key.
    fn streams(&self, followers: Followers) -> Vec<(SocketAddr, String)> {
        let place = |account| self.replicas[place_of_stream(account)].address;
        followers.accounts().map(|account| (place(account), reader_key(account))).collect()
    }
}

/// The key of somebody who follows their log.
fn reader_key(account: i64) -> String {
    secret(NATIVE_AUDIENCE, account)
}

/// On which replica an account has its stream.
fn place_of_stream(account: i64) -> usize {
    usize::from(account % 2 == 0)
}

/// The median of the milliseconds from a send on one replica until the sender sees the message on its stream.
async fn delay(
    site: &Site,
    sends_on: &ServerProcess,
    streams_on: &ServerProcess,
) -> anyhow::Result<f64> {
    let chat = site.town.chats.first().context("a town without chats")?;
    let mut streams = Streams::open(&[(streams_on.address, reader_key(chat.seller))]).await?;
    let mut connection = Connection::open(sends_on.address).await?;
    let request = chat.send(TEXT);
    let mut delays = Vec::new();
    for number in 1..=site.effort.pick(DELIVERIES.0, DELIVERIES.1) {
        let pause = PAUSE_MAX.mul_f64(rand::rng().random());
        tokio::time::sleep(pause).await;
        let start = Instant::now();
        connection.ask(&request).await?;
        streams.wait_for(number).await?;
        delays.push(start.elapsed().as_secs_f64() * 1000.0);
    }
    delays.sort_by(f64::total_cmp);
    median(&delays).context("nothing was timed")
}
