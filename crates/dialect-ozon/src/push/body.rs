//! The bodies of pushes (Ozon contract §9.2, §9.5).

use domain::Timestamp;
use domain::chat::{Chat, Side};
use domain::event::{Entry, EntryKind};
use domain::id::{AccountId, MessageId};
use domain::message::{Author, Message, Role};
use serde::Serialize;
use serde_json::json;

use super::types;
use crate::content;
use crate::wire::{Milliseconds, User};

/// What of a log this wire tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    /// Somebody but the seller wrote.
    NewMessage,
    /// Such a message was edited.
    UpdatedMessage,
    /// The buyer has read on.
    MessageRead,
    /// The chat is over.
    ChatClosed {
        /// Who ended it.
        by: Role,
    },
}

impl News {
    /// What `entry` of a seller's log tells, as far as the entry alone shows.
    pub(super) fn of(entry: &Entry) -> Option<Self> {
        match entry.kind {
            // A program knows what it wrote itself.
            EntryKind::MessageCreated => {
                (entry.side != Some(Side::Seller)).then_some(Self::NewMessage)
            }
            EntryKind::MessageUpdated => Some(Self::UpdatedMessage),
            EntryKind::ChatRead => (entry.side == Some(Side::Buyer)).then_some(Self::MessageRead),
            EntryKind::ChatClosed => {
                Some(Self::ChatClosed { by: entry.side.map_or(Role::Market, Role::from) })
            }
            // With its dispute decided a chat is over, and the list shows it closed.
            EntryKind::DisputeEnded => Some(Self::ChatClosed { by: Role::Arbiter }),
            EntryKind::ChatOpened
            | EntryKind::ChatDelivered
            | EntryKind::ChatTurnChanged
            | EntryKind::ChatReopened
            | EntryKind::DisputeStarted
            | EntryKind::ChatHidden
            | EntryKind::ChatShown
            | EntryKind::ChatBlocked
            | EntryKind::ChatUnblocked
            | EntryKind::WebhookFailing
            | EntryKind::WebhookSwitchedOff => None,
        }
    }

    /// The type that tells of it.
    pub(super) fn push_type(self) -> &'static str {
        match self {
            Self::NewMessage => types::NEW_MESSAGE,
            Self::UpdatedMessage => types::UPDATE_MESSAGE,
            Self::MessageRead => types::MESSAGE_READ,
            Self::ChatClosed { .. } => types::CHAT_CLOSED,
        }
    }

    /// The body, as the chat and the message that the entry names stand now; none for a message that the seller wrote.
    pub(super) fn body(
        self,
        chat: &Chat,
        message: Option<&Message>,
        public_url: &str,
    ) -> Option<Body> {
        let body = match self {
            Self::NewMessage | Self::UpdatedMessage => {
                let message = message.filter(|message| message.author.role != Role::Seller)?;
                Body {
                    data: Some(content::elements(message, public_url)),
                    ..self.about_message(chat, message, message.author)
                }
            }
            Self::MessageRead => {
                let message = message?;
                Body {
                    last_read_message_id: Some(id(message.id)),
                    ..self.about_message(chat, message, author(chat, Role::Buyer))
                }
            }
            Self::ChatClosed { by } => self.about_chat(chat, author(chat, by)),
        };
        Some(body)
    }

    fn about_message(self, chat: &Chat, message: &Message, user: Author) -> Body {
        let updated_at = match self {
            Self::UpdatedMessage => message.edited_at,
            Self::NewMessage | Self::MessageRead | Self::ChatClosed { .. } => None,
        };
        Body {
            message_id: Some(id(message.id)),
            created_at: Some(Milliseconds(message.created_at)),
            updated_at: updated_at.map(Milliseconds),
            ..self.about_chat(chat, user)
        }
    }

    fn about_chat(self, chat: &Chat, user: Author) -> Body {
        Body {
            message_type: self.push_type(),
            chat_id: chat.public_id.to_string(),
            chat_type: "Buyer_Seller",
            message_id: None,
            created_at: None,
            updated_at: None,
            user: content::user(user),
            data: None,
            last_read_message_id: None,
            seller_id: chat.seller.account.get(),
        }
    }
}

/// What is told of a chat. Which of the optional fields there are depends on the type.
#[derive(Debug, Serialize)]
pub(super) struct Body {
    message_type: &'static str,
    chat_id: String,
    /// In another case than in lists (Ozon contract §6.2).
    chat_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<Milliseconds>,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_at: Option<Milliseconds>,
    /// Who wrote, read or closed.
    user: User,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_read_message_id: Option<String>,
    /// A number, though the specification's example shows text (Ozon contract §6.1).
    seller_id: i64,
}

/// What a receiver is sent to see whether it listens: nothing else, so it is not told whose pushes these are (Ozon contract
/// §9.2).
pub(super) fn ping(now: Timestamp) -> String {
    json!({"message_type": types::PING, "time": Milliseconds(now)}).to_string()
}

/// Text: in pushes, unlike everywhere else, ids are no numbers (Ozon contract §6.1).
fn id(message: MessageId) -> String {
    message.to_string()
}

fn author(chat: &Chat, role: Role) -> Author {
    let account = role.side().map_or(AccountId::MARKETPLACE, |side| chat.seat(side).account);
    Author { role, account, member: None }
}

#[cfg(test)]
mod tests;
