//! How often a person may do what (Partizap contract §7.15).

use domain::SignedDuration;
use serde_json::json;
use testkit::{BUYER, OTHER_BUYER, OTHER_PRODUCT, PASSWORD, PRODUCT, SELLER, Server, email_of};

use super::images::png;
use super::person::{Answer, Person, login};

#[track_caller]
fn assert_too_often(answer: &Answer, retry_after: &str, case: &str) {
    answer.assert_error(429, "rate_limit_error", case);
    assert_eq!(answer.headers["retry-after"], retry_after, "{case}");
}

#[tokio::test]
async fn the_contract_s_numbers_hold() {
    let server = Server::start().await;
    let buyer = Person::sign_in(&server, BUYER).await;
    let begun = buyer.write_about(PRODUCT.get(), "Вопрос").await;
    let id = begun.body["data"]["id"].as_i64().unwrap();
    let path = format!("/vendor/conversations/{id}");
    server.clock().advance(SignedDuration::from_mins(1));
    server.clock().advance(SignedDuration::from_millis(500));

    for _ in 0..60 {
        buyer.say(id, "Ау").await;
    }
    let text = buyer.post(&format!("{path}/messages"), json!({"text": "Ау"})).await;
    assert_too_often(&text, "60", "61 texts");
    for _ in 0..20 {
        assert_eq!(buyer.send_image(id, "a.png", "image/png", png()).await.status, 201);
    }
    let image = buyer.send_image(id, "a.png", "image/png", png()).await;
    assert_too_often(&image, "60", "21 images");
    for index in 0..30 {
        // Both searches are counted together.
        let search = if index % 2 == 0 {
            format!("{path}/messages/search")
        } else {
            "/vendor/messages/search".to_owned()
        };
        assert_eq!(buyer.get(&format!("{search}?q=ау")).await.status, 200);
    }
    assert_too_often(&buyer.get("/vendor/messages/search?q=ау").await, "60", "31 searches");
    for _ in 0..300 {
        assert_eq!(buyer.get("/vendor/conversations/unread-count").await.status, 200);
    }
    assert_too_often(&buyer.get(&path).await, "60", "301 reads");
    // §2.1: too often comes before wrong input and before what is missing.
    let late = buyer.get("/vendor/conversations/999?limit=0").await;
    assert_too_often(&late, "60", "before 404");
    assert_too_often(&buyer.get("/vendor/conversations?limit=0").await, "60", "before 422");

    // Everybody has limits of their own, and the next minute is a new one.
    let other = Person::sign_in(&server, OTHER_BUYER).await;
    assert_eq!(other.get("/vendor/conversations").await.status, 200);
    // Marks and typing are not counted.
    assert_eq!(buyer.post_nothing(&format!("{path}/read")).await.status, 200);
    assert_eq!(buyer.post_nothing(&format!("{path}/typing")).await.status, 200);
    server.clock().advance(SignedDuration::from_millis(59_500));
    assert_eq!(buyer.get("/vendor/messages/search?q=ау").await.status, 200);
    let history = buyer.walk(&format!("{path}/messages?limit=100")).await;
    assert_eq!(history.len(), 1 + 60 + 20);
}

#[tokio::test]
async fn only_conversations_that_are_new_use_up_the_hour() {
    let server = Server::start_with(|settings| {
        settings.partizap.limits.new_conversations_per_hour = 2;
        settings.partizap.limits.texts_per_minute = 5;
    })
    .await;
    let buyer = Person::sign_in(&server, BUYER).await;
    assert_eq!(buyer.write_about(PRODUCT.get(), "Раз").await.status, 201);
    for _ in 0..2 {
        assert_eq!(buyer.write_about(PRODUCT.get(), "Ещё").await.status, 200);
    }
    assert_eq!(buyer.write_about(OTHER_PRODUCT.get(), "Два").await.status, 201);
    assert_too_often(&buyer.write_about(PRODUCT.get(), "Три").await, "3600", "a third one");

    // What begins a conversation is a text, too.
    let seller = Person::sign_in(&server, SELLER).await;
    for _ in 0..5 {
        assert!(seller.write_about(OTHER_PRODUCT.get(), "Почём?").await.status < 300);
    }
    assert_too_often(&seller.write_about(OTHER_PRODUCT.get(), "Почём?").await, "60", "six texts");
    // §2.1: too often comes before wrong input. What was stopped here did not use up the hour.
    let malformed = seller.post("/vendor/conversations", json!("no object")).await;
    assert_too_often(&malformed, "60", "before 422");
    server.clock().advance(SignedDuration::from_mins(1));
    assert_eq!(seller.write_about(OTHER_PRODUCT.get(), "Почём?").await.status, 200);
}

#[tokio::test]
async fn a_password_is_guessed_ten_times_in_fifteen_minutes() {
    let server = Server::start().await;
    for _ in 0..10 {
        let answer = login(&server, &email_of(BUYER), "wrong password").await;
        answer.assert_error(401, "authentication_error", "a guess");
    }
    let right = login(&server, &email_of(BUYER).to_uppercase(), PASSWORD).await;
    assert_too_often(&right, "900", "the eleventh, right or wrong");
    // Another address is another matter.
    assert_eq!(login(&server, &email_of(OTHER_BUYER), PASSWORD).await.status, 200);
    server.clock().advance(SignedDuration::from_mins(15));
    assert_eq!(login(&server, &email_of(BUYER), PASSWORD).await.status, 200);
}
