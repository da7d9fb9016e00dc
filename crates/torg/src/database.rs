//! The database that the settings name: opening it, and telling the servers that work on it apart.

use std::fs::{File, TryLockError};
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use engine::limits::UnitLedger;
use engine::random::Random;
use engine::store::Store;
use store::postgres::PostgresStore;
use store::sqlite::SqliteStore;

use crate::settings::{Settings, StoreChoice};

/// How the only server of a data directory calls itself towards the store. It finds what it held before a crash in its
/// own name, and goes on at once.
const ONLY_HOLDER: &str = "server";

/// A server's place among those that work on its database.
pub(crate) struct Tenancy {
    /// How it calls itself towards the store.
    pub(crate) holder: String,
    /// Released when it is dropped.
    _lock: Option<File>,
}

impl Tenancy {
    /// Takes the place. A file has one server at a time; a program that makes a key may work beside it.
    pub(crate) fn begin(settings: &Settings, random: &dyn Random) -> anyhow::Result<Self> {
        Ok(match &settings.store {
            StoreChoice::Sqlite => {
                let lock = Some(lock_folder(&settings.data_dir)?);
                Self { holder: ONLY_HOLDER.to_owned(), _lock: lock }
            }
            StoreChoice::Postgres(_) => Self { holder: random.uuid().to_string(), _lock: None },
        })
    }
}

/// A database that was opened, and what the engine has to know of it.
pub(crate) struct Database {
    pub(crate) store: Arc<dyn Store>,
    /// How many batches are committed side by side.
    pub(crate) committers: NonZeroUsize,
    /// Where the servers that share it keep what each may let through, so that limits hold for all together.
    pub(crate) unit_ledger: Option<Arc<dyn UnitLedger>>,
}

/// Opens the database.
pub(crate) async fn open(settings: &Settings) -> anyhow::Result<Database> {
    let cannot = || format!("cannot open the database of {}", describe(settings));
    Ok(match &settings.store {
        StoreChoice::Sqlite => {
            make_folder(&settings.data_dir)?;
            let file = settings.data_dir.join("torg.sqlite");
            let store = Arc::new(SqliteStore::open(file).with_context(cannot)?);
            // SQLite has one writer.
            Database { store, committers: NonZeroUsize::MIN, unit_ledger: None }
        }
        StoreChoice::Postgres(url) => {
            let store = Arc::new(PostgresStore::open(url).await.with_context(cannot)?);
            let unit_ledger = Some(Arc::clone(&store) as Arc<dyn UnitLedger>);
            Database { store, committers: PostgresStore::COMMITTERS, unit_ledger }
        }
    })
}

/// Where the database is, in words that may be shown to everybody.
pub(crate) fn describe(settings: &Settings) -> String {
    match &settings.store {
        StoreChoice::Sqlite => settings.data_dir.display().to_string(),
        shared @ StoreChoice::Postgres(_) => shared.to_string(),
    }
}

/// The data directory, which is there from now on.
fn make_folder(folder: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot make {} (setting 'data_dir')", folder.display()))
}

/// Makes sure that no other server works in `folder`, for as long as the file is open.
pub(crate) fn lock_folder(folder: &Path) -> anyhow::Result<File> {
    make_folder(folder)?;
    let path = folder.join("server.lock");
    let lock = File::create(&path).with_context(|| format!("cannot open {}", path.display()))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => {
            bail!("another server runs on {} (setting 'data_dir')", folder.display())
        }
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("cannot lock {}", path.display()))
        }
    }
}
