//! The log of an account: everything that happened in its chats, in order, without a gap.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::Api;
use crate::auth::Reader;
use crate::extract::Params;
use crate::problem::Problem;
use crate::values::{EventsLimit, IdOrZero};
use crate::views::EventView;

/// From where to read.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventParams {
    /// The last sequence that you have seen; from the beginning unless said otherwise.
    #[param(inline)]
    after: Option<IdOrZero>,
    /// How many; 100 unless said otherwise.
    #[param(inline)]
    limit: Option<EventsLimit>,
}

/// A stretch of a log.
#[derive(Serialize, ToSchema)]
pub(crate) struct EventList {
    /// Rising by 1 with each.
    events: Vec<EventView>,
    /// Ask with this as `after` for what comes next.
    next_after: i64,
    /// The newest sequence of the log; 0 while it is empty.
    newest: i64,
}

/// Read the log of your account
///
/// A reader that goes on with `next_after` misses nothing and sees nothing twice. What is handed over counts as
/// delivered.
#[utoipa::path(
    get, path = "/api/v1/events", operation_id = "listEvents", tag = "chats", params(EventParams),
    responses((status = 200, body = EventList), Problem),
)]
pub(crate) async fn list(
    State(api): State<Api>,
    Reader(caller): Reader,
    Params(params): Params<EventParams>,
) -> Result<Json<EventList>, Problem> {
    let engine = &api.engine;
    let after = params.after.map_or(0, IdOrZero::get);
    let limit = usize::try_from(params.limit.map_or(100, EventsLimit::get)).unwrap_or(1);
    let page = engine.events(&caller, after, limit).await?;
    let events = EventView::all(engine, &caller, &page.entries).await?;
    engine.note_handed_over(&caller, &page.entries).await;
    let next_after = page.entries.last().map_or(after, |last| last.sequence);
    Ok(Json(EventList { events, next_after, newest: page.newest }))
}
