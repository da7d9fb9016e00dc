//! What it means to be a store: every case runs on every store.
//!
//! A case is a function that takes an empty store. To add a store, add a line to `on_every_store!` with a function that
//! opens an empty one. A case that is not listed is dead code, and the build says so.

mod commits;
mod setup;

use std::sync::Arc;

use engine::store::Store;
use setup::sqlite;

macro_rules! on_every_store {
    ($($file:ident { $($case:ident),+ $(,)? })+) => {
        on_every_store! { @store sqlite $($file { $($case),+ })+ }
    };
    (@store $store:ident $($file:ident { $($case:ident),+ })+) => {
        mod on {
            $(mod $file {
                $(#[tokio::test(flavor = "multi_thread")]
                async fn $case() {
                    let (store, keep) = crate::$store();
                    crate::$file::$case(std::sync::Arc::clone(&store)).await;
                    store.close().await.unwrap();
                    drop(keep);
                })+
            })+
        }
    };
}

on_every_store! {
    commits {
        a_message_is_stored_with_all_that_follows_from_it,
    }
}

type Opened = Arc<dyn Store>;
