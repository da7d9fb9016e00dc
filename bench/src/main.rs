//! What Torg costs, as ratios to a baseline of the same run: `cargo run --release -p bench`, or only one part of it:
//! `-- pages`, `-- connections`, `-- postgres`. With `--quick` the rounds are short and few.
//!
//! Absolute times of shared machines mean little. Baseline and subject take turns, so that both meet the same weather.

mod child;
mod connections;
mod cpu;
mod figure;
mod load;
mod market;
mod pages;
mod postgres;

use std::io::Write as _;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The argument for a short run.
const QUICK: &str = "--quick";

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    // The clients are built with TLS in the tree, and ask for a provider.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let is_quick = arguments.iter().any(|argument| argument == QUICK);
    let parts = arguments.iter().map(String::as_str).filter(|argument| *argument != QUICK);
    let parts: Vec<&str> = parts.collect();
    match parts[..] {
        [] => {
            print(&pages_table().await?);
            print(&connections::measure().await?);
            print(&postgres::measure(is_quick).await?);
        }
        ["pages"] => print(&pages_table().await?),
        ["connections"] => print(&connections::measure().await?),
        ["postgres"] => print(&postgres::measure(is_quick).await?),
        [child::WITH_PEOPLE, people] => child::run_with_people(people).await?,
        [child::WITH_SETTINGS, ref settings @ ..] => child::run_with_settings(settings).await?,
        _ => anyhow::bail!("there are three parts: pages, connections, postgres"),
    }
    Ok(())
}

async fn pages_table() -> anyhow::Result<String> {
    let mut table =
        String::from("page | baseline p50 µs | subject p50 µs | ratio p50 | ratio p99\n");
    table.push_str("---|---|---|---|---\n");
    for row in pages::measure().await? {
        table.push_str(&row.to_string());
        table.push('\n');
    }
    table.push('\n');
    Ok(table)
}

fn print(table: &str) {
    // A reader that has gone away does not need the table.
    let _ = std::io::stdout().write_all(table.as_bytes());
}

#[expect(clippy::cast_precision_loss, reason = "what is measured here is far below 2^52")]
fn as_float(value: u64) -> f64 {
    value as f64
}
