//! The Partizap wire: the chat and account calls of a car parts marketplace, for people who are signed in with a
//! cookie.
//!
//! It translates: paths, cookies, bodies and errors of the Partizap contract into the engine's commands and queries,
//! and chats into its `Conversation`. It must never decide what is allowed in a chat (the domain does, by [`policy`]),
//! never name another wire, and never answer in anything but the contract's envelopes.

mod account;
mod auth;
mod body;
mod chats;
mod cookies;
mod error;
mod files;
mod live;
mod messages;
mod pace;
mod paging;
mod search;
mod sessions;
mod settings;
mod wire;

use std::sync::Arc;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{MethodRouter, delete, get, post};
use domain::policy::{FileRules, Opening, PerModel, Policy, SellerRules, TextRules, Writing};
use engine::Engine;
use http::{HeaderName, HeaderValue, Method, header};
use tower_http::cors::{AllowOrigin, CorsLayer};

pub use settings::{Limits, Settings};

use error::Error;
use live::Live;

/// The rules of this door (Partizap contract §4, §7): short tidy texts, one picture a message, only buyers begin.
pub fn policy(settings: &Settings) -> Policy {
    Policy {
        text: TextRules {
            chars_max: settings.text_chars_max,
            tidied: true,
            blank_allowed: false,
            control_characters_refused: true,
        },
        files: FileRules {
            bytes_max: settings.file_bytes_max,
            per_message_max: 1,
            pictures_only: true,
        },
        seller: SellerRules {
            opens_order_chat: PerModel::all(Opening::Never),
            opens_return_chat: PerModel::all(Opening::Never),
            opens_other_chat: false,
            writes: PerModel::all(Writing::Always),
            writes_elsewhere: Writing::Always,
            opening_reopens: false,
        },
    }
}

/// What every handler needs.
#[derive(Clone)]
pub(crate) struct Face {
    pub(crate) engine: Engine,
    pub(crate) settings: Arc<Settings>,
}

/// Every path of the wire, bare and under the prefix of `settings` (Partizap contract §1.1), and the live events.
pub fn router(engine: &Engine, settings: Settings) -> Router {
    let engine = engine.under(policy(&settings));
    let face = Face { engine, settings: Arc::new(settings) };

    let paths = paths(&face);
    let routes = match face.settings.prefix.as_str() {
        "" => paths,
        prefix => paths.clone().nest(prefix, paths),
    };
    let routes = routes
        .merge(live_events(&face))
        .fallback(async || Error::NoSuchPath)
        .method_not_allowed_fallback(async || Error::MethodNotAllowed);
    let routes = with_cors(routes, &face.settings.allowed_origins).with_state(face);
    http_kit::panic::answer_panics(routes, error::after_panic)
}

/// The paths themselves (Partizap contract §1, §2.2).
fn paths(face: &Face) -> Router<Face> {
    // For people who are signed in. What is no number is no conversation, before anybody asks who is there (§2.1,
    // §5.3).
    let signed_in = |methods: MethodRouter<Face>| {
        methods
            .route_layer(from_fn_with_state(face.clone(), auth::require_session))
            .route_layer(from_fn(chats::require_digits))
    };
    let conversations = Router::new()
        .route("/", signed_in(get(chats::list).post(chats::create)))
        .route("/unread-count", signed_in(get(chats::unread_count)))
        .route("/{id}", signed_in(get(chats::one).delete(chats::hide)))
        .route("/{id}/messages", signed_in(get(messages::history).post(messages::send)))
        .route("/{id}/messages/search", signed_in(get(search::in_conversation)))
        .route("/{id}/messages/image", signed_in(post(files::send_image)))
        .route("/{id}/typing", signed_in(post(messages::typing)))
        .route(
            "/{id}/read",
            signed_in(
                post(messages::mark_read).put(messages::mark_read).patch(messages::mark_read),
            ),
        );
    Router::new()
        .nest("/vendor/conversations", conversations)
        .route("/vendor/messages/search", signed_in(get(search::everywhere)))
        .route("/vendor/me", signed_in(get(account::me).put(account::update)))
        .route("/vendor/sessions", signed_in(get(sessions::list)))
        .route("/vendor/sessions/{session_id}", signed_in(delete(sessions::end)))
        .route("/auth/login", post(sessions::login))
        .route("/auth/register", post(account::register))
        .route("/auth/logout", signed_in(post(sessions::logout)))
        .route("/auth/logout-all", signed_in(post(sessions::logout_all)))
        .route("/auth/resend-verification", signed_in(post(account::resend_verification)))
}

/// The WebSocket. It lies on the site itself and not under the prefix (Partizap contract §6.1), and its handler looks at
/// the session: who has none is told on the socket.
fn live_events(face: &Face) -> Router<Face> {
    Router::new().route(live::PATH, get(live::connect).with_state(Live::new(face)))
}

/// Pages of other origins may call with credentials, if they are listed (Partizap contract §1.1).
fn with_cors(routes: Router<Face>, allowed_origins: &[String]) -> Router<Face> {
    let origins: Vec<_> =
        allowed_origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()).collect();
    if origins.is_empty() {
        return routes;
    }
    let layer = CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_credentials(true)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers([header::CONTENT_TYPE, HeaderName::from_static("x-csrf-token")]);
    routes.layer(layer)
}
