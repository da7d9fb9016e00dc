//! A throw-away PostgreSQL and NATS for tests, benches and CI, and an ejabberd for benches: on free ports of this machine,
//! with their data in a temporary folder, gone when they are dropped.
//!
//! A test that needs an empty database takes a [`fresh_schema`]. It lies in the server that `TORG_TEST_POSTGRES` names,
//! or, without that, in one that is started once for the process. A test that restarts its server, or kills it, starts
//! a [`Postgres`] or a [`Nats`] of its own.
//!
//! The binary starts both and runs a command that finds them: `cargo run -q -p local-services -- cargo test`.
//!
//! Whatever ends the process, a panic and `kill -9` included, ends the servers that it started: each has a small shell
//! above it which waits for the other end of a pipe to close. It ends no server that it did not start.
//!
//! Functions here block, for a few milliseconds (a schema) or for a second (a server). In asynchronous code whose other
//! tasks have to go on meanwhile, call them by `spawn_blocking`.

mod ejabberd;
mod error;
mod nats;
mod ports;
mod postgres;
mod programs;
mod schema;
mod shared;
mod sql;
mod supervised;

pub use ejabberd::Ejabberd;
pub use error::Error;
pub use nats::Nats;
pub use ports::ReservedPort;
pub use postgres::{Durability, Postgres, StopMode};
pub use schema::{Schema, fresh_schema};
pub use shared::{NATS_VARIABLE, POSTGRES_VARIABLE, nats_url, postgres_url};
