//! What a commit leaves behind.

use std::collections::HashSet;
use std::sync::Arc;

use domain::attachment::File;
use domain::chat::{Side, Turn};
use domain::commands::{AttachFile, Command, Draft, IdempotencyKey};
use domain::event::EntryKind;
use domain::policy::Policy;
use domain::refusal::{Denied, Missing, Refusal};
use engine::store::{CommandError, StoreError, UnreadTotals};

use crate::setup::{
    Place, a_chat, account, actor, at, batch, buyer, draft, history, open, opened, picture, post,
    post_draft, posted, run, say, seller, stranger,
};

pub(crate) async fn a_message_is_stored_with_all_that_follows_from_it(place: Place) {
    let store = place.open().await;
    let chat = a_chat(&*store).await;
    let message = say(&*store, buyer(), chat, "Подойдёт на Камри?", 1).await;

    assert_eq!(history(&*store, chat).await[0], message);
    let chat = store.chat(chat).await.unwrap().unwrap();
    assert_eq!(chat.last_message.map(|last| (last.id, last.at)), Some((message.id, at(1))));
    assert_eq!((chat.turn, chat.waiting_since), (Turn::Seller, Some(at(1))));
    assert_eq!((chat.seller.marks.unread, chat.buyer.marks.unread), (1, 0));
    assert_eq!(store.chat_by_public_id(chat.public_id).await.unwrap(), Some(chat.clone()));
    assert_eq!(store.chat_id_by_public_id(chat.public_id).await.unwrap(), Some(chat.id));
    assert_eq!(store.chat_id_by_public_id(uuid::Uuid::nil()).await.unwrap(), None);
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

pub(crate) async fn a_refused_command_leaves_no_trace(place: Place) {
    let store = place.open().await;
    let chat = a_chat(&*store).await;
    let commands = [
        post(buyer(), chat, "first"),
        post(stranger(), chat, "second"),
        open(stranger(), Side::Buyer, account(404), 7),
        post(seller(), chat, "third"),
    ];
    let answers = store.commit(batch(commands, at(1))).await.answers;

    assert!(answers[0].is_ok() && answers[3].is_ok());
    let missing = |answer: &Result<_, CommandError>| match answer {
        Err(CommandError::Denied(Denied::NotFound(missing))) => *missing,
        other => panic!("{other:?}"),
    };
    assert_eq!(missing(&answers[1]), Missing::Chat);
    assert_eq!(missing(&answers[2]), Missing::Account);
    let texts: Vec<_> = history(&*store, chat).await.into_iter().map(|m| m.text.unwrap()).collect();
    assert_eq!(texts, ["first", "third"]);
    let log = store.log(seller(), 0, 10).await.unwrap();
    let sequences: Vec<_> = log.entries.iter().map(|entry| entry.sequence).collect();
    assert_eq!(sequences, [1, 2, 3]);
    assert_eq!(store.log(stranger(), 0, 10).await.unwrap().newest, 0);
}

/// Two chats cannot have the same UUID: the domain cannot know, the database refuses.
pub(crate) async fn a_command_that_cannot_be_stored_fails_alone(place: Place) {
    let store = place.open().await;
    let chat = a_chat(&*store).await;
    // A file with more bytes than a database can count.
    let file = File { bytes: u64::MAX, ..picture("endless.png") };
    let commands = [
        post(buyer(), chat, "before"),
        Command::AttachFile(AttachFile { owner: buyer(), file }),
        post(buyer(), chat, "after"),
    ];
    let mut batch = batch(commands, at(1));
    let mut policy = Policy::clone(&batch.submissions[1].policy);
    policy.files.bytes_max = u64::MAX;
    batch.submissions[1].policy = Arc::new(policy);
    let answers = store.commit(batch).await.answers;

    assert!(answers[0].is_ok() && answers[2].is_ok(), "{answers:?}");
    assert!(matches!(answers[1], Err(CommandError::Store(StoreError::Failed(_)))), "{answers:?}");
    assert_eq!(history(&*store, chat).await.len(), 2);
    // The chat's opening and both messages.
    assert_eq!(store.log(buyer(), 0, 10).await.unwrap().newest, 3);
}

pub(crate) async fn ids_rise_in_the_order_of_commits(place: Place) {
    let store = place.open().await;
    let chat = a_chat(&*store).await;
    let mut writers = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let store = Arc::clone(&store);
        writers.spawn(async move {
            let mut mine = Vec::new();
            for _ in 0..25 {
                mine.push(say(&*store, buyer(), chat, "and", 5).await.id);
            }
            mine
        });
    }
    let mut seen = HashSet::new();
    while let Some(mine) = writers.join_next().await {
        let mine = mine.unwrap();
        assert!(mine.is_sorted());
        seen.extend(mine);
    }
    let history = history(&*store, chat).await;
    assert_eq!(history.len(), 200);
    assert_eq!(seen.len(), 200);
    for (count, message) in (1..).zip(&history) {
        assert_eq!(message.received_by_seller, count);
    }
    let log = store.log(seller(), 0, 1000).await.unwrap();
    let told: Vec<_> = log.entries.iter().filter_map(|entry| entry.entry.message).collect();
    assert_eq!(told, history.iter().map(|message| message.id).collect::<Vec<_>>());
}

pub(crate) async fn ids_rise_when_the_clock_steps_back(place: Place) {
    let store = place.open().await;
    let chat = a_chat(&*store).await;
    let first = say(&*store, buyer(), chat, "first", 100).await;
    let second = say(&*store, buyer(), chat, "second", 1).await;
    assert_eq!(first.id.get(), at(100).as_microsecond());
    assert_eq!(second.id.get(), first.id.get() + 1);
}

pub(crate) async fn parallel_opens_give_one_chat(place: Place) {
    let store = place.open().await;
    crate::setup::people(&*store).await;
    let mut openers = tokio::task::JoinSet::new();
    for name in 0..16 {
        let store = Arc::clone(&store);
        openers.spawn(async move {
            opened(run(&*store, open(buyer(), Side::Buyer, seller(), name), at(1)).await)
        });
    }
    let answers = openers.join_all().await;
    assert_eq!(answers.iter().map(|(chat, _)| chat.id).collect::<HashSet<_>>().len(), 1);
    assert_eq!(answers.iter().filter(|(_, created)| *created).count(), 1);
    assert_eq!(store.log(seller(), 0, 100).await.unwrap().newest, 1);
}

fn with_key(text: &str, fingerprint: u8) -> Draft {
    let key = IdempotencyKey { key: "ключ".to_owned(), fingerprint: [fingerprint; 32] };
    Draft { idempotency_key: Some(key), ..draft(text) }
}

pub(crate) async fn a_repeated_key_gives_the_first_message_again(place: Place) {
    let store = place.open().await;
    let chat = a_chat(&*store).await;
    let again = || post_draft(buyer(), chat, with_key("once", 1));
    let (first, replayed) = posted(run(&*store, again(), at(1)).await);
    assert!(!replayed);
    for answer in store.commit(batch([again(), again()], at(2))).await.answers {
        assert_eq!(posted(answer), (first.clone(), true));
    }
    let other = run(&*store, post_draft(buyer(), chat, with_key("twice", 2)), at(3)).await;
    let reused = CommandError::Denied(Denied::Refused(Refusal::IdempotencyKeyReused));
    assert_eq!(format!("{:?}", other.unwrap_err()), format!("{reused:?}"));
    // The same key of somebody else is another key.
    let (_, replayed) =
        posted(run(&*store, post_draft(seller(), chat, with_key("mine", 3)), at(4)).await);
    assert!(!replayed);
    assert_eq!(history(&*store, chat).await.len(), 2);
}

pub(crate) async fn a_key_repeated_at_the_same_time_gives_one_message(place: Place) {
    let store = place.open().await;
    let chat = a_chat(&*store).await;
    let mut senders = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let store = Arc::clone(&store);
        senders.spawn(async move {
            posted(run(&*store, post_draft(buyer(), chat, with_key("once", 1)), at(1)).await)
        });
    }
    let answers = senders.join_all().await;
    assert_eq!(answers.iter().filter(|(_, replayed)| !replayed).count(), 1);
    assert_eq!(answers.iter().map(|(message, _)| message.id).collect::<HashSet<_>>().len(), 1);
    assert_eq!(history(&*store, chat).await.len(), 1);
}

pub(crate) async fn everything_is_there_after_reopening(place: Place) {
    let store = place.open().await;
    let chat = a_chat(&*store).await;
    let (message, _) =
        posted(run(&*store, post_draft(buyer(), chat, with_key("once", 1)), at(1)).await);
    let before = store.chat(chat).await.unwrap();
    let log = store.log(seller(), 0, 10).await.unwrap();
    store.close().await.unwrap();
    drop(store);

    let store = place.open().await;
    assert_eq!(store.chat(chat).await.unwrap(), before);
    assert_eq!(store.log(seller(), 0, 10).await.unwrap(), log);
    let again = run(&*store, post_draft(buyer(), chat, with_key("once", 1)), at(2)).await;
    assert_eq!(posted(again), (message.clone(), true));
    let next = say(&*store, buyer(), chat, "next", 0).await;
    assert!(message.id < next.id, "ids go on behind the last one");
    assert_eq!(store.log(seller(), 0, 10).await.unwrap().newest, log.newest + 1);
    assert_eq!(next.author.member, actor(buyer()).member);
}

pub(crate) async fn a_closed_store_says_so(place: Place) {
    let store = place.open().await;
    let chat = a_chat(&*store).await;
    store.close().await.unwrap();
    store.close().await.unwrap();
    assert!(matches!(store.chat(chat).await, Err(StoreError::Unavailable(_))));
    let answer = run(&*store, post(buyer(), chat, "late"), at(1)).await;
    assert!(matches!(answer, Err(CommandError::Store(StoreError::Unavailable(_)))));
}

/// As replicas, or a server and its command line, share one.
pub(crate) async fn two_openings_of_a_store_are_one_store(place: Place) {
    let stores = [place.open().await, place.open().await];
    let chat = a_chat(&*stores[0]).await;
    let mut writers = tokio::task::JoinSet::new();
    for store in stores.iter().cycle().take(4) {
        let store = Arc::clone(store);
        writers.spawn(async move {
            for _ in 0..10 {
                say(&*store, buyer(), chat, "ну", 1).await;
            }
        });
    }
    writers.join_all().await;
    for store in &stores {
        let history = history(&**store, chat).await;
        assert_eq!(history.iter().map(|message| message.id).collect::<HashSet<_>>().len(), 40);
        assert_eq!(history.last().map(|message| message.received_by_seller), Some(40));
        let log = store.log(seller(), 0, 100).await.unwrap();
        let sequences: Vec<_> = log.entries.iter().map(|entry| entry.sequence).collect();
        assert_eq!(sequences, (1..=41).collect::<Vec<_>>());
    }
}
