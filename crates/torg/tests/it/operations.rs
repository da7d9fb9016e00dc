//! What the operator's machinery asks.

use std::time::Duration;

use domain::commands::Subject;
use engine::access::Caller;
use testkit::{BUYER, PRODUCT, SELLER, Server};
use torg::settings::NatsUrl;

const PATIENCE: Duration = Duration::from_secs(20);

async fn get(server: &Server, path: &str) -> String {
    let answer = server.http().get(format!("{}{path}", server.url())).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    answer.text().await.unwrap()
}

/// The value of a metric, `name` with its labels.
async fn metric(server: &Server, name: &str) -> f64 {
    let metrics = get(server, "/metrics").await;
    let line = metrics.lines().find(|line| line.split(' ').next() == Some(name));
    let line = line.unwrap_or_else(|| panic!("no {name} in\n{metrics}"));
    line.split(' ').nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_server_tells_how_it_is() {
    let server = Server::start().await;
    let ready = get(&server, "/readyz").await;
    assert!(ready.starts_with("ready\nstore: answers\nreplicas: "), "{ready}");

    let done = r#"torg_commands_total{outcome="done"}"#;
    let buyer = Caller::account_holder(BUYER);
    let subject = Subject::Product(PRODUCT, None);
    let chat = server.engine().open_chat(&buyer, subject, None).await.unwrap().chat.id;
    let before = metric(&server, done).await;
    for _ in 0..3 {
        server.say(BUYER, chat, "Здравствуйте!").await;
    }
    assert!(before + 3.0 <= metric(&server, done).await);
    assert!(1.0 <= metric(&server, "torg_commit_seconds_count").await);
    let listening = [server.engine().listen(BUYER), server.engine().listen(BUYER)];
    assert!(2.0 <= metric(&server, "torg_listeners").await);
    drop(listening);
    for state in ["alone", "connected", "away"] {
        metric(&server, &format!("torg_relay_state{{state=\"{state}\"}}")).await;
    }
    let text = get(&server, "/metrics").await;
    for kind in ["sent", "received", "dropped"] {
        metric(&server, &format!("torg_relay_messages_{kind}_total")).await;
    }
    assert!(metric(&server, "torg_replicas_heard").await < 1.0);
    assert!(text.ends_with("# EOF\n") && !text.contains(&SELLER.to_string()), "{text}");
    server.stop().await;
}

#[tokio::test]
async fn a_server_tells_how_its_readers_are_woken() {
    let url = tokio::task::spawn_blocking(local_services::nats_url).await.unwrap().unwrap();
    let server = Server::start_with(|settings| {
        settings.nats.url = Some(NatsUrl::try_from(url).unwrap());
        settings.nats.subject_prefix = format!("torg-operations-{}", std::process::id());
    })
    .await;
    let connected = async {
        while !get(&server, "/readyz")
            .await
            .ends_with("replicas: nats: connected, others heard: 0\n")
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, connected).await.unwrap();
    assert!((metric(&server, r#"torg_relay_state{state="connected"}"#).await - 1.0).abs() < 0.1);

    let nobody = "nats://torg:s3cret@127.0.0.1:1".to_owned();
    let server = Server::start_with(|settings| {
        settings.nats.url = Some(NatsUrl::try_from(nobody).unwrap());
    })
    .await;
    let ready = get(&server, "/readyz").await;
    assert!(ready.ends_with("replicas: nats: away; looking at the logs every second\n"), "{ready}");
    assert!((metric(&server, "torg_store_reachable").await - 1.0).abs() < 0.1);
}
