//! The log of an account: everything that happened in its chats, in order, without a gap.

use axum::Json;
use axum::extract::State;
use engine::Engine;
use engine::access::Caller;
use engine::store::LogEntry;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::Api;
use crate::account::event_filter::{EventFilter, EventName, WantedKinds};
use crate::auth::Reader;
use crate::extract::Params;
use crate::problem::Problem;
use crate::values::{EventsLimit, Id, IdOrZero};
use crate::views::EventView;

/// So many entries are looked at for one answer when a filter leaves out most of them.
const SCANNED_ENTRIES_MAX: usize = 2_000;

/// From where to read.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventParams {
    /// The last sequence that you have seen; unless given, from the oldest entry that is kept.
    #[param(inline)]
    after: Option<IdOrZero>,
    /// How many; 100 unless said otherwise.
    #[param(inline)]
    limit: Option<EventsLimit>,
    /// Only what happened in this chat.
    #[param(inline)]
    chat: Option<Id>,
}

/// A stretch of a log.
#[derive(Serialize, ToSchema)]
pub(crate) struct EventList {
    /// Rising; by 1 with each when nothing is filtered.
    events: Vec<EventView>,
    /// Ask with this as `after` for what comes next. It also passes over what the filter has left out.
    next_after: i64,
    /// Whether there is more at once behind `next_after`; then the answer may be empty, since a filter may leave out
    /// everything that was looked at.
    has_more: bool,
    /// The oldest sequence that is kept; one more than `newest` when none is.
    oldest: i64,
    /// The newest sequence of the log; 0 while it is empty.
    newest: i64,
}

/// Read the log of your account
///
/// A reader that goes on with `next_after` misses nothing and sees nothing twice. What is handed over counts as
/// delivered. Entries are kept for a time only: behind a position from before that, the answer is the problem
/// `log-trimmed` (410).
#[utoipa::path(
    get, path = "/api/v1/events", operation_id = "listEvents", tag = "chats",
    params(
        EventParams,
        ("kind" = inline(Option<Vec<EventName>>), Query, description = "Only these kinds: given several times, or with commas. \
            `typing` and `presence` come by the stream only."),
    ),
    responses((status = 200, body = EventList), Problem),
)]
pub(crate) async fn list(
    State(api): State<Api>,
    Reader(caller): Reader,
    Params(params): Params<EventParams>,
    kinds: WantedKinds,
) -> Result<Json<EventList>, Problem> {
    let engine = &api.engine;
    let limit = usize::try_from(params.limit.map_or(100, EventsLimit::get)).unwrap_or(1);
    let filter = EventFilter::new(kinds, params.chat);
    let found = read(engine, &caller, params.after.map(IdOrZero::get), limit, &filter).await?;
    let shown = EventView::all(engine, &caller, &found.entries, &[]).await?;
    engine.note_deliveries(&caller, shown.iter().filter_map(|shown| shown.delivery)).await;
    let events = shown.into_iter().map(|shown| shown.view).collect();
    let Found { next_after, oldest, newest, .. } = found;
    Ok(Json(EventList { events, next_after, has_more: next_after < newest, oldest, newest }))
}

struct Found {
    entries: Vec<LogEntry>,
    next_after: i64,
    oldest: i64,
    newest: i64,
}

/// At most `limit` entries that pass the filter, from a bounded stretch of the log.
async fn read(
    engine: &Engine,
    caller: &Caller,
    after: Option<i64>,
    limit: usize,
    filter: &EventFilter,
) -> Result<Found, Problem> {
    let page_limit = if filter.passes_all_entries() { limit } else { SCANNED_ENTRIES_MAX };
    let page = engine.events(caller, after.unwrap_or(0), page_limit).await?;
    if let Some(after) = after {
        check_position(after, page.oldest, page.newest)?;
    }
    let mut next_after = after.unwrap_or(page.oldest - 1);
    let mut entries = Vec::new();
    for logged in page.entries {
        if entries.len() == limit {
            break;
        }
        next_after = logged.sequence;
        if filter.passes(&logged.entry) {
            entries.push(logged);
        }
    }
    Ok(Found { entries, next_after, oldest: page.oldest, newest: page.newest })
}

/// Whether a reader that has seen everything up to `after` can go on in a log from `oldest` to `newest`.
pub(crate) fn check_position(after: i64, oldest: i64, newest: i64) -> Result<(), Problem> {
    if newest < after {
        return Err(position_ahead(after, newest));
    }
    if after + 1 < oldest {
        return Err(log_trimmed(oldest));
    }
    Ok(())
}

/// What a reader wants to go on with is no longer kept.
pub(crate) fn log_trimmed(oldest: i64) -> Problem {
    let go_on = oldest - 1;
    Problem::new(
        StatusCode::GONE,
        "log-trimmed",
        "What comes next is no longer kept",
        format!(
            "Entries up to {go_on} are gone. What they told of stands in the chats: list those again with \
             GET /api/v1/chats, and go on with after={go_on}."
        ),
    )
    .with("oldest", oldest)
    .with("go_on_after", go_on)
}

fn position_ahead(after: i64, newest: i64) -> Problem {
    Problem::new(
        StatusCode::CONFLICT,
        "position-ahead",
        "The log is not that long",
        format!(
            "The log of this account ends at {newest}, so {after} is a position in another one, or the server was put \
             back to an older state. List the chats again with GET /api/v1/chats, and go on with after={newest}."
        ),
    )
    .with("newest", newest)
    .with("go_on_after", newest)
}
