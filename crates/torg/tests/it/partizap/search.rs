//! Searching (Partizap contract §4.3, §4.4).

use serde_json::json;
use testkit::{BUYER, OTHER_PRODUCT, OTHER_SELLER, PRODUCT, SELLER, Server};

use super::person::{Person, keys};

async fn server_to_search_in() -> Server {
    Server::start_with(|settings| settings.partizap.limits.searches_per_minute = 1000).await
}

#[tokio::test]
async fn a_needle_is_found_anywhere_in_a_text_in_either_case_and_stands_for_itself() {
    let server = server_to_search_in().await;
    let buyer = Person::sign_in(&server, BUYER).await;
    let begun = buyer.write_about(PRODUCT.get(), "Генератор на BMW E46").await;
    let id = begun.body["data"]["id"].as_i64().unwrap();
    for text in ["Скидка 50% будет?", "файл_1", "файл-1", "ёлка", "ещё раз: генераторы"]
    {
        buyer.say(id, text).await;
    }
    let cases: [(&str, &str, &[&str]); 12] = [
        ("newest first", "генератор", &["ещё раз: генераторы", "Генератор на BMW E46"]),
        ("§8.9 Cyrillic case", "ГЕНЕРАТОР", &["ещё раз: генераторы", "Генератор на BMW E46"]),
        ("§8.9 Latin case", "bmw e46", &["Генератор на BMW E46"]),
        ("inside a word", "нерат", &["ещё раз: генераторы", "Генератор на BMW E46"]),
        ("§8.9 a percent sign", "0%", &["Скидка 50% будет?"]),
        ("§8.9 no wildcard", "Ск%да", &[]),
        ("an underscore", "л_1", &["файл_1"]),
        ("trimmed", "%20%20bmw%20", &["Генератор на BMW E46"]),
        ("a plus is a space", "на+bmw", &["Генератор на BMW E46"]),
        ("§7.5 another letter", "ЁЛ", &["ёлка"]),
        ("nothing", "карбюратор", &[]),
        ("two characters", "46", &["Генератор на BMW E46"]),
    ];
    for (case, needle, expected) in cases {
        for path in [
            format!("/vendor/conversations/{id}/messages/search?q={needle}&limit=1"),
            format!("/vendor/messages/search?q={needle}&limit=1"),
        ] {
            let path = path.replace('%', "%25").replace("%2520", "%20");
            let found = buyer.walk(&path).await;
            let texts: Vec<_> = found.iter().map(|row| row["text"].as_str().unwrap()).collect();
            assert_eq!(texts, expected, "{case}: {path}");
        }
    }
}

#[tokio::test]
async fn a_needle_has_two_to_two_hundred_characters() {
    let server = server_to_search_in().await;
    let buyer = Person::sign_in(&server, BUYER).await;
    let begun = buyer.write_about(PRODUCT.get(), "Генератор").await;
    let id = begun.body["data"]["id"].as_i64().unwrap();
    let (longest, too_long) = ("я".repeat(200), "я".repeat(201));
    for path in [
        format!("/vendor/conversations/{id}/messages/search"),
        "/vendor/messages/search".to_owned(),
    ] {
        for needle in ["яя", "🚗🚗", &longest] {
            assert_eq!(buyer.get(&format!("{path}?q={needle}")).await.status, 200, "{needle}");
        }
        for query in [
            "",
            "?q=",
            "?q=я",
            "?q=%20я%20",
            "?q=🚗",
            "?q=%ff%ff",
            "?q=a%00b",
            &format!("?q={too_long}"),
        ] {
            let answer = buyer.get(&format!("{path}{query}")).await;
            answer.assert_invalid(&["q"], &format!("{path}{query}"));
        }
        let all = buyer.get(&format!("{path}?limit=0&cursor=x")).await;
        all.assert_invalid(&["cursor", "limit", "q"], &path);
    }
}

#[tokio::test]
async fn hits_everywhere_say_where_and_cover_both_sides_but_nothing_hidden_or_foreign() {
    let server = server_to_search_in().await;
    let buyer = Person::sign_in(&server, BUYER).await;
    let seller = Person::sign_in(&server, SELLER).await;
    let first = buyer.write_about(PRODUCT.get(), "ищу стартер").await;
    let second = seller.write_about(OTHER_PRODUCT.get(), "ищу стартер тоже").await;
    let first_id = first.body["data"]["id"].as_i64().unwrap();

    // The seller sells in the first and buys in the second.
    let found = seller.walk("/vendor/messages/search?q=стартер").await;
    assert_eq!(found.len(), 2);
    assert_eq!(found[0]["conversation"]["id"], second.body["data"]["id"]);
    assert_eq!(found[0]["conversation"]["companion"]["id"], OTHER_SELLER.get());
    let hit = &found[1];
    assert_eq!(
        keys(hit),
        [
            "conversation",
            "conversation_id",
            "created_at",
            "id",
            "image_url",
            "is_delivered",
            "is_read",
            "sender_id",
            "text"
        ]
    );
    assert_eq!(
        hit["conversation"],
        json!({
            "id": first_id,
            "companion": {"id": BUYER.get(), "name": "Анна К."},
            "product": {"id": PRODUCT.get(), "title": "Генератор BMW E46 M54"},
        })
    );
    assert_eq!(buyer.walk("/vendor/messages/search?q=стартер").await.len(), 1);

    seller.delete(&format!("/vendor/conversations/{first_id}")).await;
    assert_eq!(seller.walk("/vendor/messages/search?q=стартер").await.len(), 1);
    assert_eq!(buyer.walk("/vendor/messages/search?q=стартер").await.len(), 1);
}

#[tokio::test]
async fn the_default_pages_are_twenty_everywhere_and_fifty_inside() {
    let server = server_to_search_in().await;
    let buyer = Person::sign_in(&server, BUYER).await;
    let begun = buyer.write_about(PRODUCT.get(), "слово").await;
    let id = begun.body["data"]["id"].as_i64().unwrap();
    for _ in 0..55 {
        buyer.say(id, "слово").await;
    }
    for (path, rows) in [
        (format!("/vendor/conversations/{id}/messages/search?q=слово"), 50),
        ("/vendor/messages/search?q=слово".to_owned(), 20),
    ] {
        let page = buyer.get(&path).await;
        assert_eq!(page.body["data"].as_array().unwrap().len(), rows, "{path}");
        assert_eq!(page.body["meta"]["has_more"], true);
        assert_eq!(buyer.walk(&path).await.len(), 56);
    }
}

#[tokio::test]
async fn images_never_match() {
    let server = server_to_search_in().await;
    let buyer = Person::sign_in(&server, BUYER).await;
    let begun = buyer.write_about(PRODUCT.get(), "смотрите").await;
    let id = begun.body["data"]["id"].as_i64().unwrap();
    let sent = buyer.send_image(id, "generator.png", "image/png", super::images::png()).await;
    assert_eq!(sent.status, 201, "{}", sent.body);
    assert_eq!(buyer.walk("/vendor/messages/search?q=generator").await.len(), 0);
}
