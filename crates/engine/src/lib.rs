//! Commands and queries over the chats, each asked by a caller whose credential was checked.
//!
//! The engine queues commands for the group commit, asks the store, and signs links. It never decides: the rules stand
//! in the domain. It never speaks a wire: a face of the server calls it and finds its own words for what it answers.

pub mod access;
pub mod clock;
pub mod commands;
mod committer;
mod cursor;
mod engine;
pub mod error;
pub mod files;
pub mod housekeeping;
pub mod limits;
pub mod links;
mod metrics;
pub mod presence;
pub mod queries;
pub mod random;
mod reach;
pub mod related;
pub mod relay;
mod replicas;
pub mod sessions;
pub mod store;
mod typing;
pub mod wakeups;
pub mod webhooks;

pub use engine::{Engine, Parts};
pub use error::EngineError;
