//! Where the servers' programs lie.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::Error;

/// Where Debian puts the versions of PostgreSQL, each in a folder of its number.
const DEBIAN_VERSIONS: &str = "/usr/lib/postgresql";
/// Where Debian puts the libraries of Erlang.
const ERLANG_LIBRARIES: &str = "/usr/lib/erlang/lib";

/// The folder that holds PostgreSQL's `initdb` and `postgres`: the first of PATH, else the newest of Debian's.
pub(crate) fn postgres_folder() -> Result<PathBuf, Error> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    folder_of(&["initdb", "postgres"], &path, Path::new(DEBIAN_VERSIONS)).ok_or(
        Error::NotInstalled {
            program: "postgres",
            usual_places: "/usr/lib/postgresql/*/bin",
            package: "postgresql",
        },
    )
}

/// The program `nats-server`.
pub(crate) fn nats_server() -> Result<PathBuf, Error> {
    server("nats-server", "nats-server")
}

/// A program of PATH, or of the folder for servers to which an ordinary user's PATH does not lead.
fn server(program: &'static str, package: &'static str) -> Result<PathBuf, Error> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders =
        std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    folders
        .map(|folder| folder.join(program))
        .find(|program| program.is_file())
        .ok_or(Error::NotInstalled { program, usual_places: "/usr/sbin", package })
}

/// What ejabberd consists of.
pub(crate) struct Ejabberd {
    /// The program that runs Erlang's code.
    pub(crate) erlang: PathBuf,
    /// The folder that holds ejabberd's.
    pub(crate) libraries: PathBuf,
}

/// Where ejabberd lies, as its own script says.
pub(crate) fn ejabberd() -> Result<Ejabberd, Error> {
    const SCRIPT: &str = "ejabberdctl";
    let script = std::fs::read_to_string(server(SCRIPT, "ejabberd")?);
    let script = script.map_err(Error::system(format!("cannot read {SCRIPT}")))?;
    let assigned = |name: &str| {
        let value = script.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        value.map(|value| PathBuf::from(value.trim_matches(['"', '\''])))
    };
    let parts = assigned("ERL").zip(assigned("ERL_LIBS"));
    let (erlang, libraries) = parts.ok_or_else(|| Error::Failed {
        program: SCRIPT,
        output: "it does not say where ejabberd lies".to_owned(),
    })?;
    // Debian only recommends it, and without it ejabberd starts and fails at the first login.
    let has_driver = [ERLANG_LIBRARIES.as_ref(), libraries.as_path()].iter().any(|folder| {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries
            .filter_map(|entry| entry.file_name().into_string().ok())
            .any(|name| name.starts_with("p1_pgsql"))
    });
    if has_driver {
        Ok(Ejabberd { erlang, libraries })
    } else {
        Err(Error::NotInstalled {
            program: "ejabberd's driver for PostgreSQL",
            usual_places: ERLANG_LIBRARIES,
            package: "erlang-p1-pgsql",
        })
    }
}

fn folder_of(programs: &[&str], path: &OsStr, versions: &Path) -> Option<PathBuf> {
    let has_all = |folder: &PathBuf| programs.iter().all(|program| folder.join(program).is_file());
    let newest_first = || {
        let entries = std::fs::read_dir(versions).into_iter().flatten().flatten();
        let mut numbers: Vec<u32> =
            entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
        numbers.sort_unstable_by(|a, b| b.cmp(a));
        numbers.into_iter().map(|number| versions.join(number.to_string()).join("bin"))
    };
    std::env::split_paths(path).find(has_all).or_else(|| newest_first().find(has_all))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_weighs_more_than_the_newest_version_of_debian() {
        let root = tempfile::tempdir().unwrap();
        let make = |folder: &str, programs: &[&str]| {
            let folder = root.path().join(folder);
            std::fs::create_dir_all(&folder).unwrap();
            for program in programs {
                std::fs::write(folder.join(program), "").unwrap();
            }
            folder
        };
        let versions = root.path().join("versions");
        let found = |path: &Path| folder_of(&["initdb", "postgres"], path.as_os_str(), &versions);
        let nowhere = make("nowhere", &["postgres"]);
        assert_eq!(found(&nowhere), None);
        let nine = make("versions/9/bin", &["initdb", "postgres"]);
        assert_eq!(found(&nowhere), Some(nine));
        let fifteen = make("versions/15/bin", &["initdb", "postgres"]);
        // The tools of a client alone are no server.
        make("versions/17/bin", &["psql"]);
        assert_eq!(found(&nowhere), Some(fifteen));
        let chosen = make("chosen", &["initdb", "postgres"]);
        assert_eq!(found(&chosen), Some(chosen.clone()));
    }
}
