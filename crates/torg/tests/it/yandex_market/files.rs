//! sendFileToChat and the download of files (§6.7, §7.7, rows 30 to 32).

use dialect_yandex_market::{AUDIENCE, OAUTH_AUDIENCE};
use domain::SignedDuration;
use domain::catalog::Model;
use domain::commands::{Attached, Draft};
use domain::text::Text;
use engine::access::Caller;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use testkit::{BUYER, OTHER_SELLER, SELLER};

use super::{Cabinet, Reply, chat_id, send};

const PNG: &[u8] =
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89";

impl Cabinet {
    async fn send_file(&self, chat: i64, name: &str, bytes: Vec<u8>) -> Reply {
        let form = Form::new().part("file", Part::bytes(bytes).file_name(name.to_owned()));
        send(self.request("POST", &format!("/chats/file/send?chatId={chat}")).multipart(form)).await
    }

    /// Sends a body as it is.
    async fn send_form(&self, chat: i64, body: Vec<u8>) -> Reply {
        let request = self.request("POST", &format!("/chats/file/send?chatId={chat}"));
        send(request.header("Content-Type", "multipart/form-data; boundary=b7").body(body)).await
    }

    /// The payload of the chat's last message.
    async fn payload(&self, chat: i64) -> Value {
        self.messages(chat).await.last().unwrap()["payload"][0].clone()
    }
}

/// The bytes behind an address, which must be there.
async fn download(cabinet: &Cabinet, url: &str) -> (reqwest::header::HeaderMap, Vec<u8>) {
    let answer = cabinet.server.http().get(url).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{url}");
    (answer.headers().clone(), answer.bytes().await.unwrap().to_vec())
}

#[tokio::test]
async fn a_file_is_a_message_of_its_own_and_comes_back_as_sent() {
    let cabinet = Cabinet::open().await;
    let chat = cabinet.order_chat(Model::Fbs).await;
    let reply = cabinet.send_file(chat, "label.png", PNG.to_vec()).await;
    assert_eq!((reply.status, reply.json()), (200, json!({"status": "OK"})));

    let messages = cabinet.messages(chat).await;
    let url = messages[0]["payload"][0]["url"].as_str().unwrap().to_owned();
    let expected = json!({
        "messageId": messages[0]["messageId"], "createdAt": "2026-11-21T13:00:00.000+03:00", "sender": "PARTNER",
        "payload": [{"name": "label.png", "size": PNG.len(), "url": url}],
    });
    assert_eq!(messages, [expected]);
    assert!(url.starts_with(&format!("{}/businesses/{SELLER}/chats/files/", cabinet.server.url())));
    assert_eq!(cabinet.info(chat).await["status"], "WAITING_FOR_CUSTOMER");

    let (headers, bytes) = download(&cabinet, &url).await;
    assert_eq!(bytes, PNG);
    for (name, value) in [
        ("content-type", "image/png"),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "default-src 'none'; sandbox"),
        ("referrer-policy", "no-referrer"),
    ] {
        assert_eq!(headers[name], value);
    }
}

#[tokio::test]
async fn the_forms_of_real_clients_are_read() {
    let cabinet = Cabinet::open().await;
    let chat = cabinet.order_chat(Model::Fbs).await;
    let disposition = |name: &str| format!("Content-Disposition: form-data; name=\"file\"{name}");
    let long = format!("{}.jpeg", "ж".repeat(300));
    let cut = format!("{}.jpeg", "ж".repeat(250));
    let cases = [
        (format!("{}\r\nContent-Type: image/png", disposition("; filename=\"a.png\"")), "a.png"),
        (format!("Content-Type: image/png\r\n{}", disposition("; filename=\"a.png\"")), "a.png"),
        (disposition("; filename=\"file\""), "file"),
        (
            format!(
                "{}\r\nContent-Type: application/octet-stream",
                disposition("; filename=\"Чек № 5.pdf\"")
            ),
            "Чек № 5.pdf",
        ),
        // Row 31.
        (disposition(""), "file"),
        (disposition("; filename=\"\""), "file"),
        (disposition("; filename=\"../../etc/passwd\""), "passwd"),
        (disposition("; filename=\"C:\\\\fakepath\\\\photo.jpg\""), "photo.jpg"),
        (disposition("; filename=\"..\""), "file"),
        (disposition(&format!("; filename=\"{long}\"")), cut.as_str()),
    ];
    for (headers, name) in &cases {
        let body = format!("--b7\r\n{headers}\r\n\r\n...bytes\r\n...\r\n--b7--\r\n");
        let reply = cabinet.send_form(chat, body.into_bytes()).await;
        assert_eq!(reply.status, 200, "{headers}: {}", reply.text);
        let payload = cabinet.payload(chat).await;
        assert_eq!((&payload["name"], &payload["size"]), (&json!(name), &json!(13)), "{headers}");
        let (_, bytes) = download(&cabinet, payload["url"].as_str().unwrap()).await;
        assert_eq!(bytes, b"...bytes\r\n...");
    }
    assert_eq!(cabinet.messages(chat).await.len(), cases.len());
}

#[tokio::test]
async fn row_30_a_file_has_1_to_5242880_bytes() {
    let cabinet = Cabinet::open().await;
    let chat = cabinet.order_chat(Model::Fbs).await;
    let too_big = |passed: &str| {
        format!(
            "The request is too big: Maximum allowed request size must be less than 5120 KB, but passed {passed} MB"
        )
    };
    assert_eq!(cabinet.send_file(chat, "a.bin", vec![7; 5_242_880]).await.status, 200);
    let (_, bytes) = download(&cabinet, cabinet.payload(chat).await["url"].as_str().unwrap()).await;
    assert_eq!(bytes.len(), 5_242_880);
    cabinet.send_file(chat, "a.bin", vec![7; 5_242_881]).await.is_error(
        400,
        "BAD_REQUEST",
        &too_big("5.01"),
    );
    // The client is still writing when the answer is decided.
    let reply = cabinet.send_file(chat, "a.bin", vec![7; 20 << 20]).await;
    reply.is_bad_request("The request is too big: Maximum allowed request size must be less than 5120 KB, but passed 20.");
    cabinet.send_file(chat, "a.bin", Vec::new()).await.is_error(
        400,
        "BAD_REQUEST",
        "file size must be between 1 and 5242880 (rejected size: 0)",
    );
    assert_eq!(cabinet.messages(chat).await.len(), 1);
}

#[tokio::test]
async fn what_is_no_form_with_a_file_is_refused() {
    let cabinet = Cabinet::open().await;
    let chat = cabinet.order_chat(Model::Fbs).await;
    let missing = "Required request part 'file' is not present";
    let empty_part = "--b7\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\n\r\n";
    let empty_parts = format!("{}--b7--\r\n", empty_part.repeat(101));
    for (body, message) in [
        (empty_parts.as_str(), "Multipart: more than 100 parts"),
        ("", missing),
        ("--b7--\r\n", missing),
        (
            "--b7\r\nContent-Disposition: form-data; name=\"photo\"; filename=\"a\"\r\n\r\nx\r\n--b7--\r\n",
            missing,
        ),
        ("--b7\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nhalf", "Multipart: "),
        ("{\"file\": 1}", "Multipart: "),
    ] {
        cabinet.send_form(chat, body.into()).await.is_bad_request(message);
    }
    for (content_type, status, message) in [
        ("application/json", 415, "Content type 'application/json' not supported"),
        ("image/png", 415, "Content type 'image/png' not supported"),
        ("nonsense", 415, "Unknown content-type: 'nonsense'"),
        ("multipart/form-data", 400, "Multipart: the content type names no boundary"),
    ] {
        let request = cabinet.request("POST", &format!("/chats/file/send?chatId={chat}"));
        let reply = send(request.header("Content-Type", content_type).body("{}")).await;
        let code = if status == 415 { "UNSUPPORTED_MEDIA_TYPE" } else { "BAD_REQUEST" };
        reply.is_error(status, code, message);
    }
    assert!(cabinet.messages(chat).await.is_empty());
}

#[tokio::test]
async fn a_buyer_s_message_may_carry_text_and_a_file() {
    let cabinet = Cabinet::open().await;
    let chat = cabinet.direct_chat("Торг?").await;
    let engine = cabinet.server.engine();
    let upload = engine.examine_file(Some("photo.png"), PNG.to_vec().into()).await.unwrap();
    let buyer = Caller::account_holder(BUYER);
    let stored = engine.attach_file(&buyer, upload).await.unwrap();
    let draft = Draft {
        text: Some(Text::new("Вот фото", &engine.policy().text).unwrap()),
        attachments: vec![Attached::Stored(stored.id)],
        ..Draft::default()
    };
    engine.post_message(&buyer, chat_id(chat), draft).await.unwrap();
    let message = cabinet.messages(chat).await.pop().unwrap();
    assert_eq!((&message["sender"], &message["message"]), (&json!("CUSTOMER"), &json!("Вот фото")));
    let (_, bytes) = download(&cabinet, message["payload"][0]["url"].as_str().unwrap()).await;
    assert_eq!(bytes, PNG);
}

#[tokio::test]
async fn row_32_an_address_works_by_its_signature_or_with_a_credential_of_the_cabinet() {
    let cabinet = Cabinet::open().await;
    let chat = cabinet.order_chat(Model::Fbs).await;
    cabinet.send_file(chat, "a.txt", "привет".into()).await;
    let url = cabinet.payload(chat).await["url"].as_str().unwrap().to_owned();
    let (bare, query) = url.split_once('?').unwrap();
    let key = ("Api-Key", cabinet.key.clone());
    let oauth = format!("Bearer {}", cabinet.server.key(SELLER, OAUTH_AUDIENCE).await);
    let stranger = ("Api-Key", cabinet.server.key(OTHER_SELLER, AUDIENCE).await);
    let write_only = cabinet.server.key_with(SELLER, AUDIENCE, |key| key.can_read = false).await;
    let foreign = url.replace(&SELLER.to_string(), &OTHER_SELLER.to_string());
    let foreign_bare = bare.replace(&SELLER.to_string(), &OTHER_SELLER.to_string());
    let (_, tail) = bare.split_once("/files/").unwrap();
    let (id, _) = tail.split_once('/').unwrap();
    let absent = bare.replace(&format!("/files/{id}/"), "/files/999999/");
    let huge = bare.replace(&format!("/files/{id}/"), "/files/9223372036854775807/");
    let other_id = url.replace(&format!("/files/{id}/"), "/files/999999/");

    let cases = [
        ("signature alone", url.clone(), None, 200),
        ("key alone", bare.to_owned(), Some(&key), 200),
        ("another name", format!("{bare}x?{query}"), None, 200),
        ("neither", bare.to_owned(), None, 401),
        ("changed signature", format!("{}0", &url[..url.len() - 1]).replace("==", ""), None, 401),
        ("signature of another file", other_id, None, 401),
        ("foreign cabinet", foreign, None, 401),
        ("foreign cabinet in the path", format!("{foreign_bare}?{query}"), None, 401),
        ("foreign cabinet with a key", foreign_bare.clone(), Some(&key), 403),
        ("foreign key", bare.to_owned(), Some(&stranger), 403),
        ("absent file", absent, Some(&key), 404),
        ("absent file", huge, Some(&key), 404),
        ("no number", bare.replace(&format!("/files/{id}/"), "/files/x/"), Some(&key), 400),
    ];
    for (name, url, header, status) in cases {
        if name == "changed signature" && url == format!("{bare}?{query}") {
            continue; // The last digit was a zero already.
        }
        let request = cabinet.server.http().get(&url);
        let request =
            header.into_iter().fold(request, |request, (name, value)| request.header(*name, value));
        let reply = send(request).await;
        assert_eq!(reply.status, status, "{name}: {}", reply.text);
        if status == 200 {
            assert_eq!(reply.text, "привет");
        } else {
            assert_eq!(reply.json()["status"], "ERROR");
        }
    }
    let request = cabinet.server.http().get(bare).header("Authorization", oauth);
    assert_eq!(send(request).await.status, 200);
    let request = cabinet.server.http().get(bare).header("Api-Key", write_only);
    assert_eq!(send(request).await.status, 403);

    // An address that is too old works no more, unless with a key.
    cabinet.server.clock().advance(SignedDuration::from_hours(24 * 8));
    assert_eq!(send(cabinet.server.http().get(&url)).await.status, 401);
    assert_eq!(
        send(cabinet.server.http().get(&url).header("Api-Key", &cabinet.key)).await.status,
        200
    );
}

#[tokio::test]
async fn a_file_of_another_cabinet_looks_like_an_absent_one() {
    let cabinet = Cabinet::open().await;
    let chat = cabinet.order_chat(Model::Fbs).await;
    cabinet.send_file(chat, "a.txt", "тайна".into()).await;
    let url = cabinet.payload(chat).await["url"].as_str().unwrap().to_owned();
    let id: i64 = url.split('/').nth_back(1).unwrap().parse().unwrap();
    let stranger = cabinet.server.key(OTHER_SELLER, AUDIENCE).await;
    for number in [id, 999_999] {
        let path = format!("/businesses/{OTHER_SELLER}/chats/files/{number}/a.txt");
        let reply = send(cabinet.bare("GET", &path).header("Api-Key", &stranger)).await;
        reply.is_error(404, "NOT_FOUND", &format!("Can't find file by id: {number}"));
    }
}

#[tokio::test]
async fn addresses_stay_below_2000_characters() {
    let cabinet = Cabinet::open().await;
    let chat = cabinet.order_chat(Model::Fbs).await;
    cabinet.send_file(chat, &format!("{}.txt", "🚗".repeat(251)), "а".into()).await;
    let payload = cabinet.payload(chat).await;
    assert_eq!(payload["name"].as_str().unwrap().chars().count(), 255);
    let url = payload["url"].as_str().unwrap();
    assert!(url.len() <= 2000);
    download(&cabinet, url).await;

    cabinet.send_file(chat, "a b/?#%&\"<ё>.txt", "а".into()).await;
    let payload = cabinet.payload(chat).await;
    let url = payload["url"].as_str().unwrap();
    assert!(
        url.contains("/%3F%23%25%26%3C%D1%91%3E.txt?") || url.contains(".txt?account="),
        "{url}"
    );
    assert!(url.bytes().all(|byte| byte.is_ascii_graphic()));
    download(&cabinet, url).await;
}

#[tokio::test]
async fn what_a_browser_could_run_is_only_ever_saved() {
    let cabinet = Cabinet::open().await;
    let chat = cabinet.order_chat(Model::Fbs).await;
    for (name, content) in [
        ("a.html", "<html><script>alert(1)</script></html>"),
        ("a.svg", "<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"),
        ("a.png", "<html><script>alert(1)</script></html>"),
    ] {
        cabinet.send_file(chat, name, content.into()).await;
        let payload = cabinet.payload(chat).await;
        let (headers, bytes) = download(&cabinet, payload["url"].as_str().unwrap()).await;
        let content_type = headers["content-type"].to_str().unwrap();
        assert!(
            ["text/plain; charset=utf-8", "application/octet-stream"].contains(&content_type),
            "{name}: {content_type}"
        );
        assert!(headers["content-disposition"].to_str().unwrap().starts_with("attachment"));
        assert_eq!(bytes, content.as_bytes());
    }
}
