//! The Partizap face, through HTTP. Tests name the sections of its contract.

mod account;
mod bad_input;
mod conversations;
pub(crate) mod images;
mod isolation;
mod limits;
mod live_events;
mod live_protocol;
mod live_recovery;
mod live_sessions;
pub(crate) mod live_socket;
mod live_stock_client;
mod messages;
pub(crate) mod person;
mod search;
mod shapes;
mod sign_in;
