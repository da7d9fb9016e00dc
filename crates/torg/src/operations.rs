//! What the operator's machinery asks: does the process live, does it want traffic, and how is it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use engine::Engine;
use engine::relay::{RelayState, Traffic};
use hyper::{StatusCode, header};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

/// The form in which [`text::encode`] writes; every Prometheus of the last years reads it.
const METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// What the names of all metrics begin with.
const PREFIX: &str = "torg";

/// Whether the server wants traffic; shared by whoever starts and stops it and by `/readyz`.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// Says whether new requests are welcome.
    pub fn set(&self, ready: bool) {
        self.0.store(ready, Ordering::Relaxed);
    }

    fn is_ready(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// What is watched.
pub struct Operations {
    /// Whether the server wants traffic.
    pub readiness: Readiness,
    /// The engine behind all faces.
    pub engine: Engine,
    /// Whether there is a NATS by which replicas are woken.
    pub has_nats: bool,
}

/// Whether `path` is answered by [`router`].
pub fn owns(path: &str) -> bool {
    matches!(path, "/healthz" | "/readyz" | "/metrics")
}

/// `/healthz` (the process lives), `/readyz` (it wants traffic) and `/metrics`.
pub fn router(operations: Operations) -> Router {
    let mut registry = Registry::with_prefix(PREFIX);
    operations.engine.register_metrics(&mut registry);
    registry.register_collector(Box::new(Figures(operations.engine.clone())));
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(Arc::new(Watched { operations, registry }))
}

struct Watched {
    operations: Operations,
    registry: Registry,
}

/// Whether to send requests here, and how it stands with what this server depends on.
///
/// A store or a NATS that is away makes no server unready: all of them share it, and a balancer that finds none ready
/// answers for them, where they themselves know better. Without NATS everything works, only later; without the store
/// each API says in its own words when to come back.
async fn readyz(State(watched): State<Arc<Watched>>) -> Response {
    let Operations { readiness, engine, has_nats } = &watched.operations;
    let (status, word) = if readiness.is_ready() {
        (StatusCode::OK, "ready")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready")
    };
    let store = if engine.store_answers() { "answers" } else { "does not answer" };
    let replicas = how_replicas_are_woken(engine, *has_nats);
    (status, format!("{word}\nstore: {store}\nreplicas: {replicas}\n")).into_response()
}

fn how_replicas_are_woken(engine: &Engine, has_nats: bool) -> String {
    match (engine.relay_state(), has_nats) {
        (RelayState::Alone, _) => "alone".to_owned(),
        (RelayState::Connected, _) => {
            let connected = format!("nats: connected, others heard: {}", engine.replicas_heard());
            if engine.may_miss_news() {
                connected + "; a replica fell silent; looking at the logs every second"
            } else {
                connected
            }
        }
        (RelayState::Away, true) => "nats: away; looking at the logs every second".to_owned(),
        (RelayState::Away, false) => "no nats; looking at the logs every second".to_owned(),
    }
}

async fn metrics(State(watched): State<Arc<Watched>>) -> Response {
    let mut body = String::new();
    match text::encode(&mut body, &watched.registry) {
        Ok(()) => ([(header::CONTENT_TYPE, METRICS_TYPE)], body).into_response(),
        Err(fmt::Error) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Figures that stand in the engine and are read when they are asked for.
struct Figures(Engine);

impl fmt::Debug for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Figures")
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabels {
    state: &'static str,
}

fn name_of(state: RelayState) -> &'static str {
    match state {
        RelayState::Alone => "alone",
        RelayState::Connected => "connected",
        RelayState::Away => "away",
    }
}

impl Collector for Figures {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Self(engine) = self;
        let mut states = encoder.encode_descriptor(
            "relay_state",
            "Whether other replicas are heard: 1 for the state that holds",
            None,
            MetricType::Gauge,
        )?;
        let now = engine.relay_state();
        for state in [RelayState::Alone, RelayState::Connected, RelayState::Away] {
            let holds = ConstGauge::new(i64::from(state == now));
            holds.encode(states.encode_family(&StateLabels { state: name_of(state) })?)?;
        }

        let Traffic { sent, received, dropped } = engine.relay_traffic();
        let mut count = |name, help, value: u64| {
            let counter = ConstCounter::new(value);
            counter.encode(encoder.encode_descriptor(name, help, None, MetricType::Counter)?)
        };
        count("relay_messages_sent", "Messages sent to other replicas", sent)?;
        count("relay_messages_received", "Messages heard from other replicas", received)?;
        count(
            "relay_messages_dropped",
            "Messages that were not sent, since the relay was away or slow",
            dropped,
        )?;

        let mut gauge = |name, help, value: i64| {
            let gauge = ConstGauge::new(value);
            gauge.encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)
        };
        gauge(
            "store_reachable",
            "1 if the store answered when it was last looked at, at most five seconds ago",
            engine.store_answers().into(),
        )?;
        gauge(
            "looks_often",
            "1 while another replica may be at work that is not heard, so that the store is looked at every second",
            engine.may_miss_news().into(),
        )?;
        let replicas = i64::try_from(engine.replicas_heard()).unwrap_or(i64::MAX);
        gauge("replicas_heard", "Other servers of the same store that are heard", replicas)?;
        let listeners = i64::try_from(engine.listeners()).unwrap_or(i64::MAX);
        gauge("listeners", "Live connections and webhooks that wait for entries", listeners)
    }
}
