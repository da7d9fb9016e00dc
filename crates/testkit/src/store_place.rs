//! The store of a test's server.

use local_services::{Schema, fresh_schema};

/// The environment variable that names the kind of store on which tests run their servers.
const VARIABLE: &str = "TORG_TEST_STORE";

/// An empty place for the store of a server, of the kind that `TORG_TEST_STORE` names: `sqlite`, which is usual, or
/// `postgres`. What is stored there is gone when this is dropped.
pub struct StorePlace {
    schema: Option<Schema>,
}

impl StorePlace {
    /// A place of its own.
    pub fn new() -> Self {
        let schema = match std::env::var(VARIABLE).as_deref() {
            Err(_) | Ok("sqlite") => None,
            Ok("postgres") => Some(fresh_schema().unwrap()),
            Ok(other) => panic!("{VARIABLE}={other}: there are sqlite and postgres"),
        };
        Self { schema }
    }

    /// What a server has to be told in its setting `store`.
    pub fn setting(&self) -> &str {
        self.schema.as_ref().map_or("sqlite", Schema::url)
    }

    /// Whether the store is in the data directory, with one server at a time.
    pub fn is_in_data_dir(&self) -> bool {
        self.schema.is_none()
    }
}

impl Default for StorePlace {
    fn default() -> Self {
        Self::new()
    }
}
