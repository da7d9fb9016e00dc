//! `torg migrate-store`: from one file to many replicas.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use store::transfer::{Progress, Transferred, transfer};

use crate::cli::MigrateStoreArguments;
use crate::database::lock_folder;
use crate::settings::StoreChoice;

const TARGET_FORM: &str = "write it as postgres://user:password@host:port/database";

/// Copies one store to another, and says how far it is. Can be interrupted and run again.
pub async fn run(arguments: &MigrateStoreArguments, print: impl Fn(&str)) -> anyhow::Result<()> {
    let file = sqlite_file(&arguments.from)?;
    let to = match StoreChoice::try_from(arguments.to.clone()) {
        Ok(to @ StoreChoice::Postgres(_)) => to,
        Ok(StoreChoice::Sqlite) => bail!("--to: {TARGET_FORM}"),
        Err(reason) => bail!("--to: {reason}; {TARGET_FORM}"),
    };
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let _lock: File = lock_folder(folder.unwrap_or(Path::new(".")))
        .context("--from: stop the server that uses this database first")?;
    let mut shown = None;
    let outcome = transfer(&file, &arguments.to, |progress| match progress {
        Progress::Copied { table, rows } => {
            // A line when a table begins, and then for every hundred thousand rows.
            let stage = (table, rows / 100_000);
            if shown.replace(stage) != Some(stage) {
                print(&format!("copying {table}: {rows} rows so far"));
            }
        }
        Progress::Checking => print("comparing both databases"),
    });
    let outcome = outcome.await;
    match outcome.with_context(|| format!("cannot copy {} to {to}", file.display()))? {
        Transferred::Complete { rows } => {
            print(&format!("done: {rows} rows copied and compared, the logs have no gap"));
            print(
                "Start servers with --store and the same URL. Attachments are not in the database:",
            );
            print("the folder or bucket of the old server must be that of the new ones.");
        }
        Transferred::Earlier => {
            print("nothing to do: this database was copied there completely before");
        }
    }
    Ok(())
}

/// The file of `sqlite:PATH`.
fn sqlite_file(source: &str) -> anyhow::Result<PathBuf> {
    let path = source.strip_prefix("sqlite:").filter(|path| !path.is_empty());
    let Some(path) = path else {
        bail!("--from: write it as sqlite:PATH, for instance sqlite:data/torg.sqlite");
    };
    let path = PathBuf::from(path.strip_prefix("//").unwrap_or(path));
    if path.is_dir() {
        return Ok(path.join("torg.sqlite"));
    }
    if !path.exists() {
        bail!("--from: there is no file {}", path.display());
    }
    Ok(path)
}
