//! Entries of logs as they travel.

use domain::chat::Side;
use domain::event::{Entry, EntryKind};
use domain::id::{ChatId, MessageId, WebhookId};
use engine::store::LogEntry;
use serde::{Deserialize, Serialize};

use super::names::names;
use super::{WireProblem, id, time};

/// An entry in its place. Without names: most of what is said are these.
#[derive(Serialize, Deserialize)]
pub(super) struct WireEntry(
    /// The sequence.
    i64,
    WireKind,
    /// The chat.
    Option<i64>,
    /// The message.
    Option<i64>,
    Option<WireSide>,
    /// The webhook.
    Option<i64>,
    /// When, in milliseconds since 1970.
    i64,
);

names! {
    WireSide of Side { Seller = "seller", Buyer = "buyer" }
}
names! {
    WireKind of EntryKind {
        ChatOpened = "opened", MessageCreated = "message", MessageUpdated = "updated", ChatRead = "read",
        ChatDelivered = "delivered", ChatTurnChanged = "turn", ChatClosed = "closed", ChatReopened = "reopened",
        DisputeStarted = "dispute", DisputeEnded = "decided", ChatHidden = "hidden", ChatShown = "shown",
        ChatBlocked = "blocked", ChatUnblocked = "unblocked", WebhookFailing = "failing",
        WebhookSwitchedOff = "switched_off",
    }
}

impl From<&LogEntry> for WireEntry {
    fn from(logged: &LogEntry) -> Self {
        let Entry { kind, chat, message, side, webhook, at } = &logged.entry;
        Self(
            logged.sequence,
            (*kind).into(),
            chat.map(ChatId::get),
            message.map(MessageId::get),
            side.map(WireSide::from),
            webhook.map(WebhookId::get),
            at.as_millisecond(),
        )
    }
}

impl TryFrom<WireEntry> for LogEntry {
    type Error = WireProblem;

    fn try_from(entry: WireEntry) -> Result<Self, Self::Error> {
        let WireEntry(sequence, kind, chat, message, side, webhook, at) = entry;
        let entry = Entry {
            kind: kind.into(),
            chat: chat.map(|chat| id(ChatId::new, chat, "a chat")).transpose()?,
            message: message.map(|message| id(MessageId::new, message, "a message")).transpose()?,
            side: side.map(Side::from),
            webhook: webhook.map(|webhook| id(WebhookId::new, webhook, "a webhook")).transpose()?,
            at: time(at)?,
        };
        Ok(Self { sequence, entry })
    }
}
