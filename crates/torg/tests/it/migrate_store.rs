//! `torg migrate-store`, as an operator runs it: a market moves to PostgreSQL, and its clients notice nothing.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::demo::Demo;

/// Runs the command: whether it succeeded, and everything that it has said.
fn migrate(from: &str, to: &str) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_torg"))
        .args(["migrate-store", "--from", from, "--to", to])
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

/// What the seller's clients see: chats, a history, the log. Not the facts around them: the demo tells of its market anew
/// at each start.
async fn seen(info: &Value) -> Vec<String> {
    let http = testkit::http_client();
    let key = info["native"]["seller_key"].as_str().unwrap();
    let url = info["native"]["base_url"].as_str().unwrap();
    let read = async |path: &str, list: &str, fields: &[&str]| -> Vec<Vec<Value>> {
        let asked = http.get(format!("{url}/api/v1/{path}")).bearer_auth(key).send().await;
        let answer: Value = asked.unwrap().json().await.unwrap();
        let cells = |row: &Value| fields.iter().map(|&field| row[field].clone()).collect();
        answer[list].as_array().unwrap().iter().map(cells).collect()
    };
    let chats = read("chats?limit=100", "chats", &["id", "uuid", "state", "last_message"]).await;
    let history = format!("chats/{}/messages?limit=100", chats[0][0]);
    let history = read(&history, "messages", &["id", "author", "text", "created_at"]).await;
    let log = ["sequence", "kind", "chat_id", "message_id", "at"];
    let log = read("events?after=0&limit=500", "events", &log).await;
    [chats, history, log].into_iter().flatten().map(|row| Value::from(row).to_string()).collect()
}

#[tokio::test]
async fn a_market_moves_to_postgresql_and_its_clients_notice_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let schema = local_services::fresh_schema().unwrap();
    let data = folder.path().join("data");
    let from = format!("sqlite:{}", data.join("torg.sqlite").display());

    let demo = Demo::start(&data, "sqlite", folder.path()).await;
    // What is seen for the first time counts as delivered from then on.
    seen(&demo.info).await;
    let before = seen(&demo.info).await;
    let (done, said) = migrate(&from, schema.url());
    assert!(!done && said.contains("stop the server"), "{said}");
    assert!(demo.interrupt());

    let (done, said) = migrate(&from, schema.url());
    assert!(done && said.contains("rows copied and compared"), "{said}");
    let (done, said) = migrate(&from, schema.url());
    assert!(done && said.contains("nothing to do"), "{said}");

    std::fs::remove_file(folder.path().join("info.json")).unwrap();
    let demo = Demo::start(&data, schema.url(), folder.path()).await;
    let after = seen(&demo.info).await;
    assert!(100 < after.len());
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(after, before);
    }
    assert_eq!(after.len(), before.len());
}

#[test]
fn a_wrong_source_or_target_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let to = "postgres://somebody@127.0.0.1:1/nowhere";
    let absent = folder.path().join("absent.sqlite");
    let cases: [(&str, &str, &str); 3] = [
        ("data/torg.sqlite", to, "sqlite:PATH"),
        (&format!("sqlite:{}", absent.display()), to, "there is no file"),
        (&format!("sqlite:{}", folder.path().display()), "mysql://x", "postgres://user"),
    ];
    for (from, to, words) in cases {
        let (done, said) = migrate(from, to);
        assert!(!done && said.contains(words), "{from} {to}: {said}");
    }
    assert!(!Path::new(&absent).exists());
}
