//! Why there is no server.

use std::fmt;
use std::time::Duration;

/// Why a server cannot be started, stopped or asked.
#[derive(Clone, thiserror::Error)]
pub enum Error {
    /// A program is not on this machine.
    #[error(
        "'{program}' is neither in PATH nor in {usual_places}; on Debian: apt-get install {package}"
    )]
    NotInstalled {
        /// The program.
        program: &'static str,
        /// Where it was looked for, besides PATH.
        usual_places: &'static str,
        /// The package of Debian that brings it.
        package: &'static str,
    },
    /// PostgreSQL refuses to run as root, and the user as whom it could run is missing.
    #[error(
        "PostgreSQL does not run as root, and there is no system user 'postgres' to run it; on Debian: \
         apt-get install postgresql"
    )]
    NoSystemUser,
    /// A program has ended although it should not have, or has failed.
    #[error("{program} failed: {output}")]
    Failed {
        /// The program.
        program: &'static str,
        /// What it said last.
        output: String,
    },
    /// A server has not done in time what it was to do.
    #[error("{program} has not {what} within {time_max:?}: {output}")]
    TooSlow {
        /// The program.
        program: &'static str,
        /// Such as "started".
        what: &'static str,
        /// The time that it had.
        time_max: Duration,
        /// What it said last.
        output: String,
    },
    /// A server that was stopped cannot be stopped, and one that runs cannot be started.
    #[error("{0}")]
    OutOfTurn(&'static str),
    /// The server did not do what a statement asked for.
    #[error("PostgreSQL refused: {0}")]
    Sql(String),
    /// The system did not do what was asked of it.
    #[error("{what}: {reason}")]
    System {
        /// What was tried.
        what: String,
        /// What the system said.
        reason: String,
    },
}

impl Error {
    pub(crate) fn system(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |error| Self::System { what, reason: error.to_string() }
    }
}

/// The sentence, since it is by `unwrap` that a test shows it.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
