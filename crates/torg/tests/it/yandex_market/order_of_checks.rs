//! What is told first when two things are wrong at once (row 38).

use dialect_yandex_market::AUDIENCE;
use domain::catalog::Model;
use serde_json::json;
use testkit::{OTHER_SELLER, SELLER};

use super::{Cabinet, send};

/// Fault and later fault, verb, path (`own` and `foreign` are cabinets), key, body, and the answer: its status and how
/// its message begins. The hour of getChat is used up; `{finished}` is a chat in which nobody writes any more; `LONG`
/// is a text too long.
const TWO_FAULTS: &str = r"
path, verb               | DELETE | own/nothing                              | none   |       | 404 | Resource not found
path, credentials        | GET    | own/nothing                              | broken |       | 404 | Resource not found
verb, credentials        | PUT    | own/chats                                | broken |       | 405 | Request method
verb, cabinet            | PUT    | foreign/chats                            | full   |       | 405 | Request method
credentials, cabinet     | POST   | foreign/chats                            | broken |       | 401 | Api-Key token prefix
credentials, parameters  | GET    | own/chat?chatId=x                        | none   |       | 401 | Credentials
scope, cabinet           | POST   | foreign/chats/new                        | reader | {}    | 403 | Token does not have
scope, hourly limit      | GET    | own/chat?chatId=999                      | writer |       | 403 | Token does not have
scope, body              | POST   | own/chats/new                            | reader | {     | 403 | Token does not have
cabinet, hourly limit    | GET    | foreign/chat?chatId=999                  | full   |       | 403 | Access denied
cabinet, parameters      | GET    | foreign/chats/message                    | full   |       | 403 | Access denied
hourly limit, parameters | GET    | own/chat?chatId=x                        | full   |       | 420 | Hit rate limit of 1 requests
hourly limit, existence  | GET    | own/chat?chatId=999                      | full   |       | 420 | Hit rate limit of 1 requests
parameters, content type | POST   | own/chats/message?chatId=x               | full   | TEXT  | 400 | Type mismatch: 'x'
parameters, body         | POST   | own/chats/message?chatId=x               | full   | {     | 400 | Type mismatch: 'x'
parameters, existence    | POST   | own/chats/history?chatId=999&limit=0     | full   | {}    | 400 | limit must be
token, existence         | POST   | own/chats/history?chatId=999&pageToken=x | full   | {}    | 400 | Bad page token
content type, existence  | POST   | own/chats/message?chatId=999             | full   | TEXT  | 415 | Content type
body, existence          | POST   | own/chats/message?chatId=999             | full   | LONG  | 400 | message size must be
body, existence          | POST   | own/chats/history?chatId=999             | full   | [     | 400 | Unexpected end
body, state              | POST   | own/chats/message?chatId={finished}      | full   | LONG  | 400 | message size must be
existence                | POST   | own/chats/message?chatId=999             | full   | SHORT | 404 | Can't find chat by id: 999
state                    | POST   | own/chats/message?chatId={finished}      | full   | SHORT | 400 | Chat {finished} is finished
";

#[tokio::test]
async fn of_two_faults_the_earlier_check_speaks() {
    let cabinet = Cabinet::open_with(|settings| {
        settings.yandex_market.requests_per_hour.get_chat = 1;
    })
    .await;
    let finished = cabinet.order_chat(Model::Fbs).await;
    cabinet.close(finished).await;
    let path = format!("/chat?chatId={finished}");
    assert_eq!(cabinet.get(&path).await.status, 200); // The hour's only one.
    let server = &cabinet.server;
    let reader = server.key_with(SELLER, AUDIENCE, |key| key.can_write = false).await;
    let writer = server.key_with(SELLER, AUDIENCE, |key| key.can_read = false).await;

    let table = TWO_FAULTS.replace("{finished}", &finished.to_string());
    for row in table.trim().lines() {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [_, verb, path, key, body, status, message] = cells[..] else { panic!("{row}") };
        let path = path.replacen("own", &format!("/v2/businesses/{SELLER}"), 1);
        let path = path.replacen("foreign", &format!("/v2/businesses/{OTHER_SELLER}"), 1);
        let request = cabinet.bare(verb, &path);
        let request = match key {
            "none" => request,
            "broken" => request.header("Api-Key", "broken"),
            "reader" => request.header("Api-Key", &reader),
            "writer" => request.header("Api-Key", &writer),
            _ => request.header("Api-Key", &cabinet.key),
        };
        let request = match body {
            "TEXT" => request.header("Content-Type", "text/plain").body("{"),
            "LONG" => request.json(&json!({"message": "я".repeat(4097)})),
            "SHORT" => request.json(&json!({"message": "я"})),
            body => request.body(body.to_owned()),
        };
        let reply = send(request).await;
        let told = reply.json()["errors"][0]["message"].as_str().unwrap().to_owned();
        assert_eq!(reply.status.to_string(), status, "{row}\n{told}");
        assert!(told.starts_with(message), "{row}\n{told}");
    }
    assert!(cabinet.texts(finished).await.is_empty());
}

#[tokio::test]
async fn files_are_checked_in_the_same_order() {
    let cabinet = Cabinet::open().await;
    let finished = cabinet.order_chat(Model::Fbs).await;
    cabinet.close(finished).await;
    let form = |name: &'static str, bytes: usize| {
        let part = reqwest::multipart::Part::bytes(vec![7; bytes]).file_name("a.bin");
        reqwest::multipart::Form::new().part(name, part)
    };
    let post = |chat: &str| cabinet.request("POST", &format!("/chats/file/send?chatId={chat}"));
    let cases = [
        ("parameters, content type", post("x").body("{}"), 400, "Type mismatch"),
        ("content type, existence", post("999").body("{}"), 415, "Unknown content-type"),
        (
            "no part, existence",
            post("999").multipart(form("photo", 1)),
            400,
            "Required request part",
        ),
        (
            "too big, existence",
            post("999").multipart(form("file", 5_242_881)),
            400,
            "The request is too big",
        ),
        ("empty, state", post(&finished.to_string()).multipart(form("file", 0)), 400, "file size"),
        ("existence", post("999").multipart(form("file", 1)), 404, "Can't find chat by id: 999"),
        ("state", post(&finished.to_string()).multipart(form("file", 1)), 400, "Chat "),
    ];
    for (faults, request, status, message) in cases {
        let reply = send(request).await;
        let told = reply.json()["errors"][0]["message"].as_str().unwrap().to_owned();
        assert_eq!(reply.status, status, "{faults}: {told}");
        assert!(told.starts_with(message), "{faults}: {told}");
    }
    assert!(cabinet.texts(finished).await.is_empty());
}
