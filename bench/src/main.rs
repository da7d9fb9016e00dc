//! What Torg costs, as ratios to a baseline of the same run: `cargo run --release -p bench`, or only some parts of it
//! (`-- postgres`). docs/performance.md says how each figure is measured and how to read them.
//!
//! Absolute times of shared machines mean little. Baseline and subject take turns, so that both meet the same weather.

mod child;
mod client_thread;
mod connections;
mod cpu;
mod deliveries;
mod disk;
mod effort;
mod figure;
mod footprint;
mod load;
mod machine;
mod market;
mod memory;
mod observation;
mod open_files;
mod pages;
mod postgres;
mod report;
mod sqlite;
mod streams;
mod times;
mod town;

use std::io::Write as _;
use std::path::PathBuf;

use clap::builder::PossibleValue;
use clap::{Parser, ValueEnum};

use effort::Effort;
use machine::Machine;
use report::Report;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures Torg beside baselines and prints one table.
#[derive(Parser)]
struct Arguments {
    /// What is measured; everything, if nothing is named.
    parts: Vec<Part>,
    /// Measure less: few, short rounds over less data.
    #[arg(long)]
    quick: bool,
    /// Where the report is written for programs.
    #[arg(long, value_name = "FILE", default_value = "target/bench.json")]
    json: PathBuf,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Sends and pages on SQLite, with many and with few messages stored.
    Sqlite,
    /// First pages of the smallest and the biggest sellers, through every API.
    Pages,
    /// Idle connections, and whether a busy account delays others.
    Connections,
    /// What live streams are given in a second.
    Deliveries,
    /// Sends on PostgreSQL, on one and on two replicas.
    Postgres,
    /// Sends on PostgreSQL beside ejabberd.
    Ejabberd,
    /// The size of the program, its start, and its memory when nothing happens.
    Footprint,
}

impl Part {
    async fn measure(self, effort: Effort, report: &mut Report) -> anyhow::Result<()> {
        match self {
            Self::Sqlite => sqlite::measure(effort, report).await,
            Self::Pages => pages::measure(report).await,
            Self::Connections => connections::measure(effort, report).await,
            Self::Deliveries => deliveries::measure(effort, report).await,
            Self::Postgres => postgres::measure(effort, report).await,
            Self::Ejabberd => postgres::measure_beside_ejabberd(effort, report).await,
            Self::Footprint => footprint::measure(effort, report).await,
        }
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    // The clients are built with TLS in the tree, and ask for a provider.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [child::WITH_PEOPLE, people] => child::run_with_people(people).await,
        [deliveries::PLAIN_FAN_OUT] => deliveries::run_plain_fan_out().await,
        [sqlite::EMPTY] => sqlite::run_empty().await,
        [child::WITH_SETTINGS, ref settings @ ..] => child::run_with_settings(settings).await,
        _ => measure(Arguments::parse()).await,
    }
}

async fn measure(arguments: Arguments) -> anyhow::Result<()> {
    let effort = if arguments.quick { Effort::Quick } else { Effort::Full };
    let mut report = Report::new(effort, Machine::describe()?);
    for part in Part::value_variants() {
        if arguments.parts.is_empty() || arguments.parts.contains(part) {
            // What the others have found is worth something all the same.
            if let Err(failure) = part.measure(effort, &mut report).await {
                let part = part.to_possible_value();
                let part = part.as_ref().map_or("", PossibleValue::get_name);
                report.fail(part, &failure);
            }
        }
    }
    // A reader that has gone away does not need the table.
    let _ = std::io::stdout().write_all(report.to_string().as_bytes());
    if let Some(folder) = arguments.json.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(&arguments.json, format!("{:#}\n", report.json()))?;
    anyhow::ensure!(report.is_complete(), "not everything could be measured");
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "what is measured here is far below 2^52")]
fn as_float(value: u64) -> f64 {
    value as f64
}
