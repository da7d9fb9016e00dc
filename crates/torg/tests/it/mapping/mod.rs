//! One conversation through all faces: `docs/mapping.md`, row by row.

mod clients;
mod edits;
mod events;

use domain::catalog::Model;
use domain::id::ChatId;
use serde_json::{Value, json};
use testkit::{BUYER, PRODUCT, PlacedOrder, SELLER, Server};

use clients::Clients;

/// Everything a case may need: a server, a client for each face, and an order with posting and return.
struct Scene {
    server: Server,
    clients: Clients,
    order: PlacedOrder,
}

impl Scene {
    async fn new() -> Self {
        let server = Server::start().await;
        let clients = Clients::of(&server).await;
        let order = server.order(Model::Fbs).await;
        Self { server, clients, order }
    }

    /// Opens a chat through the native API and answers its id.
    async fn open_natively(&self, key: &str, body: Value) -> i64 {
        self.clients.native(key, "POST", "/chats", Some(body)).await["chat"]["id"].as_i64().unwrap()
    }
}

/// What a chat must look like on the wires.
struct Shown {
    /// Yandex Market's `context.type`.
    context_type: &'static str,
    /// Whether it is about the order, so that order number and ids are known.
    about_order: bool,
    /// The product that Partizap shows, where one is known.
    product: Option<i64>,
}

const ABOUT_PRODUCT: Shown =
    Shown { context_type: "DIRECT", about_order: false, product: Some(PRODUCT.get()) };
const ABOUT_ORDER: Shown =
    Shown { context_type: "ORDER", about_order: true, product: Some(PRODUCT.get()) };
const ABOUT_RETURN: Shown =
    Shown { context_type: "RETURN", about_order: true, product: Some(PRODUCT.get()) };
const ABOUT_NOTHING: Shown = Shown { context_type: "DIRECT", about_order: false, product: None };

#[tokio::test]
async fn a_buyer_asks_about_a_product_through_partizap() {
    let scene = Scene::new().await;
    let opened = scene
        .clients
        .partizap(
            BUYER,
            "POST",
            "/vendor/conversations",
            Some(json!({"product_id": PRODUCT.get(), "message": "Ещё в наличии?"})),
        )
        .await;
    converse(&scene, opened["data"]["id"].as_i64().unwrap(), &ABOUT_PRODUCT).await;
}

#[tokio::test]
async fn a_buyer_asks_about_a_product_through_the_native_api() {
    let scene = Scene::new().await;
    let body = json!({"context": {"type": "product", "id": PRODUCT.get()}});
    let chat = scene.open_natively(&scene.clients.buyer_key, body).await;
    converse(&scene, chat, &ABOUT_PRODUCT).await;

    let again = json!({"product_id": PRODUCT.get(), "message": "И ещё вопрос"});
    let again = scene.clients.partizap(BUYER, "POST", "/vendor/conversations", Some(again)).await;
    assert_eq!(again["data"]["id"], chat, "Partizap finds the same conversation");
}

#[tokio::test]
async fn a_seller_opens_the_chat_of_an_order_through_ozon() {
    let scene = Scene::new().await;
    let body = json!({"posting_number": scene.order.posting});
    let opened = scene.clients.ozon("/v1/chat/start", body).await;
    let uuid = opened["result"]["chat_id"].as_str().unwrap().to_owned();
    let body = json!({"context": {"type": "ORDER", "id": scene.order.id.get()}});
    let chat =
        scene.clients.yandex("POST", "/chats/new", Some(body)).await["result"]["chatId"].clone();
    let chat = chat.as_i64().unwrap();
    assert_eq!(scene.uuid_of(chat).await, uuid, "Yandex Market finds the same chat");
    converse(&scene, chat, &ABOUT_ORDER).await;
}

#[tokio::test]
async fn a_seller_opens_the_chat_of_an_order_through_yandex_market() {
    let scene = Scene::new().await;
    let body = json!({"context": {"type": "ORDER", "id": scene.order.id.get()}});
    let opened = scene.clients.yandex("POST", "/chats/new", Some(body)).await;
    let chat = opened["result"]["chatId"].as_i64().unwrap();
    let body = json!({"posting_number": scene.order.posting});
    let again = scene.clients.ozon("/v1/chat/start", body).await;
    assert_eq!(again["result"]["chat_id"], scene.uuid_of(chat).await, "Ozon finds the same chat");
    converse(&scene, chat, &ABOUT_ORDER).await;
}

#[tokio::test]
async fn either_side_opens_the_chat_of_an_order_through_the_native_api() {
    for side in ["buyer", "seller"] {
        let scene = Scene::new().await;
        let key =
            if side == "buyer" { &scene.clients.buyer_key } else { &scene.clients.seller_key };
        let body = json!({"context": {"type": "order", "id": scene.order.id.get()}});
        let chat = scene.open_natively(key, body).await;
        let body = json!({"posting_number": scene.order.posting});
        let again = scene.clients.ozon("/v1/chat/start", body).await;
        assert_eq!(again["result"]["chat_id"], scene.uuid_of(chat).await);
        converse(&scene, chat, &ABOUT_ORDER).await;
    }
}

#[tokio::test]
async fn a_seller_opens_the_chat_of_a_return_through_yandex_market() {
    let scene = Scene::new().await;
    let body = json!({"context": {"type": "RETURN", "id": scene.order.return_id.get()}});
    let opened = scene.clients.yandex("POST", "/chats/new", Some(body)).await;
    converse(&scene, opened["result"]["chatId"].as_i64().unwrap(), &ABOUT_RETURN).await;
}

#[tokio::test]
async fn either_side_opens_the_chat_of_a_return_through_the_native_api() {
    for side in ["buyer", "seller"] {
        let scene = Scene::new().await;
        let key =
            if side == "buyer" { &scene.clients.buyer_key } else { &scene.clients.seller_key };
        let body = json!({"context": {"type": "return", "id": scene.order.return_id.get()}});
        let chat = scene.open_natively(key, body).await;
        let body = json!({"context": {"type": "RETURN", "id": scene.order.return_id.get()}});
        let again = scene.clients.yandex("POST", "/chats/new", Some(body)).await;
        assert_eq!(again["result"]["chatId"], chat, "Yandex Market finds the same chat");
        converse(&scene, chat, &ABOUT_RETURN).await;
    }
}

#[tokio::test]
async fn a_buyer_opens_a_chat_about_nothing_through_the_native_api() {
    let scene = Scene::new().await;
    let body = json!({"context": {"type": "none"}, "seller_id": SELLER.get()});
    let chat = scene.open_natively(&scene.clients.buyer_key, body).await;
    converse(&scene, chat, &ABOUT_NOTHING).await;
}

#[tokio::test]
async fn no_wire_lets_the_seller_begin_where_only_the_buyer_may() {
    let scene = Scene::new().await;
    let fbo = scene.server.order(Model::Fbo).await;
    let (status, _) =
        scene.clients.try_ozon("/v1/chat/start", json!({"posting_number": fbo.posting})).await;
    assert_eq!(status, 403, "Ozon: FBO");
    let direct = json!({"context": {"type": "DIRECT", "id": PRODUCT.get()}});
    let (status, _) = scene.clients.try_yandex("POST", "/chats/new", Some(direct)).await;
    assert_eq!(status, 400, "Yandex Market: DIRECT");
    let own = json!({"product_id": PRODUCT.get(), "message": "Сам себе"});
    let (status, _) =
        scene.clients.try_partizap(SELLER, "POST", "/vendor/conversations", Some(own)).await;
    assert_eq!(status, 422, "Partizap: own product");
    let none = json!({"context": {"type": "none"}, "buyer_id": BUYER.get()});
    let (status, _) =
        scene.clients.try_native(&scene.clients.seller_key, "POST", "/chats", Some(none)).await;
    assert_eq!(status, 403, "native: no context");
    let log = scene.clients.native(&scene.clients.seller_key, "GET", "/events", None).await;
    assert_eq!(log["newest"], 0, "a refusal writes nothing");
}

/// The buyer asks through Partizap and the native API, the seller answers through all four faces, and each sees what
/// the others did.
async fn converse(scene: &Scene, chat: i64, shown: &Shown) {
    let clients = &scene.clients;
    let uuid = scene.uuid_of(chat).await;

    // The buyer asks through Partizap; every face of the seller shows the question.
    let path = format!("/vendor/conversations/{chat}/messages");
    let asked =
        clients.partizap(BUYER, "POST", &path, Some(json!({"text": "Вопрос покупателя"}))).await;
    let question = asked["data"]["id"].as_i64().unwrap();
    assert_eq!(asked["data"]["is_read"], false);

    let row = scene.ozon_row(&uuid).await;
    assert_eq!(row["last_message_id"], question);
    assert!(1 <= row["unread_count"].as_i64().unwrap(), "{row}");
    let newest = &scene.ozon_history(&uuid).await[0];
    assert_eq!(newest["data"], json!(["Вопрос покупателя"]));
    assert_eq!(newest["user"], json!({"id": BUYER.to_string(), "type": "Customer"}));
    assert_eq!(newest["is_read"], false);
    let expected = if shown.about_order { scene.order.number.as_str() } else { "" };
    assert_eq!(newest["context"]["order_number"], expected);

    let seen = clients.yandex("GET", &format!("/chat?chatId={chat}"), None).await["result"].clone();
    assert_eq!((&seen["status"], &seen["type"]), (&json!("WAITING_FOR_PARTNER"), &json!("CHAT")));
    assert_eq!(seen["context"]["type"], shown.context_type);
    assert_eq!(seen["context"]["customer"]["publicId"], BUYER.to_string());
    assert_eq!(seen["context"].get("orderId").is_some(), shown.about_order, "{seen}");
    assert_eq!(seen["context"].get("returnId").is_some(), shown.context_type == "RETURN");
    let body = json!({"contextTypes": [shown.context_type], "statuses": ["WAITING_FOR_PARTNER"]});
    let found = clients.yandex("POST", "/chats", Some(body)).await;
    assert_eq!(found["result"]["chats"][0]["chatId"], chat);
    let last = scene.yandex_history(chat).await.pop().unwrap();
    assert_eq!(
        (&last["sender"], &last["message"]),
        (&json!("CUSTOMER"), &json!("Вопрос покупателя"))
    );

    let card =
        clients.partizap(SELLER, "GET", &format!("/vendor/conversations/{chat}"), None).await;
    assert_eq!(card["data"]["last_message"]["id"], question);
    assert!(1 <= card["data"]["unread_count"].as_i64().unwrap());
    assert_eq!(card["data"]["product_id"], card["data"]["product"]["id"]);
    if let Some(product) = shown.product {
        assert_eq!(card["data"]["product_id"], product);
    }

    // The seller reads and answers through Ozon; the buyer sees both through Partizap.
    let read =
        clients.ozon("/v2/chat/read", json!({"chat_id": uuid, "from_message_id": question})).await;
    assert_eq!(read, json!({"unread_count": 0}));
    let sent = clients
        .ozon("/v1/chat/send/message", json!({"chat_id": uuid, "text": "Ответ с Ozon"}))
        .await;
    assert_eq!(sent, json!({"result": "success"}));
    let history = scene.partizap_history(BUYER, chat).await;
    assert_eq!(history[0]["text"], "Ответ с Ozon");
    assert_eq!(history[0]["sender_id"], SELLER.get());
    assert_eq!((&history[1]["id"], &history[1]["is_read"]), (&json!(question), &json!(true)));
    assert_eq!(scene.yandex_status(chat).await, "WAITING_FOR_CUSTOMER");
    let badge = clients.partizap(SELLER, "GET", "/vendor/conversations/unread-count", None).await;
    assert_eq!(badge, json!({"data": {"unread_count": 0}}));

    // The buyer reads through Partizap and asks again through the native API; the seller answers through Yandex Market.
    let read =
        clients.partizap(BUYER, "POST", &format!("/vendor/conversations/{chat}/read"), None).await;
    assert_eq!(read, json!({"data": {"unread_count": 0}}));
    assert_eq!(
        scene.ozon_history(&uuid).await[0]["is_read"],
        true,
        "Ozon shows that the buyer has read"
    );
    let path = format!("/chats/{chat}/messages");
    clients.native(&clients.buyer_key, "POST", &path, Some(json!({"text": "Ещё вопрос"}))).await;
    assert_eq!(scene.yandex_status(chat).await, "WAITING_FOR_PARTNER");
    let path = format!("/chats/message?chatId={chat}");
    let sent = clients.yandex("POST", &path, Some(json!({"message": "Ответ с Маркета"}))).await;
    assert_eq!(sent, json!({"status": "OK"}));

    // The seller marks it read through Partizap, and answers there and through the native API; Ozon agrees.
    assert_eq!(scene.ozon_row(&uuid).await["unread_count"], 1);
    clients.partizap(SELLER, "POST", &format!("/vendor/conversations/{chat}/read"), None).await;
    assert_eq!(scene.ozon_row(&uuid).await["unread_count"], 0);
    let path = format!("/vendor/conversations/{chat}/messages");
    clients.partizap(SELLER, "POST", &path, Some(json!({"text": "Ответ с Partizap"}))).await;
    let path = format!("/chats/{chat}/messages");
    clients
        .native(&clients.seller_key, "POST", &path, Some(json!({"text": "Ответ из Torg"})))
        .await;

    let texts =
        ["Ответ с Ozon", "Ещё вопрос", "Ответ с Маркета", "Ответ с Partizap", "Ответ из Torg"];
    let through_yandex: Vec<_> =
        scene.yandex_history(chat).await.iter().map(|message| message["message"].clone()).collect();
    assert!(through_yandex.ends_with(&texts.map(Value::from)), "{through_yandex:?}");
    let mut through_ozon: Vec<_> =
        scene.ozon_history(&uuid).await.iter().map(|message| message["data"][0].clone()).collect();
    through_ozon.reverse();
    assert_eq!(through_ozon, through_yandex);
    scene.both_logs_tell_the_same(chat).await;
}

impl Scene {
    async fn uuid_of(&self, chat: i64) -> String {
        self.server.chat(SELLER, ChatId::new(chat).unwrap()).await.public_id.to_string()
    }

    async fn ozon_row(&self, uuid: &str) -> Value {
        let listed = self.clients.ozon("/v3/chat/list", json!({"limit": 100})).await;
        let rows = listed["chats"].as_array().unwrap();
        rows.iter().find(|row| row["chat"]["chat_id"] == uuid).unwrap().clone()
    }

    /// Newest first.
    async fn ozon_history(&self, uuid: &str) -> Vec<Value> {
        let body = json!({"chat_id": uuid, "direction": "Backward"});
        self.clients.ozon("/v3/chat/history", body).await["messages"].as_array().unwrap().clone()
    }

    /// Oldest first.
    async fn yandex_history(&self, chat: i64) -> Vec<Value> {
        let path = format!("/chats/history?chatId={chat}");
        let page = self.clients.yandex("POST", &path, Some(json!({}))).await;
        page["result"]["messages"].as_array().unwrap().clone()
    }

    async fn yandex_status(&self, chat: i64) -> Value {
        self.clients.yandex("GET", &format!("/chat?chatId={chat}"), None).await["result"]["status"]
            .clone()
    }

    /// Newest first.
    async fn partizap_history(&self, account: domain::id::AccountId, chat: i64) -> Vec<Value> {
        let path = format!("/vendor/conversations/{chat}/messages");
        self.clients.partizap(account, "GET", &path, None).await["data"].as_array().unwrap().clone()
    }

    /// Whatever face a thing was done through, both sides' logs tell of it once, in the same order. What reached a side's
    /// clients is told to the other one only.
    async fn both_logs_tell_the_same(&self, chat: i64) {
        let mut stories = Vec::new();
        let sides = [(&self.clients.seller_key, "seller"), (&self.clients.buyer_key, "buyer")];
        for (key, side) in sides {
            let log = self.clients.native(key, "GET", "/events?limit=500", None).await;
            let events = log["events"].as_array().unwrap();
            for (index, event) in (1_i64..).zip(events) {
                assert_eq!(event["sequence"], index);
            }
            let of_chat = events.iter().filter(|event| event["chat_id"] == chat);
            let (delivered, told_to_both): (Vec<_>, Vec<_>) =
                of_chat.partition(|event| event["kind"] == "chat.delivered");
            assert!(delivered.iter().all(|event| event["side"] != side));
            let story: Vec<_> = told_to_both
                .into_iter()
                .map(|event| {
                    (event["kind"].clone(), event["message_id"].clone(), event["side"].clone())
                })
                .collect();
            assert_eq!(story.iter().filter(|(kind, ..)| kind == "chat.opened").count(), 1);
            stories.push(story);
        }
        assert_eq!(stories[0], stories[1]);
    }
}
