//! Credentials, scopes, cabinets (§2, rows 7 and 8).

use dialect_yandex_market::{AUDIENCE, OAUTH_AUDIENCE};
use domain::SignedDuration;
use domain::catalog::{Fact, Model};
use engine::clock::Clock as _;
use serde_json::json;
use testkit::{OTHER_SELLER, SELLER, shop_of};

use super::{Cabinet, Reply, send};

const MISSING: &str = "Token does not have any of the scopes to access the API method: ";
const WELL_FORMED: &str = "ACMA:Zp3mQ0kW9sLx2RtYbVn6HcUe1GdAf7JiKoPq5TzE:9c04e1ab";

/// getChats with these headers.
async fn ask(cabinet: &Cabinet, headers: &[(&str, &str)]) -> Reply {
    let path = format!("/v2/businesses/{SELLER}/chats");
    let request = cabinet.bare("POST", &path).body("{}");
    send(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))).await
}

#[tokio::test]
async fn every_bad_credential_is_named() {
    let cabinet = Cabinet::open().await;
    let server = &cabinet.server;
    let now = server.clock().now();
    let revoked = server.key_with(SELLER, AUDIENCE, |key| key.revoked_at = Some(now)).await;
    let expired = server.key_with(SELLER, AUDIENCE, |key| key.expires_at = Some(now)).await;
    let ozon = server.key(SELLER, "ozon").await;
    let oauth = server.key(SELLER, OAUTH_AUDIENCE).await;
    let expired_oauth =
        server.key_with(SELLER, OAUTH_AUDIENCE, |key| key.expires_at = Some(now)).await;
    let bearer = |token: &str| format!("Bearer {token}");

    let unauthorized = |header: &'static str, value: String, message: &'static str| {
        (header, value, 401, "UNAUTHORIZED", message)
    };
    let cases = [
        unauthorized("Accept", String::new(), "Credentials are not specified"),
        unauthorized("Api-Key", String::new(), "Api-Key token is not specified"),
        unauthorized("Api-Key", format!("Bearer {WELL_FORMED}"), "Api-Key token prefix invalid"),
        unauthorized("Api-Key", ozon, "Api-Key token prefix invalid"),
        unauthorized("Api-Key", WELL_FORMED[..53].to_owned(), "Api-Key token length invalid"),
        unauthorized("Api-Key", format!("{WELL_FORMED}0"), "Api-Key token length invalid"),
        unauthorized("Api-Key", WELL_FORMED.replace("TzE", "T-E"), "Api-Key token format invalid"),
        unauthorized("Api-Key", WELL_FORMED.to_owned(), "Api-Key token is invalid"),
        unauthorized("Api-Key", revoked, "Api-Key token is revoked"),
        unauthorized("Api-Key", expired, "Api-Key token is revoked"),
        unauthorized("Authorization", String::new(), "Authorization header has invalid syntax"),
        unauthorized(
            "Authorization",
            "Bearer a b".into(),
            "Authorization header has invalid syntax",
        ),
        unauthorized("Authorization", "Basic YQ==".into(), "OAuth credentials are not specified"),
        unauthorized("Authorization", "Bearer".into(), "OAuth token is not specified"),
        unauthorized("Authorization", "Bearer  ".into(), "OAuth token is not specified"),
        ("Authorization", bearer("nobody"), 403, "FORBIDDEN", "OAuth token is invalid"),
        ("Authorization", bearer(&expired_oauth), 403, "FORBIDDEN", "OAuth token is invalid"),
        ("Authorization", bearer(&cabinet.key), 403, "FORBIDDEN", "OAuth token is invalid"),
    ];
    for (header, value, status, code, message) in cases {
        let reply = ask(&cabinet, &[(header, &value)]).await;
        eprintln!("{header}: {value}");
        reply.is_error(status, code, message);
        assert_eq!(reply.remaining(), None, "no cabinet, no counter (§4.4)");
    }
    assert_eq!(ask(&cabinet, &[("Authorization", &bearer(&oauth))]).await.status, 200);
    assert_eq!(ask(&cabinet, &[("authorization", &format!("bearer {oauth}"))]).await.status, 200);
    assert_eq!(ask(&cabinet, &[("api-key", &cabinet.key)]).await.status, 200);
}

#[tokio::test]
async fn of_two_credentials_the_api_key_alone_decides() {
    let cabinet = Cabinet::open().await;
    let oauth = format!("Bearer {}", cabinet.server.key(SELLER, OAUTH_AUDIENCE).await);
    let good = ask(&cabinet, &[("Api-Key", &cabinet.key), ("Authorization", "Bearer x")]).await;
    assert_eq!(good.status, 200);
    let bad = ask(&cabinet, &[("Api-Key", WELL_FORMED), ("Authorization", &oauth)]).await;
    bad.is_error(401, "UNAUTHORIZED", "Api-Key token is invalid");
}

#[tokio::test]
async fn a_key_does_only_what_its_scopes_allow() {
    let cabinet = Cabinet::open().await;
    let chat = cabinet.order_chat(Model::Fbs).await;
    let message = cabinet.say(SELLER, chat, "Да").await;
    let server = &cabinet.server;
    let reads = [
        ("POST", "/chats".to_owned()),
        ("GET", format!("/chat?chatId={chat}")),
        ("POST", format!("/chats/history?chatId={chat}")),
        ("GET", format!("/chats/message?chatId={chat}&messageId={message}")),
    ];
    let writes = [
        ("POST", "/chats/new".to_owned()),
        ("POST", format!("/chats/message?chatId={chat}")),
        ("POST", format!("/chats/file/send?chatId={chat}")),
    ];
    let to_read = format!("{MISSING}all-methods, all-methods:read-only, communication");
    let to_write = format!("{MISSING}all-methods, communication");

    // Credential, may read, may write, the words for what is missing.
    for (audience, can_read, can_write) in [
        (AUDIENCE, true, true),
        (AUDIENCE, true, false),
        (AUDIENCE, false, true),
        (AUDIENCE, false, false),
        (OAUTH_AUDIENCE, true, false),
    ] {
        let key = server
            .key_with(SELLER, audience, |key| {
                (key.can_read, key.can_write) = (can_read, can_write);
            })
            .await;
        let credential = if audience == AUDIENCE {
            ("Api-Key", key)
        } else {
            ("Authorization", format!("Bearer {key}"))
        };
        let reads = reads.iter().map(|route| (route, can_read, &to_read));
        let writes = writes.iter().map(|route| (route, can_write, &to_write));
        for ((verb, path), allowed, words) in reads.chain(writes) {
            let path = format!("/v2/businesses/{SELLER}{path}");
            let request = cabinet.bare(verb, &path).header(credential.0, &credential.1).body("{}");
            let reply = send(request).await;
            if allowed {
                assert_ne!(reply.status, 403, "{verb} {path}");
                continue;
            }
            let words = if audience == AUDIENCE { words } else { "Access denied" };
            reply.is_error(403, "FORBIDDEN", words);
            assert!(reply.remaining().is_some(), "the cabinet is known (§4.4)");
        }
    }
    assert_eq!(cabinet.texts(chat).await, ["Да"]);
}

#[tokio::test]
async fn a_foreign_cabinet_looks_like_one_that_does_not_exist() {
    let cabinet = Cabinet::open().await;
    for business in [OTHER_SELLER.get(), 1, 9_007_199_254_740_993] {
        let path = format!("/v2/businesses/{business}/chats");
        let reply =
            send(cabinet.bare("POST", &path).header("Api-Key", &cabinet.key).body("{}")).await;
        reply.is_error(403, "FORBIDDEN", "Access denied");
        assert_eq!(reply.remaining(), None);
    }
    for (business, message) in [
        ("abc", "Type mismatch: 'abc'"),
        ("9223372036854775808", "Type mismatch: '9223372036854775808'"),
        ("0", "businessId must be greater than or equal to 1 (rejected value: 0)"),
        ("-7", "businessId must be greater than or equal to 1 (rejected value: -7)"),
        ("%ff", "Type mismatch: '\u{fffd}'"),
        ("+60770001", "Type mismatch: '+60770001'"),
    ] {
        let path = format!("/v2/businesses/{business}/chats");
        let reply =
            send(cabinet.bare("POST", &path).header("Api-Key", &cabinet.key).body("{}")).await;
        reply.is_error(400, "BAD_REQUEST", message);
    }
}

#[tokio::test]
async fn x_business_id_must_not_contradict_the_path() {
    let cabinet = Cabinet::open().await;
    for (value, message) in [
        ("60770001", None),
        ("60770002", Some("X-Business-Id must be equal to businessId (rejected value: 60770002)")),
        ("0", Some("X-Business-Id must be greater than or equal to 1 (rejected value: 0)")),
        ("abc", Some("Type mismatch: 'abc'")),
        ("", Some("Type mismatch: ''")),
        ("1.5", Some("Type mismatch: '1.5'")),
        ("+60770001", Some("Type mismatch: '+60770001'")),
    ] {
        let reply = ask(&cabinet, &[("Api-Key", &cabinet.key), ("X-Business-Id", value)]).await;
        match message {
            None => assert_eq!(reply.status, 200),
            Some(message) => reply.is_error(400, "BAD_REQUEST", message),
        }
        assert!(reply.remaining().is_some());
    }
}

#[tokio::test]
async fn a_cabinet_that_is_switched_off_is_told_so() {
    let cabinet = Cabinet::open().await;
    let account = cabinet.server.engine().account(SELLER).await.unwrap();
    let inactive = domain::account::Account { is_active: false, ..account };
    cabinet.server.put(vec![Fact::Account(Box::new(inactive), None)]).await;
    let oauth = format!("Bearer {}", cabinet.server.key(SELLER, OAUTH_AUDIENCE).await);
    for credential in [("Api-Key", cabinet.key.as_str()), ("Authorization", oauth.as_str())] {
        ask(&cabinet, &[credential]).await.is_error(
            403,
            "API_DISABLED",
            "API for business '60770001' disabled because it has only disabled partners",
        );
    }
}

#[tokio::test]
async fn a_key_bound_to_addresses_works_only_from_them() {
    let cabinet = Cabinet::open().await;
    for (address, status) in [("127.0.0.1", 200), ("10.0.0.1", 403)] {
        let address = address.parse().unwrap();
        let key =
            cabinet.server.key_with(SELLER, AUDIENCE, |key| key.allowed_addresses = vec![address]);
        let key = key.await;
        let reply = ask(&cabinet, &[("Api-Key", &key)]).await;
        assert_eq!(reply.status, status);
    }
}

#[tokio::test]
async fn an_oauth_user_sees_the_chats_of_their_shops_and_the_direct_ones() {
    let cabinet = Cabinet::open().await;
    let (mine, foreign) =
        (cabinet.server.order(Model::Fbs).await, cabinet.server.order(Model::Dbs).await);
    let seen = cabinet.create("ORDER", mine.id.get()).await;
    let unseen = cabinet.create("ORDER", foreign.id.get()).await;
    let direct = cabinet.direct_chat("Есть в наличии?").await;
    let shops = Some(vec![shop_of(Model::Fbs)]);
    let token = cabinet.server.key_with(SELLER, OAUTH_AUDIENCE, |key| key.shops = shops).await;
    let as_user = async |verb: &str, path: String, body: serde_json::Value| {
        let path = format!("/v2/businesses/{SELLER}{path}");
        let request = cabinet.bare(verb, &path).header("Authorization", format!("Bearer {token}"));
        send(request.json(&body)).await
    };

    let listed = as_user("POST", "/chats".into(), json!({})).await.result();
    let ids: Vec<_> =
        listed["chats"].as_array().unwrap().iter().map(|chat| &chat["chatId"]).collect();
    assert_eq!(ids, [&json!(seen), &json!(direct)]);

    let not_found = format!("Can't find chat by id: {unseen}");
    for (verb, path, body) in [
        ("GET", format!("/chat?chatId={unseen}"), json!({})),
        ("POST", format!("/chats/history?chatId={unseen}"), json!({})),
        ("POST", format!("/chats/message?chatId={unseen}"), json!({"message": "?"})),
        ("GET", format!("/chats/message?chatId={unseen}&messageId=1"), json!({})),
    ] {
        as_user(verb, path, body).await.is_error(404, "NOT_FOUND", &not_found);
    }
    let create =
        async |order: i64| as_user("POST", "/chats/new".into(), json!({"orderId": order})).await;
    assert_eq!(create(mine.id.get()).await.result()["chatId"], seen);
    create(foreign.id.get()).await.is_error(
        404,
        "NOT_FOUND",
        &format!("Order not found: {}", foreign.id),
    );
    assert_eq!(as_user("GET", format!("/chat?chatId={direct}"), json!({})).await.status, 200);
    assert_eq!(cabinet.texts(unseen).await, Vec::<String>::new());
}

#[tokio::test]
async fn an_api_key_sees_all_shops_all_kinds_and_finished_chats() {
    let cabinet = Cabinet::open().await;
    let order = cabinet.server.order(Model::Express).await;
    let chats = [
        cabinet.create("ORDER", order.id.get()).await,
        cabinet.create("RETURN", order.return_id.get()).await,
        cabinet.direct_chat("Торг?").await,
        cabinet.order_chat(Model::Fbo).await,
    ];
    cabinet.close(chats[0]).await;
    cabinet.server.clock().advance(SignedDuration::from_hours(24 * 365));
    let listed = cabinet.post("/chats", json!({})).await.result();
    let ids: Vec<_> = listed["chats"]
        .as_array()
        .unwrap()
        .iter()
        .map(|chat| chat["chatId"].as_i64().unwrap())
        .collect();
    assert_eq!(ids, chats);
}
