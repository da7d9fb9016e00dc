//! The OpenAPI document: what it says besides the routes, and the bounds that can be set up.

use utoipa::openapi::schema::Schema;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{OpenApi, RefOr};

use crate::{Settings, documented_routes, problem};

/// The document without its routes.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Torg",
        description = "Chats of marketplaces. Times are RFC 3339, ids are whole numbers from 1 to 2^53 - 1, problems \
                       are RFC 9457. Every answer says in RateLimit-Limit, RateLimit-Remaining and RateLimit-Reset \
                       (seconds) what is left of the key's quota.",
    ),
    components(schemas(problem::Problem, problem::FieldError)),
    security(("key" = [])),
    tags(
        (name = "chats", description = "For accounts: an account's own key."),
        (name = "webhooks", description = "For accounts: their log, pushed to URLs of theirs."),
        (name = "host", description = "For the marketplace's backend: a host key."),
    ),
)]
struct Document;

/// The document without its routes.
pub(crate) fn frame() -> OpenApi {
    <Document as utoipa::OpenApi>::openapi()
}

/// The document of a server with these settings.
pub(crate) fn of(settings: &Settings) -> OpenApi {
    let (_, mut document) = documented_routes().split_for_parts();
    let components = document.components.get_or_insert_default();
    components.add_security_scheme("key", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    for name in ["NewMessage", "MessageEdit", "MarketplaceMessage"] {
        let Some(RefOr::T(Schema::Object(message))) = components.schemas.get_mut(name) else {
            continue;
        };
        if let Some(RefOr::T(Schema::Object(text))) = message.properties.get_mut("text") {
            text.max_length = Some(settings.text_chars_max);
        }
        if let Some(RefOr::T(Schema::Array(ids))) = message.properties.get_mut("attachment_ids") {
            ids.max_items = Some(settings.files_per_message_max);
        }
    }
    document
}
