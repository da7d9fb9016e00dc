//! Torg on SQLite: durable sends, idle, under load and with much stored; pages of chats and of histories.

mod empty;
mod kill;
mod pages;
mod plain;
mod prepared;
mod sends;
mod sustained;

use std::time::Duration;

use crate::effort::Effort;
use crate::footprint;
use crate::load::Span;
use crate::report::Report;
pub(crate) use empty::{EMPTY, run as run_empty};
use prepared::Prepared;

/// How many clients ask at the same time, where there is load.
const CONNECTIONS: usize = 64;

/// What the measurements share.
struct Site {
    /// Much is stored in this one.
    large: Prepared,
    /// Little is stored in this one.
    small: Prepared,
    effort: Effort,
}

/// Measures all of it.
pub(crate) async fn measure(effort: Effort, report: &mut Report) -> anyhow::Result<()> {
    let site = Site {
        large: Prepared::build(effort.pick(prepared::MIDDLE, prepared::LARGE)).await?,
        small: Prepared::build(prepared::SMALL).await?,
        effort,
    };
    report.condition(site.describe());
    kill::check(&site, report).await?;
    sends::measure(&site, report)?;
    sustained::measure(&site, report).await?;
    pages::measure(&site, report).await?;
    let copy = site.large.copy()?;
    footprint::measure_start_with(site.large.messages(), copy.folder(), effort, report).await
}

impl Site {
    /// How often the rounds of sends take turns: more often than elsewhere, as what large amounts cost follows whatever else a
    /// shared machine does at the moment.
    fn rounds(&self) -> usize {
        self.effort.pick(3, 7)
    }

    /// How long there is load in a round.
    fn span(&self) -> Span {
        let milliseconds = Duration::from_millis;
        self.effort.pick(
            Span { warm_up: milliseconds(500), counted: milliseconds(2500) },
            Span { warm_up: milliseconds(1000), counted: milliseconds(6000) },
        )
    }

    /// Data, load and settings.
    fn describe(&self) -> String {
        let span = self.span();
        let settings = prepared::SETTINGS.map(|(name, value)| format!("{name} = {value}"));
        format!(
            "SQLite {}: Torg's own settings, every commit waits for the disk (WAL, synchronous=FULL); limits are lifted, not \
             switched off ({}). {}; {}. {CONNECTIONS} connections; {} rounds of {:.1} s each, after {:.1} s to warm up, baseline \
             and Torg in turn, each on a fresh copy of what was stored.",
            rusqlite::version(),
            settings.join(", "),
            self.large.describe(),
            self.small.describe(),
            self.rounds(),
            span.counted.as_secs_f64(),
            span.warm_up.as_secs_f64(),
        )
    }
}
