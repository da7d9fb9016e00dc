//! Commands and queries, each asked by an actor.

pub mod store;
