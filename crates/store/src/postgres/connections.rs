//! How connections to the database are opened and lent.

use std::time::Duration;

use deadpool_postgres::{
    Hook, HookError, Manager, ManagerConfig, Object, Pool, RecyclingMethod, Timeouts,
};
use engine::store::StoreError;
use tokio::time::timeout;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::error::{pool_error, store_error};

/// How long a request waits for a connection before it is told that the database is not available.
pub(super) const CONNECTION_WAIT: Duration = Duration::from_secs(3);
/// A server that leaves what was sent unacknowledged for so long is given up. One that has to answer is asked after as
/// much time whether it is still there, and a few times more: its machine may have gone after it acknowledged a COMMIT.
const SILENCE_MAX: Duration = Duration::from_secs(10);
const ASKED_AGAIN_AFTER: Duration = Duration::from_secs(3);

/// What every connection is told first. A commit waits for the disk, or for the quorum where one is configured, whatever
/// the server's own default is. A statement, a lock and a transaction that was left open end by themselves, so that nothing
/// of a replica that vanished stays.
///
/// Every statement has indexes to use, in which it looks up row by row, and it is planned once. The planner is told so: it
/// keeps a plan until it looks at the tables again, and while they held some sixty rows, reading all of them and sorting or
/// hashing was the better way.
const SESSION: &str = "
    SELECT set_config('synchronous_commit', 'on', false)
        WHERE current_setting('synchronous_commit') IN ('off', 'local', 'remote_write');
    SET default_transaction_isolation = 'read committed';
    SET enable_seqscan = off;
    SET enable_sort = off;
    SET enable_incremental_sort = off;
    SET enable_hashjoin = off;
    SET enable_mergejoin = off;
    SET plan_cache_mode = force_generic_plan;
    SET jit = off;
    SET statement_timeout = '30s';
    SET lock_timeout = '10s';
    SET idle_in_transaction_session_timeout = '15s';
";

/// What `url` says of a database.
pub(super) fn config(url: &str) -> Result<Config, tokio_postgres::Error> {
    url.parse()
}

/// A pool of at most `connections_max` connections to the database at `url`. Opens none yet.
pub(super) fn pool(url: &str, connections_max: usize) -> Result<Pool, StoreError> {
    let mut config = config(url).map_err(|error| store_error(&error))?;
    config.application_name("torg");
    config.connect_timeout(CONNECTION_WAIT);
    config.tcp_user_timeout(SILENCE_MAX);
    config.keepalives_idle(SILENCE_MAX);
    config.keepalives_interval(ASKED_AGAIN_AFTER);
    let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let manager = if config.get_ssl_mode() == SslMode::Disable {
        Manager::from_config(config, NoTls, recycling)
    } else {
        let tls = tls::client_config().map_err(|error| StoreError::Failed(error.to_string()))?;
        Manager::from_config(config, MakeRustlsConnect::new(tls), recycling)
    };
    let timeouts = Timeouts {
        wait: Some(CONNECTION_WAIT),
        create: Some(CONNECTION_WAIT),
        recycle: Some(CONNECTION_WAIT),
    };
    Pool::builder(manager)
        .max_size(connections_max)
        .timeouts(timeouts)
        .runtime(deadpool_postgres::Runtime::Tokio1)
        .post_create(Hook::async_fn(|client, _| {
            Box::pin(async move {
                // The pool waits for hooks without an end.
                match timeout(CONNECTION_WAIT, client.batch_execute(SESSION)).await {
                    Ok(told) => told.map_err(HookError::Backend),
                    Err(_) => Err(HookError::message("the server does not answer")),
                }
            })
        }))
        .build()
        .map_err(|error| StoreError::Failed(error.to_string()))
}

/// A connection of one's own, until it is dropped.
pub(super) async fn lend(pool: &Pool) -> Result<Object, StoreError> {
    pool.get().await.map_err(|error| pool_error(&error))
}
