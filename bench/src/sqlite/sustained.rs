//! Rows 3 and 4: sends under load for a while, how evenly they are answered, and one send at a time on the same server
//! when it is idle again.

use std::time::Duration;

use super::{CONNECTIONS, Site};
use crate::client_thread;
use crate::disk::SyncedPage;
use crate::figure::Figure;
use crate::load::{Choice, Connection, Requests, Span};
use crate::observation::Observation;
use crate::report::Report;
use crate::times::Times;

/// Measures and remarks.
pub(super) async fn measure(site: &Site, report: &mut Report) -> anyhow::Result<()> {
    let (rounds, seconds, sends) = site.effort.pick((1, 10, 200), (2, 60, 1000));
    let name = format!("sends under load for {seconds} s");
    let mut tail = Figure::new(format!("{name}, p99"), "ms").row(4).beside("p50").at_most(4.0, 2.5);
    let mut stall =
        Figure::new(format!("{name}, longest stall"), "ms").row(4).at_most(250.0, 100.0);
    let mut idle = Figure::new("one send, idle server, p50", "ms")
        .row(3)
        .beside("4 KiB and fdatasync")
        .at_most(4.0, 2.5);
    let mut longest_stall = Duration::ZERO;
    let span = Span { counted: Duration::from_secs(seconds), ..site.span() };
    for _ in 0..rounds {
        let copy = site.large.copy()?;
        let server = copy.serve()?;
        let all = site.large.town.sends(|_| true);
        let requests = Requests { address: server.address, all, choice: Choice::Even };
        let busy = Observation::of(&server, &requests, CONNECTIONS, span)?;
        tail.add(busy.load.times.milliseconds(0.5), busy.load.times.milliseconds(0.99));
        longest_stall = longest_stall.max(busy.load.stall);
        report.remark(format!("SQLite, {seconds} s of load: {}.", busy.describe()));

        // The log has been written to its end by now, as it is on every server that has run for some time.
        copy.indexed().await?;
        for _ in 0..site.effort.rounds().div_ceil(rounds) {
            let mut page = SyncedPage::make_in(copy.folder())?;
            let (disk, torg) =
                client_thread::run(async || one_by_one(&requests, &mut page, sends).await)?;
            idle.add(disk, torg);
        }
    }
    stall.add_alone(longest_stall.as_secs_f64() * 1000.0);
    for figure in [idle, tail, stall] {
        report.add(figure);
    }
    Ok(())
}

/// The medians, in milliseconds, of writing a page and of sending, in turn.
async fn one_by_one(
    requests: &Requests,
    page: &mut SyncedPage,
    sends: usize,
) -> anyhow::Result<(f64, f64)> {
    let mut connection = Connection::open(requests.address).await?;
    let (mut writes, mut answers) = (Times::new()?, Times::new()?);
    for _ in 0..sends {
        answers.add(connection.time(requests.choose()).await?)?;
        writes.add(page.write()?)?;
    }
    Ok((writes.milliseconds(0.5), answers.milliseconds(0.5)))
}
