//! What belongs to others looks exactly like what does not exist (Partizap contract §7.6, §8.13); bare and prefixed
//! paths.

use reqwest::Method;
use serde_json::json;
use testkit::{BUYER, OTHER_BUYER, PRODUCT, SELLER, Server};

use super::images::png;
use super::person::{Answer, Person, answer_of};

/// Every call with an `{id}`, by `person`.
async fn every_call(person: &Person<'_>, id: &str) -> Vec<(String, Answer)> {
    let path = format!("/vendor/conversations/{id}");
    let form = || {
        let part = reqwest::multipart::Part::bytes(png()).file_name("a.png");
        reqwest::multipart::Form::new().part("image", part)
    };
    let requests = vec![
        person.request(Method::GET, &path),
        person.request(Method::DELETE, &path),
        person.request(Method::GET, &format!("{path}/messages")),
        person.request(Method::POST, &format!("{path}/messages")).json(&json!({"text": "Да"})),
        person.request(Method::GET, &format!("{path}/messages/search?q=да")),
        person.request(Method::POST, &format!("{path}/messages/image")).multipart(form()),
        person.request(Method::POST, &format!("{path}/typing")),
        person.request(Method::POST, &format!("{path}/read")),
        person.request(Method::PUT, &format!("{path}/read")),
        person.request(Method::PATCH, &format!("{path}/read")),
    ];
    let mut answers = Vec::new();
    for request in requests {
        let (method, url) = {
            let request = request.try_clone().map(|request| request.build().unwrap());
            request.map_or_else(
                || ("POST".to_owned(), "image".to_owned()),
                |request| (request.method().to_string(), request.url().path().to_owned()),
            )
        };
        answers.push((format!("{method} {url}"), answer_of(request).await));
    }
    answers
}

#[tokio::test]
async fn a_foreign_conversation_looks_exactly_like_an_absent_one() {
    let server = Server::start().await;
    let buyer = Person::sign_in(&server, BUYER).await;
    let stranger = Person::sign_in(&server, OTHER_BUYER).await;
    let begun = buyer.write_about(PRODUCT.get(), "Да или нет?").await;
    let id = begun.body["data"]["id"].as_i64().unwrap();
    let before = buyer.get(&format!("/vendor/conversations/{id}")).await.body;

    let foreign = every_call(&stranger, &id.to_string()).await;
    // The largest id, one beyond it, beyond 64 bits, and zero.
    for absent in ["9007199254740991", "9007199254740992", "99999999999999999999999", "0", "00"] {
        let absent = every_call(&stranger, absent).await;
        for ((case, foreign), (_, absent)) in foreign.iter().zip(&absent) {
            foreign.assert_error(404, "not_found_error", case);
            assert_eq!((absent.status, &absent.body), (404, &foreign.body), "{case}");
        }
    }
    let seller = Person::sign_in(&server, SELLER).await;
    assert_eq!(seller.unread_total().await, 1);
    assert_eq!(buyer.get(&format!("/vendor/conversations/{id}")).await.body, before);
}

#[tokio::test]
async fn an_id_is_made_of_digits_or_the_path_is_unknown() {
    let server = Server::start().await;
    let buyer = Person::sign_in(&server, BUYER).await;
    for id in ["abc", "-1", "1a", "1.5", "%31%20", "+1", "unread-counts"] {
        for (case, answer) in every_call(&buyer, id).await {
            answer.assert_error(404, "not_found_error", &case);
        }
        // §2.1: the route comes before the session.
        let anonymous = server.http().get(format!("{}/vendor/conversations/{id}", server.url()));
        answer_of(anonymous).await.assert_error(404, "not_found_error", id);
    }
}

#[tokio::test]
async fn bare_and_prefixed_paths_answer_alike() {
    let server = Server::start().await;
    let buyer = Person::sign_in(&server, BUYER).await;
    let begun = buyer.write_about(PRODUCT.get(), "Вопрос").await;
    let id = begun.body["data"]["id"].as_i64().unwrap();
    for path in [
        "/vendor/conversations".to_owned(),
        "/vendor/conversations/unread-count".to_owned(),
        format!("/vendor/conversations/{id}"),
        format!("/vendor/conversations/{id}/messages"),
        format!("/vendor/conversations/{id}/messages/search?q=вопрос"),
        "/vendor/messages/search?q=вопрос".to_owned(),
        "/vendor/me".to_owned(),
        "/vendor/nonsense".to_owned(),
        "/vendor/conversations/7".to_owned(),
    ] {
        let bare = buyer.get(&path).await;
        for prefix in ["/api", "/partizap", "/partizap/api"] {
            let prefixed = buyer.get(&format!("{prefix}{path}")).await;
            assert_eq!(
                (prefixed.status, prefixed.body),
                (bare.status, bare.body.clone()),
                "{path}"
            );
        }
    }
    let body = json!({"email": "nobody@example.test", "password": "x"});
    let login = server.http().post(format!("{}/api/auth/login", server.url())).json(&body);
    answer_of(login).await.assert_error(401, "authentication_error", "login under the prefix");
}

#[tokio::test]
async fn another_prefix_can_be_chosen() {
    let server =
        Server::start_with(|settings| settings.partizap.prefix = "/shop/api".to_owned()).await;
    let buyer = Person::sign_in(&server, BUYER).await;
    assert_eq!(buyer.get("/shop/api/vendor/me").await.status, 200);
    assert_eq!(buyer.get("/vendor/me").await.status, 200);
    assert_eq!(buyer.get("/api/vendor/me").await.status, 404);
}
