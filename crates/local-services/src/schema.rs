//! An empty place in a server that others use, too.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rand::RngExt as _;

use crate::{Error, postgres_url, sql};

/// A schema of one test, dropped with everything in it when this value is dropped: in the background, and as well as the
/// end of the process leaves time for it.
#[derive(Debug)]
pub struct Schema {
    name: String,
    url: String,
    server_url: String,
}

/// An empty schema in the PostgreSQL of this process's tests, see [`postgres_url`].
pub fn fresh_schema() -> Result<Schema, Error> {
    Schema::make(&postgres_url()?)
}

impl Schema {
    /// An empty schema in the database at `server_url`.
    pub fn make(server_url: &str) -> Result<Self, Error> {
        let name = format!("test_{:016x}", rand::rng().random::<u64>());
        sql::run(server_url, &format!("CREATE SCHEMA {name}"))?;
        let option = format!("-c search_path={name}");
        let url = format!(
            "{server_url}{}options={}",
            if server_url.contains('?') { '&' } else { '?' },
            utf8_percent_encode(&option, NON_ALPHANUMERIC)
        );
        Ok(Self { name, url, server_url: server_url.to_owned() })
    }

    /// The URL of the database, with which a connection finds this schema and no other.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The name of the schema.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Schema {
    fn drop(&mut self) {
        let Self { name, server_url, .. } = self;
        // Whoever left a transaction open in here would be waited for.
        let statements = format!(
            "SELECT pg_terminate_backend(pid) FROM pg_locks \
             JOIN pg_class ON pg_class.oid = pg_locks.relation \
             JOIN pg_namespace ON pg_namespace.oid = pg_class.relnamespace \
             WHERE nspname = '{name}' AND pid <> pg_backend_pid();\
             SET lock_timeout = '10s';\
             DROP SCHEMA {name} CASCADE"
        );
        let server_url = std::mem::take(server_url);
        // Its failure would be no news: the server may have been stopped before.
        std::thread::spawn(move || sql::run(&server_url, &statements));
    }
}
