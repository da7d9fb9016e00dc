//! A connection ends with the session that opened it (Partizap contract §2.2, §6.3, §7.12).

use domain::SignedDuration;
use domain::account::Account;
use domain::catalog::Fact;
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{OTHER_BUYER, SELLER, Server};

use super::live_socket::{Socket, Upgrade};
use super::person::{Person, answer_of};

async fn assert_ended(socket: &mut Socket, case: &str) {
    assert_eq!(socket.goodbye().await, (4501, "unauthorized".to_owned()), "{case}");
}

#[tokio::test]
async fn signing_out_ends_the_connections_of_that_session_only() {
    let server = Server::start().await;
    let on_desktop = Person::sign_in(&server, SELLER).await;
    let on_phone = Person::sign_in(&server, SELLER).await;
    let mut desktop = [Socket::of(&on_desktop).await, Socket::of(&on_desktop).await];
    let mut phone = Socket::of(&on_phone).await;
    assert_eq!(on_desktop.post_nothing("/auth/logout").await.status, 200);
    for socket in &mut desktop {
        assert_ended(socket, "signed out").await;
    }
    phone.hears_what_comes_next(&server).await;
}

#[tokio::test]
async fn a_session_that_ends_before_the_hello_is_noticed() {
    let server = Server::start().await;
    let seller = Person::sign_in(&server, SELLER).await;
    let mut socket = Upgrade::of(&seller).open().await.unwrap();
    assert_eq!(seller.post_nothing("/auth/logout").await.status, 200);
    socket.say(&json!({"id": 1, "connect": {}})).await;
    assert_ended(&mut socket, "signed out").await;
}

#[tokio::test]
async fn killing_a_session_ends_its_connections() {
    let server = Server::start().await;
    let on_desktop = Person::sign_in(&server, SELLER).await;
    let mut desktop = Socket::of(&on_desktop).await;

    let on_phone = Person::sign_in(&server, SELLER).await;
    let mut phone = Socket::of(&on_phone).await;
    let listed = on_desktop.get("/vendor/sessions").await;
    let sessions = listed.body["data"].as_array().unwrap();
    let other = sessions.iter().find(|session| session["is_current"] == false).unwrap();
    let path = format!("/vendor/sessions/{}", other["id"].as_str().unwrap());
    assert_eq!(on_desktop.delete(&path).await.status, 200);
    assert_ended(&mut phone, "killed").await;

    let on_phone = Person::sign_in(&server, SELLER).await;
    let mut phone = Socket::of(&on_phone).await;
    assert_eq!(on_desktop.post_nothing("/auth/logout-all").await.status, 200);
    assert_ended(&mut phone, "all others").await;
    desktop.hears_what_comes_next(&server).await;
}

#[tokio::test]
async fn the_marketplace_ends_sessions_and_puts_accounts_out_of_use() {
    let server = Server::start().await;
    let host = server.host_key().await;
    let at_host = async |method: Method, path: String, body: Value| {
        let url = format!("{}/api/v1/host{path}", server.url());
        answer_of(server.http().request(method, url).bearer_auth(&host).json(&body)).await
    };
    let sessions = |account| format!("/accounts/{account}/sessions");
    let of_seller = sessions(SELLER);
    let begun = at_host(
        Method::POST,
        of_seller.clone(),
        json!({"token": "a-token-of-the-marketplace-0001"}),
    )
    .await;
    assert_eq!(begun.status, 201, "{}", begun.body);
    let seller = Person {
        server: &server,
        session: "a-token-of-the-marketplace-0001".to_owned(),
        csrf_token: String::new(),
    };
    let mut socket = Socket::of(&seller).await;
    socket.hears_what_comes_next(&server).await;
    // The same cookie becomes somebody else's: the connection must not go on as the former owner's.
    let moved =
        at_host(Method::POST, sessions(OTHER_BUYER), json!({"token": seller.session})).await;
    assert_eq!(moved.status, 201, "{}", moved.body);
    assert_ended(&mut socket, "handed on").await;

    let begun = at_host(
        Method::POST,
        of_seller.clone(),
        json!({"token": "a-token-of-the-marketplace-0002"}),
    )
    .await;
    let seller = Person { session: "a-token-of-the-marketplace-0002".to_owned(), ..seller };
    let mut socket = Socket::of(&seller).await;
    let path = format!("{of_seller}/{}", begun.body["id"].as_str().unwrap());
    assert_eq!(at_host(Method::DELETE, path, json!(null)).await.status, 204);
    assert_ended(&mut socket, "ended by the marketplace").await;

    let seller = Person::sign_in(&server, SELLER).await;
    let mut socket = Socket::of(&seller).await;
    let account = server.engine().account(SELLER).await.unwrap();
    let inactive = Account { is_active: false, ..account };
    server.put(vec![Fact::Account(Box::new(inactive), None)]).await;
    assert_ended(&mut socket, "out of use").await;
}

#[tokio::test]
async fn a_session_that_is_over_is_noticed_at_the_next_ping() {
    let server = Server::start().await;
    let seller = Person::sign_in(&server, SELLER).await;
    let mut socket = Socket::of(&seller).await;
    // A connection alone does not prolong the session.
    server.clock().advance(SignedDuration::from_hours(30 * 24 - 1));
    assert_eq!(socket.line().await, json!({}));
    socket.say_text("{}").await;
    socket.say(&json!({"id": 2, "rpc": {}})).await;
    assert_eq!(socket.line().await["id"], 2);
    server.clock().advance(SignedDuration::from_hours(1));
    assert_ended(&mut socket, "over").await;
}
