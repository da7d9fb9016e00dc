//! `local-services COMMAND ARGUMENTS…`: runs a command that finds a PostgreSQL and a NATS of its own.

use std::ffi::OsString;
use std::io::{IsTerminal as _, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitCode, ExitStatus};

use local_services::{Durability, Error, NATS_VARIABLE, Nats, POSTGRES_VARIABLE, Postgres};
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};

const USAGE: &str = "\
Runs a command with a PostgreSQL and a NATS of its own, and stops both at its end.

Usage: local-services COMMAND [ARGUMENTS…]

The command finds them in the environment variables TORG_TEST_POSTGRES and TORG_TEST_NATS. For a variable that is set
already no server is started.";

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let Some(program) = arguments.next().filter(|first| first != "--help") else {
        return fail(USAGE);
    };
    match run(&program, arguments) {
        Ok(status) => exit_code(status),
        Err(error) => fail(&format!("local-services: {error}")),
    }
}

fn run(
    program: &OsString,
    arguments: impl Iterator<Item = OsString>,
) -> Result<ExitStatus, Box<dyn std::error::Error>> {
    let (postgres, nats) = start_missing()?;
    let mut command = Command::new(program);
    command.args(arguments);
    command.envs(postgres.as_ref().map(|server| (POSTGRES_VARIABLE, server.url())));
    command.envs(nats.as_ref().map(|server| (NATS_VARIABLE, server.url())));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let status = runtime.block_on(async {
        let child = command
            .spawn()
            .map_err(|error| format!("cannot run {}: {error}", program.display()))?;
        wait_and_forward_signals(child).await.map_err(Box::<dyn std::error::Error>::from)
    });
    // Not before the command's end, and at the same time.
    std::thread::scope(|scope| {
        scope.spawn(|| drop(postgres));
        scope.spawn(|| drop(nats));
    });
    status
}

/// Starts what the environment does not name, both at the same time.
fn start_missing() -> Result<(Option<Postgres>, Option<Nats>), Error> {
    let is_missing = |variable| std::env::var_os(variable).is_none();
    std::thread::scope(|scope| {
        let postgres = is_missing(POSTGRES_VARIABLE)
            .then(|| scope.spawn(|| Postgres::start(Durability::Process)));
        let nats = is_missing(NATS_VARIABLE).then(Nats::start).transpose();
        let postgres = postgres
            .map(|starting| {
                starting.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
            .transpose();
        Ok((postgres?, nats?))
    })
}

/// Waits for the command's end, and tells it of SIGTERM and Ctrl-C. A Ctrl-C at a terminal the system has told it of.
async fn wait_and_forward_signals(mut child: Child) -> std::io::Result<ExitStatus> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let is_at_terminal = std::io::stdin().is_terminal();
    loop {
        let name = tokio::select! {
            status = child.wait() => return status,
            _ = terminate.recv() => "TERM",
            _ = interrupt.recv() => "INT",
        };
        if let Some(id) = child.id().filter(|_| name == "TERM" || !is_at_terminal) {
            let id = id.to_string();
            Command::new("sh").args(["-c", "kill -s \"$0\" \"$1\"", name, &id]).status().await?;
        }
    }
}

/// As a shell tells of a command's end: 128 and the signal, if it was ended by one.
fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().or_else(|| Some(128 + status.signal()?));
    code.and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from)
}

fn fail(message: &str) -> ExitCode {
    // A stream that is closed has nobody to tell.
    let _ = writeln!(std::io::stderr(), "{message}");
    ExitCode::FAILURE
}
