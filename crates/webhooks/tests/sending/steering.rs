//! What accounts do with their webhooks.

use domain::SignedDuration;
use domain::id::WebhookId;
use engine::store::{DeliveryOutcome, WebhookState};
use testkit::{BUYER, Reply, SELLER};
use webhooks::{NewWebhook, WebhookChange, WebhookError};

use crate::scene::{Note, Scene, eventually, new_webhook, yes};
use crate::toy::{MESSAGE, Toy};

#[tokio::test]
async fn a_webhook_is_told_what_comes_after_it_was_made_and_what_it_chose() {
    let scene = Scene::new([Toy::new("toy")]).await;
    let chat = scene.chat().await;
    scene.say(chat).await;
    let webhook = scene.webhook("toy", "/hook").await;
    scene.say(chat).await;
    let first = scene.receiver.wait_for(1).await.remove(0);
    scene.settled(webhook.id).await;
    assert_eq!(scene.receiver.notes(), [first]);
    // Where the URL is not exact, the format's path is added.
    let url_is_exact = Some(false);
    let change = WebhookChange { url_is_exact, ..WebhookChange::default() };
    scene.webhooks.change(SELLER, webhook.id, change).await.unwrap();
    scene.heard().await;
    scene.say(chat).await;
    assert_eq!(scene.receiver.wait_for(2).await[1].path, "/hook/news");
}

#[tokio::test]
async fn nothing_is_pushed_while_a_webhook_is_paused() {
    let scene = Scene::new([Toy::new("toy")]).await;
    let webhook = scene.webhook("toy", "/hook").await;
    let chat = scene.chat().await;
    scene.receiver.reply(Reply::status(500));
    scene.say(chat).await;
    scene.reported(webhook.id, |report| report.progress.health.attempts == 1).await;
    let paused = scene.webhooks.pause(SELLER, webhook.id).await.unwrap();
    assert_eq!(paused.state, WebhookState::Paused);
    scene.heard().await;
    scene.receiver.reply(yes());
    scene.say(chat).await;
    scene.minutes(1000);
    scene.receiver.is_left_alone().await;
    let resumed = scene.webhooks.resume(SELLER, webhook.id).await.unwrap();
    assert_eq!(resumed.state, WebhookState::Active);
    let notes = scene.receiver.wait_for(3).await;
    scene.settled(webhook.id).await;
    assert_eq!(notes[0].sequence, notes[1].sequence);
    assert!(notes[1].sequence < notes[2].sequence);
    let again = scene.webhooks.resume(SELLER, webhook.id).await.unwrap();
    assert_eq!(again, resumed);
}

#[tokio::test]
async fn what_happened_is_told_again_from_any_entry_that_is_kept() {
    let scene = Scene::new([Toy::new("toy")]).await;
    let webhook = scene.webhook("toy", "/hook").await;
    let chat = scene.chat().await;
    for _ in 0..5 {
        scene.say(chat).await;
    }
    let first: Vec<_> = scene.receiver.wait_for(5).await.iter().map(|note| note.sequence).collect();
    scene.settled(webhook.id).await;
    let newest = scene.report(webhook.id).await.newest;
    scene.webhooks.replay(SELLER, webhook.id, first[2]).await.unwrap();
    let notes = scene.receiver.wait_for(8).await;
    scene.settled(webhook.id).await;
    let again: Vec<_> = notes[5..].iter().map(|note| note.sequence).collect();
    assert_eq!(again, first[2..]);

    let too_far = scene.webhooks.replay(SELLER, webhook.id, newest + 2).await;
    assert!(matches!(too_far, Err(WebhookError::BeyondNewest { newest: end }) if end == newest));
    let none = scene.webhooks.replay(SELLER, webhook.id, 0).await;
    assert!(matches!(none, Err(WebhookError::CutOff { oldest: 1 })));

    // What waits is dropped when its receiver is to be told of the end only.
    scene.receiver.reply(Reply::status(500));
    scene.say(chat).await;
    scene.reported(webhook.id, |report| report.progress.waiting.len() == 1).await;
    let newest = scene.report(webhook.id).await.newest;
    scene.webhooks.replay(SELLER, webhook.id, newest + 1).await.unwrap();
    scene.heard().await;
    scene.settled(webhook.id).await;
    scene.minutes(1000);
    scene.receiver.is_left_alone().await;
}

#[tokio::test]
async fn a_webhook_that_falls_behind_what_is_kept_goes_on_at_the_oldest_entry() {
    let scene = Scene::new([Toy::new("toy")]).await;
    let webhook = scene.webhook("toy", "/hook").await;
    let chat = scene.chat().await;
    scene.webhooks.pause(SELLER, webhook.id).await.unwrap();
    scene.heard().await;
    for _ in 0..5 {
        scene.say(chat).await;
    }
    // The server forgets after thirty days.
    scene.server.clock().advance(SignedDuration::from_hours(24 * 29));
    scene.say(chat).await;
    let oldest = scene.report(webhook.id).await.newest;
    scene.server.clock().advance(SignedDuration::from_hours(24 * 2));
    let replay = async || scene.webhooks.replay(SELLER, webhook.id, 1).await;
    let is_cut_off = async || matches!(replay().await, Err(WebhookError::CutOff { .. }));
    eventually(is_cut_off, async || "the log is not forgotten".to_owned()).await;
    assert!(scene.report(webhook.id).await.progress.position < oldest - 1);

    scene.webhooks.resume(SELLER, webhook.id).await.unwrap();
    scene.settled(webhook.id).await;
    assert_eq!(scene.receiver.notes().len(), 1);
    let deliveries = scene.deliveries(webhook.id).await;
    assert_eq!(deliveries.len(), 2);
    assert!(deliveries[0].reason.ends_with("are no longer kept"), "{:?}", deliveries[0]);
    assert_eq!(deliveries[1].outcome, DeliveryOutcome::Accepted);
}

#[tokio::test]
async fn a_url_is_confirmed_by_a_ping_where_the_format_wants_it() {
    let toy = Toy { is_confirmed: true, ..Toy::new("toy") };
    let scene = Scene::new([toy]).await;
    let url = format!("{}/hook", scene.receiver.receiver.url());
    scene.receiver.reply(Reply::status(503));
    let refused = scene.webhooks.create(SELLER, new_webhook("toy", url.clone())).await;
    let Err(WebhookError::NotConfirmed(attempt)) = refused else { panic!("{refused:?}") };
    assert_eq!((attempt.status, attempt.reason()), (Some(503), "status"));
    assert_eq!(scene.webhooks.list(SELLER).await.unwrap(), []);

    scene.receiver.reply(yes());
    let webhook = scene.webhooks.create(SELLER, new_webhook("toy", url)).await.unwrap();
    scene.receiver.reply(Reply::status(503));
    let moved = WebhookChange {
        url: Some(format!("{}/other", scene.receiver.receiver.url())),
        ..WebhookChange::default()
    };
    let refused = scene.webhooks.change(SELLER, webhook.id, moved.clone()).await;
    assert!(matches!(refused, Err(WebhookError::NotConfirmed(_))));
    assert_eq!(scene.webhooks.get(SELLER, webhook.id).await.unwrap(), webhook);
    // A name is nobody's business.
    let renamed = WebhookChange { name: Some("other".to_owned()), ..WebhookChange::default() };
    scene.webhooks.change(SELLER, webhook.id, renamed).await.unwrap();
    scene.webhooks.pause(SELLER, webhook.id).await.unwrap();
    let refused = scene.webhooks.resume(SELLER, webhook.id).await;
    assert!(matches!(refused, Err(WebhookError::NotConfirmed(_))));
    assert_eq!(scene.state(webhook.id).await, WebhookState::Paused);
    scene.receiver.reply(yes());
    scene.webhooks.resume(SELLER, webhook.id).await.unwrap();
    scene.webhooks.change(SELLER, webhook.id, moved).await.unwrap();
    let paths: Vec<_> = scene.receiver.notes().into_iter().map(|note| note.path).collect();
    assert_eq!(paths, ["/hook", "/hook", "/other", "/hook", "/hook", "/other"]);
    assert!(scene.webhooks.ping(SELLER, webhook.id).await.unwrap().is_accepted());
    // Every ping of a webhook that exists stands in its log, if it led to something.
    let deliveries = scene.deliveries(webhook.id).await;
    let statuses: Vec<_> = deliveries.iter().filter_map(|delivery| delivery.status).collect();
    assert_eq!(statuses, [200, 503, 200, 200, 200]);
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let scene = Scene::new([Toy::new("toy"), Toy::new("other")]).await;
    let url = scene.receiver.receiver.url().to_owned();
    let new = |format: &str, types: &[&str]| NewWebhook {
        types: types.iter().map(|&name| name.to_owned()).collect(),
        ..new_webhook(format, url.clone())
    };
    let create = async |new| scene.webhooks.create(SELLER, new).await;
    let unknown = create(new("strange", &[])).await;
    let Err(WebhookError::UnknownFormat { known }) = unknown else { panic!("{unknown:?}") };
    assert_eq!(known, ["other", "toy"]);
    let unknown = create(new("toy", &["strange"])).await;
    let Err(WebhookError::UnknownType { given, known }) = unknown else { panic!("{unknown:?}") };
    assert_eq!((given.as_str(), known), ("strange", &[MESSAGE][..]));

    let webhook = create(new("toy", &[MESSAGE, MESSAGE])).await.unwrap();
    assert_eq!(webhook.types, [MESSAGE]);
    create(new("toy", &[])).await.unwrap();
    create(new("other", &[])).await.unwrap();
    assert!(matches!(create(new("toy", &[])).await, Err(WebhookError::TooMany { max: 3 })));

    // What is somebody else's does not exist.
    let id = webhook.id;
    let nothing = WebhookChange::default();
    let hooks = &scene.webhooks;
    assert!(matches!(hooks.get(BUYER, id).await, Err(WebhookError::NotFound)));
    assert!(matches!(hooks.change(BUYER, id, nothing).await, Err(WebhookError::NotFound)));
    assert!(matches!(hooks.rotate_secret(BUYER, id).await, Err(WebhookError::NotFound)));
    assert!(matches!(hooks.ping(BUYER, id).await, Err(WebhookError::NotFound)));
    assert!(matches!(hooks.pause(BUYER, id).await, Err(WebhookError::NotFound)));
    assert!(matches!(hooks.resume(BUYER, id).await, Err(WebhookError::NotFound)));
    assert!(matches!(hooks.replay(BUYER, id, 1).await, Err(WebhookError::NotFound)));
    assert!(matches!(hooks.report(BUYER, id).await, Err(WebhookError::NotFound)));
    assert!(matches!(hooks.deliveries(BUYER, id, None, 9).await, Err(WebhookError::NotFound)));
    assert!(matches!(hooks.delete(BUYER, id).await, Err(WebhookError::NotFound)));
    assert!(matches!(hooks.get(SELLER, WebhookId::LARGEST).await, Err(WebhookError::NotFound)));
}

#[tokio::test]
async fn an_old_secret_signs_for_a_day_beside_the_new_one() {
    let scene = Scene::new([Toy::new("toy")]).await;
    let webhook = scene.webhook("toy", "/hook").await;
    let rotated = scene.webhooks.rotate_secret(SELLER, webhook.id).await.unwrap();
    assert_ne!(rotated.secret, webhook.secret);
    let until = scene.server.engine().now() + SignedDuration::from_hours(24);
    assert_eq!(rotated.previous_secret, Some((webhook.secret, until)));
    assert_eq!(scene.webhooks.get(SELLER, webhook.id).await.unwrap(), rotated);
}

#[tokio::test]
async fn a_deleted_webhook_is_told_nothing_more() {
    let scene = Scene::new([Toy::new("toy")]).await;
    let webhook = scene.webhook("toy", "/hook").await;
    let chat = scene.chat().await;
    scene.receiver.reply(Reply::status(500));
    scene.say(chat).await;
    scene.reported(webhook.id, |report| report.progress.health.attempts == 1).await;
    scene.webhooks.delete(SELLER, webhook.id).await.unwrap();
    let again = scene.webhooks.delete(SELLER, webhook.id).await;
    assert!(matches!(again, Err(WebhookError::NotFound)));
    scene.heard().await;
    scene.say(chat).await;
    scene.minutes(1000);
    scene.receiver.is_left_alone().await;
}

#[tokio::test]
async fn the_delivery_log_is_kept_for_a_time() {
    let scene = Scene::new([Toy::new("toy")]).await;
    let webhook = scene.webhook("toy", "/hook").await;
    let chat = scene.chat().await;
    scene.say(chat).await;
    scene.settled(webhook.id).await;
    let days = |days: i64| SignedDuration::from_hours(24 * days);
    scene.server.clock().advance(days(29));
    scene.say(chat).await;
    scene.settled(webhook.id).await;
    assert_eq!(scene.deliveries(webhook.id).await.len(), 2);
    scene.server.clock().advance(days(2));
    let is_forgotten = async || scene.deliveries(webhook.id).await.len() == 1;
    eventually(is_forgotten, async || "nothing is forgotten".to_owned()).await;
}

#[tokio::test]
async fn what_waits_is_pushed_to_another_url_at_once() {
    let scene = Scene::new([Toy::new("toy")]).await;
    let webhook = scene.webhook("toy", "/old").await;
    let chat = scene.chat().await;
    let reply = |note: &Note| if note.path == "/old" { Reply::status(500) } else { yes() };
    scene.receiver.reply_by(reply);
    scene.say(chat).await;
    let failed = scene.receiver.wait_for(1).await.remove(0);
    scene.say(chat).await;
    scene.reported(webhook.id, |report| report.failing_sequence() == Some(failed.sequence)).await;

    // The next attempt would come in a minute, by a clock that stands still.
    let url = Some(format!("{}/new", scene.receiver.receiver.url()));
    let change = WebhookChange { url, ..WebhookChange::default() };
    scene.webhooks.change(SELLER, webhook.id, change).await.unwrap();
    scene.settled(webhook.id).await;
    let notes = scene.receiver.notes();
    let told: Vec<_> = notes.iter().filter(|note| note.path == "/new").collect();
    assert_eq!(told.len(), 2);
    assert!(told[0].sequence == failed.sequence && failed.sequence < told[1].sequence);
    assert_eq!(scene.report(webhook.id).await.progress.health.failing_since, None);
}
