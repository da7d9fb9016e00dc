//! `torg demo` as a newcomer meets it: it starts, tells how to talk to it, and every line that it prints works.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use testkit::StorePlace;

use super::signals;

/// A running demo.
pub(crate) struct Demo {
    child: Child,
    pub(crate) info: Value,
}

impl Demo {
    pub(crate) async fn start(data: &Path, store: &str, output: &Path) -> Self {
        let info = output.join("info.json");
        let printed = std::fs::File::create(output.join("printed")).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_torg"))
            .args(["demo", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .args(["--store", store, "--info"])
            .arg(&info)
            .stdout(printed)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut this = Self { child, info: Value::Null };
        for _ in 0..1200 {
            if let Ok(text) = std::fs::read_to_string(&info) {
                this.info = serde_json::from_str(&text).unwrap();
                return this;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the demo does not start");
    }

    /// Ctrl-C, and what the process makes of it.
    pub(crate) fn interrupt(mut self) -> bool {
        signals::send("-INT", &self.child);
        self.child.wait().unwrap().success()
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The lines of `printed` that are to be pasted, once they are all there.
async fn printed_lines(printed: &Path) -> Vec<String> {
    for _ in 0..200 {
        let text = std::fs::read_to_string(printed).unwrap();
        if text.trim_end().ends_with("Stop it with Ctrl-C.") {
            return text
                .lines()
                .filter(|line| line.starts_with("curl "))
                .map(str::to_owned)
                .collect();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the demo did not print to the end");
}

#[tokio::test]
async fn every_line_that_the_demo_prints_works() {
    let (folder, store) = (tempfile::tempdir().unwrap(), StorePlace::new());
    let demo = Demo::start(&folder.path().join("data"), store.setting(), folder.path()).await;
    let lines = printed_lines(&folder.path().join("printed")).await;
    assert_eq!(lines.len(), 12, "three for each API");
    for line in &lines {
        // The cookies of this test are nobody else's.
        let cookies = folder.path().join("cookies").display().to_string();
        let line = line
            .replace("/tmp/torg-demo.cookies", &cookies)
            .replace("curl -s", "curl -s --fail-with-body");
        let ran = Command::new("sh").args(["-c", &line]).output().unwrap();
        let answer = String::from_utf8(ran.stdout).unwrap();
        assert!(ran.status.success(), "{line}\n{answer}");
        assert!(serde_json::from_str::<Value>(&answer).unwrap().is_object(), "{line}\n{answer}");
    }
    assert!(demo.interrupt(), "Ctrl-C ends it well");
}

#[tokio::test]
async fn the_demo_tells_scripts_everything_and_keeps_its_data() {
    let folder = tempfile::tempdir().unwrap();
    let (data, store) = (folder.path().join("data"), StorePlace::new());
    let demo = Demo::start(&data, store.setting(), folder.path()).await;
    for (face, fields) in [
        ("ozon", &["base_url", "client_id", "api_key", "posting_number", "fbo_posting_number"][..]),
        ("yandex_market", &["base_url", "business_id", "api_key", "order_id", "return_id"]),
        ("partizap", &["base_url", "buyer", "seller", "product_id"]),
        ("native", &["base_url", "host_key", "seller_key", "seller_id", "buyer_id"]),
        (
            "other_seller",
            &["client_id", "ozon_api_key", "business_id", "yandex_api_key", "native_key"],
        ),
    ] {
        for field in fields {
            assert!(!demo.info[face][field].is_null(), "{face}.{field}");
        }
    }
    let seller = &demo.info["native"]["seller_id"];
    assert_eq!(demo.info["ozon"]["client_id"], seller.to_string());
    assert_eq!(
        (&demo.info["yandex_market"]["business_id"], &demo.info["partizap"]["seller"]["user_id"]),
        (seller, seller)
    );

    let list = async |info: &Value| {
        let request = testkit::http_client();
        let url =
            format!("{}/api/v1/chats?limit=100", info["native"]["base_url"].as_str().unwrap());
        let key = info["native"]["seller_key"].as_str().unwrap();
        let answer: Value =
            request.get(url).bearer_auth(key).send().await.unwrap().json().await.unwrap();
        let ids: Vec<Value> =
            answer["chats"].as_array().unwrap().iter().map(|chat| chat["id"].clone()).collect();
        ids
    };
    let before = list(&demo.info).await;
    assert_eq!(before.len(), 100);
    assert!(demo.interrupt());
    std::fs::remove_file(folder.path().join("info.json")).unwrap();
    let demo = Demo::start(&data, store.setting(), folder.path()).await;
    assert_eq!(list(&demo.info).await, before, "a second start finds what the first has made");
}
