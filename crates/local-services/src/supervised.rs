//! A server as a child process that never outlives this one.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use crate::Error;

/// The shell above a server. It passes signals on, whose names come through a pipe; and when the pipe ends, because the
/// process at its other end has, it stops the server and removes its folder. As the server's parent it knows the id to be
/// the server's.
const SHELL: &str = r#"
folder=$1 stop_signal=$2
shift 2
exec 3<&0
"$@" </dev/null 3<&- &
server=$!
(
    while read -r signal <&3; do kill -s "$signal" "$server"; done
    # The server may end at once, and the shell above then wants this one to end, too.
    trap '' TERM
    kill -s "$stop_signal" "$server"
    exit 7
) &
watch=$!
wait "$server"
status=$?
kill "$watch" 2>/dev/null
wait "$watch"
if [ $? = 7 ]; then rm -rf "$folder"; fi
exit "$status"
"#;

const POLL_INTERVAL: Duration = Duration::from_millis(10);
/// So much of a log is quoted.
const QUOTED_LINES: usize = 12;

/// What a server is started with.
pub(crate) struct Program<'a> {
    /// Its name in messages.
    pub(crate) name: &'static str,
    pub(crate) path: PathBuf,
    pub(crate) arguments: Vec<String>,
    /// Everything that the server has. Its log is written here.
    pub(crate) folder: &'a Path,
    /// The name of the signal upon which it ends well.
    pub(crate) stop_signal: &'static str,
    /// As whom it runs, if not as who runs this.
    pub(crate) user: Option<User>,
}

/// A user of the system.
#[derive(Clone, Copy, Debug)]
pub(crate) struct User {
    pub(crate) id: u32,
    pub(crate) group: u32,
}

/// A server that runs. Dropped, it stops by its stop signal, and takes its folder along.
pub(crate) struct Supervised {
    name: &'static str,
    shell: Child,
    pipe: ChildStdin,
    log: PathBuf,
}

impl Supervised {
    pub(crate) fn start(program: &Program<'_>) -> Result<Self, Error> {
        let cannot = || format!("cannot start {}", program.path.display());
        let log = program.folder.join("log");
        let output = File::options().create(true).append(true).open(&log);
        let output = output.map_err(Error::system(cannot()))?;
        let errors = output.try_clone().map_err(Error::system(cannot()))?;
        let mut command = command("sh", program.user);
        command.args(["-c", SHELL, "sh"]).arg(program.folder).arg(program.stop_signal);
        command.arg(&program.path).args(&program.arguments);
        // A Ctrl-C at the terminal is for the tests; they have their server until they end.
        command.process_group(0).current_dir(program.folder);
        command.stdin(Stdio::piped()).stdout(output).stderr(errors);
        let mut shell = command.spawn().map_err(Error::system(cannot()))?;
        let pipe = shell.stdin.take();
        let pipe = pipe.ok_or(Error::OutOfTurn("a child without a standard input"))?;
        Ok(Self { name: program.name, shell, pipe, log })
    }

    /// Waits until `is_ready`. An error if the server ends before, or takes longer than `time_max`.
    pub(crate) fn wait_until(
        &mut self,
        time_max: Duration,
        is_ready: impl Fn() -> bool,
    ) -> Result<(), Error> {
        let begun = Instant::now();
        while !self.has_ended()? {
            if is_ready() {
                return Ok(());
            }
            if time_max < begun.elapsed() {
                let output = self.last_words();
                return Err(Error::TooSlow {
                    program: self.name,
                    what: "started",
                    time_max,
                    output,
                });
            }
            std::thread::sleep(POLL_INTERVAL);
        }
        Err(Error::Failed { program: self.name, output: self.last_words() })
    }

    /// Sends a signal, and waits for the end.
    pub(crate) fn stop(mut self, signal: &str, time_max: Duration) -> Result<(), Error> {
        // A pipe that is closed has nobody any more who would have to be told.
        let _ = writeln!(self.pipe, "{signal}");
        let begun = Instant::now();
        while !self.has_ended()? {
            if time_max < begun.elapsed() {
                let _ = writeln!(self.pipe, "KILL");
                let output = self.last_words();
                return Err(Error::TooSlow {
                    program: self.name,
                    what: "stopped",
                    time_max,
                    output,
                });
            }
            std::thread::sleep(POLL_INTERVAL);
        }
        Ok(())
    }

    fn has_ended(&mut self) -> Result<bool, Error> {
        let status = self.shell.try_wait();
        Ok(status.map_err(Error::system(format!("cannot watch {}", self.name)))?.is_some())
    }

    fn last_words(&self) -> String {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(QUOTED_LINES)..].join("\n")
    }
}

/// A command that sees nothing of the user's settings for these servers and their clients.
pub(crate) fn command(program: impl AsRef<std::ffi::OsStr>, user: Option<User>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("PG") || name.starts_with("LC_")) {
            command.env_remove(name);
        }
    }
    command.env_remove("LANG").env("LC_ALL", "C");
    if let Some(user) = user {
        command.uid(user.id).gid(user.group);
    }
    command
}
