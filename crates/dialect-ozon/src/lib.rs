//! The chat methods of the Ozon Seller API and its pushes, spoken to the engine.
//!
//! It owns Ozon's paths, headers, bodies and error texts, and nothing else: it must never decide whether something is
//! allowed, and never see another dialect or the database. What Ozon's rules are stands in [`policy`], as data.
//! Comments cite the contract that docs/dialects/ozon.md sums up.

mod auth;
mod body;
mod chats;
mod content;
mod error;
mod files;
mod messages;
mod notifications;
mod push;
mod receiver;
mod settings;
mod standing;
mod wire;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use engine::Engine;
use engine::random::Random;
use http_kit::is_at_or_below;
use http_kit::panic::answer_panics;
use webhooks::Webhooks;

use auth::{Door, KeyRole};
use error::Error;
pub use push::{PUSH_FORMAT, push_format};
pub use receiver::receive;
pub use settings::{Settings, SubscriptionGate, policy};

/// What an API key's audience must be to work here.
pub const AUDIENCE: &str = "ozon";

/// What every handler works with.
#[derive(Clone)]
pub(crate) struct Face {
    engine: Engine,
    webhooks: Webhooks,
    settings: Settings,
}

/// Every path of this wire. Paths that are none of them, and wrong methods, get Ozon's own 404 (Ozon contract §11.18).
pub fn router(engine: &Engine, webhooks: &Webhooks, settings: Settings) -> Router {
    let engine = engine.under(policy(&settings));
    let face = Face { engine, webhooks: webhooks.clone(), settings };
    let door = |role| from_fn_with_state(Door { face: face.clone(), role }, auth::admit);

    let reading = Router::new()
        .route("/v3/chat/list", post(chats::list))
        .route("/v3/chat/history", post(messages::history))
        .route("/v2/chat/file/{bucket}/{*path}", get(files::download))
        .route("/v1/notification/list", post(notifications::list))
        .route("/v1/notification/push-type/list", post(notifications::push_types))
        .route("/v1/notification/check", post(notifications::check))
        .route_layer(door(KeyRole::Reads));
    let writing = Router::new()
        .route("/v1/chat/start", post(chats::start))
        .route("/v1/chat/send/message", post(messages::send))
        .route("/v1/chat/send/file", post(files::send))
        .route("/v2/chat/read", post(chats::read))
        .route("/v1/notification/set", post(notifications::set))
        .route("/v1/notification/update", post(notifications::update))
        .route("/v1/notification/delete", post(notifications::delete))
        .route("/v1/notification/enable", post(notifications::enable))
        .route_layer(door(KeyRole::Writes));

    let routes = reading
        .merge(writing)
        .method_not_allowed_fallback(unknown_path)
        .fallback(unknown_path)
        .with_state(face);
    answer_panics(routes, || Error::internal().into_response())
}

/// Whether a path at the root of a shared listener belongs to this wire, also when no such method exists.
pub fn owns(path: &str) -> bool {
    ["/v1/chat", "/v2/chat", "/v3/chat", "/v1/notification"]
        .into_iter()
        .any(|root| is_at_or_below(path, root))
}

/// A fresh `Api-Key`, a UUID as Ozon's are.
pub fn new_secret(random: &dyn Random) -> String {
    random.uuid().to_string()
}

async fn unknown_path() -> Response {
    Error::unknown_path().into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_owns_chat_and_notification_paths_and_no_others() {
        for path in [
            "/v1/chat",
            "/v1/chat/",
            "/v1/chat/start",
            "/v2/chat/list",
            "/v3/chat/history",
            "/v2/chat/file/messenger/1/a.png",
            "/v1/chat/nonsense",
            "/v1/notification/set",
        ] {
            assert!(owns(path), "{path}");
        }
        for path in
            ["/", "/v1", "/v1/chats", "/v4/chat/list", "/api/v1/chat", "/v2/businesses/1/chats"]
        {
            assert!(!owns(path), "{path}");
        }
    }
}
