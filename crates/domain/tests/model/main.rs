//! Random commands against a model that is too simple to be wrong.
//!
//! The model keeps what was said and how far each side has read, nothing else, and counts everything anew each time.

#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod memory;
mod plan;

use std::collections::HashMap;

use domain::Timestamp;
use domain::batch::{Batch, Changes};
use domain::chat::{Chat, ChatKey, Side, State};
use domain::commands::{Answer, Command, EditMessage, Editor};
use domain::id::{ChatId, MessageId};
use domain::message::{Message, Role};
use domain::permission::{may_edit, may_write};
use domain::refusal::{Denied, Missing, Refusal};
use memory::Memory;
use plan::{Step, policies, steps};
use proptest::prelude::*;

/// What was said in one chat, and how far each side has read.
#[derive(Default)]
struct Told {
    messages: Vec<(MessageId, Role)>,
    texts: HashMap<MessageId, Option<String>>,
    /// How often a text was replaced by another.
    edits: usize,
    read: HashMap<Side, MessageId>,
}

#[derive(Default)]
struct Model {
    chats: HashMap<ChatId, Told>,
    last_message: Option<MessageId>,
}

impl Model {
    fn hear(&mut self, command: &Command, answer: &Answer, before: &Memory) {
        match (command, answer) {
            (_, Answer::Posted { message, replayed: false, .. }) => self.say(message),
            (Command::EditMessage(edit), Answer::Edited { .. }) => {
                let told = self.chats.get_mut(&edit.chat).unwrap();
                let text = Some(edit.text.as_str().to_owned());
                let before = told.texts.insert(edit.message, text.clone()).unwrap();
                told.edits += usize::from(before != text);
            }
            (Command::OpenChat(_), Answer::Opened { chat, message, replayed, .. }) => {
                self.chats.entry(chat.id).or_default();
                if let Some(message) = message.as_ref().filter(|_| !replayed) {
                    self.say(message);
                }
            }
            (Command::Dispute(_), Answer::Opened { chat, .. }) => {
                self.chats.entry(chat.id).or_default();
            }
            (Command::MarkRead(read), Answer::Read { .. }) => {
                let side = read.actor.side_in(&before.chats[&read.chat]).unwrap();
                let told = self.chats.get_mut(&read.chat).unwrap();
                let up_to = read.up_to.unwrap_or(MessageId::LARGEST);
                let newest =
                    told.messages.iter().map(|(id, _)| *id).filter(|&id| id <= up_to).max();
                if let Some(newest) = newest {
                    let read = told.read.entry(side).or_insert(newest);
                    *read = newest.max(*read);
                }
            }
            _ => {}
        }
    }

    fn say(&mut self, message: &Message) {
        let id = message.id;
        assert!(self.last_message < Some(id), "message ids rise over the whole server");
        self.last_message = Some(id);
        let told = self.chats.entry(message.chat).or_default();
        told.messages.push((id, message.author.role));
        told.texts.insert(id, message.text.clone());
    }
}

fn check_chat(chat: &Chat, told: &Told) {
    for side in [Side::Seller, Side::Buyer] {
        let marks = chat.seat(side).marks;
        let received: Vec<MessageId> = told
            .messages
            .iter()
            .filter(|(_, role)| *role != Role::from(side))
            .map(|(id, _)| *id)
            .collect();
        let read = told.read.get(&side).copied();
        let unread: Vec<_> = received.iter().filter(|&&id| read < Some(id)).copied().collect();
        assert_eq!(marks.read_up_to, read, "{side:?} has read");
        assert_eq!(marks.received, i64::try_from(received.len()).unwrap(), "{side:?} received");
        assert_eq!(marks.unread, i64::try_from(unread.len()).unwrap(), "{side:?} unread");
        assert_eq!(marks.first_unread, unread.first().copied(), "{side:?} first unread");
        assert!(marks.read_up_to <= marks.delivered_up_to, "what was read was delivered");
    }
    assert_eq!(chat.last_message.map(|last| last.id), told.messages.last().map(|(id, _)| *id));
    assert_eq!(chat.waiting_since.is_some(), chat.phase() == domain::chat::Phase::WaitingForSeller);
}

/// A refusal of the rules that `may_write` speaks of.
fn is_about_permission(refusal: &Refusal) -> bool {
    matches!(
        refusal,
        Refusal::ChatClosed
            | Refusal::DisputeEnded
            | Refusal::BlockedByBuyer
            | Refusal::SendingWindowClosed { .. }
    )
}

/// No more new ids are used up than were wanted.
fn check_ids(before: &Memory, batch: &Batch, changes: &Changes) {
    let wanted = batch.ids_wanted();
    let new_chats = changes.chats.values().filter(|change| change.before.is_none()).count();
    assert!(i64::try_from(new_chats).unwrap() <= wanted.chats);
    assert!(i64::try_from(changes.messages.len()).unwrap() <= wanted.messages);
    assert!(changes.last_ids.attachment - before.last_ids.attachment <= wanted.attachments);
}

/// Permission and decision are one rule asked twice.
fn check_permission(memory: &Memory, batch: &Batch, answer: &Result<Answer, Denied>) {
    let [submission] = &batch.submissions[..] else { return };
    let Command::PostMessage(post) = &submission.command else { return };
    let Some(chat) = memory.chats.get(&post.chat) else { return };
    let order = chat.order.and_then(|order| memory.orders.get(&order));
    let Some(side) = post.actor.side_in(chat) else {
        assert!(matches!(answer, Err(Denied::NotFound(_))), "a stranger learns nothing");
        return;
    };
    let permission = may_write(chat, order, side, &submission.policy, batch.now).require();
    match (permission, answer) {
        (Err(refusal), Err(Denied::Refused(decided))) => {
            assert!(*decided == refusal || *decided == Refusal::IdempotencyKeyReused);
        }
        // A repeat is answered whatever the permission; the files of a draft are looked at after it.
        (Err(_), Ok(Answer::Posted { replayed: true, .. }))
        | (Ok(()), Ok(_) | Err(Denied::NotFound(Missing::Attachment))) => {}
        (Ok(()), Err(Denied::Refused(refusal))) => {
            assert!(!is_about_permission(refusal), "{refusal:?}");
        }
        (permission, answer) => panic!("permission says {permission:?}, the decision {answer:?}"),
    }
}

/// The same of an edit: who wrote a message and whether its author may write decide, and nothing else.
fn check_edit(memory: &Memory, batch: &Batch, answer: &Result<Answer, Denied>) {
    let [submission] = &batch.submissions[..] else { return };
    let Command::EditMessage(EditMessage { editor, chat, message, .. }) = &submission.command
    else {
        return;
    };
    let refused = |expected: Denied| assert_eq!(answer.as_ref(), Err(&expected));
    let Some(chat) = memory.chats.get(chat) else {
        return refused(Denied::NotFound(Missing::Chat));
    };
    let side = match editor {
        Editor::Marketplace => None,
        Editor::Account(actor) => match actor.side_in(chat) {
            Some(side) => Some(side),
            None => return refused(Denied::NotFound(Missing::Chat)),
        },
    };
    let found = memory.messages.iter().find(|it| (it.chat, it.id) == (chat.id, *message));
    let Some(found) = found else { return refused(Denied::NotFound(Missing::Message)) };
    if let Some(side) = side {
        let order = chat.order.and_then(|order| memory.orders.get(&order));
        let permission = may_edit(found, chat, order, side, &submission.policy, batch.now);
        if let Err(refusal) = permission.require() {
            return refused(Denied::Refused(refusal));
        }
    }
    assert!(matches!(answer, Ok(Answer::Edited { .. })), "{answer:?}");
}

fn tell(story: Vec<Step>) {
    let policies = policies();
    let mut memory = Memory::with_facts();
    let mut model = Model::default();
    let mut now: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();

    for step in story {
        now += step.later;
        let batch = step.batch(&memory, &policies, now);
        let before = memory.clone();
        let outcome = memory.commit(&batch);

        assert_eq!(outcome.answers.len(), batch.submissions.len());
        if outcome.answers.iter().all(Result::is_err) {
            assert!(outcome.changes.chats.is_empty(), "a refusal changes nothing");
            assert!(outcome.changes.messages.is_empty() && outcome.changes.entries.is_empty());
            assert!(outcome.changes.updated_messages.is_empty());
            assert!(outcome.changes.attachments.is_empty() && outcome.changes.receipts.is_empty());
            assert!(outcome.changes.unread().is_empty());
        }
        check_ids(&before, &batch, &outcome.changes);
        check_permission(&before, &batch, &outcome.answers[0]);
        check_edit(&before, &batch, &outcome.answers[0]);
        for (submission, answer) in batch.submissions.iter().zip(&outcome.answers) {
            if let Ok(answer) = answer {
                // Within a batch a chat may be younger than the batch.
                model.hear(&submission.command, answer, &memory);
            }
        }

        let mut keys: HashMap<ChatKey, ChatId> = HashMap::new();
        for chat in memory.chats.values() {
            assert_eq!(keys.insert(chat.key(), chat.id), None, "one chat for each key");
            check_chat(chat, &model.chats[&chat.id]);
            if let Some(earlier) = before.chats.get(&chat.id) {
                check_forward(earlier, chat);
            }
        }
        check_totals(&memory);
        check_texts(&memory, &model);
    }
}

/// Positions only move forward, and what is settled stays so.
fn check_forward(earlier: &Chat, chat: &Chat) {
    for side in [Side::Seller, Side::Buyer] {
        let (before, after) = (earlier.seat(side).marks, chat.seat(side).marks);
        assert!(
            before.read_up_to <= after.read_up_to
                && before.delivered_up_to <= after.delivered_up_to
        );
    }
    assert!(earlier.state != State::Settled || chat.state == State::Settled);
}

/// The totals that a store adds up from changes equal a recount, and each side's log tells of every message.
fn check_totals(memory: &Memory) {
    for account in plan::accounts() {
        for side in [Side::Seller, Side::Buyer] {
            let seats = || {
                memory
                    .chats
                    .values()
                    .map(|chat| chat.seat(side))
                    .filter(|seat| seat.account == account)
            };
            let recount = |hidden| -> i64 {
                seats().filter(|seat| seat.hidden == hidden).map(|seat| seat.marks.unread).sum()
            };
            let totals = memory.unread.get(&(account, side)).copied().unwrap_or_default();
            assert_eq!((totals.shown, totals.hidden), (recount(false), recount(true)));
        }
        assert_eq!(memory.messages_in_log(account), memory.messages_in_chats(account));
    }
}

/// Every message says what was said last, and each side's log tells of every edit.
fn check_texts(memory: &Memory, model: &Model) {
    for message in &memory.messages {
        assert_eq!(message.text, model.chats[&message.chat].texts[&message.id]);
    }
    for account in plan::accounts() {
        let chats = memory.chats.values().filter(|chat| chat.side_of(account).is_some());
        let edits: usize = chats.map(|chat| model.chats[&chat.id].edits).sum();
        assert_eq!(memory.edits_in_log(account), edits);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, max_shrink_iters: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn every_story_keeps_the_invariants(story in prop::collection::vec(steps(), 1..24)) {
        tell(story);
    }
}

/// The model is only worth something if the stories reach what it watches over.
#[test]
fn the_stories_reach_every_kind_of_answer() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::deterministic();
    let policies = policies();
    let mut seen: HashMap<String, usize> = HashMap::new();
    for _ in 0..400 {
        let story = prop::collection::vec(steps(), 40).new_tree(&mut runner).unwrap().current();
        let mut memory = Memory::with_facts();
        let mut now: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
        for step in story {
            now += step.later;
            let batch = step.batch(&memory, &policies, now);
            for answer in memory.commit(&batch).answers {
                let text = format!("{answer:?}");
                let name = match &answer {
                    Ok(_) => text[3..].split([' ', '(', ')']).next().unwrap().to_owned(),
                    Err(_) => text[4..].split([' ', '{']).next().unwrap().to_owned(),
                };
                *seen.entry(name).or_default() += 1;
            }
        }
    }
    let expected = [
        "Opened",
        "Posted",
        "Edited",
        "Read",
        "Attached",
        "Done",
        "NotFound(Chat))",
        "NotFound(Message))",
        "Refused(NotYourMessage))",
        "Refused(ChatClosed))",
        "Refused(DisputeEnded))",
        "Refused(BlockedByBuyer))",
        "Refused(SendingWindowClosed",
        "Refused(OpeningWindowClosed",
        "Refused(OpeningNotAllowed",
        "Refused(IdempotencyKeyReused))",
        "Refused(LastMessageChanged",
        "Refused(AlreadyDisputed))",
        "Refused(NotDisputed))",
        "Refused(StateSetByDispute))",
        "Refused(OwnProduct))",
    ];
    for name in expected {
        assert!(seen.contains_key(name), "no story reaches {name}; seen: {:?}", seen.keys());
    }
}
