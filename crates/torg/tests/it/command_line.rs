//! The binary itself, as an operator meets it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

use super::signals;

/// The binary in an empty folder, with an environment of its own.
struct Torg {
    folder: tempfile::TempDir,
}

impl Torg {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn with_file(text: &str) -> Self {
        let torg = Self::new();
        std::fs::write(torg.folder.path().join("torg.toml"), text).unwrap();
        torg
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_torg"));
        command.args(arguments).env_clear().current_dir(self.folder.path());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// The standard error stream of a run that must fail.
    fn refusal(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(!output.status.success(), "{arguments:?} was accepted");
        String::from_utf8(output.stderr).unwrap()
    }
}

#[test]
fn right_settings_pass_the_check_and_start_nothing() {
    let torg = Torg::with_file("[ozon]\nenabled = false");
    let output = torg.run(&["serve", "--check-config"]);
    assert!(output.status.success());
    assert_eq!(std::fs::read_dir(torg.folder.path()).unwrap().count(), 1, "something was made");
}

#[test]
fn a_wrong_setting_keeps_the_server_from_starting_and_is_named() {
    let torg = Torg::with_file("lissten = 'x'\n[ozon]\nreply_window_hours = 0");
    for arguments in [&["serve"][..], &["serve", "--check-config"]] {
        let refusal = torg.refusal(arguments);
        assert!(
            refusal.contains("'lissten'") && refusal.contains("listen, public_url"),
            "{refusal}"
        );
        assert!(
            refusal.contains("'ozon.reply_window_hours' = 0") && refusal.contains("1 to 87600"),
            "{refusal}"
        );
    }
    let refusal = Torg::new().refusal(&["serve", "--check-config", "--set", "ozon.enabled=maybe"]);
    assert!(refusal.contains("ozon.enabled") && refusal.contains("maybe"), "{refusal}");
    let refusal = Torg::new().refusal(&["serve", "--config", "absent.toml"]);
    assert!(refusal.contains("absent.toml"), "{refusal}");
}

#[test]
fn the_environment_is_heard() {
    let torg = Torg::new();
    let output =
        torg.command(&["serve", "--check-config"]).env("TORG_LISTEN", "nowhere").output().unwrap();
    let refusal = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && refusal.contains("TORG_LISTEN"), "{refusal}");
}

#[test]
fn the_reference_is_a_right_file_of_settings() {
    let reference = Torg::new().run(&["config-reference"]).stdout;
    let torg = Torg::with_file(&String::from_utf8(reference).unwrap());
    assert!(torg.run(&["serve", "--check-config"]).status.success());
}

#[test]
fn an_address_in_use_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let refusal = Torg::new().refusal(&["serve", "--listen", &address]);
    assert!(refusal.contains(&address), "{refusal}");
}

#[cfg(unix)]
#[test]
fn a_server_starts_answers_and_stops_at_a_signal() {
    let torg = Torg::new();
    let mut server = torg
        .command(&["serve", "--listen", "127.0.0.1:0", "--set", "log.format=json"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let address = listening_address(&mut server);

    let mut client = TcpStream::connect(address).unwrap();
    client.write_all(b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");

    signals::send("-TERM", &server);
    assert!(server.wait().unwrap().success());
}

#[test]
fn a_data_directory_has_one_server_and_keys_can_be_made_beside_it() {
    let torg = Torg::new();
    let serve = ["serve", "--listen", "127.0.0.1:0", "--set", "log.format=json"];
    let mut server = torg.command(&serve).stderr(Stdio::piped()).spawn().unwrap();
    listening_address(&mut server);

    let refusal = torg.refusal(&serve);
    assert!(
        refusal.contains("another server runs on") && refusal.contains("data_dir"),
        "{refusal}"
    );
    assert!(torg.run(&["key", "create", "--name", "test"]).status.success());

    // A server that was killed leaves nothing behind that keeps the next one away.
    server.kill().unwrap();
    server.wait().unwrap();
    let mut next = torg.command(&serve).stderr(Stdio::piped()).spawn().unwrap();
    listening_address(&mut next);
    next.kill().unwrap();
    next.wait().unwrap();
}

#[test]
fn a_postgresql_database_has_many_servers_and_its_password_is_shown_nowhere() {
    let schema = local_services::fresh_schema().unwrap();
    let before_host = schema.url().split('@').next().unwrap();
    let password = before_host.rsplit(':').next().unwrap();
    let torg = Torg::new();
    let serve =
        ["serve", "--listen", "127.0.0.1:0", "--set", "log.format=json", "--store", schema.url()];
    let mut servers: Vec<Child> = Vec::new();
    for _ in 0..2 {
        let mut server = torg.command(&serve).stderr(Stdio::piped()).spawn().unwrap();
        let listening = listening(&mut server);
        let store = listening["fields"]["store"].as_str().unwrap();
        assert!(store.contains("127.0.0.1") && !store.contains(password), "{store}");
        servers.push(server);
    }
    let made = torg.run(&["key", "create", "--name", "test", "--store", schema.url()]);
    assert!(made.status.success());
    for mut server in servers {
        signals::send("-TERM", &server);
        assert!(server.wait().unwrap().success());
    }

    let wrong = schema.url().replace(password, "hush");
    let refusal = torg.refusal(&["serve", "--listen", "127.0.0.1:0", "--store", &wrong]);
    assert!(refusal.contains("cannot open the database of postgres://"), "{refusal}");
    assert!(!refusal.contains("hush"), "{refusal}");
}

/// Reads the logs until they tell the address.
fn listening_address(server: &mut Child) -> String {
    listening(server)["fields"]["address"].as_str().unwrap().to_owned()
}

/// Reads the logs until they tell where the server listens.
fn listening(server: &mut Child) -> Value {
    let logs = BufReader::new(server.stderr.as_mut().unwrap());
    for line in logs.lines() {
        let event: Value = serde_json::from_str(&line.unwrap()).unwrap();
        if event["fields"]["message"] == "listening" {
            return event;
        }
    }
    panic!("the server ended before it listened");
}
