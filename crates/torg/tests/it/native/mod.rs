//! Torg's own API, through HTTP.

mod access;
mod attachments;
mod bad_input;
mod bulk;
mod chats;
pub(crate) mod client;
mod document;
mod edits;
pub(crate) mod event_stream;
mod events;
mod facts;
mod idempotency;
mod keys;
mod messages;
mod refusals;
mod steering;
mod stream;
mod streams_under_load;
mod typing_and_presence;
pub(crate) mod webhooks;
