use std::sync::Arc;

use uuid::Uuid;

use super::*;
use crate::SignedDuration;
use crate::attachment::{Attachment, File};
use crate::batch::{Batch, Outcome, Submission};
use crate::chat::{ActingAs, Context, LastMessage, Seat, State, Turn};
use crate::commands::{Command, Draft, IdempotencyKey, PostMessage};
use crate::event::{Entry, EntryKind};
use crate::id::{AccountId, AttachmentId};
use crate::message::{Author, Role};
use crate::policy::{FileRules, PerModel, SellerRules, TextRules, Writing};
use crate::refusal::Refusal;

const SELLER: i64 = 7;
const BUYER: i64 = 8;
const STRANGER: i64 = 9;
/// The message of each author.
const OF_BUYER: i64 = 101;
const OF_SELLER: i64 = 102;
const OF_SUPPORT: i64 = 103;

fn account(id: i64) -> AccountId {
    AccountId::new(id).unwrap()
}

fn chat_id() -> ChatId {
    ChatId::new(1).unwrap()
}

fn message_id(id: i64) -> MessageId {
    MessageId::new(id).unwrap()
}

fn now() -> Timestamp {
    "2026-11-21T10:00:00Z".parse().unwrap()
}

fn policy() -> Policy {
    let day = Writing::AnswerWithin(SignedDuration::from_hours(24));
    Policy {
        text: TextRules {
            chars_max: 20,
            tidied: false,
            blank_allowed: false,
            control_characters_refused: false,
        },
        files: FileRules { bytes_max: 10, per_message_max: 1, pictures_only: false },
        seller: SellerRules {
            writes: PerModel::all(day),
            writes_elsewhere: day,
            ..SellerRules::UNBOUND
        },
    }
}

fn text(text: &str) -> Text {
    Text::new(text, &policy().text).unwrap()
}

fn photo() -> Attachment {
    let file = File {
        name: "photo.png".to_owned(),
        media_type: "image/png".to_owned(),
        bytes: 10,
        hash: [1; 32],
        is_picture: true,
        pixels: None,
    };
    Attachment {
        id: AttachmentId::new(5).unwrap(),
        owner: account(BUYER),
        file,
        created_at: now(),
        message: Some((chat_id(), message_id(OF_BUYER))),
    }
}

/// A chat about nothing in particular, in which the buyer has sent a photo, the seller and the support a text each.
fn world() -> World {
    let chat = Chat {
        id: chat_id(),
        public_id: Uuid::nil(),
        seller: Seat::new(account(SELLER)),
        buyer: Seat::new(account(BUYER)),
        context: Context::None,
        order: None,
        state: State::Open,
        turn: Turn::Buyer,
        created_at: now(),
        last_message: Some(LastMessage { id: message_id(OF_SUPPORT), at: now() }),
        last_buyer_message_at: Some(now()),
        waiting_since: None,
        blocked_by_buyer: false,
    };
    let message = |id, role, account, text: Option<&str>, attachments| Message {
        id: message_id(id),
        chat: chat.id,
        author: Author { role, account, member: None },
        text: text.map(str::to_owned),
        attachments,
        created_at: now(),
        edited_at: None,
        received_by_seller: 0,
        received_by_buyer: 0,
    };
    let messages = [
        message(OF_BUYER, Role::Buyer, account(BUYER), None, vec![photo()]),
        message(OF_SELLER, Role::Seller, account(SELLER), Some("ответ"), Vec::new()),
        message(OF_SUPPORT, Role::Support, AccountId::MARKETPLACE, Some("помощь"), Vec::new()),
    ];
    let mut world = World::default();
    world.last_ids.message = OF_SUPPORT;
    world.messages = messages.map(|message| ((message.chat, message.id), message)).into();
    world.chats.insert(chat.id, chat);
    world
}

fn world_in(change: impl FnOnce(&mut Chat)) -> World {
    let mut world = world();
    change(world.chats.get_mut(&chat_id()).unwrap());
    world
}

fn by(id: i64) -> Editor {
    Editor::Account(Actor { account: account(id), member: None, acting_as: ActingAs::EitherSide })
}

fn edit(editor: Editor, message: i64, new: &str) -> Command {
    Command::EditMessage(EditMessage {
        editor,
        chat: chat_id(),
        message: message_id(message),
        text: text(new),
    })
}

fn run(world: World, commands: impl IntoIterator<Item = Command>, now: Timestamp) -> Outcome {
    let policy = Arc::new(policy());
    let submissions = commands
        .into_iter()
        .map(|command| Submission { command, policy: Arc::clone(&policy) })
        .collect();
    Batch { submissions, now }.run(world)
}

/// Asserts that an edit is refused, and without a trace.
#[track_caller]
fn refused(world: World, editor: Editor, message: i64, denied: &Denied) {
    let outcome = run(world, [edit(editor, message, "иначе")], now());
    assert_eq!(outcome.answers[0].as_ref(), Err(denied));
    assert!(outcome.changes.updated_messages.is_empty() && outcome.changes.entries.is_empty());
}

/// Asserts that an edit happens, and answers the message and the entries of both logs.
#[track_caller]
fn edited(world: World, editor: Editor, message: i64) -> (Message, Vec<(AccountId, Entry)>) {
    let later = now() + SignedDuration::from_secs(1);
    let outcome = run(world, [edit(editor, message, "иначе")], later);
    let Ok(Answer::Edited { message, .. }) = &outcome.answers[0] else {
        panic!("{:?}", outcome.answers)
    };
    assert_eq!(message.text.as_deref(), Some("иначе"));
    assert_eq!(message.edited_at, Some(later));
    assert_eq!(outcome.changes.updated_messages, [Message::clone(message)]);
    assert!(outcome.changes.chats.is_empty(), "neither marks nor turn nor state have moved");
    assert!(outcome.changes.messages.is_empty() && outcome.changes.attachments.is_empty());
    (Message::clone(message), outcome.changes.entries)
}

#[test]
fn an_author_replaces_the_text_and_both_sides_hear_of_it() {
    for (who, message, side) in [(BUYER, OF_BUYER, Side::Buyer), (SELLER, OF_SELLER, Side::Seller)]
    {
        let before = world().message(chat_id(), message_id(message)).unwrap().clone();
        let (after, entries) = edited(world(), by(who), message);
        assert_eq!(
            Message { text: before.text.clone(), edited_at: None, ..after.clone() },
            before,
            "files, author, time and counters stay"
        );
        let entry = Entry {
            kind: EntryKind::MessageUpdated,
            chat: Some(chat_id()),
            message: Some(after.id),
            side: Some(side),
            webhook: None,
            at: now() + SignedDuration::from_secs(1),
        };
        assert_eq!(entries, [(account(SELLER), entry.clone()), (account(BUYER), entry)]);
    }
}

#[test]
fn what_others_wrote_is_not_changed() {
    let denied = Denied::Refused(Refusal::NotYourMessage);
    refused(world(), by(SELLER), OF_BUYER, &denied);
    refused(world(), by(BUYER), OF_SELLER, &denied);
    refused(world(), by(SELLER), OF_SUPPORT, &denied);
    refused(world(), by(BUYER), OF_SUPPORT, &denied);
}

#[test]
fn a_stranger_learns_nothing_and_an_absent_message_is_not_found() {
    refused(world(), by(STRANGER), OF_BUYER, &Denied::NotFound(Missing::Chat));
    refused(World::default(), by(BUYER), OF_BUYER, &Denied::NotFound(Missing::Chat));
    let sells_only = Actor { account: account(BUYER), member: None, acting_as: ActingAs::Seller };
    let sells_only = Editor::Account(sells_only);
    refused(world(), sells_only, OF_BUYER, &Denied::NotFound(Missing::Chat));
    refused(world(), by(BUYER), 404, &Denied::NotFound(Missing::Message));
    refused(world(), Editor::Marketplace, 404, &Denied::NotFound(Missing::Message));
}

#[test]
fn who_may_not_write_may_not_edit() {
    let settled = || world_in(|chat| chat.state = State::Settled);
    refused(settled(), by(SELLER), OF_SELLER, &Denied::Refused(Refusal::DisputeEnded));
    refused(settled(), by(BUYER), OF_BUYER, &Denied::Refused(Refusal::DisputeEnded));
    let closed = || world_in(|chat| chat.state = State::Closed);
    refused(closed(), by(SELLER), OF_SELLER, &Denied::Refused(Refusal::ChatClosed));
    let blocked = world_in(|chat| chat.blocked_by_buyer = true);
    refused(blocked, by(SELLER), OF_SELLER, &Denied::Refused(Refusal::BlockedByBuyer));
    let silent = world_in(|chat| chat.last_buyer_message_at = None);
    let window = Refusal::SendingWindowClosed { closed_at: None };
    refused(silent, by(SELLER), OF_SELLER, &Denied::Refused(window));

    // The buyer may write in a closed chat; an edit does not open it, since nothing new was said.
    edited(closed(), by(BUYER), OF_BUYER);
}

#[test]
fn the_marketplace_edits_any_message_in_any_state() {
    for state in [State::Open, State::Closed, State::Disputed, State::Settled] {
        for message in [OF_BUYER, OF_SELLER, OF_SUPPORT] {
            let world = world_in(|chat| chat.state = state);
            let (_, entries) = edited(world, Editor::Marketplace, message);
            assert_eq!(entries.len(), 2);
            assert!(entries.iter().all(|(_, entry)| entry.side.is_none()));
        }
    }
}

#[test]
fn the_same_text_once_more_is_no_edit() {
    let outcome = run(world(), [edit(by(SELLER), OF_SELLER, "ответ")], now());
    let Ok(Answer::Edited { message, .. }) = &outcome.answers[0] else {
        panic!("{:?}", outcome.answers)
    };
    assert_eq!(message.edited_at, None);
    assert!(outcome.changes.updated_messages.is_empty() && outcome.changes.entries.is_empty());
}

#[test]
fn a_message_of_the_same_batch_is_edited_too() {
    let Editor::Account(actor) = by(BUYER) else { unreachable!() };
    let key = IdempotencyKey { key: "k".to_owned(), fingerprint: [0; 32] };
    let draft = Draft { idempotency_key: Some(key), ..Draft::text(text("раз")) };
    let post = Command::PostMessage(PostMessage { actor, chat: chat_id(), draft });
    let id = now().as_microsecond();
    let outcome = run(world(), [post.clone(), edit(by(BUYER), id, "два"), post], now());
    let texts: Vec<_> = outcome
        .answers
        .iter()
        .map(|answer| match answer {
            Ok(Answer::Posted { message, .. } | Answer::Edited { message, .. }) => {
                message.text.as_deref().unwrap()
            }
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(texts, ["раз", "два", "два"], "a repeat answers the message as it is now");
    assert_eq!(outcome.changes.updated_messages[0].id, outcome.changes.messages[0].id);
}
