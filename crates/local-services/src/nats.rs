//! A NATS server.

use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rand::RngExt as _;
use tempfile::TempDir;

use crate::supervised::{Program, Supervised};
use crate::{Error, ReservedPort, programs};

const START_TIME_MAX: Duration = Duration::from_secs(30);
const STOP_TIME_MAX: Duration = Duration::from_secs(30);
const GREETING_TIME_MAX: Duration = Duration::from_secs(1);
/// Its end by this signal is a good one, and quick.
const STOP_SIGNAL: &str = "TERM";

/// A NATS server without persistence, gone when it is dropped.
pub struct Nats {
    /// Dropped before the folder is.
    running: Mutex<Option<Supervised>>,
    program: PathBuf,
    /// Its own name, by which it is told from a stranger on the same port.
    name: String,
    port: ReservedPort,
    folder: TempDir,
}

impl Nats {
    /// Starts a server on a free port of this machine's loopback.
    pub fn start() -> Result<Self, Error> {
        let program = programs::nats_server()?;
        let folder = tempfile::Builder::new().prefix("torg-nats-").tempdir();
        let folder = folder.map_err(Error::system("cannot make a temporary folder"))?;
        let name = format!("torg-{:032x}", rand::rng().random::<u128>());
        let port = ReservedPort::find()?;
        let this = Self { running: Mutex::new(None), program, name, port, folder };
        this.start_again().map(|()| this)
    }

    /// Where it is: `nats://HOST:PORT`. It stays the same over restarts.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port())
    }

    /// Where it listens, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// Stops the server, and waits for its end.
    pub fn stop(&self) -> Result<(), Error> {
        let running = self.running().take();
        running.ok_or(Error::OutOfTurn("NATS does not run"))?.stop(STOP_SIGNAL, STOP_TIME_MAX)
    }

    /// Starts the stopped server again, on the same port, and waits until it greets.
    pub fn start_again(&self) -> Result<(), Error> {
        let mut running = self.running();
        if running.is_some() {
            return Err(Error::OutOfTurn("NATS runs already"));
        }
        let port = self.port().to_string();
        let arguments = ["--addr", "127.0.0.1", "--port", &port, "--name", &self.name];
        let mut started = Supervised::start(&Program {
            name: "NATS",
            path: self.program.clone(),
            arguments: arguments.map(str::to_owned).to_vec(),
            folder: self.folder.path(),
            stop_signal: STOP_SIGNAL,
            user: None,
        })?;
        started.wait_until(START_TIME_MAX, || self.greets().unwrap_or(false))?;
        *running = Some(started);
        Ok(())
    }

    fn running(&self) -> std::sync::MutexGuard<'_, Option<Supervised>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it is this server that greets on its port, with a line of what it is.
    fn greets(&self) -> std::io::Result<bool> {
        let stream = TcpStream::connect(("127.0.0.1", self.port()))?;
        stream.set_read_timeout(Some(GREETING_TIME_MAX))?;
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line)?;
        Ok(line.starts_with("INFO ") && line.contains(&self.name))
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        if let Some(running) = self.running().take() {
            // What does not stop is stopped by the end of the pipe to it.
            let _ = running.stop(STOP_SIGNAL, STOP_TIME_MAX);
        }
    }
}
