//! Files: upload, send, download.

use domain::catalog::Model;
use reqwest::{Method, StatusCode, multipart};
use serde_json::{Value, json};
use testkit::{OTHER_BUYER, Server};

use super::client::{Answer, Client};

const PNG: &[u8] = &[
    0x89, b'P', b'N', b'G', 0x0D, 0x0A, 0x1A, 0x0A, 0, 0, 0, 13, b'I', b'H', b'D', b'R', 0, 0, 0,
    1, 0, 0, 0, 1, 8, 6, 0, 0, 0, 0x1F, 0x15, 0xC4, 0x89,
];

async fn upload(client: &Client<'_>, name: &str, bytes: &[u8]) -> Value {
    let part = multipart::Part::bytes(bytes.to_vec()).file_name(name.to_owned());
    let form = multipart::Form::new().text("comment", "x").part("file", part);
    let answer = Answer::of(client.request(Method::POST, "/attachments").multipart(form)).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.ok()
}

#[tokio::test]
async fn a_file_is_uploaded_sent_and_downloaded_by_both_sides() {
    let server = Server::start().await;
    let (seller, buyer) = (Client::seller(&server).await, Client::buyer(&server).await);
    let chat = buyer.product_chat().await;
    let file = upload(&buyer, "../../чек № 5.png", PNG).await;
    assert_eq!(file["name"], "чек № 5.png");
    assert_eq!(file["media_type"], "image/png");
    assert_eq!(file["bytes"], PNG.len());
    assert_eq!(file["is_picture"], true);

    let path = format!("/chats/{chat}/messages");
    let body = json!({"text": "вот", "attachment_ids": [file["id"]]});
    let message = buyer.post(&path, body).await.ok();
    assert_eq!(message["attachments"][0]["id"], file["id"]);

    let seen = seller.get(&path).await.ok();
    let attachment = &seen["messages"][0]["attachments"][0];
    let direct = seller.request(Method::GET, &format!("/attachments/{}", attachment["id"]));
    let by_key = direct.send().await.unwrap();
    let by_link = server.http().get(attachment["url"].as_str().unwrap()).send().await.unwrap();
    for response in [by_key, by_link] {
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "image/png");
        assert_eq!(response.headers()["x-content-type-options"], "nosniff");
        assert_eq!(response.bytes().await.unwrap(), PNG);
    }
    assert_ne!(
        attachment["url"], message["attachments"][0]["url"],
        "each account has its own link"
    );
}

#[tokio::test]
async fn a_bare_body_is_a_file_too() {
    let server = Server::start().await;
    let buyer = Client::buyer(&server).await;
    let answer =
        buyer.post_bytes("/attachments?name=a%2Fb.html", "text/html", b"<script>".to_vec()).await;
    assert_eq!(answer.status, 201);
    let file = answer.ok();
    assert_eq!(file["name"], "b.html");
    let response = buyer.request(Method::GET, &format!("/attachments/{}", file["id"])).send().await;
    let response = response.unwrap();
    let disposition = response.headers()["content-disposition"].to_str().unwrap().to_owned();
    assert!(disposition.starts_with("attachment;"), "{disposition}");
    assert_ne!(response.headers()["content-type"], "text/html");
}

#[tokio::test]
async fn a_file_belongs_to_one_message_of_its_owner() {
    let server = Server::start().await;
    let (seller, buyer) = (Client::seller(&server).await, Client::buyer(&server).await);
    let chat = buyer.product_chat().await;
    let path = format!("/chats/{chat}/messages");
    let file = upload(&buyer, "a.txt", b"text").await;
    let id = file["id"].as_i64().unwrap();

    let foreign = seller.post(&path, json!({"attachment_ids": [id]})).await;
    let absent = seller.post(&path, json!({"attachment_ids": [999_999]})).await;
    assert_eq!(foreign.text, absent.text);
    foreign.problem(StatusCode::NOT_FOUND, "attachment-not-found");
    let twice = buyer.post(&path, json!({"attachment_ids": [id, id]})).await;
    twice.problem(StatusCode::NOT_FOUND, "attachment-not-found");
    buyer.post(&path, json!({"attachment_ids": [id]})).await.ok();
    let again = buyer.post(&path, json!({"attachment_ids": [id]})).await;
    again.problem(StatusCode::NOT_FOUND, "attachment-not-found");
}

#[tokio::test]
async fn files_of_others_look_like_absent_ones() {
    let server = Server::start().await;
    let buyer = Client::buyer(&server).await;
    let stranger = Client::of(&server, OTHER_BUYER).await;
    let chat = buyer.order_chat(&server.order(Model::Fbs).await).await;
    let waiting = upload(&buyer, "a.txt", b"text").await["id"].as_i64().unwrap();
    let sent = upload(&buyer, "b.txt", b"text").await["id"].as_i64().unwrap();
    let body = json!({"attachment_ids": [sent]});
    buyer.post(&format!("/chats/{chat}/messages"), body).await.ok();
    let absent = stranger.get("/attachments/999999").await;
    for id in [waiting, sent] {
        let foreign = stranger.get(&format!("/attachments/{id}")).await;
        assert_eq!(foreign.text, absent.text);
    }
    for id in ["0", "x", "9007199254740992"] {
        assert_eq!(stranger.get(&format!("/attachments/{id}")).await.text, absent.text);
    }
    absent.problem(StatusCode::NOT_FOUND, "attachment-not-found");
    // A file that waits is not the other side's yet.
    let seller = Client::seller(&server).await;
    let waiting = seller.get(&format!("/attachments/{waiting}")).await;
    waiting.problem(StatusCode::NOT_FOUND, "attachment-not-found");
}

#[tokio::test]
async fn ten_files_travel_with_a_message_and_eleven_do_not() {
    let server = Server::start().await;
    let buyer = Client::buyer(&server).await;
    let chat = buyer.product_chat().await;
    let mut ids = Vec::new();
    for number in 0..11 {
        ids.push(upload(&buyer, "a.txt", format!("{number}").as_bytes()).await["id"].clone());
    }
    let path = format!("/chats/{chat}/messages");
    let problem = buyer.post(&path, json!({"attachment_ids": ids})).await;
    let problem = problem.problem(StatusCode::UNPROCESSABLE_ENTITY, "too-many-attachments");
    assert_eq!(problem["limit"], 10);
    let sent = buyer.post(&path, json!({"attachment_ids": ids[..10]})).await.ok();
    let attached = sent["attachments"].as_array().unwrap();
    let order: Vec<_> = attached.iter().map(|file| file["id"].clone()).collect();
    assert_eq!(order, ids[..10], "in the order of the request");
    assert_eq!(sent["text"], Value::Null);

    // Counted before any is looked up, while everybody else waits for the writer.
    let ids: Vec<_> = (1..=40_000).collect();
    let answer = buyer.post("/chats/999/messages", json!({"attachment_ids": ids})).await;
    answer.problem(StatusCode::UNPROCESSABLE_ENTITY, "too-many-attachments");
}

#[tokio::test]
async fn the_largest_file_is_accepted_and_one_byte_more_is_not() {
    let server = Server::start_with(|settings| settings.native.file_bytes_max = 1000).await;
    let buyer = Client::buyer(&server).await;
    upload(&buyer, "a.bin", &[7; 1000]).await;
    let bare =
        |length| buyer.post_bytes("/attachments", "application/octet-stream", vec![7; length]);
    assert_eq!(bare(1000).await.status, 201);
    let form = multipart::Form::new().part("file", multipart::Part::bytes(vec![7; 1001]));
    let in_form = Answer::of(buyer.request(Method::POST, "/attachments").multipart(form)).await;
    for answer in [bare(1001).await, in_form] {
        let problem = answer.problem(StatusCode::PAYLOAD_TOO_LARGE, "file-too-large");
        assert_eq!((&problem["limit"], &problem["length"]), (&json!(1000), &json!(1001)));
    }
    let empty = bare(0).await;
    empty.problem(StatusCode::UNPROCESSABLE_ENTITY, "file-empty");
}

#[tokio::test]
async fn forms_that_hold_no_file_are_refused() {
    let server = Server::start().await;
    let buyer = Client::buyer(&server).await;
    let other = multipart::Form::new().text("photo", "x");
    let answer = Answer::of(buyer.request(Method::POST, "/attachments").multipart(other)).await;
    answer.invalid_at("file");
    for (content_type, body) in [
        ("multipart/form-data", "x"),
        ("multipart/form-data; boundary=b", "{}"),
        ("multipart/mixed; boundary=b", "--b\r\n\r\nx\r\n--b--"),
    ] {
        let answer = buyer.post_bytes("/attachments", content_type, body.into()).await;
        answer.problem(StatusCode::BAD_REQUEST, "malformed-form");
    }
}
