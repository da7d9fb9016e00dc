//! The nouns and the rules of marketplace chats.
//!
//! Everything that can happen in a chat is decided here, purely: a [`Command`](commands::Command) looks at the
//! [`World`](world::World) that a store loaded for it and answers with the [`Event`](event::Event)s that happen, or
//! with the reason why nothing does. The crate knows no clock, no database, no wire format and never waits.

pub mod account;
pub mod attachment;
pub mod batch;
pub mod catalog;
pub mod chat;
pub mod commands;
pub mod event;
pub mod id;
pub mod marks;
pub mod message;
pub mod permission;
pub mod policy;
pub mod refusal;
pub mod text;
pub mod time;
pub mod world;

pub use jiff::{SignedDuration, Timestamp};
