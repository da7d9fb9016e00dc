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
use crate::load::{self, Choice, Load, Requests};
use crate::memory::resident_bytes;
use crate::report::Report;
use crate::town::{Chat, FIRST_BUYER, FIRST_SELLER, TEXT};

/// How many send at the same time, each of them somebody else.
const LOADS: [i64; 2] = [64, 256];
/// Connections to PostgreSQL. ejabberd's default of 10 would have the senders wait for one another.
const POOL_SIZE: u32 = 64;
/// Lifts Ozon's limit, since few sellers send all the time.
const SELLER_LIMIT: (&str, &str) = ("ozon.requests_per_second", "1000");
const PASSWORD: &str = "bench";
const BASELINE: &str = "ejabberd, archive on PostgreSQL";

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
    let both = Both { site, ejabberd, server };
    for senders in LOADS {
        let mut sends = Figure::new(format!("PostgreSQL: sends/s, {senders} senders"), "/s")
            .row(12)
            .beside(BASELINE)
            .at_least(2.0, 3.5);
        for _ in 0..site.effort.rounds() {
            let plain = both.load_ejabberd(senders).await?;
            let torg = both.load_torg(senders).await?;
            sends.add(plain.per_second, torg.per_second);
        }
        report.add(sends);
    }
    let mut memory = Figure::new("PostgreSQL: resident memory after these sends", "MiB")
        .row(12)
        .beside(BASELINE)
        .at_most(1.0, 0.5);
    let resident = |process| anyhow::Ok(as_float(resident_bytes(process)?) / as_float(1 << 20));
    memory.add(resident(both.ejabberd.process_id()?)?, resident(both.server.id())?);
    report.add(memory);
    report.remark(format!(
        "ejabberd has {POOL_SIZE} connections to PostgreSQL, caches for all accounts, and no module but those for the archive \
         and for acknowledgements. After each round all acknowledged messages were in the archives of both sides."
    ));
    Ok(())
}

/// Two servers on one PostgreSQL, with the same people.
struct Both<'s> {
    site: &'s Site,
    ejabberd: Ejabberd,
    server: ServerProcess,
}

impl Both<'_> {
    async fn load_ejabberd(&self, senders: i64) -> anyhow::Result<Load> {
        let address = ([127, 0, 0, 1], self.ejabberd.port()).into();
        let targets = self.targets(senders, address, |chat| message(buyer(chat), TEXT));
        let before = self.rows("public.archive").await?;
        let span = self.site.effort.span();
        let open = async |index, address| Session::open(address, index + 1, PASSWORD).await;
        let load = load::run_clients(&targets, targets.len(), span, open)?;
        // One in the archive of each side.
        check("ejabberd", self.rows("public.archive").await? - before, 2 * load.answers)?;
        self.site.indexed().await?;
        Ok(load)
    }

    async fn load_torg(&self, senders: i64) -> anyhow::Result<Load> {
        let targets = self.targets(senders, self.server.address, |chat| chat.send(TEXT));
        let before = self.rows("messages").await?;
        let load = load::run(&targets, targets.len(), self.site.effort.span())?;
        check("Torg", self.rows("messages").await? - before, load.answers)?;
        self.site.indexed().await?;
        Ok(load)
    }

    /// What each of so many senders may send, in the chats of one seller.
    fn targets(
        &self,
        senders: i64,
        address: SocketAddr,
        request: impl Fn(&Chat) -> Vec<u8>,
    ) -> Vec<Requests> {
        let chats = &self.site.town.chats;
        let target = |seller| Requests {
            address,
            all: chats.iter().filter(|chat| chat.seller == seller).map(&request).collect(),
            choice: Choice::Even,
        };
        (0..senders).map(|index| target(FIRST_SELLER + index)).collect()
    }

    async fn rows(&self, table: &str) -> anyhow::Result<i64> {
        let count = format!("SELECT count(*) FROM {table}");
        Ok(self.site.client.query_one(&count, &[]).await?.get(0))
    }
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
