//! Two replicas, and what they stand on.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use local_services::{Durability, Nats, Postgres, ReservedPort};
use tempfile::TempDir;

use super::market::Market;

const TORG: &str = env!("CARGO_BIN_EXE_torg");
/// A start waits for a machine that is busy with other tests, not for the server.
const START_TIME_MAX: Duration = Duration::from_mins(1);
const LOOK_INTERVAL: Duration = Duration::from_millis(20);
/// So much of a replica's log is shown when a test fails.
const SHOWN_LINES: usize = 40;

/// The databases of one test, which may stop and start them.
#[derive(Clone)]
pub(super) struct Services {
    pub(super) postgres: Arc<Postgres>,
    pub(super) nats: Arc<Nats>,
}

impl Services {
    pub(super) async fn start() -> Self {
        let (postgres, nats) = tokio::join!(
            blocking(|| Postgres::start(Durability::Process).unwrap()),
            blocking(|| Nats::start().unwrap()),
        );
        Self { postgres: Arc::new(postgres), nats: Arc::new(nats) }
    }
}

/// What takes a while, beside everything that goes on.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

/// Two replicas on one market.
pub(super) struct Pair {
    pub(super) services: Services,
    pub(super) replicas: [Replica; 2],
    pub(super) http: reqwest::Client,
    pub(super) market: Market,
    pub(super) host_key: String,
    _data: TempDir,
}

impl Pair {
    /// Two replicas on databases of their own.
    pub(super) async fn start() -> Self {
        let services = Services::start().await;
        let urls = [services.nats.url(), services.nats.url()];
        Self::start_on(services, urls).await
    }

    /// Two replicas, each of which finds NATS where `nats_urls` say. They start at the same time, on an empty database.
    pub(super) async fn start_on(services: Services, nats_urls: [String; 2]) -> Self {
        let data = tempfile::tempdir().unwrap();
        let store = services.postgres.url();
        let mut number = 0;
        let mut replicas = nats_urls.map(|nats| {
            number += 1;
            let folder = data.path().join(format!("replica-{number}"));
            Replica::begin(&folder, &data.path().join("attachments"), &store, &nats)
        });
        let http = testkit::http_client();
        for replica in &mut replicas {
            replica.wait_until_ready(&http).await;
        }
        let host_key = host_key(data.path(), &store);
        let market = Market::build(&http, &replicas[0].url, &host_key).await;
        Self { services, replicas, http, market, host_key, _data: data }
    }

    /// Where the replicas are.
    pub(super) fn urls(&self) -> [String; 2] {
        self.replicas.each_ref().map(|replica| replica.url.clone())
    }
}

/// The binary, running. It can be killed and started again where it was.
pub(super) struct Replica {
    pub(super) url: String,
    /// Also while it does not run.
    _port: ReservedPort,
    command: Command,
    log: std::path::PathBuf,
    child: Child,
}

impl Replica {
    fn begin(folder: &Path, attachments: &Path, store: &str, nats: &str) -> Self {
        std::fs::create_dir_all(folder).unwrap();
        let port = ReservedPort::find().unwrap();
        let address = format!("127.0.0.1:{}", port.number());
        let log = folder.join("log");
        let mut command = Command::new(TORG);
        command
            .args(["serve", "--listen", &address, "--store", store, "--nats", nats])
            .args(["--set", &format!("attachments.url=file://{}", attachments.display())])
            .args(["--set", "native.requests_per_minute=0"])
            .args(["--set", "webhooks.allow_private_addresses=true"])
            .arg("--data-dir")
            .arg(folder)
            // On a machine without root certificates everything works but pushes over https.
            .envs([("SSL_CERT_FILE", "/dev/null"), ("SSL_CERT_DIR", "/dev/null")])
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        let child = spawn(&mut command, &log);
        Self { url: format!("http://{address}"), _port: port, command, log, child }
    }

    /// SIGKILL: no handler runs, nothing is flushed.
    pub(super) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again, where it was.
    pub(super) async fn start_again(&mut self, http: &reqwest::Client) {
        self.child = spawn(&mut self.command, &self.log);
        self.wait_until_ready(http).await;
    }

    async fn wait_until_ready(&mut self, http: &reqwest::Client) {
        let begun = Instant::now();
        while self.readiness(http).await.is_none() {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none() && begun.elapsed() < START_TIME_MAX, "no start: {ended:?}");
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    }

    /// What `/readyz` says, when it says that the replica wants traffic.
    pub(super) async fn readiness(&self, http: &reqwest::Client) -> Option<String> {
        let answer = http.get(format!("{}/readyz", self.url)).send().await.ok()?;
        if answer.status() == 200 { answer.text().await.ok() } else { None }
    }

    /// Waits until `/readyz` says `words`, while the replica wants traffic all the time.
    pub(super) async fn wait_until_it_says(
        &self,
        http: &reqwest::Client,
        words: &str,
        time_max: Duration,
    ) {
        let begun = Instant::now();
        loop {
            let said = self.readiness(http).await.expect("the replica wants traffic");
            if said.contains(words) {
                return;
            }
            assert!(begun.elapsed() < time_max, "no '{words}' within {time_max:?}: {said}");
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = std::fs::read_to_string(&self.log).unwrap_or_default();
            let lines: Vec<_> = log.lines().collect();
            let last = lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n");
            eprintln!("the last words of {}:\n{last}", self.url);
        }
    }
}

fn spawn(command: &mut Command, log: &Path) -> Child {
    let log = std::fs::File::options().create(true).append(true).open(log).unwrap();
    command.stderr(log).spawn().unwrap()
}

fn host_key(folder: &Path, store: &str) -> String {
    let made = Command::new(TORG)
        .args(["key", "create", "--name", "test", "--store", store, "--data-dir"])
        .arg(folder)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    String::from_utf8(made.stdout).unwrap().trim().to_owned()
}
