//! Counters equal a recount.

use domain::chat::{Chat, Side};
use domain::message::{Message, Role};
use engine::store::UnreadTotals;

use crate::setup::{Place, account, history};
use crate::story::Story;

pub(crate) async fn totals_equal_a_recount(place: Place) {
    let store = place.open().await;
    let mut tale = Story::begin(&*store, 1).await;
    for _ in 0..6 {
        tale.go_on(&*store, 120).await;
        let mut totals = [UnreadTotals::default(); 6];
        for &id in &tale.chats {
            let chat = store.chat(id).await.unwrap().unwrap();
            let history = history(&*store, id).await;
            check_marks(&chat, &history);
            for side in [Side::Seller, Side::Buyer] {
                let seat = chat.seat(side);
                let totals = &mut totals[usize::try_from(seat.account.get()).unwrap()];
                *match (side, seat.hidden) {
                    (Side::Seller, false) => &mut totals.as_seller,
                    (Side::Seller, true) => &mut totals.as_seller_hidden,
                    (Side::Buyer, false) => &mut totals.as_buyer,
                    (Side::Buyer, true) => &mut totals.as_buyer_hidden,
                } += seat.marks.unread;
            }
        }
        for (id, totals) in (0..).zip(totals).skip(1) {
            assert_eq!(store.unread(account(id)).await.unwrap(), totals, "of account {id}");
        }
    }
    assert!(150 < tale.messages.len());
}

fn check_marks(chat: &Chat, history: &[Message]) {
    assert_eq!(chat.last_message.map(|last| last.id), history.last().map(|message| message.id));
    for side in [Side::Seller, Side::Buyer] {
        let marks = chat.seat(side).marks;
        let of_others = || history.iter().filter(|m| m.author.role != Role::from(side));
        let unread: Vec<_> =
            of_others().filter(|m| !marks.has_read(m.id)).map(|message| message.id).collect();
        assert_eq!(marks.received, i64::try_from(of_others().count()).unwrap());
        assert_eq!(marks.unread, i64::try_from(unread.len()).unwrap(), "{chat:?}");
        assert_eq!(marks.first_unread, unread.first().copied(), "{chat:?}");
        assert!(marks.read_up_to <= marks.delivered_up_to);
    }
}
