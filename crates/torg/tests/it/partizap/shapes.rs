//! Exactly the documented keys (Partizap contract §3), and chats that began elsewhere.

use domain::account::{Account, Attributes};
use domain::catalog::{Fact, Model, Product};
use domain::chat::Side;
use domain::commands::{Attached, Draft, MarketplaceRole, Steering, Subject};
use domain::id::{AccountId, ChatId, LARGEST_ID, OrderId, ProductId};
use domain::text::Text;
use engine::access::{Caller, Host};
use serde_json::{Value, json};
use testkit::{BUYER, PRODUCT, SELLER, Server};

use super::person::{Person, keys};

fn text(server: &Server, text: &str) -> Draft {
    Draft::text(Text::new(text, &server.engine().policy().text).unwrap())
}

async fn open(server: &Server, by: AccountId, subject: Subject) -> i64 {
    let draft = text(server, "Здравствуйте");
    let caller = Caller::account_holder(by);
    server.engine().open_chat(&caller, subject, Some(draft)).await.unwrap().chat.id.get()
}

#[tokio::test]
async fn a_conversation_has_exactly_the_documented_keys_and_values() {
    let server = Server::start().await;
    let seller = server.engine().account(SELLER).await.unwrap();
    let attributes = json!({
        "steering": "left", "city_id": 2, "region_id": 78, "district_id": 14, "metro_station_id": 203,
        "metro_distance_m": 650, "address_id": "c1b7a2d0", "images": [{
            "id": 501, "thumbnail_webp": "https://cdn.example.test/t.webp", "thumbnail_jpeg": null,
            "medium_webp": null, "medium_jpeg": null, "large_webp": null,
            "large_jpeg": "https://cdn.example.test/l.jpg", "status": "ready", "is_primary": true, "sort_order": 0,
        }],
    });
    server
        .put(vec![
            Fact::Account(
                Box::new(Account {
                    avatar_url: Some("https://cdn.example.test/5.webp".to_owned()),
                    rating: Some("4.85".to_owned()),
                    reviews_count: 127,
                    products_count: 342,
                    ..seller
                }),
                None,
            ),
            Fact::Product(Box::new(Product {
                id: PRODUCT,
                seller: SELLER,
                sku: None,
                title: "Генератор BMW E46 M54".to_owned(),
                price: 7500,
                published_at: Some("2026-02-01T07:00:00.999Z".parse().unwrap()),
                attributes: Attributes::from_json_object(attributes.to_string()),
            })),
        ])
        .await;
    let buyer = Person::sign_in(&server, BUYER).await;
    let begun = buyer.write_about(PRODUCT.get(), "Есть?").await;
    let conversation = &begun.body["data"];
    let user = |id: AccountId, name: &str| {
        json!({
            "id": id.get(), "display_name": name, "avatar_url": null, "city_id": 2, "rating": "0.00",
            "reviews_count": 0, "products_count": 0, "created_at": "2026-11-21T13:00:00+03:00",
        })
    };
    let mut seller = user(SELLER, "Невский Разбор");
    for (key, value) in [
        ("avatar_url", json!("https://cdn.example.test/5.webp")),
        ("rating", json!("4.85")),
        ("reviews_count", json!(127)),
        ("products_count", json!(342)),
    ] {
        seller[key] = value;
    }
    let mut product = attributes;
    for (key, value) in [
        ("id", json!(PRODUCT.get())),
        ("title", json!("Генератор BMW E46 M54")),
        ("price", json!(7500)),
        ("seller", seller.clone()),
        ("published_at", json!("2026-02-01T10:00:00+03:00")),
    ] {
        product[key] = value;
    }
    let id = &conversation["id"];
    let expected = json!({
        "id": id, "product_id": PRODUCT.get(), "product": product,
        "participants": [user(BUYER, "Анна К."), seller],
        "last_message": {
            "id": conversation["last_message"]["id"], "conversation_id": id, "sender_id": BUYER.get(), "text": "Есть?",
            "image_url": null, "is_read": false, "is_delivered": false, "created_at": "2026-11-21T13:00:00+03:00",
        },
        "unread_count": 0, "created_at": "2026-11-21T13:00:00+03:00", "updated_at": "2026-11-21T13:00:00+03:00",
    });
    assert_eq!(conversation, &expected);
    assert!(id.as_i64().is_some());
    // The same in the list, by id, and in the history.
    assert_eq!(buyer.conversations().await, std::slice::from_ref(&expected));
    let one = buyer.get(&format!("/vendor/conversations/{id}")).await;
    assert_eq!(one.body, json!({"data": expected}));
    let history = buyer.get(&format!("/vendor/conversations/{id}/messages")).await;
    assert_eq!(history.body["data"], json!([expected["last_message"]]));
    assert_eq!(keys(&history.body), ["data", "meta"]);
}

#[tokio::test]
async fn the_offset_of_times_can_be_chosen() {
    let server = Server::start_with(|settings| {
        settings.partizap.time_offset = "-05:30".to_owned().try_into().unwrap();
    })
    .await;
    let buyer = Person::sign_in(&server, BUYER).await;
    let me = buyer.get("/vendor/me").await;
    assert_eq!(me.body["data"]["created_at"], "2026-11-21T04:30:00-05:30");
}

#[tokio::test]
async fn older_pages_get_their_fields_when_asked_for() {
    let server = Server::start_with(|settings| settings.partizap.legacy_fields = true).await;
    let buyer = Person::sign_in(&server, BUYER).await;
    let seller = Person::sign_in(&server, SELLER).await;
    let begun = buyer.write_about(PRODUCT.get(), "Есть?").await;
    let conversation = &begun.body["data"];
    let id = conversation["id"].as_i64().unwrap();
    assert_eq!(conversation["companion"]["id"], SELLER.get());
    assert_eq!(conversation["companion"], conversation["participants"][1]);
    assert_eq!(conversation["last_message"]["type"], "text");
    assert_eq!(conversation["last_message"]["image_thumbnail"], Value::Null);
    let status = async || {
        let rows = buyer.get(&format!("/vendor/conversations/{id}/messages")).await;
        rows.body["data"].as_array().unwrap().last().unwrap()["status"].as_str().unwrap().to_owned()
    };
    assert_eq!(status().await, "sent");
    let listed = seller.get("/vendor/conversations").await;
    assert_eq!(listed.body["data"][0]["companion"]["id"], BUYER.get());
    assert_eq!(status().await, "delivered");
    seller.post_nothing(&format!("/vendor/conversations/{id}/read")).await;
    assert_eq!(status().await, "read");

    let image = seller.send_image(id, "a.png", "image/png", super::images::png()).await;
    assert_eq!(image.body["data"]["type"], "image");
    assert_eq!(image.body["data"]["image_thumbnail"], image.body["data"]["image_url"]);
    let chat = ChatId::new(id).unwrap();
    let line = text(&server, "Заказ передан в доставку");
    let market = MarketplaceRole::Market;
    server.engine().post_as_marketplace(Host::operator(), chat, market, line, None).await.unwrap();
    let history = buyer.get(&format!("/vendor/conversations/{id}/messages")).await;
    let newest = &history.body["data"][0];
    assert_eq!((&newest["type"], &newest["sender_id"]), (&json!("system"), &json!(LARGEST_ID)));
    assert_eq!(
        keys(newest),
        [
            "conversation_id",
            "created_at",
            "id",
            "image_thumbnail",
            "image_url",
            "is_delivered",
            "is_read",
            "sender_id",
            "status",
            "text",
            "type"
        ]
    );
}

#[tokio::test]
async fn files_of_other_doors_stand_below_the_text() {
    let server = Server::start().await;
    let buyer = Person::sign_in(&server, BUYER).await;
    let begun = buyer.write_about(PRODUCT.get(), "Есть?").await;
    let chat = ChatId::new(begun.body["data"]["id"].as_i64().unwrap()).unwrap();
    let engine = server.engine();
    let mut attachments = Vec::new();
    let holder = Caller::account_holder(SELLER);
    for (name, bytes) in [
        ("чек.txt", b"100 roubles".to_vec()),
        ("фото.png", super::images::png()),
        ("ещё.png", super::images::png()),
    ] {
        let upload = engine.examine_file(Some(name), bytes.into()).await.unwrap();
        let stored = engine.attach_file(&holder, upload).await.unwrap();
        attachments.push(Attached::Stored(stored.id));
    }
    let draft = Draft { attachments, ..text(&server, "Вот") };
    engine.post_message(&holder, chat, draft).await.unwrap();

    let history = buyer.get(&format!("/vendor/conversations/{chat}/messages?limit=1")).await;
    let message = &history.body["data"][0];
    let picture = message["image_url"].as_str().unwrap();
    let lines: Vec<_> = message["text"].as_str().unwrap().lines().collect();
    assert_eq!((lines.len(), lines[0]), (3, "Вот"));
    let receipt = lines[1].strip_prefix("чек.txt: ").unwrap();
    let second = lines[2].strip_prefix("ещё.png: ").unwrap();
    for (address, media_type) in
        [(picture, "image/png"), (receipt, "text/plain; charset=utf-8"), (second, "image/png")]
    {
        let file = server.http().get(address).send().await.unwrap();
        assert_eq!(
            (file.status().as_u16(), &file.headers()["content-type"]),
            (200, &media_type.parse().unwrap())
        );
    }
}

#[tokio::test]
async fn chats_about_orders_returns_and_nothing_are_shown_and_answered() {
    let server = Server::start().await;
    let buyer = Person::sign_in(&server, BUYER).await;
    let seller = Person::sign_in(&server, SELLER).await;
    let placed = server.order(Model::Fbs).await;
    let order = open(&server, SELLER, Subject::Order(placed.id)).await;
    let returned = open(&server, SELLER, Subject::Return(placed.return_id)).await;
    let nothing =
        open(&server, BUYER, Subject::Account { other: SELLER, as_side: Side::Buyer }).await;
    let cases = [
        (order, PRODUCT.get(), "Генератор BMW E46 M54".to_owned()),
        (returned, PRODUCT.get(), "Генератор BMW E46 M54".to_owned()),
        (nothing, nothing, "Разговор".to_owned()),
    ];
    for (id, product, title) in cases {
        let path = format!("/vendor/conversations/{id}");
        for person in [&buyer, &seller] {
            let seen = person.get(&path).await;
            let conversation = &seen.body["data"];
            assert_eq!(conversation["product_id"], product);
            assert_eq!(conversation["product"]["id"], product);
            assert_eq!(conversation["product"]["title"], title);
            assert_eq!(conversation["product"]["seller"]["id"], SELLER.get());
            assert_eq!(keys(&conversation["product"]).len(), 13);
            assert_eq!(conversation["participants"][0]["id"], BUYER.get());
            person.say(id, "Понял").await;
            assert_eq!(person.post_nothing(&format!("{path}/read")).await.status, 200);
        }
    }
    assert_eq!(buyer.conversations().await.len(), 3);
    assert_eq!(seller.unread_total().await, 0);
}

#[tokio::test]
async fn what_the_marketplace_has_not_told_has_a_stand_in() {
    let server = Server::start().await;
    let buyer = Person::sign_in(&server, BUYER).await;
    let (order, unknown) = (OrderId::new(555).unwrap(), ProductId::new(777).unwrap());
    let stranger = AccountId::new(31).unwrap();
    server
        .put(vec![Fact::Order(Box::new(domain::catalog::Order {
            id: order,
            seller: stranger,
            buyer: BUYER,
            shop: None,
            number: None,
            created_at: "2026-11-20T00:00:00Z".parse().unwrap(),
            items: vec![domain::catalog::OrderItem { product: unknown, quantity: 1 }],
        }))])
        .await;
    let id = open(&server, BUYER, Subject::Order(order)).await;
    let seen = buyer.get(&format!("/vendor/conversations/{id}")).await;
    let product = &seen.body["data"]["product"];
    assert_eq!((&product["id"], &product["title"]), (&json!(777), &json!("Заказ 555")));
    assert_eq!((&product["price"], &product["published_at"]), (&json!(0), &Value::Null));
    assert_eq!(product["images"], json!([]));
    let seller = &product["seller"];
    assert_eq!((&seller["id"], &seller["rating"]), (&json!(31), &json!("0.00")));
    assert!(!seller["display_name"].as_str().unwrap().is_empty());
}

#[tokio::test]
async fn what_the_rules_refuse_is_a_403_that_says_why() {
    let server = Server::start().await;
    let buyer = Person::sign_in(&server, BUYER).await;
    let seller = Person::sign_in(&server, SELLER).await;
    let begun = buyer.write_about(PRODUCT.get(), "Есть?").await;
    let id = begun.body["data"]["id"].as_i64().unwrap();
    let chat = ChatId::new(id).unwrap();
    let path = format!("/vendor/conversations/{id}/messages");
    let refused = async |person: &Person, case: &str, words: &str| {
        let text = person.post(&path, json!({"text": "Да"})).await;
        text.assert_error(403, "authorization_error", case);
        assert_eq!(text.body["error"]["message"], words);
        let image = person.send_image(id, "a.png", "image/png", super::images::png()).await;
        assert_eq!((image.status, &image.body), (403, &text.body), "{case}");
    };
    let engine = server.engine();
    engine.steer_chat(Host::operator(), chat, Steering::Close).await.unwrap();
    refused(&seller, "closed", "This conversation is closed").await;
    // The buyer's message opens it again.
    buyer.say(id, "Ещё вопрос").await;
    seller.say(id, "Слушаю").await;

    engine.set_block(&Caller::account_holder(BUYER), chat, true).await.unwrap();
    refused(&seller, "blocked", "The buyer has blocked you in this conversation").await;

    let placed = server.order(Model::Fbs).await;
    let disputed = engine.start_order_dispute(Host::operator(), placed.id).await.unwrap().chat.id;
    engine.end_dispute(Host::operator(), disputed).await.unwrap();
    let settled = format!("/vendor/conversations/{disputed}/messages");
    let answer = buyer.post(&settled, json!({"text": "Но"})).await;
    answer.assert_error(403, "authorization_error", "settled");
}
