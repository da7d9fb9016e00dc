//! The wiring: settings, a clock and randomness in, a running server out.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use axum::middleware::from_fn_with_state;
use data_encoding::HEXLOWER;
use engine::clock::{Clock, SystemClock};
use engine::random::{Random, SystemRandom};
use engine::relay::{self, Relay};
use engine::store::Store;
use engine::{Engine, Parts};
use http_kit::client_address::{TrustedProxies, add_client_address};
use relay_nats::NatsRelay;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use webhooks::{Sender, SenderRules, Webhooks};

use crate::attachments::{self, open_vault};
use crate::database::{self, Database, Tenancy};
use crate::faces::{faces, native_policy, push_formats, webhook_rules};
use crate::front::front;
use crate::operations::{self, Operations, Readiness};
use crate::serve::{Stopped, serve};
use crate::settings::{Settings, StoreChoice};

/// So many bytes tell the installations apart that share a NATS.
const INSTALLATION_BYTES: usize = 8;

/// What a server takes from outside instead of grabbing it.
#[derive(Clone)]
pub struct Surroundings {
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Gives randomness.
    pub random: Arc<dyn Random>,
}

impl Surroundings {
    /// The machine's own clock and randomness.
    pub fn of_this_machine() -> Self {
        Self { clock: Arc::new(SystemClock), random: Arc::new(SystemRandom) }
    }
}

/// A server that listens.
pub struct Server {
    /// Given up when it is dropped.
    _tenancy: Tenancy,
    engine: Engine,
    webhooks: Webhooks,
    sender: Sender,
    address: SocketAddr,
    readiness: Readiness,
    stop: CancellationToken,
    serving: JoinHandle<Stopped>,
    housekeeping: JoinHandle<Option<()>>,
}

impl Server {
    /// Opens the database and starts to listen, as `settings` say.
    pub async fn start(settings: &Settings, surroundings: Surroundings) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(settings.listen)
            .await
            .with_context(|| format!("cannot listen on {} (setting 'listen')", settings.listen))?;
        let address = listener.local_addr()?;
        let tenancy = Tenancy::begin(settings, &*surroundings.random)?;
        let database = database::open(settings).await?;
        let relay = relay_of(settings, &*database.store, &*surroundings.random).await?;
        let engine = open_engine(settings, address, surroundings, database, relay).await?;
        attachments::check(&engine, settings).await?;

        let formats = push_formats(settings, &engine);
        let webhooks = Webhooks::new(engine.clone(), formats, webhook_rules(settings))?;

        let sender = Sender::start(&webhooks, &SenderRules::named(tenancy.holder.as_str()));

        let readiness = Readiness::default();
        let trusted: TrustedProxies = settings.trusted_proxies.iter().copied().collect();
        let operations = operations::router(Operations {
            readiness: readiness.clone(),
            engine: engine.clone(),
            has_nats: settings.nats.url.is_some(),
        });
        let routes = front(faces(settings, &engine, &webhooks), operations)
            .layer(from_fn_with_state(trusted, add_client_address));
        let stop = CancellationToken::new();
        let bounds = settings.limits.connection_bounds();
        let serving = tokio::spawn(serve(listener, routes, bounds, stop.clone()));
        let housekeeping = tokio::spawn({
            let (engine, stop, retention) = (engine.clone(), stop.clone(), settings.retention());
            async move { stop.run_until_cancelled(engine.keep_house(retention)).await }
        });
        readiness.set(true);
        tracing::info!(%address, store = %database::describe(settings), "listening");
        Ok(Self {
            _tenancy: tenancy,
            engine,
            webhooks,
            sender,
            address,
            readiness,
            stop,
            serving,
            housekeeping,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The engine behind all faces.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The webhooks of all accounts.
    pub fn webhooks(&self) -> &Webhooks {
        &self.webhooks
    }

    /// Accepts nothing more, answers every request that runs, commits what was accepted, and closes the database.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.readiness.set(false);
        self.stop.cancel();
        let (served, ()) = tokio::join!(self.serving, self.sender.stop());
        match served? {
            Stopped::Complete => tracing::info!("stopped; every request was answered"),
            Stopped::Cut { connections } => {
                tracing::warn!(connections, "stopped; the grace period cut requests off");
            }
        }
        self.housekeeping.await?;
        self.engine.stop().await.context("cannot close the database")
    }
}

/// What wakes readers on other servers of the same store.
async fn relay_of(
    settings: &Settings,
    store: &dyn Store,
    random: &dyn Random,
) -> anyhow::Result<Arc<dyn Relay>> {
    let Some(url) = &settings.nats.url else {
        return Ok(match settings.store {
            StoreChoice::Sqlite => relay::alone(),
            // Others may be there, of whom nothing is heard.
            StoreChoice::Postgres(_) => relay::none(),
        });
    };
    // That it is random is all that is asked of it.
    let installation = store.secret("installation", random.secret()).await?;
    let nats = relay_nats::Settings {
        address: url.address().clone(),
        subject_prefix: settings.nats.subject_prefix.clone(),
        installation: HEXLOWER.encode(&installation[..INSTALLATION_BYTES]),
        secret: store.secret("news", random.secret()).await?,
        salt: random.uuid().into_bytes(),
    };
    Ok(Arc::new(NatsRelay::start(nats).await.context("setting 'nats.url'")?))
}

/// The engine of a program that works for a moment beside the servers of an installation, if there are any.
pub(crate) async fn open_engine_beside(
    settings: &Settings,
    surroundings: Surroundings,
) -> anyhow::Result<Engine> {
    let database = database::open(settings).await?;
    open_engine(settings, settings.listen, surroundings, database, relay::none()).await
}

/// Opens the attachments, and the engine over both. `address` is where the server listens: links begin with it unless the
/// settings say otherwise.
async fn open_engine(
    settings: &Settings,
    address: SocketAddr,
    surroundings: Surroundings,
    database: Database,
    relay: Arc<dyn Relay>,
) -> anyhow::Result<Engine> {
    let vault = open_vault(settings)?;
    let public_url = match &settings.public_url {
        Some(url) => url.as_str().to_owned(),
        None => format!("http://{address}"),
    };
    let Surroundings { clock, random } = surroundings;
    let parts = Parts {
        store: database.store,
        committers: database.committers,
        vault,
        clock,
        random,
        relay,
        unit_ledger: database.unit_ledger,
        public_url,
    };
    Ok(Engine::start(parts, native_policy(settings)).await?)
}
