//! The walls between the crates: ARCHITECTURE.md says who may use whom, and the manifests must agree.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const ROOMS: [&str; 18] = [
    "bench",
    "dialect-ozon",
    "dialect-partizap",
    "dialect-yandex-market",
    "domain",
    "engine",
    "http-kit",
    "live",
    "local-s3",
    "local-services",
    "media",
    "native",
    "relay-nats",
    "store",
    "testkit",
    "tls",
    "torg",
    "webhooks",
];

/// Who may use whom, outside of tests.
fn allowed(room: &str) -> &'static [&'static str] {
    match room {
        "domain" | "local-s3" | "local-services" | "tls" => &[],
        "media" => &["tls"],
        "engine" => &["domain", "media"],
        "live" => &["domain", "engine"],
        "relay-nats" | "store" | "webhooks" => &["domain", "engine", "tls"],
        "http-kit" => &["domain", "engine", "media"],
        "dialect-partizap" => &["domain", "engine", "http-kit", "live", "media"],
        "dialect-ozon" | "dialect-yandex-market" => {
            &["domain", "engine", "http-kit", "media", "webhooks"]
        }
        "native" => &["domain", "engine", "http-kit", "live", "media", "webhooks"],
        "testkit" => &["domain", "engine", "local-services", "torg", "webhooks"],
        "torg" | "bench" => &ROOMS,
        other => panic!("{other} has no place in ARCHITECTURE.md"),
    }
}

fn manifests() -> BTreeMap<String, toml::Table> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folders =
        std::fs::read_dir(root.join("crates")).unwrap().map(|entry| entry.unwrap().path());
    folders
        .chain([root.join("bench")])
        .map(|folder| {
            let text = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap();
            (folder.file_name().unwrap().to_str().unwrap().to_owned(), text.parse().unwrap())
        })
        .collect()
}

#[test]
fn no_room_uses_what_the_architecture_does_not_allow() {
    let manifests = manifests();
    assert_eq!(manifests.keys().map(String::as_str).collect::<Vec<_>>(), ROOMS);
    for (room, manifest) in manifests {
        let used: BTreeSet<&str> = manifest["dependencies"]
            .as_table()
            .unwrap()
            .keys()
            .map(String::as_str)
            .filter(|name| ROOMS.contains(name))
            .collect();
        let allowed: BTreeSet<&str> = allowed(&room).iter().copied().collect();
        let forbidden: Vec<_> = used.difference(&allowed).collect();
        assert!(forbidden.is_empty(), "{room} uses {forbidden:?}");
    }
}

#[test]
fn the_domain_knows_no_clock_no_database_and_no_wire() {
    let manifests = manifests();
    let used: Vec<&String> =
        manifests["domain"]["dependencies"].as_table().unwrap().keys().collect();
    assert_eq!(used, ["jiff", "uuid"]);
}
