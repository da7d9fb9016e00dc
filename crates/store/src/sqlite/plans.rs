//! Every list is read from an index that answers it in order: the plans of the very statements that the queries run.

use rusqlite::Connection;

use super::connections::keep_statements;
use super::{
    access, accounts, chats, facts, log, messages, migrate, orders, search, search_index, webhooks,
};

/// The steps by which SQLite would run `sql`.
fn plan(db: &Connection, sql: &str) -> Vec<String> {
    let mut statement = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    for parameter in 1..=statement.parameter_count() {
        statement.raw_bind_parameter(parameter, 1).unwrap();
    }
    let mut rows = statement.raw_query();
    let mut steps = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        steps.push(row.get(3).unwrap());
    }
    steps
}

/// Checks that `sql` runs as one search in `index`, given as SQLite prints it, and never sorts.
fn reads(db: &Connection, sql: &str, index: &str) {
    let steps = plan(db, sql);
    let table = sql.split("FROM ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap();
    let wanted = format!("SEARCH {table} USING {index}");
    assert_eq!(steps.first(), Some(&wanted), "{sql}");
    let sorts = steps.iter().any(|step| step.contains("TEMP B-TREE"));
    let scans = steps.iter().any(|step| step.starts_with("SCAN") && !step.contains("json_each"));
    assert!(!sorts && !scans, "{sql}: {steps:#?}");
}

fn check(cases: &[(&str, &str)]) {
    let mut db = Connection::open_in_memory().unwrap();
    keep_statements(&db).unwrap();
    migrate::migrate(&mut db).unwrap();
    for (sql, index) in cases {
        reads(&db, sql, index);
    }
}

#[test]
fn single_chats_are_found_by_each_of_their_names() {
    check(&[
        (chats::BY_ID, "INTEGER PRIMARY KEY (rowid=?)"),
        (chats::BY_PUBLIC_ID, "INDEX sqlite_autoindex_chats_1 (public_id=?)"),
        (
            chats::BY_KEY,
            "INDEX chats_by_key (seller_id=? AND buyer_id=? AND context_kind=? AND context_id=?)",
        ),
    ]);
}

#[test]
fn lists_by_activity_are_ranges_of_an_index() {
    let [seller, seller_silent] = chats::SELLER_ACTIVITY;
    let [buyer, buyer_silent] = chats::BUYER_ACTIVITY;
    check(&[
        (
            seller,
            "COVERING INDEX chats_of_seller_by_activity \
             (seller_id=? AND seller_hidden=? AND is_over=? AND seller_has_unread=? AND last_message_id<?)",
        ),
        (
            seller_silent,
            "COVERING INDEX chats_of_seller_by_activity \
             (seller_id=? AND seller_hidden=? AND is_over=? AND seller_has_unread=? AND last_message_id=? AND rowid<?)",
        ),
        (
            buyer,
            "COVERING INDEX chats_of_buyer_by_activity \
             (buyer_id=? AND buyer_hidden=? AND is_over=? AND buyer_has_unread=? AND last_message_id<?)",
        ),
        (
            buyer_silent,
            "COVERING INDEX chats_of_buyer_by_activity \
             (buyer_id=? AND buyer_hidden=? AND is_over=? AND buyer_has_unread=? AND last_message_id=? AND rowid<?)",
        ),
    ]);
}

#[test]
fn lists_by_age_are_ranges_of_an_index() {
    check(&[
        (chats::AGE, "INDEX chats_of_seller_by_age (seller_id=? AND rowid>?)"),
        (
            chats::AGE_OF_CELL,
            "INDEX chats_of_seller_by_facets \
             (seller_id=? AND is_dispute=? AND context_kind=? AND phase=? AND rowid>?)",
        ),
        (
            chats::AGE_OF_CONTEXT,
            "INDEX chats_of_seller_by_context \
             (seller_id=? AND context_kind=? AND context_id=? AND rowid>?)",
        ),
    ]);
}

#[test]
fn histories_and_logs_are_ranges_of_their_table() {
    check(&[
        (messages::FORWARD, "PRIMARY KEY (chat_id=? AND id>?)"),
        (messages::BACKWARD, "PRIMARY KEY (chat_id=? AND id<?)"),
        (messages::BY_ID, "PRIMARY KEY (chat_id=? AND id=?)"),
        (messages::AT_OR_BEFORE, "PRIMARY KEY (chat_id=? AND id<?)"),
        (messages::NEXT_OF_OTHERS, "PRIMARY KEY (chat_id=? AND id>?)"),
        (messages::ATTACHMENT_BY_ID, "INTEGER PRIMARY KEY (rowid=?)"),
        (
            messages::ATTACHMENTS_BETWEEN,
            "INDEX attachments_of_messages (chat_id=? AND message_id>? AND message_id<?)",
        ),
        (log::ENTRIES, "PRIMARY KEY (account_id=? AND sequence>?)"),
        (log::OLDEST, "PRIMARY KEY (account_id=?)"),
        (log::FIRST, "PRIMARY KEY (account_id=?)"),
        (log::FORGET, "PRIMARY KEY (account_id=? AND sequence<?)"),
        (log::NEWEST, "INTEGER PRIMARY KEY (rowid=?)"),
        (log::NEXT_ACCOUNTS, "INTEGER PRIMARY KEY (rowid>?)"),
    ]);
}

#[test]
fn facts_keys_and_sessions_are_found_by_their_names() {
    check(&[
        (chats::ID_BY_PUBLIC_ID, "COVERING INDEX sqlite_autoindex_chats_1 (public_id=?)"),
        (accounts::ACCOUNT, "INTEGER PRIMARY KEY (rowid=?)"),
        (accounts::ACCOUNT_BY_EMAIL, "INDEX sqlite_autoindex_accounts_1 (email_folded=?)"),
        (facts::SHOPS_OF_SELLER, "INDEX shops_of_seller (seller_id=? AND rowid>?)"),
        (orders::POSTINGS, "INDEX postings_of_order (order_id=?)"),
        (access::KEY_BY_HASH, "INDEX sqlite_autoindex_api_keys_2 (secret_hash=?)"),
        (access::KEYS_OF_ACCOUNT, "INDEX api_keys_of_account (account_id=?)"),
        (access::CREDENTIAL_REVISION, "INTEGER PRIMARY KEY (rowid=?)"),
        (access::SESSION_BY_HASH, "INDEX sqlite_autoindex_sessions_2 (token_hash=?)"),
        (access::SESSIONS_OF_ACCOUNT, "INDEX sessions_of_account (account_id=?)"),
    ]);
}

#[test]
fn webhooks_and_their_deliveries_are_ranges_of_an_index() {
    use webhooks::{deliveries, progress, subscriptions};
    check(&[
        (subscriptions::OF_ACCOUNT, "INDEX webhooks_of_account (account_id=?)"),
        (subscriptions::BY_ID, "INTEGER PRIMARY KEY (rowid=?)"),
        (subscriptions::ACTIVE, "INDEX active_webhooks (id>?)"),
        (progress::PROGRESS, "PRIMARY KEY (account_id=? AND webhook_id=?)"),
        (progress::WAITING, "PRIMARY KEY (account_id=? AND webhook_id=?)"),
        (
            deliveries::PAGE,
            "INDEX deliveries_of_webhook (account_id=? AND webhook_id=? AND rowid<?)",
        ),
        (
            deliveries::OF_WEBHOOK,
            "COVERING INDEX deliveries_of_webhook (account_id=? AND webhook_id=?)",
        ),
        (deliveries::OLDEST, "INTEGER PRIMARY KEY (rowid>?)"),
    ]);
}

#[test]
fn search_reads_the_index_from_new_to_old_and_the_newer_messages_of_lively_chats() {
    check(&[
        (
            search::LIVELY_OF_SELLER,
            "COVERING INDEX chats_of_seller_by_activity \
             (seller_id=? AND seller_hidden=? AND is_over=? AND seller_has_unread=? AND last_message_id>?)",
        ),
        (
            search::LIVELY_OF_BUYER,
            "COVERING INDEX chats_of_buyer_by_activity \
             (buyer_id=? AND buyer_hidden=? AND is_over=? AND buyer_has_unread=? AND last_message_id>?)",
        ),
        (search::NEWER, "PRIMARY KEY (chat_id=? AND id>? AND id<?)"),
        (search::EDITED, "INDEX searchable_edits (edit>?)"),
        (search_index::NEW_MESSAGES, "INTEGER PRIMARY KEY (rowid>?)"),
        (search_index::NEW_EDITS, "INDEX searchable_edits (edit>?)"),
        (search_index::NEWEST_EDIT, "COVERING INDEX searchable_edits (edit>?)"),
    ]);

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("torg.sqlite");
    let mut db = super::open_for_writing(&file).unwrap();
    migrate::migrate(&mut db).unwrap();
    let _index = search_index::open(&file).unwrap();
    let reader = super::open_for_reading(&file).unwrap();
    let steps = plan(&reader, search::INDEXED);
    let [index, message] = &steps[..] else { panic!("{steps:#?}") };
    assert!(index.starts_with("SCAN search.message_index VIRTUAL TABLE INDEX"), "{index}");
    assert_eq!(message, "SEARCH searchable_messages USING INTEGER PRIMARY KEY (rowid=?)");
}
