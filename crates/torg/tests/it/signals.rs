//! Signals to the real binary.

use std::process::{Child, Command};

/// Sends a signal, such as `-TERM`, to a process that runs.
pub(crate) fn send(signal: &str, process: &Child) {
    let sent = Command::new("kill").args([signal, &process.id().to_string()]).status();
    assert!(sent.unwrap().success());
}
