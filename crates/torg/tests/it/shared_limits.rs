//! Limits of several servers that share a ledger, through every face.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::response::Response;
use domain::account::Account;
use domain::catalog::Fact;
use engine::access::Host;
use engine::clock::ManualClock;
use engine::random::SystemRandom;
use engine::store::Store;
use engine::{Engine, Parts, relay, sessions};
use hyper::Request;
use serde_json::Value;
use store::postgres::PostgresStore;
use store::sqlite::SqliteStore;
use testkit::{PASSWORD, SELLER, START, email_of};
use torg::faces::{NATIVE_AUDIENCE, faces, native_policy, new_secret, push_formats, webhook_rules};
use torg::front::front;
use torg::operations::{self, Operations, Readiness};
use torg::settings::{self, Settings, Sources};
use tower::ServiceExt as _;
use webhooks::Webhooks;

/// Two servers that have a store and a ledger in common, and the ledger's own door.
struct Replicas {
    servers: [Server; 2],
    ledger: Arc<PostgresStore>,
    _schema: local_services::Schema,
    _data: tempfile::TempDir,
}

/// The faces of one server, without a listener.
struct Server {
    engine: Engine,
    routes: Router,
}

impl Replicas {
    /// Starts both, with `change`d settings and an account that sells.
    async fn start(change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = settings::load(&Sources::default()).unwrap();
        change(&mut settings);
        let schema = tokio::task::spawn_blocking(local_services::fresh_schema);
        let schema = schema.await.unwrap().unwrap();
        let ledger = Arc::new(PostgresStore::open(schema.url()).await.unwrap());
        let data = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> =
            Arc::new(SqliteStore::open(data.path().join("torg.sqlite")).unwrap());
        let clock = Arc::new(ManualClock::starting_at(START.parse().unwrap()));
        let start = async || {
            let parts = Parts {
                store: Arc::clone(&store),
                vault: media::Vault::open(&data.path().join("attachments")).unwrap(),
                clock: Arc::clone(&clock) as Arc<_>,
                random: Arc::new(SystemRandom),
                relay: relay::alone(),
                committers: std::num::NonZeroUsize::MIN,
                unit_ledger: Some(Arc::clone(&ledger) as Arc<_>),
                public_url: "http://localhost".to_owned(),
            };
            let engine = Engine::start(parts, native_policy(&settings)).await.unwrap();
            let formats = push_formats(&settings, &engine);
            let webhooks =
                Webhooks::new(engine.clone(), formats, webhook_rules(&settings)).unwrap();
            let operations = operations::router(Operations {
                readiness: Readiness::default(),
                engine: engine.clone(),
                has_nats: false,
            });
            let routes = front(faces(&settings, &engine, &webhooks), operations);
            Server { engine, routes }
        };
        let servers = [start().await, start().await];
        let password_hash = sessions::hash_password(PASSWORD.to_owned()).await.unwrap();
        let account = Account::new(SELLER, "Невский Разбор".to_owned(), START.parse().unwrap());
        let account = Account { email: Some(email_of(SELLER)), ..account };
        let fact = Fact::Account(Box::new(account), Some(password_hash));
        let stored = servers[0].engine.put_facts(Host::operator(), vec![fact]).await.unwrap();
        for stored in stored {
            stored.unwrap();
        }
        Self { servers, ledger, _schema: schema, _data: data }
    }

    /// A key of the seller, which both know.
    async fn key(&self, audience: &str) -> String {
        let engine = &self.servers[0].engine;
        let secret = new_secret(audience, engine.random()).unwrap();
        let key = engine.new_key(Some(SELLER), audience, "test", &secret);
        engine.put_key(&key).await.unwrap().unwrap();
        secret
    }

    /// Sends `request` `times` times, to one and the other in turn. Answers how often which status came.
    async fn send(&self, times: usize, request: &Call) -> BTreeMap<u16, usize> {
        let mut statuses = BTreeMap::new();
        for server in self.servers.iter().cycle().take(times) {
            *statuses.entry(server.answer(request).await.status().as_u16()).or_default() += 1;
        }
        statuses
    }
}

impl Server {
    async fn answer(&self, call: &Call) -> Response {
        let mut request = Request::builder().method(call.verb).uri(call.path);
        for (name, value) in &call.headers {
            request = request.header(*name, value);
        }
        let request = request.body(Body::from(call.body.clone())).unwrap();
        self.routes.clone().oneshot(request).await.unwrap()
    }
}

/// A request that is sent again and again.
struct Call {
    verb: &'static str,
    path: &'static str,
    headers: Vec<(&'static str, String)>,
    body: String,
}

impl Call {
    fn json(path: &'static str, headers: Vec<(&'static str, String)>, body: &Value) -> Self {
        let headers = headers.into_iter().chain([("Content-Type", "application/json".to_owned())]);
        Self { verb: "POST", path, headers: headers.collect(), body: body.to_string() }
    }

    fn native(key: &str) -> Self {
        let headers = vec![("Authorization", format!("Bearer {key}"))];
        Self { verb: "GET", path: "/api/v1/chats", headers, body: String::new() }
    }

    fn ozon(key: String) -> Self {
        let headers = vec![("Client-Id", SELLER.to_string()), ("Api-Key", key)];
        Self::json("/v3/chat/list", headers, &serde_json::json!({"limit": 10}))
    }

    fn yandex_market(key: String) -> Self {
        let headers = vec![("Api-Key", key)];
        Self::json("/v2/businesses/60770001/chats", headers, &serde_json::json!({}))
    }

    fn partizap_login(password: &str) -> Self {
        let body = serde_json::json!({"email": email_of(SELLER), "password": password});
        Self::json("/auth/login", Vec::new(), &body)
    }

    /// A call of whoever has the cookies that `signed_in` sets.
    fn partizap(verb: &'static str, path: &'static str, signed_in: &Response) -> Self {
        let cookies: Vec<_> = signed_in
            .headers()
            .get_all("set-cookie")
            .iter()
            .map(|cookie| cookie.to_str().unwrap().split(';').next().unwrap())
            .collect();
        let token = cookies.iter().find_map(|cookie| cookie.strip_prefix("CSRF_TOKEN=")).unwrap();
        let headers = vec![("Cookie", cookies.join("; ")), ("X-CSRF-TOKEN", token.to_owned())];
        Self { verb, path, headers, body: String::new() }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_is_the_same_for_two_servers_as_for_one() {
    let replicas = Replicas::start(|settings| {
        settings.native.requests_per_minute = 70;
        settings.yandex_market.requests_per_hour.get_chats = 120;
    })
    .await;
    let native = Call::native(&replicas.key(NATIVE_AUDIENCE).await);
    assert_eq!(replicas.send(100, &native).await, BTreeMap::from([(200, 70), (429, 30)]));
    let ozon = Call::ozon(replicas.key(dialect_ozon::AUDIENCE).await);
    assert_eq!(replicas.send(80, &ozon).await, BTreeMap::from([(200, 50), (429, 30)]));
    let yandex_market = Call::yandex_market(replicas.key(dialect_yandex_market::AUDIENCE).await);
    assert_eq!(replicas.send(150, &yandex_market).await, BTreeMap::from([(200, 120), (420, 30)]));

    let signed_in = replicas.servers[0].answer(&Call::partizap_login(PASSWORD)).await;
    let wrong = Call::partizap_login("nonsense");
    assert_eq!(replicas.send(14, &wrong).await, BTreeMap::from([(401, 9), (429, 5)]));
    let search = Call::partizap("GET", "/vendor/messages/search?q=abc", &signed_in);
    assert_eq!(replicas.send(50, &search).await, BTreeMap::from([(200, 30), (429, 20)]));
    let verification = Call::partizap("POST", "/auth/resend-verification", &signed_in);
    assert_eq!(replicas.send(4, &verification).await, BTreeMap::from([(200, 1), (429, 3)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_be_counted_is_asked_to_come_back() {
    let replicas = Replicas::start(|_| {}).await;
    let signed_in = replicas.servers[0].answer(&Call::partizap_login(PASSWORD)).await;
    let calls = [
        (Call::native(&replicas.key(NATIVE_AUDIENCE).await), "database"),
        (Call::native("nonsense"), "database"),
        (Call::ozon(replicas.key(dialect_ozon::AUDIENCE).await), "Circle is open"),
        (
            Call::yandex_market(replicas.key(dialect_yandex_market::AUDIENCE).await),
            "Service temporarily unavailable",
        ),
        (Call::partizap_login(PASSWORD), "try again"),
        (Call::partizap("GET", "/vendor/messages/search?q=abc", &signed_in), "try again"),
        (Call::partizap("POST", "/auth/resend-verification", &signed_in), "try again"),
    ];
    replicas.ledger.close().await.unwrap();
    for (call, words) in calls {
        // The first server has leased units for the sign-in, so that the second one is asked.
        let answer = replicas.servers[1].answer(&call).await;
        assert_eq!(answer.status(), 503, "{}", call.path);
        assert!(answer.headers().contains_key("retry-after"), "{}", call.path);
        let body = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
        let body = String::from_utf8(body.to_vec()).unwrap();
        assert!(body.contains(words), "{}: {body}", call.path);
    }
}
