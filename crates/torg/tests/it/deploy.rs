//! The examples in `deploy/` name settings and flags that exist, and are patient enough for a stop.

use std::path::{Path, PathBuf};
use std::process::Command;

use clap::{CommandFactory as _, Parser as _};
use torg::cli::CommandLine;
use torg::settings::{SettingsProblem, Sources, load};
use yaml_rust2::{Yaml, YamlLoader};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy")
}

fn text(name: &str) -> String {
    std::fs::read_to_string(folder().join(name)).unwrap()
}

fn yaml(name: &str) -> Vec<Yaml> {
    YamlLoader::load_from_str(&text(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Every file below `deploy/`, with its path and its text.
fn files() -> Vec<(PathBuf, String)> {
    let (mut folders, mut files) = (vec![folder()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let text = std::fs::read_to_string(&path).unwrap();
                files.push((path, text));
            }
        }
    }
    assert!(files.len() > 8, "{files:?}");
    files
}

#[test]
fn every_variable_is_a_setting() {
    for (path, text) in files() {
        let words = text.split(|sign: char| !sign.is_ascii_alphanumeric() && sign != '_');
        for variable in words.filter(|word| word.starts_with("TORG_")) {
            let environment = vec![(variable.to_owned(), String::new())];
            let problems = load(&Sources { environment, ..Sources::default() });
            let is_unknown =
                |problem: &SettingsProblem| matches!(problem, SettingsProblem::Unknown { .. });
            let unknown = problems.is_err_and(|problems| problems.0.iter().any(is_unknown));
            assert!(!unknown, "{}: {variable} is no setting", path.display());
        }
    }
}

#[test]
fn every_command_line_is_understood() {
    let mut command_lines = 0;
    for (path, text) in files() {
        for line in text.lines() {
            let begins =
                ["torg serve", "torg key create"].iter().find_map(|command| line.find(command));
            let Some(begin) = begins else { continue };
            let command_line = line[begin..].split(['#', '`']).next().unwrap();
            CommandLine::try_parse_from(command_line.split_whitespace())
                .unwrap_or_else(|error| panic!("{}: {command_line}: {error}", path.display()));
            command_lines += 1;
        }
    }
    assert!(command_lines >= 4, "{command_lines}");

    let deployment = &yaml("kubernetes/torg.yaml")[0];
    let arguments = &container(deployment)["args"];
    let arguments = arguments.as_vec().unwrap().iter().map(|argument| argument.as_str().unwrap());
    CommandLine::try_parse_from(std::iter::once("torg").chain(arguments)).unwrap();
    CommandLine::command().debug_assert();
}

fn container(deployment: &Yaml) -> &Yaml {
    &deployment["spec"]["template"]["spec"]["containers"][0]
}

#[test]
fn the_sources_of_a_pod_s_settings_are_there() {
    let settings = yaml("kubernetes/settings.yaml");
    let named = |kind: &str| {
        let found = settings.iter().find(|document| document["kind"].as_str() == Some(kind));
        found.unwrap()["metadata"]["name"].as_str().unwrap()
    };
    let documents = yaml("kubernetes/torg.yaml");
    let sources = &container(&documents[0])["envFrom"];
    assert_eq!(sources[0]["configMapRef"]["name"].as_str(), Some(named("ConfigMap")));
    assert_eq!(sources[1]["secretRef"]["name"].as_str(), Some(named("Secret")));
    let kinds: Vec<_> =
        documents.iter().map(|document| document["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["Deployment", "PodDisruptionBudget", "Service", "Ingress"]);
}

#[test]
fn whoever_stops_a_server_waits_longer_than_it_takes() {
    /// Pushes that are under way get ten seconds, and the database is closed at the end.
    const ROOM_SECONDS: i64 = 15;
    let limits = load(&Sources::default()).unwrap().limits;
    let needed = i64::from(limits.shutdown_grace_seconds) + ROOM_SECONDS;

    let pod = &yaml("kubernetes/torg.yaml")[0]["spec"]["template"]["spec"];
    let preceding =
        pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"].as_i64().unwrap();
    assert!(pod["terminationGracePeriodSeconds"].as_i64().unwrap() >= preceding + needed);

    let compose = &yaml("compose/compose.yaml")[0];
    let grace = compose["x-torg"]["stop_grace_period"].as_str().unwrap();
    assert!(grace.strip_suffix('s').unwrap().parse::<i64>().unwrap() >= needed);

    let unit = text("systemd/torg.service");
    let value = |name: &str| -> i64 {
        let found = unit.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        found.unwrap().parse().unwrap()
    };
    assert!(value("TimeoutStopSec") >= needed);
    for files in [value("LimitNOFILE"), compose["x-torg"]["ulimits"]["nofile"].as_i64().unwrap()] {
        assert!(files > i64::from(limits.connections));
    }
}

#[test]
fn no_replica_goes_before_another_is_there_and_streams_pass() {
    let documents = yaml("kubernetes/torg.yaml");
    let update = &documents[0]["spec"]["strategy"]["rollingUpdate"];
    assert_eq!(update["maxUnavailable"].as_i64(), Some(0));
    assert!(documents[0]["spec"]["replicas"].as_i64().unwrap() >= 2);
    let probe = |name: &str| container(&documents[0])[name]["httpGet"]["path"].as_str();
    assert_eq!(probe("readinessProbe"), Some("/readyz"));
    assert_eq!(probe("livenessProbe"), Some("/healthz"));
    let of_proxy = &documents[3]["metadata"]["annotations"];
    let annotation =
        |name: &str| of_proxy[&*format!("nginx.ingress.kubernetes.io/{name}")].as_str();
    assert_eq!(annotation("proxy-buffering"), Some("off"));

    let nginx = text("compose/nginx.conf");
    assert!(nginx.contains("proxy_buffering off;"));
    for repeating in [
        annotation("proxy-next-upstream"),
        nginx.lines().find(|line| line.contains("next_upstream ")),
    ] {
        assert!(!repeating.unwrap().contains("non_idempotent"), "a POST would be sent twice");
    }
}

#[test]
fn systemd_understands_the_unit() {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        println!("skipped: there is no systemd-analyze on this machine");
        return;
    }
    // The binary of this run stands for the one that is not installed.
    let unit =
        text("systemd/torg.service").replace("/usr/local/bin/torg", env!("CARGO_BIN_EXE_torg"));
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("torg.service");
    std::fs::write(&path, unit).unwrap();
    let verified = Command::new("systemd-analyze").arg("verify").arg(&path).output().unwrap();
    let told = String::from_utf8_lossy(&verified.stderr).into_owned();
    assert!(verified.status.success(), "{told}");
    // What it does not know it ignores, and says so.
    assert!(!told.contains("torg.service"), "{told}");
}
