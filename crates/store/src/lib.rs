//! The databases that Torg runs on.
//!
//! A store keeps facts, chats and logs, and answers queries from indexes. It decides nothing: what a command comes to
//! is decided by [`domain::batch::Batch::run`], and a store only loads what the batch touches and writes what has
//! changed, in one transaction. The contract is [`engine::store::Store`].
//!
//! To add a store: a folder of migrations under `migrations/`, a module beside [`sqlite`] with the same file names, and
//! one more line in `tests/conformance/main.rs`, which runs every case on every store.

mod cells;
mod codes;
mod migrations;
pub mod postgres;
mod ranges;
mod rows;
pub mod sqlite;
mod substring;
pub mod transfer;
