//! The least that a server of this stack can do: the accept loop and the connections that Torg has, and an answer of
//! nothing.

use axum::Router;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use torg::serve::serve;
use torg::settings::{self, Sources};

use crate::child::stay;

/// The argument by which this program is that server.
pub(crate) const EMPTY: &str = "empty-server";

/// Runs as that server until standard input ends.
pub(crate) async fn run() -> anyhow::Result<()> {
    let bounds = settings::load(&Sources::default())?.limits.connection_bounds();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let routes = Router::new().route("/", get(async || ()));
    let serving = tokio::spawn(serve(listener, routes, bounds, CancellationToken::new()));
    stay(address).await?;
    serving.abort();
    Ok(())
}
