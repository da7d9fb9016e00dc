//! The rate limit and its headers (Ozon contract §4), and a server that cannot (§3.1).

use domain::SignedDuration;
use reqwest::Method;
use serde_json::json;
use testkit::{OTHER_SELLER, SELLER, Server};

use super::client::{Client, ask, market, put_standing};

const RATE: &str = "You have reached request rate limit per second";

#[tokio::test]
async fn fifty_requests_a_second_over_all_methods_and_all_keys_of_a_seller() {
    let server = Server::start().await;
    let (first_key, second_key) = (Client::new(&server).await, Client::new(&server).await);
    for left in (0..50).rev() {
        let answer = match left % 3 {
            0 => first_key.post("/v3/chat/list", &json!({})).await,
            1 => second_key.post("/v1/chat/start", &json!({"posting_number": "none"})).await,
            _ => second_key.post_raw("/v2/chat/read", "{").await,
        };
        assert_ne!(answer.status, 429);
        assert_eq!(answer.header("ratelimit-limit"), Some("50"));
        assert_eq!(answer.header("ratelimit-remaining"), Some(&*left.to_string()));
        assert_eq!(answer.header("retry-after"), None);
    }
    for client in [&first_key, &second_key] {
        let answer = client.post("/v3/chat/list", &json!({})).await;
        answer.failed(429, 8, RATE);
        assert_eq!(answer.header("ratelimit-limit"), Some("50"));
        assert_eq!(answer.header("ratelimit-remaining"), Some("0"));
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
    let file = first_key.request(Method::GET, "/v2/chat/file/messenger/1/a");
    ask(file).await.failed(429, 8, RATE);

    let stranger = Client::of(&server, OTHER_SELLER).await;
    let answer = stranger.post("/v3/chat/list", &json!({})).await;
    assert_eq!(answer.header("ratelimit-remaining"), Some("49"));

    server.clock().advance(SignedDuration::from_millis(999));
    first_key.post("/v3/chat/list", &json!({})).await.failed(429, 8, RATE);
    server.clock().advance(SignedDuration::from_millis(1));
    let answer = first_key.post("/v3/chat/list", &json!({})).await;
    answer.succeeded();
    assert_eq!(answer.header("ratelimit-remaining"), Some("49"));
}

#[tokio::test]
async fn refusals_of_a_known_seller_carry_the_headers_too() {
    let server = Server::start_with(|settings| settings.ozon.requests_per_second = 5).await;
    let client = Client::new(&server).await;
    put_standing(&server, SELLER, &json!({"offer_signed": false})).await;
    let answer = client.post("/v3/chat/list", &json!({})).await;
    answer.failed(403, 7, "Offer not signed");
    assert_eq!(answer.header("ratelimit-limit"), Some("5"));
    assert_eq!(answer.header("ratelimit-remaining"), Some("4"));

    let stranger = Client::with_key(&server, SELLER, "wrong".to_owned());
    let answer = stranger.post("/v3/chat/list", &json!({})).await;
    assert_eq!((answer.status, answer.header("ratelimit-limit")), (404, None));
}

#[tokio::test]
async fn a_limit_of_zero_is_none() {
    let server = market().await;
    let client = Client::new(&server).await;
    for _ in 0..60 {
        let answer = client.post("/v3/chat/list", &json!({})).await;
        answer.succeeded();
        assert_eq!(answer.header("ratelimit-limit"), None);
    }
}

#[tokio::test]
async fn a_server_without_its_database_says_that_the_circle_is_open() {
    let server = market().await;
    let client = Client::new(&server).await;
    server.engine().stop().await.unwrap();
    let answer = client.send("5969c331-2e64-44b7-8a0e-ff9526762c62", "x").await;
    answer.failed(503, 14, "Circle is open");
    assert_eq!(answer.header("retry-after"), Some("5"));
}
