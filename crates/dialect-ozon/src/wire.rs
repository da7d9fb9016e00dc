//! The bodies of answers. Every field is always sent, where no comment says otherwise (Ozon contract §7).

use domain::Timestamp;
use serde::{Serialize, Serializer};

#[derive(Debug, Serialize)]
pub(crate) struct ErrorBody<'a> {
    pub(crate) code: i32,
    pub(crate) message: &'a str,
    /// Always there and always empty (Ozon contract §3).
    pub(crate) details: [(); 0],
}

#[derive(Debug, Serialize)]
pub(crate) struct Started {
    pub(crate) result: StartedChat,
}

#[derive(Debug, Serialize)]
pub(crate) struct StartedChat {
    pub(crate) chat_id: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct Sent {
    pub(crate) result: &'static str,
}

impl Sent {
    /// The answer carries no message id (Ozon contract §7.2).
    pub(crate) const SUCCESS: Self = Self { result: "success" };
}

#[derive(Debug, Serialize)]
pub(crate) struct Read {
    pub(crate) unread_count: i64,
}

#[derive(Debug, Serialize)]
pub(crate) struct ChatList {
    pub(crate) chats: Vec<ChatRow>,
    pub(crate) total_unread_count: i64,
    pub(crate) cursor: String,
    pub(crate) has_next: bool,
}

#[derive(Debug, Serialize)]
pub(crate) struct ChatRow {
    pub(crate) chat: ChatHead,
    /// 0 when nothing is unread.
    pub(crate) first_unread_message_id: i64,
    /// 0 when the chat is empty.
    pub(crate) last_message_id: i64,
    pub(crate) unread_count: i64,
}

#[derive(Debug, Serialize)]
pub(crate) struct ChatHead {
    pub(crate) chat_id: String,
    pub(crate) chat_status: &'static str,
    pub(crate) chat_type: &'static str,
    pub(crate) created_at: Time,
}

#[derive(Debug, Serialize)]
pub(crate) struct History {
    pub(crate) has_next: bool,
    pub(crate) messages: Vec<MessageRow>,
}

#[derive(Debug, Serialize)]
pub(crate) struct MessageRow {
    pub(crate) message_id: i64,
    pub(crate) created_at: Time,
    pub(crate) user: User,
    pub(crate) data: Vec<String>,
    pub(crate) is_read: bool,
    pub(crate) is_image: bool,
    /// Left out when there is no image: some parsers refuse a text they do not know, also an empty one (Ozon contract
    /// §7.5, §12).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) moderate_image_status: Option<&'static str>,
    pub(crate) context: MessageContext,
}

/// An answer without content: an object nevertheless, which strict clients want (Ozon contract §2).
#[derive(Debug, Serialize)]
pub(crate) struct Empty {}

#[derive(Debug, Serialize)]
pub(crate) struct Checked {
    pub(crate) is_active: bool,
    pub(crate) errors: Vec<CheckError>,
}

#[derive(Debug, Serialize)]
pub(crate) struct CheckError {
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    pub(crate) description: &'static str,
}

#[derive(Debug, Serialize)]
pub(crate) struct AddressList {
    pub(crate) urls: Vec<Address>,
    /// Without the bounds of the page.
    pub(crate) total_count: usize,
}

#[derive(Debug, Serialize)]
pub(crate) struct Address {
    pub(crate) id: i64,
    pub(crate) url: String,
    pub(crate) enable: bool,
    pub(crate) types: Vec<TypeRow>,
    pub(crate) created_at: Milliseconds,
    pub(crate) availability_status: &'static str,
}

#[derive(Debug, Serialize)]
pub(crate) struct TypeRow {
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    pub(crate) description: &'static str,
}

#[derive(Debug, Serialize)]
pub(crate) struct TypeList {
    pub(crate) types: Vec<TypeSubscription>,
}

#[derive(Debug, Serialize)]
pub(crate) struct TypeSubscription {
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    pub(crate) description: &'static str,
    /// Left out where no address is told of this type (Ozon contract §10).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) seller_endpoint: Option<Endpoint>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Endpoint {
    pub(crate) id: i64,
    pub(crate) url: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct User {
    pub(crate) id: String,
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
}

/// Empty texts for what is unknown (Ozon contract §6.3).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct MessageContext {
    pub(crate) order_number: String,
    pub(crate) sku: String,
}

/// RFC 3339 in UTC with `Z` and six digits of a second, as live answers have them (Ozon contract §2).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Time(pub(crate) Timestamp);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:.6}", self.0))
    }
}

/// The same with three digits, as pushes have them: some receivers read nothing else (Ozon contract §9.5).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Milliseconds(pub(crate) Timestamp);

impl Serialize for Milliseconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:.3}", self.0))
    }
}
