//! The table of `docs/events.md`: each row happens, and what every reader is told of it is compared.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use domain::commands::RaiseAlarm;
use domain::event::WebhookAlarm;
use domain::id::WebhookId;
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{BUYER, Receiver, Reply, SELLER, Server};
use tokio::time::timeout;
use torg::faces::receivers;

use super::clients::Clients;
use crate::native::client::Client;
use crate::native::event_stream::EventStream;
use crate::partizap::live_socket::Socket;
use crate::partizap::person::Person;

/// For so long every reader must stay silent before a row counts as told.
const SILENCE: Duration = Duration::from_millis(100);
/// What a reader must hear comes within this time.
const PATIENCE: Duration = Duration::from_secs(10);
/// What no log keeps.
const ONLY_LIVE: [&str; 2] = ["typing", "presence"];

/// The readers, as the table's columns name them.
const COLUMNS: [&str; 4] =
    ["native: SSE, webhook, REST", "Ozon push", "Yandex Market notification", "Partizap socket"];

/// What each reader is told, by column.
type Told = BTreeMap<&'static str, BTreeSet<String>>;

/// The rows of the page's table, in order: what happens, and what is told of it.
fn rows() -> Vec<(String, Told)> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/events.md");
    let page = std::fs::read_to_string(page).unwrap();
    let mut lines = page.lines().skip_while(|line| !line.starts_with("| What happened |"));
    let head: Vec<_> = lines.next().unwrap().trim_matches('|').split('|').map(str::trim).collect();
    assert_eq!(head[1..], COLUMNS);
    let row = |line: &str| {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        let told = COLUMNS.into_iter().zip(&cells[1..]);
        let told = told.map(|(column, cell)| (column, names_in(cell))).collect();
        (cells[0].to_owned(), told)
    };
    lines.skip(1).take_while(|line| line.starts_with('|')).map(row).collect()
}

/// The names between backticks.
fn names_in(cell: &str) -> BTreeSet<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Everybody who is told of the seller's log.
struct Readers<'s> {
    stream: EventStream,
    webhooks: [Receiver; 3],
    socket: Socket,
    _seller: Person<'s>,
}

impl<'s> Readers<'s> {
    async fn of(server: &'s Server, clients: &Clients) -> Self {
        let mut webhooks = Vec::new();
        for (format, receive) in receivers() {
            let receiver = Receiver::start(Reply::status(200)).await;
            receiver.reply_by(move |push| {
                let answer = receive(&push.body, "2026-11-21T10:00:00Z".parse().unwrap());
                let body = String::from_utf8(answer.body.to_vec()).unwrap();
                Reply::text(answer.status.as_u16(), &answer.content_type.unwrap(), &body)
            });
            let body = json!({"format": format, "url": receiver.url(), "name": "table"});
            clients.native(&clients.seller_key, "POST", "/webhooks", Some(body)).await;
            webhooks.push(receiver);
        }
        let seller = Person::sign_in(server, SELLER).await;
        let mut readers = Self {
            stream: Client::of(server, SELLER).await.stream("", None).await,
            webhooks: webhooks.try_into().ok().unwrap(),
            socket: Socket::of(&seller).await,
            _seller: seller,
        };
        // Two of the formats were pinged when they were made.
        readers.told(&COLUMNS.map(|column| (column, BTreeSet::new())).into()).await;
        readers
    }

    /// What everybody is told, until all have heard what is `expected` and are silent.
    async fn told(&mut self, expected: &Told) -> Told {
        let [native_column, ozon_column, yandex_column, partizap_column] = COLUMNS;
        let reader = |column| Hears::expecting(&expected[column]);
        let (mut streamed, mut pushed) = (reader(native_column), reader(native_column));
        pushed.expected.retain(|name| !ONLY_LIVE.contains(&name.as_str()));
        let (mut ozon, mut yandex) = (reader(ozon_column), reader(yandex_column));
        let mut partizap = reader(partizap_column);

        while let Ok(Some(event)) = timeout(streamed.patience(), self.stream.next()).await {
            streamed.note(&json!(event.name));
        }
        let [native_webhook, ozon_webhook, yandex_webhook] = &self.webhooks;
        while let Some(push) = native_webhook.next_within(pushed.patience()).await {
            pushed.note(&push.json()["kind"]);
        }
        while let Some(push) = ozon_webhook.next_within(ozon.patience()).await {
            ozon.note(&push.json()["message_type"]);
        }
        while let Some(push) = yandex_webhook.next_within(yandex.patience()).await {
            yandex.note(&push.json()["notificationType"]);
        }
        while let Ok(event) = timeout(partizap.patience(), self.socket.event()).await {
            partizap.note(&event["type"]);
        }
        let of_log = streamed.heard.iter().filter(|name| !ONLY_LIVE.contains(&name.as_str()));
        assert_eq!(of_log.collect::<Vec<_>>(), pushed.heard.iter().collect::<Vec<_>>());
        let heard = [streamed, ozon, yandex, partizap].map(|of| of.heard);
        COLUMNS.into_iter().zip(heard).collect()
    }
}

/// What one reader hears.
struct Hears {
    expected: BTreeSet<String>,
    heard: BTreeSet<String>,
}

impl Hears {
    fn expecting(names: &BTreeSet<String>) -> Self {
        Self { expected: names.clone(), heard: BTreeSet::new() }
    }

    /// For how long to wait for the next one.
    fn patience(&self) -> Duration {
        if self.expected.is_subset(&self.heard) { SILENCE } else { PATIENCE }
    }

    fn note(&mut self, name: &Value) {
        self.heard.insert(name.as_str().unwrap().to_owned());
    }
}

/// What happens, in the order of the table's rows.
struct Story<'s> {
    server: &'s Server,
    clients: &'s Clients,
    host_key: String,
    order: i64,
    chat: i64,
    message: i64,
    visit: Option<EventStream>,
}

impl Story<'_> {
    async fn native(&self, key: &str, method: &str, path: &str, body: Value) -> Value {
        self.clients.native(key, method, path, Some(body)).await
    }

    async fn as_host(&self, method: &str, path: &str, body: Value) {
        let path = format!("/host/chats/{}{path}", self.chat);
        self.native(&self.host_key, method, &path, body).await;
    }

    async fn in_chat(&self, key: &str, method: &str, path: &str, body: Value) -> Value {
        self.native(key, method, &format!("/chats/{}{path}", self.chat), body).await
    }

    async fn let_happen(&mut self, what: &str) {
        let (seller, buyer) = (&self.clients.seller_key, &self.clients.buyer_key);
        let text = json!({"text": "Здравствуйте!"});
        match what {
            "a chat began" => {
                // Yandex Market tells of the disputes of such a chat only.
                let order = self.server.order(domain::catalog::Model::Fbs).await;
                self.order = order.id.get();
                let context = json!({"context": {"type": "order", "id": self.order}});
                let opened = self.native(buyer, "POST", "/chats", context).await;
                self.chat = opened["chat"]["id"].as_i64().unwrap();
            }
            "the buyer wrote" => {
                let sent = self.in_chat(buyer, "POST", "/messages", text).await;
                self.message = sent["id"].as_i64().unwrap();
            }
            "the seller wrote" => {
                self.in_chat(seller, "POST", "/messages", text).await;
            }
            "the marketplace wrote" => {
                let body = json!({"role": "support", "text": "Добрый день"});
                self.as_host("POST", "/messages", body).await;
            }
            "the buyer edited a message" => {
                let path = format!("/messages/{}", self.message);
                self.in_chat(buyer, "PATCH", &path, json!({"text": "Добрый день!"})).await;
            }
            "a message reached the buyer's client" => {
                self.clients
                    .native(buyer, "GET", &format!("/chats/{}/messages", self.chat), None)
                    .await;
            }
            "the buyer has read" => {
                self.in_chat(buyer, "POST", "/read", json!({})).await;
            }
            "the seller has read" => {
                self.in_chat(seller, "POST", "/read", json!({})).await;
            }
            "the turn was passed" => self.as_host("POST", "/turn", json!({"turn": "market"})).await,
            "a chat was closed" => self.as_host("POST", "/close", json!({})).await,
            "a chat was reopened" => self.as_host("POST", "/reopen", json!({})).await,
            "the seller put a chat out of sight" => {
                self.in_chat(seller, "POST", "/hide", json!({})).await;
            }
            "the seller opened it again" => {
                let context = json!({"context": {"type": "order", "id": self.order}});
                self.native(seller, "POST", "/chats", context).await;
            }
            "the buyer blocked the seller" => {
                self.in_chat(buyer, "PUT", "/block", json!({})).await;
            }
            "the buyer took that back" => {
                self.in_chat(buyer, "DELETE", "/block", json!({})).await;
            }
            "a dispute began" => {
                let body = json!({"chat_id": self.chat});
                self.native(&self.host_key, "POST", "/host/disputes", body).await;
            }
            "a dispute was decided" => {
                let path = format!("/host/chats/{}/dispute/end", self.chat);
                self.native(&self.host_key, "POST", &path, json!({})).await;
            }
            "pushes to a webhook fail for long" => self.alarm(WebhookAlarm::Failing).await,
            "a webhook was switched off" => self.alarm(WebhookAlarm::SwitchedOff).await,
            "the buyer is typing" => {
                let buyer = Person::sign_in(self.server, BUYER).await;
                let path = format!("/vendor/conversations/{}/typing", self.chat);
                buyer
                    .request(Method::POST, &path)
                    .send()
                    .await
                    .unwrap()
                    .error_for_status()
                    .unwrap();
            }
            "the buyer came or went" => {
                self.visit = Some(Client::of(self.server, BUYER).await.stream("", None).await);
            }
            other => panic!("nobody knows how this happens: {other}"),
        }
    }

    /// What the sender of pushes does when it comes to this; its tests show when.
    async fn alarm(&self, alarm: WebhookAlarm) {
        let webhook = WebhookId::new(1).unwrap();
        let alarm = RaiseAlarm { account: SELLER, webhook, alarm };
        self.server.engine().raise_alarm(alarm).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_reader_is_told_what_the_page_says() {
    let server =
        Server::start_with(|settings| settings.webhooks.allow_private_addresses = true).await;
    let clients = Clients::of(&server).await;
    let mut readers = Readers::of(&server, &clients).await;
    let host_key = server.host_key().await;
    let mut story = Story {
        server: &server,
        clients: &clients,
        host_key,
        order: 0,
        chat: 0,
        message: 0,
        visit: None,
    };
    let rows = rows();
    assert!(20 <= rows.len());
    for (what, told) in rows {
        story.let_happen(&what).await;
        assert_eq!(readers.told(&told).await, told, "{what}");
    }
}
