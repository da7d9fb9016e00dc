//! Cookies, sessions and the CSRF token (Partizap contract §2, §7.12, §7.13).

use domain::SignedDuration;
use domain::account::Account;
use domain::catalog::Fact;
use domain::id::AccountId;
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{BUYER, OTHER_BUYER, PASSWORD, PRODUCT, Server, email_of};

use super::person::{Answer, Person, answer_of, keys, login};

async fn account(server: &Server, id: AccountId) -> Account {
    server.engine().account(id).await.unwrap()
}

/// Every call that needs a session, once.
fn signed_in_calls() -> Vec<(Method, &'static str)> {
    vec![
        (Method::GET, "/vendor/conversations"),
        (Method::POST, "/vendor/conversations"),
        (Method::GET, "/vendor/conversations/unread-count"),
        (Method::GET, "/vendor/conversations/1"),
        (Method::DELETE, "/vendor/conversations/1"),
        (Method::GET, "/vendor/conversations/1/messages"),
        (Method::POST, "/vendor/conversations/1/messages"),
        (Method::GET, "/vendor/conversations/1/messages/search?q=аб"),
        (Method::POST, "/vendor/conversations/1/messages/image"),
        (Method::POST, "/vendor/conversations/1/typing"),
        (Method::POST, "/vendor/conversations/1/read"),
        (Method::PUT, "/vendor/conversations/1/read"),
        (Method::PATCH, "/vendor/conversations/1/read"),
        (Method::GET, "/vendor/messages/search?q=аб"),
        (Method::GET, "/vendor/me"),
        (Method::PUT, "/vendor/me"),
        (Method::GET, "/vendor/sessions"),
        (Method::DELETE, "/vendor/sessions/1"),
        (Method::POST, "/auth/logout"),
        (Method::POST, "/auth/logout-all"),
        (Method::POST, "/auth/resend-verification"),
    ]
}

#[tokio::test]
async fn signing_in_gives_both_cookies_and_the_profile_and_ignores_the_csrf_header() {
    let server = Server::start().await;
    let body = json!({"email": email_of(BUYER).to_uppercase(), "password": PASSWORD});
    let request = server
        .http()
        .post(format!("{}/auth/login", server.url()))
        .header("X-CSRF-TOKEN", "nonsense")
        .header("Cookie", "PARTIZAP_SESSION=chosen-by-somebody; CSRF_TOKEN=nonsense")
        .json(&body);
    let answer = answer_of(request).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.body["data"]["id"], BUYER.get());
    assert_eq!(answer.body["data"]["email"], email_of(BUYER));

    // §2.1
    let session = answer.set_cookie("PARTIZAP_SESSION").unwrap();
    for attribute in ["; HttpOnly", "; Secure", "; SameSite=Lax", "; Path=/", "; Max-Age=2592000"] {
        assert!(session.contains(attribute), "{session}");
    }
    let csrf = answer.set_cookie("CSRF_TOKEN").unwrap();
    for attribute in ["; Secure", "; SameSite=Lax", "; Path=/", "; Max-Age=2592000"] {
        assert!(csrf.contains(attribute), "{csrf}");
    }
    assert!(!csrf.contains("HttpOnly") && !session.contains("Domain") && !csrf.contains("Domain"));
    let token = answer.cookie("CSRF_TOKEN").unwrap();
    assert!(token.len() == 64 && token.bytes().all(|byte| byte.is_ascii_hexdigit()));
    // §7.12: no fixation; a new id and a new token with every sign-in.
    let session = answer.cookie("PARTIZAP_SESSION").unwrap();
    assert!(session.len() >= 22 && session != "chosen-by-somebody");
    let again = login(&server, &email_of(BUYER), PASSWORD).await;
    assert_ne!(again.cookie("PARTIZAP_SESSION").unwrap(), session);
    assert_ne!(again.cookie("CSRF_TOKEN").unwrap(), token);
}

#[tokio::test]
async fn cookies_can_be_made_for_plain_http() {
    let server = Server::start_with(|settings| settings.partizap.secure_cookies = false).await;
    let answer = login(&server, &email_of(BUYER), PASSWORD).await;
    for name in ["PARTIZAP_SESSION", "CSRF_TOKEN"] {
        assert!(!answer.set_cookie(name).unwrap().contains("Secure"));
    }
}

#[tokio::test]
async fn an_unknown_address_and_a_wrong_password_are_one_answer() {
    let server = Server::start().await;
    let wrong = login(&server, &email_of(BUYER), "wrong password").await;
    let unknown = login(&server, "nobody@example.test", PASSWORD).await;
    wrong.assert_error(401, "authentication_error", "a wrong password");
    assert_eq!((unknown.status, &unknown.body), (401, &wrong.body));
    assert!(wrong.cookie("PARTIZAP_SESSION").is_none());

    // §2.2: an inactive account cannot sign in, and its sessions answer 401.
    let buyer = Person::sign_in(&server, BUYER).await;
    let inactive = Account { is_active: false, ..account(&server, BUYER).await };
    server.put(vec![Fact::Account(Box::new(inactive), None)]).await;
    let refused = login(&server, &email_of(BUYER), PASSWORD).await;
    assert_eq!((refused.status, &refused.body), (401, &wrong.body));
    buyer.get("/vendor/me").await.assert_error(401, "authentication_error", "an inactive account");

    for (case, body, fields) in [
        ("nothing", json!({}), &["email", "password"][..]),
        ("nulls", json!({"email": null, "password": null}), &["email", "password"]),
        ("numbers", json!({"email": 5, "password": 5}), &["email", "password"]),
        ("empty", json!({"email": "", "password": ""}), &["email", "password"]),
        (
            "too long",
            json!({"email": "a".repeat(255), "password": "a".repeat(257)}),
            &["email", "password"],
        ),
    ] {
        let request = server.http().post(format!("{}/auth/login", server.url())).json(&body);
        answer_of(request).await.assert_invalid(fields, case);
    }
}

#[tokio::test]
async fn without_a_session_every_call_is_a_401_that_clears_the_cookies() {
    let server = Server::start().await;
    for (method, path) in signed_in_calls() {
        for cookies in
            [None, Some("PARTIZAP_SESSION=made-up; CSRF_TOKEN=made-up"), Some("PARTIZAP_SESSION=")]
        {
            let mut request = server
                .http()
                .request(method.clone(), format!("{}{path}", server.url()))
                .header("X-CSRF-TOKEN", "made-up");
            if let Some(cookies) = cookies {
                request = request.header("Cookie", cookies);
            }
            let answer = answer_of(request).await;
            answer.assert_error(401, "authentication_error", &format!("{method} {path}"));
            let cleared = answer.set_cookie("PARTIZAP_SESSION").unwrap();
            assert!(cleared.starts_with("PARTIZAP_SESSION=;") && cleared.contains("Max-Age=0"));
        }
    }
}

#[tokio::test]
async fn a_change_needs_header_and_cookie_and_both_must_be_the_sessions_own() {
    let server = Server::start().await;
    let buyer = Person::sign_in(&server, BUYER).await;
    let other = Person::sign_in(&server, OTHER_BUYER).await;
    let begun = buyer.write_about(PRODUCT.get(), "Вопрос").await;
    let id = begun.body["data"]["id"].as_i64().unwrap();
    let (session, token, foreign) = (&buyer.session, &buyer.csrf_token, &other.csrf_token);
    // §7.13: absent, wrong, only one of the two, and a planted pair that is equal but belongs to another session.
    let cases: [(&str, Option<&str>, Option<&str>); 7] = [
        ("neither", None, None),
        ("no header", Some(token), None),
        ("no cookie", None, Some(token)),
        ("a wrong header", Some(token), Some("0")),
        ("a wrong cookie", Some("0"), Some(token)),
        ("a made-up pair", Some("abc"), Some("abc")),
        ("another session's pair", Some(foreign), Some(foreign)),
    ];
    let changes = signed_in_calls().into_iter().filter(|(method, _)| *method != Method::GET);
    for (method, path) in changes {
        let path = path.replace("/1", &format!("/{id}"));
        for (case, cookie, header) in cases {
            let mut cookies = format!("PARTIZAP_SESSION={session}");
            if let Some(cookie) = cookie {
                cookies = format!("{cookies}; CSRF_TOKEN={cookie}");
            }
            let mut request = server
                .http()
                .request(method.clone(), format!("{}{path}", server.url()))
                .header("Cookie", cookies)
                .json(&json!({"text": "Подделка", "product_id": 88, "message": "Подделка"}));
            if let Some(header) = header {
                request = request.header("X-CSRF-TOKEN", header);
            }
            let answer = answer_of(request).await;
            answer.assert_error(403, "authorization_error", &format!("{method} {path}: {case}"));
        }
    }
    // Nothing happened: still signed in, still one message, nothing read, nothing hidden.
    assert_eq!(buyer.conversations().await.len(), 1);
    let history = buyer.walk(&format!("/vendor/conversations/{id}/messages?limit=100")).await;
    assert_eq!(history.len(), 1);
}

#[tokio::test]
async fn reading_needs_no_token_and_brings_a_lost_one_back() {
    let server = Server::start().await;
    let buyer = Person::sign_in(&server, BUYER).await;
    let read = |cookies: String| {
        answer_of(
            server.http().get(format!("{}/vendor/me", server.url())).header("Cookie", cookies),
        )
    };
    let without = read(format!("PARTIZAP_SESSION={}", buyer.session)).await;
    assert_eq!(without.status, 200);
    // §7.13: the same token through the whole session.
    assert_eq!(without.cookie("CSRF_TOKEN").as_deref(), Some(buyer.csrf_token.as_str()));
    let restored = Person::of(&server, &without);
    assert_eq!(restored.write_about(PRODUCT.get(), "Вопрос").await.status, 201);

    server.clock().advance(SignedDuration::from_secs(30));
    let complete =
        read(format!("PARTIZAP_SESSION={}; CSRF_TOKEN={}", buyer.session, buyer.csrf_token));
    assert!(complete.await.set_cookie("CSRF_TOKEN").is_none());
    // Scripts of the site set cookies, too, and browsers send them as they are.
    let beside_another = read(format!("city=Омск; PARTIZAP_SESSION={}", buyer.session)).await;
    assert_eq!(beside_another.status, 200);
}

#[tokio::test]
async fn a_session_lives_thirty_days_from_its_last_use() {
    let server = Server::start().await;
    let buyer = Person::sign_in(&server, BUYER).await;
    server.clock().advance(SignedDuration::from_hours(29 * 24));
    let used = buyer.get("/vendor/me").await;
    assert_eq!(used.status, 200);
    // §2.1: the browser's cookie is renewed along.
    assert_eq!(used.cookie("PARTIZAP_SESSION").as_deref(), Some(buyer.session.as_str()));
    server.clock().advance(SignedDuration::from_hours(29 * 24));
    assert_eq!(buyer.get("/vendor/me").await.status, 200);
    server.clock().advance(SignedDuration::from_hours(30 * 24));
    buyer.get("/vendor/me").await.assert_error(401, "authentication_error", "an old session");
}

#[tokio::test]
async fn signing_out_ends_this_session_and_signing_out_all_the_others() {
    let server = Server::start().await;
    let one = Person::sign_in(&server, BUYER).await;
    let two = Person::sign_in(&server, BUYER).await;
    let three = Person::sign_in(&server, BUYER).await;
    let stranger = Person::sign_in(&server, OTHER_BUYER).await;

    let out = one.post_nothing("/auth/logout").await;
    assert_eq!((out.status, &out.body), (200, &json!({"data": null})));
    for name in ["PARTIZAP_SESSION", "CSRF_TOKEN"] {
        assert!(out.set_cookie(name).unwrap().contains("Max-Age=0"));
    }
    one.get("/vendor/me").await.assert_error(401, "authentication_error", "signed out");
    assert_eq!(two.get("/vendor/me").await.status, 200);

    let all = two.post_nothing("/auth/logout-all").await;
    assert_eq!((all.status, &all.body), (200, &json!({"data": null})));
    assert_eq!(two.get("/vendor/me").await.status, 200);
    assert_eq!(three.get("/vendor/me").await.status, 401);
    assert_eq!(stranger.get("/vendor/me").await.status, 200);
}

#[tokio::test]
async fn sessions_are_listed_and_ended_one_by_one() {
    let server = Server::start().await;
    let here = Person::sign_in(&server, BUYER).await;
    let body = json!({"email": email_of(BUYER), "password": PASSWORD});
    let there = server
        .http()
        .post(format!("{}/auth/login", server.url()))
        .header("User-Agent", "Телефон")
        .json(&body);
    let there = Person::of(&server, &answer_of(there).await);
    let stranger = Person::sign_in(&server, OTHER_BUYER).await;

    let listed = here.get("/vendor/sessions").await;
    assert_eq!(keys(&listed.body), ["data"]);
    let sessions = listed.body["data"].as_array().unwrap();
    assert_eq!(sessions.len(), 2);
    for session in sessions {
        assert_eq!(
            keys(session),
            ["id", "ip_address", "is_current", "last_activity", "user_agent"]
        );
        assert!(session["id"].is_string());
        assert_eq!(session["ip_address"], "127.0.0.1");
        assert_eq!(session["last_activity"], "2026-11-21T13:00:00+03:00");
    }
    let current = |answer: &Answer, is_current: bool| -> Value {
        let sessions = answer.body["data"].as_array().unwrap().clone();
        sessions.into_iter().find(|session| session["is_current"] == is_current).unwrap()
    };
    let (mine, other) = (current(&listed, true), current(&listed, false));
    assert_eq!(other["user_agent"], "Телефон");

    // §2.2: the session of another person looks like none.
    let path = |session: &Value| format!("/vendor/sessions/{}", session["id"].as_str().unwrap());
    let foreign = stranger.delete(&path(&other)).await;
    foreign.assert_error(404, "not_found_error", "another person's");
    let absent = stranger.delete("/vendor/sessions/nonsense").await;
    assert_eq!((absent.status, &absent.body), (404, &foreign.body));
    assert_eq!(there.get("/vendor/me").await.status, 200);

    let ended = here.delete(&path(&other)).await;
    assert_eq!(
        (ended.status, ended.body),
        (200, json!({"data": {"message": "Session terminated"}}))
    );
    assert_eq!(there.get("/vendor/me").await.status, 401);
    assert_eq!(here.delete(&path(&other)).await.status, 404);
    let own = here.delete(&path(&mine)).await;
    assert!(own.set_cookie("PARTIZAP_SESSION").unwrap().contains("Max-Age=0"));
    assert_eq!(here.get("/vendor/me").await.status, 401);
}
