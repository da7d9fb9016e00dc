//! Ozon's wire, through HTTP. Rows and tests name the sections of the contract that docs/dialects/ozon.md sums up.

mod access;
mod check_order;
pub(crate) mod client;
mod content;
mod files;
mod history;
mod limits;
mod list;
mod notification_lists;
mod notifications;
mod push_delivery;
mod pushes;
mod read;
mod receiver;
mod send;
mod start;
mod transport;
mod windows;
