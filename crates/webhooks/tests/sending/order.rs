//! What waits for what.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use testkit::{Reply, SELLER};
use webhooks::{Order, WebhookRules, Webhooks};

use crate::scene::{Note, Scene, yes};
use crate::toy::{STUMBLING_BLOCK, Toy};

/// The sequences that came of a chat, in the order in which they came.
fn of_chat(notes: &[Note], chat: domain::id::ChatId) -> Vec<i64> {
    let of_chat = notes.iter().filter(|note| note.chat == chat.get());
    of_chat.map(|note| note.sequence).collect()
}

fn is_rising(sequences: &[i64]) -> bool {
    sequences.is_sorted_by(|before, after| before < after)
}

#[tokio::test]
async fn everything_arrives_once_and_in_the_order_of_its_chat() {
    let scene = Scene::new([Toy::new("toy")]).await;
    let webhook = scene.webhook("toy", "/hook").await;
    let mut chats = Vec::new();
    for _ in 0..10 {
        chats.push(scene.chat().await);
    }
    for _ in 0..20 {
        for chat in &chats {
            scene.say(*chat).await;
        }
    }
    let notes = scene.receiver.wait_for(200).await;
    scene.settled(webhook.id).await;
    assert_eq!(scene.receiver.notes().len(), 200);
    for chat in chats {
        let sequences = of_chat(&notes, chat);
        assert!(sequences.len() == 20 && is_rising(&sequences), "{sequences:?}");
    }
}

#[tokio::test]
async fn a_chat_that_fails_holds_up_itself_only() {
    let scene = Scene::new([Toy::new("toy")]).await;
    let webhook = scene.webhook("toy", "/hook").await;
    let (bad, good) = (scene.chat().await, scene.chat().await);
    scene.receiver.refuse_only(bad);
    for _ in 0..5 {
        scene.say(bad).await;
        scene.say(good).await;
    }
    let notes = scene.receiver.wait_for(6).await;
    scene.receiver.is_left_alone().await;
    assert_eq!((of_chat(&notes, bad).len(), of_chat(&notes, good).len()), (1, 5));
    assert!(is_rising(&of_chat(&notes, good)));
    // Everything of the chat that fails waits; the position has passed it.
    scene.reported(webhook.id, |report| report.progress.waiting.len() == 5).await;

    scene.receiver.reply(yes());
    scene.minutes(1);
    let notes = scene.receiver.wait_for(11).await;
    scene.settled(webhook.id).await;
    let failed_first = of_chat(&notes, bad);
    assert_eq!(failed_first[0], failed_first[1], "the first one again");
    assert!(failed_first.len() == 6 && is_rising(&failed_first[1..]), "{failed_first:?}");
}

#[tokio::test]
async fn a_push_that_fails_holds_up_all_where_the_order_is_the_webhooks() {
    let toy = Toy { order: Order::PerWebhook, ..Toy::new("toy") };
    let scene = Scene::new([toy]).await;
    let webhook = scene.webhook("toy", "/hook").await;
    let (bad, good) = (scene.chat().await, scene.chat().await);
    scene.receiver.refuse_only(bad);
    scene.say(good).await;
    for _ in 0..3 {
        scene.say(bad).await;
        scene.say(good).await;
    }
    scene.receiver.wait_for(2).await;
    scene.receiver.is_left_alone().await;
    scene.receiver.reply(yes());
    scene.minutes(1);
    let notes = scene.receiver.wait_for(8).await;
    scene.settled(webhook.id).await;
    let sequences: Vec<_> = notes[2..].iter().map(|note| note.sequence).collect();
    assert!(is_rising(&sequences), "{sequences:?}");
    assert_eq!(notes[1].sequence, notes[2].sequence);
}

#[tokio::test]
async fn an_entry_that_cannot_be_put_into_words_holds_up_its_chat_only() {
    let toy = Toy::new("toy");
    let stumbles = Arc::clone(&toy.stumbles);
    stumbles.store(true, Ordering::SeqCst);
    let scene = Scene::new([toy]).await;
    let webhook = scene.webhook("toy", "/hook").await;
    let (bad, good) = (scene.chat().await, scene.chat().await);
    assert_eq!(bad.get(), STUMBLING_BLOCK);
    scene.say(bad).await;
    for _ in 0..20 {
        scene.say(good).await;
    }
    let begun = std::time::Instant::now();
    assert_eq!(of_chat(&scene.receiver.wait_for(20).await, good).len(), 20);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    scene.reported(webhook.id, |report| report.progress.waiting.len() == 1).await;
    // That is no fault of the receiver's.
    assert_eq!(scene.report(webhook.id).await.progress.health.failing_since, None);
    stumbles.store(false, Ordering::SeqCst);
    scene.minutes(1);
    scene.settled(webhook.id).await;
    assert_eq!(of_chat(&scene.receiver.notes(), bad).len(), 1);
}

#[tokio::test]
async fn a_receiver_that_hangs_delays_no_other_webhook() {
    let toy = Toy { answer_time: Duration::from_secs(30), ..Toy::new("toy") };
    let scene = Scene::new([toy]).await;
    scene.webhook("toy", "/slow").await;
    let quick = scene.webhook("toy", "/quick").await;
    let chats = [scene.chat().await, scene.chat().await, scene.chat().await];
    scene.receiver.reply_by(|note| if note.path == "/slow" { Reply::Hang } else { yes() });
    let begun = std::time::Instant::now();
    for _ in 0..10 {
        for chat in chats {
            scene.say(chat).await;
        }
    }
    scene.settled(quick.id).await;
    // The slow one has half a minute for each.
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    let notes = scene.receiver.notes();
    assert_eq!(notes.iter().filter(|note| note.path == "/quick").count(), 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn however_many_receivers_hang_the_others_have_room() {
    const HANGING: usize = 128;
    const CHATS: usize = 2;
    let toy = Toy { answer_time: Duration::from_secs(4), ..Toy::new("toy") };
    let mut scene = Scene::new([toy.clone()]).await;
    scene.stop_sender().await;
    let rules = WebhookRules { allow_private_addresses: true, webhooks_per_account_max: 200 };
    scene.webhooks =
        Webhooks::new(scene.server.engine().clone(), vec![Arc::new(toy)], rules).unwrap();
    for _ in 0..HANGING {
        scene.webhook("toy", "/dead").await;
    }
    scene.receiver.reply_by(|note| if note.path == "/dead" { Reply::Hang } else { yes() });
    let chats: [_; CHATS] = [scene.chat().await, scene.chat().await];
    for chat in chats {
        scene.say(chat).await;
    }
    scene.restart().await;
    scene.receiver.wait_for(HANGING * CHATS).await;
    let quick = scene.webhook("toy", "/quick").await;
    // By now all of them are known to fail, and are tried again.
    tokio::time::sleep(Duration::from_secs(5)).await;
    scene.minutes(1);
    scene.receiver.wait_for(HANGING * CHATS + 64).await;

    let begun = std::time::Instant::now();
    scene.say(chats[0]).await;
    scene.settled(quick.id).await;
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn so_many_chats_are_in_flight_at_once_and_no_more() {
    let scene = Scene::new([Toy::new("toy")]).await;
    let webhook = scene.webhook("toy", "/hook").await;
    let mut chats = Vec::new();
    for _ in 0..12 {
        chats.push(scene.chat().await);
    }
    scene.receiver.reply(Reply::Hang);
    for chat in &chats {
        scene.say(*chat).await;
    }
    scene.receiver.wait_for(8).await;
    scene.receiver.is_left_alone().await;
    scene.webhooks.pause(SELLER, webhook.id).await.unwrap();
}

#[tokio::test]
async fn a_dead_receiver_is_tried_with_a_few_chats_only() {
    let scene = Scene::new([Toy::new("toy")]).await;
    let webhook = scene.webhook("toy", "/hook").await;
    scene.receiver.reply(Reply::status(500));
    let mut chats = Vec::new();
    for _ in 0..30 {
        chats.push(scene.chat().await);
    }
    // So many that they are not read from the log at once.
    for _ in 0..25 {
        for chat in &chats {
            scene.say(*chat).await;
        }
    }
    scene.receiver.wait_for(16).await;
    scene.reported(webhook.id, |report| 16 <= report.progress.health.attempts).await;
    let waiting = scene.report(webhook.id).await.progress.waiting;
    assert!(waiting.len() < 600, "{}", waiting.len());
    scene.receiver.reply(yes());
    scene.minutes(70);
    scene.settled(webhook.id).await;
    let notes = scene.receiver.notes();
    for chat in chats {
        let mut sequences = of_chat(&notes, chat);
        sequences.dedup();
        assert!(sequences.len() == 25 && is_rising(&sequences), "{sequences:?}");
    }
}
