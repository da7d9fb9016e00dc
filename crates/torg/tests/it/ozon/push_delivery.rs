//! Repeats, order, suspension (Ozon contract §9.3, §9.4, §11.20).

use std::time::Duration;

use domain::SignedDuration;
use domain::catalog::Model;
use domain::chat::Chat;
use domain::commands::Subject;
use domain::event::EntryKind;
use domain::id::WebhookId;
use domain::message::Message;
use engine::access::Caller;
use engine::clock::Clock as _;
use engine::store::{Delivery, DeliveryOutcome};
use serde_json::{Value, json};
use testkit::{BUYER, Received, Receiver, Reply, SELLER, Server};

use super::client::{Client, market, open_as_buyer};
use super::receiver::{Pushed as _, addresses, as_expected, listening, pong, subscribe};

const NEW: &str = "TYPE_NEW_MESSAGE";

/// Seconds between the attempts of one push (Ozon contract §11.20).
const INTERVALS: [i64; 13] = [5, 10, 20, 40, 80, 160, 320, 600, 600, 600, 600, 600, 600];

/// A server, a seller's program that listens, and the id of its address.
struct Scene {
    server: Server,
    receiver: Receiver,
    id: i64,
}

impl Scene {
    async fn new() -> Self {
        let server = market().await;
        let receiver = listening().await;
        let id = subscribe(&Client::new(&server).await, &receiver, &[NEW]).await;
        Self { server, receiver, id }
    }

    /// From now on the program answers pings as it should, and everything else like this.
    fn fail(&self, reply: Reply) {
        self.receiver.reply_by(move |received| {
            if is_ping(received) { as_expected(received) } else { reply.clone() }
        });
    }

    async fn chat(&self) -> Chat {
        let order = self.server.order(Model::Fbs).await;
        open_as_buyer(&self.server, Subject::Order(order.id), None).await
    }

    async fn ask(&self, chat: &Chat) -> Message {
        self.server.say(BUYER, chat.id, "Вопрос").await
    }

    fn advance(&self, by: SignedDuration) {
        self.server.clock().advance(by);
    }

    /// The next push is of this message.
    async fn is_told_of(&self, message: &Message) {
        let told = self.receiver.told().await;
        assert_eq!(told["message_id"], message.id.to_string(), "{told}");
    }

    /// What the delivery log keeps, the oldest attempt first.
    async fn deliveries(&self) -> Vec<Delivery> {
        let id = WebhookId::new(self.id).unwrap();
        let mut found = self.server.webhooks().deliveries(SELLER, id, None, 1000).await.unwrap();
        found.reverse();
        found
    }

    /// The deliveries of pushes, once there are `count` of them.
    async fn pushed(&self, count: usize) -> Vec<Delivery> {
        for _ in 0..500 {
            let mut found = self.deliveries().await;
            found.retain(|delivery| delivery.kind == NEW);
            if count <= found.len() {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{:?}", self.deliveries().await);
    }

    /// What the account's log says of webhooks.
    async fn alarms(&self) -> Vec<EntryKind> {
        let caller = Caller::account_holder(SELLER);
        let page = self.server.engine().events(&caller, 0, 1000).await.unwrap();
        let kinds = page.entries.iter().map(|logged| logged.entry.kind);
        let is_alarm = |kind: &EntryKind| {
            matches!(kind, EntryKind::WebhookFailing | EntryKind::WebhookSwitchedOff)
        };
        kinds.filter(is_alarm).collect()
    }

    async fn row(&self) -> Value {
        addresses(&Client::new(&self.server).await).await.remove(0)
    }

    /// Waits until the list shows the address like this.
    async fn comes_to(&self, availability: &str, enabled: bool) {
        for _ in 0..500 {
            let row = self.row().await;
            if row["availability_status"] == availability && row["enable"] == enabled {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{} {:?}", self.row().await, self.deliveries().await.last());
    }

    /// The address was suspended, and its account was told so before and then.
    async fn is_suspended(&self, reason: &str) {
        self.comes_to("RED", false).await;
        assert_eq!(self.alarms().await, [EntryKind::WebhookFailing, EntryKind::WebhookSwitchedOff]);
        let last = self.deliveries().await.pop().unwrap();
        assert!(last.reason.contains(reason), "{last:?}");
    }

    /// The seller confirms the address.
    async fn resume(&self) {
        let client = Client::new(&self.server).await;
        let body = json!({"id": self.id, "enabled": true});
        client.post("/v1/notification/enable", &body).await.succeeded();
        self.comes_to("GREEN", true).await;
    }
}

fn is_ping(received: &Received) -> bool {
    received.json()["message_type"] == "TYPE_PING"
}

/// Reads until the next push that is no ping.
async fn next_push(receiver: &Receiver) -> Value {
    loop {
        let told = receiver.told().await;
        if told["message_type"] != "TYPE_PING" {
            return told;
        }
    }
}

fn secs(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(seconds)
}

#[tokio::test]
async fn a_push_that_fails_is_repeated_to_the_second_and_dropped_after_the_last_attempt() {
    let scene = Scene::new().await;
    scene.fail(Reply::status(500));
    let chat = scene.chat().await;
    let first = scene.ask(&chat).await;
    let second = scene.ask(&chat).await;
    scene.is_told_of(&first).await;
    let mut since_the_set = 0;
    for (index, interval) in INTERVALS.into_iter().enumerate() {
        scene.pushed(index + 1).await;
        scene.advance(secs(interval) - SignedDuration::from_millis(1));
        since_the_set += interval;
        // From time to time the receiver is pinged: each hour.
        if since_the_set == 3635 {
            scene.receiver.is_pinged().await;
        }
        scene.receiver.is_left_alone().await;
        scene.advance(SignedDuration::from_millis(1));
        scene.is_told_of(&first).await;
    }
    // The last one was dropped, and the next one of the chat has its turn.
    scene.is_told_of(&second).await;
    let pushed = scene.pushed(15).await;
    let attempts: Vec<_> = pushed[..14].iter().map(|delivery| delivery.attempt).collect();
    assert!(attempts.into_iter().eq(1..=14));
    for (index, delivery) in pushed[..14].iter().enumerate() {
        let expected = if index == 13 { DeliveryOutcome::Dropped } else { DeliveryOutcome::Failed };
        assert_eq!((delivery.outcome, delivery.status), (expected, Some(500)), "{index}");
        assert_eq!(delivery.reason, "SERVER_FAULT");
    }
    assert_eq!((pushed[14].attempt, pushed[14].sequence), (1, pushed[0].sequence.map(|n| n + 1)));
    assert_eq!(
        scene.row().await["enable"],
        true,
        "it answers, so one dropped push suspends nothing"
    );
}

#[tokio::test]
async fn a_chat_waits_for_its_failed_push_and_the_others_do_not() {
    let scene = Scene::new().await;
    let (slow, other) = (scene.chat().await, scene.chat().await);
    let slow_id = slow.public_id.to_string();
    scene.receiver.reply_by(move |received| {
        let is_slow = received.json()["chat_id"] == slow_id;
        if is_slow { Reply::status(503) } else { as_expected(received) }
    });
    let first = scene.ask(&slow).await;
    scene.is_told_of(&first).await;
    let second = scene.ask(&slow).await;
    for _ in 0..3 {
        let meanwhile = scene.ask(&other).await;
        scene.is_told_of(&meanwhile).await;
    }
    scene.pushed(4).await;
    scene.receiver.is_left_alone().await;
    scene.receiver.reply_by(as_expected);
    scene.advance(secs(5));
    scene.is_told_of(&first).await;
    scene.is_told_of(&second).await;
    scene.comes_to("GREEN", true).await;
}

#[tokio::test]
async fn only_200_with_a_result_that_is_true_is_a_yes() {
    let scene = Scene::new().await;
    let chat = scene.chat().await;
    let error = |code: &str| json!({"error": {"code": code, "message": "x", "details": null}});
    let mut bad = vec![
        ("WRONG_RESULT_FIELD", Reply::json(200, &json!({"result": false}))),
        ("WRONG_RESULT_FIELD", Reply::json(200, &pong())),
        ("INVALID_BODY", Reply::json(200, &json!([true]))),
        ("INVALID_JSON", Reply::text(200, "application/json", "OK")),
        ("EMPTY_BODY", Reply::status(200)),
        ("STATUS_CODE_NOT_OK", Reply::json(201, &json!({"result": true}))),
        ("STATUS_CODE_NOT_OK", Reply::status(410)),
        ("SERVER_FAULT", Reply::json(502, &json!({"result": true}))),
        ("REQUEST_ERROR", Reply::Break),
    ];
    let own = ["ERROR_UNKNOWN", "ERROR_PARAMETER_VALUE_MISSED", "ERROR_REQUEST_DUPLICATED"];
    bad.extend(own.map(|code| (code, Reply::json(400, &error(code)))));
    bad.push(("STATUS_CODE_NOT_OK", Reply::json(400, &error("ERROR_OF_MINE"))));
    for (attempts, (reason, reply)) in bad.into_iter().enumerate() {
        scene.fail(reply);
        let message = scene.ask(&chat).await;
        scene.is_told_of(&message).await;
        let pushed = scene.pushed(2 * attempts + 1).await;
        let last = pushed.last().unwrap();
        assert_eq!((last.reason.as_str(), last.outcome), (reason, DeliveryOutcome::Failed));
        scene.comes_to("YELLOW", true).await;
        // Its type does not matter, nor what else it says.
        scene.fail(Reply::text(200, "text/plain", r#"{"more": 1, "result": true}"#));
        scene.advance(secs(5));
        scene.is_told_of(&message).await;
        let pushed = scene.pushed(2 * attempts + 2).await;
        assert_eq!(pushed.last().unwrap().outcome, DeliveryOutcome::Accepted);
        scene.comes_to("GREEN", true).await;
    }
}

#[tokio::test]
async fn a_receiver_has_five_seconds() {
    let scene = Scene::new().await;
    scene.fail(Reply::Hang);
    let message = scene.ask(&scene.chat().await).await;
    let begun = std::time::Instant::now();
    scene.is_told_of(&message).await;
    let [delivery] = &scene.pushed(1).await[..] else { panic!("one attempt") };
    assert!((5..8).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
    assert_eq!((delivery.reason.as_str(), delivery.status), ("REQUEST_TIMEOUT", None));
}

#[tokio::test]
async fn a_receiver_is_pinged_each_hour() {
    let scene = Scene::new().await;
    for _ in 0..2 {
        scene.advance(SignedDuration::from_mins(59));
        scene.receiver.is_left_alone().await;
        scene.advance(SignedDuration::from_mins(1));
        scene.receiver.is_pinged().await;
    }
    scene.receiver.reply(Reply::status(500));
    scene.advance(SignedDuration::from_hours(1));
    scene.receiver.is_pinged().await;
    scene.comes_to("YELLOW", true).await;
}

#[tokio::test]
async fn who_cannot_be_reached_is_suspended_and_goes_on_where_it_stopped() {
    let scene = Scene::new().await;
    scene.receiver.reply(Reply::Break);
    let chat = scene.chat().await;
    let lost = scene.ask(&chat).await;
    scene.is_told_of(&lost).await;
    scene.comes_to("YELLOW", true).await;
    for (index, interval) in INTERVALS.into_iter().enumerate() {
        scene.pushed(index + 1).await;
        assert!(!scene.alarms().await.contains(&EntryKind::WebhookSwitchedOff));
        scene.advance(secs(interval));
        assert_eq!(next_push(&scene.receiver).await["message_id"], lost.id.to_string());
    }
    scene.is_suspended("until a push was dropped").await;
    let kept = scene.ask(&chat).await;
    scene.advance(SignedDuration::from_hours(48));
    scene.receiver.is_left_alone().await;

    // It is confirmed by a ping only.
    let client = Client::new(&scene.server).await;
    let body = json!({"id": scene.id, "enabled": true});
    let refused = client.post("/v1/notification/enable", &body).await;
    refused.failed(400, 9, "url check failed: REQUEST_ERROR");
    scene.receiver.is_pinged().await;
    scene.receiver.reply_by(as_expected);
    scene.resume().await;
    scene.receiver.is_pinged().await;
    scene.is_told_of(&kept).await;
    scene.receiver.is_left_alone().await;
}

#[tokio::test]
async fn an_update_with_a_url_confirms_a_suspended_address_too() {
    let scene = Scene::new().await;
    scene.fail(Reply::status(500));
    suspend_by_bad_answers(&scene).await;
    let moved = listening().await;
    let client = Client::new(&scene.server).await;
    let body = json!({"id": scene.id, "url": moved.url()});
    client.post("/v1/notification/update", &body).await.succeeded();
    scene.comes_to("GREEN", true).await;
    assert_eq!(next_push(&moved).await["message_type"], NEW);
}

/// Four chats fail together until there were fifty attempts.
async fn suspend_by_bad_answers(scene: &Scene) {
    for _ in 0..4 {
        scene.ask(&scene.chat().await).await;
    }
    for (index, interval) in INTERVALS[..12].iter().enumerate() {
        scene.pushed(4 * (index + 1)).await;
        scene.advance(secs(*interval));
        assert!(!scene.alarms().await.contains(&EntryKind::WebhookSwitchedOff));
    }
    scene.is_suspended("fewer than half of the answers had status 200").await;
    let attempts = scene.deliveries().await;
    let pushed = attempts.iter().filter(|delivery| delivery.kind == NEW).count();
    assert!((50..=52).contains(&pushed), "{pushed}");
}

#[tokio::test]
async fn who_answers_badly_more_often_than_not_is_suspended() {
    let scene = Scene::new().await;
    scene.fail(Reply::status(500));
    suspend_by_bad_answers(&scene).await;
    while tokio::time::timeout(Duration::from_millis(100), scene.receiver.next()).await.is_ok() {}
    scene.receiver.reply_by(as_expected);
    scene.resume().await;
    scene.receiver.is_pinged().await;
    // All four wait still, and none is lost.
    let mut told = Vec::new();
    for _ in 0..4 {
        told.push(scene.receiver.told().await["message_id"].clone());
    }
    told.sort_by_key(ToString::to_string);
    told.dedup();
    assert_eq!(told.len(), 4);
    scene.receiver.is_left_alone().await;
}

#[tokio::test]
async fn a_day_of_errors_suspends_also_where_every_status_is_200() {
    let scene = Scene::new().await;
    scene.receiver.reply_by(|received| {
        let answer = if is_ping(received) { json!({}) } else { json!({"result": false}) };
        Reply::json(200, &answer)
    });
    let chat = scene.chat().await;
    scene.ask(&chat).await;
    scene.pushed(1).await;
    scene.comes_to("YELLOW", true).await;
    let hour = SignedDuration::from_hours(1);
    for hours in 1..24 {
        scene.advance(hour);
        let now = scene.server.clock().now();
        while scene.deliveries().await.last().is_none_or(|last| last.at < now) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let expected: &[_] = if hours < 12 { &[] } else { &[EntryKind::WebhookFailing] };
        assert_eq!(scene.alarms().await, expected, "after {hours} hours");
    }
    scene.advance(hour);
    scene.is_suspended("no push was accepted for 24 hours").await;
    scene.receiver.reply_by(as_expected);
    scene.resume().await;
}
