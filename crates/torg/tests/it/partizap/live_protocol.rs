//! The protocol itself: hello, ping, what is not offered, who is let in (Partizap contract §6.3).

use std::time::{Duration, Instant};

use domain::SignedDuration;
use domain::id::ChatId;
use serde_json::{Value, json};
use testkit::{BUYER, PRODUCT, SELLER, Server};
use tokio_tungstenite::tungstenite::Message;

use super::live_socket::{Socket, Upgrade};
use super::person::Person;

#[tokio::test]
async fn hello_is_answered_with_the_one_channel() {
    let server = Server::start().await;
    let seller = Person::sign_in(&server, SELLER).await;
    let mut socket = Upgrade::of(&seller).open().await.unwrap();
    assert_eq!(socket.upgrade.headers().get("sec-websocket-protocol"), None);
    // Token, data, name, version and headers of the client are not needed.
    let connect = json!({"name": "js", "version": "5", "token": "x", "data": [], "headers": {}});
    socket.say(&json!({"connect": connect, "id": 17})).await;
    let mut welcome = socket.line().await;
    let connected = &mut welcome["connect"];
    let client = connected["client"].take();
    assert_eq!(client.as_str().map(str::len), Some(36), "{client}");
    let subscription = connected["subs"][&format!("personal:#{SELLER}")].take();
    assert!(subscription["epoch"].as_str().is_some_and(|epoch| !epoch.is_empty()));
    assert_eq!(
        (&subscription["recoverable"], &subscription["positioned"]),
        (&json!(true), &json!(true))
    );
    assert_eq!(
        (&subscription["was_recovering"], &subscription["recovered"]),
        (&Value::Null, &Value::Null)
    );
    let rest = json!({"id": 17, "connect": {
        "client": null, "version": "0.0.0", "subs": {format!("personal:#{SELLER}"): null},
        "ping": 25, "pong": true,
    }});
    assert_eq!(welcome, rest);
    socket.hears_what_comes_next(&server).await;
}

#[tokio::test]
async fn the_json_sub_protocol_is_accepted_and_the_other_is_not() {
    let server = Server::start().await;
    let seller = Person::sign_in(&server, SELLER).await;
    let upgrade = Upgrade::of(&seller).with("sec-websocket-protocol", "x, centrifuge-json");
    let mut socket = upgrade.open().await.unwrap();
    assert_eq!(socket.upgrade.headers()["sec-websocket-protocol"], "centrifuge-json");
    socket.say_hello(json!({})).await;

    // A client must not go on when its only sub-protocol was not taken, and this one does not.
    let request = server
        .http()
        .get(format!("{}/connection/websocket", server.url()))
        .header("Cookie", format!("PARTIZAP_SESSION={}", seller.session))
        .header("Connection", "Upgrade")
        .header("Upgrade", "websocket")
        .header("Sec-WebSocket-Version", "13")
        .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
        .header("Sec-WebSocket-Protocol", "centrifuge-protobuf");
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 101);
    assert_eq!(answer.headers().get("sec-websocket-protocol"), None);
}

#[tokio::test]
async fn everything_but_hello_and_the_pong_is_not_available() {
    let server = Server::start().await;
    let seller = Person::sign_in(&server, SELLER).await;
    let mut socket = Upgrade::of(&seller).open().await.unwrap();
    // A frame may hold several commands, also the first one.
    socket
        .say_text("{\"id\":1,\"connect\":{}}\n{}\n{\"id\":2,\"subscribe\":{\"channel\":\"a\"}}")
        .await;
    assert_eq!(socket.line().await["id"], 1);
    let refusal = |id| json!({"id": id, "error": {"code": 108, "message": "not available"}});
    assert_eq!(socket.line().await, refusal(2));
    for (id, command) in ["publish", "rpc", "history", "presence", "unsubscribe", "refresh", "ping"]
        .iter()
        .enumerate()
    {
        socket.say(&json!({"id": id + 3, *command: {}})).await;
        assert_eq!(socket.line().await, refusal(id + 3), "{command}");
    }
    socket.say_text("{\"id\":90,\"rpc\":{}}\n\n{\"id\":91,\"rpc\":{}}\n").await;
    assert_eq!((socket.line().await, socket.line().await), (refusal(90), refusal(91)));
    // A pong that was not asked for harms nobody; neither do the pings of WebSocket itself.
    socket.say_text("{}").await;
    socket.send(Message::Ping(Vec::new().into())).await;
    socket.say(&json!({"id": 92, "rpc": {}})).await;
    assert_eq!(socket.line().await, refusal(92));
    socket.hears_what_comes_next(&server).await;
}

#[tokio::test]
async fn who_does_not_speak_the_protocol_is_sent_away_for_good() {
    let server = Server::start().await;
    let seller = Person::sign_in(&server, SELLER).await;
    let bad_request = (3501, "bad request".to_owned());
    let first_frames = [
        r#"{"id":1,"subscribe":{"channel":"personal:#42"}}"#.to_owned(),
        "{}".to_owned(),
        "hello".to_owned(),
        String::new(),
        r#"{"connect":{}}"#.to_owned(),
        r#"{"id":1,"connect":"#.to_owned(),
        "[".repeat(60_000),
    ];
    for frame in first_frames {
        let mut socket = Upgrade::of(&seller).open().await.unwrap();
        socket.say_text(&frame).await;
        assert_eq!(socket.goodbye().await, bad_request, "{frame}");
    }
    let later_frames = [
        Message::text(r#"{"id":2,"connect":{}}"#),
        Message::text("nonsense"),
        Message::text(r#"{"rpc":{}}"#),
        Message::binary(vec![0x0a, 0x02]),
    ];
    for frame in later_frames {
        let mut socket = Socket::of(&seller).await;
        socket.send(frame.clone()).await;
        assert_eq!(socket.goodbye().await, bad_request, "{frame}");
    }
}

#[tokio::test]
async fn a_frame_is_bounded() {
    let server = Server::start().await;
    let seller = Person::sign_in(&server, SELLER).await;
    let hello = |length| json!({"token": "x".repeat(length)});
    let mut socket = Upgrade::of(&seller).open().await.unwrap();
    socket.say_hello(hello(60_000)).await;
    let mut socket = Upgrade::of(&seller).open().await.unwrap();
    socket.say(&json!({"id": 1, "connect": hello(66_000)})).await;
    assert_eq!(socket.goodbye().await.0, 3501);
}

#[tokio::test]
async fn who_has_no_session_is_let_in_to_hear_why_not() {
    let server = Server::start().await;
    let nobodies = [
        Upgrade::of_nobody(&server),
        Upgrade::of_nobody(&server).with("cookie", "PARTIZAP_SESSION=made-up"),
        Upgrade::of_nobody(&server).with("cookie", "PARTIZAP_SESSION="),
    ];
    for nobody in nobodies {
        let mut socket = nobody.open().await.unwrap();
        assert_eq!(socket.goodbye().await, (4501, "unauthorized".to_owned()));
    }
}

#[tokio::test]
async fn a_person_has_so_many_connections_at_once_and_no_more() {
    let server = Server::start_with(|settings| settings.partizap.limits.live_connections = 2).await;
    let seller = Person::sign_in(&server, SELLER).await;
    let also_seller = Person::sign_in(&server, SELLER).await;
    let first = Socket::of(&seller).await;
    let _second = Socket::of(&also_seller).await;
    let refused = Upgrade::of(&seller).open().await.err().unwrap();
    assert_eq!(
        (refused.status().as_u16(), &refused.headers()["retry-after"]),
        (429, &"10".parse().unwrap())
    );
    // Others have their own.
    let buyer = Person::sign_in(&server, BUYER).await;
    Socket::of(&buyer).await;

    drop(first);
    let began_at = Instant::now();
    while Upgrade::of(&seller).open().await.is_err() {
        assert!(began_at.elapsed() < Duration::from_secs(10));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn pages_of_other_sites_cannot_connect() {
    let server = Server::start_with(|settings| {
        settings.partizap.allowed_origins = vec!["https://shop.example".to_owned()];
        settings.public_url = Some("https://chat.example/torg".to_owned().try_into().unwrap());
    })
    .await;
    let seller = Person::sign_in(&server, SELLER).await;
    let own = server.url().to_owned();
    for origin in [own.as_str(), "https://shop.example", "https://chat.example"] {
        let mut socket = Upgrade::of(&seller).with("origin", origin).open().await.unwrap();
        socket.say_hello(json!({})).await;
    }
    for origin in ["https://evil.example", "https://chat.example.evil.example", "null", ""] {
        let refused = Upgrade::of(&seller).with("origin", origin).open().await.err().unwrap();
        assert_eq!(refused.status(), 403, "{origin}");
        let body: Value = serde_json::from_slice(refused.body().as_deref().unwrap()).unwrap();
        assert_eq!(body["error"]["code"], "authorization_error", "{origin}: {body}");
    }
}

#[tokio::test]
async fn the_path_is_on_the_site_itself_and_below_the_face_s_prefix() {
    let server = Server::start().await;
    let seller = Person::sign_in(&server, SELLER).await;
    let cookie = format!("PARTIZAP_SESSION={}", seller.session);
    let below = Upgrade::at(&server, "/partizap/connection/websocket").with("cookie", &cookie);
    below.open().await.unwrap().say_hello(json!({})).await;
    // §6.1: not under /api.
    let elsewhere = Upgrade::at(&server, "/api/connection/websocket").with("cookie", &cookie);
    assert_eq!(elsewhere.open().await.err().unwrap().status(), 404);

    let unknown = seller.get("/connection/sockjs").await;
    unknown.assert_error(404, "not_found_error", "another transport");
    let plain = seller.get("/connection/websocket").await;
    assert_eq!((plain.status, &plain.headers["upgrade"]), (426, &"websocket".parse().unwrap()));
    plain.assert_error(426, "validation_error", "no upgrade");
    let posted = seller.post("/connection/websocket", json!({})).await;
    posted.assert_error(405, "method_not_allowed_error", "another method");
}

#[tokio::test]
async fn who_answers_pings_stays_and_who_does_not_is_given_up() {
    let server = Server::start().await;
    let seller = Person::sign_in(&server, SELLER).await;
    let mut socket = Socket::of(&seller).await;
    for _ in 0..3 {
        server.clock().advance(SignedDuration::from_secs(25));
        assert_eq!(socket.line().await, json!({}));
        socket.say_text("{}").await;
        // The answer to a question that follows it tells that the pong was heard.
        socket.say(&json!({"id": 2, "rpc": {}})).await;
        assert_eq!(socket.line().await["id"], 2);
    }
    server.clock().advance(SignedDuration::from_secs(24));
    socket.hears_what_comes_next(&server).await;
    server.clock().advance(SignedDuration::from_secs(1));
    assert_eq!(socket.line().await, json!({}));
    server.clock().advance(SignedDuration::from_secs(10));
    // It may come back, and then it is not too late.
    assert_eq!(socket.goodbye().await, (3012, "no pong".to_owned()));
}

#[tokio::test]
async fn a_stop_sends_everybody_to_another_server() {
    let server = Server::start().await;
    let seller = Person::sign_in(&server, SELLER).await;
    let mut silent = Upgrade::of(&seller).open().await.unwrap();
    let mut connected = Socket::of(&seller).await;
    let stopped = tokio::spawn(server.stop());
    assert_eq!(connected.goodbye().await, (3001, "shutdown".to_owned()));
    assert_eq!(silent.goodbye().await, (3001, "shutdown".to_owned()));
    drop((connected, silent));
    stopped.await.unwrap();
}

#[tokio::test]
async fn who_does_not_read_is_given_up() {
    /// With 8 KiB each, more than the buffers of both ends hold.
    const MESSAGES: usize = 600;
    // Half of it is the time to receive a frame.
    let server = Server::start_with(|settings| settings.limits.stalled_timeout_seconds = 10).await;
    let seller = Person::sign_in(&server, SELLER).await;
    let buyer = Person::sign_in(&server, BUYER).await;
    let begun = buyer.write_about(PRODUCT.get(), "Сейчас будет много").await;
    let chat = ChatId::new(begun.body["data"]["id"].as_i64().unwrap()).unwrap();
    let mut socket = Upgrade::of(&seller).with_small_buffer().open().await.unwrap();
    socket.say_hello(json!({})).await;
    let mut other = Socket::of(&seller).await;

    let long = "я".repeat(4096);
    let texts = (0..MESSAGES).map(|_| server.say(BUYER, chat, &long));
    futures_util::future::join_all(texts).await;
    // Others are not held up meanwhile.
    for _ in 0..MESSAGES {
        other.expect("message.new").await;
        other.expect("unread.update").await;
    }
    tokio::time::sleep(Duration::from_millis(5500)).await;
    // Now it reads on: some of it, and why there is no more.
    assert_eq!(socket.goodbye_at_last().await, (3008, "slow".to_owned()));
}

#[tokio::test]
async fn an_answer_to_a_ping_that_waits_to_be_read_is_an_answer() {
    let server = Server::start().await;
    let person = Person::sign_in(&server, SELLER).await;
    let mut socket = Socket::of(&person).await;
    for _ in 0..20 {
        server.clock().advance(SignedDuration::from_secs(25));
        assert_eq!(socket.line().await, json!({}));
        socket.say(&json!({})).await;
        // The server finds both at once, the answer and the end of its patience.
        server.clock().advance(SignedDuration::from_secs(10));
    }
    socket.hears_what_comes_next(&server).await;
}
