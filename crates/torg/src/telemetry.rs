//! Logs: what the server says about itself. Never a text of a chat, never a key.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

use crate::settings::{LogFormat, LogSettings};

/// Who logs each failed attempt to connect, which `relay-nats` says once; and what PostgreSQL tells in passing. The
/// operator's own filter weighs more.
const QUIET: &str = "async_nats=off,tokio_postgres=warn";

/// Begins to write logs to the standard error stream. Later calls change nothing.
pub fn start_logs(settings: &LogSettings) {
    // The settings were checked when they were loaded.
    let filter = EnvFilter::try_new(format!("{QUIET},{}", settings.level))
        .unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let started = match settings.format {
        LogFormat::Text => lines.try_init(),
        LogFormat::Json => lines.json().try_init(),
    };
    if started.is_err() {
        tracing::debug!("logs were started before");
    }
}
