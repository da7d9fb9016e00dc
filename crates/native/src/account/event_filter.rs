//! Which events a reader wants to see.

use std::borrow::Cow;

use axum::extract::FromRequestParts;
use domain::event::Entry;
use domain::id::ChatId;
use engine::wakeups::Signal;
use http::request::Parts;
use serde::Serialize;
use utoipa::ToSchema;

use crate::names::EventKind;
use crate::problem::Problem;
use crate::values::Id;

/// The names by which events can be chosen.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "it describes what is read by hand")]
pub(crate) enum EventName {
    /// Of the log.
    Kept(#[schema(inline)] EventKind),
    /// Of what no log keeps.
    Passing(#[schema(inline)] PassingKind),
}

/// What happens now and is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PassingKind {
    Typing,
    Presence,
}

/// The kinds that a query names, `kind=a,b&kind=c`; none when it names none.
#[derive(Debug)]
pub(crate) struct WantedKinds(Option<Vec<Wanted>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Kept(EventKind),
    Passing(PassingKind),
}

/// What a reader wants to see of its account's log, and of what no log keeps.
#[derive(Debug)]
pub(crate) struct EventFilter {
    kinds: Option<Vec<Wanted>>,
    chat: Option<i64>,
}

impl PassingKind {
    const ALL: [Self; 2] = [Self::Typing, Self::Presence];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Typing => "typing",
            Self::Presence => "presence",
        }
    }
}

impl<S: Sync> FromRequestParts<S> for WantedKinds {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let pairs = form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
        let given: Vec<Cow<'_, str>> =
            pairs.filter(|(name, _)| name == "kind").map(|(_, value)| value).collect();
        if given.is_empty() {
            return Ok(Self(None));
        }
        let names = given.iter().flat_map(|value| value.split(','));
        let mut kinds = names.map(wanted).collect::<Result<Vec<_>, _>>()?;
        // Names may be repeated; what is kept of them is bounded by how many there are.
        kinds.sort_by_key(|kind| kind.name());
        kinds.dedup();
        Ok(Self(Some(kinds)))
    }
}

impl Wanted {
    fn all() -> impl Iterator<Item = Self> {
        let kept = EventKind::ALL.iter().copied().map(Self::Kept);
        kept.chain(PassingKind::ALL.map(Self::Passing))
    }

    fn name(self) -> &'static str {
        match self {
            Self::Kept(kind) => kind.name(),
            Self::Passing(kind) => kind.name(),
        }
    }
}

fn wanted(name: &str) -> Result<Wanted, Problem> {
    Wanted::all().find(|kind| kind.name() == name).ok_or_else(|| {
        let names: Vec<_> = Wanted::all().map(Wanted::name).collect();
        Problem::invalid("kind", format!("must be of: {}", names.join(", ")))
    })
}

impl EventFilter {
    pub(crate) fn new(kinds: WantedKinds, chat: Option<Id>) -> Self {
        Self { kinds: kinds.0, chat: chat.map(Id::get) }
    }

    /// Whether no entry of a log is left out.
    pub(crate) fn passes_all_entries(&self) -> bool {
        self.kinds.is_none() && self.chat.is_none()
    }

    /// Whether an entry of the account's log is wanted. A chat of others never is in it.
    pub(crate) fn passes(&self, entry: &Entry) -> bool {
        self.wants(Wanted::Kept(entry.kind.into())) && self.is_about(entry.chat)
    }

    /// Whether something that no log keeps is wanted. Who comes and goes is about no chat.
    pub(crate) fn passes_signal(&self, signal: &Signal) -> bool {
        match signal {
            Signal::Typing { chat, .. } => {
                self.wants(Wanted::Passing(PassingKind::Typing)) && self.is_about(Some(*chat))
            }
            Signal::Presence { .. } => self.wants_presence(),
            Signal::CredentialsChanged => false,
        }
    }

    /// Whether the reader wants to know who comes and goes: unless it asks for one chat or for other kinds.
    pub(crate) fn wants_presence(&self) -> bool {
        match &self.kinds {
            Some(_) => self.wants(Wanted::Passing(PassingKind::Presence)),
            None => self.chat.is_none(),
        }
    }

    fn wants(&self, kind: Wanted) -> bool {
        self.kinds.as_ref().is_none_or(|kinds| kinds.contains(&kind))
    }

    fn is_about(&self, chat: Option<ChatId>) -> bool {
        self.chat.is_none_or(|wanted| chat.map(ChatId::get) == Some(wanted))
    }
}
