//! The log of each account.

use std::sync::Arc;

use domain::chat::Side;
use domain::id::AccountId;
use engine::store::{Growth, LogEntry, Pulse, Store};

use crate::setup::{
    Place, a_chat, account, account_facts, at, batch, buyer, open, opened, people, post, put, run,
    say, seller,
};

/// Follows the log of `account` to `last`, and checks that no page has a gap: entry n + 1 must never be seen before n.
async fn follow(store: Arc<dyn Store>, account: AccountId, last: i64) -> i64 {
    let mut seen = 0;
    while seen < last {
        let page = store.log(account, seen, 7).await.unwrap();
        for entry in &page.entries {
            assert_eq!(entry.sequence, seen + 1, "a gap in the log");
            seen = entry.sequence;
        }
        assert!(seen <= page.newest, "a page must not run ahead of what it calls the newest");
        tokio::task::yield_now().await;
    }
    seen
}

pub(crate) async fn a_follower_sees_every_entry_of_eight_writers(place: Place) {
    const WRITERS: i64 = 8;
    const MESSAGES: i64 = 40;
    let store = place.open().await;
    people(&*store).await;
    let followers: Vec<_> = (0..3)
        .map(|_| tokio::spawn(follow(Arc::clone(&store), seller(), WRITERS * (MESSAGES + 1))))
        .collect();
    let mut writers = tokio::task::JoinSet::new();
    for id in 10..10 + WRITERS {
        let store = Arc::clone(&store);
        writers.spawn(async move {
            let who = account(id);
            let facts = domain::catalog::Fact::Account(Box::new(account_facts(who)), None);
            put(&*store, vec![facts]).await;
            let name = u128::from(id.unsigned_abs());
            let opening = run(&*store, open(who, Side::Buyer, seller(), name), at(1)).await;
            let chat = opened(opening).0.id;
            for _ in 0..MESSAGES {
                run(&*store, post(who, chat, "ну"), at(2)).await.unwrap();
            }
        });
    }
    writers.join_all().await;
    for follower in followers {
        assert_eq!(follower.await.unwrap(), WRITERS * (MESSAGES + 1));
    }
    let log = store.log(seller(), 0, 10_000).await.unwrap();
    assert_eq!(log.newest, WRITERS * (MESSAGES + 1));
}

pub(crate) async fn a_page_says_how_far_the_log_goes(place: Place) {
    let store = place.open().await;
    let chat = a_chat(&*store).await;
    for second in 1..=5 {
        say(&*store, buyer(), chat, "ну", second).await;
    }
    let page = store.log(seller(), 2, 3).await.unwrap();
    let sequences: Vec<_> = page.entries.iter().map(|entry| entry.sequence).collect();
    assert_eq!((sequences, page.newest), (vec![3, 4, 5], 6));
    let end = store.log(seller(), 6, 3).await.unwrap();
    assert_eq!((end.entries.len(), end.newest), (0, 6));
    let nobody = store.log(account(404), 0, 3).await.unwrap();
    assert_eq!((nobody.entries.len(), nobody.newest), (0, 0));
}

pub(crate) async fn old_entries_are_forgotten_from_the_beginning(place: Place) {
    let store = place.open().await;
    let chat = a_chat(&*store).await;
    // The clock steps back once: the old entry behind a younger one stays until that one goes.
    for second in [10, 20, 40, 30, 50] {
        say(&*store, buyer(), chat, "ну", second).await;
    }
    let kept = async |before| {
        assert_eq!(store.forget_log(before, None).await.unwrap(), None);
        let page = store.log(seller(), 0, 100).await.unwrap();
        let sequences: Vec<_> = page.entries.iter().map(|entry| entry.sequence).collect();
        assert_eq!(page.newest, 6);
        assert_eq!(sequences, (page.oldest..=6).collect::<Vec<_>>());
        page.oldest
    };
    assert_eq!(kept(at(20)).await, 3);
    assert_eq!(kept(at(35)).await, 4);
    assert_eq!(kept(at(51)).await, 7);
    let page = store.log(seller(), 5, 100).await.unwrap();
    assert!(page.is_cut_off(5) && !page.is_cut_off(6));
    // The numbers go on.
    say(&*store, buyer(), chat, "ну", 60).await;
    assert_eq!(store.log(seller(), 6, 100).await.unwrap().entries[0].sequence, 7);
}

pub(crate) async fn a_commit_tells_which_logs_have_grown(place: Place) {
    let store = place.open().await;
    let chat = a_chat(&*store).await;
    let commands = [post(buyer(), chat, "раз"), post(buyer(), chat, "два")];
    let grown = store.commit(batch(commands, at(1))).await.grown.logs;
    assert_eq!(grown.len(), 2);
    let pulses = store.pulses(&[seller(), buyer()]).await.unwrap();
    for Growth { account, entries } in grown {
        let page = store.log(account, 1, 100).await.unwrap();
        assert_eq!((&page.entries, page.newest), (&entries, 3));
        assert!(pulses.contains(&Pulse { account, newest: 3, credentials: 0 }));
    }
    let refused = store.commit(batch([post(account(404), chat, "ну")], at(2))).await;
    assert!(refused.answers[0].is_err() && refused.grown.logs.is_empty());
    let nobody = store.pulses(&[account(404)]).await.unwrap();
    assert_eq!(nobody, [Pulse { account: account(404), newest: 0, credentials: 0 }]);
}

pub(crate) async fn a_commit_tells_of_messages_what_is_stored(place: Place) {
    let store = place.open().await;
    let chat = a_chat(&*store).await;
    let long = "ж".repeat(600);
    let texts = ["раз", &long, "два"];
    let commands = texts.map(|text| post(seller(), chat, text));
    let grown = store.commit(batch(commands, at(1))).await.grown;
    let told: Vec<_> = grown.said.iter().map(|said| said.1.text.as_deref().unwrap()).collect();
    assert_eq!(told, ["раз", "два"], "long texts are looked up");
    for growth in &grown.logs {
        for LogEntry { entry, .. } in &growth.entries {
            let ids = [(chat, entry.message.unwrap())];
            let stored = store.messages_in_chats(&ids).await.unwrap().pop().unwrap();
            let is_long = stored.1.text.as_deref() == Some(&*long);
            assert_eq!(grown.said_in(entry).is_none(), is_long);
            assert!(grown.said_in(entry).is_none_or(|said| **said == stored));
        }
    }
}
