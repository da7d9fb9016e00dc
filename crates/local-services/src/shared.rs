//! The servers that the tests of a process share.

use std::sync::OnceLock;

use crate::{Durability, Error, Nats, Postgres};

/// The environment variable with the URL of the PostgreSQL of all tests. Its user must be allowed to make schemas.
pub const POSTGRES_VARIABLE: &str = "TORG_TEST_POSTGRES";
/// The environment variable with the URL of the NATS of all tests.
pub const NATS_VARIABLE: &str = "TORG_TEST_NATS";

/// The URL of the PostgreSQL of this process's tests: the one that `TORG_TEST_POSTGRES` names, else one that is started
/// now, and ends with the process.
pub fn postgres_url() -> Result<String, Error> {
    static OWN: OnceLock<Result<Postgres, Error>> = OnceLock::new();
    if let Ok(url) = std::env::var(POSTGRES_VARIABLE) {
        return Ok(url);
    }
    let own = OWN.get_or_init(|| Postgres::start(Durability::Process));
    own.as_ref().map(Postgres::url).map_err(Clone::clone)
}

/// The URL of the NATS of this process's tests: the one that `TORG_TEST_NATS` names, else one that is started now, and
/// ends with the process. Other tests talk over it, too.
pub fn nats_url() -> Result<String, Error> {
    static OWN: OnceLock<Result<Nats, Error>> = OnceLock::new();
    if let Ok(url) = std::env::var(NATS_VARIABLE) {
        return Ok(url);
    }
    let own = OWN.get_or_init(Nats::start);
    own.as_ref().map(Nats::url).map_err(Clone::clone)
}
