//! What the marketplace's backend does: push facts, make keys and sessions, steer chats and disputes.

pub(crate) mod bulk;
pub(crate) mod chats;
pub(crate) mod disputes;
pub(crate) mod fact_bodies;
pub(crate) mod facts;
pub(crate) mod keys;
pub(crate) mod sign_in;
pub(crate) mod webhooks;
