//! What Torg costs, as ratios to a baseline of the same run: `cargo run --release -p bench`.
//!
//! Absolute times of shared machines mean little. Baseline and subject take turns, so that both meet the same weather.

mod market;
mod pages;

use std::io::Write as _;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    // The clients are built with TLS in the tree, and ask for a provider.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut table =
        String::from("page | baseline p50 µs | subject p50 µs | ratio p50 | ratio p99\n");
    table.push_str("---|---|---|---|---\n");
    for row in pages::measure().await? {
        table.push_str(&row.to_string());
        table.push('\n');
    }
    // A reader that has gone away does not need the table.
    let _ = std::io::stdout().write_all(table.as_bytes());
    Ok(())
}
