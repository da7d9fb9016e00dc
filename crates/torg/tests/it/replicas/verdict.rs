//! What must be true whatever has happened.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::market::{Chat, Market};
use super::pair::Pair;
use super::senders::{Outcome, Sender};
use crate::recovery::call;

/// The logs of all accounts, by account.
pub(super) type Logs = BTreeMap<i64, Vec<Value>>;

/// Holds what is stored, as each of the replicas shows it, against what the senders were told. Answers the logs.
pub(super) async fn check(pair: &Pair, senders: &[Sender]) -> Logs {
    let mut histories = Vec::new();
    for url in pair.urls() {
        let mut by_chat = BTreeMap::new();
        for chat in &pair.market.chats {
            by_chat.insert(chat.id, history(pair, &url, chat).await);
        }
        histories.push(by_chat);
    }
    assert!(histories[0] == histories[1], "both replicas show the same");
    let histories = histories.swap_remove(0);
    for messages in histories.values() {
        assert!(messages.is_sorted_by(|(before, _), (after, _)| before < after), "ids rise");
    }
    for sender in senders {
        check_messages(sender, &histories[&sender.chat]);
    }

    // Whoever is shown a log has the messages in it delivered, which makes the logs grow.
    for &account in pair.market.keys.keys() {
        log(pair, &pair.replicas[0].url, account).await;
    }
    let mut logs = Logs::new();
    for &account in pair.market.keys.keys() {
        let [one, other] = pair.urls();
        let (one, other) = (log(pair, &one, account).await, log(pair, &other, account).await);
        assert!(one == other, "the log of {account} is the same on both replicas");
        check_log(&pair.market, account, &one, &histories);
        logs.insert(account, one);
    }
    for url in pair.urls() {
        check_counters(pair, &url).await;
    }
    logs
}

/// Everything that was said in a chat: ids and texts.
async fn history(pair: &Pair, url: &str, chat: &Chat) -> Vec<(i64, String)> {
    let mut messages: Vec<(i64, String)> = Vec::new();
    loop {
        let last = messages.last().map_or(0, |(id, _)| *id);
        let page = format!("{url}/api/v1/chats/{}/messages?after={last}&limit=100", chat.id);
        let page = call(&pair.http, "GET", &page, &pair.market.keys[&chat.seller], None).await;
        for message in page["messages"].as_array().unwrap() {
            let text = message["text"].as_str().unwrap().to_owned();
            messages.push((message["id"].as_i64().unwrap(), text));
        }
        if !page["has_more"].as_bool().unwrap() {
            return messages;
        }
    }
}

/// What was acknowledged is there once, under the id that the sender was told; what was refused is not; and nothing was
/// overtaken.
fn check_messages(sender: &Sender, history: &[(i64, String)]) {
    let mine: Vec<(i64, &str)> = history
        .iter()
        .filter(|(_, text)| text.starts_with(&sender.text_prefix()))
        .map(|(id, text)| (*id, text.as_str()))
        .collect();
    let mut stored = mine.iter().peekable();
    for (number, outcome) in (1..).zip(&sender.messages) {
        let text = sender.text(number);
        let found = stored.next_if(|(_, stored)| *stored == text).map(|(id, _)| *id);
        match outcome {
            Outcome::Acknowledged(id) => {
                assert_eq!(found, Some(*id), "'{text}' is there once, in its place: {mine:?}");
            }
            Outcome::Refused => {
                assert_eq!(found, None, "'{text}' was refused: {mine:?}");
            }
            Outcome::Unknown => {}
        }
        assert!(!sender.repeats || found.is_some(), "'{text}' was repeated until it was there");
    }
    assert_eq!(stored.next(), None, "twice, too late, or never sent: {mine:?}");
}

/// The whole log of an account, as a replica shows it.
async fn log(pair: &Pair, url: &str, account: i64) -> Vec<Value> {
    let mut entries: Vec<Value> = Vec::new();
    loop {
        let page = format!("{url}/api/v1/events?after={}&limit=500", entries.len());
        let page = call(&pair.http, "GET", &page, &pair.market.keys[&account], None).await;
        let events = page["events"].as_array().unwrap();
        for event in events {
            let expected = json!(entries.len() + 1);
            assert_eq!(event["sequence"], expected, "the log of {account} has no gap");
            // What is shown with an entry is as it is now; the entry itself never changes.
            entries.push(json!({
                "sequence": event["sequence"], "kind": event["kind"], "chat_id": event["chat_id"],
                "message_id": event["message_id"],
            }));
        }
        if events.is_empty() {
            assert_eq!(page["newest"], json!(entries.len()));
            return entries;
        }
    }
}

/// The log tells of every message of the account's chats once, and of no other.
fn check_log(
    market: &Market,
    account: i64,
    log: &[Value],
    histories: &BTreeMap<i64, Vec<(i64, String)>>,
) {
    let mine = |chat: &&Chat| chat.seller == account || chat.buyer == account;
    for chat in market.chats.iter().filter(mine) {
        let told: Vec<i64> = log
            .iter()
            .filter(|event| event["kind"] == "message.created" && event["chat_id"] == chat.id)
            .map(|event| event["message_id"].as_i64().unwrap())
            .collect();
        let said: Vec<i64> = histories[&chat.id].iter().map(|(id, _)| *id).collect();
        assert!(told == said, "the log of {account} tells what was said in chat {}", chat.id);
    }
}

/// Each unread counter is what a recount gives, and each total the sum of them.
async fn check_counters(pair: &Pair, url: &str) {
    let Market { keys, chats } = &pair.market;
    for (account, key) in keys {
        let get = async |path: &str| {
            call(&pair.http, "GET", &format!("{url}/api/v1{path}"), key, None).await
        };
        let mut sum = 0;
        for chat in chats.iter().filter(|chat| [chat.seller, chat.buyer].contains(account)) {
            let side = if chat.seller == *account { "seller_position" } else { "buyer_position" };
            let view = get(&format!("/chats/{}", chat.id)).await;
            let read_up_to = view[side]["read_up_to"].as_i64().unwrap_or(0);
            let mut unread = 0;
            let mut last = read_up_to;
            loop {
                let page =
                    get(&format!("/chats/{}/messages?after={last}&limit=100", chat.id)).await;
                for message in page["messages"].as_array().unwrap() {
                    last = message["id"].as_i64().unwrap();
                    unread += i64::from(message["author"]["account_id"] != *account);
                }
                if !page["has_more"].as_bool().unwrap() {
                    break;
                }
            }
            assert_eq!(view["unread"], unread, "of {account} in chat {}", chat.id);
            sum += unread;
        }
        assert_eq!(get("/unread").await["total"], sum, "of {account}");
    }
}
