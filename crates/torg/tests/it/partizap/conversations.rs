//! Listing, beginning, reading, hiding (Partizap contract §4.1, §4.2, §5.3, §5.5, §5.6, §7.1 to §7.4, §7.9 to §7.11).

use domain::SignedDuration;
use domain::catalog::{Fact, Product};
use domain::id::ProductId;
use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::{BUYER, OTHER_BUYER, OTHER_PRODUCT, PRODUCT, SELLER, Server, UNPUBLISHED_PRODUCT};

use super::person::Person;

fn ids(rows: &[Value]) -> Vec<i64> {
    rows.iter().map(|row| row["id"].as_i64().unwrap()).collect()
}

/// Puts `count` products of the seller on sale, and answers their ids.
async fn products(server: &Server, count: i64) -> Vec<i64> {
    let ids: Vec<i64> = (1000..1000 + count).collect();
    let facts = ids.iter().map(|&id| {
        Fact::Product(Box::new(Product {
            id: ProductId::new(id).unwrap(),
            seller: SELLER,
            sku: None,
            title: format!("Деталь {id}"),
            price: 100,
            published_at: Some("2026-01-01T00:00:00Z".parse().unwrap()),
            attributes: domain::account::Attributes::default(),
        }))
    });
    server.put(facts.collect()).await;
    ids
}

#[tokio::test]
async fn a_conversation_is_made_once_for_each_buyer_and_product() {
    let server = Server::start().await;
    let (buyer, other) =
        (Person::sign_in(&server, BUYER).await, Person::sign_in(&server, OTHER_BUYER).await);

    // §4.2: 201 and the conversation; §7.2: again 200, the same one, one more message.
    let first = buyer.write_about(PRODUCT.get(), " Ещё в наличии?\r\n").await;
    assert_eq!(first.status, 201, "{}", first.body);
    let conversation = first.body["data"].clone();
    let id = conversation["id"].as_i64().unwrap();
    assert_eq!(conversation["unread_count"], 0);
    assert_eq!(conversation["last_message"]["text"], "Ещё в наличии?");
    assert_eq!(conversation["last_message"]["sender_id"], BUYER.get());
    assert_eq!(conversation["last_message"]["is_read"], false);
    assert_eq!(conversation["last_message"]["is_delivered"], false);

    let again = buyer.write_about(PRODUCT.get(), "Ау?").await;
    assert_eq!((again.status, again.body["data"]["id"].as_i64()), (200, Some(id)));
    assert_eq!(again.body["data"]["last_message"]["text"], "Ау?");
    let history = buyer.walk(&format!("/vendor/conversations/{id}/messages?limit=100")).await;
    assert_eq!(history.len(), 2);

    let others = other.write_about(PRODUCT.get(), "И мне").await;
    assert_eq!(others.status, 201);
    assert_ne!(others.body["data"]["id"].as_i64(), Some(id));

    // §7.1, §7.3: the seller cannot begin about an own product, but about somebody else's, as any buyer.
    let seller = Person::sign_in(&server, SELLER).await;
    seller.write_about(PRODUCT.get(), "Купите").await.assert_invalid(&["product_id"], "§7.3");
    assert_eq!(seller.write_about(OTHER_PRODUCT.get(), "Почём?").await.status, 201);

    // §7.4
    for product in [UNPUBLISHED_PRODUCT.get(), 999_999, domain::id::LARGEST_ID] {
        let answer = buyer.write_about(product, "Есть?").await;
        answer.assert_error(404, "not_found_error", "§7.4");
    }
    assert_eq!(buyer.conversations().await.len(), 1);
}

#[tokio::test]
async fn a_refused_beginning_names_the_fields_and_makes_nothing() {
    let server = Server::start().await;
    let buyer = Person::sign_in(&server, BUYER).await;
    let long = "я".repeat(2001);
    let product = PRODUCT.get();
    let cases: Vec<(&str, Value, &[&str])> = vec![
        ("nothing", json!({}), &["message", "product_id"]),
        ("nulls", json!({"product_id": null, "message": null}), &["message", "product_id"]),
        (
            "§7.19 a number in a string",
            json!({"product_id": "88", "message": "a"}),
            &["product_id"],
        ),
        ("zero", json!({"product_id": 0, "message": "a"}), &["product_id"]),
        ("negative", json!({"product_id": -1, "message": "a"}), &["product_id"]),
        ("a fraction", json!({"product_id": 88.5, "message": "a"}), &["product_id"]),
        (
            "over 2^53",
            json!({"product_id": 9_007_199_254_740_992_i64, "message": "a"}),
            &["product_id"],
        ),
        ("over 2^64", json!({"product_id": 1e300, "message": "a"}), &["product_id"]),
        ("a boolean", json!({"product_id": true, "message": "a"}), &["product_id"]),
        ("a blank message", json!({"product_id": product, "message": " \n"}), &["message"]),
        ("§7.5 too long", json!({"product_id": product, "message": long}), &["message"]),
        ("§7.5 no string", json!({"product_id": product, "message": 5}), &["message"]),
        ("§7.5 NUL", json!({"product_id": product, "message": "a\u{0}b"}), &["message"]),
        ("the other name", json!({"product_id": product, "text": "a"}), &["message"]),
    ];
    for (case, body, fields) in cases {
        // Refusals count as attempts, and there are more of them here than an hour allows.
        server.clock().advance(SignedDuration::from_mins(10));
        buyer.post("/vendor/conversations", body).await.assert_invalid(fields, case);
    }
    assert_eq!(buyer.conversations().await.len(), 0);
}

#[tokio::test]
async fn parallel_beginnings_give_one_conversation_and_all_messages() {
    let server = Server::start().await;
    let buyer = Person::sign_in(&server, BUYER).await;
    let answers = join_all((0..8).map(|_| buyer.write_about(PRODUCT.get(), "Есть?"))).await;
    let created = answers.iter().filter(|answer| answer.status == 201).count();
    let found = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!((created, found), (1, 7));
    let listed = buyer.conversations().await;
    assert_eq!(listed.len(), 1);
    let id = listed[0]["id"].as_i64().unwrap();
    let history = buyer.walk(&format!("/vendor/conversations/{id}/messages?limit=3")).await;
    assert_eq!(history.len(), 8);
}

#[tokio::test]
async fn the_list_goes_from_the_latest_message_to_the_oldest_page_by_page() {
    let server = Server::start_with(|settings| {
        settings.partizap.limits.new_conversations_per_hour = 1000;
    })
    .await;
    let buyer = Person::sign_in(&server, BUYER).await;
    let seller = Person::sign_in(&server, SELLER).await;
    let mut begun = Vec::new();
    for product in products(&server, 25).await {
        server.clock().advance(SignedDuration::from_secs(1));
        let answer = buyer.write_about(product, "Есть?").await;
        begun.push(answer.body["data"]["id"].as_i64().unwrap());
    }
    // §7.9: a new message brings the oldest to the top; reading and typing do not.
    seller.say(begun[0], "Есть").await;
    let (second, third) = (begun[1], begun[2]);
    seller.post_nothing(&format!("/vendor/conversations/{second}/read")).await;
    seller.post_nothing(&format!("/vendor/conversations/{third}/typing")).await;

    let mut expected: Vec<_> = begun[1..].iter().rev().copied().collect();
    expected.insert(0, begun[0]);
    // §1.4: 20 by default.
    let first = buyer.get("/vendor/conversations").await;
    assert_eq!(ids(first.body["data"].as_array().unwrap()), expected[..20]);
    assert_eq!(first.body["meta"]["has_more"], true);
    for limit in [1, 3, 25, 100] {
        let walked = buyer.walk(&format!("/vendor/conversations?limit={limit}")).await;
        assert_eq!(ids(&walked), expected, "limit {limit}");
    }
    // §4.1: the seller sees them, too.
    assert_eq!(ids(&seller.conversations().await), expected);

    // §7.10: rows added above a cursor do not shift the page below it.
    let page = buyer.get("/vendor/conversations?limit=5").await;
    let cursor = page.body["meta"]["next_cursor"].as_str().unwrap().to_owned();
    buyer.say(*begun.last().unwrap(), "Ещё вопрос").await;
    seller.say(expected[0], "Ещё ответ").await;
    let next = buyer.get(&format!("/vendor/conversations?limit=5&cursor={cursor}")).await;
    assert_eq!(ids(next.body["data"].as_array().unwrap()), expected[5..10]);
}

#[tokio::test]
async fn an_empty_list_is_a_list() {
    let server = Server::start().await;
    let buyer = Person::sign_in(&server, BUYER).await;
    let answer = buyer.get("/vendor/conversations").await;
    assert_eq!(answer.body, json!({"data": [], "meta": {"has_more": false, "next_cursor": null}}));
    assert_eq!(buyer.unread_total().await, 0);
}

#[tokio::test]
async fn limits_and_cursors_have_bounds_on_every_list() {
    let server = Server::start_with(|settings| {
        settings.partizap.limits.searches_per_minute = 1000;
    })
    .await;
    let buyer = Person::sign_in(&server, BUYER).await;
    let answer = buyer.write_about(PRODUCT.get(), "Вопрос про деталь").await;
    let id = answer.body["data"]["id"].as_i64().unwrap();
    buyer.say(id, "Вопрос про доставку").await;
    let lists = [
        "/vendor/conversations?".to_owned(),
        format!("/vendor/conversations/{id}/messages?"),
        format!("/vendor/conversations/{id}/messages/search?q=вопрос&"),
        "/vendor/messages/search?q=вопрос&".to_owned(),
    ];
    // A cursor of each list that has two rows.
    let mut cursors = Vec::new();
    for list in &lists[1..] {
        let page = buyer.get(&format!("{list}limit=1")).await;
        cursors.push(page.body["meta"]["next_cursor"].as_str().unwrap().to_owned());
    }
    for (index, list) in lists.iter().enumerate() {
        for limit in ["1", "100"] {
            assert_eq!(buyer.get(&format!("{list}limit={limit}")).await.status, 200, "{list}");
        }
        for limit in ["0", "101", "-1", "1.5", "abc", "", "99999999999999999999"] {
            let answer = buyer.get(&format!("{list}limit={limit}")).await;
            answer.assert_invalid(&["limit"], &format!("§1.4 {list}limit={limit}"));
        }
        // §7.10: damaged, made up, or of another list.
        let foreign =
            (0..cursors.len()).filter(|&of| of + 1 != index).map(|of| cursors[of].clone());
        let made_up = ["", "abc", "eyJpIjo1NDJ9", "%00", "%ff"].map(str::to_owned);
        for cursor in foreign.chain(made_up) {
            let answer = buyer.get(&format!("{list}cursor={cursor}")).await;
            answer.assert_invalid(&["cursor"], &format!("§7.10 {list}cursor={cursor}"));
        }
        let both = buyer.get(&format!("{list}limit=0&cursor=x")).await;
        both.assert_invalid(&["cursor", "limit"], list);
    }
    // Another conversation's cursor, another person's, another search's.
    let elsewhere = buyer.write_about(OTHER_PRODUCT.get(), "Вопрос").await;
    let elsewhere = elsewhere.body["data"]["id"].as_i64().unwrap();
    let path = format!("/vendor/conversations/{elsewhere}/messages?cursor={}", cursors[0]);
    buyer.get(&path).await.assert_invalid(&["cursor"], "another conversation's cursor");
    let other = Person::sign_in(&server, SELLER).await;
    let theirs = other.get(&format!("{}cursor={}", lists[1], cursors[0])).await;
    theirs.assert_invalid(&["cursor"], "somebody else's cursor");
    let search = format!("/vendor/messages/search?q=доставку&cursor={}", cursors[2]);
    buyer.get(&search).await.assert_invalid(&["cursor"], "another search's cursor");
}

#[tokio::test]
async fn unread_messages_are_those_of_others_until_they_are_read() {
    let server = Server::start().await;
    let buyer = Person::sign_in(&server, BUYER).await;
    let seller = Person::sign_in(&server, SELLER).await;
    let answer = buyer.write_about(PRODUCT.get(), "Раз").await;
    let id = answer.body["data"]["id"].as_i64().unwrap();
    let unread = async |person: &Person| {
        let listed = person.conversations().await;
        let sum: i64 = listed.iter().map(|row| row["unread_count"].as_i64().unwrap()).sum();
        // §5.3: the badge is the sum of the list.
        assert_eq!(person.unread_total().await, sum);
        sum
    };
    assert_eq!((unread(&buyer).await, unread(&seller).await), (0, 1));
    buyer.say(id, "Два").await;
    // §7.7: writing, fetching and searching read nothing.
    seller.say(id, "Ответ").await;
    seller.get(&format!("/vendor/conversations/{id}/messages")).await;
    seller.get(&format!("/vendor/conversations/{id}")).await;
    seller.get(&format!("/vendor/conversations/{id}/messages/search?q=Раз")).await;
    assert_eq!((unread(&buyer).await, unread(&seller).await), (1, 2));

    let read = seller.post_nothing(&format!("/vendor/conversations/{id}/read")).await;
    assert_eq!(read.body, json!({"data": {"unread_count": 0}}));
    assert_eq!((unread(&buyer).await, unread(&seller).await), (1, 0));
}

#[tokio::test]
async fn what_is_hidden_is_gone_for_one_side_until_somebody_writes() {
    let server = Server::start().await;
    let buyer = Person::sign_in(&server, BUYER).await;
    let seller = Person::sign_in(&server, SELLER).await;
    let answer = buyer.write_about(PRODUCT.get(), "Здравствуйте").await;
    let id = answer.body["data"]["id"].as_i64().unwrap();
    let path = format!("/vendor/conversations/{id}");
    let untouched = buyer.get(&path).await;

    let hidden = seller.delete(&path).await;
    assert_eq!((hidden.status, hidden.body), (200, json!({"data": null})));
    // §7.11: absent from list, badge and search, 404 by id on every path; §5.6: repeat is 404.
    assert_eq!(seller.conversations().await.len(), 0);
    assert_eq!(seller.unread_total().await, 0);
    assert_eq!(seller.walk("/vendor/messages/search?q=здравствуйте").await.len(), 0);
    let by_id = [
        seller.get(&path).await,
        seller.delete(&path).await,
        seller.get(&format!("{path}/messages")).await,
        seller.get(&format!("{path}/messages/search?q=здравствуйте")).await,
        seller.post(&format!("{path}/messages"), json!({"text": "Да"})).await,
        seller.post_nothing(&format!("{path}/read")).await,
        seller.post_nothing(&format!("{path}/typing")).await,
        seller.send_image(id, "a.png", "image/png", super::images::png()).await,
    ];
    for answer in by_id {
        answer.assert_error(404, "not_found_error", "§7.11");
    }
    // The other side sees no change.
    assert_eq!(buyer.get(&path).await.body, untouched.body);
    assert_eq!(buyer.conversations().await.len(), 1);

    // A new message brings it back, with its history.
    buyer.say(id, "Ау").await;
    assert_eq!(seller.get(&path).await.status, 200);
    assert_eq!(seller.unread_total().await, 2);
    assert_eq!(seller.walk(&format!("{path}/messages?limit=100")).await.len(), 2);

    // So does a repeated beginning by the one who hid it.
    assert_eq!(buyer.delete(&path).await.status, 200);
    assert_eq!(buyer.get(&path).await.status, 404);
    assert_eq!(buyer.write_about(PRODUCT.get(), "Снова я").await.status, 200);
    assert_eq!(buyer.get(&path).await.status, 200);
}

#[tokio::test]
async fn a_conversation_about_a_withdrawn_product_lives_on() {
    let server = Server::start().await;
    let buyer = Person::sign_in(&server, BUYER).await;
    let product = products(&server, 1).await[0];
    let answer = buyer.write_about(product, "Есть?").await;
    let id = answer.body["data"]["id"].as_i64().unwrap();
    server
        .put(vec![Fact::Product(Box::new(Product {
            id: ProductId::new(product).unwrap(),
            seller: SELLER,
            sku: None,
            title: "Деталь снята".to_owned(),
            price: 100,
            published_at: None,
            attributes: domain::account::Attributes::default(),
        }))])
        .await;
    // §7.4, §7.14: readable, writable, and the card is that of now.
    let seen = buyer.get(&format!("/vendor/conversations/{id}")).await;
    assert_eq!(seen.body["data"]["product"]["title"], "Деталь снята");
    assert_eq!(seen.body["data"]["product"]["published_at"], Value::Null);
    buyer.say(id, "Жаль").await;
    let other = Person::sign_in(&server, OTHER_BUYER).await;
    other.write_about(product, "Есть?").await.assert_error(404, "not_found_error", "§7.4");
}
