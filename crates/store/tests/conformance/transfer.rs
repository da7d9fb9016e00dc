//! Moving a store from SQLite to PostgreSQL: nobody can tell the copy from the original.

use std::path::Path;

use domain::account::Account;
use engine::store::{Store, StoreError};
use store::postgres::PostgresStore;
use store::sqlite::SqliteStore;
use store::transfer::{Progress, TransferError, Transferred, transfer};

use crate::setup::{account, history, say};
use crate::story::Story;

/// A store on SQLite with a story in it, closed.
async fn original(file: &Path) -> Story {
    let store = SqliteStore::open(file).unwrap();
    let mut tale = Story::begin(&store, 7).await;
    tale.go_on(&store, 200).await;
    store.secret("links", [7; 32]).await.unwrap();
    store.put_password(account(2), "a\\b\t\n\rc".to_owned()).await.unwrap();
    store.close().await.unwrap();
    tale
}

/// Everything that can be read of the story, in words.
async fn told(store: &dyn Store, tale: &Story) -> Vec<String> {
    let mut told = Vec::new();
    for id in 1..=5 {
        let log = store.log(account(id), 0, 100_000).await.unwrap();
        told.push(format!("{log:?} {:?}", store.unread(account(id)).await.unwrap()));
        let accounts: Vec<Account> = store.accounts(&[account(id)]).await.unwrap();
        told.push(format!("{accounts:?} {:?}", store.password(account(id)).await.unwrap()));
    }
    for &chat in &tale.chats {
        let found = store.chat(chat).await.unwrap();
        told.push(format!("{found:?} {:?}", history(store, chat).await));
    }
    told.push(format!("{:?}", store.secret("links", [0; 32]).await.unwrap()));
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn the_copy_tells_the_same_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let schema = local_services::fresh_schema().unwrap();
    let file = folder.path().join("torg.sqlite");
    let tale = original(&file).await;

    let moved = transfer(&file, schema.url(), |_| {}).await.unwrap();
    assert!(matches!(moved, Transferred::Complete { rows } if 300 < rows), "{moved:?}");
    let again = transfer(&file, schema.url(), |_| {}).await.unwrap();
    assert_eq!(again, Transferred::Earlier);

    let [original, copy]: [Box<dyn Store>; 2] = [
        Box::new(SqliteStore::open(&file).unwrap()),
        Box::new(PostgresStore::open(schema.url()).await.unwrap()),
    ];
    assert_eq!(told(&*copy, &tale).await, told(&*original, &tale).await);
    for store in [&*original, &*copy] {
        let chat = tale.chats[0];
        let newest = history(store, chat).await.last().map(|message| message.id);
        let buyer = store.chat(chat).await.unwrap().unwrap().buyer.account;
        // By a clock that was put back, so that the id follows from the last one.
        let next = say(store, buyer, chat, "и", -9_999_999).await;
        assert!(newest < Some(next.id), "ids go on where they stopped");
        assert_eq!(next.id.get(), tale.messages.last().unwrap().id.get() + 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_transfer_goes_on_and_is_no_store_before() {
    let folder = tempfile::tempdir().unwrap();
    let schema = local_services::fresh_schema().unwrap();
    let file = folder.path().join("torg.sqlite");
    let tale = original(&file).await;

    for table in ["members", "messages"] {
        interrupted_after(&file, schema.url(), table).await;
        let half = PostgresStore::open(schema.url()).await;
        let Err(StoreError::Failed(reason)) = half else { panic!("half a copy was opened") };
        assert!(reason.contains("torg migrate-store"), "{reason}");
    }
    let mut first = None;
    let moved = transfer(&file, schema.url(), |progress| {
        first.get_or_insert(progress);
    });
    assert!(matches!(moved.await.unwrap(), Transferred::Complete { .. }));
    let Some(Progress::Copied { table, .. }) = first else { panic!("nothing was left to copy") };
    assert_eq!(table, "attachments", "the others were copied before");
    let copy = PostgresStore::open(schema.url()).await.unwrap();
    let original = SqliteStore::open(&file).unwrap();
    assert_eq!(told(&copy, &tale).await, told(&original, &tale).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_belongs_to_somebody_else_is_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let schema = local_services::fresh_schema().unwrap();
    let file = folder.path().join("torg.sqlite");
    original(&file).await;
    let used = PostgresStore::open(schema.url()).await.unwrap();
    let secret = used.secret("links", [1; 32]).await.unwrap();
    let refused = transfer(&file, schema.url(), |_| {}).await;
    assert!(matches!(refused, Err(TransferError::TargetInUse)), "{refused:?}");
    assert_eq!(used.secret("links", [2; 32]).await.unwrap(), secret);
    // It is a store as before.
    drop(PostgresStore::open(schema.url()).await.unwrap());

    let missing = transfer(&folder.path().join("absent.sqlite"), schema.url(), |_| {}).await;
    assert!(matches!(missing, Err(TransferError::Sqlite(_))), "{missing:?}");
    assert!(!folder.path().join("absent.sqlite").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_differs_is_found_out() {
    let folder = tempfile::tempdir().unwrap();
    let schema = local_services::fresh_schema().unwrap();
    let file = folder.path().join("torg.sqlite");
    original(&file).await;
    interrupted_after(&file, schema.url(), "account_state").await;
    let (vandal, connection) =
        tokio_postgres::connect(schema.url(), tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    let torn = "DELETE FROM log WHERE account_id = 1 AND sequence = 2";
    assert_eq!(vandal.execute(torn, &[]).await.unwrap(), 1);
    let refused = transfer(&file, schema.url(), |_| {}).await.unwrap_err();
    assert!(matches!(&refused, TransferError::Different(_)), "{refused:?}");
    assert!(refused.to_string().contains("the number of rows of log"), "{refused}");
    assert!(PostgresStore::open(schema.url()).await.is_err(), "it is no store");
}

/// A transfer that was cut off when it had copied `table`.
async fn interrupted_after(file: &Path, url: &str, table: &str) {
    let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let cut = async {
        while let Some(progress) = heard.recv().await {
            if matches!(progress, Progress::Copied { table: copied, .. } if copied == table) {
                return;
            }
        }
    };
    tokio::select! {
        biased;
        () = cut => {}
        moved = transfer(file, url, |progress| told.send(progress).unwrap()) => {
            panic!("not interrupted: {moved:?}")
        }
    }
}
