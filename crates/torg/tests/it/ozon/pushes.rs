//! What a seller's program is told, and what not (Ozon contract §9.5, §11.20).

use domain::SignedDuration;
use domain::catalog::Model;
use domain::chat::{Chat, Side};
use domain::commands::{Attached, Draft, MarketplaceRole, Steering, Subject};
use domain::id::{AccountId, MessageId};
use domain::message::Message;
use domain::text::Text;
use engine::access::{Caller, Host};
use serde_json::{Value, json};
use testkit::{BUYER, OTHER_PRODUCT, OTHER_SELLER, PRODUCT, Receiver, SELLER, Server};

use super::client::{Client, ask_as_buyer, market, open_as_buyer};
use super::receiver::{Pushed as _, listening, subscribe};

const CHAT_TYPES: [&str; 4] =
    ["TYPE_NEW_MESSAGE", "TYPE_UPDATE_MESSAGE", "TYPE_MESSAGE_READ", "TYPE_CHAT_CLOSED"];

fn text(server: &Server, text: &str) -> Text {
    Text::new(text, &server.engine().policy().text).unwrap()
}

fn milliseconds(message: &Message) -> String {
    format!("{:.3}", message.created_at)
}

/// The chat about an order, in which nobody has written.
async fn empty_chat(server: &Server) -> Chat {
    let order = server.order(Model::Fbs).await;
    open_as_buyer(server, Subject::Order(order.id), None).await
}

/// The buyer writes, and the receiver is told of that and of nothing before.
async fn is_told_nothing_else(server: &Server, receiver: &Receiver, chat: &Chat) {
    let message = server.say(BUYER, chat.id, "Что-то ещё?").await;
    let told = receiver.told().await;
    assert_eq!(
        (&told["message_type"], &told["message_id"]),
        (&json!("TYPE_NEW_MESSAGE"), &json!(message.id.to_string())),
        "{told}"
    );
}

#[tokio::test]
async fn a_new_message_is_told_as_the_contract_shows_it() {
    let server = market().await;
    let receiver = listening().await;
    let chat = empty_chat(&server).await;
    subscribe(&Client::new(&server).await, &receiver, &CHAT_TYPES).await;
    server.clock().advance(SignedDuration::from_millis(528));
    let message = server.say(BUYER, chat.id, "Текст сообщения").await;
    assert_eq!(
        receiver.told().await,
        json!({
            "message_type": "TYPE_NEW_MESSAGE",
            "chat_id": chat.public_id.to_string(),
            "chat_type": "Buyer_Seller",
            "message_id": message.id.to_string(),
            "created_at": "2026-11-21T10:00:00.528Z",
            "user": {"id": "42", "type": "Customer"},
            "data": ["Текст сообщения"],
            "seller_id": 60_770_001,
        })
    );
}

#[tokio::test]
async fn an_edit_is_told_with_both_times() {
    let server = market().await;
    let receiver = listening().await;
    let chat = empty_chat(&server).await;
    subscribe(&Client::new(&server).await, &receiver, &CHAT_TYPES).await;
    let message = server.say(BUYER, chat.id, "Старый текст").await;
    receiver.told().await;
    server.clock().advance(SignedDuration::from_mins(1));
    let buyer = Caller::account_holder(BUYER);
    let engine = server.engine();
    let edit = |to| engine.edit_message(&buyer, chat.id, message.id, text(&server, to));
    edit("Новый текст").await.unwrap();
    let mut expected = json!({
        "message_type": "TYPE_UPDATE_MESSAGE",
        "chat_id": chat.public_id.to_string(),
        "chat_type": "Buyer_Seller",
        "message_id": message.id.to_string(),
        "created_at": "2026-11-21T10:00:00.000Z",
        "updated_at": "2026-11-21T10:01:00.000Z",
        "user": {"id": "42", "type": "Customer"},
        "data": ["Новый текст"],
        "seller_id": 60_770_001,
    });
    assert_eq!(receiver.told().await, expected);

    // The same text once more is no edit. A moderator's is one, and the message stays the buyer's.
    edit("Новый текст").await.unwrap();
    let moderated = text(&server, "Скрыто модератором");
    engine.edit_as_marketplace(Host::operator(), chat.id, message.id, moderated).await.unwrap();
    expected["data"] = json!(["Скрыто модератором"]);
    assert_eq!(receiver.told().await, expected);
}

#[tokio::test]
async fn reading_is_told_once_for_each_advance() {
    let server = market().await;
    let client = Client::new(&server).await;
    let receiver = listening().await;
    let chat = empty_chat(&server).await;
    let mut sent = Vec::new();
    for number in ["1", "2", "3"] {
        sent.push(server.say(SELLER, chat.id, number).await);
        server.clock().advance(SignedDuration::from_secs(5));
    }
    subscribe(&client, &receiver, &CHAT_TYPES).await;
    let read = async |account: AccountId, up_to: Option<MessageId>| {
        let reader = Caller::account_holder(account);
        server.engine().mark_read(&reader, chat.id, up_to).await.unwrap();
    };
    // Between the second message and the third there is a position that no message has.
    let between = MessageId::new(sent[1].id.get() + 1);
    for (position, newest) in [(Some(sent[0].id), &sent[0]), (between, &sent[1])] {
        read(BUYER, position).await;
        read(BUYER, position).await;
        assert_eq!(
            receiver.told().await,
            json!({
                "message_type": "TYPE_MESSAGE_READ",
                "chat_id": chat.public_id.to_string(),
                "chat_type": "Buyer_Seller",
                "message_id": newest.id.to_string(),
                "created_at": milliseconds(newest),
                "user": {"id": "42", "type": "Customer"},
                "last_read_message_id": newest.id.to_string(),
                "seller_id": 60_770_001,
            })
        );
    }
    // The mark stands where it was read, also behind the buyer's own line.
    let own = server.say(BUYER, chat.id, "Спасибо").await;
    receiver.told().await;
    read(BUYER, None).await;
    assert_eq!(receiver.told().await["last_read_message_id"], own.id.to_string());
    // What the seller reads is no news to it.
    read(SELLER, None).await;
    is_told_nothing_else(&server, &receiver, &chat).await;
}

#[tokio::test]
async fn a_push_marks_nothing_as_delivered_or_read() {
    let server = market().await;
    let client = Client::new(&server).await;
    let receiver = listening().await;
    let chat = empty_chat(&server).await;
    subscribe(&client, &receiver, &CHAT_TYPES).await;
    server.say(BUYER, chat.id, "Текст").await;
    receiver.told().await;
    is_told_nothing_else(&server, &receiver, &chat).await;
    let marks = server.chat(BUYER, chat.id).await.seller.marks;
    assert_eq!((marks.unread, marks.read_up_to, marks.delivered_up_to), (2, None, None));
    assert_eq!(client.list(&json!({})).await["total_unread_count"], 2);
}

#[tokio::test]
async fn the_end_of_a_chat_is_told_each_time() {
    let server = market().await;
    let receiver = listening().await;
    let chat = empty_chat(&server).await;
    subscribe(&Client::new(&server).await, &receiver, &CHAT_TYPES).await;
    let (engine, host) = (server.engine(), Host::operator());
    let closed_by = |id: &str, user_type: &str| {
        json!({
            "message_type": "TYPE_CHAT_CLOSED",
            "chat_id": chat.public_id.to_string(),
            "chat_type": "Buyer_Seller",
            "user": {"id": id, "type": user_type},
            "seller_id": 60_770_001,
        })
    };
    for _ in 0..2 {
        engine.steer_chat(host, chat.id, Steering::Close).await.unwrap();
        engine.steer_chat(host, chat.id, Steering::Close).await.unwrap();
        let expected = closed_by("o3_notification_user_sc", "NotificationUser");
        assert_eq!(receiver.told().await, expected);
        engine.steer_chat(host, chat.id, Steering::Reopen).await.unwrap();
    }
    engine.start_dispute(host, chat.id).await.unwrap();
    engine.end_dispute(host, chat.id).await.unwrap();
    let marketplace = AccountId::MARKETPLACE.to_string();
    assert_eq!(receiver.told().await, closed_by(&marketplace, "Support"));
    receiver.is_left_alone().await;
}

#[tokio::test]
async fn the_marketplace_s_people_are_told_of_and_what_is_sent_is_what_history_shows() {
    let server = market().await;
    let client = Client::new(&server).await;
    let receiver = listening().await;
    let chat = empty_chat(&server).await;
    subscribe(&client, &receiver, &CHAT_TYPES).await;
    let engine = server.engine();
    for role in [MarketplaceRole::Support, MarketplaceRole::Arbiter, MarketplaceRole::Market] {
        let draft = Draft::text(text(&server, "Строка\nи [ссылка](https://example.test)"));
        engine.post_as_marketplace(Host::operator(), chat.id, role, draft, None).await.unwrap();
    }
    let buyer = Caller::account_holder(BUYER);
    let mut draft = Draft::text(text(&server, "Вот акт"));
    let upload = engine.examine_file(Some("акт.txt"), vec![b'x'; 1025].into()).await.unwrap();
    draft.attachments.push(Attached::Stored(engine.attach_file(&buyer, upload).await.unwrap().id));
    engine.post_message(&buyer, chat.id, draft).await.unwrap();

    let history = client.history(&chat.public_id.to_string()).await;
    assert_eq!(history.len(), 4);
    for shown in &history {
        let told = receiver.told().await;
        assert_eq!(told["message_id"], shown["message_id"].to_string());
        assert_eq!((&told["user"], &told["data"]), (&shown["user"], &shown["data"]));
    }
    let types: Vec<_> = history.iter().map(|shown| shown["user"]["type"].clone()).collect();
    assert_eq!(types, ["Support", "Support", "NotificationUser", "Customer"]);
    assert_eq!(history[3]["data"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn sellers_are_not_told_what_they_did_themselves_nor_what_changes_nothing_for_them() {
    let server = market().await;
    let client = Client::new(&server).await;
    let receiver = listening().await;
    let chat = empty_chat(&server).await;
    subscribe(&client, &receiver, &CHAT_TYPES).await;
    let public_id = chat.public_id.to_string();
    client.send(&public_id, "Здравствуйте!").await.succeeded();
    client.send_file(&public_id, "акт.txt", b"x").await.succeeded();
    let own = server.say(SELLER, chat.id, "Опечатка").await;
    let (engine, host) = (server.engine(), Host::operator());
    let (seller, buyer) = (Caller::account_holder(SELLER), Caller::account_holder(BUYER));
    engine.edit_message(&seller, chat.id, own.id, text(&server, "Исправлено")).await.unwrap();
    engine.edit_as_marketplace(host, chat.id, own.id, text(&server, "Скрыто")).await.unwrap();
    engine.hide_chat(&seller, chat.id).await.unwrap();
    engine.set_block(&buyer, chat.id, true).await.unwrap();
    engine.set_block(&buyer, chat.id, false).await.unwrap();
    engine.start_dispute(host, chat.id).await.unwrap();
    client.history(&public_id).await;
    empty_chat(&server).await;
    is_told_nothing_else(&server, &receiver, &chat).await;
    receiver.is_left_alone().await;
}

#[tokio::test]
async fn only_the_types_of_an_address_are_told_and_postings_never_are() {
    let server = market().await;
    let client = Client::new(&server).await;
    let chat = empty_chat(&server).await;
    let (closings, all, postings) = (listening().await, listening().await, listening().await);
    subscribe(&client, &closings, &["TYPE_CHAT_CLOSED"]).await;
    subscribe(&client, &all, &CHAT_TYPES).await;
    subscribe(&client, &postings, &["TYPE_NEW_POSTING", "TYPE_STATE_CHANGED"]).await;
    server.say(BUYER, chat.id, "1").await;
    server.engine().mark_read(&Caller::account_holder(BUYER), chat.id, None).await.unwrap();
    let host = Host::operator();
    server.engine().steer_chat(host, chat.id, Steering::Close).await.unwrap();
    server.order(Model::Fbs).await;
    for expected in ["TYPE_NEW_MESSAGE", "TYPE_MESSAGE_READ", "TYPE_CHAT_CLOSED"] {
        assert_eq!(all.told().await["message_type"], expected);
    }
    assert_eq!(closings.told().await["message_type"], "TYPE_CHAT_CLOSED");
    for receiver in [&closings, &all, &postings] {
        receiver.is_left_alone().await;
    }
}

/// `buyer` asks the seller of a product.
async fn ask_about(server: &Server, buyer: AccountId, subject: Subject) -> Chat {
    let question = Draft::text(text(server, "В наличии?"));
    let buyer = Caller::account_holder(buyer);
    server.engine().open_chat(&buyer, subject, Some(question)).await.unwrap().chat
}

#[tokio::test]
async fn nobody_is_told_of_chats_in_which_the_account_does_not_sell() {
    let server = market().await;
    let (seller, other) = (Client::new(&server).await, Client::of(&server, OTHER_SELLER).await);
    let buyer = Client::of(&server, BUYER).await;
    let (of_seller, of_other, of_buyer) = (listening().await, listening().await, listening().await);
    subscribe(&seller, &of_seller, &CHAT_TYPES).await;
    subscribe(&other, &of_other, &CHAT_TYPES).await;
    subscribe(&buyer, &of_buyer, &CHAT_TYPES).await;

    // The seller buys from another one. That one is told, and the seller is not, whatever happens there.
    let bought = ask_about(&server, SELLER, Subject::Product(OTHER_PRODUCT, None)).await;
    let told = of_other.told().await;
    assert_eq!(
        (&told["seller_id"], &told["user"]["id"]),
        (&json!(OTHER_SELLER.get()), &json!(SELLER.to_string()))
    );
    let answer = server.say(OTHER_SELLER, bought.id, "Да").await;
    let answering = Caller::account_holder(OTHER_SELLER);
    let (engine, host) = (server.engine(), Host::operator());
    engine.edit_message(&answering, bought.id, answer.id, text(&server, "Да!")).await.unwrap();
    engine.mark_read(&answering, bought.id, None).await.unwrap();
    engine.mark_read(&Caller::account_holder(SELLER), bought.id, None).await.unwrap();
    assert_eq!(of_other.told().await["message_type"], "TYPE_MESSAGE_READ");
    engine.steer_chat(host, bought.id, Steering::Close).await.unwrap();
    assert_eq!(of_other.told().await["message_type"], "TYPE_CHAT_CLOSED");

    // Where it sells, it is the only one who is told.
    let sold = ask_about(&server, BUYER, Subject::Product(PRODUCT, None)).await;
    let told = of_seller.told().await;
    assert_eq!(told["chat_id"], sold.public_id.to_string());
    assert_eq!(sold.seat(Side::Seller).account, SELLER);
    for receiver in [&of_seller, &of_other, &of_buyer] {
        receiver.is_left_alone().await;
    }
}

#[tokio::test]
async fn an_address_is_told_what_happens_after_it_was_set_and_nothing_more_once_it_is_off() {
    let server = market().await;
    let client = Client::new(&server).await;
    let receiver = listening().await;
    let order = server.order(Model::Fbs).await;
    let chat = ask_as_buyer(&server, Subject::Order(order.id), "Раньше").await;
    let id = subscribe(&client, &receiver, &CHAT_TYPES).await;
    is_told_nothing_else(&server, &receiver, &chat).await;

    // What happens while it is off is told when it is on again.
    let enable = async |enabled: bool| {
        let body = json!({"id": id, "enabled": enabled});
        client.post("/v1/notification/enable", &body).await.succeeded();
    };
    enable(false).await;
    // It takes a moment until nothing more is begun.
    receiver.is_left_alone().await;
    let missed = server.say(BUYER, chat.id, "Пропущено").await;
    receiver.is_left_alone().await;
    enable(true).await;
    receiver.is_pinged().await;
    assert_eq!(receiver.told().await["message_id"], missed.id.to_string());

    // Types that are changed count for what is told from then on.
    let body = json!({"id": id, "types": ["TYPE_CHAT_CLOSED"]});
    client.post("/v1/notification/update", &body).await.succeeded();
    receiver.is_left_alone().await;
    server.say(BUYER, chat.id, "Не о том").await;
    server.engine().steer_chat(Host::operator(), chat.id, Steering::Close).await.unwrap();
    assert_eq!(receiver.told().await["message_type"], "TYPE_CHAT_CLOSED");

    let deleted = client.post("/v1/notification/delete", &json!({"id": id})).await;
    assert_eq!(deleted.succeeded(), &Value::Object(serde_json::Map::new()));
    server.engine().steer_chat(Host::operator(), chat.id, Steering::Reopen).await.unwrap();
    server.engine().steer_chat(Host::operator(), chat.id, Steering::Close).await.unwrap();
    receiver.is_left_alone().await;
}
