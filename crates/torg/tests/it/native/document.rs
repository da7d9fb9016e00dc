//! The OpenAPI document says what is served.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use testkit::Server;

use super::client::{Answer, Client};

fn document() -> Value {
    serde_json::from_str(&native::openapi().to_json().unwrap()).unwrap()
}

/// Every operation of the document: path and method.
fn operations(document: &Value) -> Vec<(String, Method)> {
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys().filter(|key| *key != "parameters") {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            operations.push((path.clone(), method));
        }
    }
    operations
}

#[tokio::test]
async fn the_document_is_served_without_a_key() {
    let server = Server::start().await;
    let url = format!("{}/api/v1/openapi.json", server.url());
    let answer = Answer::of(server.http().get(url)).await;
    assert!(answer.headers.contains_key("ratelimit-remaining"));
    let found = answer.ok();
    assert_eq!(found["openapi"], "3.1.0");
    assert_eq!(found, document());
}

#[tokio::test]
async fn every_documented_route_is_served_and_asks_for_a_key() {
    let server = Server::start().await;
    let operations = operations(&document());
    assert!(operations.len() >= 40, "{}", operations.len());
    for (path, method) in operations {
        let concrete = path.replace("{id}", "1").replace("{number}", "1");
        let concrete = concrete.replace("{message_id}", "1").replace("{webhook_id}", "1");
        let concrete = concrete.replace("{key_id}", "1").replace("{session_id}", "1");
        assert!(!concrete.contains('{'), "{path}");
        let request = server.http().request(method.clone(), format!("{}{concrete}", server.url()));
        let answer = Answer::of(request).await;
        assert_eq!(answer.body["type"], "/problems/key-missing", "{method} {path} {}", answer.text);
    }
}

#[tokio::test]
async fn methods_that_the_document_does_not_name_are_not_served() {
    let server = Server::start().await;
    let host = Client::host(&server).await;
    let document = document();
    let known = operations(&document);
    for path in document["paths"].as_object().unwrap().keys() {
        let concrete = path.replace("{id}", "1").replace("{number}", "1");
        let concrete = concrete.replace("{message_id}", "1").replace("{webhook_id}", "1");
        let concrete = concrete.replace("{key_id}", "1").replace("{session_id}", "1");
        for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
            if known.contains(&(path.clone(), method.clone())) {
                continue;
            }
            let request = server.http().request(method, format!("{}{concrete}", server.url()));
            let answer = Answer::of(request.bearer_auth(&host.key)).await;
            answer.problem(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed");
        }
    }
}

#[tokio::test]
async fn every_answer_and_every_reference_is_described() {
    let document = document();
    let text = document.to_string();
    for part in text.split("\"$ref\":\"#/components/schemas/").skip(1) {
        let name = part.split('"').next().unwrap();
        assert!(document["components"]["schemas"].get(name).is_some(), "{name} is not described");
    }
    let mut names = std::collections::HashSet::new();
    for (path, method) in operations(&document) {
        let operation = &document["paths"][&path][method.as_str().to_lowercase()];
        assert!(!operation["summary"].as_str().unwrap_or_default().is_empty(), "{method} {path}");
        let name = operation["operationId"].as_str().unwrap().to_owned();
        assert!(names.insert(name), "{method} {path}: the name of an operation is its own");
        let responses = operation["responses"].as_object().unwrap();
        let problem = &responses["default"]["content"]["application/problem+json"]["schema"];
        assert_eq!(problem["$ref"], "#/components/schemas/Problem");
        assert!(responses.keys().any(|status| status.starts_with('2')), "{method} {path}");
    }
}

/// The schema of a body's member, with references followed.
fn member(document: &Value, schema: &str, name: &str) -> Value {
    let mut found = document["components"]["schemas"][schema]["properties"][name].clone();
    loop {
        if let Some(variants) = found["oneOf"].as_array() {
            found = variants.iter().find(|variant| variant["type"] != "null").unwrap().clone();
        }
        let Some(reference) = found["$ref"].as_str() else { return found };
        let name = reference.rsplit('/').next().unwrap().to_owned();
        found = document["components"]["schemas"][name].clone();
    }
}

/// A text of so many characters, in the form that a member asks for.
fn text_for(name: &str, length: usize) -> Value {
    let filled = |beginning: &str| {
        let rest = length - beginning.chars().count();
        json!(beginning.to_owned() + &"я".repeat(rest))
    };
    match name {
        "avatar_url" => filled("http://"),
        "email" => filled("я@"),
        "rating" => json!("5".repeat(length)),
        _ => filled(""),
    }
}

#[tokio::test]
async fn bounds_of_the_document_are_the_bounds_of_the_server() {
    let server = Server::start().await;
    let (host, buyer) = (Client::host(&server).await, Client::buyer(&server).await);
    let chat = buyer.product_chat().await;
    let document = document();
    let at = "2026-11-21T09:00:00Z";
    let account = json!({"display_name": "A", "created_at": at});
    let product = json!({"seller_id": 1, "title": "T", "price": 1});
    let order = json!({"seller_id": 1, "buyer_id": 2, "created_at": at});
    let shop = json!({"seller_id": 1, "name": "S", "model": "fbs"});
    let bodies = [
        (
            "AccountFact",
            "accounts/5",
            account,
            vec![
                "display_name",
                "avatar_url",
                "city_id",
                "rating",
                "reviews_count",
                "products_count",
                "email",
                "phone",
            ],
        ),
        ("ProductFact", "products/5", product, vec!["seller_id", "sku", "title", "price"]),
        ("OrderFact", "orders/5", order, vec!["seller_id", "shop_id", "number"]),
        ("ShopFact", "shops/5", shop, vec!["name"]),
    ];
    let mut checked = 0;
    for (schema, path, body, names) in bodies {
        for name in names {
            let bounds = member(&document, schema, name);
            let try_with = async |value: Value| {
                let mut body = body.clone();
                body[name] = value;
                host.put(&format!("/host/{path}"), body).await
            };
            if let Some(limit) = bounds["maxLength"].as_u64() {
                let length = usize::try_from(limit).unwrap();
                assert_eq!(try_with(text_for(name, length)).await.status, 204, "{schema} {name}");
                try_with(text_for(name, length + 1)).await.invalid_at(name);
                let least = usize::try_from(bounds["minLength"].as_u64().unwrap()).unwrap();
                assert_eq!(try_with(text_for(name, least)).await.status, 204, "{schema} {name}");
                try_with(text_for(name, least - 1)).await.invalid_at(name);
            } else {
                let (least, most) = (&bounds["minimum"], &bounds["maximum"]);
                let (least, most) = (least.as_i64().unwrap(), most.as_i64().unwrap());
                for (value, fits) in
                    [(least, true), (most, true), (least - 1, false), (most + 1, false)]
                {
                    let answer = try_with(json!(value)).await;
                    if fits {
                        assert_eq!(answer.status, 204, "{schema} {name} {value} {}", answer.text);
                    } else {
                        answer.invalid_at(name);
                    }
                }
            }
            checked += 1;
        }
    }
    assert_eq!(checked, 16);

    let text = member(&document, "NewMessage", "text");
    let limit = usize::try_from(text["maxLength"].as_u64().unwrap()).unwrap();
    let path = format!("/chats/{chat}/messages");
    assert_eq!(buyer.post(&path, json!({"text": "я".repeat(limit)})).await.status, 201);
    let beyond = buyer.post(&path, json!({"text": "я".repeat(limit + 1)})).await;
    beyond.problem(StatusCode::UNPROCESSABLE_ENTITY, "text-too-long");
    assert_eq!(member(&document, "NewMessage", "attachment_ids")["maxItems"], 10);
}

#[tokio::test]
async fn the_document_follows_the_settings() {
    let server = Server::start_with(|settings| settings.native.text_chars_max = 7).await;
    let url = format!("{}/api/v1/openapi.json", server.url());
    let answer = Answer::of(server.http().get(url)).await.ok();
    assert_eq!(member(&answer, "NewMessage", "text")["maxLength"], 7);
    assert_eq!(member(&answer, "MessageEdit", "text")["maxLength"], 7);
    assert_eq!(member(&answer, "MarketplaceMessage", "text")["maxLength"], 7);
}
