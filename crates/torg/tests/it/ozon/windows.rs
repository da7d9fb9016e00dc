//! When a seller may start and write (Ozon contract §5.2, §11.2). Limits are inclusive, to the millisecond.

use domain::catalog::{Model, Posting};
use domain::commands::{Steering, Subject};
use domain::{SignedDuration, Timestamp};
use engine::access::{Caller, Host};
use engine::clock::Clock as _;
use serde_json::json;
use testkit::{BUYER, PRODUCT, PlacedOrder, Server};

use super::client::{Client, ask_as_buyer, market, open_as_buyer};

const EXPIRED: &str = "access period has expired";
const NOT_PERMITTED: &str = "actions with this chat not permitted";

const HOUR: i64 = 3_600_000;
const H48: i64 = 48 * HOUR;
const H72: i64 = 72 * HOUR;
const LONG: i64 = 1000 * HOUR;

/// How long ago, in milliseconds; negative: in the future; none: never.
type Ago = Option<i64>;

fn before(now: Timestamp, ago: Ago) -> Option<Timestamp> {
    ago.map(|ago_ms| now - SignedDuration::from_millis(ago_ms))
}

/// Gives the `index`th posting of `order` its times.
async fn put_posting(
    server: &Server,
    order: &PlacedOrder,
    index: usize,
    [paid, delivered, cancelled]: [Ago; 3],
) {
    let now = server.clock().now();
    server
        .posting(Posting {
            number: format!("{}-{index}", order.number),
            order: order.id,
            paid_at: before(now, paid),
            delivered_at: before(now, delivered),
            cancelled_at: before(now, cancelled),
        })
        .await;
}

#[tokio::test]
async fn a_chat_is_started_within_72_hours_after_payment_or_delivery() {
    let server = market().await;
    let client = Client::new(&server).await;
    let own_stock = [
        ("paid just now", [Some(0), None, None], None),
        ("paid 72 h ago", [Some(H72), None, None], None),
        ("paid 72 h and a millisecond ago", [Some(H72 + 1), None, None], Some(EXPIRED)),
        ("paid a millisecond from now", [Some(-1), None, None], Some(EXPIRED)),
        ("not paid", [None, None, None], Some(EXPIRED)),
        ("delivered just now", [Some(LONG), Some(0), None], None),
        ("delivered 72 h ago", [Some(LONG), Some(H72), None], None),
        ("delivered 72 h and a millisecond ago", [Some(LONG), Some(H72 + 1), None], Some(EXPIRED)),
        ("delivered a millisecond from now", [Some(LONG), Some(-1), None], Some(EXPIRED)),
        ("cancelled just now", [Some(HOUR), None, Some(0)], Some(EXPIRED)),
        ("cancelled a millisecond from now", [Some(HOUR), None, Some(-1)], None),
    ];
    let rows = [Model::Fbs, Model::Rfbs]
        .into_iter()
        .flat_map(|model| own_stock.map(|(case, times, refusal)| (model, case, times, refusal)))
        .chain([
            (Model::Fbo, "paid", [Some(HOUR), None, None], Some(NOT_PERMITTED)),
            (Model::Fbo, "delivered", [Some(LONG), Some(HOUR), None], Some(NOT_PERMITTED)),
        ]);
    for (model, case, times, refusal) in rows {
        let order = server.order(model).await;
        put_posting(&server, &order, 1, times).await;
        let answer = client.post("/v1/chat/start", &json!({"posting_number": order.posting})).await;
        let case = format!("{model:?}, {case}");
        match refusal {
            None => assert_eq!(answer.status, 200, "{case}"),
            Some(message) => answer.failed_in(403, 7, message, &case),
        }
    }
}

#[tokio::test]
async fn a_message_is_sent_until_72_hours_after_delivery_and_as_an_answer_within_48() {
    let server = market().await;
    let client = Client::new(&server).await;
    // The times of the posting, when the buyer wrote last, and whether the seller may write.
    let own_stock = [
        ("paid just now", [Some(0), None, None], None, true),
        ("paid long ago, on its way", [Some(LONG), None, None], None, true),
        ("paid a millisecond from now", [Some(-1), None, None], None, false),
        ("not paid", [None, None, None], None, false),
        ("delivered 72 h ago", [Some(LONG), Some(H72), None], None, true),
        ("delivered 72 h and a millisecond ago", [Some(LONG), Some(H72 + 1), None], None, false),
        ("long over, asked 48 h ago", [Some(LONG), Some(LONG), None], Some(H48), true),
        (
            "long over, asked 48 h and a millisecond ago",
            [Some(LONG), Some(LONG), None],
            Some(H48 + 1),
            false,
        ),
        ("not paid, asked an hour ago", [None, None, None], Some(HOUR), true),
        ("cancelled just now", [Some(HOUR), None, Some(0)], None, false),
        ("cancelled a millisecond from now", [Some(HOUR), None, Some(-1)], None, true),
        ("cancelled, asked an hour ago", [Some(HOUR), None, Some(HOUR)], Some(HOUR), true),
    ];
    let rows = [Model::Fbs, Model::Rfbs]
        .into_iter()
        .flat_map(|model| {
            own_stock.map(|(case, times, asked, may)| (model, case, times, asked, may))
        })
        .chain([
            (Model::Fbo, "paid", [Some(HOUR), None, None], None, false),
            (Model::Fbo, "asked 48 h ago", [Some(LONG), Some(LONG), None], Some(H48), true),
            (
                Model::Fbo,
                "asked 48 h and a millisecond ago",
                [Some(HOUR), None, None],
                Some(H48 + 1),
                false,
            ),
        ]);
    let now = server.clock().now();
    for (model, case, times, asked, may) in rows {
        let order = server.order(model).await;
        put_posting(&server, &order, 1, times).await;
        let chat = open_as_buyer(&server, Subject::Order(order.id), None).await;
        if let Some(at) = before(now, asked) {
            server.clock().set(at);
            server.say(BUYER, chat.id, "Вопрос").await;
            server.clock().set(now);
        }
        let chat = chat.public_id.to_string();
        let case = format!("{model:?}, {case}");
        for answer in
            [client.send(&chat, "Ответ").await, client.send_file(&chat, "a.txt", b"text").await]
        {
            if may {
                assert_eq!(answer.status, 200, "{case} {}", answer.body);
            } else {
                answer.failed_in(403, 7, EXPIRED, &case);
            }
        }
        let messages = usize::from(asked.is_some()) + if may { 2 } else { 0 };
        assert_eq!(client.history(&chat).await.len(), messages, "{case}");
    }
}

#[tokio::test]
async fn an_order_of_several_postings_has_the_union_of_their_windows() {
    let server = market().await;
    let client = Client::new(&server).await;
    let over = [Some(LONG), Some(LONG), None];
    for (case, second, may) in [
        ("both over", over, false),
        ("the second is on its way", [Some(HOUR), None, None], true),
        ("the second is cancelled", [Some(HOUR), None, Some(HOUR)], false),
    ] {
        let order = server.order(Model::Fbs).await;
        put_posting(&server, &order, 1, over).await;
        put_posting(&server, &order, 2, second).await;
        let start = client.post("/v1/chat/start", &json!({"posting_number": order.posting})).await;
        let chat = open_as_buyer(&server, Subject::Order(order.id), None).await;
        let send = client.send(&chat.public_id.to_string(), "x").await;
        for answer in [start, send] {
            if may {
                assert_eq!(answer.status, 200, "{case}");
            } else {
                answer.failed_in(403, 7, EXPIRED, case);
            }
        }
    }
}

#[tokio::test]
async fn the_seller_s_own_messages_move_no_window() {
    let server = market().await;
    let client = Client::new(&server).await;
    let order = server.order(Model::Fbo).await;
    let chat =
        ask_as_buyer(&server, Subject::Order(order.id), "Вопрос").await.public_id.to_string();
    server.clock().advance(SignedDuration::from_hours(47));
    client.send(&chat, "Ответ").await.succeeded();
    server.clock().advance(SignedDuration::from_hours(1));
    client.send(&chat, "Ещё").await.succeeded();
    server.clock().advance(SignedDuration::from_millis(1));
    client.send(&chat, "Поздно").await.failed(403, 7, EXPIRED);
}

#[tokio::test]
async fn where_there_is_no_order_the_seller_only_answers() {
    let server = market().await;
    let client = Client::new(&server).await;
    let chat =
        ask_as_buyer(&server, Subject::Product(PRODUCT, None), "Есть?").await.public_id.to_string();
    server.clock().advance(SignedDuration::from_millis(H48));
    client.send(&chat, "Есть").await.succeeded();
    server.clock().advance(SignedDuration::from_millis(1));
    client.send(&chat, "Ещё есть").await.failed(403, 7, EXPIRED);
}

#[tokio::test]
async fn both_lengths_are_the_operator_s() {
    let server = Server::start_with(|settings| {
        settings.ozon.reply_window_hours = 1;
        settings.ozon.start_window_hours = 2;
    })
    .await;
    let client = Client::new(&server).await;
    for (paid, status) in [(2 * HOUR, 200), (2 * HOUR + 1, 403)] {
        let order = server.order(Model::Fbs).await;
        put_posting(&server, &order, 1, [Some(paid), None, None]).await;
        let answer = client.post("/v1/chat/start", &json!({"posting_number": order.posting})).await;
        assert_eq!(answer.status, status);
    }
    for (delivered, status) in [(2 * HOUR, 200), (2 * HOUR + 1, 403)] {
        let order = server.order(Model::Fbs).await;
        put_posting(&server, &order, 1, [Some(LONG), Some(delivered), None]).await;
        let chat = open_as_buyer(&server, Subject::Order(order.id), None).await;
        assert_eq!(client.send(&chat.public_id.to_string(), "x").await.status, status);
    }
    let order = server.order(Model::Fbo).await;
    let chat =
        ask_as_buyer(&server, Subject::Order(order.id), "Вопрос").await.public_id.to_string();
    server.clock().advance(SignedDuration::from_millis(HOUR));
    client.send(&chat, "x").await.succeeded();
    server.clock().advance(SignedDuration::from_millis(1));
    client.send(&chat, "x").await.failed(403, 7, EXPIRED);
}

#[tokio::test]
async fn closed_settled_and_blocked_chats_say_so() {
    let server = market().await;
    let client = Client::new(&server).await;
    let order = server.order(Model::Fbs).await;
    let opened = ask_as_buyer(&server, Subject::Order(order.id), "Вопрос").await;
    let chat = opened.public_id.to_string();
    let engine = server.engine();
    let buyer = Caller::account_holder(BUYER);

    engine.set_block(&buyer, opened.id, true).await.unwrap();
    client.send(&chat, "x").await.failed(403, 7, "chat blocked by user");
    client.send_file(&chat, "a.txt", b"x").await.failed(403, 7, "chat blocked by user");
    engine.set_block(&buyer, opened.id, false).await.unwrap();
    client.send(&chat, "x").await.succeeded();

    engine.steer_chat(Host::operator(), opened.id, Steering::Close).await.unwrap();
    client.send(&chat, "x").await.failed(403, 7, NOT_PERMITTED);
    client.send_file(&chat, "a.txt", b"x").await.failed(403, 7, NOT_PERMITTED);
    engine.steer_chat(Host::operator(), opened.id, Steering::Reopen).await.unwrap();

    engine.start_dispute(Host::operator(), opened.id).await.unwrap();
    client.send(&chat, "Арбитру").await.succeeded();
    engine.end_dispute(Host::operator(), opened.id).await.unwrap();
    client.send(&chat, "x").await.failed(403, 7, NOT_PERMITTED);
    // It stays readable, but is closed for good.
    assert_eq!(client.texts(&chat).await, ["Вопрос", "x", "Арбитру"]);
    let start = client.post("/v1/chat/start", &json!({"posting_number": order.posting})).await;
    start.failed(403, 7, NOT_PERMITTED);
}
