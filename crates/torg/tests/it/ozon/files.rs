//! `/v1/chat/send/file` and the download (Ozon contract §7.3, §7.7, §11.13).

use domain::catalog::Model;
use reqwest::{Method, Response};
use serde_json::json;
use testkit::{SELLER, Server};

use super::client::{Answer, Client, UNKNOWN_CHAT, ask, log_length, market};

/// The picture of the specification's example.
const PICTURE: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII=";

fn base64(text: &str) -> Vec<u8> {
    data_encoding::BASE64.decode(text.as_bytes()).unwrap()
}

/// A client and a chat in which it may write.
async fn ready(server: &Server) -> (Client<'_>, String) {
    let client = Client::new(server).await;
    let order = server.order(Model::Fbs).await;
    let chat = client.start(&order.posting).await;
    (client, chat)
}

async fn post(client: &Client<'_>, chat: &str, content: &str, name: &str) -> Answer {
    let body = json!({"chat_id": chat, "base64_content": content, "name": name});
    client.post("/v1/chat/send/file", &body).await
}

/// The path in the newest message's link.
async fn newest_path(client: &Client<'_>, chat: &str) -> String {
    let messages = client.history(chat).await;
    let element = messages.last().unwrap()["data"][0].as_str().unwrap();
    let begin = element.find("/v2/chat/file/").unwrap();
    element[begin..].trim_end_matches(')').to_owned()
}

async fn get(client: &Client<'_>, path: &str) -> Response {
    client.request(Method::GET, path).send().await.unwrap()
}

#[tokio::test]
async fn a_picture_is_sent_shown_and_fetched() {
    let server = market().await;
    let (client, chat) = ready(&server).await;
    let answer = post(&client, &chat, PICTURE, "photo.png").await;
    assert_eq!(answer.succeeded(), &json!({"result": "success"}));

    let message = &client.history(&chat).await[0];
    let path = newest_path(&client, &chat).await;
    assert_eq!(message["data"], json!([format!("![]({}{path})", server.url())]));
    assert!(path.starts_with("/v2/chat/file/messenger/") && path.ends_with("/photo.png"), "{path}");
    assert_eq!(message["is_image"], true);
    assert_eq!(message["moderate_image_status"], "SUCCESS");

    let file = get(&client, &path).await;
    assert_eq!(file.status(), 200);
    let header = |name: &str| file.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "image/png");
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert!(header("content-disposition").starts_with("inline; filename=\"photo.png\""));
    assert_eq!(file.bytes().await.unwrap(), base64(PICTURE));
}

#[tokio::test]
async fn what_is_a_picture_is_told_by_the_bytes() {
    let server = market().await;
    let (client, chat) = ready(&server).await;
    let png = base64(PICTURE);
    let html: &[u8] = b"<html><script>alert(1)</script></html>";
    let rows: [(&str, &[u8], &str, bool); 8] = [
        ("tempor", &png, "image/png", true),
        ("photo.pdf", &png, "image/png", true),
        (
            "a.jpg",
            b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0\xff\xd9",
            "image/jpeg",
            true,
        ),
        ("a.gif", b"GIF89a\x01\0\x01\0\0\0\0;", "image/gif", true),
        ("photo.png", b"just text", "text/plain; charset=utf-8", false),
        ("page.html", html, "application/octet-stream", false),
        (
            "image.svg",
            b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>",
            "application/octet-stream",
            false,
        ),
        ("a.bin", &[0, 1, 2, 255], "application/octet-stream", false),
    ];
    for (name, bytes, content_type, is_image) in rows {
        client.send_file(&chat, name, bytes).await.succeeded();
        let message = client.history(&chat).await.pop().unwrap();
        assert_eq!(message["is_image"], is_image, "{name}");
        assert_eq!(message.get("moderate_image_status").is_some(), is_image, "{name}");
        let file = get(&client, &newest_path(&client, &chat).await).await;
        assert_eq!(file.headers()["content-type"], content_type, "{name}");
        assert_eq!(file.headers()["x-content-type-options"], "nosniff", "{name}");
        let disposition = file.headers()["content-disposition"].to_str().unwrap().to_owned();
        assert_eq!(disposition.starts_with("inline"), is_image, "{name} {disposition}");
        assert_eq!(file.bytes().await.unwrap(), bytes, "{name}");
    }
}

#[tokio::test]
async fn other_files_are_links_with_their_size() {
    let server = market().await;
    let (client, chat) = ready(&server).await;
    for (length, kilobytes) in [(1, 1), (1024, 1), (1025, 2), (100_000, 98)] {
        client.send_file(&chat, "акт.txt", &vec![b'x'; length]).await.succeeded();
        let message = client.history(&chat).await.pop().unwrap();
        let path = newest_path(&client, &chat).await;
        let link = format!("[акт.txt ({kilobytes} KB)]({}{path})", server.url());
        assert_eq!(message["data"], json!([link]));
        assert!(path.ends_with("/%D0%B0%D0%BA%D1%82.txt"), "{path}");
    }
}

#[tokio::test]
async fn names_keep_their_last_part_and_are_at_most_255_characters() {
    let server = market().await;
    let (client, chat) = ready(&server).await;
    let longest = "ж".repeat(255);
    for (given, kept) in [
        ("../../etc/passwd", "passwd"),
        (r"C:\fakepath\photo.txt", "photo.txt"),
        ("/absolute.txt", "absolute.txt"),
        ("a\u{0}b\r\n.txt", "ab.txt"),
        (&longest, &longest),
        (&format!("{}/a.txt", "x".repeat(300)), "a.txt"),
    ] {
        client.send_file(&chat, given, b"x").await.succeeded();
        let message = client.history(&chat).await.pop().unwrap();
        let label = message["data"][0].as_str().unwrap();
        assert!(label.starts_with(&format!("[{kept} (1 KB)](")), "{given}: {label}");
        assert_eq!(get(&client, &newest_path(&client, &chat).await).await.status(), 200, "{given}");
    }
    let refused = "Request validation error: invalid ChatSendFileRequest.Name: value length must be between 1 and 255 runes, inclusive";
    let before = log_length(&server, SELLER).await;
    for name in ["", "folder/", "\\", &"ж".repeat(256)] {
        client.send_file(&chat, name, b"x").await.failed_in(400, 3, refused, name);
    }
    for body in [
        json!({"chat_id": chat, "base64_content": "YQ"}),
        json!({"chat_id": chat, "base64_content": "YQ", "name": null}),
    ] {
        client.post("/v1/chat/send/file", &body).await.failed(400, 3, refused);
    }
    assert_eq!(log_length(&server, SELLER).await, before);
}

#[tokio::test]
async fn content_is_standard_base64() {
    let server = market().await;
    let (client, chat) = ready(&server).await;
    let in_lines = "eHh4\r\neHh4\n";
    for content in ["eHg=", "eHg", "eHh4", in_lines, "+/+/"] {
        post(&client, &chat, content, "a.bin").await.succeeded();
    }
    let refused = "Request validation error: invalid ChatSendFileRequest.Base64Content: value must be valid base64";
    let before = log_length(&server, SELLER).await;
    for content in
        ["data:image/png;base64,eHh4", "-_-_", "eHg==", "e", "eHh4!", "e H h 4", "привет", "\u{0}"]
    {
        post(&client, &chat, content, "a.bin").await.failed_in(400, 3, refused, content);
    }
    let empty = "Request validation error: invalid ChatSendFileRequest.Base64Content: value must not be empty";
    for content in [json!(""), json!(null), json!("\r\n")] {
        let body = json!({"chat_id": chat, "base64_content": content, "name": "a.bin"});
        client.post("/v1/chat/send/file", &body).await.failed(400, 3, empty);
    }
    client
        .post("/v1/chat/send/file", &json!({"chat_id": chat, "name": "a.bin"}))
        .await
        .failed(400, 3, empty);
    client.send_file(UNKNOWN_CHAT, "a.bin", b"x").await.failed(404, 5, "chat not found");
    assert_eq!(log_length(&server, SELLER).await, before);
}

#[tokio::test]
async fn a_file_has_ten_mebibytes_at_most() {
    const LIMIT: usize = 10 << 20;
    let server = market().await;
    let (client, chat) = ready(&server).await;
    client.send_file(&chat, "a.bin", &vec![0; LIMIT]).await.succeeded();
    let refused = "Request validation error: invalid ChatSendFileRequest.Base64Content: decoded length must be at most 10485760 bytes";
    client.send_file(&chat, "a.bin", &vec![0; LIMIT + 1]).await.failed(400, 3, refused);
    // In lines and with every slash escaped it is more than twice as long, and still the same file.
    let white = data_encoding::BASE64_MIME.encode(&vec![0xff; LIMIT]);
    let body = json!({"chat_id": chat, "base64_content": white, "name": "a.bin"}).to_string();
    client.post_raw("/v1/chat/send/file", body.replace('/', "\\/")).await.succeeded();
    // Beyond what any file needs, the body is not looked at.
    let beyond = client.send_file(&chat, "a.bin", &vec![0; 3 * LIMIT]).await;
    beyond.failed(400, 3, "Invalid request body");
    assert_eq!(client.history(&chat).await.len(), 2);
}

#[tokio::test]
async fn the_bound_is_the_operator_s() {
    let server = Server::start_with(|settings| settings.ozon.file_bytes_max = 10).await;
    let (client, chat) = ready(&server).await;
    client.send_file(&chat, "a.bin", &[0; 10]).await.succeeded();
    let refused = "Request validation error: invalid ChatSendFileRequest.Base64Content: decoded length must be at most 10 bytes";
    client.send_file(&chat, "a.bin", &[0; 11]).await.failed(400, 3, refused);
}

#[tokio::test]
async fn unknown_files_are_not_found() {
    let server = market().await;
    let (client, chat) = ready(&server).await;
    client.send_file(&chat, "a.txt", b"x").await.succeeded();
    let path = newest_path(&client, &chat).await;
    let elsewhere = path.replace("/messenger/", "/messenger-rotated-3/");
    for unknown in [
        elsewhere.as_str(),
        "/v2/chat/file/messenger/999999/a.txt",
        "/v2/chat/file/messenger/0/a.txt",
        "/v2/chat/file/messenger/-1/a.txt",
        "/v2/chat/file/messenger/99999999999999999999/a.txt",
        "/v2/chat/file/messenger/a.txt",
        "/v2/chat/file/messenger/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "/v2/chat/file/messenger/%FF/a",
    ] {
        ask(client.request(Method::GET, unknown)).await.failed_in(
            404,
            5,
            "chat not found",
            unknown,
        );
    }
    // The name is for people; the number finds the file.
    let renamed = path.replace("a.txt", "b/c%20d");
    assert_eq!(get(&client, &renamed).await.status(), 200);
}
