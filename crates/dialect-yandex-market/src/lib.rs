//! The chat methods of the Yandex Market Partner API (the seller's side), and the two neighbours that clients call
//! first.
//!
//! It translates paths, credentials, bodies and errors of that wire into calls of one engine and back. It must never
//! decide what may be done in a chat: that is the domain's, by the [`policy()`] given here. Facts of the wire are cited
//! as "contract §n".

mod admission;
mod auth;
mod campaigns;
mod chats;
mod error;
mod files;
mod filter;
mod messages;
mod method;
mod paging;
mod policy;
mod push;
mod receiver;
mod request;
mod secret;
mod settings;
mod times;
mod token_info;
mod wire;

use std::sync::Arc;

use axum::Router;
use axum::http::Method as Verb;
use axum::middleware::from_fn;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodRouter, get, post};
use engine::Engine;

pub use policy::policy;
pub use push::{PUSH_FORMAT, push_format};
pub use receiver::receive;
pub use secret::new_secret;
pub use settings::{HourlyLimits, Settings};

use error::Error;
use method::Method;

/// The audience of keys that are sent as `Api-Key` (contract §2.1).
pub const AUDIENCE: &str = "yandex-market";

/// The audience of keys that are sent as `Authorization: Bearer`, the obsolete way (contract §2.1).
pub const OAUTH_AUDIENCE: &str = "yandex-market-oauth";

/// What every handler works with.
#[derive(Clone)]
struct Face {
    engine: Engine,
    settings: Arc<Settings>,
}

/// All routes of the wire over `engine`, with every answer in the wire's words.
pub fn router(engine: &Engine, settings: Settings) -> Router {
    let face = Face { engine: engine.under(policy(&settings)), settings: Arc::new(settings) };
    let admit = |method: Method| {
        let face = face.clone();
        from_fn(move |request, next| admission::admit(face.clone(), method, request, next))
    };

    let create_chat = post(chats::create_chat).route_layer(admit(Method::CreateChat));
    let get_chats = post(chats::get_chats).route_layer(admit(Method::GetChats));
    let get_chat = get(chats::get_chat).route_layer(admit(Method::GetChat));
    let get_history = post(messages::get_history).route_layer(admit(Method::GetChatHistory));
    let get_message = get(messages::get_message).route_layer(admit(Method::GetChatMessage));
    let send_message = post(messages::send_message).route_layer(admit(Method::SendMessageToChat));
    let send_file = post(files::send_file).route_layer(admit(Method::SendFileToChat));
    let get_campaigns = get(campaigns::get_campaigns).route_layer(admit(Method::GetCampaigns));
    let get_token_info = post(token_info::get_token_info).route_layer(admit(Method::GetTokenInfo));

    let routes = Router::new();
    let routes = serve(routes, "/businesses/{businessId}/chats/new", &create_chat);
    let routes = serve(routes, "/businesses/{businessId}/chats", &get_chats);
    let routes = serve(routes, "/businesses/{businessId}/chat", &get_chat);
    let routes = serve(routes, "/businesses/{businessId}/chats/history", &get_history);
    let message = get_message.merge(send_message);
    let routes = serve(routes, "/businesses/{businessId}/chats/message", &message);
    let routes = serve(routes, "/businesses/{businessId}/chats/file/send", &send_file);
    let routes = serve(routes, "/campaigns", &get_campaigns);
    let routes = serve(routes, "/auth/token", &get_token_info);
    let routes = routes
        .route(
            "/businesses/{businessId}/chats/files/{attachmentId}/{name}",
            get(files::download_file),
        )
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_verb)
        .with_state(face);

    http_kit::panic::answer_panics(routes, || Error::internal().into_response())
}

/// Whether `path` belongs to this wire when several faces share one listener.
pub fn owns(path: &str) -> bool {
    let versioned = path.strip_prefix("/v2").filter(|rest| rest.starts_with('/'));
    let bare = versioned.unwrap_or(path);
    let mut segments = bare.split('/').skip(1);
    match segments.next() {
        Some("businesses" | "campaigns" | "campaigns.json") => true,
        // The other paths below `/auth` are the Partizap wire's.
        Some("auth") => {
            matches!(segments.next(), Some("token" | "token.json")) && segments.next().is_none()
        }
        Some(_) | None => false,
    }
}

/// Serves `methods` under all spellings of `path`: with and without the version, with and without `.json` (contract
/// §1).
fn serve(routes: Router<Face>, path: &str, methods: &MethodRouter<Face>) -> Router<Face> {
    let spellings = [("/v2", ""), ("/v2", ".json"), ("", ""), ("", ".json")];
    spellings.into_iter().fold(routes, |routes, (version, suffix)| {
        routes.route(&format!("{version}{path}{suffix}"), methods.clone())
    })
}

async fn unknown_path() -> Response {
    Error::unknown_path().into_response()
}

async fn wrong_verb(verb: Verb) -> Response {
    Error::wrong_verb(&verb).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wire_owns_its_paths_and_no_others() {
        for path in [
            "/v2/businesses/1/chats",
            "/businesses/1/chat.json",
            "/businesses/1/chats/files/7/a.png",
            "/v2/campaigns",
            "/campaigns.json",
            "/v2/campaigns/7/orders",
            "/v2/auth/token",
            "/auth/token.json",
        ] {
            assert!(owns(path), "{path}");
        }
        for path in [
            "/",
            "",
            "/v2",
            "/v1/chat/list",
            "/v2/chat/list",
            "/auth/login",
            "/auth/token/refresh",
            "/auth",
            "/businesslike",
            "/campaignsx",
            "/v22/campaigns",
        ] {
            assert!(!owns(path), "{path}");
        }
    }
}
