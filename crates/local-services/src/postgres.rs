//! A PostgreSQL server.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rand::RngExt as _;
use tempfile::TempDir;

use crate::supervised::{Program, Supervised, User, command};
use crate::{Error, ReservedPort, programs, sql};

const NAME: &str = "PostgreSQL";
/// The superuser whom every URL names, and the database that belongs to it.
const TORG: &str = "torg";
/// Many tests at a time, each with servers that have pools of connections.
const CONNECTIONS_MAX: u32 = 400;
const START_TIME_MAX: Duration = Duration::from_mins(1);
const STOP_TIME_MAX: Duration = Duration::from_mins(1);
/// How long the processes of a killed server hold its data, at most.
const HELD_TIME_MAX: Duration = Duration::from_secs(15);
const RETRY_INTERVAL: Duration = Duration::from_millis(200);

/// A PostgreSQL server with a database of its own, gone when it is dropped. Its user may do everything.
pub struct Postgres {
    /// Dropped before the folder is.
    running: Mutex<Option<Supervised>>,
    programs: PathBuf,
    user: Option<User>,
    port: ReservedPort,
    password: String,
    settings: Vec<String>,
    folder: TempDir,
}

/// What a commit survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Every end of the server, but no crash of the machine: for tests, to which a disk's delay tells nothing.
    Process,
    /// What a server in production survives: for benches.
    Machine,
}

/// How a server ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopMode {
    /// Transactions are rolled back, connections closed, and everything is written.
    Fast,
    /// Nothing is finished and nothing written; the next start recovers from the log.
    Immediate,
    /// SIGKILL. Connections break a moment later, as the processes behind them notice.
    Kill,
}

impl Postgres {
    /// Starts a server on a free port of this machine's loopback.
    pub fn start(durability: Durability) -> Result<Self, Error> {
        Self::start_with(durability, &[])
    }

    /// Like [`Self::start`], with settings of PostgreSQL, such as `("shared_buffers", "1GB")`.
    pub fn start_with(durability: Durability, settings: &[(&str, &str)]) -> Result<Self, Error> {
        let programs = programs::postgres_folder()?;
        let folder = tempfile::Builder::new().prefix("torg-postgres-").tempdir();
        let folder = folder.map_err(Error::system("cannot make a temporary folder"))?;
        let user = user_for(folder.path())?;
        let password = format!("{:032x}", rand::rng().random::<u128>());
        make_cluster(&programs, folder.path(), user, &password)?;

        let throw_away = [("fsync", "off"), ("full_page_writes", "off")];
        let chosen = match durability {
            Durability::Process => &throw_away[..],
            Durability::Machine => &[],
        };
        let settings: Vec<String> = chosen
            .iter()
            .chain(settings)
            .flat_map(|(name, value)| ["-c".to_owned(), format!("{name}={value}")])
            .collect();
        let running = Mutex::new(None);
        let port = ReservedPort::find()?;
        let this = Self { running, programs, user, port, password, settings, folder };
        this.launch()?;
        sql::run(&this.url_of("postgres"), &format!("CREATE DATABASE {TORG}"))?;
        Ok(this)
    }

    /// Where its database is: `postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=disable`. It stays the same over restarts.
    pub fn url(&self) -> String {
        self.url_of(TORG)
    }

    /// Where it listens, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// A program that came with the server, such as `psql` or `pgbench`.
    pub fn program(&self, name: &str) -> PathBuf {
        // Where the server was found may be a folder of links to some of the programs.
        let server = self.programs.join("postgres");
        server.canonicalize().unwrap_or(server).with_file_name(name)
    }

    /// Stops the server, and waits for its end. Its data stay.
    pub fn stop(&self, mode: StopMode) -> Result<(), Error> {
        let signal = match mode {
            StopMode::Fast => "INT",
            StopMode::Immediate => "QUIT",
            StopMode::Kill => "KILL",
        };
        let running = self.running().take();
        running.ok_or(Error::OutOfTurn("PostgreSQL does not run"))?.stop(signal, STOP_TIME_MAX)
    }

    /// Starts the stopped server again, with the same data on the same port, and waits until it can be asked.
    pub fn start_again(&self) -> Result<(), Error> {
        let begun = Instant::now();
        loop {
            match self.launch() {
                // A killed server's other processes may be there still.
                Err(Error::Failed { .. }) if begun.elapsed() < HELD_TIME_MAX => {
                    std::thread::sleep(RETRY_INTERVAL);
                }
                outcome => return outcome,
            }
        }
    }

    /// [`Self::stop`] and [`Self::start_again`].
    pub fn restart(&self, mode: StopMode) -> Result<(), Error> {
        self.stop(mode)?;
        self.start_again()
    }

    fn running(&self) -> std::sync::MutexGuard<'_, Option<Supervised>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn url_of(&self, database: &str) -> String {
        format!(
            "postgres://{TORG}:{}@127.0.0.1:{}/{database}?sslmode=disable",
            self.password,
            self.port()
        )
    }

    fn launch(&self) -> Result<(), Error> {
        let mut running = self.running();
        if running.is_some() {
            return Err(Error::OutOfTurn("PostgreSQL runs already"));
        }
        let fixed = [
            "-D".to_owned(),
            data_of(self.folder.path()).display().to_string(),
            "-p".to_owned(),
            self.port().to_string(),
            "-clisten_addresses=127.0.0.1".to_owned(),
            "-cunix_socket_directories=".to_owned(),
            format!("-cmax_connections={CONNECTIONS_MAX}"),
        ];
        let mut started = Supervised::start(&Program {
            name: NAME,
            path: self.programs.join("postgres"),
            arguments: fixed.into_iter().chain(self.settings.iter().cloned()).collect(),
            folder: self.folder.path(),
            stop_signal: "INT",
            user: self.user,
        })?;
        // Only this server knows the password, so that nobody else's is taken for it.
        let url = self.url_of("postgres");
        started.wait_until(START_TIME_MAX, || sql::run(&url, "SELECT 1").is_ok())?;
        *running = Some(started);
        Ok(())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Some(running) = self.running().take() {
            // Nobody needs the data any more. What does not stop is stopped by the end of the pipe to it.
            let _ = running.stop("QUIT", STOP_TIME_MAX);
        }
    }
}

fn data_of(folder: &Path) -> PathBuf {
    folder.join("data")
}

/// The user that can run the server in `folder`, if that is not who runs this: PostgreSQL refuses root. The folder becomes
/// that user's.
fn user_for(folder: &Path) -> Result<Option<User>, Error> {
    let owner = std::fs::metadata(folder).map_err(Error::system("cannot look at a folder"))?.uid();
    if owner != 0 {
        return Ok(None);
    }
    let ask = |flag: &str| -> Option<u32> {
        let answer = Command::new("id").args([flag, "postgres"]).output().ok()?;
        String::from_utf8(answer.stdout).ok()?.trim().parse().ok()
    };
    let user = ask("-u").zip(ask("-g")).map(|(id, group)| User { id, group });
    let user = user.ok_or(Error::NoSystemUser)?;
    std::os::unix::fs::chown(folder, Some(user.id), Some(user.group))
        .map_err(Error::system("cannot give a folder to the user 'postgres'"))?;
    Ok(Some(user))
}

/// Makes the files of an empty server.
fn make_cluster(
    programs: &Path,
    folder: &Path,
    user: Option<User>,
    password: &str,
) -> Result<(), Error> {
    let cannot = || Error::system("cannot run initdb");
    let password_file = folder.join("password");
    std::fs::write(&password_file, password).map_err(cannot())?;
    if let Some(User { id, group }) = user {
        std::os::unix::fs::chown(&password_file, Some(id), Some(group)).map_err(cannot())?;
    }
    let mut initdb = command(programs.join("initdb"), user);
    initdb.arg("--pgdata").arg(data_of(folder)).arg("--pwfile").arg(password_file);
    // Nobody listens in on the loopback, and a test server that is not optimised would need long for each proof of SCRAM.
    initdb.args(["--username", TORG, "--auth", "password"]);
    initdb.args(["--encoding", "UTF8", "--locale", "C", "--no-sync"]);
    let ran = initdb.current_dir(folder).stdin(Stdio::null()).output().map_err(cannot())?;
    if ran.status.success() {
        return Ok(());
    }
    let output = String::from_utf8_lossy(&ran.stderr).trim().to_owned();
    Err(Error::Failed { program: "initdb", output })
}
