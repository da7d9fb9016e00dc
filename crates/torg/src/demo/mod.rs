//! `torg demo`: a server with a marketplace in it, for trying things out.

mod chats;
mod credentials;
mod market;
mod scripts;
mod welcome;

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use domain::id::AccountId;
use engine::access::Host;
use engine::clock::{Clock as _, ShiftedClock};
use engine::random::SystemRandom;
use engine::{Engine, sessions};
use tokio_util::sync::CancellationToken;

use crate::cli::DemoArguments;
use crate::server::{Server, Surroundings};
use crate::settings::{self, Settings, Sources};

/// Runs the demo until `stop` is cancelled. `print` shows a text to the person at the terminal.
pub async fn run(
    arguments: &DemoArguments,
    stop: CancellationToken,
    print: impl FnOnce(&str),
) -> anyhow::Result<()> {
    let temporary = match &arguments.data {
        Some(_) => None,
        None => Some(tempfile::Builder::new().prefix("torg-demo-").tempdir()?),
    };
    let folder = arguments.data.as_deref().or(temporary.as_ref().map(tempfile::TempDir::path));
    let settings = demo_settings(arguments, folder.context("a folder for the data")?)?;

    let clock = Arc::new(ShiftedClock::default());
    let surroundings =
        Surroundings { clock: Arc::clone(&clock) as Arc<_>, random: Arc::new(SystemRandom) };
    let server = Server::start(&settings, surroundings).await?;
    if !server.address().ip().is_loopback() {
        tracing::warn!(
            "everybody knows the demo's keys and passwords; others can reach it at this address"
        );
    }
    let outcome = prepare(&server, &clock, arguments, print).await;
    if outcome.is_ok() {
        stop.cancelled().await;
    }
    server.stop().await?;
    outcome
}

async fn prepare(
    server: &Server,
    clock: &ShiftedClock,
    arguments: &DemoArguments,
    print: impl FnOnce(&str),
) -> anyhow::Result<()> {
    fill(server.engine(), clock, arguments.big_seller).await?;
    let base_url = format!("http://{}", server.address());
    let credentials = credentials::make(server.engine(), &base_url).await?;
    if let Some(file) = &arguments.info {
        write_info(file, &credentials)?;
    }
    print(&welcome::text(server.engine(), &credentials).await?);
    Ok(())
}

/// The defaults, on plain HTTP for one machine.
fn demo_settings(arguments: &DemoArguments, folder: &Path) -> anyhow::Result<Settings> {
    let store = arguments.store.iter().map(|url| ("store".to_owned(), url.clone()));
    let mut settings = settings::load(&Sources { flags: store.collect(), ..Sources::default() })?;
    settings.listen = arguments.listen;
    settings.data_dir = folder.into();
    settings.partizap.secure_cookies = false;
    // Whoever tries webhooks here listens on this machine.
    settings.webhooks.allow_private_addresses = true;
    Ok(settings)
}

/// Fills an empty database with the marketplace. One that was filled before keeps its chats; only its postings
/// are paid and delivered anew, so that the windows of the wires are open again.
async fn fill(engine: &Engine, clock: &ShiftedClock, big_seller: bool) -> anyhow::Result<()> {
    let now = clock.now();
    let host = Host::operator();
    let password_hash = sessions::hash_password(market::PASSWORD.to_owned()).await?;
    let market =
        market::DemoMarket::at(now, &password_hash).context("the demo's ids are too large")?;
    if has_account(engine, account(market::SELLERS[0].id)?).await? {
        require_stored(engine.put_facts(host, market.postings()).await?)?;
    } else {
        require_stored(engine.put_facts(host, market.facts.clone()).await?)?;
        let chats = chats::tell(engine, clock, &market, now).await?;
        tracing::info!(chats, "the demo marketplace is ready");
    }
    if big_seller && !has_account(engine, account(market::BIG_SELLER)?).await? {
        let facts = market::big_seller_facts(now, &password_hash)
            .context("the demo's ids are too large")?;
        require_stored(engine.put_facts(host, facts).await?)?;
        chats::tell_big_seller(engine).await?;
    }
    Ok(())
}

fn account(id: i64) -> anyhow::Result<AccountId> {
    AccountId::new(id).context("an account's id")
}

async fn has_account(engine: &Engine, id: AccountId) -> anyhow::Result<bool> {
    match engine.account(id).await {
        Ok(_) => Ok(true),
        Err(engine::EngineError::NotFound(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn require_stored(stored: Vec<Result<(), engine::store::FactConflict>>) -> anyhow::Result<()> {
    stored.into_iter().collect::<Result<Vec<()>, _>>().context("a fact of the demo was refused")?;
    Ok(())
}

/// Scripts wait for the file: it must appear only when it is whole.
fn write_info(file: &Path, credentials: &credentials::Credentials) -> anyhow::Result<()> {
    let unfinished = file.with_extension("unfinished");
    std::fs::write(&unfinished, serde_json::to_string_pretty(credentials)?)
        .and_then(|()| std::fs::rename(&unfinished, file))
        .with_context(|| format!("cannot write {} (flag --info)", file.display()))
}
