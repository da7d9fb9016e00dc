//! Setting, changing, switching and deleting addresses (Ozon contract §10).

use domain::SignedDuration;
use serde_json::{Value, json};
use testkit::{OTHER_SELLER, Receiver, Reply, Server};

use super::client::{Answer, Client, market, put_standing};
use super::receiver::{Pushed as _, addresses, as_expected, listening, pong, set, subscribe};

const NEW: &str = "TYPE_NEW_MESSAGE";
const READ: &str = "TYPE_MESSAGE_READ";
const NOT_FOUND: &str = "notification not found";

async fn update(client: &Client<'_>, body: Value) -> Answer {
    client.post("/v1/notification/update", &body).await
}

async fn enable(client: &Client<'_>, id: i64, enabled: bool) -> Answer {
    client.post("/v1/notification/enable", &json!({"id": id, "enabled": enabled})).await
}

#[tokio::test]
async fn an_address_is_pinged_and_then_set() {
    let server = market().await;
    let client = Client::new(&server).await;
    let receiver = listening().await;
    server.clock().advance(SignedDuration::from_millis(7));
    let url = format!("{}/ozon/push?shop=1", receiver.url());
    let types = [READ, NEW, READ, "TYPE_STOCKS_CHANGED"];
    assert_eq!(set(&client, &url, &types).await.succeeded(), &json!({}));

    let ping = receiver.next().await;
    assert_eq!((ping.method.as_str(), ping.path.as_str()), ("POST", "/ozon/push?shop=1"));
    assert_eq!(ping.header("content-type"), Some("application/json"));
    assert_eq!(
        ping.json(),
        json!({"message_type": "TYPE_PING", "time": "2026-11-21T10:00:00.007Z"})
    );
    let urls = addresses(&client).await;
    let id = urls[0]["id"].as_i64().unwrap();
    assert_eq!(
        urls,
        [json!({
            "id": id,
            "url": url,
            "enable": true,
            "types": [
                {"type": "TYPE_NEW_MESSAGE", "description": "New chat message"},
                {"type": "TYPE_MESSAGE_READ", "description": "Chat message read"},
                {"type": "TYPE_STOCKS_CHANGED", "description": "Stock changed"},
            ],
            "created_at": "2026-11-21T10:00:00.007Z",
            "availability_status": "GREEN",
        })]
    );
    receiver.is_left_alone().await;
}

/// Every outcome of a check (Ozon contract §9.2) that comes at once, with an answer that leads to it.
fn bad_answers() -> Vec<(&'static str, Reply)> {
    let with = |name: &str, value: Value| {
        let mut body = pong();
        body[name] = value;
        Reply::json(200, &body)
    };
    vec![
        ("REQUEST_ERROR", Reply::Break),
        ("SERVER_FAULT", Reply::json(500, &pong())),
        ("STATUS_CODE_NOT_OK", Reply::json(201, &pong())),
        ("STATUS_CODE_NOT_OK", Reply::json(404, &json!({"error": {"code": "ERROR_UNKNOWN"}}))),
        ("EMPTY_BODY", Reply::status(200)),
        ("INVALID_BODY", Reply::text(200, "text/html", &pong().to_string())),
        ("INVALID_JSON", Reply::text(200, "application/json", "pong")),
        ("WRONG_RESULT_FIELD", with("result", json!(true))),
        ("WRONG_RESULT_TIME_FIELD", with("time", json!("soon"))),
        // Where it points to would answer well.
        (
            "STATUS_CODE_NOT_OK",
            Reply::Answer {
                status: 302,
                headers: vec![("location", "/elsewhere".to_owned())],
                body: String::new(),
            },
        ),
    ]
}

async fn check_fails(client: &Client<'_>, url: &str, outcome: &str) {
    let answer = client.post("/v1/notification/check", &json!({"url": url})).await;
    let body = answer.succeeded();
    assert_eq!(body["is_active"], false, "{outcome}");
    let [error] = body["errors"].as_array().unwrap().as_slice() else { panic!("{body}") };
    assert_eq!(error["type"], outcome);
    assert!(error["description"].as_str().is_some_and(|text| text.len() > 10), "{error}");
    assert_eq!(error.as_object().unwrap().len(), 2);
}

#[tokio::test]
async fn a_receiver_that_fails_the_check_is_not_set_and_the_check_says_why() {
    let server = market().await;
    let client = Client::new(&server).await;
    let receiver = listening().await;
    for (outcome, reply) in bad_answers() {
        receiver.reply(reply);
        let refused = format!("url check failed: {outcome}");
        set(&client, receiver.url(), &[NEW]).await.failed(400, 9, &refused);
        receiver.is_pinged().await;
        check_fails(&client, receiver.url(), outcome).await;
        receiver.is_pinged().await;
    }
    receiver.reply(Reply::Hang);
    let (refused, ()) = tokio::join!(
        set(&client, receiver.url(), &[NEW]),
        check_fails(&client, receiver.url(), "REQUEST_TIMEOUT")
    );
    refused.failed(400, 9, "url check failed: REQUEST_TIMEOUT");
    assert_eq!(addresses(&client).await, [] as [Value; 0]);

    receiver.reply_by(as_expected);
    let check = client.post("/v1/notification/check", &json!({"url": receiver.url()})).await;
    assert_eq!(check.succeeded(), &json!({"is_active": true, "errors": []}));
    assert_eq!(addresses(&client).await, [] as [Value; 0], "a check sets nothing");
}

#[tokio::test]
async fn where_nobody_listens_there_is_no_connection() {
    let server = market().await;
    let client = Client::new(&server).await;
    let url = listening().await.url().to_owned();
    set(&client, &url, &[NEW]).await.failed(400, 9, "url check failed: REQUEST_ERROR");
    check_fails(&client, &url, "REQUEST_ERROR").await;
}

#[tokio::test]
async fn a_private_address_is_not_called_and_looks_like_one_where_nobody_listens() {
    let server = Server::start_with(|settings| {
        settings.ozon.requests_per_second = 0;
        settings.webhooks.allow_private_addresses = false;
    })
    .await;
    let client = Client::new(&server).await;
    let receiver = listening().await;
    let named = receiver.url().replace("127.0.0.1", "localhost");
    for url in [receiver.url(), &named, "http://169.254.169.254/latest/meta-data/"] {
        set(&client, url, &[NEW]).await.failed(400, 9, "url check failed: REQUEST_ERROR");
        check_fails(&client, url, "REQUEST_ERROR").await;
    }
    receiver.is_left_alone().await;
}

#[tokio::test]
async fn a_url_is_set_once_by_each_seller() {
    let server = market().await;
    let client = Client::new(&server).await;
    let receiver = listening().await;
    subscribe(&client, &receiver, &[NEW]).await;
    set(&client, receiver.url(), &[READ]).await.failed(409, 6, "url is already set");
    receiver.is_left_alone().await;
    let another = Client::of(&server, OTHER_SELLER).await;
    subscribe(&another, &receiver, &[NEW]).await;

    // Another address may be told of the same type.
    let second = listening().await;
    let id = subscribe(&client, &second, &[NEW]).await;
    let taken = json!({"id": id, "url": receiver.url()});
    update(&client, taken).await.failed(409, 6, "url is already set");
    receiver.is_left_alone().await;
}

#[tokio::test]
async fn of_sellers_programs_that_set_a_url_at_once_one_succeeds() {
    let server = market().await;
    let client = Client::new(&server).await;
    let receiver = listening().await;
    let setting = (0..4).map(|_| set(&client, receiver.url(), &[NEW]));
    let answers = futures_util::future::join_all(setting).await;
    let failed: Vec<_> = answers.iter().filter(|answer| answer.status != 200).collect();
    assert_eq!(failed.len(), 3);
    for answer in failed {
        answer.failed(409, 6, "url is already set");
    }
    assert_eq!(addresses(&client).await.len(), 1);
}

#[tokio::test]
async fn an_update_changes_what_it_names_once_the_receiver_has_answered() {
    let server = market().await;
    let client = Client::new(&server).await;
    let (first, second) = (listening().await, listening().await);
    let id = subscribe(&client, &first, &[NEW]).await;
    let stands = async |url: &str, types: &[&str]| {
        let row = &addresses(&client).await[0];
        assert_eq!((&row["id"], &row["url"]), (&json!(id), &json!(url)));
        let shown = row["types"].as_array().unwrap().iter().map(|told| &told["type"]);
        assert!(shown.eq(types), "{row}");
    };

    assert_eq!(update(&client, json!({"id": id})).await.succeeded(), &json!({}));
    stands(first.url(), &[NEW]).await;
    let nulls = json!({"id": id.to_string(), "url": null, "types": null});
    update(&client, nulls).await.succeeded();
    stands(first.url(), &[NEW]).await;
    update(&client, json!({"id": id, "url": "", "types": [READ]})).await.succeeded();
    stands(first.url(), &[READ]).await;
    first.is_left_alone().await;

    // The URL that it has is confirmed once more.
    update(&client, json!({"id": id, "url": first.url()})).await.succeeded();
    first.is_pinged().await;
    first.reply(Reply::status(503));
    let again = json!({"id": id, "url": first.url(), "types": [NEW]});
    update(&client, again).await.failed(400, 9, "url check failed: SERVER_FAULT");
    stands(first.url(), &[READ]).await;

    second.reply(Reply::status(200));
    let moved = json!({"id": id, "url": second.url(), "types": [NEW]});
    update(&client, moved.clone()).await.failed(400, 9, "url check failed: EMPTY_BODY");
    stands(first.url(), &[READ]).await;
    second.reply_by(as_expected);
    update(&client, moved).await.succeeded();
    stands(second.url(), &[NEW]).await;
}

#[tokio::test]
async fn enabling_asks_the_receiver_and_disabling_does_not() {
    let server = market().await;
    let client = Client::new(&server).await;
    let receiver = listening().await;
    let id = subscribe(&client, &receiver, &[NEW]).await;
    let is_enabled = async || addresses(&client).await[0]["enable"].as_bool().unwrap();
    for _ in 0..2 {
        assert_eq!(enable(&client, id, false).await.succeeded(), &json!({}));
        assert!(!is_enabled().await);
    }
    receiver.is_left_alone().await;

    receiver.reply(Reply::status(500));
    enable(&client, id, true).await.failed(400, 9, "url check failed: SERVER_FAULT");
    assert!(!is_enabled().await);
    receiver.is_pinged().await;
    receiver.reply_by(as_expected);
    for _ in 0..2 {
        assert_eq!(enable(&client, id, true).await.succeeded(), &json!({}));
        assert!(is_enabled().await);
        receiver.is_pinged().await;
    }
    receiver.reply(Reply::status(400));
    enable(&client, id, true).await.failed(400, 9, "url check failed: STATUS_CODE_NOT_OK");
    assert!(is_enabled().await, "a check alone switches nothing off");
}

#[tokio::test]
async fn what_was_deleted_is_gone() {
    let server = market().await;
    let client = Client::new(&server).await;
    let receiver = listening().await;
    let id = subscribe(&client, &receiver, &[NEW]).await;
    let delete = async || client.post("/v1/notification/delete", &json!({"id": id})).await;
    assert_eq!(delete().await.succeeded(), &json!({}));
    assert_eq!(addresses(&client).await, [] as [Value; 0]);
    delete().await.failed(404, 5, NOT_FOUND);
    subscribe(&client, &receiver, &[NEW]).await;
}

#[tokio::test]
async fn an_address_of_somebody_else_looks_exactly_like_none() {
    let server = market().await;
    let owner = Client::new(&server).await;
    let receiver = listening().await;
    let foreign = subscribe(&owner, &receiver, &[NEW]).await;
    let native = native_webhook(&server, &receiver).await;
    let before = addresses(&owner).await;
    let stranger = Client::of(&server, OTHER_SELLER).await;
    for (client, ids) in [
        (&stranger, vec![foreign, 999_999, i64::MAX]),
        // The seller's own, but not of this wire.
        (&owner, vec![native]),
    ] {
        for id in ids {
            for (path, body) in [
                ("/v1/notification/update", json!({"id": id, "url": receiver.url()})),
                ("/v1/notification/update", json!({"id": id, "types": [READ]})),
                ("/v1/notification/delete", json!({"id": id})),
                ("/v1/notification/enable", json!({"id": id, "enabled": true})),
                ("/v1/notification/enable", json!({"id": id, "enabled": false})),
            ] {
                client.post(path, &body).await.failed_in(404, 5, NOT_FOUND, path);
            }
        }
    }
    assert_eq!(addresses(&stranger).await, [] as [Value; 0]);
    assert_eq!(addresses(&owner).await, before);
    receiver.is_left_alone().await;
}

/// A webhook of the seller in the format of Torg's own API.
async fn native_webhook(server: &Server, receiver: &Receiver) -> i64 {
    let new = webhooks::NewWebhook {
        format: "native".to_owned(),
        url: format!("{}/native", receiver.url()),
        url_is_exact: false,
        name: String::new(),
        types: Vec::new(),
    };
    server.webhooks().create(testkit::SELLER, new).await.unwrap().id.get()
}

#[tokio::test]
async fn a_seller_has_no_more_addresses_than_the_server_allows() {
    let server = Server::start_with(|settings| {
        settings.ozon.requests_per_second = 0;
        settings.webhooks.webhooks_per_account = 1;
    })
    .await;
    let client = Client::new(&server).await;
    let receiver = listening().await;
    subscribe(&client, &receiver, &[NEW]).await;
    let second = format!("{}/2", receiver.url());
    set(&client, &second, &[NEW]).await.failed(400, 9, "no more than 1 urls can be set");
}

#[tokio::test]
async fn pushes_need_no_subscription_of_the_seller() {
    let server = market().await;
    put_standing(&server, testkit::SELLER, &json!({"subscription": "none"})).await;
    let client = Client::new(&server).await;
    subscribe(&client, &listening().await, &[NEW]).await;
}
