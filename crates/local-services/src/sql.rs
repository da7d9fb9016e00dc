//! A few statements, from code that may or may not be asynchronous.

use std::time::Duration;

use tokio_postgres::NoTls;

use crate::Error;

const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);

/// Runs statements, divided by semicolons, on a connection of their own.
pub(crate) fn run(url: &str, statements: &str) -> Result<(), Error> {
    // A runtime cannot be started on a thread that already works for one.
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.map_err(Error::system("cannot start a runtime"))?;
            runtime.block_on(connect_and_run(url, statements))
        });
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

async fn connect_and_run(url: &str, statements: &str) -> Result<(), Error> {
    let mut config: tokio_postgres::Config = url.parse().map_err(refused)?;
    config.connect_timeout(CONNECT_TIME_MAX);
    let (client, connection) = config.connect(NoTls).await.map_err(refused)?;
    let talking = tokio::spawn(connection);
    let outcome = client.batch_execute(statements).await.map_err(refused);
    drop(client);
    // The outcome of the statements is known; how the connection ends changes nothing.
    let _ = talking.await;
    outcome
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that `map_err` calls")]
fn refused(error: tokio_postgres::Error) -> Error {
    Error::Sql(match error.as_db_error() {
        Some(reason) => reason.to_string(),
        None => error.to_string(),
    })
}
