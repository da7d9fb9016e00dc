use domain::chat::{Context, LastMessage, Seat, State, Turn};
use domain::id::ChatId;
use domain::marks::Marks;
use serde_json::Value;
use uuid::Uuid;

use super::*;

const CHAT: &str = "b646d975-0c9c-4872-9f41-8b1e57181063";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn account(id: i64) -> AccountId {
    AccountId::new(id).unwrap()
}

fn seat(id: i64) -> Seat {
    Seat { account: account(id), marks: Marks::default(), hidden: false }
}

fn chat() -> Chat {
    Chat {
        id: ChatId::new(1).unwrap(),
        public_id: CHAT.parse::<Uuid>().unwrap(),
        seller: seat(7),
        buyer: seat(115_568),
        context: Context::None,
        order: None,
        state: State::Open,
        turn: Turn::Nobody,
        created_at: at("2026-10-02T08:00:00Z"),
        last_message: None::<LastMessage>,
        last_buyer_message_at: None,
        waiting_since: None,
        blocked_by_buyer: false,
    }
}

fn message_by(role: Role) -> Message {
    Message {
        id: MessageId::new(100_000_000_121).unwrap(),
        chat: ChatId::new(1).unwrap(),
        author: author(&chat(), role),
        text: Some("Текст сообщения".to_owned()),
        attachments: Vec::new(),
        created_at: at("2026-10-02T08:11:30.528Z"),
        edited_at: None,
        received_by_seller: 1,
        received_by_buyer: 0,
    }
}

fn entry(kind: EntryKind, side: Option<Side>) -> Entry {
    let message = MessageId::new(100_000_000_121);
    let at = at("2026-10-02T08:12:30.528Z");
    Entry { kind, chat: ChatId::new(1), message, side, webhook: None, at }
}

/// What a receiver is told, as text.
fn told(entry: &Entry, message: &Message) -> Option<Value> {
    let body = News::of(entry)?.body(&chat(), Some(message), "https://chat.example.org")?;
    Some(serde_json::to_value(body).unwrap())
}

#[test]
fn the_bodies_are_the_contract_s_examples() {
    let buyer = Some(Side::Buyer);
    let written = message_by(Role::Buyer);
    assert_eq!(
        told(&entry(EntryKind::MessageCreated, buyer), &written).unwrap(),
        json!({
            "message_type": "TYPE_NEW_MESSAGE",
            "chat_id": CHAT,
            "chat_type": "Buyer_Seller",
            "message_id": "100000000121",
            "created_at": "2026-10-02T08:11:30.528Z",
            "user": {"id": "115568", "type": "Customer"},
            "data": ["Текст сообщения"],
            "seller_id": 7,
        })
    );
    let edited = Message {
        text: Some("Новый текст".to_owned()),
        edited_at: Some(at("2026-10-02T08:12:30.528Z")),
        ..written.clone()
    };
    assert_eq!(
        told(&entry(EntryKind::MessageUpdated, buyer), &edited).unwrap(),
        json!({
            "message_type": "TYPE_UPDATE_MESSAGE",
            "chat_id": CHAT,
            "chat_type": "Buyer_Seller",
            "message_id": "100000000121",
            "created_at": "2026-10-02T08:11:30.528Z",
            "updated_at": "2026-10-02T08:12:30.528Z",
            "user": {"id": "115568", "type": "Customer"},
            "data": ["Новый текст"],
            "seller_id": 7,
        })
    );
    let read = Message { created_at: at("2026-10-02T08:15:00Z"), ..message_by(Role::Seller) };
    assert_eq!(
        told(&entry(EntryKind::ChatRead, buyer), &read).unwrap(),
        json!({
            "message_type": "TYPE_MESSAGE_READ",
            "chat_id": CHAT,
            "chat_type": "Buyer_Seller",
            "message_id": "100000000121",
            "created_at": "2026-10-02T08:15:00.000Z",
            "user": {"id": "115568", "type": "Customer"},
            "last_read_message_id": "100000000121",
            "seller_id": 7,
        })
    );
    assert_eq!(
        told(&entry(EntryKind::ChatClosed, buyer), &written).unwrap(),
        json!({
            "message_type": "TYPE_CHAT_CLOSED",
            "chat_id": CHAT,
            "chat_type": "Buyer_Seller",
            "user": {"id": "115568", "type": "Customer"},
            "seller_id": 7,
        })
    );
    let ping: Value = serde_json::from_str(&ping(at("2026-10-02T08:00:00Z"))).unwrap();
    assert_eq!(ping, json!({"message_type": "TYPE_PING", "time": "2026-10-02T08:00:00.000Z"}));
}

#[test]
fn who_wrote_or_closed_is_named_in_the_words_of_pushes() {
    let marketplace = "9007199254740991";
    let notices = "o3_notification_user_sc";
    for (kind, author, id, user_type) in [
        (EntryKind::MessageCreated, Role::Support, marketplace, "Support"),
        (EntryKind::MessageCreated, Role::Arbiter, marketplace, "Support"),
        (EntryKind::MessageCreated, Role::Market, notices, "NotificationUser"),
        (EntryKind::MessageUpdated, Role::Support, marketplace, "Support"),
        (EntryKind::ChatClosed, Role::Buyer, notices, "NotificationUser"),
        (EntryKind::DisputeEnded, Role::Buyer, marketplace, "Support"),
    ] {
        let body = told(&entry(kind, None), &message_by(author)).unwrap();
        assert_eq!(body["user"], json!({"id": id, "type": user_type}), "{kind:?} {author:?}");
    }
}

#[test]
fn sellers_are_not_told_what_they_did_themselves() {
    let own = message_by(Role::Seller);
    let seller = Some(Side::Seller);
    assert_eq!(told(&entry(EntryKind::MessageCreated, seller), &own), None);
    assert_eq!(told(&entry(EntryKind::MessageUpdated, seller), &own), None);
    assert_eq!(told(&entry(EntryKind::MessageUpdated, None), &own), None, "by a moderator");
    assert_eq!(told(&entry(EntryKind::ChatRead, seller), &message_by(Role::Buyer)), None);
}

#[test]
fn everything_else_is_silent() {
    for kind in [
        EntryKind::ChatOpened,
        EntryKind::ChatDelivered,
        EntryKind::ChatTurnChanged,
        EntryKind::ChatReopened,
        EntryKind::DisputeStarted,
        EntryKind::ChatHidden,
        EntryKind::ChatShown,
        EntryKind::ChatBlocked,
        EntryKind::ChatUnblocked,
        EntryKind::WebhookFailing,
        EntryKind::WebhookSwitchedOff,
    ] {
        for side in [None, Some(Side::Buyer), Some(Side::Seller)] {
            assert_eq!(News::of(&entry(kind, side)), None, "{kind:?}");
        }
    }
}
