//! Histories of chats.

use domain::chat::Side;
use domain::commands::{Answer, Command, MarkRead};
use domain::message::{Message, Role};
use engine::store::{MessageQuery, MessageRange, Store};

use crate::setup::{
    Place, a_chat, actor, at, batch, buyer, chat_id, history, message_id, open, opened, post, run,
    say, seller, stranger,
};

/// A chat in which the two sides take turns of irregular length.
async fn a_long_chat(store: &dyn Store) -> Vec<Message> {
    let chat = a_chat(store).await;
    for second in 1..=40 {
        let who = if second % 7 < 4 { buyer() } else { seller() };
        say(store, who, chat, &format!("{second}"), second).await;
    }
    history(store, chat).await
}

pub(crate) async fn pages_walk_every_message_once(place: Place) {
    let store = place.open().await;
    let history = a_long_chat(&*store).await;
    let chat = history[0].chat;
    assert_eq!(history.len(), 40);
    assert!(history.is_sorted_by_key(|message| message.id));

    for limit in [1, 3, 40, 1000] {
        let mut walked: Vec<Message> = Vec::new();
        let mut range = MessageRange::Forward(None);
        loop {
            let page = store.messages(&MessageQuery { chat, range, limit }).await.unwrap();
            let Some(last) = page.last() else { break };
            range = MessageRange::Forward(Some(message_id(last.id.get() + 1)));
            walked.extend(page);
        }
        assert_eq!(walked, history);

        let mut walked: Vec<Message> = Vec::new();
        let mut range = MessageRange::Backward(None);
        loop {
            let page = store.messages(&MessageQuery { chat, range, limit }).await.unwrap();
            let Some(last) = page.last() else { break };
            range = MessageRange::Backward(Some(message_id(last.id.get() - 1)));
            walked.extend(page);
        }
        walked.reverse();
        assert_eq!(walked, history);
    }

    // Both bounds are inclusive.
    let from = Some(history[10].id);
    let forward = MessageQuery { chat, range: MessageRange::Forward(from), limit: 2 };
    assert_eq!(store.messages(&forward).await.unwrap(), history[10..12]);
    let backward = MessageQuery { chat, range: MessageRange::Backward(from), limit: 2 };
    let found = store.messages(&backward).await.unwrap();
    assert_eq!(found, [history[10].clone(), history[9].clone()]);
    let nothing = MessageQuery { chat, range: MessageRange::Forward(None), limit: 0 };
    assert_eq!(store.messages(&nothing).await.unwrap(), []);
    let nowhere =
        MessageQuery { chat: chat_id(404), range: MessageRange::Forward(None), limit: 10 };
    assert_eq!(store.messages(&nowhere).await.unwrap(), []);
}

/// What the store says of a position is what a walk through the history says, also for messages of the same batch.
pub(crate) async fn reading_up_to_any_position_leaves_the_right_rest(place: Place) {
    let store = place.open().await;
    let messages = a_long_chat(&*store).await;
    let chat = messages[0].chat;
    for (index, message) in messages.iter().enumerate() {
        for position in [message.id.get() - 1, message.id.get(), message.id.get() + 1] {
            for side in [Side::Seller, Side::Buyer] {
                let who = if side == Side::Seller { seller() } else { buyer() };
                let up_to = Some(message_id(position));
                let read = Command::MarkRead(MarkRead { actor: actor(who), chat, up_to });
                let second = 100 + i64::try_from(index).unwrap();
                let commands = [post(who.other(), chat, "и ещё"), read];
                let mut answers = store.commit(batch(commands, at(second))).await.answers;
                let Ok(Answer::Read { unread }) = answers.remove(1) else { panic!() };
                let history = history(&*store, chat).await;
                let marks = *store.chat(chat).await.unwrap().unwrap().seat(side);
                let rest: Vec<_> = history
                    .iter()
                    .filter(|m| m.author.role != Role::from(side))
                    .filter(|m| !marks.marks.has_read(m.id))
                    .map(|m| m.id)
                    .collect();
                assert_eq!(unread, i64::try_from(rest.len()).unwrap());
                assert_eq!(marks.marks.unread, unread);
                assert_eq!(marks.marks.first_unread, rest.first().copied());
            }
        }
    }
}

trait Opposite {
    fn other(self) -> Self;
}

impl Opposite for domain::id::AccountId {
    fn other(self) -> Self {
        if self == seller() { buyer() } else { seller() }
    }
}

pub(crate) async fn single_messages_are_found_in_their_chat_only(place: Place) {
    let store = place.open().await;
    let chat = a_chat(&*store).await;
    let other = opened(run(&*store, open(stranger(), Side::Buyer, seller(), 2), at(0)).await).0.id;
    let one = say(&*store, buyer(), chat, "один", 1).await;
    let two = say(&*store, seller(), chat, "два", 2).await;
    let ids =
        [(chat, two.id), (chat, one.id), (chat, one.id), (other, one.id), (chat, message_id(5))];
    let mut found = store.messages_by_id(&ids).await.unwrap();
    found.sort_by_key(|message| message.id);
    assert_eq!(found, [one.clone(), two.clone()]);

    let mut found = store.messages_in_chats(&ids).await.unwrap();
    found.sort_by_key(|(_, message)| message.id);
    let its_chat = store.chat(chat).await.unwrap().unwrap();
    assert_eq!(found, [(its_chat.clone(), one), (its_chat, two)]);
}
