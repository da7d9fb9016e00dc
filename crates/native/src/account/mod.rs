//! What accounts do: their chats, messages, files, and their log.

pub(crate) mod attachments;
pub(crate) mod chats;
pub(crate) mod deliveries;
pub(crate) mod events;
pub(crate) mod messages;
pub(crate) mod overview;
pub(crate) mod webhooks;
