//! How many files, and so how many connections, a process may have open.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Files that a process has open besides its connections.
const OTHER_FILES: usize = 200;

/// Lets this process, and those that it starts from now on, have so many connections.
pub(crate) fn allow_connections(connections: usize) -> anyhow::Result<()> {
    let files = u64::try_from(connections + OTHER_FILES)?;
    let mut limit = getrlimit(Resource::Nofile);
    // None is no limit.
    if limit.current.is_none_or(|current| files <= current) {
        return Ok(());
    }
    if let Some(maximum) = limit.maximum {
        anyhow::ensure!(
            files <= maximum,
            "a process may open {maximum} files (`ulimit -Hn`), and {files} are needed"
        );
    }
    limit.current = Some(files);
    Ok(setrlimit(Resource::Nofile, limit)?)
}
