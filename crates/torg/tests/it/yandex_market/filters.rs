//! The filters of getChats (§7.2, rows 7, 19, 25 to 27).

use domain::catalog::Model;
use engine::access::Host;
use serde_json::{Value, json};
use testkit::BUYER;

use super::{Cabinet, chat_id};

/// The numbers of the chats that a filter finds.
async fn found(cabinet: &Cabinet, filter: Value) -> Vec<i64> {
    let result = cabinet.post("/chats?limit=20", filter).await.result();
    result["chats"]
        .as_array()
        .unwrap()
        .iter()
        .map(|chat| chat["chatId"].as_i64().unwrap())
        .collect()
}

#[tokio::test]
async fn values_are_alternatives_and_filters_all_apply() {
    let cabinet = Cabinet::open().await;
    let first = cabinet.server.order(Model::Fbs).await;
    let second = cabinet.server.order(Model::Dbs).await;
    let (order_1, order_2) = (first.id.get(), second.id.get());
    let return_1 = first.return_id.get();

    let new = cabinet.create("ORDER", order_1).await;
    let waits_for_us = cabinet.create("RETURN", return_1).await;
    cabinet.say(BUYER, waits_for_us, "Верните деньги").await;
    let dispute = cabinet.create("ORDER", order_2).await;
    cabinet.server.engine().start_dispute(Host::operator(), chat_id(dispute)).await.unwrap();
    let direct = cabinet.direct_chat("Торг?").await;
    let all = vec![new, waits_for_us, dispute, direct];

    let context = |kind: &str, id: i64| json!({"type": kind, "id": id});
    let cases = [
        // Row 19: the oldest first.
        (json!({}), all.clone()),
        (
            json!({"contexts": null, "contextTypes": null, "types": null, "statuses": null, "orderIds": null}),
            all.clone(),
        ),
        (json!({"contexts": [context("ORDER", order_1)]}), vec![new]),
        (
            json!({"contexts": [context("ORDER", order_2), context("RETURN", return_1)]}),
            vec![waits_for_us, dispute],
        ),
        // Row 27.
        (json!({"contexts": [context("ORDER", 1), context("RETURN", i64::MAX)]}), vec![]),
        (json!({"contexts": [context("ORDER", 1), context("ORDER", order_1)]}), vec![new]),
        (json!({"contextTypes": ["ORDER"]}), vec![new, dispute]),
        (json!({"contextTypes": ["RETURN", "DIRECT"]}), vec![waits_for_us, direct]),
        (json!({"types": ["CHAT"]}), vec![new, waits_for_us, direct]),
        (json!({"types": ["ARBITRAGE"]}), vec![dispute]),
        (json!({"types": ["ARBITRAGE", "CHAT"]}), all.clone()),
        (json!({"statuses": ["NEW"]}), vec![new]),
        (json!({"statuses": ["WAITING_FOR_PARTNER"]}), vec![waits_for_us, direct]),
        (json!({"statuses": ["WAITING_FOR_ARBITER", "NEW", "NEW"]}), vec![new, dispute]),
        (json!({"statuses": ["FINISHED", "WAITING_FOR_CUSTOMER", "WAITING_FOR_MARKET"]}), vec![]),
        // Row 26: the chat about the order, not the one about its return.
        (json!({"orderIds": [order_1]}), vec![new]),
        (json!({"orderIds": [order_2, order_1, order_1, 7, i64::MAX]}), vec![new, dispute]),
        (json!({"orderIds": [i64::MAX]}), vec![]),
        // Row 25: different arrays all apply.
        (json!({"contextTypes": ["ORDER"], "types": ["CHAT"]}), vec![new]),
        (json!({"statuses": ["WAITING_FOR_PARTNER"], "contextTypes": ["DIRECT"]}), vec![direct]),
        (json!({"contexts": [context("RETURN", return_1)], "contextTypes": ["ORDER"]}), vec![]),
        (json!({"contexts": [context("RETURN", return_1)], "orderIds": [order_1]}), vec![]),
        (
            json!({"contexts": [context("ORDER", order_1)], "orderIds": [order_1, order_2]}),
            vec![new],
        ),
        (
            json!({"orderIds": [order_1, order_2], "statuses": ["WAITING_FOR_ARBITER"]}),
            vec![dispute],
        ),
    ];
    for (filter, expected) in cases {
        assert_eq!(found(&cabinet, filter.clone()).await, expected, "{filter}");
    }
}

#[tokio::test]
async fn row_25_empty_unknown_and_null_elements_are_refused() {
    let cabinet = Cabinet::open().await;
    let mut cases = Vec::new();
    for name in ["contexts", "contextTypes", "types", "statuses", "orderIds"] {
        cases.push((
            json!({name: []}),
            format!("{name} size must be between 1 and 2147483647 (rejected size: 0)"),
        ));
        cases.push((
            json!({name: [null]}),
            format!("{name} elements must be not null (rejected value: [null])"),
        ));
        cases.push((json!({name: "NEW"}), format!("Illegal input at '{name}'")));
        cases.push((json!({name: {"a": 1}}), format!("Illegal input at '{name}'")));
        cases.push((json!({name: [true]}), format!("Illegal input at '{name}[0]'")));
    }
    let more = [
        (json!({"contextTypes": ["ORDER", "order"]}), "Illegal input at 'contextTypes[1]'"),
        (json!({"types": ["ARBITRATION"]}), "Illegal input at 'types[0]'"),
        (json!({"types": ["0"]}), "Illegal input at 'types[0]'"),
        (json!({"types": [{"CHAT": null}]}), "Illegal input at 'types[0]'"),
        (json!({"statuses": ["NEW", ""]}), "Illegal input at 'statuses[1]'"),
        (json!({"contexts": [{"type": "DIRECT", "id": 1}]}), "Illegal input at 'contexts[0].type'"),
        (
            json!({"contexts": [{"type": "ORDER"}]}),
            "contexts[0].id must not be null (rejected value: null)",
        ),
        (
            json!({"contexts": [{"type": "ORDER", "id": 0}]}),
            "contexts[0].id must be greater than or equal to 1 (rejected value: 0)",
        ),
        (
            json!({"orderIds": [1, 0]}),
            "orderIds[1] must be greater than or equal to 1 (rejected value: 0)",
        ),
        (json!({"orderIds": ["1"]}), "Illegal input at 'orderIds[0]'"),
        (json!({"orderIds": [1.5]}), "Illegal input at 'orderIds[0]'"),
    ];
    cases.extend(more.map(|(filter, message)| (filter, message.to_owned())));
    for (filter, message) in cases {
        cabinet.post("/chats", filter).await.is_error(400, "BAD_REQUEST", &message);
    }
}

#[tokio::test]
async fn a_filter_that_fills_the_largest_body_is_answered() {
    let cabinet = Cabinet::open().await;
    let order = cabinet.server.order(Model::Fbs).await;
    let chat = cabinet.create("ORDER", order.id.get()).await;
    let ids: Vec<i64> = (0..50_000).map(|index| order.id.get() + index).collect();
    assert_eq!(found(&cabinet, json!({"orderIds": ids})).await, [chat]);
}
