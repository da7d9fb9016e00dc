//! What a commit leaves behind.

use domain::chat::{Side, Turn};
use domain::event::EntryKind;
use engine::store::UnreadTotals;

use crate::Opened;
use crate::setup::{a_chat, at, buyer, history, say, seller};

pub(crate) async fn a_message_is_stored_with_all_that_follows_from_it(store: Opened) {
    let chat = a_chat(&*store).await;
    let message = say(&*store, buyer(), chat, "Подойдёт на Камри?", 1).await;

    assert_eq!(history(&*store, chat).await, [message.clone()]);
    assert_eq!(store.messages_by_id(&[(chat, message.id)]).await.unwrap(), [message.clone()]);
    let chat = store.chat(chat).await.unwrap().unwrap();
    assert_eq!(chat.last_message.map(|last| (last.id, last.at)), Some((message.id, at(1))));
    assert_eq!((chat.turn, chat.waiting_since), (Turn::Seller, Some(at(1))));
    assert_eq!((chat.seller.marks.unread, chat.buyer.marks.unread), (1, 0));
    assert_eq!(store.chat_by_public_id(chat.public_id).await.unwrap(), Some(chat.clone()));
    assert_eq!(
        store.unread(seller()).await.unwrap(),
        UnreadTotals { as_seller: 1, ..UnreadTotals::default() }
    );
    assert_eq!(store.unread(buyer()).await.unwrap(), UnreadTotals::default());
    for account in [seller(), buyer()] {
        let log = store.log(account, 0, 10).await.unwrap();
        assert_eq!(log.newest, 2);
        let [opening, written] = &log.entries[..] else { panic!("{log:?}") };
        assert_eq!((opening.sequence, opening.entry.kind), (1, EntryKind::ChatOpened));
        assert_eq!((written.sequence, written.entry.kind), (2, EntryKind::MessageCreated));
        assert_eq!(written.entry.message, Some(message.id));
        assert_eq!(written.entry.side, Some(Side::Buyer));
        assert_eq!(written.entry.at, at(1));
    }
}
