//! Messages: read, sent, marked as read, announced (Partizap contract §4.6, §5.1, §5.2, §5.4).

use axum::extract::State;
use domain::commands::Draft;
use domain::id::MessageId;
use engine::store::MessageRange;
use http::StatusCode;

use crate::Face;
use crate::body::{NOT_AN_ID, Object, OptionalObject, message_text};
use crate::chats::{ConversationId, UnreadCount, in_sight};
use crate::error::{Details, Error};
use crate::pace::{Reads, Texts, Uncounted, Visitor};
use crate::paging::{LIMIT_INSIDE, List, QueryString};
use crate::wire::{Data, Listing, Message, Notice, Writer, notice};

/// `GET /vendor/conversations/{id}/messages`: newest first.
pub(crate) async fn history(
    State(face): State<Face>,
    Visitor { caller, .. }: Visitor<Reads>,
    id: ConversationId,
    query: QueryString,
) -> Result<Listing<Message>, Error> {
    let mut details = Details::default();
    let limit = query.limit(LIMIT_INSIDE, &mut details);
    let history = id.get().map(|id| List::History(&caller, id));
    let last: Option<MessageId> = match &history {
        Some(history) => query.position(&face.engine, history, &mut details),
        None => None,
    };
    details.require_none()?;
    let chat = in_sight(&face, &caller, &id).await?;

    // The cursor names the last message that was shown; the range takes its end in.
    let from = match last {
        None => None,
        Some(last) => match MessageId::new(last.get() - 1) {
            Some(next) => Some(next),
            None => return Ok(Listing::new(Vec::new(), None)),
        },
    };
    let range = MessageRange::Backward(from);
    let page = face.engine.messages(&caller, &chat, range, limit).await?;
    let writer = Writer::new(&face, caller.account());
    let next_cursor =
        List::History(&caller, chat.id).next_cursor(&face.engine, &page, |message| message.id);
    let messages = page.items.iter().map(|message| writer.handed_over(&chat, message)).collect();
    Ok(Listing::new(messages, next_cursor))
}

/// `POST /vendor/conversations/{id}/messages`
pub(crate) async fn send(
    State(face): State<Face>,
    Visitor { caller, .. }: Visitor<Texts>,
    id: ConversationId,
    body: Object,
) -> Result<(StatusCode, Data<Message>), Error> {
    let fields = body.fields()?;
    let field = match fields.field("text") {
        // The call that begins a conversation has the other name, and some clients use it here, too.
        absent if absent.is_unset() && !fields.field("message").is_unset() => {
            fields.field("message")
        }
        text => text,
    };
    let mut details = Details::default();
    let text = message_text(&field, "text", &face.engine.policy().text, &mut details);
    let Some(text) = text else { return Err(Error::Invalid(details)) };

    let chat = in_sight(&face, &caller, &id).await?;
    let posted = face.engine.post_message(&caller, chat.id, Draft::text(text)).await?;
    let message = Writer::new(&face, caller.account()).just_sent(&posted.message);
    Ok((StatusCode::CREATED, Data { data: message }))
}

/// `POST`, `PUT` or `PATCH /vendor/conversations/{id}/read`: up to `message_id`, or everything.
pub(crate) async fn mark_read(
    State(face): State<Face>,
    Visitor { caller, .. }: Visitor<Uncounted>,
    id: ConversationId,
    OptionalObject(body): OptionalObject,
) -> Result<Data<UnreadCount>, Error> {
    let wrong = || Error::of_field("message_id", NOT_AN_ID);
    let given = body.fields()?.optional_i64("message_id").map_err(|_| wrong())?;
    let up_to = match given {
        Some(message) => Some(MessageId::new(message).ok_or_else(wrong)?),
        None => None,
    };

    let chat = in_sight(&face, &caller, &id).await?;
    if let Some(message) = up_to {
        let found = face.engine.messages_of(&caller, &chat, &[message]).await?;
        if found.is_empty() {
            return Err(Error::of_field("message_id", "Is not a message of this conversation"));
        }
    }
    let unread_count = face.engine.mark_read(&caller, chat.id, up_to).await?;
    Ok(Data { data: UnreadCount { unread_count } })
}

/// `POST /vendor/conversations/{id}/typing`: reaches the companion's live connections, at most once in two seconds.
pub(crate) async fn typing(
    State(face): State<Face>,
    Visitor { caller, .. }: Visitor<Uncounted>,
    id: ConversationId,
) -> Result<Data<Notice>, Error> {
    let chat = in_sight(&face, &caller, &id).await?;
    face.engine.tell_typing(&caller, chat.id).await?;
    Ok(notice("Typing indicator sent"))
}
