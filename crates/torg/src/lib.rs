//! The binary's library: settings, command line, the listener and the wiring of the rooms into one server.
//!
//! It is the only crate that names all others. It decides nothing about chats.

pub mod attachments;
pub mod cli;
mod database;
pub mod demo;
pub mod faces;
pub mod front;
pub mod keys;
pub mod listen;
pub mod migrate_store;
pub mod operations;
pub mod serve;
pub mod server;
pub mod settings;
pub mod stop_signal;
pub mod telemetry;
