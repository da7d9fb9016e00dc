//! Tests of the whole server, in one binary; the files mirror the APIs.

#![expect(clippy::unwrap_used, reason = "tests may fail loudly")]

mod bucket;
mod command_line;
mod demo;
mod deploy;
mod feed;
mod listen;
mod mapping;
mod migrate_store;
mod native;
mod operations;
mod ozon;
mod partizap;
mod readme;
mod recovery;
mod replicas;
mod rooms;
mod shared_limits;
mod signals;
mod stop;
mod yandex_market;
