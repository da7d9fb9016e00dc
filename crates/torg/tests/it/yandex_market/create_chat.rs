//! createChat (§7.1, rows 1 to 6, 9, 12).

use domain::SignedDuration;
use domain::catalog::{Fact, Model, Order};
use serde_json::json;
use testkit::{BUYER, OTHER_SELLER};

use super::{Cabinet, Reply};

#[tokio::test]
async fn row_1_a_context_that_has_a_chat_gives_its_id_and_changes_nothing() {
    let cabinet = Cabinet::open().await;
    let order = cabinet.server.order(Model::Fbs).await;
    let body = json!({"context": {"type": "ORDER", "id": order.id.get()}});
    let first = cabinet.post("/chats/new", body.clone()).await;
    let chat = first.result()["chatId"].as_i64().unwrap();
    assert_eq!(first.json(), json!({"status": "OK", "result": {"chatId": chat}}));
    assert_eq!(cabinet.info(chat).await["status"], "NEW");
    cabinet.say(BUYER, chat, "Где заказ?").await;
    let before = cabinet.info(chat).await;

    cabinet.server.clock().advance(SignedDuration::from_hours(5));
    assert_eq!(cabinet.post("/chats/new", body).await.result(), json!({"chatId": chat}));
    let old_form = json!({"orderId": order.id.get()});
    assert_eq!(cabinet.post("/chats/new", old_form).await.result(), json!({"chatId": chat}));
    assert_eq!(cabinet.info(chat).await, before);
    let return_chat = cabinet.create("RETURN", order.return_id.get()).await;
    assert_ne!(return_chat, chat);
}

#[tokio::test]
async fn row_1_parallel_calls_get_one_chat() {
    let cabinet = Cabinet::open_with(|settings| settings.yandex_market.parallel_requests = 0).await;
    let order = cabinet.server.order(Model::Fbs).await;
    let body = json!({"context": {"type": "ORDER", "id": order.id.get()}});
    let post = || cabinet.post("/chats/new", body.clone());
    let (a, b, c, d) = tokio::join!(post(), post(), post(), post());
    let ids: Vec<_> =
        [a, b, c, d].iter().map(|reply: &Reply| reply.result()["chatId"].clone()).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
}

#[tokio::test]
async fn rows_3_and_4_the_model_of_the_shop_decides() {
    let cabinet = Cabinet::open().await;
    let refused =
        |models: &str| format!("Campaign type is not allowed. Allowed campaign types: {models}");
    for (model, order_allowed, return_allowed) in [
        (Model::Fbo, true, true),
        (Model::Fbs, true, true),
        (Model::Express, true, true),
        (Model::Dbs, true, false),
        (Model::Rfbs, true, false),
        (Model::Laas, false, false),
    ] {
        let order = cabinet.server.order(model).await;
        for (kind, id, allowed, models) in [
            ("ORDER", order.id.get(), order_allowed, "FBY, FBS, EXPRESS, DBS"),
            ("RETURN", order.return_id.get(), return_allowed, "FBY, FBS, EXPRESS"),
        ] {
            let body = json!({"context": {"type": kind, "id": id}});
            let reply = cabinet.post("/chats/new", body).await;
            if allowed {
                assert_eq!(reply.status, 200, "{model:?} {kind}: {}", reply.text);
            } else {
                reply.is_error(400, "BAD_REQUEST", &refused(models));
            }
        }
    }
}

#[tokio::test]
async fn row_5_a_foreign_order_looks_like_an_absent_one() {
    let cabinet = Cabinet::open().await;
    let mine = cabinet.server.order(Model::Fbs).await;
    let foreign = Order {
        id: domain::id::OrderId::new(500).unwrap(),
        seller: OTHER_SELLER,
        buyer: BUYER,
        shop: None,
        number: None,
        created_at: testkit::START.parse().unwrap(),
        items: Vec::new(),
    };
    let foreign_return = domain::catalog::Return {
        id: domain::id::ReturnId::new(500).unwrap(),
        order: foreign.id,
        created_at: foreign.created_at,
    };
    cabinet.server.put(vec![Fact::Order(Box::new(foreign)), Fact::Return(foreign_return)]).await;
    for id in [500, 501, 9_007_199_254_740_992, i64::MAX] {
        for (body, message) in [
            (json!({"context": {"type": "ORDER", "id": id}}), format!("Order not found: {id}")),
            (json!({"orderId": id}), format!("Order not found: {id}")),
            (json!({"context": {"type": "RETURN", "id": id}}), format!("Return not found: {id}")),
        ] {
            cabinet.post("/chats/new", body).await.is_error(404, "NOT_FOUND", &message);
        }
    }
    // A return's number is no order's number.
    let id = mine.return_id;
    let body = json!({"context": {"type": "ORDER", "id": id.get()}});
    cabinet.post("/chats/new", body).await.is_error(
        404,
        "NOT_FOUND",
        &format!("Order not found: {id}"),
    );
}

#[tokio::test]
async fn row_6_the_context_decides_over_the_old_form() {
    let cabinet = Cabinet::open().await;
    let (old, new) =
        (cabinet.server.order(Model::Fbs).await, cabinet.server.order(Model::Fbs).await);
    let context = json!({"type": "ORDER", "id": new.id.get()});
    for ignored in [json!(old.id.get()), json!("text"), json!(-1), json!(null)] {
        let reply =
            cabinet.post("/chats/new", json!({"context": context, "orderId": ignored})).await;
        let chat = reply.result()["chatId"].as_i64().unwrap();
        assert_eq!(cabinet.info(chat).await["orderId"], new.id.get());
    }
    let reply = cabinet.post("/chats/new", json!({"context": null, "orderId": old.id.get()})).await;
    let chat = reply.result()["chatId"].as_i64().unwrap();
    assert_eq!(cabinet.info(chat).await["orderId"], old.id.get());
}

#[tokio::test]
async fn row_12_a_finished_chat_is_found_and_stays_finished() {
    let cabinet = Cabinet::open().await;
    let order = cabinet.server.order(Model::Fbs).await;
    let chat = cabinet.create("ORDER", order.id.get()).await;
    cabinet.close(chat).await;
    assert_eq!(cabinet.create("ORDER", order.id.get()).await, chat);
    assert_eq!(cabinet.info(chat).await["status"], "FINISHED");
}

#[tokio::test]
async fn bodies_that_name_no_context_are_refused() {
    let cabinet = Cabinet::open().await;
    for (body, message) in [
        // Row 2: only the buyer's side begins these.
        (json!({"context": {"type": "DIRECT", "id": 1}}), "Illegal input at 'context.type'"),
        (json!({"context": {"type": "order", "id": 1}}), "Illegal input at 'context.type'"),
        (json!({"context": {"type": 1, "id": 1}}), "Illegal input at 'context.type'"),
        (json!({"context": {"id": 1}}), "context.type must not be null (rejected value: null)"),
        (
            json!({"context": {"type": "ORDER"}}),
            "context.id must not be null (rejected value: null)",
        ),
        (
            json!({"context": {"type": "ORDER", "id": null}}),
            "context.id must not be null (rejected value: null)",
        ),
        (
            json!({"context": {"type": "ORDER", "id": 0}}),
            "context.id must be greater than or equal to 1 (rejected value: 0)",
        ),
        (
            json!({"context": {"type": "RETURN", "id": -1}}),
            "context.id must be greater than or equal to 1 (rejected value: -1)",
        ),
        (json!({"context": {"type": "ORDER", "id": "1"}}), "Illegal input at 'context.id'"),
        (json!({"context": {"type": "ORDER", "id": 1.5}}), "Illegal input at 'context.id'"),
        (json!({"context": {"type": "ORDER", "id": u64::MAX}}), "Illegal input at 'context.id'"),
        (json!({"context": "ORDER"}), "Illegal input at 'context'"),
        (json!({"context": []}), "Illegal input at 'context'"),
        (json!({}), "context must not be null (rejected value: null)"),
        (
            json!({"context": null, "orderId": null}),
            "context must not be null (rejected value: null)",
        ),
        (json!({"orderId": 0}), "orderId must be greater than or equal to 1 (rejected value: 0)"),
        (json!({"orderId": "5"}), "Illegal input at 'orderId'"),
    ] {
        let reply = cabinet.post("/chats/new", body).await;
        reply.is_error(400, "BAD_REQUEST", message);
    }
    assert_eq!(cabinet.post("/chats", json!({})).await.result()["chats"], json!([]));
}
