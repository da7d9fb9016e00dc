//! The client library of the marketplace's pages, as its makers ship it (Partizap contract §8.15): `../../centrifuge`.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use domain::SignedDuration;
use serde_json::{Value, json};
use testkit::{BUYER, PRODUCT, SELLER, Server};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};

use super::person::Person;

/// How long something that must happen may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A page of the marketplace, in a process of its own.
struct Page {
    process: Child,
    printed: mpsc::UnboundedReceiver<Value>,
}

impl Page {
    /// Opens it with the session of `person`. It connects to `address`.
    fn open(person: &Person<'_>, address: SocketAddr) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/centrifuge");
        assert!(
            folder.join("node_modules/centrifuge").is_dir(),
            "the client library is not installed; scripts/prepare-machine does it"
        );
        let mut process = Command::new("node")
            .arg(folder.join("client.js"))
            .arg(format!("ws://{address}/connection/websocket"))
            .env("SESSION", &person.session)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("node is not installed; scripts/prepare-machine does it");
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let (print, printed) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let _ = print.send(serde_json::from_str(&line).unwrap());
            }
        });
        Self { process, printed }
    }

    /// What happens next, but for errors of a connection that is being made.
    async fn next(&mut self) -> Value {
        loop {
            let happened = tokio::time::timeout(PATIENCE, self.printed.recv()).await;
            let happened = happened.expect("nothing happened").expect("the page has closed");
            if happened["event"] != "error" {
                return happened;
            }
        }
    }

    /// What happens next, which must be this.
    async fn expect(&mut self, event: &str) -> Value {
        let happened = self.next().await;
        assert_eq!(happened["event"], event, "{happened}");
        happened
    }

    /// The next publication, which must be of this type; its data.
    async fn hears(&mut self, name: &str) -> Value {
        let mut publication = self.expect("publication").await;
        assert_eq!(publication["data"]["type"], name, "{publication}");
        publication["data"]["data"].take()
    }

    /// Comes to the point where it is subscribed; answers how.
    async fn subscribed(&mut self) -> Value {
        self.expect("connected").await;
        self.expect("subscribed").await
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A network that can break: what goes through it goes to the server.
struct Network {
    address: SocketAddr,
    works: watch::Sender<bool>,
}

impl Network {
    async fn to(server: &Server) -> Self {
        let target = server.url().trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let works = watch::Sender::new(true);
        let state = works.subscribe();
        tokio::spawn(async move {
            loop {
                let (mut near, _) = listener.accept().await.unwrap();
                let mut far = TcpStream::connect(&target).await.unwrap();
                let mut state = state.clone();
                tokio::spawn(async move {
                    tokio::select! {
                        _ = copy_bidirectional(&mut near, &mut far) => {}
                        _ = state.wait_for(|works| !works) => {}
                    }
                });
            }
        });
        Self { address, works }
    }

    /// Breaks every connection, and lets none through.
    fn break_down(&self) {
        self.works.send_replace(false);
    }

    fn repair(&self) {
        self.works.send_replace(true);
    }
}

async fn begin(buyer: &Person<'_>) -> i64 {
    let begun = buyer.write_about(PRODUCT.get(), "Здравствуйте!").await;
    begun.body["data"]["id"].as_i64().unwrap()
}

#[tokio::test]
async fn it_connects_with_the_cookie_alone_and_hears_everything() {
    let server = Server::start().await;
    let network = Network::to(&server).await;
    let buyer = Person::sign_in(&server, BUYER).await;
    let seller = Person::sign_in(&server, SELLER).await;
    let mut at_buyer = Page::open(&buyer, network.address);
    let mut at_seller = Page::open(&seller, network.address);
    for page in [&mut at_buyer, &mut at_seller] {
        page.expect("connecting").await;
        let subscribed = page.subscribed().await;
        assert_eq!(
            (&subscribed["recoverable"], &subscribed["positioned"]),
            (&json!(true), &json!(true))
        );
    }

    let id = begin(&buyer).await;
    let told = at_seller.hears("message.new").await;
    assert_eq!((&told["conversation_id"], &told["text"]), (&json!(id), &json!("Здравствуйте!")));
    assert_eq!(at_seller.hears("unread.update").await, json!({"unread_count": 1}));
    assert_eq!(at_buyer.hears("message.delivered").await["conversation_id"], id);
    seller.post_nothing(&format!("/vendor/conversations/{id}/typing")).await;
    assert_eq!(
        at_buyer.hears("typing").await,
        json!({"conversation_id": id, "user_id": SELLER.get()})
    );
    seller.post_nothing(&format!("/vendor/conversations/{id}/read")).await;
    assert_eq!(at_seller.hears("unread.update").await, json!({"unread_count": 0}));
    assert_eq!(at_buyer.hears("message.read").await["last_read_message_id"], told["id"]);

    // It answers pings by itself, and hears on after them.
    for text in ["Раз", "Два"] {
        server.clock().advance(SignedDuration::from_secs(25));
        tokio::time::sleep(Duration::from_millis(500)).await;
        server.clock().advance(SignedDuration::from_secs(10));
        seller.say(id, text).await;
        assert_eq!(at_buyer.hears("message.new").await["text"], text);
        at_buyer.hears("unread.update").await;
        at_seller.hears("message.delivered").await;
    }

    // §6.3: a session that ends takes the connection along, and the client stays away.
    buyer.post_nothing("/auth/logout").await;
    let gone = at_buyer.expect("disconnected").await;
    assert_eq!((&gone["code"], &gone["reason"]), (&json!(4501), &json!("unauthorized")));
}

#[tokio::test]
async fn without_a_session_it_gives_up() {
    let server = Server::start().await;
    let network = Network::to(&server).await;
    let nobody =
        Person { server: &server, session: "made-up".to_owned(), csrf_token: String::new() };
    let mut page = Page::open(&nobody, network.address);
    page.expect("connecting").await;
    assert_eq!(page.expect("disconnected").await["code"], 4501);
}

#[tokio::test]
async fn it_gets_what_it_missed_when_it_comes_back_each_message_once() {
    let server = Server::start().await;
    let network = Network::to(&server).await;
    let buyer = Person::sign_in(&server, BUYER).await;
    let seller = Person::sign_in(&server, SELLER).await;
    let id = begin(&buyer).await;
    let chat = domain::id::ChatId::new(id).unwrap();
    let mut page = Page::open(&seller, network.address);
    page.expect("connecting").await;
    page.subscribed().await;

    let (mut said, mut heard) = (Vec::new(), Vec::new());
    for round in 0..5 {
        for index in 0..10 {
            said.push(server.say(BUYER, chat, &format!("{round}.{index}")).await.id.get());
        }
        if round > 0 {
            network.repair();
            let subscribed = page.subscribed().await;
            assert_eq!(
                (&subscribed["wasRecovering"], &subscribed["recovered"]),
                (&json!(true), &json!(true))
            );
            assert_eq!(subscribed["hasRecoveredPublications"], true);
        }
        while heard.len() < said.len() {
            heard.push(page.hears("message.new").await["id"].as_i64().unwrap());
            page.hears("unread.update").await;
        }
        network.break_down();
        page.expect("connecting").await;
    }
    assert_eq!(heard, said);

    // Far too much: the client is told, and fetches what it shows.
    let many = (0..1001).map(|index| server.say(BUYER, chat, ["а", "б"][index % 2]));
    futures_util::future::join_all(many).await;
    network.repair();
    let subscribed = page.subscribed().await;
    assert_eq!(
        (&subscribed["wasRecovering"], &subscribed["recovered"]),
        (&json!(true), &json!(false))
    );
    let last = buyer.say(id, "Конец").await;
    assert_eq!(page.hears("message.new").await["id"], last);
}

#[tokio::test]
async fn it_comes_back_after_a_stop_of_the_server() {
    let server = Server::start().await;
    let network = Network::to(&server).await;
    let seller = Person::sign_in(&server, SELLER).await;
    let mut page = Page::open(&seller, network.address);
    page.expect("connecting").await;
    page.subscribed().await;
    server.stop().await;
    let gone = page.expect("connecting").await;
    assert_eq!((&gone["code"], &gone["reason"]), (&json!(3001), &json!("shutdown")));
}
