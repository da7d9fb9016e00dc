//! A server with a market, a receiver, and a sender in the toy's words.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::SignedDuration;
use domain::Timestamp;
use domain::catalog::Model;
use domain::commands::Subject;
use domain::event::EntryKind;
use domain::id::{ChatId, WebhookId};
use engine::access::Caller;
use engine::store::{Delivery, Webhook, WebhookState};
use testkit::{BUYER, Receiver, Reply, SELLER, Server};
use webhooks::{NewWebhook, Sender, SenderRules, WebhookReport, WebhookRules, Webhooks};

use crate::toy::{Toy, YES};

/// How long a test waits for what has to come.
const PATIENCE: Duration = Duration::from_secs(15);

pub(crate) struct Scene {
    pub(crate) server: Server,
    pub(crate) webhooks: Webhooks,
    pub(crate) sender: Option<Sender>,
    pub(crate) receiver: Recorder,
}

/// A receiver that says yes, and notes when what came.
pub(crate) struct Recorder {
    pub(crate) receiver: Receiver,
    notes: Arc<Mutex<Vec<Note>>>,
    engine: engine::Engine,
}

/// Something that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) path: String,
    pub(crate) sequence: i64,
    pub(crate) chat: i64,
    pub(crate) at: Timestamp,
}

pub(crate) fn yes() -> Reply {
    Reply::text(200, "text/plain", YES)
}

impl Recorder {
    async fn start(engine: &engine::Engine) -> Self {
        let this = Self {
            receiver: Receiver::start(yes()).await,
            notes: Arc::default(),
            engine: engine.clone(),
        };
        this.reply_by(|_| yes());
        this
    }

    /// From now on it answers everything like this.
    pub(crate) fn reply(&self, reply: Reply) {
        self.reply_by(move |_| reply.clone());
    }

    /// From now on it answers as `answer` says.
    pub(crate) fn reply_by(&self, mut answer: impl FnMut(&Note) -> Reply + Send + 'static) {
        let (notes, engine) = (Arc::clone(&self.notes), self.engine.clone());
        self.receiver.reply_by(move |received| {
            let body = received.json();
            let number = |name| body.get(name).and_then(serde_json::Value::as_i64).unwrap_or(0);
            let note = Note {
                path: received.path.clone(),
                sequence: number("sequence"),
                chat: number("chat"),
                at: engine.now(),
            };
            notes.lock().unwrap().push(note.clone());
            answer(&note)
        });
    }

    /// From now on it fails with what is of this chat, and says yes to everything else.
    pub(crate) fn refuse_only(&self, chat: ChatId) {
        self.reply_by(move |note| if note.chat == chat.get() { Reply::status(500) } else { yes() });
    }

    /// What has come so far.
    pub(crate) fn notes(&self) -> Vec<Note> {
        self.notes.lock().unwrap().clone()
    }

    /// Waits until so much has come, and answers all that has.
    pub(crate) async fn wait_for(&self, count: usize) -> Vec<Note> {
        eventually(async || count <= self.notes().len(), async || format!("{:#?}", self.notes()))
            .await;
        self.notes()
    }

    /// Asserts that nothing comes for a moment.
    pub(crate) async fn is_left_alone(&self) {
        let before = self.notes();
        tokio::time::sleep(Duration::from_millis(150)).await;
        assert_eq!(self.notes(), before);
    }
}

/// Waits until something is true.
pub(crate) async fn eventually(
    is_true: impl AsyncFn() -> bool,
    otherwise: impl AsyncFn() -> String,
) {
    let begun = std::time::Instant::now();
    while !is_true().await {
        let is_late = PATIENCE < begun.elapsed();
        assert!(!is_late, "it did not happen: {}", otherwise().await);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

impl Scene {
    pub(crate) async fn new(toys: impl IntoIterator<Item = Toy>) -> Self {
        let server = Server::start().await;
        let webhooks = webhooks(&server, toys, true);
        let sender = Some(Sender::start(&webhooks, &SenderRules::named("test")));
        let receiver = Recorder::start(server.engine()).await;
        Self { server, webhooks, sender, receiver }
    }

    pub(crate) fn minutes(&self, minutes: i64) {
        self.server.clock().advance(SignedDuration::from_mins(minutes));
    }

    /// A webhook of the seller, at this path of the receiver.
    pub(crate) async fn webhook(&self, format: &str, path: &str) -> Webhook {
        let url = format!("{}{path}", self.receiver.receiver.url());
        self.webhooks.create(SELLER, new_webhook(format, url)).await.unwrap()
    }

    /// A new chat of the seller and the buyer.
    pub(crate) async fn chat(&self) -> ChatId {
        let order = self.server.order(Model::Fbs).await;
        let subject = Subject::Posting(order.posting);
        let seller = Caller::account_holder(SELLER);
        self.server.engine().open_chat(&seller, subject, None).await.unwrap().chat.id
    }

    /// Lets the buyer say something.
    pub(crate) async fn say(&self, chat: ChatId) {
        self.server.say(BUYER, chat, "Здравствуйте!").await;
    }

    pub(crate) async fn report(&self, id: WebhookId) -> WebhookReport {
        self.webhooks.report(SELLER, id).await.unwrap()
    }

    /// Waits until the sender has heard of what the account has just done: it answers before that.
    pub(crate) async fn heard(&self) {
        tokio::time::sleep(Duration::from_millis(400)).await;
    }

    pub(crate) async fn state(&self, id: WebhookId) -> WebhookState {
        self.webhooks.get(SELLER, id).await.unwrap().state
    }

    /// Waits until nothing waits and the log is read to its end.
    pub(crate) async fn settled(&self, id: WebhookId) {
        let report = async || self.report(id).await;
        eventually(async || report().await.lag() == 0, async || format!("{:#?}", report().await))
            .await;
    }

    /// Waits until something is so in the webhook's report.
    pub(crate) async fn reported(&self, id: WebhookId, is_so: impl Fn(&WebhookReport) -> bool) {
        let report = async || self.report(id).await;
        eventually(async || is_so(&report().await), async || format!("{:#?}", report().await))
            .await;
    }

    /// The delivery log, from old to new.
    pub(crate) async fn deliveries(&self, id: WebhookId) -> Vec<Delivery> {
        let mut deliveries = self.webhooks.deliveries(SELLER, id, None, 1000).await.unwrap();
        deliveries.reverse();
        deliveries
    }

    /// The kinds of the alarms in the seller's log.
    pub(crate) async fn alarms(&self) -> Vec<EntryKind> {
        let seller = Caller::account_holder(SELLER);
        let log = self.server.engine().events(&seller, 0, 10_000).await.unwrap();
        let alarms = log.entries.iter().filter(|logged| logged.entry.webhook.is_some());
        alarms.map(|logged| logged.entry.kind).collect()
    }

    /// Stops the sender, and starts another one.
    pub(crate) async fn restart(&mut self) {
        self.stop_sender().await;
        self.sender = Some(Sender::start(&self.webhooks, &SenderRules::named("test")));
    }

    pub(crate) async fn stop_sender(&mut self) {
        if let Some(sender) = self.sender.take() {
            sender.stop().await;
        }
    }
}

pub(crate) fn new_webhook(format: &str, url: String) -> NewWebhook {
    NewWebhook {
        format: format.to_owned(),
        url,
        url_is_exact: true,
        name: "test".to_owned(),
        types: vec![],
    }
}

/// Webhooks over the server's engine.
pub(crate) fn webhooks(
    server: &Server,
    toys: impl IntoIterator<Item = Toy>,
    allow_private_addresses: bool,
) -> Webhooks {
    let formats = toys.into_iter().map(|toy| Arc::new(toy) as Arc<_>).collect();
    let rules = WebhookRules { allow_private_addresses, webhooks_per_account_max: 3 };
    Webhooks::new(server.engine().clone(), formats, rules).unwrap()
}
