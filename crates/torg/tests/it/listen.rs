//! `torg listen` beside a running server, as somebody who integrates meets it.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::{Value, json};
use testkit::StorePlace;

use super::demo::Demo;
use super::signals;

/// A receiver at a terminal.
struct Listener {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Listener {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_torg"))
            .arg("listen")
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child, output }
    }

    /// The next line that it prints.
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line
    }

    /// The next push; how it was welcomed is passed over, and so are pings.
    fn push(&mut self) -> Value {
        loop {
            let line = self.line();
            assert!(!line.is_empty(), "it ended");
            match serde_json::from_str::<Value>(&line) {
                Ok(push) if !line.contains("PING") => return push,
                Ok(_) => {}
                Err(_) => assert!(line.starts_with("Webhook "), "{line}"),
            }
        }
    }

    /// Ctrl-C, and whether it ended well.
    fn interrupt(mut self) -> bool {
        signals::send("-INT", &self.child);
        self.child.wait().unwrap().success()
    }
}

/// The demo's own API, asked with a key.
struct Api<'d> {
    demo: &'d Demo,
    http: reqwest::Client,
}

impl Api<'_> {
    fn text(&self, name: &str) -> &str {
        self.demo.info["native"][name].as_str().unwrap()
    }

    async fn ask(&self, key: &str, method: &str, path: &str, body: &Value) -> Value {
        let url = format!("{}/api/v1{path}", self.text("base_url"));
        let request = self.http.request(method.parse().unwrap(), url).bearer_auth(self.text(key));
        let answer = request.json(body).send().await.unwrap().error_for_status().unwrap();
        answer.json().await.unwrap()
    }

    /// Lets the demo's buyer write to the demo's seller.
    async fn write(&self, text: &str) {
        let context = json!({"type": "none"});
        let body = json!({"context": context, "seller_id": self.demo.info["native"]["seller_id"],
            "message": {"text": text}});
        self.ask("buyer_key", "POST", "/chats", &body).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_prints_pushes_in_each_format_and_takes_its_webhook_back() {
    let (folder, store) = (tempfile::tempdir().unwrap(), StorePlace::new());
    let demo = Demo::start(&folder.path().join("data"), store.setting(), folder.path()).await;
    let api = Api { demo: &demo, http: testkit::http_client() };
    let (server, key) = (api.text("base_url"), api.text("seller_key"));
    for (format, wanted, is_about_message) in [
        ("native", "message.created", "kind"),
        ("ozon", "TYPE_NEW_MESSAGE", "message_type"),
        ("yandex-market", "CHAT_MESSAGE_SENT", "notificationType"),
    ] {
        let arguments = ["--server", server, "--key", key, "--format", format, "--type", wanted];
        let mut listener = Listener::start(&[&arguments[..], &["--json"]].concat());
        while api.ask("seller_key", "GET", "/webhooks", &json!({})).await["webhooks"] == json!([]) {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        // A push that is not answered as the format asks would come again before the second message.
        for text in ["раз", "два"] {
            api.write(text).await;
            let push = tokio::task::block_in_place(|| listener.push());
            assert_eq!(push[is_about_message], wanted);
            assert!(format == "yandex-market" || push.to_string().contains(text), "{push}");
        }
        let ended_well = tokio::task::spawn_blocking(move || listener.interrupt()).await.unwrap();
        assert!(ended_well, "{format}");
        let left = api.ask("seller_key", "GET", "/webhooks", &json!({})).await;
        assert_eq!(left["webhooks"], json!([]), "{format}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn beside_its_own_server_a_listener_needs_an_account_only() {
    let (folder, store) = (tempfile::tempdir().unwrap(), StorePlace::new());
    let data = folder.path().join("data");
    let demo = Demo::start(&data, store.setting(), folder.path()).await;
    let api = Api { demo: &demo, http: testkit::http_client() };
    let account = demo.info["native"]["seller_id"].to_string();
    let data = data.to_str().unwrap();
    let home = ["--data-dir", data, "--store", store.setting()];
    let arguments = ["--server", api.text("base_url"), "--account", &account, "--json"];
    let mut listener = Listener::start(&[&home[..], &arguments].concat());
    assert!(listener.line().starts_with("Webhook "));
    api.write("раз").await;
    let mut kinds = Vec::new();
    while !kinds.contains(&json!("message.created")) {
        kinds.push(tokio::task::block_in_place(|| listener.push())["kind"].clone());
    }
    assert!(tokio::task::spawn_blocking(move || listener.interrupt()).await.unwrap());

    let path = format!("/host/accounts/{account}/keys");
    let keys = api.ask("host_key", "GET", &path, &json!({})).await;
    let made = keys["keys"].as_array().unwrap().iter().find(|key| key["name"] == "torg listen");
    assert!(made.unwrap()["revoked_at"].is_string(), "{keys}");
}

#[test]
fn a_listener_says_what_is_wrong() {
    for (arguments, wanted) in [
        (&["--account", "1", "--format", "avito"][..], "there are native, ozon, yandex-market"),
        (&["--key", "torg_x", "--server", "http://127.0.0.1:1"][..], "cannot reach"),
        (&[][..], "--account"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_torg"))
            .arg("listen")
            .args(arguments)
            .output()
            .unwrap();
        let refusal = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && refusal.contains(wanted), "{refusal}");
    }
}
