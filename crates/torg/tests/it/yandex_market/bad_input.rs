//! Bodies that are not what they should be: answered in the wire's words, with bounded work, and nothing stored (§1,
//! §3.4, row 42).

use domain::catalog::Model;
use serde_json::json;

use super::{Cabinet, send};

#[tokio::test]
async fn bodies_that_are_no_json_object_are_refused_by_every_method() {
    let cabinet = Cabinet::open().await;
    let chat = cabinet.order_chat(Model::Fbs).await;
    let nested = "[".repeat(10_000);
    let nested_objects = r#"{"message":"#.repeat(10_000);
    let cases: &[(&[u8], &str)] = &[
        (b"", "Required request body is missing"),
        (b" \r\n", "Required request body is missing"),
        (b"null", "Required request body is missing"),
        (b"[]", "Illegal input at '$'"),
        (b"\"text\"", "Illegal input at '$'"),
        (b"5", "Illegal input at '$'"),
        (b"{", "Unexpected end of content"),
        (b"{\"message\": \"abc", "Unexpected end of content"),
        (b"{\"message\": \"a\xff\"}", "JSON: the body is not UTF-8"),
        (b"{\"message\": \"\\ud800\"}", "JSON: "),
        (b"{\"message\": 'a'}", "JSON: "),
        (b"{message: 1}", "JSON: "),
        (b"{} {}", "JSON: "),
        (b"<xml/>", "JSON: "),
        (nested.as_bytes(), "JSON: nested too deeply"),
        (nested_objects.as_bytes(), "JSON: nested too deeply"),
    ];
    let message = format!("/chats/message?chatId={chat}");
    let history = format!("/chats/history?chatId={chat}");
    for path in ["/chats/new", "/chats", &history, &message] {
        for (body, told) in cases {
            let request = cabinet.request("POST", path).header("Content-Type", "application/json");
            send(request.body(body.to_vec())).await.is_bad_request(told);
        }
    }
    assert!(cabinet.texts(chat).await.is_empty());
}

#[tokio::test]
async fn a_json_body_has_at_most_512_kilobytes() {
    let cabinet = Cabinet::open().await;
    let chat = cabinet.order_chat(Model::Fbs).await;
    let body = |bytes: usize| {
        let (head, tail) = (r#"{"message": "Да", "x": ""#, "\"}");
        format!("{head}{}{tail}", "x".repeat(bytes - head.len() - tail.len()))
    };
    let path = format!("/chats/message?chatId={chat}");
    assert_eq!(send(cabinet.request("POST", &path).body(body(524_288))).await.status, 200);
    for (bytes, passed) in [(524_289, "0.51"), (3 << 20, "3.00")] {
        let reply = send(cabinet.request("POST", &path).body(body(bytes))).await;
        reply.is_error(
            400,
            "BAD_REQUEST",
            &format!("The request is too big: Maximum allowed request size must be less than 512 KB, but passed {passed} MB"),
        );
    }
    assert_eq!(cabinet.texts(chat).await, ["Да"]);
}

#[tokio::test]
async fn row_42_a_wrong_content_type_is_415_and_none_is_taken_for_json() {
    let cabinet = Cabinet::open().await;
    let chat = cabinet.order_chat(Model::Fbs).await;
    let path = format!("/chats/message?chatId={chat}");
    for (content_type, message) in [
        (None, None),
        (Some("application/json"), None),
        (Some("Application/JSON; charset=UTF-8"), None),
        (Some("text/plain"), Some("Content type 'text/plain' not supported")),
        (
            Some("application/x-www-form-urlencoded"),
            Some("Content type 'application/x-www-form-urlencoded' not supported"),
        ),
        (
            Some("multipart/form-data; boundary=b7"),
            Some("Content type 'multipart/form-data; boundary=b7' not supported"),
        ),
        (Some("json"), Some("Unknown content-type: 'json'")),
        (Some(""), Some("Unknown content-type: ''")),
    ] {
        let request = cabinet.request("POST", &path).body(r#"{"message": "Да"}"#);
        let request = content_type
            .into_iter()
            .fold(request, |request, value| request.header("Content-Type", value));
        let reply = send(request).await;
        match message {
            None => assert_eq!(reply.status, 200, "{content_type:?}"),
            Some(message) => reply.is_error(415, "UNSUPPORTED_MEDIA_TYPE", message),
        }
    }
    assert_eq!(cabinet.texts(chat).await.len(), 3);
    // A GET has no body to be wrong.
    let request = cabinet.request("GET", &format!("/chat?chatId={chat}"));
    assert_eq!(send(request.header("Content-Type", "text/plain").body("{")).await.status, 200);
}

#[tokio::test]
async fn of_repeated_fields_the_last_and_of_repeated_parameters_the_first_counts() {
    let cabinet = Cabinet::open().await;
    let chat = cabinet.order_chat(Model::Fbs).await;
    let request = cabinet
        .request("POST", &format!("/chats/message?chatId={chat}&chatId=1"))
        .body(r#"{"message": 1, "message": "Да"}"#);
    assert_eq!(send(request).await.status, 200);
    assert_eq!(cabinet.texts(chat).await, ["Да"]);
}

#[tokio::test]
async fn a_rejected_value_is_repeated_in_part_only() {
    let cabinet = Cabinet::open().await;
    let value = "x".repeat(6000);
    let reply = cabinet.post(&format!("/chats/history?chatId={value}"), json!({})).await;
    assert_eq!(reply.status, 400);
    assert!(reply.text.len() < 500);
    let reply = cabinet.post("/chats", json!({"statuses": [value]})).await;
    assert_eq!(reply.status, 400);
    assert!(reply.text.len() < 500);
}
