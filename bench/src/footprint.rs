//! What the program `torg` costs by itself: its size, how long it takes to be ready, and the memory that it holds while
//! nobody asks for anything.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use local_services::ReservedPort;
use rustix::process::{Pid, Signal, kill_process};

use crate::as_float;
use crate::effort::Effort;
use crate::figure::Figure;
use crate::memory::resident_bytes;
use crate::report::Report;

/// How long an idle server has to come to rest.
const REST: Duration = Duration::from_secs(3);
/// How often it is asked whether it is ready.
const POLL_INTERVAL: Duration = Duration::from_millis(1);
/// No start takes longer.
const START_TIME_MAX: Duration = Duration::from_mins(1);

/// Where a server starts.
enum Place<'d> {
    /// In a folder of its own, each time.
    Empty,
    /// In this one.
    Data(&'d Path),
}

/// Measures the program, and its start on an empty store.
pub(crate) async fn measure(effort: Effort, report: &mut Report) -> anyhow::Result<()> {
    let program = match tokio::task::spawn_blocking(build).await? {
        Ok(program) => program,
        Err(missing) => {
            report.skip(13, "start, size and idle memory of the program", format!("{missing:#}"));
            return Ok(());
        }
    };
    let mut size = Figure::new("size of the release binary", "MiB").row(13).at_most(60.0, 30.0);
    size.add_alone(mebibytes(program.metadata()?.len()));
    report.add(size);
    measure_starts(&program, "empty store", &Place::Empty, effort, report).await
}

/// Measures the start of the program where so many messages are stored, in `data`.
pub(crate) async fn measure_start_with(
    messages: usize,
    data: &Path,
    effort: Effort,
    report: &mut Report,
) -> anyhow::Result<()> {
    let Ok(program) = tokio::task::spawn_blocking(build).await? else {
        // What is missing is said where the program itself is measured.
        return Ok(());
    };
    let stored = format!("{messages} messages");
    measure_starts(&program, &stored, &Place::Data(data), effort, report).await
}

async fn measure_starts(
    program: &Path,
    stored: &str,
    place: &Place<'_>,
    effort: Effort,
    report: &mut Report,
) -> anyhow::Result<()> {
    let mut start = Figure::new(format!("start to ready, {stored}"), "s").row(13).at_most(1.0, 0.2);
    let mut memory =
        Figure::new(format!("idle resident memory, {stored}"), "MiB").row(13).at_most(60.0, 30.0);
    for _ in 0..effort.rounds() {
        let fresh = tempfile::tempdir()?;
        let data = match place {
            Place::Empty => fresh.path(),
            Place::Data(data) => data,
        };
        let (program, data) = (program.to_owned(), data.to_owned());
        let round = tokio::task::spawn_blocking(move || round(&program, &data)).await??;
        start.add_alone(round.ready_after.as_secs_f64());
        memory.add_alone(mebibytes(round.resident_bytes));
    }
    report.add(start);
    report.add(memory);
    Ok(())
}

/// What came of a start.
struct Round {
    ready_after: Duration,
    resident_bytes: u64,
}

/// Starts the program on the files in `data`, waits until it has come to rest, and stops it.
fn round(program: &Path, data: &Path) -> anyhow::Result<Round> {
    let begun = Instant::now();
    let mut running = Running::start(program, data)?;
    running.wait_until_ready()?;
    let ready_after = begun.elapsed();
    std::thread::sleep(REST);
    let resident_bytes = resident_bytes(running.process.id())?;
    running.stop()?;
    Ok(Round { ready_after, resident_bytes })
}

/// Has cargo build the program as this one was built, and answers where it lies. Without cargo it must lie there already.
fn build() -> anyhow::Result<PathBuf> {
    let bench = std::env::current_exe()?;
    let folder = bench.parent().context("a program without a folder")?;
    // Set by `cargo run`.
    if let (Some(cargo), Some(target)) = (std::env::var_os("CARGO"), folder.parent()) {
        let mut build = Command::new(cargo);
        build.args(["build", "--quiet", "--package", "torg", "--bin", "torg", "--target-dir"]);
        build.arg(target).arg("--profile").arg(if cfg!(debug_assertions) {
            "dev"
        } else {
            "release"
        });
        anyhow::ensure!(build.status()?.success(), "torg does not build");
    }
    let program = folder.join("torg");
    anyhow::ensure!(
        program.is_file(),
        "{} is not there (`cargo build --release --package torg`)",
        program.display()
    );
    Ok(program)
}

/// The program as a server, until this is dropped.
struct Running {
    process: Child,
    port: ReservedPort,
}

impl Running {
    fn start(program: &Path, data: &Path) -> anyhow::Result<Self> {
        let port = ReservedPort::find()?;
        let mut command = Command::new(program);
        command.arg("serve").arg("--data-dir").arg(data);
        command.arg("--listen").arg(format!("127.0.0.1:{}", port.number()));
        // Nobody's settings but the defaults.
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("TORG_")) {
                command.env_remove(name);
            }
        }
        command.current_dir(data).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Self { process: command.spawn()?, port })
    }

    fn wait_until_ready(&mut self) -> anyhow::Result<()> {
        let begun = Instant::now();
        while !self.is_ready().unwrap_or(false) {
            let ended = self.process.try_wait()?;
            anyhow::ensure!(ended.is_none(), "torg has ended instead of becoming ready");
            anyhow::ensure!(begun.elapsed() < START_TIME_MAX, "torg does not become ready");
            std::thread::sleep(POLL_INTERVAL);
        }
        Ok(())
    }

    fn is_ready(&self) -> std::io::Result<bool> {
        let mut socket = TcpStream::connect(("127.0.0.1", self.port.number()))?;
        socket.write_all(b"GET /readyz HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")?;
        let mut answer = Vec::new();
        socket.read_to_end(&mut answer)?;
        Ok(answer.starts_with(b"HTTP/1.1 200 "))
    }

    /// Has it finish its work, and waits for its end.
    fn stop(mut self) -> anyhow::Result<()> {
        let id = Pid::from_raw(i32::try_from(self.process.id())?).context("a process id")?;
        kill_process(id, Signal::TERM)?;
        self.process.wait()?;
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // After a stop there is nothing left of it, and otherwise nothing is to be kept.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn mebibytes(bytes: u64) -> f64 {
    as_float(bytes) / as_float(1 << 20)
}
