//! Searching (Partizap contract §4.3, §4.4).

use axum::extract::State;
use domain::id::{ChatId, MessageId};
use engine::access::Caller;
use serde::Serialize;

use crate::Face;
use crate::chats::{ConversationId, in_sight};
use crate::error::{Details, Error};
use crate::pace::{Searches, Visitor};
use crate::paging::{LIMIT_EVERYWHERE, LIMIT_INSIDE, List, QueryString};
use crate::wire::{Listing, Message, Summary, Writer};

/// The shortest and the longest `q`, in characters after trimming.
const NEEDLE_CHARS: std::ops::RangeInclusive<usize> = 2..=200;

/// A message that was found in one of all conversations.
#[derive(Serialize)]
pub(crate) struct Hit {
    #[serde(flatten)]
    message: Message,
    conversation: Summary,
}

/// `GET /vendor/conversations/{id}/messages/search`
pub(crate) async fn in_conversation(
    State(face): State<Face>,
    Visitor { caller, .. }: Visitor<Searches>,
    id: ConversationId,
    query: QueryString,
) -> Result<Listing<Message>, Error> {
    let asked = Asked::read(&face, &caller, Scope::Inside(id.get()), &query)?;
    let chat = in_sight(&face, &caller, &id).await?;

    let Asked { needle, before, limit } = asked;
    let page = face.engine.search(&caller, Some(&chat), needle.clone(), before, limit).await?;
    let writer = Writer::new(&face, caller.account());
    let next_cursor =
        List::Search(&caller, Some(chat.id), &needle)
            .next_cursor(&face.engine, &page, |message| message.id);
    let messages = page.items.iter().map(|message| writer.message(&chat, message)).collect();
    Ok(Listing::new(messages, next_cursor))
}

/// `GET /vendor/messages/search`: in all conversations that the caller has not hidden.
pub(crate) async fn everywhere(
    State(face): State<Face>,
    Visitor { caller, .. }: Visitor<Searches>,
    query: QueryString,
) -> Result<Listing<Hit>, Error> {
    let Asked { needle, before, limit } = Asked::read(&face, &caller, Scope::Everywhere, &query)?;

    let page = face.engine.search(&caller, None, needle.clone(), before, limit).await?;
    let ids: Vec<ChatId> = page.items.iter().map(|message| message.chat).collect();
    let chats = face.engine.chats(&caller, &ids).await?;
    let found: Vec<_> = chats.values().cloned().collect();
    let related = face.engine.related(&found).await?;
    let writer = Writer::new(&face, caller.account());
    let next_cursor =
        List::Search(&caller, None, &needle).next_cursor(&face.engine, &page, |message| message.id);
    let hits = page.items.iter().filter_map(|message| {
        let chat = chats.get(&message.chat)?;
        let conversation = writer.summary(chat, &related);
        Some(Hit { message: writer.message(chat, message), conversation })
    });
    Ok(Listing::new(hits.collect(), next_cursor))
}

/// What is looked for.
struct Asked {
    needle: String,
    before: Option<MessageId>,
    limit: usize,
}

/// Where it is looked for.
#[derive(Clone, Copy)]
enum Scope {
    Everywhere,
    /// In the conversation of this id; none for a number that no conversation can have.
    Inside(Option<ChatId>),
}

impl Asked {
    fn read(
        face: &Face,
        caller: &Caller,
        scope: Scope,
        query: &QueryString,
    ) -> Result<Self, Error> {
        let mut details = Details::default();
        let needle = details.take("q", needle(query)).unwrap_or_default();
        let (chat, default) = match scope {
            Scope::Everywhere => (None, LIMIT_EVERYWHERE),
            Scope::Inside(chat) => (chat, LIMIT_INSIDE),
        };
        let limit = query.limit(default, &mut details);
        let list = List::Search(caller, chat, &needle);
        let before = query.position(&face.engine, &list, &mut details);
        details.require_none()?;
        Ok(Self { needle, before, limit })
    }
}

fn needle(query: &QueryString) -> Result<String, String> {
    let text = query.0.optional_text("q").map_err(|_| "Must be UTF-8".to_owned())?;
    let needle = text.ok_or("Is required")?.trim();
    let (shortest, longest) = (NEEDLE_CHARS.start(), NEEDLE_CHARS.end());
    if !NEEDLE_CHARS.contains(&needle.chars().count()) {
        return Err(format!("Must have {shortest} to {longest} characters"));
    }
    if needle.contains('\0') {
        return Err("Must not contain NUL".to_owned());
    }
    Ok(needle.to_owned())
}
