//! The log of an account: everything that happened in its chats, in order, without a gap.

use axum::Json;
use axum::extract::State;
use domain::id::{ChatId, MessageId, WebhookId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::Api;
use crate::auth::Reader;
use crate::extract::Params;
use crate::names::{EventKind, SideName};
use crate::problem::Problem;
use crate::values::{EventsLimit, IdOrZero, Time};
use crate::views::MessageView;

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

/// Something that happened.
#[derive(Serialize, ToSchema)]
pub(crate) struct EventView {
    /// 1 for the account's first event, 2 for its second.
    sequence: i64,
    kind: EventKind,
    /// Where; null for what happens in no chat.
    chat_id: Option<i64>,
    /// The new or edited message, or the newest one that was read or delivered.
    message_id: Option<i64>,
    /// The new or edited message, as it is now.
    message: Option<MessageView>,
    /// Who wrote, edited, read, received, hid, showed, blocked or closed, where it was one of the two sides.
    side: Option<SideName>,
    /// The webhook that this is about.
    webhook_id: Option<i64>,
    at: Time,
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
    let messages = engine.messages_of_entries(&caller, &page.entries).await?;
    engine.note_handed_over(&caller, &page.entries).await;

    let next_after = page.entries.last().map_or(after, |last| last.sequence);
    let events = page.entries.into_iter().map(|logged| {
        let entry = logged.entry;
        let kind = EventKind::from(entry.kind);
        let message = entry.message.filter(|_| entry.kind.shows_message());
        let message = message.and_then(|id| {
            let (chat, message) = messages.get(&id)?;
            let side = engine.side(&caller, chat).ok()?;
            Some(MessageView::of(engine, chat, side, message))
        });
        EventView {
            sequence: logged.sequence,
            kind,
            chat_id: entry.chat.map(ChatId::get),
            message_id: entry.message.map(MessageId::get),
            message,
            side: entry.side.map(SideName::from),
            webhook_id: entry.webhook.map(WebhookId::get),
            at: Time(entry.at),
        }
    });
    Ok(Json(EventList { events: events.collect(), next_after, newest: page.newest }))
}
