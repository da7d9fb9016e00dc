//! Who the caller is, and how much there is to read.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::Api;
use crate::auth::{KeyHolder, Reader};
use crate::host::keys::Scope;
use crate::problem::Problem;
use crate::values::Time;
use crate::views::Card;

/// The caller.
#[derive(Serialize, ToSchema)]
pub(crate) struct Me {
    account: Card,
    key: KeySummary,
}

/// What a key may do.
#[derive(Serialize, ToSchema)]
pub(crate) struct KeySummary {
    id: String,
    name: String,
    scopes: Vec<Scope>,
    /// The person it was made for.
    member_id: Option<i64>,
    expires_at: Option<Time>,
}

/// Whose key this is
#[utoipa::path(
    get, path = "/api/v1/me", operation_id = "getMe", tag = "chats",
    responses((status = 200, body = Me), Problem),
)]
pub(crate) async fn me(KeyHolder(identity): KeyHolder) -> Json<Me> {
    let key = &identity.key;
    Json(Me {
        account: Card::of_account(&identity.account),
        key: KeySummary {
            id: key.id.to_string(),
            name: key.name.clone(),
            scopes: Scope::of(key),
            member_id: key.member.map(domain::id::MemberId::get),
            expires_at: Time::of(key.expires_at),
        },
    })
}

/// How many messages there are to read.
#[derive(Serialize, ToSchema)]
pub(crate) struct Unread {
    /// In the chats that are in sight.
    total: i64,
    /// Of these, where the account sells.
    as_seller: i64,
    /// Of these, where the account buys.
    as_buyer: i64,
    /// In chats that are hidden.
    hidden: i64,
}

/// How much there is to read
#[utoipa::path(
    get, path = "/api/v1/unread", operation_id = "getUnread", tag = "chats",
    responses((status = 200, body = Unread), Problem),
)]
pub(crate) async fn unread(
    State(api): State<Api>,
    Reader(caller): Reader,
) -> Result<Json<Unread>, Problem> {
    let totals = api.engine.unread(&caller).await?;
    Ok(Json(Unread {
        total: totals.as_seller + totals.as_buyer,
        as_seller: totals.as_seller,
        as_buyer: totals.as_buyer,
        hidden: totals.as_seller_hidden + totals.as_buyer_hidden,
    }))
}
