//! What a chat and a message look like (§6, §7.3, §7.5, rows 8, 11, 15, 28).

use domain::SignedDuration;
use domain::account::Account;
use domain::catalog::{Fact, Model};
use domain::commands::{Draft, MarketplaceRole};
use domain::id::AccountId;
use domain::text::Text;
use engine::access::Host;
use serde_json::json;
use testkit::{BUYER, OTHER_SELLER, SELLER, shop_of};

use super::{Cabinet, chat_id, send};

#[tokio::test]
async fn a_chat_of_each_context_is_shown_with_what_belongs_to_it() {
    let cabinet = Cabinet::open().await;
    let order = cabinet.server.order(Model::Fbs).await;
    let (order_id, return_id) = (order.id.get(), order.return_id.get());
    let customer = json!({"name": "Анна К.", "publicId": BUYER.to_string()});
    let campaign = shop_of(Model::Fbs).get();
    let at = "2026-11-21T13:00:00.000+03:00";

    let chat = cabinet.create("ORDER", order_id).await;
    let expected = json!({
        "chatId": chat, "orderId": order_id, "type": "CHAT", "status": "NEW", "createdAt": at, "updatedAt": at,
        "context": {"type": "ORDER", "customer": customer, "campaignId": campaign, "orderId": order_id},
    });
    assert_eq!(cabinet.info(chat).await, expected);

    let chat = cabinet.create("RETURN", return_id).await;
    let context = json!({
        "type": "RETURN", "customer": customer, "campaignId": campaign, "orderId": order_id, "returnId": return_id,
    });
    let expected = json!({
        "chatId": chat, "orderId": order_id, "type": "CHAT", "status": "NEW", "createdAt": at, "updatedAt": at,
        "context": context,
    });
    assert_eq!(cabinet.info(chat).await, expected);
    let history = cabinet.post(&format!("/chats/history?chatId={chat}"), json!({})).await.result();
    assert_eq!(
        history,
        json!({"orderId": order_id, "context": context, "messages": [], "paging": {}})
    );

    let chat = cabinet.direct_chat("Есть в наличии?").await;
    let context = json!({"type": "DIRECT", "customer": customer});
    let expected = json!({
        "chatId": chat, "type": "CHAT", "status": "WAITING_FOR_PARTNER", "createdAt": at, "updatedAt": at,
        "context": context,
    });
    assert_eq!(cabinet.info(chat).await, expected);
    let history = cabinet.post(&format!("/chats/history?chatId={chat}"), json!({})).await.result();
    assert_eq!(history["context"], context);
    assert_eq!(history.get("orderId"), None);
}

#[tokio::test]
async fn a_buyer_without_a_name_has_no_name_field() {
    let cabinet = Cabinet::open().await;
    let nameless = AccountId::new(7).unwrap();
    let created_at = testkit::START.parse().unwrap();
    let account = Account::new(nameless, String::new(), created_at);
    cabinet.server.put(vec![Fact::Account(Box::new(account), None)]).await;
    let order = cabinet.server.order_of(nameless, Model::Fbs).await;
    let chat = cabinet.create("ORDER", order.id.get()).await;
    assert_eq!(cabinet.info(chat).await["context"]["customer"], json!({"publicId": "7"}));
}

#[tokio::test]
async fn row_11_updated_at_moves_with_messages_only() {
    let cabinet = Cabinet::open().await;
    let chat = cabinet.order_chat(Model::Fbs).await;
    let updated_at = async || cabinet.info(chat).await["updatedAt"].as_str().unwrap().to_owned();
    assert_eq!(updated_at().await, "2026-11-21T13:00:00.000+03:00");
    cabinet.server.clock().advance(SignedDuration::from_millis(5120));
    cabinet.say(BUYER, chat, "Здравствуйте").await;
    assert_eq!(updated_at().await, "2026-11-21T13:00:05.120+03:00");
    cabinet.server.clock().advance(SignedDuration::from_hours(12));
    cabinet.close(chat).await;
    assert_eq!(updated_at().await, "2026-11-21T13:00:05.120+03:00");
    assert_eq!(cabinet.info(chat).await["createdAt"], "2026-11-21T13:00:00.000+03:00");
}

#[tokio::test]
async fn the_offset_of_times_is_the_operator_s() {
    let cabinet = Cabinet::open_with(|settings| {
        settings.yandex_market.time_offset = "-05:30".to_owned().try_into().unwrap();
    })
    .await;
    let chat = cabinet.order_chat(Model::Fbs).await;
    assert_eq!(cabinet.info(chat).await["createdAt"], "2026-11-21T04:30:00.000-05:30");
}

#[tokio::test]
async fn row_15_every_author_has_a_name_on_the_wire() {
    let cabinet = Cabinet::open().await;
    let chat = cabinet.order_chat(Model::Fbs).await;
    cabinet
        .post(&format!("/chats/message?chatId={chat}"), json!({"message": "продавец"}))
        .await
        .result();
    cabinet.say(BUYER, chat, "покупатель").await;
    for (role, text) in [
        (MarketplaceRole::Market, "робот"),
        (MarketplaceRole::Support, "поддержка"),
        (MarketplaceRole::Arbiter, "арбитр"),
    ] {
        let engine = cabinet.server.engine();
        let draft = Draft::text(Text::new(text, &engine.policy().text).unwrap());
        engine
            .post_as_marketplace(Host::operator(), chat_id(chat), role, draft, None)
            .await
            .unwrap();
    }
    let messages = cabinet.messages(chat).await;
    let senders: Vec<_> =
        messages.iter().map(|message| (&message["sender"], &message["message"])).collect();
    let expected = [
        ("PARTNER", "продавец"),
        ("CUSTOMER", "покупатель"),
        ("MARKET", "робот"),
        ("SUPPORT", "поддержка"),
        ("SUPPORT", "арбитр"),
    ];
    let expected: Vec<_> = expected.iter().map(|(a, b)| (json!(a), json!(b))).collect();
    assert_eq!(senders, expected.iter().map(|(a, b)| (a, b)).collect::<Vec<_>>());
}

#[tokio::test]
async fn one_message_looks_as_in_the_history() {
    let cabinet = Cabinet::open().await;
    let chat = cabinet.order_chat(Model::Fbs).await;
    let id = cabinet.say(BUYER, chat, " Здравствуйте!\r\n ").await;
    let reply = cabinet.get(&format!("/chats/message?chatId={chat}&messageId={id}")).await;
    let expected = json!({
        "messageId": id, "createdAt": "2026-11-21T13:00:00.000+03:00", "sender": "CUSTOMER",
        "message": " Здравствуйте!\r\n ",
    });
    assert_eq!(reply.result(), expected);
    assert_eq!(cabinet.messages(chat).await, [expected]);
}

#[tokio::test]
async fn what_is_not_in_the_cabinet_or_in_the_chat_is_not_there() {
    let cabinet = Cabinet::open().await;
    let chat = cabinet.order_chat(Model::Fbs).await;
    let other = cabinet.order_chat(Model::Fbs).await;
    let message = cabinet.say(BUYER, chat, "Секрет").await;
    for elsewhere in [message + 1, 1, 9_007_199_254_740_992, i64::MAX] {
        let path = format!("/chats/message?chatId={chat}&messageId={elsewhere}");
        let words = format!("Can't find message by id: {elsewhere} for chat {chat}");
        cabinet.get(&path).await.is_error(404, "NOT_FOUND", &words);
    }
    let path = format!("/chats/message?chatId={other}&messageId={message}");
    let words = format!("Can't find message by id: {message} for chat {other}");
    cabinet.get(&path).await.is_error(404, "NOT_FOUND", &words);

    // To a stranger the chat, and to everybody an unknown number, look the same (row 8).
    let stranger = cabinet.server.key(OTHER_SELLER, dialect_yandex_market::AUDIENCE).await;
    for (key, business, id) in [
        (&stranger, OTHER_SELLER, chat),
        (&cabinet.key, SELLER, 999_999),
        (&cabinet.key, SELLER, 9_007_199_254_740_992),
        (&cabinet.key, SELLER, i64::MAX),
    ] {
        let words = format!("Can't find chat by id: {id}");
        for (verb, path) in [
            ("GET", format!("/chat?chatId={id}")),
            ("POST", format!("/chats/history?chatId={id}")),
            ("GET", format!("/chats/message?chatId={id}&messageId={message}")),
            ("POST", format!("/chats/message?chatId={id}")),
        ] {
            let path = format!("/v2/businesses/{business}{path}");
            let request = cabinet.bare(verb, &path).header("Api-Key", key);
            let reply = send(request.json(&json!({"message": "?"}))).await;
            reply.is_error(404, "NOT_FOUND", &words);
        }
    }
    assert_eq!(cabinet.texts(chat).await, ["Секрет"]);
}

#[tokio::test]
async fn a_chat_in_which_the_cabinet_buys_is_not_its_chat() {
    let cabinet = Cabinet::open().await;
    let text = Text::new("Продаёте?", &cabinet.server.engine().policy().text).unwrap();
    let buyer = engine::access::Caller::account_holder(SELLER);
    let subject = domain::commands::Subject::Product(testkit::OTHER_PRODUCT, None);
    let opened =
        cabinet.server.engine().open_chat(&buyer, subject, Some(Draft::text(text))).await.unwrap();
    let id = opened.chat.id;
    let reply = cabinet.get(&format!("/chat?chatId={id}")).await;
    reply.is_error(404, "NOT_FOUND", &format!("Can't find chat by id: {id}"));
    assert_eq!(cabinet.post("/chats", json!({})).await.result()["chats"], json!([]));
}
