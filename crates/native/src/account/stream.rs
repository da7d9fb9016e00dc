//! The log of an account as it grows, and what no log keeps: Server-Sent Events over one long answer.
//!
//! A stream reads the log at the pace at which its client takes it; nothing is queued for it. Whoever is cut off goes on
//! with the last id that it saw.

mod frames;
mod open_stream;

use std::convert::Infallible;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use engine::wakeups::Signal;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use http_kit::client_address::ClientAddress;
use http_kit::connection::Stopping;
use serde::Deserialize;
use utoipa::IntoParams;

pub(crate) use self::frames::EventRender;
use self::open_stream::{Credential, OpenStream};
use crate::Api;
use crate::account::event_filter::{EventFilter, EventName, WantedKinds};
use crate::account::events::check_position;
use crate::auth::KeyReader;
use crate::extract::Params;
use crate::gate::check_reader_again;
use crate::problem::Problem;
use crate::values::{Id, IdOrZero};

const LAST_EVENT_ID: &str = "last-event-id";
/// Proxies such as nginx would otherwise hold events back until their buffer is full.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
/// After how many seconds a client that has too many streams may try again.
const TOO_MANY_RETRY_SECONDS: i64 = 5;

/// From where to follow, and what.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct StreamParams {
    /// The last sequence that you have seen; the header `Last-Event-ID` weighs more. Without both, from now on.
    #[param(inline)]
    after: Option<IdOrZero>,
    /// Only what happens in this chat.
    #[param(inline)]
    chat: Option<Id>,
}

/// Follow the log of your account
///
/// Server-Sent Events. Each entry comes as an event whose `id` is its sequence, whose name is its kind, and whose data is
/// what `GET /api/v1/events` shows. What no log keeps comes without an id: `typing` (`chat_id`, `account_id`; take the
/// hint back after some five seconds) and `presence` (`account_id`, `online`, `at`) of those across in your 100 most
/// recently active chats. `stream.ready` comes first and holds the position. Comments are signs of life. Before the end
/// comes `stream.closing` with the problem that ended it. What is handed over counts as delivered.
#[utoipa::path(
    get, path = "/api/v1/events/stream", operation_id = "streamEvents", tag = "chats",
    params(
        StreamParams,
        ("kind" = inline(Option<Vec<EventName>>), Query, description = "Only these kinds: given several times, or with commas"),
        ("Last-Event-ID" = Option<i64>, Header, description = "The last sequence that you have seen"),
    ),
    responses((status = 200, description = "Events, until one side ends it", body = String, content_type = "text/event-stream"), Problem),
)]
pub(crate) async fn open(
    State(api): State<Api>,
    KeyReader(identity): KeyReader,
    ClientAddress(address): ClientAddress,
    Params(params): Params<StreamParams>,
    kinds: WantedKinds,
    stopping: Option<Extension<Stopping>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (caller, key) = (&identity.caller, &identity.key);
    let filter = EventFilter::new(kinds, params.chat);
    let position = match last_event_id(&headers)? {
        Some(last) => Some(last),
        None => params.after.map(IdOrZero::get),
    };
    let settings = api.settings.streams;
    let limits = api.engine.limits();
    let pass = limits
        .enter("native streams", &key.id.to_string(), settings.per_key_max)
        .ok_or_else(|| too_many_streams(settings.per_key_max))?;

    let log = api.engine.events(caller, position.unwrap_or(0), 1).await?;
    let position = position.unwrap_or(log.newest);
    check_position(position, log.oldest, log.newest)?;
    // It listens from here on, so that nothing falls between this and its first look.
    let reader = api.feed.read(caller.account(), position);
    // A key that was revoked before that has told nobody.
    check_reader_again(&api.engine, &key.secret_hash, address).await?;
    let online = api.engine.come_online(caller.account());
    let mut opening = frames::ready(position, log.newest, settings.heartbeat);
    for signal in online_now(&api, &filter, caller.account()).await? {
        opening.extend(frames::passing(&signal));
    }
    let stream = OpenStream::new(
        &api,
        reader,
        filter,
        Credential { secret_hash: key.secret_hash, address },
        stopping.map(|Extension(Stopping(token))| token),
        opening.into(),
        (online, pass),
    );
    let chunks = futures_util::stream::unfold(Box::new(stream), async |mut stream| {
        let chunk = stream.next_chunk().await?;
        Some((Ok::<_, Infallible>(chunk), stream))
    });
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (X_ACCEL_BUFFERING, HeaderValue::from_static("no")),
    ];
    Ok((headers, Body::from_stream(chunks)).into_response())
}

/// Those across who are there already, if the reader wants to know.
async fn online_now(
    api: &Api,
    filter: &EventFilter,
    account: domain::id::AccountId,
) -> Result<Vec<Signal>, Problem> {
    if !filter.wants_presence() {
        return Ok(Vec::new());
    }
    Ok(api.engine.online_counterparts(account).await?)
}

/// Browsers send an empty one when they have seen none.
fn last_event_id(headers: &HeaderMap) -> Result<Option<i64>, Problem> {
    let Some(value) = headers.get(LAST_EVENT_ID).filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    let number = value.to_str().ok().and_then(|text| text.trim().parse().ok());
    let position = number.filter(|number| (IdOrZero::MIN..=IdOrZero::MAX).contains(number));
    position.map(Some).ok_or_else(|| {
        let message = format!("must be a whole number from {} to {}", IdOrZero::MIN, IdOrZero::MAX);
        Problem::invalid("Last-Event-ID", message)
    })
}

fn too_many_streams(limit: u32) -> Problem {
    Problem::new(
        StatusCode::TOO_MANY_REQUESTS,
        "too-many-streams",
        "Too many streams are open with this key",
        format!("At most {limit} streams may be open with one key. Close one first."),
    )
    .with("limit", limit)
    .retry_after(TOO_MANY_RETRY_SECONDS)
}
