//! What accounts do: their chats, messages, files, and their log.

pub(crate) mod attachments;
pub(crate) mod chats;
pub(crate) mod deliveries;
mod event_filter;
pub(crate) mod events;
pub(crate) mod messages;
pub(crate) mod overview;
pub(crate) mod stream;
pub(crate) mod typing;
pub(crate) mod webhooks;
