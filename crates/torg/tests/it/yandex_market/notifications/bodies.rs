//! What is told, key by key (contract §8.2, §9.1).

use domain::catalog::Model;
use domain::chat::{Side, Turn};
use domain::commands::{Draft, MarketplaceRole, Steering, Subject};
use domain::text::Text;
use domain::{SignedDuration, id::AccountId};
use engine::access::{Caller, Host};
use serde_json::{Value, json};
use testkit::{BUYER, OTHER_PRODUCT, OTHER_SELLER, PRODUCT, Receiver, SELLER};

use super::{ask, seller, subscribe, wanted, willing};
use crate::native::client::Client;
use crate::native::webhooks::{once_all_is_told, wait};
use crate::yandex_market::{Cabinet, chat_id};

fn created(chat: i64, at: &str) -> Value {
    json!({
        "notificationType": "CHAT_CREATED",
        "businessId": SELLER.get(),
        "chatId": chat,
        "createdAt": at,
    })
}

fn sent(chat: i64, message: i64, at: &str) -> Value {
    json!({
        "notificationType": "CHAT_MESSAGE_SENT",
        "businessId": SELLER.get(),
        "chatId": chat,
        "messageId": message.to_string(),
        "sentAt": at,
    })
}

fn arbitrage(kind: &str, chat: i64, time_field: &str, at: &str) -> Value {
    json!({
        "notificationType": kind,
        "businessId": SELLER.get(),
        "chatId": chat,
        time_field: at,
    })
}

async fn next(receiver: &Receiver) -> Value {
    receiver.next().await.json()
}

#[tokio::test]
async fn a_new_url_is_pinged_and_called_with_the_path_of_the_wire() {
    let cabinet = Cabinet::open().await;
    let (seller, receiver) = (seller(&cabinet).await, willing().await);
    let made = ask(&seller, &receiver, &[]).await.ok();
    let ping = receiver.next().await;
    assert_eq!((ping.method.as_str(), ping.path.as_str()), ("POST", "/hook/notification"));
    assert_eq!(ping.header("content-type"), Some("application/json"));
    assert_eq!(ping.header("webhook-signature"), None);
    let told = json!({"notificationType": "PING", "time": "2026-11-21T10:00:00.000Z"});
    assert_eq!(ping.json(), told);
    assert_eq!(
        (&made["state"], &made["last_delivery"]["type"]),
        (&json!("active"), &json!("PING"))
    );

    let chat = cabinet.order_chat(Model::Fbs).await;
    let push = receiver.next().await;
    assert_eq!(push.path, "/hook/notification");
    assert_eq!(push.header("content-type"), Some("application/json"));
    assert_eq!(push.json(), created(chat, "2026-11-21T10:00:00.000Z"));

    let exact = willing().await;
    let mut body = wanted(&exact, &[]);
    body["exact_url"] = json!(true);
    seller.post("/webhooks", body).await.ok();
    assert_eq!(exact.next().await.path, "/hook");
    cabinet.say(BUYER, chat, "вопрос").await;
    assert_eq!(exact.next().await.path, "/hook");
}

#[tokio::test]
async fn the_story_of_a_chat_is_told_key_by_key() {
    let cabinet = Cabinet::open().await;
    let (api, receiver) = (seller(&cabinet).await, willing().await);
    let made = subscribe(&api, &receiver, &[]).await;
    let engine = cabinet.server.engine();
    let host = Host::operator();

    cabinet.server.clock().advance(SignedDuration::from_millis(1_512));
    let chat = cabinet.order_chat(Model::Fbs).await;
    assert_eq!(next(&receiver).await, created(chat, "2026-11-21T10:00:01.512Z"));

    wait(&cabinet.server, 1);
    let reply = cabinet
        .post(&format!("/chats/message?chatId={chat}"), json!({"message": "Ваш заказ"}))
        .await;
    assert_eq!(reply.status, 200);
    let own = cabinet.messages(chat).await[0]["messageId"].as_i64().unwrap();
    assert_eq!(next(&receiver).await, sent(chat, own, "2026-11-21T10:00:02.512Z"));

    wait(&cabinet.server, 1);
    let question = cabinet.say(BUYER, chat, "Где он?").await;
    assert_eq!(next(&receiver).await, sent(chat, question, "2026-11-21T10:00:03.512Z"));
    let found = cabinet.get(&format!("/chats/message?chatId={chat}&messageId={question}")).await;
    assert_eq!(found.result()["createdAt"], "2026-11-21T13:00:03.512+03:00");

    let text = Text::new("Возвращаем деньги", &engine.policy().text).unwrap();
    let role = MarketplaceRole::Market;
    let line = engine
        .post_as_marketplace(host, chat_id(chat), role, Draft::text(text), None)
        .await
        .unwrap();
    let line = line.message.id.get();
    assert_eq!(next(&receiver).await, sent(chat, line, "2026-11-21T10:00:03.512Z"));

    // Of none of this anything is told.
    engine.steer_chat(host, chat_id(chat), Steering::PassTurn(Turn::Market)).await.unwrap();
    engine.mark_read(&Caller::account_holder(SELLER), chat_id(chat), None).await.unwrap();
    engine.hide_chat(&Caller::account_holder(SELLER), chat_id(chat)).await.unwrap();
    cabinet.close(chat).await;
    engine.steer_chat(host, chat_id(chat), Steering::Reopen).await.unwrap();

    wait(&cabinet.server, 1);
    engine.start_dispute(host, chat_id(chat)).await.unwrap();
    let started =
        arbitrage("CHAT_ARBITRAGE_STARTED", chat, "startedAt", "2026-11-21T10:00:04.512Z");
    assert_eq!(next(&receiver).await, started);
    wait(&cabinet.server, 1);
    engine.end_dispute(host, chat_id(chat)).await.unwrap();
    let finished =
        arbitrage("CHAT_ARBITRAGE_FINISHED", chat, "finishedAt", "2026-11-21T10:00:05.512Z");
    assert_eq!(next(&receiver).await, finished);
    once_all_is_told(&api, &made).await;
    receiver.is_left_alone().await;
}

#[tokio::test]
async fn a_chat_that_a_buyer_opens_is_told_of_before_its_first_message() {
    let cabinet = Cabinet::open().await;
    let (api, receiver) = (seller(&cabinet).await, willing().await);
    subscribe(&api, &receiver, &[]).await;
    let chat = cabinet.direct_chat("Есть в наличии?").await;
    let message = cabinet.messages(chat).await[0]["messageId"].as_i64().unwrap();
    let at = "2026-11-21T10:00:00.000Z";
    assert_eq!(next(&receiver).await, created(chat, at));
    assert_eq!(next(&receiver).await, sent(chat, message, at));
    // A DIRECT chat never becomes a dispute (row 13).
    let refused = cabinet.server.engine().start_dispute(Host::operator(), chat_id(chat)).await;
    assert!(refused.is_err());
    receiver.is_left_alone().await;
}

#[tokio::test]
async fn a_dispute_without_a_chat_makes_one_first() {
    let cabinet = Cabinet::open().await;
    let (api, receiver) = (seller(&cabinet).await, willing().await);
    subscribe(&api, &receiver, &[]).await;
    let order = cabinet.server.order(Model::Fbs).await;
    let engine = cabinet.server.engine();
    let host = Host::operator();
    let opened = engine.start_return_dispute(host, order.return_id).await.unwrap();
    let (chat, at) = (opened.chat.id.get(), "2026-11-21T10:00:00.000Z");
    assert_eq!(next(&receiver).await, created(chat, at));
    let started = arbitrage("CHAT_ARBITRAGE_STARTED", chat, "startedAt", at);
    assert_eq!(next(&receiver).await, started);
}

#[tokio::test]
async fn finding_a_chat_that_exists_is_not_told() {
    let cabinet = Cabinet::open().await;
    let (api, receiver) = (seller(&cabinet).await, willing().await);
    subscribe(&api, &receiver, &[]).await;
    let order = cabinet.server.order(Model::Fbs).await;
    let chat = cabinet.create("ORDER", order.id.get()).await;
    assert_eq!(next(&receiver).await["chatId"], chat);
    assert_eq!(cabinet.create("ORDER", order.id.get()).await, chat);
    receiver.is_left_alone().await;
}

#[tokio::test]
async fn only_chats_in_which_the_account_sells_are_told_of() {
    let cabinet = Cabinet::open().await;
    let (api, receiver) = (seller(&cabinet).await, willing().await);
    let other_api = Client::of(&cabinet.server, OTHER_SELLER).await;
    let other = willing().await;
    let made = subscribe(&api, &receiver, &[]).await;
    subscribe(&other_api, &other, &[]).await;
    let open = async |buyer: AccountId, product, text: &str| {
        let engine = cabinet.server.engine();
        let text = Text::new(text, &engine.policy().text).unwrap();
        let subject = Subject::Product(product, None);
        let buyer = Caller::account_holder(buyer);
        engine.open_chat(&buyer, subject, Some(Draft::text(text))).await.unwrap()
    };
    // The seller buys elsewhere.
    let bought = open(SELLER, OTHER_PRODUCT, "Почём?").await;
    assert_eq!(bought.chat.seat(Side::Buyer).account, SELLER);
    let told = next(&other).await;
    assert_eq!(told["businessId"], OTHER_SELLER.get());
    assert_eq!(told["chatId"], bought.chat.id.get());
    assert_eq!(next(&other).await["notificationType"], "CHAT_MESSAGE_SENT");
    once_all_is_told(&api, &made).await;
    receiver.is_left_alone().await;
    let sold = open(BUYER, PRODUCT, "Почём?").await;
    assert_eq!(next(&receiver).await["chatId"], sold.chat.id.get());
    other.is_left_alone().await;
}

#[tokio::test]
async fn a_subscription_chooses_its_types() {
    let cabinet = Cabinet::open().await;
    let (api, receiver) = (seller(&cabinet).await, willing().await);
    subscribe(&api, &receiver, &["CHAT_MESSAGE_SENT"]).await;
    let disputes = willing().await;
    subscribe(&api, &disputes, &["CHAT_ARBITRAGE_FINISHED", "CHAT_CREATED"]).await;
    let chat = cabinet.order_chat(Model::Fbs).await;
    cabinet.say(BUYER, chat, "вопрос").await;
    let engine = cabinet.server.engine();
    engine.start_dispute(Host::operator(), chat_id(chat)).await.unwrap();
    engine.end_dispute(Host::operator(), chat_id(chat)).await.unwrap();
    assert_eq!(next(&receiver).await["notificationType"], "CHAT_MESSAGE_SENT");
    receiver.is_left_alone().await;
    for kind in ["CHAT_CREATED", "CHAT_ARBITRAGE_FINISHED"] {
        assert_eq!(next(&disputes).await["notificationType"], kind);
    }
    disputes.is_left_alone().await;
}
