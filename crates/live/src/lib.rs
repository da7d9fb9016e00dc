//! Live connections: following an account's log for whoever is connected.
//!
//! Each connection has its own position and reads at its own pace; nothing is queued for it. It must never know a wire:
//! a face of the server brings a [`Render`] for its own words, and owns the connection itself.

mod feed;
mod tail;

pub use feed::{Feed, Frame, Next, Reader, Render, Rendered};
