//! Standard Webhooks: ids, timestamps and signatures, computed here a second time.

use data_encoding::BASE64;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use testkit::{Received, Receiver, Reply, Server};

use super::{Scene, make_for, once, path, wait, willing};
use crate::native::client::Client;

/// HMAC-SHA256 by RFC 2104, of a key that is no longer than a block.
fn hmac_sha256(key: &[u8], message: &[u8]) -> Vec<u8> {
    let padded = |pad: u8| {
        let mut block = [pad; 64];
        block.iter_mut().zip(key).for_each(|(byte, of_key)| *byte ^= of_key);
        block
    };
    let inner = Sha256::digest([&padded(0x36)[..], message].concat());
    Sha256::digest([&padded(0x5c)[..], &inner[..]].concat()).to_vec()
}

/// What the header has to hold for this secret, as a receiver computes it.
fn signature(push: &Received, secret: &Value) -> String {
    let key = secret.as_str().unwrap().strip_prefix("whsec_").unwrap();
    let key = BASE64.decode(key.as_bytes()).unwrap();
    let (id, timestamp) = (push.header("webhook-id"), push.header("webhook-timestamp"));
    let signed = format!("{}.{}.", id.unwrap(), timestamp.unwrap());
    let tag = hmac_sha256(&key, &[signed.as_bytes(), &push.body].concat());
    format!("v1,{}", BASE64.encode(&tag))
}

#[tokio::test]
async fn every_attempt_is_signed_anew_under_the_same_id() {
    let server = Server::start().await;
    let Scene { seller, buyer, chat, receiver, made } =
        Scene::of(&server, Receiver::start(Reply::status(500)).await).await;
    buyer.say(chat, "вопрос").await;
    let first = receiver.next().await;
    assert_eq!(first.header("webhook-timestamp"), Some("1795255200"));
    assert_eq!(first.header("webhook-signature"), Some(&*signature(&first, &made["secret"])));
    once(&seller, &made, |found| found["failing_since"] != Value::Null).await;
    receiver.reply(Reply::status(200));
    wait(&server, 5);
    let second = receiver.next().await;
    assert_eq!(second.header("webhook-timestamp"), Some("1795255205"));
    assert_eq!(second.header("webhook-signature"), Some(&*signature(&second, &made["secret"])));
    assert_ne!(first.header("webhook-signature"), second.header("webhook-signature"));
    assert_eq!(first.header("webhook-id"), second.header("webhook-id"));
    assert_eq!(first.body, second.body);

    buyer.say(chat, "ещё").await;
    let other = receiver.next().await;
    assert_ne!(other.header("webhook-id"), first.header("webhook-id"));
    assert_eq!(other.header("webhook-signature"), Some(&*signature(&other, &made["secret"])));
}

#[tokio::test]
async fn ids_and_secrets_belong_to_one_webhook() {
    let server = Server::start().await;
    let (seller, buyer) = (Client::seller(&server).await, Client::buyer(&server).await);
    let chat = buyer.product_chat().await;
    let (one, other) = (willing().await, willing().await);
    let (made, second) = (
        make_for(&seller, &one, &["message.created"]).await,
        make_for(&seller, &other, &["message.created"]).await,
    );
    assert_ne!(made["secret"], second["secret"]);
    buyer.say(chat, "вопрос").await;
    let (push, other_push) = (one.next().await, other.next().await);
    assert_eq!(push.body, other_push.body);
    assert_ne!(push.header("webhook-id"), other_push.header("webhook-id"));
    assert_eq!(
        other_push.header("webhook-signature"),
        Some(&*signature(&other_push, &second["secret"]))
    );
}

#[tokio::test]
async fn a_replaced_secret_signs_too_for_a_day() {
    let server = Server::start().await;
    let Scene { seller, buyer, chat, receiver, made } = Scene::of(&server, willing().await).await;
    let rotated = seller.post(&path(&made, "/rotate-secret"), json!({})).await.ok();
    assert_eq!(rotated["previous_secret_until"], "2026-11-22T10:00:00.000Z");
    assert_ne!(rotated["secret"], made["secret"]);
    let shown = seller.get(&path(&made, "")).await;
    assert!(!shown.text.contains("whsec_"));

    let pushed = async |text: &str| {
        buyer.say(chat, text).await;
        receiver.next().await
    };
    let both = |push: &Received| {
        let [new, old] = [&rotated, &made].map(|webhook| signature(push, &webhook["secret"]));
        format!("{new} {old}")
    };
    let push = pushed("сразу").await;
    assert_eq!(push.header("webhook-signature"), Some(&*both(&push)));
    wait(&server, 24 * 3600 - 1);
    let push = pushed("за секунду до").await;
    assert_eq!(push.header("webhook-signature"), Some(&*both(&push)));
    wait(&server, 1);
    let push = pushed("через сутки").await;
    assert_eq!(push.header("webhook-signature"), Some(&*signature(&push, &rotated["secret"])));
}

#[tokio::test]
async fn a_ping_is_signed_as_well() {
    let server = Server::start().await;
    let seller = Client::seller(&server).await;
    let receiver = willing().await;
    let made = make_for(&seller, &receiver, &[]).await;
    seller.post(&path(&made, "/ping"), json!({})).await.ok();
    let ping = receiver.next().await;
    assert_eq!(ping.header("webhook-signature"), Some(&*signature(&ping, &made["secret"])));
    assert_eq!(ping.header("content-type"), Some("application/json"));
}
