//! The lists of addresses and types, and what requests must say (Ozon contract §10, §11.3, §12).

use serde_json::{Value, json};
use testkit::Server;

use super::client::{Client, market};
use super::receiver::{addresses, listening, set, subscribe};

/// The fourteen types, in the contract's order.
const TYPES: [&str; 14] = [
    "TYPE_NEW_MESSAGE",
    "TYPE_UPDATE_MESSAGE",
    "TYPE_MESSAGE_READ",
    "TYPE_CHAT_CLOSED",
    "TYPE_NEW_POSTING",
    "TYPE_POSTING_SHIPPED",
    "TYPE_POSTING_CANCELLED",
    "TYPE_STATE_CHANGED",
    "TYPE_DELIVERY_DATE_CHANGED",
    "TYPE_CUTOFF_DATE_CHANGED",
    "TYPE_CREATE_ITEM",
    "TYPE_UPDATE_ITEM",
    "TYPE_CREATE_OR_UPDATE_ITEM",
    "TYPE_STOCKS_CHANGED",
];

#[tokio::test]
async fn all_fourteen_types_are_known_and_each_names_the_oldest_address() {
    let server = market().await;
    let client = Client::new(&server).await;
    let types = async || {
        let answer = client.post("/v1/notification/push-type/list", &json!({})).await;
        answer.succeeded()["types"].as_array().unwrap().clone()
    };
    let empty = types().await;
    assert!(empty.iter().map(|row| &row["type"]).eq(TYPES));
    for row in &empty {
        assert!(!row["description"].as_str().unwrap().is_empty());
        assert_eq!(row.as_object().unwrap().len(), 2, "no address is told: {row}");
    }

    let (first, second) = (listening().await, listening().await);
    let chats = subscribe(&client, &first, &TYPES[..2]).await;
    let all = subscribe(&client, &second, &TYPES).await;
    for (index, row) in types().await.iter().enumerate() {
        let (id, url) = if index < 2 { (chats, first.url()) } else { (all, second.url()) };
        assert_eq!(row["seller_endpoint"], json!({"id": id, "url": url}), "{row}");
    }
    assert_eq!(addresses(&client).await[1]["types"].as_array().unwrap().len(), 14);
}

#[tokio::test]
async fn the_list_is_paged_sorted_and_filtered_for_later_clients() {
    let server = market().await;
    let client = Client::new(&server).await;
    let receiver = listening().await;
    for name in ["a", "b", "c"] {
        set(&client, &format!("{}/{name}", receiver.url()), &TYPES[..1]).await.succeeded();
    }
    for (body, total, names) in [
        (json!({}), 3, "abc"),
        (json!({"limit": 2}), 3, "ab"),
        (json!({"limit": "2", "offset": "1"}), 3, "bc"),
        (json!({"limit": 0, "offset": 5}), 3, ""),
        (json!({"sort_dir": "DESC", "limit": 1}), 3, "c"),
        (json!({"sort_dir": "desc"}), 3, "cba"),
        (json!({"sort_dir": "ASC"}), 3, "abc"),
        (json!({"availability_statuses": ["GREEN", "RED"]}), 3, "abc"),
        (json!({"availability_statuses": ["YELLOW"]}), 0, ""),
        (
            json!({"limit": null, "offset": null, "sort_dir": null, "availability_statuses": null}),
            3,
            "abc",
        ),
        (json!({"sort_dir": "", "offset": "", "availability_statuses": []}), 3, "abc"),
    ] {
        let answer = client.post("/v1/notification/list", &body).await;
        let found: String = answer.succeeded()["urls"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["url"].as_str().unwrap().rsplit('/').next().unwrap())
            .collect();
        assert_eq!((&answer.body["total_count"], found.as_str()), (&json!(total), names), "{body}");
    }
}

#[tokio::test]
async fn the_lists_need_no_body() {
    let server = market().await;
    let client = Client::new(&server).await;
    for path in ["/v1/notification/list", "/v1/notification/push-type/list"] {
        for body in ["", "{}", "null", " \n"] {
            client.post_raw(path, body).await.succeeded();
        }
        client.post_raw(path, "[]").await.failed(400, 3, "Invalid request body");
    }
    let list = client.post_raw("/v1/notification/list", "null").await;
    assert_eq!(list.succeeded(), &json!({"urls": [], "total_count": 0}));
    for path in ["set", "update", "delete", "check", "enable"] {
        let path = format!("/v1/notification/{path}");
        client.post_raw(&path, "null").await.failed(400, 3, "Invalid request body");
    }
}

#[track_caller]
fn invalid(request: &str, field: &str, rule: &str) -> String {
    format!("Request validation error: invalid Notification{request}Request.{field}: {rule}")
}

async fn fails(client: &Client<'_>, method: &str, body: Value, message: &str) {
    let path = format!("/v1/notification/{method}");
    let case = format!("{path} {body}");
    client.post(&path, &body).await.failed_in(400, 3, message, &case);
}

async fn market_with_one_address() -> (Server, testkit::Receiver, i64) {
    let server = market().await;
    let receiver = listening().await;
    let id = subscribe(&Client::new(&server).await, &receiver, &TYPES[..1]).await;
    (server, receiver, id)
}

#[tokio::test]
async fn urls_are_absolute_and_of_the_web() {
    let (server, receiver, id) = market_with_one_address().await;
    let client = Client::new(&server).await;
    let long = format!("https://shop.example.org/{}", "a".repeat(2000));
    for (url, rule) in [
        (json!("shop.example.org/push"), "value must be a valid, absolute URI"),
        (json!("https://"), "value must be a valid, absolute URI"),
        (json!(" https://shop.example.org/"), "value must be a valid, absolute URI"),
        (json!("https://shop.example.org/a\u{0}b"), "value must be a valid, absolute URI"),
        (json!("ftp://shop.example.org/"), "value must begin with http:// or https://"),
        (json!("file:///etc/passwd"), "value must begin with http:// or https://"),
        (
            json!("https://user:secret@shop.example.org/"),
            "value must not contain a user name or a password",
        ),
        (json!(long), "value length must be at most 2000 bytes"),
        (json!(7), "value must be a string"),
        (json!({}), "value must be a string"),
    ] {
        for (method, request, body) in [
            ("set", "Set", json!({"url": url, "types": TYPES})),
            ("update", "Update", json!({"id": id, "url": url})),
            // What is wrong with the request comes before what is not there.
            ("update", "Update", json!({"id": 999_999, "url": url})),
            ("check", "Check", json!({"url": url})),
        ] {
            fails(&client, method, body, &invalid(request, "Url", rule)).await;
        }
    }
    let empty = "value length must be at least 1 runes";
    for url in [json!(null), json!("")] {
        fails(&client, "set", json!({"url": url, "types": TYPES}), &invalid("Set", "Url", empty))
            .await;
        fails(&client, "check", json!({"url": url}), &invalid("Check", "Url", empty)).await;
    }
    fails(&client, "set", json!({}), &invalid("Set", "Url", empty)).await;
    receiver.is_left_alone().await;
}

#[tokio::test]
async fn types_are_the_fourteen_and_at_least_one() {
    let (server, receiver, id) = market_with_one_address().await;
    let client = Client::new(&server).await;
    let url = "https://shop.example.org/push";
    let known = format!("value must be in list [{}]", TYPES.join(" "));
    let rows = [
        (json!([]), "Types", "value must contain at least 1 item(s)"),
        (json!(["TYPE_PING"]), "Types[0]", known.as_str()),
        (json!([TYPES[0], "type_new_message"]), "Types[1]", &known),
        (json!([""]), "Types[0]", &known),
        (json!([null]), "Types[0]", "value is required"),
        (json!([7]), "Types[0]", "value must be a string"),
        (json!("TYPE_NEW_MESSAGE"), "Types", "value must be an array"),
    ];
    for (types, field, rule) in rows {
        for (method, request, body) in [
            ("set", "Set", json!({"url": url, "types": types})),
            ("update", "Update", json!({"id": id, "types": types})),
            ("update", "Update", json!({"id": 999_999, "types": types})),
        ] {
            fails(&client, method, body, &invalid(request, field, rule)).await;
        }
    }
    for body in [json!({"url": url}), json!({"url": url, "types": null})] {
        let message = invalid("Set", "Types", "value must contain at least 1 item(s)");
        fails(&client, "set", body, &message).await;
    }
    receiver.is_left_alone().await;
}

#[tokio::test]
async fn ids_are_positive_numbers_and_enabled_is_a_boolean() {
    let (server, _receiver, id) = market_with_one_address().await;
    let client = Client::new(&server).await;
    for (method, request) in [("update", "Update"), ("delete", "Delete"), ("enable", "Enable")] {
        for (id, rule) in [
            (json!(null), "value must be greater than 0"),
            (json!(0), "value must be greater than 0"),
            (json!(-1), "value must be greater than 0"),
            (json!(""), "value must be greater than 0"),
            (json!("one"), "value must be an integer"),
            (json!(1.5), "value must be an integer"),
            (json!(u64::MAX), "value is out of range"),
        ] {
            let body = json!({"id": id, "enabled": true});
            fails(&client, method, body, &invalid(request, "Id", rule)).await;
        }
        let message = invalid(request, "Id", "value must be greater than 0");
        fails(&client, method, json!({"enabled": true}), &message).await;
    }
    for (enabled, rule) in [
        (json!(null), "value is required"),
        (json!("true"), "value must be a boolean"),
        (json!(1), "value must be a boolean"),
    ] {
        for id in [id, 999_999] {
            let body = json!({"id": id, "enabled": enabled});
            fails(&client, "enable", body, &invalid("Enable", "Enabled", rule)).await;
        }
    }
    for (body, field, rule) in [
        (json!({"limit": -1}), "Limit", "value must be inside range [1, 1000]"),
        (json!({"limit": 1001}), "Limit", "value must be inside range [1, 1000]"),
        (json!({"offset": -1}), "Offset", "value is out of range"),
        (json!({"sort_dir": 1}), "SortDir", "value must be a string"),
        (json!({"availability_statuses": "RED"}), "AvailabilityStatuses", "value must be an array"),
        (
            json!({"availability_statuses": [1]}),
            "AvailabilityStatuses[0]",
            "value must be a string",
        ),
    ] {
        fails(&client, "list", body, &invalid("List", field, rule)).await;
    }
}
