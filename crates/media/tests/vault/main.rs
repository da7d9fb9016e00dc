//! What a vault promises, wherever its blobs lie; and what it says of a bucket that does not work.

#![expect(clippy::unwrap_used, reason = "tests may fail loudly")]

mod bucket;
mod places;
mod promises;
