//! What becomes of commits on PostgreSQL when somebody else holds what they need, or cancels them.

use std::sync::Arc;
use std::time::Duration;

use domain::refusal::{Denied, Missing};
use engine::store::{CommandError, SearchQuery, StoreError};
use store::postgres::PostgresStore;
use tokio_postgres::{Client, NoTls};

use crate::setup::{Opened, a_chat, at, buyer, history, post, run, say, stranger};

/// A store, and a client of its database.
async fn opened(schema: &local_services::Schema) -> (Opened, Client) {
    let store = PostgresStore::open(schema.url()).await.unwrap();
    let (client, connection) = tokio_postgres::connect(schema.url(), NoTls).await.unwrap();
    tokio::spawn(connection);
    (Arc::new(store), client)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_is_cancelled_while_it_waits_for_ids_has_written_nothing() {
    const COUNTER: &str = "'message_ids'::REGCLASS::OID::BIGINT";
    let schema = local_services::fresh_schema().unwrap();
    let (store, client) = opened(&schema).await;
    let chat = a_chat(&*store).await;
    client.batch_execute(&format!("SELECT pg_advisory_lock({COUNTER})")).await.unwrap();

    let posting = tokio::spawn({
        let store = Arc::clone(&store);
        async move { run(&*store, post(buyer(), chat, "one"), at(1)).await }
    });
    let cancel = format!(
        "SELECT pg_cancel_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted \
         AND classid = 0 AND objid::BIGINT = {COUNTER}"
    );
    while client.query(&cancel, &[]).await.unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let answer = posting.await.unwrap();
    assert!(
        matches!(answer, Err(CommandError::Store(StoreError::Unavailable(_)))),
        "the server can do it later: {answer:?}"
    );

    client.batch_execute(&format!("SELECT pg_advisory_unlock({COUNTER})")).await.unwrap();
    say(&*store, buyer(), chat, "two", 2).await;
    let texts: Vec<_> = history(&*store, chat).await.into_iter().map(|said| said.text).collect();
    assert_eq!(texts, [Some("two".to_owned())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_does_not_wait_for_those_who_write_in_a_chat() {
    let schema = local_services::fresh_schema().unwrap();
    let (store, client) = opened(&schema).await;
    let chat = a_chat(&*store).await;
    client.batch_execute("BEGIN; SELECT FROM account_state FOR UPDATE").await.unwrap();

    let refused = run(&*store, post(stranger(), chat, "one"), at(1));
    let refused = tokio::time::timeout(Duration::from_secs(5), refused).await.unwrap();
    assert!(
        matches!(refused, Err(CommandError::Denied(Denied::NotFound(Missing::Chat)))),
        "{refused:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn searches_that_take_long_hold_up_nobody_who_writes() {
    let schema = local_services::fresh_schema().unwrap();
    let (store, client) = opened(&schema).await;
    let chat = a_chat(&*store).await;
    client.batch_execute("BEGIN; LOCK TABLE message_index").await.unwrap();

    let search = |store: Opened| async move {
        let needle = "text".to_owned();
        let (account, limit) = (buyer(), 10);
        store.search(&SearchQuery { account, chat: None, needle, before: None, limit }).await
    };
    let searches: Vec<_> = (0..40).map(|_| tokio::spawn(search(Arc::clone(&store)))).collect();
    let waiting =
        "SELECT count(*) FROM pg_locks WHERE relation = 'message_index'::REGCLASS AND NOT granted";
    while client.query_one(waiting, &[]).await.unwrap().get::<_, i64>(0) < 8 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    let written =
        tokio::time::timeout(Duration::from_secs(5), say(&*store, buyer(), chat, "a text", 1));
    written.await.unwrap();

    client.batch_execute("ROLLBACK").await.unwrap();
    for search in searches {
        if let Ok(found) = search.await.unwrap() {
            assert!(found.len() <= 1);
        }
    }
    assert_eq!(search(Arc::clone(&store)).await.unwrap().len(), 1);
}
