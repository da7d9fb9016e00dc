//! Limits by the hour and at once, and the headers that tell of them (§4, rows 35 to 37).

use dialect_yandex_market::AUDIENCE;
use domain::SignedDuration;
use domain::catalog::Model;
use serde_json::json;
use testkit::{OTHER_SELLER, SELLER};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{Cabinet, Reply, send};

fn limit_headers(reply: &Reply) -> [&str; 3] {
    ["Limit", "Remaining", "Until"]
        .map(|name| reply.header(&format!("X-RateLimit-Resource-{name}")).unwrap_or("-"))
}

#[tokio::test]
async fn every_method_tells_its_limit_and_has_a_counter_of_its_own() {
    let cabinet = Cabinet::open().await;
    cabinet.server.clock().advance(SignedDuration::from_mins(40));
    for (verb, path, limit, remaining) in [
        ("POST", "/v2/businesses/60770001/chats/new", "1000", "999"),
        ("POST", "/v2/businesses/60770001/chats", "5000", "4999"),
        ("GET", "/v2/businesses/60770001/chat", "1000", "999"),
        ("POST", "/v2/businesses/60770001/chats/history", "10000", "9999"),
        ("GET", "/v2/businesses/60770001/chats/message", "1000", "999"),
        ("POST", "/v2/businesses/60770001/chats/message", "1000", "999"),
        ("POST", "/v2/businesses/60770001/chats/file/send", "1000", "999"),
        ("GET", "/v2/campaigns", "1000", "999"),
        ("POST", "/v2/auth/token", "100", "99"),
    ] {
        let reply = send(cabinet.bare(verb, path).header("Api-Key", &cabinet.key)).await;
        let expected = [limit, remaining, "Sat, 21 Nov 2026 11:00:00 GMT"];
        assert_eq!(limit_headers(&reply), expected, "{verb} {path}: {}", reply.text);
    }
}

#[tokio::test]
async fn after_the_limit_comes_420_until_the_next_full_hour() {
    let cabinet = Cabinet::open_with(|settings| {
        settings.yandex_market.requests_per_hour.get_chats = 2;
    })
    .await;
    cabinet.server.clock().advance(SignedDuration::from_mins(59));
    let until = "Sat, 21 Nov 2026 11:00:00 GMT";
    assert_eq!(limit_headers(&cabinet.post("/chats", json!({})).await), ["2", "1", until]);
    assert_eq!(limit_headers(&cabinet.post("/chats", json!({})).await), ["2", "0", until]);
    for _ in 0..2 {
        let refused = cabinet.post("/chats.json", json!({})).await;
        refused.is_error(
            420,
            "METHOD_FAILURE",
            "Hit rate limit of 2 requests per 1 hour for resource /businesses/{businessId}/chats.json for businessId 60770001",
        );
        assert_eq!(limit_headers(&refused), ["2", "0", until]);
        assert_eq!(refused.header("retry-after"), None);
    }
    // Another method and another cabinet have counters of their own.
    assert_eq!(cabinet.get("/chat?chatId=1").await.status, 404);
    let stranger = cabinet.server.key(OTHER_SELLER, AUDIENCE).await;
    let path = format!("/v2/businesses/{OTHER_SELLER}/chats");
    let reply = send(cabinet.bare("POST", &path).header("Api-Key", stranger).body("{}")).await;
    assert_eq!(reply.remaining(), Some(1));

    cabinet.server.clock().advance(SignedDuration::from_mins(1));
    let next = cabinet.post("/chats", json!({})).await;
    assert_eq!(limit_headers(&next), ["2", "1", "Sat, 21 Nov 2026 12:00:00 GMT"]);
}

#[tokio::test]
async fn refused_requests_are_charged_and_other_keys_of_the_cabinet_share_the_counter() {
    let cabinet = Cabinet::open().await;
    let remaining = async || cabinet.post("/chats/new", json!({})).await.remaining().unwrap();
    assert_eq!(remaining().await, 999); // 400
    assert_eq!(cabinet.post("/chats/new", json!({"orderId": 5})).await.remaining(), Some(998)); // 404
    let reader = cabinet.server.key_with(SELLER, AUDIENCE, |key| key.can_write = false).await;
    let path = format!("/v2/businesses/{SELLER}/chats/new");
    let refused = send(cabinet.bare("POST", &path).header("Api-Key", reader)).await;
    assert_eq!((refused.status, refused.remaining()), (403, Some(997)));
    let second = cabinet.server.key(SELLER, AUDIENCE).await;
    let reply = send(cabinet.bare("POST", &path).header("Api-Key", second)).await;
    assert_eq!((reply.status, reply.remaining()), (400, Some(996)));
    // Without a credential, or with a foreign one, nobody's counter moves.
    let stranger = cabinet.server.key(OTHER_SELLER, AUDIENCE).await;
    assert_eq!(send(cabinet.bare("POST", &path)).await.status, 401);
    assert_eq!(send(cabinet.bare("POST", &path).header("Api-Key", stranger)).await.status, 403);
    assert_eq!(remaining().await, 995);
}

#[tokio::test]
async fn a_fault_of_the_server_is_not_charged() {
    let mut attachments = None;
    let cabinet =
        Cabinet::open_with(|settings| attachments = Some(settings.data_dir.clone())).await;
    let chat = cabinet.order_chat(Model::Fbs).await;
    let send_file = async || {
        let part = reqwest::multipart::Part::bytes(b"abc".to_vec()).file_name("a.txt");
        let form = reqwest::multipart::Form::new().part("file", part);
        let request = cabinet.request("POST", &format!("/chats/file/send?chatId={chat}"));
        send(request.multipart(form)).await
    };
    // A plain file where the folder of the attachments should be.
    let folder = attachments.unwrap().join("attachments");
    std::fs::remove_dir_all(&folder).ok();
    std::fs::write(&folder, "").unwrap();
    let broken = send_file().await;
    broken.is_error(
        503,
        "SERVICE_UNAVAILABLE",
        "Service temporarily unavailable. Please, try again later",
    );
    assert_eq!(broken.remaining(), Some(1000));
    assert!(broken.header("retry-after").is_some());
    std::fs::remove_file(&folder).unwrap();
    std::fs::create_dir(&folder).unwrap();
    let works = send_file().await;
    assert_eq!((works.status, works.remaining()), (200, Some(999)));
    assert_eq!(cabinet.texts(chat).await, ["-"]);
}

/// A request whose body is still to come. The server has asked for it, so the request is in work.
async fn begin(cabinet: &Cabinet, path: &str) -> TcpStream {
    let address = cabinet.server.url().strip_prefix("http://").unwrap().to_owned();
    let mut connection = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /v2/businesses/{SELLER}{path} HTTP/1.1\r\nHost: x\r\nApi-Key: {}\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n",
        cabinet.key
    );
    connection.write_all(head.as_bytes()).await.unwrap();
    let mut interim = *b"HTTP/1.1 ... Continue\r\n\r\n";
    connection.read_exact(&mut interim).await.unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    connection
}

/// Sends the body, and answers the whole answer.
async fn finish(mut connection: TcpStream) -> String {
    connection.write_all(b"{}").await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn the_fifth_request_at_once_is_refused_and_costs_nothing() {
    let cabinet = Cabinet::open().await;
    let mut in_work = Vec::new();
    for _ in 0..4 {
        in_work.push(begin(&cabinet, "/chats/new").await);
    }
    for _ in 0..2 {
        let refused = cabinet.get("/chat?chatId=1").await;
        refused.is_error(
            420,
            "METHOD_FAILURE",
            "Hit rate limit of 4 parallel requests for businessId 60770001",
        );
        assert_eq!(limit_headers(&refused), ["1000", "1000", "Sat, 21 Nov 2026 11:00:00 GMT"]);
    }
    // Another cabinet is not held up.
    let stranger = cabinet.server.key(OTHER_SELLER, AUDIENCE).await;
    let path = format!("/v2/businesses/{OTHER_SELLER}/chat?chatId=1");
    assert_eq!(send(cabinet.bare("GET", &path).header("Api-Key", stranger)).await.status, 404);

    for connection in in_work {
        let answer = finish(connection).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    }
    let reply = cabinet.get("/chat?chatId=1").await;
    assert_eq!((reply.status, reply.remaining()), (404, Some(999)));
}

#[tokio::test]
async fn without_a_parallel_limit_many_are_in_work_at_once() {
    let cabinet = Cabinet::open_with(|settings| settings.yandex_market.parallel_requests = 0).await;
    let mut in_work = Vec::new();
    for _ in 0..20 {
        in_work.push(begin(&cabinet, "/chats").await);
    }
    for connection in in_work {
        let answer = finish(connection).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}
