//! sendMessageToChat (§7.6, rows 29, 33, 34).

use domain::catalog::Model;
use domain::commands::Steering;
use serde_json::json;
use testkit::SELLER;

use super::{Cabinet, send};

#[tokio::test]
async fn a_text_is_stored_as_sent_before_the_answer() {
    let cabinet = Cabinet::open().await;
    let chat = cabinet.order_chat(Model::Fbs).await;
    let path = format!("/chats/message?chatId={chat}");
    let texts = [
        "Здравствуйте!",
        "  с пробелами \t\r\n в конце \n",
        "   ",
        "\u{7}\u{202e}<script>alert(1)</script>",
        "🚗".repeat(4096).leak(),
    ];
    for text in texts {
        let reply = cabinet.post(&path, json!({"message": text})).await;
        assert_eq!(reply.json(), json!({"status": "OK"}));
    }
    assert_eq!(cabinet.texts(chat).await, texts);
}

#[tokio::test]
async fn row_29_a_text_has_1_to_4096_code_points() {
    let cabinet = Cabinet::open().await;
    let chat = cabinet.order_chat(Model::Fbs).await;
    let path = format!("/chats/message?chatId={chat}");
    let long = "ё".repeat(4097);
    let shown =
        format!("message size must be between 1 and 4096 (rejected value: '{}')", "ё".repeat(200));
    for (message, refusal) in [
        (json!(""), "message size must be between 1 and 4096 (rejected value: '')"),
        (json!(long), &shown),
        (json!(null), "message must not be null (rejected value: null)"),
        (json!(5), "Illegal input at 'message'"),
        (json!(["a"]), "Illegal input at 'message'"),
        (json!("a\0b"), "message must not contain the character U+0000"),
    ] {
        let reply = cabinet.post(&path, json!({"message": message})).await;
        reply.is_error(400, "BAD_REQUEST", refusal);
    }
    let reply = cabinet.post(&path, json!({"text": "a"})).await;
    reply.is_error(400, "BAD_REQUEST", "message must not be null (rejected value: null)");
    assert!(cabinet.texts(chat).await.is_empty());
    assert_eq!(cabinet.info(chat).await["status"], "NEW");
}

#[tokio::test]
async fn row_33_equal_requests_make_two_messages() {
    let cabinet = Cabinet::open().await;
    let chat = cabinet.order_chat(Model::Fbs).await;
    for _ in 0..2 {
        let request = cabinet.request("POST", &format!("/chats/message?chatId={chat}"));
        let request = request.header("Idempotency-Key", "1").json(&json!({"message": "Да"}));
        assert_eq!(send(request).await.status, 200);
    }
    assert_eq!(cabinet.texts(chat).await, ["Да", "Да"]);
}

#[tokio::test]
async fn the_chat_is_named_in_the_query_only() {
    let cabinet = Cabinet::open().await;
    let chat = cabinet.order_chat(Model::Fbs).await;
    let body = json!({"chatId": chat, "message": "Да"});
    for (query, message) in [
        ("", "Required request parameter 'chatId' is not present"),
        ("?chatid=5", "Required request parameter 'chatId' is not present"),
        ("?chatId=abc", "Type mismatch: 'abc'"),
        ("?chatId=", "Type mismatch: ''"),
        ("?chatId=9223372036854775808", "Type mismatch: '9223372036854775808'"),
        ("?chatId=1.0", "Type mismatch: '1.0'"),
        ("?chatId=%ff", "Type mismatch: '\u{fffd}'"),
        ("?chatId=0", "chatId must be greater than or equal to 1 (rejected value: 0)"),
        ("?chatId=-3", "chatId must be greater than or equal to 1 (rejected value: -3)"),
    ] {
        for path in ["/chats/message", "/chats/history", "/chats/file/send"] {
            let reply = cabinet.post(&format!("{path}{query}"), body.clone()).await;
            reply.is_error(400, "BAD_REQUEST", message);
        }
        let reply = cabinet.get(&format!("/chat{query}")).await;
        reply.is_error(400, "BAD_REQUEST", message);
    }
    let reply = cabinet.get(&format!("/chats/message?chatId={chat}")).await;
    reply.is_error(400, "BAD_REQUEST", "Required request parameter 'messageId' is not present");
    let reply = cabinet.get(&format!("/chats/message?chatId={chat}&messageId=0")).await;
    reply.is_error(
        400,
        "BAD_REQUEST",
        "messageId must be greater than or equal to 1 (rejected value: 0)",
    );
    assert!(cabinet.texts(chat).await.is_empty());
}

#[tokio::test]
async fn what_is_sent_is_the_seller_s_and_shows_to_the_buyer() {
    let cabinet = Cabinet::open().await;
    let chat = cabinet.direct_chat("Торг?").await;
    cabinet
        .post(&format!("/chats/message?chatId={chat}"), json!({"message": "Нет"}))
        .await
        .result();
    let messages = cabinet.messages(chat).await;
    assert_eq!(messages[1]["sender"], "PARTNER");
    let stored = cabinet.stored_chat(chat).await;
    assert_eq!(stored.buyer.marks.unread, 1);
    assert_eq!(stored.seller.account, SELLER);
}

#[tokio::test]
async fn a_buyer_who_blocked_the_seller_gets_nothing() {
    let cabinet = Cabinet::open().await;
    let chat = cabinet.direct_chat("Торг?").await;
    let buyer = engine::access::Caller::account_holder(testkit::BUYER);
    cabinet.server.engine().set_block(&buyer, super::chat_id(chat), true).await.unwrap();
    let reply =
        cabinet.post(&format!("/chats/message?chatId={chat}"), json!({"message": "Нет"})).await;
    reply.is_error(400, "BAD_REQUEST", "The customer accepts no messages in this chat");
    assert_eq!(cabinet.texts(chat).await, ["Торг?"]);
}

#[tokio::test]
async fn a_chat_that_was_reopened_takes_messages_again() {
    let cabinet = Cabinet::open().await;
    let chat = cabinet.order_chat(Model::Fbs).await;
    cabinet.close(chat).await;
    let host = engine::access::Host::operator();
    let engine = cabinet.server.engine();
    engine.steer_chat(host, super::chat_id(chat), Steering::Reopen).await.unwrap();
    let reply =
        cabinet.post(&format!("/chats/message?chatId={chat}"), json!({"message": "Да"})).await;
    assert_eq!(reply.status, 200);
}
