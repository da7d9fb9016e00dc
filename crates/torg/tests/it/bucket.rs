//! Attachments in a bucket: what every API says when it is there, when it is away, and when it is back.

use std::process::{Command, Output};

use domain::catalog::Model;
use domain::id::ChatId;
use local_s3::{BUCKET, Key, LocalS3, READER, WRITER};
use reqwest::multipart::{Form, Part};
use reqwest::{Method, RequestBuilder};
use serde_json::json;
use testkit::{BUYER, PRODUCT, SELLER, Server, StorePlace};
use torg::settings::{AttachmentsUrl, Secret, Settings};

use crate::native::client::Client;
use crate::ozon;
use crate::partizap::images::png;
use crate::partizap::person::Person;

/// Keeps the attachments in the bucket of `store`, and no limit of Ozon's in the way.
fn in_bucket(store: &LocalS3) -> impl Fn(&mut Settings) + use<> {
    let endpoint = store.endpoint();
    move |settings| {
        let attachments = &mut settings.attachments;
        attachments.url =
            Some(AttachmentsUrl::Bucket { name: BUCKET.to_owned(), prefix: String::new() });
        attachments.endpoint = Some(endpoint.clone().try_into().unwrap());
        attachments.access_key_id = Some(WRITER.id.to_owned());
        attachments.secret_access_key = Some(Secret::from(WRITER.secret.to_owned()));
        settings.ozon.requests_per_second = 0;
    }
}

/// Uploads through the native API and answers the attachment's id.
async fn upload(client: &Client<'_>, bytes: &[u8]) -> i64 {
    let answer = client.post_bytes("/attachments?name=a.txt", "text/plain", bytes.to_vec()).await;
    answer.ok()["id"].as_i64().unwrap()
}

/// Uploads through the native API, sends it, and answers the attachment's id and its link.
async fn send_file(client: &Client<'_>, chat: i64, bytes: &[u8]) -> (i64, String) {
    let id = upload(client, bytes).await;
    let body = json!({"attachment_ids": [id]});
    let sent = client.post(&format!("/chats/{chat}/messages"), body).await.ok();
    (id, sent["attachments"][0]["url"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_file_is_found_by_the_next_server_on_the_same_bucket() {
    let store = LocalS3::start().await.unwrap();
    let (data, place) = (tempfile::tempdir().unwrap(), StorePlace::new());
    let on_data = |settings: &mut Settings| {
        in_bucket(&store)(settings);
        settings.data_dir = data.path().to_owned();
        settings.store = place.setting().to_owned().try_into().unwrap();
    };
    let first = Server::start_with(on_data).await;
    let buyer = Client::buyer(&first).await;
    let chat = buyer.product_chat().await;
    let (id, _) = send_file(&buyer, chat, b"kept in the bucket").await;
    first.stop().await;

    let second = Server::start_with(on_data).await;
    let path = format!("/attachments/{id}");
    for account in [BUYER, SELLER] {
        let client = Client::of(&second, account).await;
        let got = client.request(Method::GET, &path).send().await.unwrap();
        assert_eq!(got.bytes().await.unwrap(), "kept in the bucket");
    }
    assert!(!data.path().join("attachments").exists(), "something lies on the server's own disk");
}

#[tokio::test]
async fn the_same_bytes_of_two_servers_are_one_object() {
    let store = LocalS3::start().await.unwrap();
    let before = {
        let (one, other) = (
            Server::start_with(in_bucket(&store)).await,
            Server::start_with(in_bucket(&store)).await,
        );
        let before = store.objects().unwrap().len();
        for server in [&one, &other] {
            let buyer = Client::buyer(server).await;
            let chat = buyer.product_chat().await;
            send_file(&buyer, chat, b"the same").await;
        }
        before
    };
    assert_eq!(store.objects().unwrap().len(), before + 1);
}

/// How an API says that a file cannot be kept or fetched now.
async fn assert_come_back_later(face: &str, request: RequestBuilder) {
    let answer = request.send().await.unwrap();
    let (status, headers) = (answer.status(), answer.headers().clone());
    let text = answer.text().await.unwrap();
    assert_eq!(status, 503, "{face}: {text}");
    let seconds = headers.get("retry-after").unwrap_or_else(|| panic!("{face}: no Retry-After"));
    assert!(seconds.to_str().unwrap().parse::<u32>().unwrap() > 0, "{face}");
    for secret in [WRITER.id, WRITER.secret, BUCKET] {
        assert!(!text.contains(secret), "{face}: {text}");
    }
}

fn part(bytes: &[u8]) -> Part {
    Part::bytes(bytes.to_vec()).file_name("a.png").mime_str("image/png").unwrap()
}

#[tokio::test]
async fn while_the_bucket_is_away_every_api_says_so_and_no_message_is_lost_or_doubled() {
    let mut store = LocalS3::start().await.unwrap();
    let server = Server::start_with(in_bucket(&store)).await;
    let order = server.order(Model::Fbs).await;
    let (buyer, seller) = (Client::buyer(&server).await, Client::seller(&server).await);
    let ozon = ozon::client::Client::new(&server).await;
    let person = Person::sign_in(&server, SELLER).await;
    let yandex_key = server.key(SELLER, dialect_yandex_market::AUDIENCE).await;

    let chat = buyer.order_chat(&order).await;
    let ozon_chat = ozon.start(&order.posting).await;
    let conversation = Person::sign_in(&server, BUYER).await.write_about(PRODUCT.get(), "?").await;
    let conversation = conversation.body["data"]["id"].as_i64().unwrap();
    let (id, link) = send_file(&buyer, chat, b"sent before").await;
    let waiting = upload(&seller, b"uploaded before").await;
    ozon.send_file(&ozon_chat, "o.txt", b"by Ozon").await.succeeded();
    let ozon_link = ozon.history(&ozon_chat).await.last().unwrap()["data"][0].to_string();
    let ozon_path = &ozon_link[ozon_link.find("/v2/").unwrap()..];
    let ozon_path = ozon_path.split(['"', ')', ' ']).next().unwrap();
    let sent = person.send_image(conversation, "p.png", "image/png", png()).await;
    let image_url = sent.body["data"]["image_url"].as_str().unwrap().to_owned();
    let count = async |chat: i64| {
        let chat = ChatId::new(chat).unwrap();
        server.chat(SELLER, chat).await.last_message.map(|last| last.id)
    };
    let before = (count(chat).await, count(conversation).await);

    store.go_down().await;
    let yandex = |path: &str| {
        let url = format!("{}/v2/businesses/{SELLER}{path}", server.url());
        server.http().post(url).header("Api-Key", &yandex_key)
    };
    let content = json!({
        "chat_id": ozon_chat, "base64_content": data_encoding::BASE64.encode(b"new"), "name": "a.txt",
    });
    let image_path = format!("/vendor/conversations/{conversation}/messages/image");
    let refused = [
        ("native upload", buyer.request(Method::POST, "/attachments?name=a.txt").body("new")),
        ("native download", buyer.request(Method::GET, &format!("/attachments/{id}"))),
        ("link", server.http().get(&link)),
        ("Ozon's download", ozon.request(Method::GET, ozon_path)),
        ("Partizap's download", server.http().get(&image_url)),
        ("Ozon", ozon.request(Method::POST, "/v1/chat/send/file").json(&content)),
        (
            "Yandex Market",
            yandex(&format!("/chats/file/send?chatId={chat}"))
                .multipart(Form::new().part("file", part(b"new"))),
        ),
        (
            "Partizap",
            person
                .request(Method::POST, &image_path)
                .multipart(Form::new().part("image", part(&png()))),
        ),
    ];
    for (face, request) in refused {
        assert_come_back_later(face, request).await;
    }
    assert_eq!(
        (count(chat).await, count(conversation).await),
        before,
        "a message without its file"
    );

    // What needs no bytes goes on: texts, and files that were kept before.
    seller.say(chat, "texts go on").await;
    let body = json!({"attachment_ids": [waiting]});
    seller.post(&format!("/chats/{chat}/messages"), body).await.ok();

    store.come_up().await.unwrap();
    assert_eq!(server.http().get(&link).send().await.unwrap().text().await.unwrap(), "sent before");
    ozon.send_file(&ozon_chat, "a.txt", b"new").await.succeeded();
    let messages = seller.get(&format!("/chats/{chat}/messages")).await.ok();
    let kinds: Vec<bool> = messages["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| message["attachments"].as_array().is_some_and(|files| !files.is_empty()))
        .collect();
    // Before it went away, a file and one by Ozon; a text and a file meanwhile; and the one that was sent again.
    assert_eq!(kinds.len(), 5, "{messages}");
    assert_eq!(kinds.iter().filter(|has_file| **has_file).count(), 4, "{messages}");
}

#[tokio::test]
async fn a_damaged_object_is_not_served() {
    let store = LocalS3::start().await.unwrap();
    let server = Server::start_with(in_bucket(&store)).await;
    let buyer = Client::buyer(&server).await;
    let before = store.objects().unwrap();
    let id = upload(&buyer, b"as it was").await;
    let added: Vec<_> =
        store.objects().unwrap().into_iter().filter(|file| !before.contains(file)).collect();
    std::fs::write(&added[0], b"as it is!").unwrap();
    let answer = buyer.get(&format!("/attachments/{id}")).await;
    assert_eq!(answer.status, 500, "{}", answer.text);
    assert!(!answer.text.contains("as it is!"));
}

/// Runs the binary until it gives up, with the bucket `url` and a key.
fn refused_start(store: &LocalS3, url: &str, key: Key) -> String {
    let data = tempfile::tempdir().unwrap();
    let Output { status, stderr, .. } = Command::new(env!("CARGO_BIN_EXE_torg"))
        .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(data.path())
        .env_clear()
        .env("TORG_ATTACHMENTS_URL", url)
        .env("TORG_ATTACHMENTS_ENDPOINT", store.endpoint())
        .env("TORG_ATTACHMENTS_ALLOW_HTTP", "true")
        .env("AWS_ACCESS_KEY_ID", key.id)
        .env("AWS_SECRET_ACCESS_KEY", key.secret)
        .env("TORG_LOG_LEVEL", "trace")
        .output()
        .unwrap();
    let stderr = String::from_utf8(stderr).unwrap();
    assert!(!status.success(), "{stderr}");
    assert!(!stderr.contains(key.secret), "{stderr}");
    stderr.lines().last().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_bucket_does_not_work_says_what_is_wrong_and_ends() {
    let mut store = LocalS3::start().await.unwrap();
    let url = format!("s3://{BUCKET}/files");
    let told = refused_start(&store, &url, Key { secret: "another", ..WRITER });
    assert!(told.contains(&url) && told.contains("attachments.secret_access_key"), "{told}");
    let told = refused_start(&store, &url, READER);
    assert!(told.contains("s3:PutObject"), "{told}");
    let told = refused_start(&store, "s3://elsewhere", WRITER);
    assert!(told.contains("no such bucket") && told.contains("s3://elsewhere"), "{told}");
    store.go_down().await;
    let told = refused_start(&store, &url, WRITER);
    assert!(told.contains("nobody answers") && told.contains("attachments.endpoint"), "{told}");
}
