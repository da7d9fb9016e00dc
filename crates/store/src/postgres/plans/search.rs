//! The plans of search, and of the index for it.

use super::{FEW, MANY, Planner, indexes_of, is_bounded, steps};
use crate::postgres::{search, search_index};

/// An index of so many messages, most of them of one account, and as many that wait to be indexed.
fn rows(messages: u32) -> String {
    format!(
        "
    INSERT INTO chats SELECT id, gen_random_uuid(), 1, 1000 + id, 1, id, NULL, 1, 1, 0, 1, 0, 0, 0, FALSE,
        NULL, NULL, 0, 0, NULL, FALSE, NULL, NULL, 0, 0, NULL, FALSE, FALSE, FALSE, 3, FALSE, FALSE FROM generate_series(1, {messages}) AS id;
    INSERT INTO messages SELECT 1, 1 + id % 100, id, 1, 1, NULL, 'text', 0, NULL, 0, 0, 0
        FROM generate_series(1, {messages}) AS id;
    INSERT INTO message_index SELECT CASE WHEN id % 10 = 0 THEN id % 97 ELSE 1 END, id, 1, 1 + id % 100,
        CASE WHEN id % 10 <> 0 THEN ARRAY[id % 50, 1000 + id % 70, 5000 + id] END FROM generate_series(1, {messages}) AS id;
    INSERT INTO unindexed_messages (seller_id, buyer_id, chat_id, message_id)
        SELECT 1, 1000 + id, 1 + id % 100, id FROM generate_series(1, {messages}) AS id;
    ANALYZE chats, messages, message_index, unindexed_messages"
    )
}

#[tokio::test]
async fn search_asks_indexes_whatever_the_planner_knows() {
    let cases: &[(&str, &[&str])] = &[
        (search::QUEUED, &["unindexed_messages_of_seller", "unindexed_messages_of_buyer"]),
        (search::WALK, &["message_index_pkey"]),
        (search::RARE, &["message_index_by_words"]),
        (search::WITHOUT_WORDS, &["message_index_without_words"]),
        (search::CANDIDATES, &["chats_pkey", "messages_pkey"]),
        (search::IN_CHAT, &["messages_pkey"]),
        (search_index::QUEUED, &["unindexed_messages_pkey"]),
        (search_index::WITHOUT_WORDS, &["message_index_without_words"]),
        (search_index::TEXTS_NOW, &["messages_pkey"]),
    ];
    for rows in [rows(MANY), rows(FEW), String::new()] {
        let planner = Planner::with_rows(&rows).await;
        for (sql, indexes) in cases {
            let plan = planner.explain(sql, None).await;
            let steps = steps(&plan);
            assert_eq!(indexes_of(&steps), *indexes, "{sql}: {plan:#?}");
            assert!(is_bounded(&plan) || may_read_all(sql), "{sql}: {plan:#?}");
        }
    }
}

/// An index of words answers with all that it knows of them before the first message is read, and the few messages
/// without words may be read before they are sorted.
fn may_read_all(sql: &str) -> bool {
    [search::RARE, search::WITHOUT_WORDS].contains(&sql)
}
