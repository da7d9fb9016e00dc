//! What goes over the wire (Ozon contract §2, §3, §11.16, §11.18, §12).

use domain::catalog::Model;
use reqwest::Method;
use serde_json::{Value, json};
use testkit::SELLER;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::client::{Client, UNKNOWN_CHAT, ask, log_length, market};

const POSTS: [&str; 6] = [
    "/v1/chat/start",
    "/v1/chat/send/message",
    "/v1/chat/send/file",
    "/v3/chat/list",
    "/v3/chat/history",
    "/v2/chat/read",
];

#[tokio::test]
async fn any_content_type_is_taken_as_json() {
    let server = market().await;
    let client = Client::new(&server).await;
    let list = || client.request(Method::POST, "/v3/chat/list").body(r#"{"limit": 5}"#);
    for content_type in ["application/json", "application/json; charset=utf-8", "text/plain", ""] {
        ask(list().header("Content-Type", content_type)).await.succeeded();
    }
    ask(list()).await.succeeded();
}

#[tokio::test]
async fn unknown_paths_and_wrong_methods_are_not_found_in_json() {
    let server = market().await;
    let client = Client::new(&server).await;
    let wrong_methods = POSTS.iter().flat_map(|&path| {
        [Method::GET, Method::PUT, Method::DELETE, Method::OPTIONS].map(|method| (method, path))
    });
    let retired_and_unknown = [
        "/v1/chat",
        "/v1/chat/list",
        "/v1/chat/history",
        "/v1/chat/updates",
        "/v2/chat/list",
        "/v2/chat/history",
        "/v3/chat/list/",
        "/v3/chat/send",
        "/v1/notification/nonsense",
        "/v2/chat/file/messenger/1/a.png",
        "/ozon/anything",
        "/ozon",
    ]
    .map(|path| (Method::POST, path));
    for (method, path) in wrong_methods.chain(retired_and_unknown) {
        let case = format!("{method} {path}");
        let answer = ask(client.request(method.clone(), path)).await;
        answer.failed_in(404, 5, "Not Found", &case);
        assert!(answer.headers.keys().all(|name| !name.as_str().starts_with("access-control")));
        // Without a key as well: who asks is nobody's business there.
        let url = format!("{}{path}", server.url());
        ask(server.http().request(method, url)).await.failed_in(404, 5, "Not Found", &case);
    }
}

#[tokio::test]
async fn the_methods_answer_below_the_prefix_as_well() {
    let server = market().await;
    let client = Client::new(&server).await;
    client.post("/ozon/v3/chat/list", &json!({})).await.succeeded();
}

#[tokio::test]
async fn what_is_no_json_object_is_an_invalid_request_body_and_stores_nothing() {
    let server = market().await;
    let client = Client::new(&server).await;
    let nested = ["{\"a\":".repeat(10_000), "1".to_owned(), "}".repeat(10_000)].concat();
    let crowded = format!(r#"{{"ignored": [{}0]}}"#, "[1],".repeat(60_000));
    let unusable: [&[u8]; 13] = [
        b"{",
        b"{\"limit\": ",
        b"[]",
        b"null",
        b"\"text\"",
        b"7",
        b"not json",
        b"{} {}",
        b"{\"text\": \"\xff\"}",
        b"{\"text\": \"\\ud800\"}",
        b"{\"text\": \"\x01\"}",
        nested.as_bytes(),
        crowded.as_bytes(),
    ];
    let before = log_length(&server, SELLER).await;
    for path in POSTS {
        for body in unusable {
            let answer = client.post_raw(path, body.to_vec()).await;
            let case = format!("{path} {}", String::from_utf8_lossy(&body[..body.len().min(30)]));
            answer.failed_in(400, 3, "Invalid request body", &case);
        }
    }
    assert_eq!(log_length(&server, SELLER).await, before);
}

#[tokio::test]
async fn a_missing_body_is_an_empty_object() {
    let server = market().await;
    let client = Client::new(&server).await;
    let field = |request: &str, field: &str, rule: &str| {
        format!("Request validation error: invalid {request}.{field}: {rule}")
    };
    let posting =
        field("ChatStartRequest", "PostingNumber", "value length must be at least 1 runes");
    for body in ["", " \r\n", "{}"] {
        client.post_raw("/v3/chat/list", body).await.succeeded();
        for (path, message) in [
            ("/v1/chat/start", posting.as_str()),
            ("/v1/chat/send/message", "invalid chat guid"),
            ("/v1/chat/send/file", "invalid chat guid"),
            ("/v3/chat/history", "invalid chat guid"),
            ("/v2/chat/read", "invalid chat guid"),
        ] {
            client.post_raw(path, body).await.failed_in(400, 3, message, path);
        }
    }
}

#[tokio::test]
async fn a_known_field_of_the_wrong_type_is_named() {
    let server = market().await;
    let client = Client::new(&server).await;
    let rows: [(&str, Value, &str); 19] = [
        (
            "/v1/chat/start",
            json!({"posting_number": 1}),
            "ChatStartRequest.PostingNumber: value must be a string",
        ),
        (
            "/v1/chat/start",
            json!({"posting_number": "1\u{0}2"}),
            "ChatStartRequest.PostingNumber: value must not contain NUL",
        ),
        (
            "/v1/chat/send/message",
            json!({"chat_id": 5}),
            "ChatSendMessageRequest.ChatId: value must be a string",
        ),
        (
            "/v1/chat/send/message",
            json!({"chat_id": UNKNOWN_CHAT, "text": ["x"]}),
            "ChatSendMessageRequest.Text: value must be a string",
        ),
        (
            "/v1/chat/send/file",
            json!({"chat_id": UNKNOWN_CHAT, "name": {}}),
            "ChatSendFileRequest.Name: value must be a string",
        ),
        (
            "/v1/chat/send/file",
            json!({"chat_id": UNKNOWN_CHAT, "name": "a", "base64_content": 1}),
            "ChatSendFileRequest.Base64Content: value must be a string",
        ),
        (
            "/v3/chat/list",
            json!({"limit": "ten"}),
            "ChatListRequest.Limit: value must be an integer",
        ),
        ("/v3/chat/list", json!({"limit": 1.5}), "ChatListRequest.Limit: value must be an integer"),
        (
            "/v3/chat/list",
            json!({"limit": true}),
            "ChatListRequest.Limit: value must be an integer",
        ),
        ("/v3/chat/list", json!({"cursor": 5}), "ChatListRequest.Cursor: value must be a string"),
        ("/v3/chat/list", json!({"filter": []}), "ChatListRequest.Filter: value must be an object"),
        (
            "/v3/chat/list",
            json!({"filter": {"unread_only": "true"}}),
            "ChatListRequest.Filter.UnreadOnly: value must be a boolean",
        ),
        (
            "/v3/chat/list",
            json!({"filter": {"chat_status": 1}}),
            "ChatListRequest.Filter.ChatStatus: value must be a string",
        ),
        (
            "/v3/chat/history",
            json!({"chat_id": UNKNOWN_CHAT, "direction": 1}),
            "ChatHistoryRequest.Direction: value must be a string",
        ),
        (
            "/v3/chat/history",
            json!({"chat_id": UNKNOWN_CHAT, "from_message_id": -1}),
            "ChatHistoryRequest.FromMessageId: value is out of range",
        ),
        (
            "/v3/chat/history",
            json!({"chat_id": UNKNOWN_CHAT, "filter": {"message_ids": "1"}}),
            "ChatHistoryRequest.Filter.MessageIds: value must be an array",
        ),
        (
            "/v3/chat/history",
            json!({"chat_id": UNKNOWN_CHAT, "filter": {"message_ids": [1, "x"]}}),
            "ChatHistoryRequest.Filter.MessageIds[1]: value must be an integer",
        ),
        (
            "/v3/chat/history",
            json!({"chat_id": UNKNOWN_CHAT, "filter": {"message_ids": [null]}}),
            "ChatHistoryRequest.Filter.MessageIds[0]: value is required",
        ),
        (
            "/v2/chat/read",
            json!({"chat_id": UNKNOWN_CHAT, "from_message_id": "18446744073709551616"}),
            "ChatReadRequest.FromMessageId: value is out of range",
        ),
    ];
    for (path, body, problem) in rows {
        let message = format!("Request validation error: invalid {problem}");
        client.post(path, &body).await.failed_in(400, 3, &message, &format!("{path} {body}"));
    }
}

#[tokio::test]
async fn a_chat_id_is_a_uuid() {
    let server = market().await;
    let client = Client::new(&server).await;
    let digits = UNKNOWN_CHAT.replace('-', "");
    let in_braces = format!("{{{UNKNOWN_CHAT}}}");
    let malformed =
        ["0", "", "nonsense", &digits, &in_braces, "0000000g-0000-4000-8000-000000000000", "\u{0}"];
    for path in ["/v1/chat/send/message", "/v1/chat/send/file", "/v3/chat/history", "/v2/chat/read"]
    {
        for chat in malformed {
            let answer = client.post(path, &json!({"chat_id": chat})).await;
            answer.failed_in(400, 3, "invalid chat guid", &format!("{path} {chat}"));
        }
        let answer = client.post(path, &json!({"chat_id": null})).await;
        answer.failed_in(400, 3, "invalid chat guid", path);
    }
    // Upper case is the same UUID.
    let order = server.order(Model::Fbs).await;
    let chat = client.start(&order.posting).await;
    client.send(&chat.to_uppercase(), "x").await.succeeded();
}

#[tokio::test]
async fn explicit_nulls_and_empty_texts_mean_not_set() {
    let server = market().await;
    let client = Client::new(&server).await;
    let order = server.order(Model::Fbs).await;
    let chat = client.start(&order.posting).await;
    client.send(&chat, "x").await.succeeded();
    for body in [
        json!({"cursor": null, "filter": null, "limit": null}),
        json!({"cursor": "", "filter": {}, "limit": 0}),
        json!({"cursor": "", "filter": {"chat_status": null, "unread_only": null}, "limit": "0"}),
        json!({"filter": {"chat_status": "", "chat_type": "SELLER_SUPPORT"}, "limit": "", "unknown": {"a": 1}}),
        json!({"limit": "30"}),
    ] {
        let answer = client.list(&body).await;
        assert_eq!(answer["chats"].as_array().map(Vec::len), Some(1), "{body}");
    }
    for body in [
        json!({"chat_id": chat, "direction": null, "from_message_id": null, "limit": null, "filter": null}),
        json!({"chat_id": chat, "direction": "", "from_message_id": "", "limit": 0, "filter": {"message_ids": null}}),
        json!({"chat_id": chat, "from_message_id": 0, "filter": {"message_ids": []}, "offset": 3}),
        json!({"chat_id": chat, "from_message_id": "0", "limit": "50"}),
    ] {
        let answer = client.post("/v3/chat/history", &body).await;
        assert_eq!(answer.succeeded()["messages"].as_array().map(Vec::len), Some(1), "{body}");
    }
}

#[tokio::test]
async fn the_last_of_duplicate_keys_wins() {
    let server = market().await;
    let client = Client::new(&server).await;
    client.post_raw("/v3/chat/list", r#"{"limit": 1000, "limit": 5}"#).await.succeeded();
}

#[tokio::test]
async fn an_over_long_body_is_refused_with_bounded_work() {
    let server = market().await;
    let client = Client::new(&server).await;
    let at_the_bound = |bytes: usize| {
        let empty = json!({"pad": ""}).to_string();
        json!({"pad": "x".repeat(bytes - empty.len())}).to_string()
    };
    client.post_raw("/v3/chat/list", at_the_bound(1 << 20)).await.succeeded();
    for path in POSTS.into_iter().filter(|&path| path != "/v1/chat/send/file") {
        let answer = client.post_raw(path, at_the_bound((1 << 20) + 1)).await;
        answer.failed_in(400, 3, "Invalid request body", path);
    }

    // A client that announces a gigabyte is answered before it sends any of it.
    let address = server.url().strip_prefix("http://").unwrap();
    for path in POSTS {
        let mut connection = TcpStream::connect(address).await.unwrap();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nClient-Id: {}\r\nApi-Key: {}\r\nContent-Length: {}\r\n\r\n",
            client.id,
            client.api_key,
            1 << 30,
        );
        connection.write_all(head.as_bytes()).await.unwrap();
        let mut start = [0; 12];
        connection.read_exact(&mut start).await.unwrap();
        assert_eq!(&start, b"HTTP/1.1 400", "{path}");
    }
}
