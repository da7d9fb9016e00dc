//! An ejabberd, for benches: a chat server that others have built.

use std::fmt::Write as _;
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;
use tokio_postgres::Config;
use tokio_postgres::config::Host;

use crate::supervised::{Program, Supervised};
use crate::{Error, ReservedPort, programs, sql};

const NAME: &str = "ejabberd";
const START_TIME_MAX: Duration = Duration::from_mins(1);
const STOP_TIME_MAX: Duration = Duration::from_secs(30);
const STOP_SIGNAL: &str = "TERM";
/// The statements that make its tables, as the package brings them.
const TABLES: &str = "/usr/share/ejabberd/sql/pg.sql";
/// Where it writes its process id, and what its settings are, in its folder.
const PROCESS_ID: &str = "pid";
const SETTINGS: &str = "ejabberd.yml";

/// An ejabberd that keeps accounts and the archive of messages (XEP-0313) in a PostgreSQL, gone when it is dropped.
///
/// It is a single node without clustering. It has no modules but the archive and the acknowledgement of stanzas
/// (XEP-0198), and no encryption, since its clients come over the loopback.
pub struct Ejabberd {
    /// Dropped before the folder is.
    running: Option<Supervised>,
    port: ReservedPort,
    folder: TempDir,
}

impl Ejabberd {
    /// The host whose accounts it serves.
    pub const HOST: &str = "bench.test";

    /// Whether it is installed, and if not, what is missing.
    pub fn check_installed() -> Result<(), Error> {
        programs::ejabberd().map(|_| ())
    }

    /// Starts a server on a free port of this machine's loopback. It makes its tables in the database at `postgres_url`,
    /// with so many accounts, `account1` and on, whose password is `password`. No other ejabberd may use that database.
    pub fn start(
        postgres_url: &str,
        pool_size: u32,
        accounts: u32,
        password: &str,
    ) -> Result<Self, Error> {
        let program = programs::ejabberd()?;
        let tables = std::fs::read_to_string(TABLES);
        let tables = tables.map_err(Error::system(format!("cannot read {TABLES}")))?;
        sql::run(postgres_url, &tables)?;
        sql::run(
            postgres_url,
            &format!(
                "INSERT INTO users (username, password) \
                 SELECT 'account' || number, '{password}' FROM generate_series(1, {accounts}) number"
            ),
        )?;
        let folder = tempfile::Builder::new().prefix("torg-ejabberd-").tempdir();
        let folder = folder.map_err(Error::system("cannot make a temporary folder"))?;
        let mut this = Self { running: None, port: ReservedPort::find()?, folder };
        this.launch(&program, &database(postgres_url, pool_size)?).map(|()| this)
    }

    /// Where clients connect, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// The number of its process.
    pub fn process_id(&self) -> Result<u32, Error> {
        let cannot = || Error::system("cannot read the process id of ejabberd");
        let text = std::fs::read_to_string(self.folder.path().join(PROCESS_ID)).map_err(cannot())?;
        text.trim().parse().map_err(std::io::Error::other).map_err(cannot())
    }

    fn launch(&mut self, program: &programs::Ejabberd, database: &str) -> Result<(), Error> {
        let folder = self.folder.path();
        let settings = folder.join(SETTINGS);
        std::fs::write(&settings, settings_of(self.port(), database))
            .map_err(Error::system("cannot write the settings of ejabberd"))?;
        let mut started = Supervised::start(&Program {
            name: NAME,
            path: program.erlang.clone(),
            arguments: arguments(program, folder, &settings),
            folder,
            stop_signal: STOP_SIGNAL,
            user: None,
        })?;
        started.wait_until(START_TIME_MAX, || self.listens())?;
        self.running = Some(started);
        Ok(())
    }

    fn listens(&self) -> bool {
        self.process_id().is_ok() && TcpStream::connect(("127.0.0.1", self.port())).is_ok()
    }
}

impl Drop for Ejabberd {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            // What does not stop is stopped by the end of the pipe to it.
            let _ = running.stop(STOP_SIGNAL, STOP_TIME_MAX);
        }
    }
}

/// As its own script starts it, but for the name of a node, so that nothing has to be found by it and no further daemon
/// is started; and with the settings and the log in `folder`.
fn arguments(program: &programs::Ejabberd, folder: &Path, settings: &Path) -> Vec<String> {
    let in_folder = |name: &str| folder.join(name).display().to_string();
    let environment = [
        ("ERL_LIBS", program.libraries.display().to_string()),
        ("ERL_CRASH_DUMP", in_folder("crash")),
        ("EJABBERD_CONFIG_PATH", settings.display().to_string()),
        ("EJABBERD_LOG_PATH", in_folder("ejabberd.log")),
        ("EJABBERD_PID_PATH", in_folder(PROCESS_ID)),
    ];
    let mut arguments: Vec<String> =
        ["-noinput", "+K", "true", "+P", "250000"].map(str::to_owned).to_vec();
    for (name, value) in environment {
        arguments.extend(["-env".to_owned(), name.to_owned(), value]);
    }
    // An Erlang term: a string in quotes.
    let data = format!("{:?}", in_folder("mnesia"));
    arguments.extend(["-mnesia".to_owned(), "dir".to_owned(), data]);
    arguments.extend(["-s".to_owned(), NAME.to_owned()]);
    arguments
}

/// The settings of the database at `url`.
fn database(url: &str, pool_size: u32) -> Result<String, Error> {
    let config: Config =
        url.parse().map_err(|error: tokio_postgres::Error| Error::Sql(error.to_string()))?;
    let mut lines = String::from("sql_type: pgsql\n");
    let host = config.get_hosts().iter().find_map(|host| match host {
        Host::Tcp(host) => Some(host.clone()),
        Host::Unix(_) => None,
    });
    let password = config.get_password().map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    let text = [
        ("sql_server", host),
        ("sql_database", config.get_dbname().map(str::to_owned)),
        ("sql_username", config.get_user().map(str::to_owned)),
        ("sql_password", password),
    ];
    for (name, value) in text {
        // Writing to a string cannot fail.
        let _ = writeln!(lines, "{name}: {:?}", value.unwrap_or_default());
    }
    let port = config.get_ports().first().copied().unwrap_or(5432);
    let _ = writeln!(lines, "sql_port: {port}\nsql_pool_size: {pool_size}");
    Ok(lines)
}

/// What is left out has its default, but for the caches: those hold all accounts, and not the last thousand.
fn settings_of(port: u16, database: &str) -> String {
    let host = Ejabberd::HOST;
    format!(
        r#"hosts: ["{host}"]
loglevel: warning
listen:
  - port: {port}
    ip: "127.0.0.1"
    module: ejabberd_c2s
auth_method: sql
cache_size: 1000000
{database}
acl:
  local:
    user_regexp: ""
access_rules:
  local:
    allow: local
modules:
  mod_mam:
    db_type: sql
    default: always
  mod_stream_mgmt: {{}}
"#
    )
}
