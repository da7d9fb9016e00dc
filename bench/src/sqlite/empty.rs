//! The least that a server of this stack can do: the accept loop and the connections that Torg has, and an answer of
//! nothing.

use axum::Router;
use axum::routing::get;

use crate::child::run_plain;

/// The argument by which this program is that server.
pub(crate) const EMPTY: &str = "empty-server";

/// Runs as that server until standard input ends.
pub(crate) async fn run() -> anyhow::Result<()> {
    run_plain(Router::new().route("/", get(async || ()))).await
}
