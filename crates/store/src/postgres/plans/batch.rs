//! The plans of what a commit asks and changes.

use super::{FEW, MANY, Planner, indexes_of, is_bounded, rows, steps};
use crate::postgres::batch::{chats, load, write};

#[tokio::test]
async fn a_commit_looks_up_each_row_that_it_needs() {
    let cases: &[(&str, &[&str])] = &[
        (load::CHATS, &["chats_pkey"]),
        (load::CHATS_BY_KEY, &["chats_by_key"]),
        (load::LANDMARKS, &["chats_pkey", "messages_pkey", "messages_pkey", "messages_pkey"]),
        (load::MESSAGES, &["messages_pkey"]),
        (load::RECEIPTS, &["receipts_pkey"]),
        (load::ATTACHMENTS, &["attachments_by_id"]),
        (load::ATTACHMENTS_OF_MESSAGES, &["attachments_of_messages"]),
        (chats::UPDATE.as_str(), &["chats_pkey"]),
        (write::UPDATE_MESSAGES, &["messages_pkey"]),
        (write::ADVANCE, &["account_state_pkey"]),
    ];
    for rows in [rows(MANY), rows(FEW), String::new()] {
        let planner = Planner::with_rows(&rows).await;
        for (sql, indexes) in cases {
            let plan = planner.explain(sql, None).await;
            let steps = steps(&plan);
            assert_eq!(indexes_of(&steps), *indexes, "{sql}: {plan:#?}");
            assert!(steps.iter().all(|step| step.contains(" (")), "{sql}: {plan:#?}");
            // What is sorted are the files of the messages that were asked for.
            let sorts = *sql == load::ATTACHMENTS_OF_MESSAGES;
            assert!(is_bounded(&plan) || sorts, "{sql}: {plan:#?}");
        }
    }
}

/// One buyer has a third of all chats, and a chat of his is looked for that does not exist.
#[tokio::test]
async fn a_chat_is_found_by_its_key_however_many_its_buyer_has() {
    const PAGES_MAX: u64 = 10;
    let planner = Planner::with_rows(&rows(MANY)).await;
    planner
        .client
        .batch_execute("UPDATE chats SET buyer_id = 7 WHERE id % 3 = 0; ANALYZE chats")
        .await
        .unwrap();
    let pages = planner.pages(load::CHATS_BY_KEY, "'{1}', '{7}', '{1}', '{5}'").await;
    assert!(pages < PAGES_MAX, "{pages} pages");
}
