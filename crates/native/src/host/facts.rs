//! Facts, one by one. They may come in any order and any number of times; the newest counts.

use axum::extract::{FromRequestParts, State};
use domain::catalog::Fact;
use engine::access::Host;
use engine::store::FactConflict;
use http::StatusCode;
use http::request::Parts;

use super::fact_bodies::{
    AccountFact, FactBody, MemberFact, OrderFact, PostingFact, ProductFact, ReturnFact, ShopFact,
};
use crate::Api;
use crate::auth::HostWriter;
use crate::extract::{FactId, JsonBody, path_text};
use crate::problem::Problem;
use crate::values::Number;

/// The number of a posting in a path.
pub(crate) struct PostingNumber(Number);

impl<S: Send + Sync> FromRequestParts<S> for PostingNumber {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text = path_text(parts, state).await?;
        Number::parse(text).map(Self).map_err(|message| Problem::invalid("number", message))
    }
}

/// Why a fact was not stored.
pub(crate) fn conflict(conflict: &FactConflict) -> Problem {
    match conflict {
        FactConflict::EmailTaken => Problem::new(
            StatusCode::CONFLICT,
            "email-taken",
            "Another account has this e-mail address",
            "Each account signs in with an address of its own; compared in lower case.",
        ),
    }
}

async fn put(api: &Api, host: Host, fact: Fact) -> Result<StatusCode, Problem> {
    let mut outcomes = api.engine.put_facts(host, vec![fact]).await?;
    match outcomes.pop() {
        Some(Ok(())) => Ok(StatusCode::NO_CONTENT),
        Some(Err(problem)) => Err(conflict(&problem)),
        None => Err(Problem::internal()),
    }
}

/// A handler for each kind of fact that has a number for an id.
macro_rules! put_by_id {
    ($($(#[$doc:meta])* $name:ident: $body:ident, $operation:literal, $path:literal;)+) => {$(
        $(#[$doc])*
        #[utoipa::path(
            put, path = $path, operation_id = $operation, tag = "host",
            params(("id" = i64, Path, description = "Chosen by the marketplace: 1 to 2^53 - 1")),
            request_body = $body,
            responses((status = 204), Problem),
        )]
        pub(crate) async fn $name(
            State(api): State<Api>,
            HostWriter(host): HostWriter,
            FactId(id): FactId,
            JsonBody(body): JsonBody<$body>,
        ) -> Result<StatusCode, Problem> {
            put(&api, host, body.into_fact(id)?).await
        }
    )+};
}

put_by_id! {
    /// Store an account
    put_account: AccountFact, "hostPutAccount", "/api/v1/host/accounts/{id}";
    /// Store a member of an account
    put_member: MemberFact, "hostPutMember", "/api/v1/host/members/{id}";
    /// Store a shop
    put_shop: ShopFact, "hostPutShop", "/api/v1/host/shops/{id}";
    /// Store a product
    put_product: ProductFact, "hostPutProduct", "/api/v1/host/products/{id}";
    /// Store an order
    put_order: OrderFact, "hostPutOrder", "/api/v1/host/orders/{id}";
    /// Store a return
    put_return: ReturnFact, "hostPutReturn", "/api/v1/host/returns/{id}";
}

/// Store a posting
#[utoipa::path(
    put, path = "/api/v1/host/postings/{number}", operation_id = "hostPutPosting", tag = "host",
    params(("number" = String, Path, description = "Unique on the marketplace: 1 to 100 characters")),
    request_body = PostingFact,
    responses((status = 204), Problem),
)]
pub(crate) async fn put_posting(
    State(api): State<Api>,
    HostWriter(host): HostWriter,
    PostingNumber(number): PostingNumber,
    JsonBody(body): JsonBody<PostingFact>,
) -> Result<StatusCode, Problem> {
    put(&api, host, body.into_fact(number)?).await
}
