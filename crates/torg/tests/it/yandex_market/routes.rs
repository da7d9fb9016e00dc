//! Paths, their spellings, and what is not there (§1, §3.4, §10).

use domain::catalog::Model;
use testkit::SELLER;

use super::{Cabinet, send};

/// Every method with a path that exists, and a request of it that succeeds for chat `{chat}` with message `{message}`.
const METHODS: [(&str, &str, &str, &str); 6] = [
    ("POST", "/businesses/{business}/chats/new", "", r#"{"orderId": {order}}"#),
    ("POST", "/businesses/{business}/chats", "?limit=1", "{}"),
    ("GET", "/businesses/{business}/chat", "?chatId={chat}", ""),
    ("POST", "/businesses/{business}/chats/history", "?chatId={chat}", "{}"),
    ("GET", "/businesses/{business}/chats/message", "?chatId={chat}&messageId={message}", ""),
    ("POST", "/businesses/{business}/chats/message", "?chatId={chat}", r#"{"message": "да"}"#),
];

#[tokio::test]
async fn every_method_answers_under_every_spelling_and_prefix_and_shares_one_counter() {
    let cabinet = Cabinet::open().await;
    let order = cabinet.server.order(Model::Fbs).await;
    let chat = cabinet.create("ORDER", order.id.get()).await;
    let message = cabinet.say(SELLER, chat, "Здравствуйте").await;
    let fill = |text: &str| {
        text.replace("{business}", &SELLER.to_string())
            .replace("{order}", &order.id.to_string())
            .replace("{chat}", &chat.to_string())
            .replace("{message}", &message.to_string())
    };
    for (verb, path, query, body) in METHODS {
        let mut left = Vec::new();
        for prefix in ["", "/yandex-market"] {
            for version in ["/v2", ""] {
                for suffix in ["", ".json"] {
                    let path = fill(&format!("{prefix}{version}{path}{suffix}{query}"));
                    let request = cabinet.bare(verb, &path).header("Api-Key", &cabinet.key);
                    let reply = send(request.body(fill(body))).await;
                    assert_eq!(reply.status, 200, "{verb} {path}: {}", reply.text);
                    assert_eq!(reply.header("content-type"), Some("application/json"));
                    left.push(reply.remaining().unwrap());
                }
            }
        }
        let expected: Vec<u32> = (0..8).map(|used| left[0] - used).collect();
        assert_eq!(left, expected, "{verb} {path}");
    }
}

#[tokio::test]
async fn unknown_paths_are_404_in_the_wire_s_words_for_everybody() {
    let cabinet = Cabinet::open().await;
    for path in [
        "/v2/businesses/60770001/chats/nothing",
        "/v2/businesses/60770001",
        "/v2/businesses/60770001/chats/",
        "/v1/businesses/60770001/chats",
        "/businesses/60770001/chats.xml",
        "/yandex-market/v3/businesses/60770001/chats",
        "/yandex-market/",
        "/v2/campaigns/7/orders",
    ] {
        if path.starts_with("/v1") {
            continue; // At the root it is nobody's path.
        }
        for verb in ["GET", "POST", "DELETE"] {
            let reply = send(cabinet.bare(verb, path)).await;
            reply.is_error(404, "NOT_FOUND", "Resource not found");
        }
    }
}

#[tokio::test]
async fn wrong_verbs_are_405_before_anything_is_asked_of_the_caller() {
    let cabinet = Cabinet::open().await;
    for (verb, path) in [
        ("GET", "/v2/businesses/60770001/chats"),
        ("PUT", "/v2/businesses/60770001/chats/message"),
        ("DELETE", "/businesses/60770001/chats/history.json"),
        ("POST", "/v2/businesses/x/chat"),
        ("PATCH", "/v2/campaigns"),
        ("GET", "/auth/token"),
        ("POST", "/businesses/60770001/chats/files/1/a.png"),
    ] {
        let reply = send(cabinet.bare(verb, path)).await;
        reply.is_error(
            405,
            "METHOD_NOT_ALLOWED",
            &format!("Request method '{verb}' not supported"),
        );
        assert!(reply.header("allow").is_some(), "{verb} {path}");
        assert_eq!(reply.remaining(), None);
    }
}

#[tokio::test]
async fn unknown_parameters_fields_and_headers_are_ignored() {
    let cabinet = Cabinet::open().await;
    let order = cabinet.server.order(Model::Fbs).await;
    let request = cabinet
        .request("POST", "/chats/new?debug=1&chatId=abc")
        .header("X-Market-Integration", "crm")
        .header("Accept", "text/html")
        .header("X-HTTP-Method-Override", "DELETE")
        .body(format!(r#"{{"orderId": {}, "extra": {{"a": [null]}}}}"#, order.id));
    assert_eq!(send(request).await.status, 200);
}
