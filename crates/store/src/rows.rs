//! What the rows of each table mean: which cells are read, in which order, and what they make. The same in every store;
//! the statements around the columns are each store's own.

pub(crate) mod access;
pub(crate) mod accounts;
pub(crate) mod chats;
pub(crate) mod facts;
pub(crate) mod log;
pub(crate) mod messages;
pub(crate) mod orders;
pub(crate) mod webhooks;
