//! The README must not lie: its conversations are typed into a shell beside a fresh demo, and the answers compared.

use std::path::Path;
use std::process::Command;

use testkit::StorePlace;

use super::demo::Demo;

/// A line that is typed, and what the README says that it answers.
#[derive(Debug, Default)]
struct Exchange {
    typed: String,
    answer: String,
}

/// The exchanges of all `console` blocks, in order.
fn exchanges(readme: &str) -> Vec<Exchange> {
    let mut exchanges: Vec<Exchange> = Vec::new();
    let mut in_console = false;
    for line in readme.lines() {
        match (line, in_console) {
            ("```console", _) => in_console = true,
            ("```", _) => in_console = false,
            (_, false) => {}
            (line, true) => {
                let going_on =
                    exchanges.last().is_some_and(|exchange| exchange.typed.ends_with('\\'));
                if let Some(typed) = line.strip_prefix("$ ") {
                    exchanges.push(Exchange { typed: typed.to_owned(), answer: String::new() });
                } else if let Some(exchange) = exchanges.last_mut() {
                    let text = if going_on { &mut exchange.typed } else { &mut exchange.answer };
                    text.push_str(if text.is_empty() { "" } else { "\n" });
                    text.push_str(line);
                }
            }
        }
    }
    exchanges
}

/// The same text with everything that differs from run to run replaced: UUIDs, ids of messages, times, cursors.
fn without_chance(text: &str) -> String {
    let mut rest = text.trim();
    let mut plain = String::new();
    // A cursor may begin with either of the marks.
    while let Some(start) = rest.find(|c: char| c.is_ascii_alphanumeric() || "-_".contains(c)) {
        let (between, word) = rest.split_at(start);
        plain.push_str(between);
        let is_part = |c: char| c.is_ascii_alphanumeric() || "-_:.+".contains(c);
        let (word, after) = word.split_at(word.find(|c| !is_part(c)).unwrap_or(word.len()));
        let digits = word.chars().filter(char::is_ascii_digit).count();
        let by_chance = match word.len() {
            36 => word.matches('-').count() == 4,
            43 => true,
            16 => digits == 16,
            _ => word.starts_with("20") && word.contains('T'),
        };
        plain.push_str(if by_chance { "CHANCE" } else { word });
        rest = after;
    }
    plain + rest
}

#[test]
fn a_cursor_differs_whatever_it_begins_with() {
    for first in ["A", "-", "_", "7"] {
        let answer = format!("{{\"cursor\":\"{first}{}\",\"has_next\":true}}", "a".repeat(42));
        assert_eq!(without_chance(&answer), "{\"cursor\":\"CHANCE\",\"has_next\":true}");
    }
}

#[tokio::test]
async fn the_readme_tells_the_truth() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    let exchanges = exchanges(&std::fs::read_to_string(readme).unwrap());
    assert_eq!(exchanges.len(), 12, "three lines for each of the three wires and for the log");

    let (folder, store) = (tempfile::tempdir().unwrap(), StorePlace::new());
    let demo = Demo::start(&folder.path().join("data"), store.setting(), folder.path()).await;
    let base = demo.info["native"]["base_url"].as_str().unwrap();
    let typed: Vec<String> = exchanges
        .iter()
        .map(|exchange| exchange.typed.replace("http://127.0.0.1:7080", base))
        // The cookies of this test are nobody else's.
        .map(|typed| typed.replace("/tmp/torg-demo.cookies", "cookies"))
        .collect();
    let script = typed.join("\necho; echo ----\n");
    let ran =
        Command::new("bash").args(["-c", &script]).current_dir(folder.path()).output().unwrap();
    let output = String::from_utf8(ran.stdout).unwrap();
    let answers: Vec<&str> = output.split("\n----\n").collect();

    assert_eq!(answers.len(), exchanges.len());
    for (exchange, answer) in exchanges.iter().zip(answers) {
        assert_eq!(without_chance(answer), without_chance(&exchange.answer), "{}", exchange.typed);
    }
}
