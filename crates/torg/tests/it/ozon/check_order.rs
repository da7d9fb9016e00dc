//! The order of the checks (Ozon contract §11.3): each request here is wrong twice, and the earlier fault is named.

use dialect_ozon::AUDIENCE;
use domain::catalog::Model;
use domain::commands::{Steering, Subject};
use engine::access::Host;
use serde_json::{Value, json};
use testkit::{OTHER_SELLER, SELLER, Server};
use torg::settings::SubscriptionGate;

use super::client::{Client, UNKNOWN_CHAT, ask, ask_as_buyer, market, put_standing};

const GATE: &str =
    "s.checkPremiumPlus failed: method is allowed starting from the premium plus subscription";
const REVOKED: &str = "Api-key is deactivated, use another one or generate a new one";
const RATE: &str = "You have reached request rate limit per second";

#[tokio::test]
async fn headers_then_client_id_then_key_then_its_state() {
    let server = market().await;
    let url = format!("{}/v3/chat/list", server.url());
    let missing_and_malformed = server.http().post(&url).header("Client-Id", "abc");
    ask(missing_and_malformed).await.failed(401, 16, "Client-Id and Api-Key headers are required");

    let malformed_and_wrong =
        server.http().post(&url).header("Client-Id", "abc").header("Api-Key", "x");
    let malformed = "Client-Id header value should be positive integer";
    ask(malformed_and_wrong).await.failed(400, 3, malformed);

    // A revoked key, of somebody else.
    let revoked =
        server.key_with(OTHER_SELLER, AUDIENCE, |key| key.revoked_at = Some(key.created_at)).await;
    let client = Client::with_key(&server, SELLER, revoked);
    let wrong = "Invalid Api-Key, please check the key and try again";
    client.post("/v3/chat/list", &json!({})).await.failed(404, 5, wrong);
}

#[tokio::test]
async fn a_key_s_state_and_role_and_the_offer_come_before_the_rate_and_the_rate_before_the_body() {
    let server = Server::start_with(|settings| settings.ozon.requests_per_second = 1).await;
    let client = Client::new(&server).await;
    client.post("/v3/chat/list", &json!({})).await.succeeded();

    client.post_raw("/v3/chat/list", "{").await.failed(429, 8, RATE);

    let revoked =
        server.key_with(SELLER, AUDIENCE, |key| key.revoked_at = Some(key.created_at)).await;
    let revoked = Client::with_key(&server, SELLER, revoked);
    revoked.post("/v3/chat/list", &json!({})).await.failed(403, 7, REVOKED);

    let writer = server.key_with(SELLER, AUDIENCE, |key| key.can_read = false).await;
    let writer = Client::with_key(&server, SELLER, writer);
    let role = "Api-Key is missing a required role for a method";
    writer.post("/v3/chat/list", &json!({})).await.failed(403, 7, role);

    put_standing(&server, SELLER, &json!({"offer_signed": false})).await;
    client.post("/v3/chat/list", &json!({})).await.failed(403, 7, "Offer not signed");
}

#[tokio::test]
async fn fields_come_before_the_gate_and_the_gate_before_the_object() {
    let server = market().await;
    put_standing(&server, SELLER, &json!({"subscription": "none"})).await;
    let client = Client::new(&server).await;
    let file = |chat: &str, content: &str| json!({"chat_id": chat, "base64_content": content, "name": "a.png"});
    let rows: [(&str, Value, u16, i32, &str); 8] = [
        // A fault of the body, and the gate.
        (
            "/v1/chat/start",
            json!({}),
            400,
            3,
            "Request validation error: invalid ChatStartRequest.PostingNumber: value length must be at least 1 runes",
        ),
        (
            "/v1/chat/send/message",
            json!({"chat_id": "0", "text": "x"}),
            400,
            3,
            "invalid chat guid",
        ),
        (
            "/v1/chat/send/message",
            json!({"chat_id": UNKNOWN_CHAT, "text": ""}),
            400,
            3,
            "Request validation error: invalid ChatSendMessageRequest.Text: value length must be between 1 and 1000 runes, inclusive",
        ),
        (
            "/v1/chat/send/file",
            file(UNKNOWN_CHAT, ""),
            400,
            3,
            "Request validation error: invalid ChatSendFileRequest.Base64Content: value must not be empty",
        ),
        ("/v2/chat/read", json!({"chat_id": UNKNOWN_CHAT}), 400, 3, "message_id is empty"),
        // The gate, and an object that is not there.
        ("/v1/chat/start", json!({"posting_number": "1-1-1"}), 403, 7, GATE),
        ("/v1/chat/send/message", json!({"chat_id": UNKNOWN_CHAT, "text": "x"}), 403, 7, GATE),
        ("/v1/chat/send/file", file(UNKNOWN_CHAT, "YQ=="), 403, 7, GATE),
    ];
    for (path, body, status, code, message) in rows {
        client.post(path, &body).await.failed_in(status, code, message, &format!("{path} {body}"));
    }
}

#[tokio::test]
async fn where_the_gate_depends_on_the_chat_the_chat_comes_first() {
    let server = Server::start_with(|settings| {
        settings.ozon.subscription_gate = SubscriptionGate::SendsAndHistory;
    })
    .await;
    put_standing(&server, SELLER, &json!({"subscription": "premium"})).await;
    let client = Client::new(&server).await;
    let order = server.order(Model::Fbs).await;
    let chat =
        ask_as_buyer(&server, Subject::Order(order.id), "Вопрос").await.public_id.to_string();
    for (path, unknown, known) in [
        (
            "/v2/chat/read",
            json!({"chat_id": UNKNOWN_CHAT, "from_message_id": 1}),
            json!({"chat_id": chat, "from_message_id": 1}),
        ),
        ("/v3/chat/history", json!({"chat_id": UNKNOWN_CHAT}), json!({"chat_id": chat})),
    ] {
        client.post(path, &unknown).await.failed_in(404, 5, "chat not found", path);
        client.post(path, &known).await.failed_in(403, 7, GATE, path);
    }
}

#[tokio::test]
async fn the_gate_and_the_object_come_before_the_window() {
    let server = market().await;
    let client = Client::new(&server).await;
    let order = server.order(Model::Fbo).await;
    let start = json!({"posting_number": order.posting});
    let closed = server.order(Model::Fbs).await;
    let chat = client.start(&closed.posting).await;
    let id = open_id(&server, &closed.posting).await;
    server.engine().steer_chat(Host::operator(), id, Steering::Close).await.unwrap();
    let send = json!({"chat_id": chat, "text": "x"});

    put_standing(&server, SELLER, &json!({"subscription": "none"})).await;
    client.post("/v1/chat/start", &start).await.failed(403, 7, GATE);
    client.post("/v1/chat/send/message", &send).await.failed(403, 7, GATE);

    put_standing(&server, SELLER, &json!({"subscription": "premium_plus"})).await;
    let not_permitted = "actions with this chat not permitted";
    client.post("/v1/chat/start", &start).await.failed(403, 7, not_permitted);
    client.post("/v1/chat/send/message", &send).await.failed(403, 7, not_permitted);
    let stranger = Client::of(&server, OTHER_SELLER).await;
    stranger.post("/v1/chat/start", &start).await.failed(404, 5, "posting not found");
    stranger.post("/v1/chat/send/message", &send).await.failed(404, 5, "chat not found");
}

/// The chat of a posting, which exists.
async fn open_id(server: &Server, posting: &str) -> domain::id::ChatId {
    super::client::open_as_buyer(server, Subject::Posting(posting.to_owned()), None).await.id
}
