//! What was pushed to webhooks, and what came of it.

use axum::Json;
use axum::extract::State;
use domain::id::WebhookId;
use engine::queries::Page;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::Api;
use crate::auth::Reader;
use crate::extract::{Params, PathId};
use crate::problem::Problem;
use crate::values::DeliveriesLimit;
use crate::views::DeliveryView;

/// Which attempts to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct DeliveryParams {
    /// How many; 50 unless said otherwise.
    #[param(inline)]
    limit: Option<DeliveriesLimit>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A page of attempts.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeliveryList {
    /// The newest first.
    deliveries: Vec<DeliveryView>,
    /// Asks for the next page; null on the last one.
    next_cursor: Option<String>,
}

/// List the attempts to push to a webhook
///
/// They are kept for some time only, which the server's settings say.
#[utoipa::path(
    get, path = "/api/v1/webhooks/{id}/deliveries", operation_id = "listDeliveries", tag = "webhooks",
    params(("id" = i64, Path, description = "The webhook"), DeliveryParams),
    responses((status = 200, body = DeliveryList), Problem),
)]
pub(crate) async fn list(
    State(api): State<Api>,
    Reader(caller): Reader,
    PathId(id): PathId<WebhookId>,
    Params(params): Params<DeliveryParams>,
) -> Result<Json<DeliveryList>, Problem> {
    // A cursor works for the same webhook only.
    let purpose = format!("native deliveries {} {id}", caller.account());
    let before = params.cursor.map(|cursor| {
        let payload = api.engine.open_cursor(&purpose, &cursor);
        let id = payload.and_then(|payload| Some(i64::from_be_bytes(payload.try_into().ok()?)));
        id.ok_or_else(|| {
            Problem::invalid("cursor", "is not a cursor of this list; begin without one")
        })
    });
    let limit = usize::try_from(params.limit.map_or(50, DeliveriesLimit::get)).unwrap_or(50);
    let before = before.transpose()?;
    let found = api.webhooks.deliveries(caller.account(), id, before, limit + 1).await?;
    let page = Page::of(found, limit);
    let next_cursor =
        page.last_if_more().map(|last| api.engine.seal_cursor(&purpose, &last.id.to_be_bytes()));
    let deliveries = page.items.into_iter().map(DeliveryView::of).collect();
    Ok(Json(DeliveryList { deliveries, next_cursor }))
}
