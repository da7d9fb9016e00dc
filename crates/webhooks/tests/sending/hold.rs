//! Who pushes: one server at a time, also when another one starts, stops or dies.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::catalog::Fact;
use engine::store::WebhookState;
use testkit::{Reply, SELLER};
use webhooks::{Sender, SenderRules};

use crate::scene::{Scene, webhooks, yes};
use crate::toy::Toy;

#[tokio::test]
async fn a_restart_goes_on_where_it_stopped() {
    let mut scene = Scene::new([Toy::new("toy")]).await;
    let webhook = scene.webhook("toy", "/hook").await;
    let (bad, good) = (scene.chat().await, scene.chat().await);
    scene.receiver.refuse_only(bad);
    scene.say(good).await;
    scene.say(bad).await;
    scene.receiver.wait_for(2).await;
    scene.stop_sender().await;
    scene.say(bad).await;
    scene.say(good).await;
    scene.receiver.is_left_alone().await;

    scene.restart().await;
    let notes = scene.receiver.wait_for(3).await;
    assert_eq!(notes[2].chat, good.get());
    scene.receiver.is_left_alone().await;
    // The repeat comes at its time, as the second attempt.
    scene.minutes(1);
    scene.receiver.wait_for(4).await;
    scene.reported(webhook.id, |report| report.progress.health.attempts == 4).await;
    let last = scene.deliveries(webhook.id).await.pop().unwrap();
    assert_eq!((last.attempt, last.sequence), (2, Some(notes[1].sequence)));

    scene.restart().await;
    scene.receiver.reply(yes());
    scene.minutes(2);
    scene.receiver.wait_for(6).await;
    scene.settled(webhook.id).await;
    assert_eq!(scene.receiver.notes().len(), 6);
}

#[tokio::test]
async fn a_stop_waits_for_what_is_in_flight_and_repeats_nothing() {
    let mut scene = Scene::new([Toy::new("toy")]).await;
    let webhook = scene.webhook("toy", "/hook").await;
    let chat = scene.chat().await;
    scene.receiver.reply(Reply::Late(Duration::from_millis(300)));
    scene.say(chat).await;
    scene.receiver.wait_for(1).await;
    scene.stop_sender().await;
    let report = scene.report(webhook.id).await;
    assert_eq!(report.last_delivery.unwrap().status, Some(200));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_servers_never_push_the_same_at_once() {
    let mut scene = Scene::new([Toy::new("toy")]).await;
    scene.stop_sender().await;
    let (open, overlaps) = (Arc::new(Mutex::new(HashSet::new())), Arc::new(Mutex::new(0)));
    let counted = Arc::clone(&overlaps);
    scene.receiver.reply_by(move |note| {
        // Each sequence comes once, or again when the one before is long answered: here nothing fails, so never.
        if !open.lock().unwrap().insert((note.path.clone(), note.sequence)) {
            *counted.lock().unwrap() += 1;
        }
        yes()
    });
    let hooks = [scene.webhook("toy", "/one").await, scene.webhook("toy", "/two").await];
    let chats = [scene.chat().await, scene.chat().await, scene.chat().await];
    let mut senders = Vec::new();
    for round in 0..30 {
        // Servers come and go while there is something to push.
        let name = format!("server {round}");
        let other = webhooks(&scene.server, [Toy::new("toy")], true);
        senders.push(Sender::start(&other, &SenderRules { holder: name, lease_term: LEASE }));
        if 3 <= senders.len() {
            senders.remove(0).stop().await;
        }
        for chat in chats {
            scene.say(chat).await;
        }
    }
    for hook in hooks {
        scene.settled(hook.id).await;
    }
    assert_eq!(scene.receiver.notes().len(), 2 * 90);
    assert_eq!(*overlaps.lock().unwrap(), 0);
    for sender in senders {
        sender.stop().await;
    }
}

const LEASE: Duration = Duration::from_millis(1500);

#[tokio::test(flavor = "multi_thread")]
async fn another_server_takes_over_from_one_that_died_and_not_before() {
    let mut scene = Scene::new([Toy::new("toy")]).await;
    scene.stop_sender().await;
    let webhook = scene.webhook("toy", "/hook").await;
    let chat = scene.chat().await;

    let dying = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let first = webhooks(&scene.server, [Toy::new("toy")], true);
    let _first = {
        let _inside = dying.enter();
        Sender::start(&first, &SenderRules { holder: "first".to_owned(), lease_term: LEASE })
    };
    scene.say(chat).await;
    scene.settled(webhook.id).await;
    let second = webhooks(&scene.server, [Toy::new("toy")], true);
    let rules = SenderRules { holder: "second".to_owned(), lease_term: LEASE };
    let second = Sender::start(&second, &rules);
    // Both live for longer than a lease: the first one keeps the webhook.
    scene.receiver.reply(Reply::Hang);
    scene.say(chat).await;
    scene.receiver.wait_for(2).await;
    tokio::time::sleep(LEASE * 2).await;
    assert_eq!(scene.receiver.notes().len(), 2);

    dying.shutdown_background();
    let died = std::time::Instant::now();
    scene.receiver.reply(yes());
    let notes = scene.receiver.wait_for(3).await;
    assert!(died.elapsed() < LEASE * 3, "{:?}", died.elapsed());
    assert_eq!(notes[1].sequence, notes[2].sequence, "what was in flight comes again");
    scene.settled(webhook.id).await;
    second.stop().await;
}

#[tokio::test]
async fn nothing_is_pushed_for_an_account_that_is_out_of_use_until_it_is_in_use_again() {
    let mut scene = Scene::new([Toy::new("toy")]).await;
    scene.stop_sender().await;
    let rules = SenderRules { holder: "test".to_owned(), lease_term: LEASE };
    scene.sender = Some(Sender::start(&scene.webhooks, &rules));
    let webhook = scene.webhook("toy", "/hook").await;
    let chat = scene.chat().await;
    scene.say(chat).await;
    scene.receiver.wait_for(1).await;
    scene.settled(webhook.id).await;

    let mut account = scene.server.engine().account(SELLER).await.unwrap();
    account.is_active = false;
    scene.server.put(vec![Fact::Account(Box::new(account.clone()), None)]).await;
    // The sender looks at its webhooks three times in a lease.
    tokio::time::sleep(LEASE).await;
    scene.say(chat).await;
    scene.receiver.is_left_alone().await;
    assert_eq!(scene.state(webhook.id).await, WebhookState::Active, "it is its account that rests");

    account.is_active = true;
    scene.server.put(vec![Fact::Account(Box::new(account), None)]).await;
    let notes = scene.receiver.wait_for(2).await;
    scene.settled(webhook.id).await;
    assert!(notes[0].sequence < notes[1].sequence);
}
