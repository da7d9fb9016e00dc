//! Coming back: what was missed arrives, once, in order. This goes beyond the contract, whose §6.3 has no recovery.

use std::time::{Duration, Instant};

use domain::SignedDuration;
use domain::id::ChatId;
use engine::access::Caller;
use serde_json::{Value, json};
use testkit::{BUYER, PRODUCT, SELLER, Server};

use super::live_socket::{Socket, Upgrade};
use super::person::Person;

struct Story<'s> {
    buyer: Person<'s>,
    seller: Person<'s>,
    conversation: i64,
    /// Where the seller's stream stood at the beginning.
    epoch: Value,
    offset: i64,
}

impl<'s> Story<'s> {
    async fn begin(server: &'s Server) -> Self {
        let buyer = Person::sign_in(server, BUYER).await;
        let seller = Person::sign_in(server, SELLER).await;
        let begun = buyer.write_about(PRODUCT.get(), "Начало").await;
        let conversation = begun.body["data"]["id"].as_i64().unwrap();
        let mut socket = Upgrade::of(&seller).open().await.unwrap();
        let stands = socket.say_hello(json!({})).await;
        let offset = stands["offset"].as_i64().unwrap();
        Self { buyer, seller, conversation, epoch: stands["epoch"].clone(), offset }
    }

    async fn come_back(&self, offset: i64) -> (Socket, Value) {
        Socket::coming_back(&self.seller, SELLER, &self.epoch, offset).await
    }
}

/// The ids of the new messages among `publications`.
fn messages(publications: &Value) -> Vec<i64> {
    let publications = publications.as_array().into_iter().flatten();
    let new = publications.filter(|publication| publication["data"]["type"] == "message.new");
    new.map(|publication| publication["data"]["data"]["id"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn what_was_missed_comes_with_the_welcome() {
    let server = Server::start().await;
    let story = Story::begin(&server).await;
    // Nothing was missed.
    let (socket, stands) = story.come_back(story.offset).await;
    assert_eq!((&stands["was_recovering"], &stands["recovered"]), (&json!(true), &json!(true)));
    assert_eq!((&stands["offset"], &stands["publications"]), (&json!(story.offset), &Value::Null));
    drop(socket);

    let said = [
        story.buyer.say(story.conversation, "Раз").await,
        story.buyer.say(story.conversation, "Два").await,
    ];
    let (mut socket, stands) = story.come_back(story.offset).await;
    assert_eq!((&stands["was_recovering"], &stands["recovered"]), (&json!(true), &json!(true)));
    let publications = stands["publications"].as_array().unwrap();
    let types: Vec<_> =
        publications.iter().map(|publication| &publication["data"]["type"]).collect();
    assert_eq!(types, ["message.new", "unread.update", "message.new", "unread.update"]);
    assert_eq!(messages(&stands["publications"]), said);
    // The client stands where it was; each entry's last publication moves it.
    assert_eq!(stands["offset"], story.offset);
    let offsets: Vec<_> =
        publications.iter().map(|publication| publication["offset"].as_i64()).collect();
    assert!(offsets[0].is_none() && offsets[2].is_none());
    assert!(Some(story.offset) < offsets[1] && offsets[1] < offsets[3]);
    // The stream goes on behind them.
    let third = story.buyer.say(story.conversation, "Три").await;
    assert_eq!(socket.expect("message.new").await["id"], third);

    // From in between: only what follows.
    let (_socket, stands) = story.come_back(offsets[1].unwrap()).await;
    assert_eq!(messages(&stands["publications"]), [said[1], third]);
}

#[tokio::test]
async fn what_was_missed_is_delivered_by_the_welcome_alone() {
    let server = Server::start().await;
    let story = Story::begin(&server).await;
    let mut at_buyer = Socket::of(&story.buyer).await;
    let said = story.buyer.say(story.conversation, "Ау").await;
    let (_socket, stands) = story.come_back(story.offset).await;
    assert_eq!(stands["publications"][0]["data"]["data"]["is_delivered"], false);
    let delivered = at_buyer.expect("message.delivered").await;
    assert_eq!(delivered["last_delivered_message_id"], said);
    let path = format!("/vendor/conversations/{}/messages", story.conversation);
    let history = story.buyer.get(&path).await;
    assert_eq!(history.body["data"][0]["is_delivered"], true);
}

#[tokio::test]
async fn a_long_absence_is_made_up_for_page_by_page() {
    let server = Server::start().await;
    let story = Story::begin(&server).await;
    let chat = ChatId::new(story.conversation).unwrap();
    let mut said = Vec::new();
    for index in 0..450 {
        said.push(server.say(BUYER, chat, &format!("{index}")).await.id.get());
    }
    let (mut socket, stands) = story.come_back(story.offset).await;
    assert_eq!(stands["recovered"], true);
    let mut heard = messages(&stands["publications"]);
    assert!((1..450).contains(&heard.len()), "{}", heard.len());
    while heard.len() < 450 {
        heard.push(socket.expect("message.new").await["id"].as_i64().unwrap());
        socket.expect("unread.update").await;
    }
    assert_eq!(heard, said);
}

#[tokio::test]
async fn who_missed_too_much_begins_anew() {
    let server = Server::start().await;
    let story = Story::begin(&server).await;
    let chat = ChatId::new(story.conversation).unwrap();
    let many = (0..1001).map(|index| server.say(BUYER, chat, ["а", "б"][index % 2]));
    futures_util::future::join_all(many).await;
    let (mut socket, stands) = story.come_back(story.offset).await;
    let newest = stands["offset"].as_i64().unwrap();
    assert!(story.offset + 1001 <= newest);
    let assert_begins_anew = |stands: &Value| {
        assert_eq!((&stands["was_recovering"], &stands["recovered"]), (&json!(true), &Value::Null));
        assert_eq!((&stands["offset"], &stands["epoch"]), (&json!(newest), &story.epoch));
        assert_eq!(stands["publications"], Value::Null);
    };
    assert_begins_anew(&stands);
    // Nothing can be had for what no client of this stream can have.
    for (epoch, offset) in [
        (&story.epoch, newest + 1),
        (&story.epoch, -1),
        (&story.epoch, i64::MAX),
        (&story.epoch, i64::MIN),
        (&json!("_"), 0),
        (&json!(""), newest),
        (&json!(7), newest),
    ] {
        let (_socket, stands) = Socket::coming_back(&story.seller, SELLER, epoch, offset).await;
        assert_begins_anew(&stands);
    }
    // A thousand entries are not too many.
    let (_socket, stands) = story.come_back(newest - 1000).await;
    assert_eq!(stands["recovered"], true);
    // The stream itself goes on.
    let said = story.buyer.say(story.conversation, "Дальше").await;
    assert_eq!(socket.expect("message.new").await["id"], said);
}

#[tokio::test]
async fn who_comes_back_to_a_forgotten_log_begins_anew() {
    let server = Server::start_with(|settings| settings.events.retention_days = 1).await;
    let story = Story::begin(&server).await;
    let chat = ChatId::new(story.conversation).unwrap();
    server.say(BUYER, chat, "Давно").await;
    server.clock().advance(SignedDuration::from_hours(20));
    server.say(BUYER, chat, "Недавно").await;
    let (_socket, stands) = story.come_back(story.offset).await;
    assert_eq!(messages(&stands["publications"]).len(), 2);

    server.clock().advance(SignedDuration::from_hours(5));
    // The housekeeping runs beside.
    let began_at = Instant::now();
    let seller = Caller::account_holder(SELLER);
    while server.engine().events(&seller, 0, 1).await.unwrap().oldest == 1 {
        assert!(began_at.elapsed() < Duration::from_secs(10), "nothing was forgotten");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let (_socket, stands) = story.come_back(story.offset).await;
    assert_eq!(stands["recovered"], Value::Null);
    assert_eq!((&stands["was_recovering"], &stands["publications"]), (&json!(true), &Value::Null));
    let said = story.buyer.say(story.conversation, "Дальше").await;
    let (_socket, stands) = story.come_back(stands["offset"].as_i64().unwrap()).await;
    assert_eq!(messages(&stands["publications"]), [said]);
}

#[tokio::test]
async fn the_stream_of_another_person_cannot_be_had() {
    let server = Server::start().await;
    let story = Story::begin(&server).await;
    story.buyer.say(story.conversation, "Секрет").await;
    let mut socket = Upgrade::of(&story.buyer).open().await.unwrap();
    let position = json!({"recover": true, "epoch": story.epoch, "offset": 0});
    let connect = json!({"subs": {format!("personal:#{SELLER}"): position}});
    socket.say(&json!({"id": 1, "connect": connect})).await;
    let welcome = socket.line().await;
    let subscriptions = welcome["connect"]["subs"].as_object().unwrap();
    assert_eq!(subscriptions.keys().collect::<Vec<_>>(), [&format!("personal:#{BUYER}")]);
    assert_eq!(subscriptions.values().next().unwrap()["recovered"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn cuts_at_any_moment_lose_and_repeat_nothing() {
    let server = Server::start().await;
    let story = Story::begin(&server).await;
    let chat = ChatId::new(story.conversation).unwrap();
    let sends = async {
        let mut said = Vec::new();
        for index in 0..1000 {
            said.push(server.say(BUYER, chat, &format!("{index}")).await.id.get());
        }
        said
    };
    let reads = async {
        let (mut heard, mut offset, mut lives) = (Vec::new(), story.offset, 0);
        while heard.len() < 1000 {
            lives += 1;
            let (mut socket, mut stands) = story.come_back(offset).await;
            assert_eq!(stands["recovered"], true);
            heard.extend(messages(&stands["publications"]));
            if let Some(last) = stands["publications"].as_array_mut().and_then(Vec::pop) {
                offset = last["offset"].as_i64().unwrap();
            }
            // Some live for a few frames more, some are cut off at once.
            for _ in 0..lives % 4 {
                let Some(publications) = socket.frame_of_publications().await else { break };
                for (event, at) in publications {
                    if event["type"] == "message.new" {
                        heard.push(event["data"]["id"].as_i64().unwrap());
                    }
                    offset = at.unwrap_or(offset);
                }
            }
        }
        (heard, lives)
    };
    let (said, (heard, lives)) = tokio::join!(sends, reads);
    assert_eq!(heard, said);
    assert!(20 < lives, "cut off only {lives} times");
}
