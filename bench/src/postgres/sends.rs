//! Durable sends over HTTP, beside transactions of `pgbench`.

use super::Site;
use super::baseline::Baseline;
use crate::child::ServerProcess;
use crate::cpu::CpuTime;
use crate::figure::Figure;
use crate::load::{self, Load, Requests, Span};
use crate::report::Report;

/// How many send at the same time; and of the ratio, what it must be and what it should be.
const LOADS: [(usize, f64, f64); 2] = [(64, 0.8, 1.5), (256, 1.5, 2.5)];

/// Measures and remarks.
pub(super) async fn measure(
    site: &Site,
    baseline: &Baseline<'_>,
    report: &mut Report,
) -> anyhow::Result<()> {
    let server = ServerProcess::with_settings(&[("store", site.place.url())])?;
    site.indexed().await?;
    site.client.batch_execute("VACUUM ANALYZE").await?;
    let requests = Requests { address: server.address, all: site.town.sends(|_| true) };
    for (connections, must, aim) in LOADS {
        let name = format!("PostgreSQL: sends/s, {connections} connections");
        let mut figure =
            Figure::new(name, "/s").row(8).beside("pgbench, as many clients").at_least(must, aim);
        let mut last = None;
        for _ in 0..site.effort.rounds() {
            let round = round(site, &server, &requests, connections)?;
            let unindexed = site.indexed().await?;
            let plain =
                tokio::task::block_in_place(|| baseline.run(connections, site.effort.span()))?;
            site.client.batch_execute("CHECKPOINT").await?;
            figure.add(plain, round.load.per_second);
            last = Some((round, unindexed));
        }
        report.add(figure);
        if let Some((round, unindexed)) = last {
            report.remark(round.describe(connections, unindexed));
        }
    }
    Ok(())
}

struct Round {
    load: Load,
    /// Shares of the machine.
    server: f64,
    clients: f64,
}

fn round(
    site: &Site,
    server: &ServerProcess,
    requests: &Requests,
    connections: usize,
) -> anyhow::Result<Round> {
    let cpu = || anyhow::Ok((CpuTime::of(server.id())?, CpuTime::of(std::process::id())?));
    let before = cpu()?;
    let load = load(std::slice::from_ref(requests), connections, site.effort.span())?;
    let after = cpu()?;
    let (server, clients) = (after.0.share_since(before.0), after.1.share_since(before.1));
    Ok(Round { load, server, clients })
}

/// Has so many connections send. While they do, nothing else of this program has to go on but what other tasks do.
pub(super) fn load(targets: &[Requests], connections: usize, span: Span) -> anyhow::Result<Load> {
    let run =
        || std::thread::scope(|scope| scope.spawn(|| load::run(targets, connections, span)).join());
    tokio::task::block_in_place(run).unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

impl Round {
    fn describe(&self, connections: usize, unindexed: i64) -> String {
        let times = &self.load.times;
        let milliseconds = |quantile| crate::as_float(times.value_at_quantile(quantile)) / 1000.0;
        format!(
            "PostgreSQL, last round with {connections} connections: p50 {:.1} ms, p99 {:.1} ms; of the machine the server took {:.0} %, \
             the clients {:.0} %; {unindexed} of {} messages were not in the index for search yet.",
            milliseconds(0.5),
            milliseconds(0.99),
            self.server * 100.0,
            self.clients * 100.0,
            self.load.answers,
        )
    }
}
