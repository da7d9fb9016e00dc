//! What Torg costs, as ratios to a baseline of the same run: `cargo run --release -p bench`, or only one part of it:
//! `-- pages`, `-- connections`.
//!
//! Absolute times of shared machines mean little. Baseline and subject take turns, so that both meet the same weather.

mod child;
mod connections;
mod market;
mod pages;

use std::io::Write as _;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    // The clients are built with TLS in the tree, and ask for a provider.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] => {
            print(&pages_table().await?);
            print(&connections::measure().await?);
        }
        ["pages"] => print(&pages_table().await?),
        ["connections"] => print(&connections::measure().await?),
        [child::ARGUMENT, people] => child::run(people).await?,
        _ => anyhow::bail!("there are two parts: pages, connections"),
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
