//! ejabberd with its archive of messages (XEP-0313) in the same PostgreSQL: as many senders, each of whom waits for what
//! was sent to be durable, as Torg's do.
//!
//! A send of ejabberd's counts when the server acknowledges it (XEP-0198): it has handled it by then, which means that it
//! stands in the archives of both sides, each of which is a commit of its own. Nobody whom they write to is connected, so
//! ejabberd delivers nothing; it keeps no unread counts, log, idempotency keys or search, and asks no rules.

mod xmpp;

use std::net::SocketAddr;

use local_services::{Ejabberd, Postgres};

use self::xmpp::{Session, message};
use super::{PLAN, Site};
use crate::as_float;
use crate::child::ServerProcess;
use crate::figure::Figure;
use crate::load::{self, Choice, Requests};
use crate::memory::resident_bytes;
use crate::report::Report;
use crate::town::{Chat, FIRST_BUYER, FIRST_SELLER, TEXT};

/// How many send at the same time, each of them somebody else.
const SENDERS: i64 = 64;
/// Connections to PostgreSQL. ejabberd's default of 10 would have the senders wait for one another.
const POOL_SIZE: u32 = 64;
/// Lifts Ozon's limit, since few sellers send all the time.
const SELLER_LIMIT: (&str, &str) = ("ozon.requests_per_second", "1000");
const PASSWORD: &str = "bench";

/// Measures and remarks.
pub(super) async fn measure(
    site: &Site,
    postgres: &Postgres,
    report: &mut Report,
) -> anyhow::Result<()> {
    // Its tables do not lie in a schema of their own, so nothing of Torg's is in their way.
    let accounts = u32::try_from(PLAN.sellers + PLAN.buyers)?;
    let ejabberd = Ejabberd::start(&postgres.url(), POOL_SIZE, accounts, PASSWORD)?;
    let server = ServerProcess::with_settings(&[("store", site.place.url()), SELLER_LIMIT])?;
    site.client.batch_execute("VACUUM ANALYZE").await?;
    let requests_to = |address, request: fn(&Chat) -> Vec<u8>| requests_to(site, address, request);
    let to_torg = requests_to(server.address, |chat| chat.send(TEXT));
    let to_ejabberd =
        requests_to(([127, 0, 0, 1], ejabberd.port()).into(), |chat| message(buyer(chat), TEXT));
    let (senders, span) = (to_torg.len(), site.effort.span());

    let baseline = "ejabberd, archive on PostgreSQL";
    let mut sends = Figure::new(format!("PostgreSQL: sends/s, {SENDERS} senders"), "/s")
        .row(12)
        .beside(baseline)
        .at_least(2.0, 3.5);
    let mut memory = Figure::new("PostgreSQL: resident memory after these sends", "MiB")
        .row(12)
        .beside(baseline)
        .at_most(1.0, 0.5);
    for _ in 0..site.effort.rounds() {
        let before = site.rows("public.archive").await?;
        let plain = load::run_clients(&to_ejabberd, senders, span, async |index, address| {
            Session::open(address, index + 1, PASSWORD).await
        })?;
        let plain_memory = resident_bytes(ejabberd.process_id()?)?;
        // One in the archive of each side.
        check("ejabberd", site.rows("public.archive").await? - before, 2 * plain.answers)?;
        site.indexed().await?;

        let before = site.rows("messages").await?;
        let torg = load::run(&to_torg, senders, span)?;
        let torg_memory = resident_bytes(server.id())?;
        check("Torg", site.rows("messages").await? - before, torg.answers)?;
        site.indexed().await?;

        sends.add(plain.per_second, torg.per_second);
        memory.add(mebibytes(plain_memory), mebibytes(torg_memory));
    }
    report.add(sends);
    report.add(memory);
    report.remark(format!(
        "ejabberd has {POOL_SIZE} connections to PostgreSQL, caches for all accounts, and no module but those for the archive \
         and for acknowledgements. After each round all acknowledged messages were in the archives of both sides."
    ));
    Ok(())
}

/// What each of the senders may send, in the chats of one seller.
fn requests_to(
    site: &Site,
    address: SocketAddr,
    request: impl Fn(&Chat) -> Vec<u8>,
) -> Vec<Requests> {
    let of_seller = |seller| site.town.chats.iter().filter(move |chat| chat.seller == seller);
    let sellers = FIRST_SELLER..FIRST_SELLER + SENDERS;
    sellers
        .map(|seller| Requests {
            address,
            all: of_seller(seller).map(&request).collect(),
            choice: Choice::Even,
        })
        .collect()
}

/// The number of the buyer's account with ejabberd: the sellers have the first ones.
fn buyer(chat: &Chat) -> i64 {
    chat.buyer - FIRST_BUYER + PLAN.sellers + 1
}

fn check(server: &str, rows: i64, expected: u64) -> anyhow::Result<()> {
    anyhow::ensure!(
        u64::try_from(rows)? == expected,
        "{server} has acknowledged {expected} rows and stored {rows}"
    );
    Ok(())
}

fn mebibytes(bytes: u64) -> f64 {
    as_float(bytes) / as_float(1 << 20)
}

impl Site {
    async fn rows(&self, table: &str) -> anyhow::Result<i64> {
        let row = self.client.query_one(&format!("SELECT count(*) FROM {table}"), &[]).await?;
        Ok(row.get(0))
    }
}
