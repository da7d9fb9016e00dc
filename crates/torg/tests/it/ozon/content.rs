//! How messages look (Ozon contract §6.1 to §6.3, §11.21).

use domain::SignedDuration;
use domain::catalog::{Fact, Model, Order, OrderItem};
use domain::chat::{Chat, Side};
use domain::commands::{Attached, Draft, MarketplaceRole, Subject};
use domain::id::{AccountId, OrderId};
use domain::text::Text;
use engine::access::{Caller, Host};
use engine::clock::Clock as _;
use serde_json::{Value, json};
use testkit::{BUYER, OTHER_PRODUCT, PRODUCT, SELLER};

use super::client::{Client, ask_as_buyer, market, open_as_buyer};

/// An attached picture of one pixel.
const PICTURE: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII=";

#[tokio::test]
async fn a_text_message_has_exactly_the_documented_fields() {
    let server = market().await;
    let client = Client::new(&server).await;
    let order = server.order(Model::Fbs).await;
    server.clock().advance(SignedDuration::from_millis(528));
    let opened = ask_as_buyer(&server, Subject::Order(order.id), "Первая строка\nвторая").await;
    let chat = opened.public_id.to_string();
    let id = server.chat(BUYER, opened.id).await.last_message.unwrap().id.get();
    let answer = client.post("/v3/chat/history", &json!({"chat_id": chat})).await;
    let expected = json!({
        "has_next": false,
        "messages": [{
            "message_id": id,
            "created_at": "2026-11-21T10:00:00.528000Z",
            "user": {"id": "42", "type": "Customer"},
            "data": ["Первая строка\nвторая"],
            "is_read": false,
            "is_image": false,
            "context": {"order_number": order.number, "sku": "sku-88"},
        }],
    });
    assert_eq!(answer.succeeded(), &expected);
}

#[tokio::test]
async fn authors_are_told_apart() {
    let server = market().await;
    let client = Client::new(&server).await;
    let order = server.order(Model::Fbs).await;
    let opened = ask_as_buyer(&server, Subject::Order(order.id), "buyer").await;
    let chat = opened.public_id.to_string();
    client.send(&chat, "seller").await.succeeded();
    let text = Text::new("x", &server.engine().policy().text).unwrap();
    for role in [MarketplaceRole::Support, MarketplaceRole::Arbiter, MarketplaceRole::Market] {
        let draft = Draft::text(text.clone());
        server
            .engine()
            .post_as_marketplace(Host::operator(), opened.id, role, draft, None)
            .await
            .unwrap();
    }
    let users: Vec<_> =
        client.history(&chat).await.iter().map(|message| message["user"].clone()).collect();
    let marketplace = AccountId::MARKETPLACE.to_string();
    let expected = [
        json!({"id": BUYER.to_string(), "type": "Customer"}),
        json!({"id": SELLER.to_string(), "type": "Seller"}),
        json!({"id": marketplace, "type": "Support"}),
        json!({"id": marketplace, "type": "Support"}),
        json!({"id": "o3_notification_user_sc", "type": "NotificationUser"}),
    ];
    assert_eq!(users, expected);
    // Latin, although the published examples begin with a Cyrillic letter (§6.2).
    assert!(users[0]["type"].as_str().unwrap().is_ascii());
    assert_eq!(client.list(&json!({})).await["chats"][0]["unread_count"], 4);
}

#[tokio::test]
async fn text_and_files_of_one_message_are_elements_of_their_own() {
    let server = market().await;
    let client = Client::new(&server).await;
    let order = server.order(Model::Fbs).await;
    let chat = open_as_buyer(&server, Subject::Order(order.id), None).await;
    let engine = server.engine();
    let picture = data_encoding::BASE64.decode(PICTURE.as_bytes()).unwrap();
    let mut draft = Draft::text(Text::new("Вот", &engine.policy().text).unwrap());
    let buyer = Caller::account_holder(BUYER);
    for (name, bytes) in [
        ("фото 1.png", picture),
        ("акт (копия).txt", vec![b'x'; 1025]),
        ("a](http:b)[c.txt", vec![b'x']),
    ] {
        let upload = engine.examine_file(Some(name), bytes.into()).await.unwrap();
        let stored = engine.attach_file(&buyer, upload).await.unwrap();
        draft.attachments.push(Attached::Stored(stored.id));
    }
    let message = engine.post_message(&buyer, chat.id, draft).await.unwrap().message;
    let ids: Vec<_> = message.attachments.iter().map(|attachment| attachment.id).collect();
    let shown = &client.history(&chat.public_id.to_string()).await[0];
    let base = format!("{}/v2/chat/file/messenger", server.url());
    let expected = json!([
        "Вот",
        format!("![]({base}/{}/%D1%84%D0%BE%D1%82%D0%BE%201.png)", ids[0]),
        format!(
            "[акт (копия).txt (2 KB)]({base}/{}/%D0%B0%D0%BA%D1%82%20%28%D0%BA%D0%BE%D0%BF%D0%B8%D1%8F%29.txt)",
            ids[1]
        ),
        format!("[a\\](http:b)\\[c.txt (1 KB)]({base}/{}/a%5D%28http%3Ab%29%5Bc.txt)", ids[2]),
    ]);
    assert_eq!(shown["data"], expected);
    assert_eq!(
        (&shown["is_image"], &shown["moderate_image_status"]),
        (&json!(true), &json!("SUCCESS"))
    );
}

/// The `context` of the chat's first message.
async fn context_of(client: &Client<'_>, chat: &Chat) -> Value {
    client.history(&chat.public_id.to_string()).await[0]["context"].clone()
}

#[tokio::test]
async fn the_context_is_filled_as_far_as_it_is_known() {
    let server = market().await;
    let client = Client::new(&server).await;
    let order = server.order(Model::Fbs).await;
    let number = order.number.as_str();
    let account = Subject::Account { other: SELLER, as_side: Side::Buyer };
    for (case, subject, expected) in [
        ("an order", Subject::Order(order.id), json!({"order_number": number, "sku": "sku-88"})),
        (
            "a return",
            Subject::Return(order.return_id),
            json!({"order_number": number, "sku": "sku-88"}),
        ),
        (
            "a product",
            Subject::Product(PRODUCT, None),
            json!({"order_number": "", "sku": "sku-88"}),
        ),
        ("nothing", account, json!({"order_number": "", "sku": ""})),
    ] {
        let chat = ask_as_buyer(&server, subject, "x").await;
        assert_eq!(context_of(&client, &chat).await, expected, "{case}");
    }
}

#[tokio::test]
async fn an_order_of_several_products_has_no_one_sku() {
    let server = market().await;
    let client = Client::new(&server).await;
    let unknown = domain::id::ProductId::new(12_345).unwrap();
    let item = |product| OrderItem { product, quantity: 2 };
    for (index, (items, sku)) in [
        (vec![item(PRODUCT)], "sku-88"),
        (vec![item(PRODUCT), item(OTHER_PRODUCT)], ""),
        (vec![], ""),
        (vec![item(unknown)], "12345"),
    ]
    .into_iter()
    .enumerate()
    {
        let id = OrderId::new(1000 + i64::try_from(index).unwrap()).unwrap();
        let created_at = server.clock().now();
        let order =
            Order { id, seller: SELLER, buyer: BUYER, shop: None, number: None, created_at, items };
        server.put(vec![Fact::Order(Box::new(order))]).await;
        let chat = ask_as_buyer(&server, Subject::Order(id), "x").await;
        let expected = json!({"order_number": "", "sku": sku});
        assert_eq!(context_of(&client, &chat).await, expected, "{sku}");
    }
}

#[tokio::test]
async fn times_have_six_digits_and_a_z() {
    let server = market().await;
    let client = Client::new(&server).await;
    for (advance_ms, expected) in
        [(0, "10:00:00.000000Z"), (7, "10:00:00.007000Z"), (60_000, "10:01:00.007000Z")]
    {
        server.clock().advance(SignedDuration::from_millis(advance_ms));
        let order = server.order(Model::Fbs).await;
        let chat = client.start(&order.posting).await;
        client.send(&chat, "x").await.succeeded();
        let message = &client.history(&chat).await[0];
        assert_eq!(message["created_at"], format!("2026-11-21T{expected}"));
    }
}
