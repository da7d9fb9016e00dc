//! Receivers that fail: repeats at their times, alarms, the end.

use std::time::Duration;

use domain::event::EntryKind;
use domain::{SignedDuration, Timestamp};
use engine::store::{DeliveryOutcome, WebhookState};
use testkit::{Reply, SELLER};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;
use webhooks::Order;

use crate::scene::{Scene, new_webhook, yes};
use crate::toy::Toy;

/// The schedule of the toy: minutes after the first attempt.
const SCHEDULE: [i64; 7] = [0, 1, 3, 7, 15, 31, 63];

#[tokio::test]
async fn a_receiver_that_fails_for_an_hour_is_called_at_the_times_of_the_schedule_and_no_others() {
    let scene = Scene::new([Toy::new("toy")]).await;
    let webhook = scene.webhook("toy", "/hook").await;
    let chat = scene.chat().await;
    scene.receiver.reply(Reply::status(500));
    let begun = scene.server.engine().now();
    scene.say(chat).await;
    for (index, minute) in (1_usize..).zip(SCHEDULE) {
        let due = begun + SignedDuration::from_mins(minute);
        if 1 < index {
            scene.server.clock().set(due - SignedDuration::from_millis(1));
            scene.receiver.is_left_alone().await;
            scene.server.clock().set(due);
        }
        let last = scene.receiver.wait_for(index).await.pop().unwrap();
        assert_eq!((last.at, last.path.as_str()), (due, "/hook"));
        let attempts = u32::try_from(index).unwrap();
        scene.reported(webhook.id, |report| report.progress.health.attempts == attempts).await;
    }
    // The seventh failure is the last.
    scene.settled(webhook.id).await;
    scene.minutes(1000);
    scene.receiver.is_left_alone().await;

    let deliveries = scene.deliveries(webhook.id).await;
    let minute = |at: Timestamp| at.duration_since(begun).as_mins();
    let attempts: Vec<_> = deliveries.iter().map(|delivery| delivery.attempt).collect();
    let times: Vec<_> = deliveries.iter().map(|delivery| minute(delivery.at)).collect();
    assert_eq!((attempts, times), ((1..=7).collect(), SCHEDULE.to_vec()));
    for (index, delivery) in deliveries.iter().enumerate() {
        let outcome = if index == 6 { DeliveryOutcome::Dropped } else { DeliveryOutcome::Failed };
        assert_eq!((delivery.status, delivery.outcome), (Some(500), outcome));
        assert_eq!((delivery.kind.as_str(), delivery.reason.as_str()), ("message", "status"));
    }
    // What comes next is told.
    scene.receiver.reply(yes());
    scene.say(chat).await;
    scene.receiver.wait_for(8).await;
    scene.reported(webhook.id, |report| report.progress.health.failing_since.is_none()).await;
}

#[tokio::test]
async fn whatever_goes_wrong_is_a_failure_in_the_formats_words_and_is_repeated() {
    let toy = Toy { answer_time: Duration::from_millis(400), ..Toy::new("toy") };
    let scene = Scene::new([toy]).await;
    let webhook = scene.webhook("toy", "/hook").await;
    let chat = scene.chat().await;
    let faults = [
        (Reply::Hang, None, "no answer in time"),
        (Reply::Break, None, "the connection broke"),
        (Reply::Trickle, None, "no answer in time"),
        (Reply::text(200, "text/plain", "no"), Some(200), "not a yes"),
        (Reply::status(301), Some(301), "status"),
    ];
    let mut called = 0;
    for (index, (fault, status, reason)) in faults.into_iter().enumerate() {
        scene.receiver.reply(fault);
        scene.say(chat).await;
        called += 1;
        scene.receiver.wait_for(called).await;
        scene.reported(webhook.id, |report| !report.progress.waiting.is_empty()).await;
        scene.receiver.reply(yes());
        scene.minutes(1);
        called += 1;
        scene.receiver.wait_for(called).await;
        scene.settled(webhook.id).await;
        let deliveries = scene.deliveries(webhook.id).await;
        assert_eq!(deliveries.len(), 2 * (index + 1));
        let failed = &deliveries[2 * index];
        assert_eq!((failed.status, failed.reason.as_str()), (status, reason));
        assert_eq!(failed.outcome, DeliveryOutcome::Failed);
        let repeated = &deliveries[2 * index + 1];
        assert_eq!((repeated.attempt, repeated.outcome), (2, DeliveryOutcome::Accepted));
        assert_eq!(repeated.sequence, failed.sequence);
        assert_eq!(repeated.response, "yes");
    }
}

#[tokio::test]
async fn a_connection_that_is_refused_or_reset_is_a_failure() {
    let scene = Scene::new([Toy::new("toy")]).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let webhook = scene.webhooks.create(SELLER, new_webhook("toy", url)).await.unwrap();
    let chat = scene.chat().await;
    scene.say(chat).await;
    let (mut stream, _) = listener.accept().await.unwrap();
    stream.read_u8().await.unwrap();
    // What was not read is answered by a reset.
    drop(stream);
    scene.reported(webhook.id, |report| report.progress.health.attempts == 1).await;
    drop(listener);
    scene.minutes(1);
    scene.reported(webhook.id, |report| report.progress.health.attempts == 2).await;
    let deliveries = scene.deliveries(webhook.id).await;
    let reasons: Vec<_> = deliveries.iter().map(|delivery| delivery.reason.as_str()).collect();
    assert_eq!(reasons, ["the connection broke", "no connection"]);
    assert!(!scene.report(webhook.id).await.progress.health.was_reached);
}

#[tokio::test]
async fn what_is_declined_is_not_repeated() {
    let scene = Scene::new([Toy::new("toy")]).await;
    let webhook = scene.webhook("toy", "/hook").await;
    let chat = scene.chat().await;
    scene.receiver.reply(Reply::status(400));
    scene.say(chat).await;
    scene.say(chat).await;
    scene.receiver.wait_for(2).await;
    scene.settled(webhook.id).await;
    let deliveries = scene.deliveries(webhook.id).await;
    assert!(deliveries.iter().all(|delivery| delivery.outcome == DeliveryOutcome::Declined));
    assert_eq!(scene.report(webhook.id).await.progress.health.failing_since, None);
}

#[tokio::test]
async fn the_account_is_told_before_a_webhook_is_switched_off_and_when_it_is() {
    let toy = Toy { order: Order::PerWebhook, ..Toy::new("toy") };
    let scene = Scene::new([toy]).await;
    let webhook = scene.webhook("toy", "/hook").await;
    let chat = scene.chat().await;
    scene.receiver.reply(Reply::status(500));
    scene.say(chat).await;
    scene.receiver.wait_for(1).await;
    for (attempts, minutes) in (2_u32..).zip([1, 2, 4, 8, 16, 32]) {
        let health = |report: &webhooks::WebhookReport| report.progress.health;
        scene.reported(webhook.id, |report| health(report).attempts == attempts - 1).await;
        scene.minutes(minutes);
        scene.reported(webhook.id, |report| health(report).attempts == attempts).await;
        let expected: &[_] = if minutes < 8 { &[] } else { &[EntryKind::WebhookFailing] };
        assert_eq!(scene.alarms().await, expected, "after {minutes} more minutes");
    }
    // The push is dropped, but the webhook still fails.
    scene.settled(webhook.id).await;
    scene.minutes(27);
    scene.say(chat).await;
    scene.reported(webhook.id, |report| report.webhook.state == WebhookState::SwitchedOff).await;
    let alarms = [EntryKind::WebhookFailing, EntryKind::WebhookSwitchedOff];
    assert_eq!(scene.alarms().await, alarms);
    let called = scene.receiver.notes().len();
    assert_eq!(called, 8);
    scene.say(chat).await;
    scene.minutes(1000);
    scene.receiver.is_left_alone().await;
    let last = scene.deliveries(webhook.id).await.pop().unwrap();
    assert_eq!((last.reason.as_str(), last.attempt), ("switched off: too long", 0));

    // Switched on again, it is told what it missed, the last push that failed included.
    scene.receiver.reply(yes());
    scene.webhooks.resume(SELLER, webhook.id).await.unwrap();
    scene.receiver.wait_for(called + 2).await;
    scene.settled(webhook.id).await;
    assert_eq!(scene.report(webhook.id).await.progress.health.failing_since, None);
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_switched_off_at_once() {
    let toy = Toy { forgets: true, ..Toy::new("toy") };
    let scene = Scene::new([toy]).await;
    let webhook = scene.webhook("toy", "/hook").await;
    let chat = scene.chat().await;
    scene.receiver.reply(Reply::status(410));
    scene.say(chat).await;
    scene.reported(webhook.id, |report| report.webhook.state == WebhookState::SwitchedOff).await;
    assert_eq!(scene.alarms().await, [EntryKind::WebhookSwitchedOff]);
    assert_eq!(scene.report(webhook.id).await.progress.waiting, []);
    scene.say(chat).await;
    // This wire forgets what happened meanwhile.
    scene.receiver.reply(yes());
    scene.webhooks.resume(SELLER, webhook.id).await.unwrap();
    scene.say(chat).await;
    let notes = scene.receiver.wait_for(2).await;
    scene.settled(webhook.id).await;
    assert_eq!(scene.receiver.notes().len(), 2);
    assert!(notes[0].sequence < notes[1].sequence);
}

#[tokio::test]
async fn a_webhook_is_pinged_now_and_then_and_a_ping_counts() {
    let hour = SignedDuration::from_hours(1);
    let toy = Toy { ping_interval: Some(hour), ..Toy::new("toy") };
    let scene = Scene::new([toy]).await;
    let webhook = scene.webhook("toy", "/hook").await;
    scene.receiver.is_left_alone().await;
    scene.minutes(60);
    scene.receiver.wait_for(1).await;
    scene.reported(webhook.id, |report| report.progress.health.attempts == 1).await;
    scene.receiver.reply(Reply::status(500));
    scene.minutes(60);
    scene.receiver.wait_for(2).await;
    scene.reported(webhook.id, |report| report.progress.health.failing_since.is_some()).await;
    scene.minutes(60);
    scene.receiver.wait_for(3).await;
    scene.reported(webhook.id, |report| report.progress.health.has_alarmed).await;
    scene.minutes(60);
    scene.reported(webhook.id, |report| report.webhook.state == WebhookState::SwitchedOff).await;
    let deliveries = scene.deliveries(webhook.id).await;
    assert_eq!((deliveries[0].kind.as_str(), deliveries[0].sequence), ("ping", None));
}
