//! What people hear live (Partizap contract §4.6, §6.2, §7.8, §7.11).

use domain::SignedDuration;
use domain::catalog::Model;
use domain::commands::Subject;
use domain::id::ChatId;
use engine::access::Caller;
use serde_json::{Value, json};
use testkit::{BUYER, OTHER_BUYER, OTHER_PRODUCT, PRODUCT, SELLER, Server};

use super::images::png;
use super::live_socket::Socket;
use super::person::Person;

/// A buyer and a seller, and their conversation, whose first message was read.
async fn two_people(server: &Server) -> (Person<'_>, Person<'_>, i64) {
    let buyer = Person::sign_in(server, BUYER).await;
    let seller = Person::sign_in(server, SELLER).await;
    let begun = buyer.write_about(PRODUCT.get(), "Начало").await;
    let id = begun.body["data"]["id"].as_i64().unwrap();
    read(&seller, id).await;
    (buyer, seller, id)
}

async fn read(person: &Person<'_>, conversation: i64) {
    let path = format!("/vendor/conversations/{conversation}/read");
    assert_eq!(person.post_nothing(&path).await.status, 200);
}

async fn type_in(person: &Person<'_>, conversation: i64) {
    let path = format!("/vendor/conversations/{conversation}/typing");
    let answer = person.post_nothing(&path).await;
    assert_eq!(answer.body, json!({"data": {"message": "Typing indicator sent"}}));
}

/// A conversation of the buyer and the seller about an order.
async fn order_chat(server: &Server) -> ChatId {
    let subject = Subject::Posting(server.order(Model::Fbs).await.posting);
    let buyer = Caller::account_holder(BUYER);
    server.engine().open_chat(&buyer, subject, None).await.unwrap().chat.id
}

#[tokio::test]
async fn a_message_is_told_delivered_and_read() {
    let server = Server::start().await;
    let buyer = Person::sign_in(&server, BUYER).await;
    let seller = Person::sign_in(&server, SELLER).await;
    let (mut at_buyer, mut at_seller) = (Socket::of(&buyer).await, Socket::of(&seller).await);

    // §6.2: the first message of a new conversation is an ordinary one.
    let begun = buyer.write_about(PRODUCT.get(), "Ещё в наличии?").await;
    let sent = &begun.body["data"]["last_message"];
    let (id, message) = (&begun.body["data"]["id"], &sent["id"]);
    let (channel, told, offset) = at_seller.publication().await;
    assert_eq!(channel, format!("personal:#{SELLER}"));
    // §6.2, §7.8: the message itself, flat; nobody has it yet.
    assert_eq!(told, json!({"type": "message.new", "data": sent}));
    assert_eq!(
        (&told["data"]["is_delivered"], &told["data"]["is_read"]),
        (&json!(false), &json!(false))
    );
    let (_, badge, badge_offset) = at_seller.publication().await;
    assert_eq!(badge, json!({"type": "unread.update", "data": {"unread_count": 1}}));
    // Whoever is cut off between the two comes back to both.
    assert!(offset.is_none() && badge_offset.is_some());

    // §7.8: written to a live socket is delivered; §6.2: no echo, so this is the first that the buyer hears.
    let delivered = at_buyer.expect("message.delivered").await;
    let expected = json!({"conversation_id": id, "user_id": SELLER.get(), "last_delivered_message_id": message});
    assert_eq!(delivered, expected);
    let history = buyer.get(&format!("/vendor/conversations/{id}/messages")).await;
    assert_eq!(history.body["data"][0]["is_delivered"], true);

    server.clock().advance(SignedDuration::from_secs(5));
    read(&seller, id.as_i64().unwrap()).await;
    assert_eq!(at_seller.expect("unread.update").await, json!({"unread_count": 0}));
    let expected = json!({
        "conversation_id": id, "reader_id": SELLER.get(), "last_read_message_id": message,
        "read_at": "2026-11-21T13:00:05+03:00",
    });
    assert_eq!(at_buyer.expect("message.read").await, expected);
}

#[tokio::test]
async fn an_image_is_told_as_rest_tells_it() {
    let server = Server::start().await;
    let (buyer, seller, id) = two_people(&server).await;
    let mut at_buyer = Socket::of(&buyer).await;
    let sent = seller.send_image(id, "a.png", "image/png", png()).await;
    assert_eq!(sent.status, 201, "{}", sent.body);

    let told = at_buyer.expect("message.new").await;
    assert_eq!((&told["id"], &told["text"]), (&sent.body["data"]["id"], &Value::Null));
    // The link is the reader's own.
    let picture = server.http().get(told["image_url"].as_str().unwrap()).send().await.unwrap();
    assert_eq!(picture.status(), 200);
    assert!(told["image_url"].as_str().unwrap().contains(&format!("account={BUYER}")));
}

#[tokio::test]
async fn every_browser_hears_it_and_strangers_do_not() {
    let server = Server::start().await;
    let (buyer, seller, id) = two_people(&server).await;
    let stranger = Person::sign_in(&server, OTHER_BUYER).await;
    let mut everywhere = [Socket::of(&seller).await, Socket::of(&seller).await];
    let mut at_stranger = Socket::of(&stranger).await;
    let mut at_buyer = Socket::of(&buyer).await;

    let said = buyer.say(id, "Ау").await;
    for socket in &mut everywhere {
        assert_eq!(socket.expect("message.new").await["id"], said);
        assert_eq!(socket.expect("unread.update").await["unread_count"], 1);
    }
    at_buyer.expect("message.delivered").await;
    // Delivered twice is told once.
    buyer.say(id, "Ау?").await;
    at_buyer.expect("message.delivered").await;
    read(&seller, id).await;
    at_buyer.expect("message.read").await;

    // What the stranger hears first is the stranger's own.
    let begun = stranger.write_about(OTHER_PRODUCT.get(), "Вопрос").await;
    stranger.delete(&format!("/vendor/conversations/{}", begun.body["data"]["id"])).await;
    at_stranger.expect("unread.update").await;
}

#[tokio::test]
async fn own_messages_are_told_only_if_the_operator_wants_it() {
    let server = Server::start_with(|settings| settings.partizap.echo_messages = true).await;
    let (buyer, seller, id) = two_people(&server).await;
    let (mut at_buyer, mut at_seller) = (Socket::of(&buyer).await, Socket::of(&seller).await);
    let said = buyer.say(id, "Эхо").await;
    let (_, echo, offset) = at_buyer.publication().await;
    assert_eq!((&echo["type"], &echo["data"]["id"]), (&json!("message.new"), &json!(said)));
    assert!(offset.is_some(), "no other publication follows");
    // The own count has not changed, and nothing was delivered to oneself.
    assert_eq!(at_buyer.expect("message.delivered").await["user_id"], SELLER.get());
    assert_eq!(at_seller.expect("message.new").await["id"], said);
}

#[tokio::test]
async fn typing_reaches_the_companion_at_most_once_in_two_seconds() {
    let server = Server::start().await;
    let (buyer, seller, id) = two_people(&server).await;
    let (mut at_buyer, mut at_seller) = (Socket::of(&buyer).await, Socket::of(&seller).await);
    type_in(&buyer, id).await;
    type_in(&buyer, id).await;
    server.clock().advance(SignedDuration::from_millis(1999));
    type_in(&buyer, id).await;
    type_in(&seller, id).await;
    let (_, typing, offset) = at_seller.publication().await;
    let expected =
        json!({"type": "typing", "data": {"conversation_id": id, "user_id": BUYER.get()}});
    // Nothing is stored, so there is nothing to come back to.
    assert_eq!((typing, offset), (expected, None));
    assert_eq!(at_buyer.expect("typing").await["user_id"], SELLER.get());

    // One came of the three; the next one is sent after two seconds.
    let said = buyer.say(id, "Вот").await;
    assert_eq!(at_seller.expect("message.new").await["id"], said);
    at_seller.expect("unread.update").await;
    server.clock().advance(SignedDuration::from_millis(1));
    type_in(&buyer, id).await;
    at_seller.expect("typing").await;
}

/// Lets the buyer write once, and the seller put the conversation out of sight.
async fn hide_with_one_unread(
    buyer: &Person<'_>,
    seller: &Person<'_>,
    at_seller: &mut Socket,
    id: i64,
) {
    buyer.say(id, "Раз").await;
    at_seller.expect("message.new").await;
    assert_eq!(at_seller.expect("unread.update").await["unread_count"], 1);

    // §7.11: what is hidden does not count any more.
    assert_eq!(seller.delete(&format!("/vendor/conversations/{id}")).await.status, 200);
    assert_eq!(at_seller.expect("unread.update").await["unread_count"], 0);
}

#[tokio::test]
async fn a_hidden_conversation_is_silent_until_somebody_writes() {
    let server = Server::start().await;
    let (buyer, seller, id) = two_people(&server).await;
    let mut at_seller = Socket::of(&seller).await;
    hide_with_one_unread(&buyer, &seller, &mut at_seller, id).await;
    // Neither typing nor receipts come out of it.
    type_in(&buyer, id).await;
    read(&buyer, id).await;
    // What is told next, of another conversation, shows that they have been passed over.
    let other = order_chat(&server).await;
    server.say(BUYER, other, "О заказе").await;
    assert_eq!(at_seller.expect("message.new").await["conversation_id"], other.get());
    assert_eq!(at_seller.expect("unread.update").await["unread_count"], 1);

    // A message brings it back, with all that is unread in it.
    let said = buyer.say(id, "Два").await;
    assert_eq!(at_seller.expect("message.new").await["id"], said);
    assert_eq!(at_seller.expect("unread.update").await["unread_count"], 3);
    assert_eq!(seller.unread_total().await, 3);
}

#[tokio::test]
async fn who_writes_in_a_hidden_conversation_hears_what_counts_again() {
    let server = Server::start().await;
    let (buyer, seller, id) = two_people(&server).await;
    let mut at_seller = Socket::of(&seller).await;
    hide_with_one_unread(&buyer, &seller, &mut at_seller, id).await;

    // Here nobody can write in it, but through another door its chat is still there.
    let chat = ChatId::new(id).unwrap();
    server.say(SELLER, chat, "Ещё здесь").await;
    assert_eq!(at_seller.expect("unread.update").await["unread_count"], 1);
    assert_eq!(seller.unread_total().await, 1);
}

#[tokio::test]
async fn what_the_marketplace_says_comes_to_both() {
    let server = Server::start().await;
    let (buyer, seller, id) = two_people(&server).await;
    let mut sockets = [Socket::of(&buyer).await, Socket::of(&seller).await];
    let answer = server
        .http()
        .post(format!("{}/api/v1/host/chats/{id}/messages", server.url()))
        .bearer_auth(server.host_key().await)
        .json(&json!({"role": "support", "text": "Здравствуйте, это поддержка"}))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 201, "{}", answer.text().await.unwrap());
    for socket in &mut sockets {
        let told = socket.expect("message.new").await;
        assert_eq!(told["text"], "Здравствуйте, это поддержка");
        assert_eq!(socket.expect("unread.update").await["unread_count"], 1);
    }
}

#[tokio::test]
async fn who_comes_and_goes_is_told_only_if_the_operator_wants_it() {
    let server = Server::start_with(|settings| settings.partizap.online_events = true).await;
    let (buyer, seller, _) = two_people(&server).await;
    let mut at_buyer = Socket::of(&buyer).await;
    let at_seller = Socket::of(&seller).await;
    let expected = json!({"user_id": SELLER.get(), "last_seen_at": "2026-11-21T13:00:00+03:00"});
    assert_eq!(at_buyer.expect("user.online").await, expected);

    // Who comes later hears who is there.
    drop(at_buyer);
    let mut at_buyer = Socket::of(&buyer).await;
    assert_eq!(at_buyer.expect("user.online").await["user_id"], SELLER.get());

    drop(at_seller);
    // The server's clock stands still; somebody is gone when the grace is over.
    let gone = tokio::time::timeout(std::time::Duration::from_secs(20), async {
        let gone = at_buyer.expect("user.offline");
        let clock = async {
            loop {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                server.clock().advance(SignedDuration::from_millis(100));
            }
        };
        tokio::select! { gone = gone => gone, () = clock => unreachable!() }
    });
    assert_eq!(gone.await.unwrap()["user_id"], SELLER.get());
}
