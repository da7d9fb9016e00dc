//! A message that was edited through Torg's own API, on the wires that have no call for it.

use serde_json::{Value, json};
use testkit::{BUYER, PRODUCT, SELLER};

use super::Scene;

/// What each face shows as the newest text of a chat, and as what it finds by a word of it.
async fn shown(scene: &Scene, chat: i64, word: &str) -> Vec<Value> {
    let uuid = scene.uuid_of(chat).await;
    let mut texts = vec![
        scene.ozon_history(&uuid).await[0]["data"][0].clone(),
        scene.yandex_history(chat).await.pop().unwrap()["message"].clone(),
    ];
    for account in [SELLER, BUYER] {
        texts.push(scene.partizap_history(account, chat).await[0]["text"].clone());
        for (path, place) in [
            ("/vendor/conversations".to_owned(), "/data/0/last_message/text"),
            (format!("/vendor/messages/search?q={word}"), "/data/0/text"),
        ] {
            let page = scene.clients.partizap(account, "GET", &path, None).await;
            texts.push(page.pointer(place).cloned().unwrap_or_default());
        }
    }
    for key in [&scene.clients.seller_key, &scene.clients.buyer_key] {
        let path = format!("/chats/{chat}/messages");
        let page = scene.clients.native(key, "GET", &path, None).await;
        texts.push(page["messages"][0]["text"].clone());
    }
    texts
}

#[tokio::test]
async fn an_edit_through_the_native_api_is_seen_through_every_face() {
    let scene = Scene::new().await;
    let clients = &scene.clients;
    let body = json!({"product_id": PRODUCT.get(), "message": "Генератор цел?"});
    let opened = clients.partizap(BUYER, "POST", "/vendor/conversations", Some(body)).await;
    let chat = opened["data"]["id"].as_i64().unwrap();
    let uuid = scene.uuid_of(chat).await;
    assert!(shown(&scene, chat, "генератор").await.iter().all(|text| text == "Генератор цел?"));
    let row = scene.ozon_row(&uuid).await;

    // The buyer edits what was written through Partizap, the seller what was written through Ozon.
    let question = scene.partizap_history(BUYER, chat).await[0]["id"].clone();
    let path = format!("/chats/{chat}/messages/{question}");
    let edit = Some(json!({"text": "Генератор исправен?"}));
    clients.native(&clients.buyer_key, "PATCH", &path, edit).await;
    let texts = shown(&scene, chat, "исправен").await;
    assert!(texts.iter().all(|text| text == "Генератор исправен?"), "{texts:?}");
    assert_eq!(scene.ozon_row(&uuid).await, row, "Ozon's counters and positions stay");
    assert_eq!(scene.yandex_status(chat).await, "WAITING_FOR_PARTNER");

    let body = json!({"chat_id": uuid, "text": "Да, звоните"});
    clients.ozon("/v1/chat/send/message", body).await;
    let answer = scene.ozon_history(&uuid).await[0]["message_id"].clone();
    let path = format!("/chats/{chat}/messages/{answer}");
    let edit = Some(json!({"text": "Да, пишите"}));
    clients.native(&clients.seller_key, "PATCH", &path, edit).await;
    let texts = shown(&scene, chat, "пишите").await;
    assert!(texts.iter().all(|text| text == "Да, пишите"), "{texts:?}");
    let old = clients.partizap(BUYER, "GET", "/vendor/messages/search?q=звоните", None).await;
    assert_eq!(old["data"], json!([]), "the old text is not found");
    scene.both_logs_tell_the_same(chat).await;
}
