//! The wiring: settings in, a running server out.

use anyhow::Context as _;
use axum::middleware::from_fn_with_state;
use http_kit::client_address::{TrustedProxies, add_client_address};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::front::{Face, Readiness, front};
use crate::serve::{Stopped, serve};
use crate::settings::Settings;

/// Runs a server as `settings` say, until `stop` is cancelled and what was accepted is finished.
pub async fn run(settings: &Settings, stop: CancellationToken) -> anyhow::Result<()> {
    let listener = TcpListener::bind(settings.listen)
        .await
        .with_context(|| format!("cannot listen on {} (setting 'listen')", settings.listen))?;
    let address = listener.local_addr()?;

    let readiness = Readiness::default();
    let trusted: TrustedProxies = settings.trusted_proxies.iter().copied().collect();
    let routes = front(faces(settings), readiness.clone())
        .layer(from_fn_with_state(trusted, add_client_address));

    readiness.set(true);
    tracing::info!(%address, "listening");
    let not_ready = readiness.clone();
    let stopping = stop.clone();
    tokio::spawn(async move {
        stopping.cancelled().await;
        not_ready.set(false);
    });
    match serve(listener, routes, settings.limits.connection_bounds(), stop).await {
        Stopped::Complete => tracing::info!("stopped; every request was answered"),
        Stopped::Cut { connections } => {
            tracing::warn!(connections, "stopped; the grace period cut requests off");
        }
    }
    Ok(())
}

/// The faces that are switched on.
fn faces(_settings: &Settings) -> Vec<Face> {
    Vec::new()
}
