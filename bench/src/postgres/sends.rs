//! Durable sends over HTTP, beside transactions of `pgbench`.

use super::Site;
use super::baseline::Baseline;
use crate::child::ServerProcess;
use crate::figure::Figure;
use crate::load::{Choice, Requests};
use crate::observation::Observation;
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
    let requests = site.town.sends(|_| true);
    let requests = Requests { address: server.address, all: requests, choice: Choice::Even };
    for (connections, must, aim) in LOADS {
        let name = format!("PostgreSQL: sends/s, {connections} connections");
        let mut figure =
            Figure::new(name, "/s").row(8).beside("pgbench, as many clients").at_least(must, aim);
        let mut last = None;
        for _ in 0..site.effort.rounds() {
            let sends = Observation::of(&server, &requests, connections, site.effort.span())?;
            let unindexed = site.indexed().await?;
            let plain =
                tokio::task::block_in_place(|| baseline.run(connections, site.effort.span()))?;
            site.client.batch_execute("CHECKPOINT").await?;
            figure.add(plain, sends.load.per_second);
            last = Some((sends, unindexed));
        }
        report.add(figure);
        if let Some((sends, unindexed)) = last {
            report.remark(format!(
                "PostgreSQL, last round with {connections} connections: {}; {unindexed} of {} messages were not in the index for \
                 search yet.",
                sends.describe(),
                sends.load.answers,
            ));
        }
    }
    Ok(())
}
