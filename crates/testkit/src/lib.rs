//! A real server for tests: every face on a free port, a database of its own, a clock that the test moves, and a small
//! market that is always the same.
//!
//! `TORG_TEST_STORE=postgres` has all servers run on PostgreSQL.
//!
//! For tests only: what fails here panics.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a test fails by panicking"
)]

mod http;
mod market;
mod receiver;
mod server;
mod store_place;

pub use http::http_client;
pub use market::{
    BUYER, OTHER_BUYER, OTHER_PRODUCT, OTHER_SELLER, PASSWORD, PRODUCT, PlacedOrder, SELLER, START,
    UNPUBLISHED_PRODUCT, email_of, shop_of,
};
pub use receiver::{Received, Receiver, Reply};
pub use server::Server;
pub use store_place::StorePlace;
