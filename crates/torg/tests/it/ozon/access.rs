//! Credentials, roles, subscription (Ozon contract §2, §3.1, §5.1, §11.4, §11.17).

use dialect_ozon::AUDIENCE;
use domain::SignedDuration;
use domain::catalog::Model;
use domain::commands::Subject;
use engine::clock::Clock as _;
use reqwest::Method;
use reqwest::header::HeaderValue;
use serde_json::{Value, json};
use testkit::{BUYER, OTHER_SELLER, SELLER, Server, shop_of};
use torg::settings::SubscriptionGate;

use super::client::{Client, UNKNOWN_CHAT, ask, ask_as_buyer, log_length, market, put_standing};

const WRONG_KEY: &str = "Invalid Api-Key, please check the key and try again";
const DEACTIVATED: &str = "Api-key is deactivated, use another one or generate a new one";
const ROLE_MISSING: &str = "Api-Key is missing a required role for a method";
const GATE: &str =
    "s.checkPremiumPlus failed: method is allowed starting from the premium plus subscription";

/// Every method about chats, with a body that is as right as it can be.
fn methods(chat: &str) -> [(&'static str, Value); 6] {
    [
        ("/v3/chat/list", json!({})),
        ("/v3/chat/history", json!({"chat_id": chat})),
        ("/v1/chat/start", json!({"posting_number": "1-1-1"})),
        ("/v1/chat/send/message", json!({"chat_id": chat, "text": "x"})),
        ("/v1/chat/send/file", json!({"chat_id": chat, "base64_content": "YQ", "name": "a.txt"})),
        ("/v2/chat/read", json!({"chat_id": chat, "from_message_id": 1})),
    ]
}

/// The methods about pushes; nobody listens at this URL.
fn notification_methods() -> [(&'static str, Value); 7] {
    let (id, url) = (1, "http://127.0.0.1:9/");
    [
        ("/v1/notification/list", json!({})),
        ("/v1/notification/push-type/list", json!({})),
        ("/v1/notification/check", json!({"url": url})),
        ("/v1/notification/set", json!({"url": url, "types": ["TYPE_NEW_MESSAGE"]})),
        ("/v1/notification/update", json!({"id": id})),
        ("/v1/notification/delete", json!({"id": id})),
        ("/v1/notification/enable", json!({"id": id, "enabled": true})),
    ]
}

fn all_methods() -> impl Iterator<Item = (&'static str, Value)> {
    methods(UNKNOWN_CHAT).into_iter().chain(notification_methods())
}

#[tokio::test]
async fn both_headers_are_required() {
    let server = market().await;
    let client = Client::new(&server).await;
    let url = |path: &str| format!("{}{path}", server.url());
    for (path, body) in all_methods() {
        let bare = || server.http().post(url(path)).body(body.to_string());
        for request in [
            bare(),
            bare().header("Client-Id", &client.id),
            bare().header("Api-Key", &client.api_key),
            bare().header("Client-Id", "").header("Api-Key", &client.api_key),
            bare().header("Client-Id", &client.id).header("Api-Key", ""),
            bare().header("Authorization", "Bearer token"),
        ] {
            ask(request).await.failed_in(
                401,
                16,
                "Client-Id and Api-Key headers are required",
                path,
            );
        }
    }
    let file = server.http().get(url("/v2/chat/file/messenger/1/a.png"));
    ask(file).await.failed(401, 16, "Client-Id and Api-Key headers are required");
}

#[tokio::test]
async fn a_client_id_is_a_positive_decimal_number() {
    let server = market().await;
    let mut client = Client::new(&server).await;
    for malformed in ["abc", "0", "-5", "+5", "1.5", "0x10", "00", "1 2", "7a", "٧"] {
        client.id = malformed.to_owned();
        let answer = client.post("/v3/chat/list", &json!({})).await;
        answer.failed_in(400, 3, "Client-Id header value should be positive integer", malformed);
    }
    // Numbers that no account can have belong to nobody.
    for strange in ["9007199254740992", "9223372036854775808", &"9".repeat(200)] {
        client.id = strange.to_owned();
        client.post("/v3/chat/list", &json!({})).await.failed_in(404, 5, WRONG_KEY, strange);
    }
    client.id = format!("000{SELLER}");
    client.post("/v3/chat/list", &json!({})).await.succeeded();
}

#[tokio::test]
async fn a_wrong_pair_looks_exactly_like_a_wrong_key() {
    let server = market().await;
    let own = Client::new(&server).await.api_key;
    let another = Client::of(&server, OTHER_SELLER).await.api_key;
    let other_face = server.key(SELLER, "native").await;
    let host = server.host_key().await;
    let revoked =
        server.key_with(OTHER_SELLER, AUDIENCE, |key| key.revoked_at = Some(key.created_at)).await;
    for wrong in
        ["nonsense", &own.to_uppercase(), &another, &other_face, &host, &revoked, &"k".repeat(5000)]
    {
        let client = Client::with_key(&server, SELLER, wrong.to_owned());
        client.post("/v3/chat/list", &json!({})).await.failed_in(404, 5, WRONG_KEY, wrong);
    }
    let request = server.http().post(format!("{}/v3/chat/list", server.url()));
    let not_utf8 = HeaderValue::from_bytes(b"\xff\xfe").unwrap();
    let answer =
        ask(request.header("Client-Id", SELLER.to_string()).header("Api-Key", not_utf8)).await;
    answer.failed(404, 5, WRONG_KEY);
}

#[tokio::test]
async fn a_meaningless_authorization_beside_the_key_is_ignored() {
    let server = market().await;
    let client = Client::new(&server).await;
    let request = client
        .request(Method::POST, "/v3/chat/list")
        .header("Authorization", "Bearer junk")
        .header("X-Request-ID", "abc")
        .header("Idempotency-Key", "1")
        .header("User-Agent", "old client");
    ask(request.body("{}")).await.succeeded();
}

#[tokio::test]
async fn the_state_of_a_key_is_told() {
    let server = market().await;
    let list = async |key: String| {
        Client::with_key(&server, SELLER, key).post("/v3/chat/list", &json!({})).await
    };
    let revoked =
        server.key_with(SELLER, AUDIENCE, |key| key.revoked_at = Some(key.created_at)).await;
    list(revoked).await.failed(403, 7, DEACTIVATED);

    let month = SignedDuration::from_hours(24 * 30);
    let expiry = server.clock().now() + month;
    let expiring = server.key_with(SELLER, AUDIENCE, |key| key.expires_at = Some(expiry)).await;
    server.clock().advance(month - SignedDuration::from_millis(1));
    list(expiring.clone()).await.succeeded();
    server.clock().advance(SignedDuration::from_millis(1));
    list(expiring).await.failed(403, 7, DEACTIVATED);

    let elsewhere = server
        .key_with(SELLER, AUDIENCE, |key| {
            key.allowed_addresses = vec!["198.51.100.7".parse().unwrap()];
        })
        .await;
    list(elsewhere).await.failed(403, 7, "Api-Key is restricted to specific IP addresses");
    let here = server
        .key_with(SELLER, AUDIENCE, |key| {
            key.allowed_addresses = vec!["127.0.0.1".parse().unwrap()];
        })
        .await;
    list(here.clone()).await.succeeded();

    let mut account = server.engine().account(SELLER).await.unwrap();
    account.is_active = false;
    server.put(vec![domain::catalog::Fact::Account(Box::new(account), None)]).await;
    list(here).await.failed(403, 7, DEACTIVATED);
}

#[tokio::test]
async fn each_method_wants_its_role() {
    let server = market().await;
    let reader = server.key_with(SELLER, AUDIENCE, |key| key.can_write = false).await;
    let writer = server.key_with(SELLER, AUDIENCE, |key| key.can_read = false).await;
    let reader = Client::with_key(&server, SELLER, reader);
    let writer = Client::with_key(&server, SELLER, writer);
    for (path, body) in all_methods() {
        let reads = path.starts_with("/v3") || path.ends_with("/list") || path.ends_with("/check");
        let refused = if reads { &writer } else { &reader };
        refused.post(path, &body).await.failed_in(403, 7, ROLE_MISSING, path);
        let let_in = if reads { &reader } else { &writer };
        assert_ne!(let_in.post(path, &body).await.status, 403, "{path}");
    }
    let file = writer.request(Method::GET, "/v2/chat/file/messenger/1/a.png");
    ask(file).await.failed(403, 7, ROLE_MISSING);
}

#[tokio::test]
async fn a_key_that_is_bound_to_shops_has_no_role_here() {
    let server = market().await;
    let shops = Some(vec![shop_of(Model::Fbs)]);
    let bound = server.key_with(SELLER, AUDIENCE, |key| key.shops = shops).await;
    let client = Client::with_key(&server, SELLER, bound);
    for (path, body) in all_methods() {
        client.post(path, &body).await.failed_in(403, 7, ROLE_MISSING, path);
    }
}

#[tokio::test]
async fn without_the_offer_nothing_works() {
    let server = market().await;
    let client = Client::new(&server).await;
    put_standing(&server, SELLER, &json!({"offer_signed": false})).await;
    for (path, body) in all_methods() {
        client.post(path, &body).await.failed_in(403, 7, "Offer not signed", path);
    }
    put_standing(&server, SELLER, &json!({"offer_signed": true})).await;
    client.post("/v3/chat/list", &json!({})).await.succeeded();
}

/// Which of the six methods the gate lets through, in the order of [`methods`].
async fn let_through(server: &Server, standing: Value) -> [bool; 6] {
    let order = server.order(Model::Fbs).await;
    let chat = ask_as_buyer(server, Subject::Order(order.id), "Вопрос").await;
    put_standing(server, SELLER, &standing).await;
    let client = Client::new(server).await;
    let mut let_through = [false; 6];
    for (index, (path, mut body)) in methods(&chat.public_id.to_string()).into_iter().enumerate() {
        if path == "/v1/chat/start" {
            body = json!({"posting_number": order.posting});
        }
        let before = log_length(server, SELLER).await;
        let answer = client.post(path, &body).await;
        if answer.status == 200 {
            let_through[index] = true;
        } else {
            answer.failed_in(403, 7, GATE, path);
            assert_eq!(log_length(server, SELLER).await, before, "{path}");
        }
    }
    let_through
}

#[tokio::test]
async fn the_gate_opens_by_subscription() {
    // list, history, start, send/message, send/file, read
    const ALL: [bool; 6] = [true; 6];
    const LIST_AND_HISTORY: [bool; 6] = [true, true, false, false, false, false];
    const LIST: [bool; 6] = [true, false, false, false, false, false];
    let gates = [
        (SubscriptionGate::Off, ALL),
        (SubscriptionGate::Sends, LIST_AND_HISTORY),
        (SubscriptionGate::SendsAndHistory, LIST),
    ];
    for (gate, without) in gates {
        let server = Server::start_with(|settings| {
            settings.ozon.requests_per_second = 0;
            settings.ozon.subscription_gate = gate;
        })
        .await;
        for (standing, expected) in [
            (json!({"subscription": "premium_plus"}), ALL),
            (json!({"subscription": "premium_pro"}), ALL),
            (json!({"subscription": "premium"}), without),
            (json!({"subscription": "none"}), without),
            (json!({"subscription": "misspelt"}), without),
            (json!({"subscription": null}), ALL),
            (json!({}), ALL),
            (json!(null), ALL),
        ] {
            assert_eq!(
                let_through(&server, standing.clone()).await,
                expected,
                "{gate:?} {standing}"
            );
        }
    }
}

#[tokio::test]
async fn what_is_somebody_else_s_looks_exactly_like_what_is_not_there() {
    let server = market().await;
    let owner = Client::new(&server).await;
    let order = server.order(Model::Fbs).await;
    let chat = owner.start(&order.posting).await;
    owner.send_file(&chat, "photo.txt", b"text").await.succeeded();
    let link = owner.history(&chat).await[0]["data"][0].as_str().unwrap().to_owned();
    let path = &link[link.find("/v2/chat/file").unwrap()..link.len() - 1];

    // The buyer of the order has a seat in the chat, but Ozon's wire knows sellers only.
    for stranger in [OTHER_SELLER, BUYER] {
        let stranger = Client::of(&server, stranger).await;
        let before = log_length(&server, SELLER).await;
        for ((path, foreign), (_, absent)) in methods(&chat).into_iter().zip(methods(UNKNOWN_CHAT))
        {
            let (foreign, absent) = if path == "/v1/chat/start" {
                (json!({"posting_number": order.posting}), json!({"posting_number": "1-1-1"}))
            } else {
                (foreign, absent)
            };
            let (foreign, absent) =
                (stranger.post(path, &foreign).await, stranger.post(path, &absent).await);
            assert_eq!((foreign.status, &foreign.body), (absent.status, &absent.body), "{path}");
            match path {
                "/v3/chat/list" => assert_eq!(foreign.succeeded()["chats"], json!([])),
                "/v1/chat/start" => foreign.failed(404, 5, "posting not found"),
                _ => foreign.failed_in(404, 5, "chat not found", path),
            }
        }
        for path in [path, "/v2/chat/file/messenger/999999/photo.txt"] {
            ask(stranger.request(Method::GET, path)).await.failed_in(
                404,
                5,
                "chat not found",
                path,
            );
        }
        assert_eq!(log_length(&server, SELLER).await, before);
    }
    let file = owner.request(Method::GET, path).send().await.unwrap();
    assert_eq!(file.status(), 200);
}
