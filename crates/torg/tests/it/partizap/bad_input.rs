//! Bad input gets the wire's own error body, bounded work, and nothing stored (Partizap contract §1.3).

use reqwest::Method;
use serde_json::json;
use testkit::{BUYER, PRODUCT, Server};

use super::person::{Person, answer_of};

#[tokio::test]
async fn what_is_no_json_object_is_named_under_body() {
    let server = Server::start().await;
    let buyer = Person::sign_in(&server, BUYER).await;
    let begun = buyer.write_about(PRODUCT.get(), "Вопрос").await;
    let id = begun.body["data"]["id"].as_i64().unwrap();
    let deep = "[".repeat(10_000);
    let bodies: [(&str, Vec<u8>); 9] = [
        ("empty", Vec::new()),
        ("malformed", b"{\"text\": \"a\"".to_vec()),
        ("no JSON", b"text=a".to_vec()),
        ("invalid UTF-8", b"{\"text\": \"\xff\"}".to_vec()),
        ("a list", b"[]".to_vec()),
        ("a string", b"\"a\"".to_vec()),
        ("null", b"null".to_vec()),
        ("10,000 levels", deep.into_bytes()),
        ("two values", b"{} {}".to_vec()),
    ];
    let paths = [
        (Method::POST, "/vendor/conversations".to_owned()),
        (Method::POST, format!("/vendor/conversations/{id}/messages")),
        (Method::PUT, "/vendor/me".to_owned()),
        (Method::POST, "/auth/login".to_owned()),
        (Method::POST, "/auth/register".to_owned()),
    ];
    for (method, path) in paths {
        for (case, body) in &bodies {
            let request = buyer
                .request(method.clone(), &path)
                .header("Content-Type", "application/json")
                .body(body.clone());
            answer_of(request).await.assert_invalid(&["body"], &format!("{path}: {case}"));
        }
        // §1.3: 415, 413.
        for content_type in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp"]
        {
            let request = buyer
                .request(method.clone(), &path)
                .header("Content-Type", content_type)
                .body("{}");
            answer_of(request).await.assert_error(415, "validation_error", &path);
        }
        let huge = format!("{{\"text\": \"{}\"}}", "a".repeat(13_000_000));
        let request = buyer
            .request(method.clone(), &path)
            .header("Content-Type", "application/json")
            .body(huge);
        answer_of(request).await.assert_error(413, "validation_error", &path);
    }
    let history = buyer.walk(&format!("/vendor/conversations/{id}/messages?limit=100")).await;
    assert_eq!(history.len(), 1);
}

#[tokio::test]
async fn json_may_have_a_charset_and_requests_strange_headers() {
    let server = Server::start().await;
    let buyer = Person::sign_in(&server, BUYER).await;
    let request = buyer
        .request(Method::POST, "/vendor/conversations")
        .header("Content-Type", "application/json; charset=utf-8")
        .header("X-Requested-With", "XMLHttpRequest")
        .header("Accept", "text/html")
        .header("Origin", "https://elsewhere.example")
        .body(json!({"product_id": PRODUCT.get(), "message": "Да", "extra": {}}).to_string());
    assert_eq!(answer_of(request).await.status, 201);
}

#[tokio::test]
async fn unknown_paths_and_wrong_methods_have_the_envelope() {
    let server = Server::start().await;
    let buyer = Person::sign_in(&server, BUYER).await;
    for path in [
        "/vendor",
        "/vendor/",
        "/vendor/nonsense",
        "/vendor/conversations/1/nonsense",
        "/vendor/conversations/%FF",
        "/vendor/conversations/%D0/messages",
        "/connection/sockjs",
        "/auth/forgot-password",
    ] {
        buyer.get(path).await.assert_error(404, "not_found_error", path);
    }
    let ended = buyer.delete("/vendor/sessions/%FF").await;
    ended.assert_error(404, "not_found_error", "a session's id that is not UTF-8");
    let cases: [(Method, &str, &[&str]); 6] = [
        (Method::PUT, "/vendor/conversations", &["GET", "POST"]),
        (Method::PATCH, "/vendor/conversations/1", &["GET", "DELETE"]),
        (Method::POST, "/vendor/messages/search", &["GET"]),
        (Method::GET, "/vendor/conversations/1/typing", &["POST"]),
        (Method::POST, "/vendor/conversations/unread-count", &["GET"]),
        (Method::GET, "/auth/login", &["POST"]),
    ];
    for (method, path, allowed) in cases {
        // §2.1: the route comes before the session and the CSRF token.
        let request = server.http().request(method, format!("{}{path}", server.url()));
        let answer = answer_of(request).await;
        answer.assert_error(405, "method_not_allowed_error", path);
        let allow = answer.headers["allow"].to_str().unwrap();
        for method in allowed {
            assert!(allow.contains(method), "{path}: {allow}");
        }
    }
}

#[tokio::test]
async fn pages_of_listed_origins_may_call_with_credentials() {
    let server = Server::start_with(|settings| {
        settings.partizap.allowed_origins = vec!["https://shop.example.test".to_owned()];
    })
    .await;
    let ask = |method, origin: &str| {
        server
            .http()
            .request(method, format!("{}/vendor/me", server.url()))
            .header("Origin", origin)
            .header("Access-Control-Request-Method", "PUT")
            .header("Access-Control-Request-Headers", "x-csrf-token")
    };
    let preflight = answer_of(ask(Method::OPTIONS, "https://shop.example.test")).await;
    assert_eq!(preflight.headers["access-control-allow-origin"], "https://shop.example.test");
    assert_eq!(preflight.headers["access-control-allow-credentials"], "true");
    let refused = answer_of(ask(Method::GET, "https://shop.example.test")).await;
    assert_eq!(
        (refused.status, refused.headers.contains_key("access-control-allow-origin")),
        (401, true)
    );
    let foreign = answer_of(ask(Method::GET, "https://evil.example.test")).await;
    assert!(!foreign.headers.contains_key("access-control-allow-origin"));
}
