//! A server in a process of its own, so that what it costs can be told from what its clients cost.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use anyhow::Context as _;
use axum::Router;
use domain::account::Account;
use domain::catalog::Fact;
use domain::chat::Side;
use domain::commands::Subject;
use domain::id::AccountId;
use engine::Engine;
use engine::access::{Caller, Host};
use engine::sessions::Browser;
use reqwest::Client;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use torg::faces::NATIVE_AUDIENCE;
use torg::serve::serve;
use torg::server::{Server, Surroundings};
use torg::settings::{self, Settings, Sources};

/// The argument by which this program is a server with people.
pub(crate) const WITH_PEOPLE: &str = "server-with-people";
/// The argument by which this program is a server with the settings that follow, `NAME=VALUE`.
pub(crate) const WITH_SETTINGS: &str = "server-with-settings";
/// The setting that says where a server keeps its files.
pub(crate) const DATA_DIR: &str = "data_dir";

/// So many of the people have a chat, at most.
const PAIRED: usize = 16;

/// A server that runs until this is dropped.
pub(crate) struct ServerProcess {
    process: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl ServerProcess {
    /// Starts a server with settings.
    pub(crate) fn with_settings(settings: &[(&str, &str)]) -> anyhow::Result<Self> {
        let settings = settings.iter().map(|(name, value)| format!("{name}={value}"));
        Self::start(WITH_SETTINGS, &settings.collect::<Vec<_>>())
    }

    /// Ends it as a crash would: `kill -9`.
    pub(crate) fn kill(mut self) -> anyhow::Result<()> {
        self.process.kill()?;
        Ok(())
    }

    /// Starts this program in a role of its own, which tells where it listens.
    pub(crate) fn start(role: &str, arguments: &[String]) -> anyhow::Result<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .arg(role)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        let output = process.stdout.take().context("the server's output")?;
        BufReader::new(output).read_line(&mut line)?;
        let address = line.trim().parse().context("the server did not start")?;
        Ok(Self { process, address })
    }

    /// The number of the process.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }
}

/// A running server with people in it, who all have a key and a session.
pub(crate) struct ServerWithPeople {
    process: ServerProcess,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl ServerWithPeople {
    /// Starts a server with so many people; see [`person`]. Of the first [`PAIRED`], the first sells to the second, the third
    /// to the fourth, and so on.
    pub(crate) fn start(people: usize) -> anyhow::Result<Self> {
        let process = ServerProcess::start(WITH_PEOPLE, &[people.to_string()])?;
        Ok(Self { address: process.address, process })
    }

    /// The number of the process.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// The number of the first chat of somebody.
    pub(crate) async fn chat_of(&self, who: &Person) -> anyhow::Result<i64> {
        let http = Client::builder().no_proxy().build()?;
        let url = format!("http://{}/api/v1/chats", self.address);
        let list: Value = http.get(url).bearer_auth(&who.key).send().await?.json().await?;
        list["chats"][0]["id"].as_i64().context("no chat")
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // It ends with its standard input. That it has ended is all that matters now.
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// The number, the key and the cookie of a person: everybody knows them here.
pub(crate) struct Person {
    pub(crate) id: i64,
    pub(crate) key: String,
    pub(crate) cookie: String,
}

/// The `index`th person, from 0.
pub(crate) fn person(index: usize) -> Person {
    Person {
        id: 1000 + i64::try_from(index).unwrap_or(i64::MAX),
        key: format!("torg_bench_{index}"),
        cookie: format!("PARTIZAP_SESSION=bench-{index}"),
    }
}

/// Runs as a server with so many people until standard input ends.
pub(crate) async fn run_with_people(people: &str) -> anyhow::Result<()> {
    let mut settings = settings::load(&Sources::default())?;
    settings.limits.connections = 100_000;
    settings.native.requests_per_minute = 0;
    run(settings, async |engine| settle(engine, people.parse()?).await).await
}

/// Runs as a server with the settings `NAME=VALUE` until standard input ends. Without [`DATA_DIR`] it keeps its files where
/// nobody else does.
pub(crate) async fn run_with_settings(settings: &[&str]) -> anyhow::Result<()> {
    let flags = settings.iter().filter_map(|setting| setting.split_once('='));
    let flags: Vec<_> = flags.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let has_data = flags.iter().any(|(name, _)| name == DATA_DIR);
    let settings = settings::load(&Sources { flags, ..Sources::default() })?;
    if has_data {
        return run_here(settings, async |_| Ok(())).await;
    }
    run(settings, async |_| Ok(())).await
}

/// Runs as a server, which keeps its files where nobody else does, until standard input ends.
async fn run(
    mut settings: Settings,
    prepare: impl AsyncFnOnce(&Engine) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let data = tempfile::tempdir()?;
    settings.data_dir = data.path().to_owned();
    run_here(settings, prepare).await
}

/// Runs as a server, which listens where nobody else does, until standard input ends.
async fn run_here(
    mut settings: Settings,
    prepare: impl AsyncFnOnce(&Engine) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    settings.listen = "127.0.0.1:0".parse()?;
    let server = Server::start(&settings, Surroundings::of_this_machine()).await?;
    prepare(server.engine()).await?;
    stay(server.address()).await?;
    server.stop().await
}

/// Runs as a server of `routes` with the accept loop and the connections that Torg has, until standard input ends.
pub(crate) async fn run_plain(routes: Router) -> anyhow::Result<()> {
    let bounds = settings::load(&Sources::default())?.limits.connection_bounds();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let serving = tokio::spawn(serve(listener, routes, bounds, CancellationToken::new()));
    stay(address).await?;
    serving.abort();
    Ok(())
}

/// Tells where this process listens, and waits until it is to end.
async fn stay(address: SocketAddr) -> anyhow::Result<()> {
    writeln!(std::io::stdout(), "{address}")?;
    let ended = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
    ended.await??;
    Ok(())
}

async fn settle(engine: &Engine, people: usize) -> anyhow::Result<()> {
    let account = |index| AccountId::new(person(index).id).context("an id");
    let facts = (0..people).map(|index| {
        let account = Account::new(account(index)?, "Somebody".to_owned(), engine.now());
        Ok(Fact::Account(Box::new(account), None))
    });
    let facts = facts.collect::<anyhow::Result<Vec<_>>>()?;
    for stored in engine.put_facts(Host::operator(), facts).await? {
        stored?;
    }
    for index in 0..people {
        let (id, person) = (account(index)?, person(index));
        let key = engine.new_key(Some(id), NATIVE_AUDIENCE, "bench", &person.key);
        engine.put_key(&key).await??;
        let browser = Browser { ip_address: "127.0.0.1".to_owned(), user_agent: String::new() };
        let token = person.cookie.split_once('=').context("a cookie")?.1;
        engine.put_session(id, token, browser, None).await?;
    }
    for seller in (0..people.min(PAIRED)).step_by(2) {
        let buyer = seller + 1;
        let subject = Subject::Account { other: account(seller)?, as_side: Side::Buyer };
        engine.open_chat(&Caller::account_holder(account(buyer)?), subject, None).await?;
    }
    Ok(())
}
