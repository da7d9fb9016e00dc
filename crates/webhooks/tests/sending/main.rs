//! Pushes over real sockets, on a clock that the test moves.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod failures;
mod guard;
mod hold;
mod order;
mod scene;
mod steering;
mod toy;
