//! Pages: `limit` and `cursor` of a request, `meta` of an answer (Partizap contract §1.4, §7.10).

use axum::extract::FromRequestParts;
use domain::id::{ChatId, MessageId};
use engine::Engine;
use engine::access::Caller;
use engine::queries::Page;
use engine::store::ActivityPosition;
use http::request::Parts;
use http_kit::query::{Query, Repeated};

use crate::Face;
use crate::error::Details;

/// The largest page.
const LIMIT_MAX: i64 = 100;
/// The default page of lists over all conversations.
pub(crate) const LIMIT_EVERYWHERE: usize = 20;
/// The default page inside one conversation.
pub(crate) const LIMIT_INSIDE: usize = 50;

/// The request's query string. Of a repeated parameter the last one counts.
pub(crate) struct QueryString(pub(crate) Query);

impl FromRequestParts<Face> for QueryString {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _face: &Face) -> Result<Self, Self::Rejection> {
        Ok(Self(Query::parse(parts.uri.query(), Repeated::Last)))
    }
}

impl QueryString {
    /// The size of the page that is asked for.
    pub(crate) fn limit(&self, default: usize, details: &mut Details) -> usize {
        let limit = match self.0.optional_i64("limit") {
            Ok(None) => return default,
            Ok(Some(limit)) if (1..=LIMIT_MAX).contains(&limit) => usize::try_from(limit).ok(),
            Ok(Some(_)) | Err(_) => None,
        };
        limit.unwrap_or_else(|| {
            details.add("limit", format!("Must be an integer from 1 to {LIMIT_MAX}"));
            default
        })
    }

    /// Where the page before this one ended; none for the first page.
    pub(crate) fn position<P: Position>(
        &self,
        engine: &Engine,
        list: &List<'_>,
        details: &mut Details,
    ) -> Option<P> {
        let cursor = self.0.optional_text("cursor").ok();
        let position = match cursor {
            Some(None) => return None,
            Some(Some(text)) => engine.open_cursor(&list.purpose(), text),
            None => None,
        };
        let position = position.as_deref().and_then(P::from_bytes);
        if position.is_none() {
            details.add("cursor", "Is not a cursor of this list");
        }
        position
    }
}

/// What is walked through: a cursor of one list means nothing to another.
pub(crate) enum List<'a> {
    /// The caller's conversations.
    Conversations(&'a Caller),
    /// The history of a conversation.
    History(&'a Caller, ChatId),
    /// What a search found, in one conversation or in all.
    Search(&'a Caller, Option<ChatId>, &'a str),
}

impl List<'_> {
    fn purpose(&self) -> String {
        match self {
            Self::Conversations(caller) => {
                format!("partizap conversations of {}", caller.account())
            }
            Self::History(caller, chat) => {
                format!("partizap history of {chat} for {}", caller.account())
            }
            Self::Search(caller, chat, needle) => {
                let chat = chat.map_or_else(|| "all".to_owned(), |chat| chat.to_string());
                format!("partizap search of {chat} for {} by {needle}", caller.account())
            }
        }
    }

    /// The cursor behind the last row of `page`; none if there are no more rows.
    pub(crate) fn next_cursor<T, P: Position>(
        &self,
        engine: &Engine,
        page: &Page<T>,
        position_of: impl FnOnce(&T) -> P,
    ) -> Option<String> {
        let last = page.last_if_more()?;
        Some(engine.seal_cursor(&self.purpose(), &position_of(last).to_bytes()))
    }
}

/// The sort key of a list's rows.
pub(crate) trait Position: Sized {
    /// As a cursor's payload.
    fn to_bytes(&self) -> Vec<u8>;

    /// Back from a cursor's payload.
    fn from_bytes(bytes: &[u8]) -> Option<Self>;
}

impl Position for MessageId {
    fn to_bytes(&self) -> Vec<u8> {
        self.get().to_be_bytes().to_vec()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Self::new(i64::from_be_bytes(bytes.try_into().ok()?))
    }
}

impl Position for ActivityPosition {
    fn to_bytes(&self) -> Vec<u8> {
        Self::to_bytes(*self).to_vec()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Self::from_bytes(bytes)
    }
}
