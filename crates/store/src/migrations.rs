//! Which migrations a database still needs: forward only, the same rule for every store.

use engine::store::StoreError;
use sha2::{Digest, Sha256};

/// One step of the schema.
pub(crate) struct Migration {
    /// 1, 2, 3, …
    pub(crate) version: i64,
    /// Its statements.
    pub(crate) sql: &'static str,
}

/// A migration that a database has run.
pub(crate) struct Run {
    pub(crate) version: i64,
    pub(crate) hash: [u8; 32],
}

/// By which a migration is known again: SHA-256 of its text.
pub(crate) fn hash_of(migration: &Migration) -> [u8; 32] {
    Sha256::digest(migration.sql).into()
}

/// Those of `migrations` that are not among `run`. Fails when the database is of a newer program, or when a migration
/// that has run is not what it was: the schema would be anybody's guess.
pub(crate) fn pending<'m>(
    migrations: &'m [Migration],
    run: &[Run],
) -> Result<Vec<&'m Migration>, StoreError> {
    let newest = run.iter().map(|run| run.version).max();
    if migrations.last().map(|migration| migration.version) < newest {
        let reason = "the database was written by a newer version of Torg";
        return Err(StoreError::Failed(reason.to_owned()));
    }
    let mut pending = Vec::new();
    for migration in migrations {
        match run.iter().find(|run| run.version == migration.version) {
            Some(run) if run.hash == hash_of(migration) => {}
            Some(run) => {
                let version = run.version;
                let reason = format!("migration {version} has changed since it was run");
                return Err(StoreError::Failed(reason));
            }
            None => pending.push(migration),
        }
    }
    Ok(pending)
}
