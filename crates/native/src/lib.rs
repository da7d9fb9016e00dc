//! Torg's own HTTP API, under `/api/v1`: chats for accounts, and `host/` for the marketplace's backend.
//!
//! It translates between its wire and the engine and never decides: rules live in the domain, their data in the
//! [`Policy`] that [`policy`] makes. It must never speak another dialect's words or touch a database. Its document
//! (OpenAPI 3.1) comes from the same code that serves; see [`openapi`].

mod account;
mod auth;
mod document;
mod draft;
mod extract;
mod gate;
mod host;
mod names;
mod problem;
mod push;
mod receiver;
mod refusal;
mod values;
mod views;
mod webhook_refusal;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse as _;
use axum::{Json, Router};
use domain::SignedDuration;
use domain::policy::{FileRules, Policy, SellerRules, TextRules};
use engine::Engine;
use engine::limits::Quota;
use engine::random::Random;
use live::Feed;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use webhooks::Webhooks;

use crate::account::stream::EventRender;
use crate::problem::Problem;
pub use crate::receiver::receive;

pub use crate::push::{PUSH_FORMAT, push_format};

/// The audience of an account's keys for this API.
pub const AUDIENCE: &str = "native";
/// The audience of the keys of the marketplace's backend.
pub const HOST_AUDIENCE: &str = "host";

/// What can be set up.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The longest text of a message, in code points.
    pub text_chars_max: usize,
    /// The largest file, in bytes.
    pub file_bytes_max: u64,
    /// How many files a message may carry.
    pub files_per_message_max: usize,
    /// What binds sellers who use this API.
    pub seller: SellerRules,
    /// How many requests a key may make, reading and writing together; 0 units for no limit.
    pub quota: Quota,
    /// Streams of events.
    pub streams: StreamSettings,
    /// The largest body of `POST /api/v1/host/facts`, in bytes. It is never held as a whole.
    pub bulk_bytes_max: u64,
    /// For which faces of the server the marketplace may make keys.
    pub audiences: Vec<KeyAudience>,
}

/// What holds for streams of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamSettings {
    /// The time between two signs of life. At each the key is checked again.
    pub heartbeat: Duration,
    /// How many may be open with one key; 0 for no limit.
    pub per_key_max: u32,
}

/// A face of the server that accepts keys.
#[derive(Clone, Debug)]
pub struct KeyAudience {
    /// The audience of its keys, for instance `native`.
    pub name: String,
    /// Makes the text of a fresh key in the form that the face's clients know.
    pub new_secret: fn(&dyn Random) -> String,
    /// Whether its keys can be bound to shops of their account.
    pub knows_shops: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            text_chars_max: 4096,
            file_bytes_max: 10 << 20,
            files_per_message_max: 10,
            seller: SellerRules::UNBOUND,
            quota: Quota { units: 600, window: SignedDuration::from_mins(1) },
            streams: StreamSettings { heartbeat: Duration::from_secs(15), per_key_max: 1000 },
            bulk_bytes_max: 64 << 20,
            audiences: vec![KeyAudience {
                name: AUDIENCE.to_owned(),
                new_secret,
                knows_shops: false,
            }],
        }
    }
}

/// The rules of this door.
pub fn policy(settings: &Settings) -> Policy {
    Policy {
        text: TextRules {
            chars_max: settings.text_chars_max,
            tidied: false,
            blank_allowed: false,
            control_characters_refused: false,
        },
        files: FileRules {
            bytes_max: settings.file_bytes_max,
            per_message_max: settings.files_per_message_max,
            pictures_only: false,
        },
        seller: settings.seller.clone(),
    }
}

/// Whether a path belongs to this API when several faces share one listener.
pub fn owns(path: &str) -> bool {
    http_kit::is_at_or_below(path, "/api/v1")
}

/// The text of a fresh key of an account.
pub fn new_secret(random: &dyn Random) -> String {
    format!("torg_{}", random.token())
}

/// The text of a fresh key of the marketplace's backend.
pub fn new_host_secret(random: &dyn Random) -> String {
    format!("torg_host_{}", random.token())
}

/// What every handler works with.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) engine: Engine,
    pub(crate) webhooks: Webhooks,
    pub(crate) settings: Arc<Settings>,
    pub(crate) feed: Feed<EventRender>,
}

/// The API over `engine` and `webhooks`.
pub fn router(engine: &Engine, webhooks: &Webhooks, settings: Settings) -> Router {
    let engine = engine.under(policy(&settings));
    let feed = Feed::new(engine.clone(), EventRender::new(engine.clone()));
    let api = Api { engine, webhooks: webhooks.clone(), settings: Arc::new(settings), feed };
    let (routes, _) = documented_routes().split_for_parts();
    let routes = routes
        .route("/api/v1/openapi.json", axum::routing::get(serve_document))
        .fallback(|| async { Problem::no_such_path() })
        .method_not_allowed_fallback(|| async { Problem::method_not_allowed() })
        .layer(from_fn_with_state(api.clone(), gate::admit))
        .with_state(api);
    http_kit::panic::answer_panics(routes, || Problem::internal().into_response())
}

/// The document of this API by the default settings. A server serves its own at `/api/v1/openapi.json`.
pub fn openapi() -> OpenApi {
    document::of(&Settings::default())
}

async fn serve_document(State(api): State<Api>) -> Json<OpenApi> {
    Json(document::of(&api.settings))
}

/// Every path on one screen.
fn documented_routes() -> OpenApiRouter<Api> {
    OpenApiRouter::with_openapi(document::frame())
        .routes(routes!(account::chats::open, account::chats::list))
        .routes(routes!(account::chats::get))
        .routes(routes!(account::messages::list, account::messages::send))
        .routes(routes!(account::messages::edit))
        .routes(routes!(account::chats::read))
        .routes(routes!(account::chats::hide))
        .routes(routes!(account::chats::block, account::chats::unblock))
        .routes(routes!(account::attachments::upload))
        .routes(routes!(account::attachments::download))
        .routes(routes!(account::overview::unread))
        .routes(routes!(account::overview::me))
        .routes(routes!(account::typing::tell))
        .routes(routes!(account::events::list))
        .routes(routes!(account::stream::open))
        .routes(routes!(account::messages::search))
        .routes(routes!(account::webhooks::create, account::webhooks::list))
        .routes(routes!(
            account::webhooks::get,
            account::webhooks::change,
            account::webhooks::delete
        ))
        .routes(routes!(account::webhooks::rotate_secret))
        .routes(routes!(account::webhooks::ping))
        .routes(routes!(account::webhooks::pause))
        .routes(routes!(account::webhooks::resume))
        .routes(routes!(account::webhooks::replay))
        .routes(routes!(account::deliveries::list))
        .routes(routes!(host::facts::put_account))
        .routes(routes!(host::facts::put_member))
        .routes(routes!(host::facts::put_shop))
        .routes(routes!(host::facts::put_product))
        .routes(routes!(host::facts::put_order))
        .routes(routes!(host::facts::put_posting))
        .routes(routes!(host::facts::put_return))
        .routes(routes!(host::bulk::put_facts))
        .routes(routes!(host::keys::create, host::keys::list))
        .routes(routes!(host::keys::revoke))
        .routes(routes!(host::sign_in::put_password))
        .routes(routes!(host::sign_in::begin_session, host::sign_in::list_sessions))
        .routes(routes!(host::sign_in::end_session))
        .routes(routes!(host::webhooks::create, host::webhooks::list))
        .routes(routes!(host::webhooks::delete))
        .routes(routes!(host::chats::get))
        .routes(routes!(host::chats::messages, host::chats::send))
        .routes(routes!(host::chats::edit))
        .routes(routes!(host::chats::close))
        .routes(routes!(host::chats::reopen))
        .routes(routes!(host::chats::pass_turn))
        .routes(routes!(host::disputes::start))
        .routes(routes!(host::disputes::end))
}
