//! Images (Partizap contract §4.5, §7.17).

use reqwest::Method;
use reqwest::multipart::{Form, Part};
use serde_json::Value;
use testkit::{BUYER, PRODUCT, SELLER, Server};

use super::person::{Person, answer_of, keys};

/// One white pixel.
pub(crate) fn png() -> Vec<u8> {
    let pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8/5+hHgAHggJ/PchI7wAAAABJRU5ErkJggg==";
    data_encoding::BASE64.decode(pixel.as_bytes()).unwrap()
}

/// The pixel with a comment in it, as cameras leave one.
fn png_with_comment(comment: &str) -> Vec<u8> {
    let chunk = [b"tEXtComment\0", comment.as_bytes()].concat();
    let length = u32::try_from(chunk.len() - 4).unwrap().to_be_bytes();
    let checksum = crc32(&chunk).to_be_bytes();
    let (head, rest) = (&png()[..33], &png()[33..]);
    [head, &length, &chunk, &checksum, rest].concat()
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 }
        })
    })
}

/// The pixel, followed by so much that decoders never look at that the whole has `length` bytes.
fn png_of(length: usize) -> Vec<u8> {
    let mut bytes = png();
    bytes.resize(length, 0);
    bytes
}

async fn begin(person: &Person<'_>) -> i64 {
    let answer = person.write_about(PRODUCT.get(), "Покажете?").await;
    answer.body["data"]["id"].as_i64().unwrap()
}

#[tokio::test]
async fn an_image_becomes_a_message_with_an_absolute_address_that_needs_no_cookie() {
    let server = Server::start().await;
    let buyer = Person::sign_in(&server, BUYER).await;
    let seller = Person::sign_in(&server, SELLER).await;
    let id = begin(&buyer).await;
    let sent = seller
        .send_image(id, "../../Генератор.png", "image/png", png_with_comment("GPS 59.93, 30.31"))
        .await;
    assert_eq!(sent.status, 201, "{}", sent.body);
    let message = &sent.body["data"];
    assert_eq!(
        keys(message),
        [
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
    assert_eq!(message["text"], Value::Null);
    assert_eq!(message["sender_id"], SELLER.get());
    assert_eq!((&message["is_read"], &message["is_delivered"]), (&false.into(), &false.into()));

    let address = message["image_url"].as_str().unwrap();
    assert!(address.starts_with(server.url()), "{address}");
    let image = server.http().get(address).send().await.unwrap();
    assert_eq!(image.status(), 200);
    assert_eq!(image.headers()["content-type"], "image/png");
    assert_eq!(image.headers()["x-content-type-options"], "nosniff");
    assert!(image.headers()["content-disposition"].to_str().unwrap().starts_with("inline;"));
    let bytes = image.bytes().await.unwrap();
    assert!(bytes.starts_with(b"\x89PNG"));
    assert!(!bytes.windows(3).any(|window| window == b"GPS"), "§4.5: metadata is stripped");

    // The other side has an address of its own, and the message counts as any other.
    let history = buyer.get(&format!("/vendor/conversations/{id}/messages")).await;
    let theirs = history.body["data"][0]["image_url"].as_str().unwrap();
    assert_ne!(theirs, address);
    assert_eq!(server.http().get(theirs).send().await.unwrap().status(), 200);
    assert_eq!(buyer.unread_total().await, 1);
}

#[tokio::test]
async fn an_address_works_unchanged_and_for_seven_days_only() {
    let server = Server::start().await;
    let buyer = Person::sign_in(&server, BUYER).await;
    let id = begin(&buyer).await;
    let sent = buyer.send_image(id, "a.png", "image/png", png()).await;
    let address = sent.body["data"]["image_url"].as_str().unwrap().to_owned();
    let get = async |address: &str| server.http().get(address).send().await.unwrap().status();
    assert_eq!(get(&address).await, 200);

    let (bare, _) = address.split_once('?').unwrap();
    let changed = [
        bare.to_owned(),
        address.replace("account=42", "account=43"),
        address.replace("expires=1", "expires=2"),
        address.replace("/files/1", "/files/2"),
        address.replace("/files/1", "/files/%FF"),
        format!("{}0", &address[..address.len() - 1]).replace("00", "0f"),
    ];
    for changed in changed.iter().filter(|changed| **changed != address) {
        assert_eq!(get(changed).await, 404, "{changed}");
    }
    server.clock().advance(domain::SignedDuration::from_hours(7 * 24));
    assert_eq!(get(&address).await, 404);
}

#[tokio::test]
async fn what_is_no_sound_picture_within_the_bound_is_refused_and_not_kept() {
    let server = Server::start().await;
    let buyer = Person::sign_in(&server, BUYER).await;
    let id = begin(&buyer).await;

    let largest = buyer.send_image(id, "a.png", "image/png", png_of(10_485_760)).await;
    assert_eq!(largest.status, 201, "§4.5 10 MB: {}", largest.body);
    // §4.5: by content, never by name or declared type.
    let misnamed = buyer.send_image(id, "a.txt", "text/plain", png()).await;
    assert_eq!(misnamed.status, 201, "{}", misnamed.body);

    let cut = png()[..png().len() - 20].to_vec();
    let gif = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\xff\xff\xff\x00\x00\x00\
                ,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
        .to_vec();
    let refused: [(&str, &str, Vec<u8>); 7] = [
        ("§8.11 a byte above 10 MB", "a.png", png_of(10_485_761)),
        ("above the reader's bound, below the hard cap", "a.png", png_of(11_600_000)),
        ("empty", "a.png", Vec::new()),
        ("§8.11 text named .jpg", "a.jpg", b"hello".to_vec()),
        ("corrupt", "a.png", cut),
        ("GIF", "a.gif", gif),
        ("SVG", "a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>".to_vec()),
    ];
    for (case, name, bytes) in refused {
        let answer = buyer.send_image(id, name, "image/png", bytes).await;
        answer.assert_invalid(&["image"], case);
    }
    let other_part = Form::new().part("photo", Part::bytes(png()).file_name("a.png"));
    buyer.send_form(id, other_part).await.assert_invalid(&["image"], "another part");
    buyer.send_form(id, Form::new()).await.assert_invalid(&["image"], "an empty form");

    let too_large = buyer.send_image(id, "a.png", "image/png", png_of(13_000_000)).await;
    too_large.assert_error(413, "validation_error", "§1.3 above 12 MiB");
    let path = format!("/vendor/conversations/{id}/messages/image");
    let json = buyer.request(Method::POST, &path).json(&serde_json::json!({"image": "a"}));
    answer_of(json).await.assert_error(415, "validation_error", "no form");
    let broken = buyer
        .request(Method::POST, &path)
        .header("Content-Type", "multipart/form-data; boundary=B")
        .body("--B\r\nContent-Disposition: form-data; name=\"image\"\r\n\r\nhalf");
    answer_of(broken).await.assert_invalid(&["body"], "a cut form");

    let history = buyer.walk(&format!("/vendor/conversations/{id}/messages?limit=100")).await;
    assert_eq!(history.len(), 3);
}

#[tokio::test]
async fn other_parts_are_ignored() {
    let server = Server::start().await;
    let buyer = Person::sign_in(&server, BUYER).await;
    let id = begin(&buyer).await;
    let form = Form::new()
        .text("caption", "подпись")
        .part("image", Part::bytes(png()).file_name("a.png"))
        .part("image", Part::bytes(b"nonsense".to_vec()).file_name("b.png"));
    let sent = buyer.send_form(id, form).await;
    assert_eq!((sent.status, &sent.body["data"]["text"]), (201, &Value::Null));
}
