//! Where nothing is pushed.

use testkit::{Receiver, Reply, SELLER, Server};
use webhooks::{Sender, SenderRules, UrlProblem, Verdict, WebhookError, Webhooks};

use crate::scene::{Scene, eventually, new_webhook, webhooks, yes};
use crate::toy::Toy;

fn guarded(server: &Server) -> Webhooks {
    webhooks(server, [Toy::new("toy")], false)
}

#[tokio::test]
async fn a_url_that_names_a_private_address_is_refused() {
    let server = Server::start().await;
    let webhooks = guarded(&server);
    for url in [
        "http://127.0.0.1/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://[::1]:8080/",
        "http://[::ffff:10.0.0.1]/",
        "http://169.254.169.254/latest/meta-data/",
    ] {
        let created = webhooks.create(SELLER, new_webhook("toy", url.to_owned())).await;
        assert!(matches!(created, Err(WebhookError::AddressNotAllowed)), "{url}: {created:?}");
        let checked = webhooks.check(SELLER, "toy", url, true).await;
        assert!(matches!(checked, Err(WebhookError::AddressNotAllowed)), "{url}: {checked:?}");
    }
    let created = webhooks.create(SELLER, new_webhook("toy", "ftp://a.example/".to_owned())).await;
    assert!(matches!(created, Err(WebhookError::BadUrl(UrlProblem::NotHttp))));
    assert_eq!(webhooks.list(SELLER).await.unwrap(), []);
}

#[tokio::test]
async fn a_name_that_leads_to_a_private_address_is_not_called() {
    let server = Server::start().await;
    let webhooks = guarded(&server);
    let receiver = Receiver::start(yes()).await;
    let port = receiver.url().rsplit(':').next().unwrap().to_owned();
    let url = format!("http://localhost:{port}/hook");
    let attempt = webhooks.check(SELLER, "toy", &url, true).await.unwrap();
    let reason = "the address is not allowed";
    assert_eq!((attempt.status, attempt.verdict), (None, Verdict::Failed { reason }));
    // Nor when it has something to be told.
    let webhook = webhooks.create(SELLER, new_webhook("toy", url)).await.unwrap();
    let sender = Sender::start(&webhooks, &SenderRules::named("test"));
    let order = server.order(domain::catalog::Model::Fbs).await;
    let subject = domain::commands::Subject::Posting(order.posting);
    let seller = engine::access::Caller::account_holder(SELLER);
    let chat = server.engine().open_chat(&seller, subject, None).await.unwrap().chat.id;
    server.say(testkit::BUYER, chat, "Здравствуйте!").await;
    let deliveries = async || webhooks.deliveries(SELLER, webhook.id, None, 9).await.unwrap();
    eventually(async || !deliveries().await.is_empty(), async || "no delivery".to_owned()).await;
    assert_eq!(deliveries().await[0].reason, "the address is not allowed");
    receiver.is_left_alone().await;
    sender.stop().await;

    // The same name is called where private addresses are allowed.
    let allowing = crate::scene::webhooks(&server, [Toy::new("toy")], true);
    let attempt = allowing.check(SELLER, "toy", &webhook.url, true).await.unwrap();
    assert!(attempt.is_accepted(), "{attempt:?}");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let scene = Scene::new([Toy::new("toy")]).await;
    let elsewhere = Receiver::start(yes()).await;
    let location = format!("{}/elsewhere", elsewhere.url());
    for status in [301, 302, 303, 307, 308] {
        scene.receiver.reply(Reply::Answer {
            status,
            headers: vec![("location", location.clone())],
            body: "yes".to_owned(),
        });
        let url = format!("{}/hook", scene.receiver.receiver.url());
        let attempt = scene.webhooks.check(SELLER, "toy", &url, true).await.unwrap();
        assert_eq!((attempt.status, attempt.is_accepted()), (Some(status), false));
    }
    elsewhere.is_left_alone().await;
    assert_eq!(scene.receiver.notes().len(), 5);
}

#[tokio::test]
async fn of_a_large_answer_only_the_beginning_is_read() {
    let scene = Scene::new([Toy::new("toy")]).await;
    scene.receiver.reply(Reply::text(200, "text/plain", &"é".repeat(10_000_000)));
    let url = format!("{}/hook", scene.receiver.receiver.url());
    let attempt = scene.webhooks.check(SELLER, "toy", &url, true).await.unwrap();
    assert_eq!(attempt.reason(), "not a yes");
    assert_eq!(attempt.response, "é".repeat(512));
}

#[tokio::test]
async fn https_needs_a_certificate_that_the_machine_trusts() {
    let scene = Scene::new([Toy::new("toy")]).await;
    let url = scene.receiver.receiver.url().replace("http://", "https://");
    let attempt = scene.webhooks.check(SELLER, "toy", &url, true).await.unwrap();
    assert_eq!((attempt.status, attempt.reason()), (None, "TLS failed"));
}
