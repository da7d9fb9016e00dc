//! Search for text anywhere in messages.

use std::sync::Arc;
use std::time::Duration;

use domain::chat::Side;
use domain::commands::{
    Command, EditMessage, Editor, HideChat, MarketplaceRole, PostAsMarketplace,
};
use domain::id::{AccountId, ChatId};
use domain::message::{Message, Role};
use engine::store::{SearchQuery, Store};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::setup::{
    Place, a_chat, account, actor, at, batch, buyer, draft, open, opened, post, posted, run, say,
    seller, stranger,
};
use crate::story::Story;

pub(crate) fn everywhere(account: AccountId, needle: &str) -> SearchQuery {
    SearchQuery { account, chat: None, needle: needle.to_owned(), before: None, limit: 100 }
}

pub(crate) fn within(account: AccountId, chat: ChatId, needle: &str) -> SearchQuery {
    SearchQuery { chat: Some(chat), ..everywhere(account, needle) }
}

pub(crate) async fn texts(store: &dyn Store, query: &SearchQuery) -> Vec<String> {
    let found = store.search(query).await.unwrap();
    found.into_iter().map(|message| message.text.unwrap()).collect()
}

/// A store may answer from an index that follows the messages. A case is checked at once, and again when an index has
/// had time to follow.
pub(crate) async fn at_once_and_later(mut check: impl AsyncFnMut()) {
    check().await;
    tokio::time::sleep(Duration::from_millis(400)).await;
    check().await;
}

pub(crate) async fn text_is_found_anywhere_and_in_any_case(place: Place) {
    let store = place.open().await;
    let chat = a_chat(&*store).await;
    let text = "Генератор на Камри 2.4, ЁМКОСТЬ и Straße";
    say(&*store, buyer(), chat, text, 1).await;
    at_once_and_later(async || {
        for needle in [
            "генератор",
            "ГЕНЕРАТОР",
            "ратор на",
            "ри",
            "РИ 2.4",
            "4, ё",
            "ёмкость",
            "ЁМ",
            "STRAß",
            "ße",
            "на",
            text,
        ] {
            for query in [everywhere(seller(), needle), within(buyer(), chat, needle)] {
                assert_eq!(texts(&*store, &query).await, [text], "{query:?}");
            }
        }
        for needle in ["генераторы", "емкость", "камри2", "рик", "2,4", "strasse"]
        {
            for query in [everywhere(seller(), needle), within(buyer(), chat, needle)] {
                assert_eq!(texts(&*store, &query).await, [""; 0], "{query:?}");
            }
        }
    })
    .await;
}

pub(crate) async fn every_sign_stands_for_itself(place: Place) {
    let store = place.open().await;
    let chat = a_chat(&*store).await;
    let all = ["100% торг", "1000 торг", "a_b", "a-b", r#"он "сказал""#, "NEAR(x) AND *", "🚗🚙"];
    for (second, text) in (1..).zip(all) {
        say(&*store, buyer(), chat, text, second).await;
    }
    at_once_and_later(async || {
        for (needle, expected) in [
            ("0%", "100% торг"),
            ("% ", "100% торг"),
            ("a_", "a_b"),
            ("_b", "a_b"),
            (r#" ""#, r#"он "сказал""#),
            ("\"\"", ""),
            ("x) and *", "NEAR(x) AND *"),
            ("🚗🚙", "🚗🚙"),
            ("\\_", ""),
            ("00 ", "1000 торг"),
        ] {
            let expected: Vec<&str> =
                Some(expected).filter(|e| !e.is_empty()).into_iter().collect();
            assert_eq!(texts(&*store, &everywhere(seller(), needle)).await, expected, "{needle}");
        }
    })
    .await;
}

pub(crate) async fn only_what_people_said_in_chats_in_sight_is_found(place: Place) {
    let store = place.open().await;
    let chat = a_chat(&*store).await;
    let other = opened(run(&*store, open(stranger(), Side::Buyer, seller(), 2), at(0)).await).0.id;
    say(&*store, buyer(), chat, "фара моя", 1).await;
    say(&*store, stranger(), other, "фара чужая", 2).await;
    for (role, text) in
        [(MarketplaceRole::Market, "фара робота"), (MarketplaceRole::Support, "фара поддержки")]
    {
        let command = PostAsMarketplace { chat, role, draft: draft(text), asks: None };
        run(&*store, Command::PostAsMarketplace(command), at(3)).await.unwrap();
    }
    let hide = HideChat { actor: actor(seller()), chat };
    run(&*store, Command::HideChat(hide), at(4)).await.unwrap();

    at_once_and_later(async || {
        let mine = ["фара поддержки", "фара моя"];
        assert_eq!(texts(&*store, &everywhere(buyer(), "фара")).await, mine);
        assert_eq!(texts(&*store, &everywhere(stranger(), "фара")).await, ["фара чужая"]);
        // The seller has hidden one chat, but may still look into it.
        assert_eq!(texts(&*store, &everywhere(seller(), "фара")).await, ["фара чужая"]);
        assert_eq!(texts(&*store, &within(seller(), chat, "фара")).await, mine);
        // A foreign chat and an absent one hold nothing.
        assert_eq!(texts(&*store, &within(buyer(), other, "фара")).await, [""; 0]);
        assert_eq!(texts(&*store, &within(account(404), chat, "фара")).await, [""; 0]);
        let absent = ChatId::new(404).unwrap();
        assert_eq!(texts(&*store, &within(buyer(), absent, "фара")).await, [""; 0]);
    })
    .await;

    // The next message brings the chat back into sight, with all that was said there.
    say(&*store, buyer(), chat, "ау", 5).await;
    at_once_and_later(async || {
        assert_eq!(texts(&*store, &everywhere(seller(), "фара")).await.len(), 3);
    })
    .await;
}

pub(crate) async fn pages_go_from_new_to_old(place: Place) {
    let store = place.open().await;
    let chat = a_chat(&*store).await;
    for second in 1..=20 {
        say(&*store, buyer(), chat, &format!("фара {second}"), second).await;
        if second == 10 {
            // So that half of them may come from an index.
            tokio::time::sleep(Duration::from_millis(400)).await;
        }
    }
    for query in [everywhere(seller(), "ФАРА"), within(seller(), chat, "ФАРА")] {
        let mut query = SearchQuery { limit: 3, ..query };
        let mut walked: Vec<String> = Vec::new();
        loop {
            let page = store.search(&query).await.unwrap();
            assert!(page.len() <= 3);
            let Some(last) = page.last() else { break };
            query.before = Some(last.id);
            walked.extend(page.into_iter().filter_map(|message| message.text));
        }
        let expected: Vec<_> = (1..=20).rev().map(|second| format!("фара {second}")).collect();
        assert_eq!(walked, expected);
    }
}

pub(crate) async fn found_messages_equal_a_naive_search(place: Place) {
    let store = place.open().await;
    let mut tale = Story::begin(&*store, 4).await;
    for _ in 0..4 {
        tale.go_on(&*store, 150).await;
        for needle in ["фара", "ФАРЫ", "% ", "а ", "w-4", "дА", " ещё", "_b ещё", "торг у", "нет"]
        {
            for who in [seller(), buyer(), stranger()] {
                let expected = naive(&*store, &tale, who, needle).await;
                let found = store.search(&everywhere(who, needle)).await.unwrap();
                let ids = |messages: &[Message]| -> Vec<_> {
                    messages.iter().map(|message| message.id).take(100).collect()
                };
                assert_eq!(ids(&found), ids(&expected), "{needle} of {who}");
            }
        }
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
}

async fn naive(store: &dyn Store, tale: &Story, who: AccountId, needle: &str) -> Vec<Message> {
    let mut found = Vec::new();
    for message in tale.messages.iter().rev() {
        let chat = store.chat(message.chat).await.unwrap().unwrap();
        let in_sight = chat.side_of(who).is_some_and(|side| !chat.seat(side).hidden);
        let text = message.text.as_deref().unwrap_or_default().to_lowercase();
        if in_sight && message.author.role != Role::Market && text.contains(&needle.to_lowercase())
        {
            found.push(message.clone());
        }
    }
    found
}

/// More messages than any store would rather read than ask an index about.
pub(crate) async fn a_long_history_is_searched_like_a_short_one(place: Place) {
    const WORDS: [&str; 9] =
        ["Фара", "левая", "ПРАВАЯ", "на", "Камри", "5W-40", "масло", "100%", "a_b"];
    let store = place.open().await;
    let chats = [
        a_chat(&*store).await,
        opened(run(&*store, open(stranger(), Side::Buyer, seller(), 2), at(0)).await).0.id,
    ];
    let mut random = StdRng::seed_from_u64(7);
    let mut said: Vec<Message> = Vec::new();
    for second in 1..=12 {
        let commands = (0..100).map(|_| {
            let words: Vec<_> =
                (0..4).map(|_| WORDS[random.random_range(0..WORDS.len())]).collect();
            post(seller(), chats[random.random_range(0..2)], &words.join(" "))
        });
        let commands: Vec<_> = commands.collect();
        let answers = store.commit(batch(commands, at(second))).await.answers;
        said.extend(answers.into_iter().map(|answer| posted(answer).0));
    }
    let rare = say(&*store, buyer(), chats[0], "где генератор?", 13).await;
    said.push(rare.clone());

    at_once_and_later(async || {
        for needle in [
            "фара левая на",
            "НА ",
            "камри 5w-40 масло 100%",
            "ратор",
            "b a",
            "евая правая л",
            "ап",
        ] {
            for (chat, before) in [
                (None, None),
                (None, Some(said[700].id)),
                (Some(chats[0]), None),
                (Some(chats[1]), Some(said[300].id)),
            ] {
                let holds = |message: &&Message| {
                    chat.is_none_or(|chat| message.chat == chat)
                        && before.is_none_or(|before| message.id < before)
                        && message.text.as_ref().is_some_and(|text| {
                            text.to_lowercase().contains(&needle.to_lowercase())
                        })
                };
                let expected: Vec<_> =
                    said.iter().rev().filter(holds).map(|message| message.id).take(30).collect();
                let query = SearchQuery { chat, before, limit: 30, ..everywhere(seller(), needle) };
                let found = store.search(&query).await.unwrap();
                let found: Vec<_> = found.into_iter().map(|message| message.id).collect();
                assert_eq!(found, expected, "{query:?}");
            }
        }
        assert_eq!(
            store.search(&everywhere(buyer(), "ратор")).await.unwrap(),
            std::slice::from_ref(&rare)
        );
    })
    .await;
}

/// As replicas share one: each with an index that follows, or with one for all.
pub(crate) async fn nothing_is_missed_while_others_write(place: Place) {
    const WRITERS: usize = 4;
    const ROUNDS: usize = 40;
    let stores = [place.open().await, place.open().await];
    let chat = a_chat(&*stores[0]).await;
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        let (here, there) = (Arc::clone(&stores[writer % 2]), Arc::clone(&stores[1 - writer % 2]));
        writers.spawn(async move {
            for round in 0..ROUNDS {
                let needle = format!("<{writer}:{round}>");
                let message = say(&*here, buyer(), chat, &format!("первое {needle}"), 1).await;
                let expected = [format!("первое {needle}")];
                assert_eq!(texts(&*there, &everywhere(seller(), &needle)).await, expected);
                let text = draft(&format!("второе {needle}")).text.unwrap();
                let edit = EditMessage {
                    editor: Editor::Account(actor(buyer())),
                    chat,
                    message: message.id,
                    text,
                };
                run(&*here, Command::EditMessage(edit), at(2)).await.unwrap();
                let expected = [format!("второе {needle}")];
                assert_eq!(texts(&*there, &everywhere(seller(), &needle)).await, expected);
                let replaced = within(buyer(), chat, &format!("первое {needle}"));
                assert_eq!(texts(&*here, &replaced).await, [""; 0]);
            }
        });
    }
    writers.join_all().await;
    let all = SearchQuery { limit: WRITERS * ROUNDS + 1, ..everywhere(seller(), "второе <") };
    at_once_and_later(async || {
        for store in &stores {
            let found = store.search(&all).await.unwrap();
            let ids: Vec<_> = found.iter().map(|message| message.id).collect();
            assert_eq!(ids.len(), WRITERS * ROUNDS);
            assert!(ids.is_sorted_by(|newer, older| newer > older));
            assert_eq!(texts(&**store, &everywhere(seller(), "первое")).await, [""; 0]);
        }
    })
    .await;
}

pub(crate) async fn what_was_said_last_is_found_after_reopening(place: Place) {
    let mut store = place.open().await;
    let chat = a_chat(&*store).await;
    for second in 1..=3 {
        say(&*store, buyer(), chat, &format!("фара {second}"), second).await;
        // An index may be behind.
        store.close().await.unwrap();
        store = place.open().await;
        at_once_and_later(async || {
            let found = texts(&*store, &everywhere(seller(), "фара")).await;
            assert_eq!(found.first(), Some(&format!("фара {second}")));
        })
        .await;
    }
}
