//! The servers as tests use them: they keep their data over every kind of end, and nothing of them is left behind.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use local_services::{
    Durability, Error, Nats, Postgres, Schema, StopMode, fresh_schema, nats_url, postgres_url,
};
use tokio_postgres::{Client, NoTls};

/// A client on a connection of its own.
async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

async fn number(client: &Client, query: &str) -> i64 {
    client.query_one(query, &[]).await.unwrap().get(0)
}

/// Waits until `is_so`, since what happens at the end of a process happens after it.
fn soon(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(20), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The port of a URL such as `nats://127.0.0.1:4222`.
fn port_of(url: &str) -> u16 {
    let rest = url.rsplit_once(':').unwrap().1;
    rest.split(['/', '?']).next().unwrap().parse().unwrap()
}

fn listens(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}

#[tokio::test]
async fn a_server_keeps_what_was_committed_over_every_kind_of_end() {
    let server = Postgres::start(Durability::Process).unwrap();
    let url = server.url();
    connect(&url).await.batch_execute("CREATE TABLE kept (id BIGINT)").await.unwrap();
    for (round, mode) in (1..).zip([StopMode::Fast, StopMode::Immediate, StopMode::Kill]) {
        let client = connect(&url).await;
        client.execute("INSERT INTO kept VALUES ($1)", &[&round]).await.unwrap();
        server.stop(mode).unwrap();
        assert!(tokio_postgres::connect(&url, NoTls).await.is_err(), "{mode:?}");
        assert!(matches!(server.stop(mode), Err(Error::OutOfTurn(_))));
        server.start_again().unwrap();
        assert!(matches!(server.start_again(), Err(Error::OutOfTurn(_))));
        assert_eq!(server.url(), url);
        assert_eq!(number(&connect(&url).await, "SELECT count(*) FROM kept").await, round);
    }
    let port = server.port();
    drop(server);
    assert!(!listens(port));
}

#[tokio::test]
async fn a_server_has_the_settings_that_were_asked_for() {
    let server = Postgres::start_with(Durability::Machine, &[("work_mem", "5MB")]).unwrap();
    let client = connect(&server.url()).await;
    for (setting, wanted) in [
        ("fsync", "on"),
        ("full_page_writes", "on"),
        ("synchronous_commit", "on"),
        ("work_mem", "5MB"),
        ("max_connections", "400"),
        ("server_encoding", "UTF8"),
        ("lc_collate", "C"),
    ] {
        let row = client.query_one(&format!("SHOW {setting}"), &[]).await.unwrap();
        assert_eq!(row.get::<_, &str>(0), wanted, "{setting}");
    }
}

#[tokio::test]
async fn schemas_know_nothing_of_each_other_and_are_dropped() {
    let (one, other) = (fresh_schema().unwrap(), fresh_schema().unwrap());
    for schema in [&one, &other] {
        let client = connect(schema.url()).await;
        client
            .batch_execute("CREATE TABLE thing (id BIGINT); INSERT INTO thing VALUES (7)")
            .await
            .unwrap();
        assert_eq!(number(&client, "SELECT count(*) FROM thing").await, 1);
    }
    let watcher = connect(&postgres_url().unwrap()).await;
    let is_there = format!("SELECT count(*) FROM pg_namespace WHERE nspname = '{}'", one.name());
    assert_eq!(number(&watcher, &is_there).await, 1);

    // Somebody is in the middle of something.
    let client = connect(one.url()).await;
    client.batch_execute("BEGIN; LOCK TABLE thing").await.unwrap();
    drop(one);
    let begun = Instant::now();
    while number(&watcher, &is_there).await != 0 {
        assert!(begun.elapsed() < Duration::from_secs(20), "the schema is still there");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(number(&connect(other.url()).await, "SELECT id FROM thing").await, 7);
}

#[test]
fn a_schema_of_a_server_that_is_gone_is_dropped_in_silence() {
    let server = Postgres::start(Durability::Process).unwrap();
    let schema = Schema::make(&server.url()).unwrap();
    drop(server);
    drop(schema);
}

#[test]
fn nats_comes_back_on_its_port() {
    let server = Nats::start().unwrap();
    let url = server.url();
    assert_eq!(port_of(&url), server.port());
    assert!(listens(server.port()));
    server.stop().unwrap();
    assert!(!listens(server.port()));
    assert!(matches!(server.stop(), Err(Error::OutOfTurn(_))));
    server.start_again().unwrap();
    assert!(listens(server.port()));
    assert_eq!(server.url(), url);
    assert_eq!(nats_url().unwrap(), nats_url().unwrap(), "a process has one");
}

/// The binary, around a shell that says where its servers are.
fn around(script: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_local-services"));
    command.args(["sh", "-c", &format!("echo $TORG_TEST_POSTGRES $TORG_TEST_NATS\n{script}")]);
    command.env_remove("TORG_TEST_POSTGRES").env_remove("TORG_TEST_NATS");
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    command
}

/// The ports of both servers, as the shell tells them.
fn ports_said_by(child: &mut Child) -> [u16; 2] {
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let (postgres, nats) = line.trim().split_once(' ').unwrap();
    [port_of(postgres), port_of(nats)]
}

/// Folders of servers whose owner no longer lives would lie around for ever.
fn folders_of(port: u16) -> usize {
    let is_of_port = |folder: &Path| {
        std::fs::read_to_string(folder.join("log")).is_ok_and(|log| log.contains(&port.to_string()))
    };
    let entries = std::fs::read_dir(std::env::temp_dir()).unwrap().flatten();
    entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("torg-"))
        .filter(|entry| is_of_port(&entry.path()))
        .count()
}

#[test]
fn a_command_has_both_servers_until_it_ends_and_its_exit_code_is_passed_on() {
    let mut child = around("read answer; exit 7").spawn().unwrap();
    let ports = ports_said_by(&mut child);
    assert!(ports.into_iter().all(listens));
    assert!(ports.into_iter().all(|port| folders_of(port) == 1));
    assert_eq!(child.wait().unwrap().code(), Some(7), "its standard input ends, and so does it");
    assert!(!ports.into_iter().any(listens));
    assert!(ports.into_iter().all(|port| folders_of(port) == 0));
}

#[test]
fn what_is_named_already_is_not_started() {
    let output = around("exit 0")
        .env("TORG_TEST_POSTGRES", "postgres://mine/a")
        .env("TORG_TEST_NATS", "nats://mine")
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "postgres://mine/a nats://mine\n");
}

#[test]
fn ctrl_c_reaches_the_command_and_ends_the_servers() {
    let mut child = around("trap 'exit 5' INT; while :; do sleep 0.05; done").spawn().unwrap();
    let ports = ports_said_by(&mut child);
    std::thread::sleep(Duration::from_millis(200));
    let kill = ["-c", "kill -s INT \"$0\"", &child.id().to_string()];
    assert!(Command::new("sh").args(kill).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(5));
    assert!(!ports.into_iter().any(listens));
}

#[test]
fn nothing_is_left_of_a_process_that_is_killed() {
    let mut child = around("read answer").spawn().unwrap();
    let ports = ports_said_by(&mut child);
    child.kill().unwrap();
    child.wait().unwrap();
    soon("the servers outlive their process", || !ports.into_iter().any(listens));
    soon("their folders stay", || ports.into_iter().all(|port| folders_of(port) == 0));
}

#[test]
fn a_command_that_does_not_exist_is_named() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_local-services"))
        .arg("no-such-program")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    assert!(!child.wait().unwrap().success());
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(said.contains("no-such-program"), "{said}");
}
