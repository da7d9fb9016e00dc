//! Signing up, and one's own profile (Partizap contract §2.2).

use std::sync::atomic::{AtomicBool, Ordering};

use domain::SignedDuration;
use domain::account::Account;
use domain::catalog::Fact;
use domain::id::AccountId;
use serde_json::{Value, json};
use testkit::{BUYER, PASSWORD, PRODUCT, Server, email_of};
use tokio::runtime::Handle;

use super::person::{Answer, Person, answer_of, keys, login};

const PROFILE_KEYS: [&str; 16] = [
    "account_type",
    "avatar_url",
    "city_id",
    "created_at",
    "display_name",
    "district_id",
    "email",
    "email_verified",
    "id",
    "is_active",
    "is_admin",
    "metro_station_id",
    "phone",
    "products_count",
    "rating",
    "reviews_count",
];

async fn register(server: &Server, body: Value) -> Answer {
    answer_of(server.http().post(format!("{}/auth/register", server.url())).json(&body)).await
}

#[tokio::test]
async fn whoever_signs_up_is_signed_in_and_can_chat() {
    let server = Server::start().await;
    let body = json!({"email": " Ivan@Example.Test ", "display_name": " Иван ", "password": "длинный пароль"});
    let answer = register(&server, body).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    let profile = &answer.body["data"];
    assert_eq!(keys(profile), PROFILE_KEYS);
    assert_eq!(profile["display_name"], "Иван");
    assert_eq!(profile["rating"], "0.00");
    assert_eq!(profile["account_type"], "private");
    assert_eq!(profile["email_verified"], false);
    assert_eq!((&profile["phone"], &profile["city_id"]), (&Value::Null, &Value::Null));
    assert!(AccountId::new(profile["id"].as_i64().unwrap()).is_some());

    // §7.1: an unverified address does not keep anybody from chatting.
    let ivan = Person::of(&server, &answer);
    assert_eq!(ivan.write_about(PRODUCT.get(), "Есть?").await.status, 201);
    assert_eq!(login(&server, "IVAN@example.test", "длинный пароль").await.status, 200);

    let twice =
        json!({"email": "ivan@EXAMPLE.test", "display_name": "Иван", "password": "другой пароль"});
    register(&server, twice).await.assert_error(409, "conflict_error", "§2.2 taken");
}

#[tokio::test]
async fn signing_up_checks_every_field() {
    let server = Server::start().await;
    let good = json!({"email": "a@b.test", "display_name": "А", "password": "12345678"});
    let with = |field: &str, value: Value| {
        let mut body = good.clone();
        body[field] = value;
        body
    };
    let mut cases = vec![("nothing", json!({}), vec!["display_name", "email", "password"])];
    for email in [
        json!(null),
        json!(5),
        json!(""),
        json!("a"),
        json!("@b"),
        json!("a@"),
        json!("a b@c.test"),
        json!(format!("{}@b.test", "a".repeat(248))),
    ] {
        cases.push(("email", with("email", email), vec!["email"]));
    }
    for name in
        [json!(null), json!(""), json!("  "), json!("a\nb"), json!("я".repeat(101)), json!(["a"])]
    {
        cases.push(("name", with("display_name", name), vec!["display_name"]));
    }
    for password in [json!(null), json!("1234567"), json!("a".repeat(257)), json!(12_345_678)] {
        cases.push(("password", with("password", password), vec!["password"]));
    }
    for (case, body, fields) in cases {
        register(&server, body.clone()).await.assert_invalid(&fields, &format!("{case}: {body}"));
    }
    let longest = json!({
        "email": format!("{}@b.test", "a".repeat(247)),
        "display_name": "я".repeat(100),
        "password": "a".repeat(256),
    });
    assert_eq!(register(&server, longest).await.status, 201);
    assert_eq!(register(&server, good).await.status, 201);
}

#[tokio::test]
async fn signing_up_can_be_switched_off() {
    let server = Server::start_with(|settings| settings.partizap.registration = false).await;
    let body = json!({"email": "a@b.test", "display_name": "А", "password": "12345678"});
    register(&server, body).await.assert_error(403, "authorization_error", "closed");
}

#[tokio::test]
async fn a_profile_changes_in_what_is_given() {
    let server = Server::start().await;
    let buyer = Person::sign_in(&server, BUYER).await;
    let before = buyer.get("/vendor/me").await;
    assert_eq!(keys(&before.body["data"]), PROFILE_KEYS);
    assert_eq!(before.body["data"]["email_verified"], true);

    let nothing = buyer.put("/vendor/me", json!({})).await;
    assert_eq!((nothing.status, &nothing.body), (200, &before.body));
    let change = json!({
        "display_name": " Анна ", "phone": "+79991234567", "account_type": "company", "city_id": 77,
        "district_id": 14, "metro_station_id": 203, "email": "ignored@example.test", "is_admin": true, "rating": "5.00",
    });
    let changed = buyer.put("/vendor/me", change).await;
    assert_eq!(changed.status, 200, "{}", changed.body);
    let profile = &changed.body["data"];
    let mut expected = before.body["data"].clone();
    for (key, value) in [
        ("display_name", json!("Анна")),
        ("phone", json!("+79991234567")),
        ("account_type", json!("company")),
        ("city_id", json!(77)),
        ("district_id", json!(14)),
        ("metro_station_id", json!(203)),
    ] {
        expected[key] = value;
    }
    assert_eq!(profile, &expected);
    assert_eq!(buyer.get("/vendor/me").await.body["data"], expected);
    // The password stayed, and others see the new name.
    assert_eq!(login(&server, &email_of(BUYER), PASSWORD).await.status, 200);
    let begun = buyer.write_about(PRODUCT.get(), "Есть?").await;
    assert_eq!(begun.body["data"]["participants"][0]["display_name"], "Анна");

    // Nulls take away what can be absent, and mean nothing for the rest.
    let nulls = json!({
        "display_name": null, "phone": null, "account_type": null, "city_id": null, "district_id": null,
        "metro_station_id": null, "current_password": null, "password": null,
    });
    let cleared = buyer.put("/vendor/me", nulls).await;
    let profile = &cleared.body["data"];
    assert_eq!(
        (&profile["display_name"], &profile["account_type"]),
        (&json!("Анна"), &json!("company"))
    );
    for field in ["phone", "city_id", "district_id", "metro_station_id"] {
        assert_eq!(profile[field], Value::Null, "{field}");
    }

    for (body, fields) in [
        (json!({"display_name": ""}), vec!["display_name"]),
        (json!({"display_name": 5}), vec!["display_name"]),
        (json!({"phone": "89991234567"}), vec!["phone"]),
        (json!({"phone": "+7 999"}), vec!["phone"]),
        (json!({"phone": "+1234567890123456"}), vec!["phone"]),
        (json!({"account_type": "admin"}), vec!["account_type"]),
        (json!({"city_id": 0}), vec!["city_id"]),
        (json!({"city_id": "2"}), vec!["city_id"]),
        (
            json!({"district_id": 1.5, "metro_station_id": -1}),
            vec!["district_id", "metro_station_id"],
        ),
        (
            json!({"display_name": "Новое имя", "city_id": 9_007_199_254_740_992_i64}),
            vec!["city_id"],
        ),
    ] {
        buyer.put("/vendor/me", body.clone()).await.assert_invalid(&fields, &body.to_string());
    }
    assert_eq!(buyer.get("/vendor/me").await.body, cleared.body);
}

#[tokio::test]
async fn a_new_password_needs_the_old_one() {
    let server = Server::start().await;
    let buyer = Person::sign_in(&server, BUYER).await;
    for (body, fields) in [
        (json!({"password": "another horse"}), vec!["current_password"]),
        (json!({"current_password": PASSWORD}), vec!["password"]),
        (json!({"current_password": PASSWORD, "password": "short"}), vec!["password"]),
        (
            json!({"current_password": "wrong", "password": "another horse"}),
            vec!["current_password"],
        ),
        (json!({"current_password": 5, "password": 6}), vec!["current_password", "password"]),
    ] {
        buyer.put("/vendor/me", body.clone()).await.assert_invalid(&fields, &body.to_string());
    }
    let changed = buyer
        .put("/vendor/me", json!({"current_password": PASSWORD, "password": "another horse"}))
        .await;
    assert_eq!(changed.status, 200, "{}", changed.body);
    assert_eq!(login(&server, &email_of(BUYER), PASSWORD).await.status, 401);
    assert_eq!(login(&server, &email_of(BUYER), "another horse").await.status, 200);
    assert_eq!(buyer.get("/vendor/me").await.status, 200);
}

#[tokio::test]
async fn a_verification_mail_is_asked_for_at_most_once_in_sixty_seconds() {
    let server = Server::start().await;
    let buyer = Person::sign_in(&server, BUYER).await;
    let ask = async || buyer.post_nothing("/auth/resend-verification").await;
    server.clock().advance(SignedDuration::from_secs(59));
    let first = ask().await;
    assert_eq!((first.status, first.body), (200, json!({"data": {"sent": true}})));
    server.clock().advance(SignedDuration::from_secs(59));
    let second = ask().await;
    second.assert_error(429, "rate_limit_error", "after 59 seconds");
    assert_eq!(second.headers["retry-after"], "1");
    server.clock().advance(SignedDuration::from_secs(1));
    assert_eq!(ask().await.status, 200);
}

/// A profile was once written back as it had been read: whoever changed it all the time could not be shut out.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_takes_nothing_back_that_the_marketplace_does_at_the_same_time() {
    let server = Server::start().await;
    let engine = server.engine();
    let inactive = Account { is_active: false, ..engine.account(BUYER).await.unwrap() };
    let shut_out = vec![Fact::Account(Box::new(inactive.clone()), None)];
    let is_shut_out = AtomicBool::new(false);
    let rename = |account: &mut Account| {
        if !is_shut_out.swap(true, Ordering::Relaxed) {
            let shut_out = server.put(shut_out.clone());
            tokio::task::block_in_place(|| Handle::current().block_on(shut_out));
        }
        account.display_name = "Новое имя".to_owned();
    };
    let renamed = engine.change_account(BUYER, rename).await.unwrap().unwrap();
    let expected = Account { display_name: "Новое имя".to_owned(), ..inactive };
    assert_eq!(renamed, expected);
    assert_eq!(engine.account(BUYER).await.unwrap(), expected);
}
