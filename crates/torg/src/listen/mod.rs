//! `torg listen`: a receiver at the terminal. It subscribes to an account's events at a running server, prints every push
//! and answers it as the format asks; at the end it takes its subscription back.

mod api;
mod receiver;

use anyhow::Context as _;
use domain::id::AccountId;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::cli::ListenArguments;
use crate::database;
use crate::faces::{NATIVE_AUDIENCE, new_secret, receivers};
use crate::server::{Surroundings, open_engine_beside};
use crate::settings::Settings;
use api::{Api, Subscription};
use receiver::Receiver;

/// The name of what this command makes at the server.
const NAME: &str = "torg listen";

/// Listens until `stop` is cancelled. `print` shows a text to the person at the terminal.
pub async fn run(
    arguments: &ListenArguments,
    settings: &Settings,
    surroundings: Surroundings,
    stop: CancellationToken,
    print: impl Fn(&str) + Clone + Send + Sync + 'static,
) -> anyhow::Result<()> {
    let receive = receivers()
        .into_iter()
        .find_map(|(name, receive)| (name == arguments.format).then_some(receive))
        .with_context(|| {
            let names: Vec<_> = receivers().into_iter().map(|(name, _)| name).collect();
            format!("--format: there is no '{}'; there are {}", arguments.format, names.join(", "))
        })?;
    let listener = TcpListener::bind(arguments.listen)
        .await
        .with_context(|| format!("--listen: cannot listen on {}", arguments.listen))?;
    let url = match &arguments.url {
        Some(url) => url.clone(),
        None => format!("http://{}/", listener.local_addr()?),
    };

    let key = Key::of(arguments, settings, &surroundings).await?;
    let served = CancellationToken::new();
    let receiver = Receiver {
        receive,
        clock: surroundings.clock.clone(),
        one_line: arguments.json,
        print: Box::new(print.clone()),
    };
    let serving = tokio::spawn(receiver.serve(listener, served.clone()));

    let api = Api::new(&arguments.server_url(settings), &key.secret)?;
    let outcome = match api.subscribe(&arguments.format, &url, NAME, &arguments.types).await {
        Ok(subscription) => {
            print(&welcome(arguments, &url, &subscription));
            stop.cancelled().await;
            api.unsubscribe(&subscription).await
        }
        Err(refusal) => Err(refusal),
    };
    served.cancel();
    serving.await?;
    key.take_back(settings, surroundings).await?;
    outcome
}

fn welcome(arguments: &ListenArguments, url: &str, subscription: &Subscription) -> String {
    let (webhook, format) = (subscription.id, &arguments.format);
    format!("Webhook {webhook} pushes to {url} in the format '{format}'. Ctrl-C takes it back.")
}

/// The key with which the server is asked.
struct Key {
    secret: String,
    /// Made for this run, if no key was given.
    made: Option<(AccountId, Uuid)>,
}

impl Key {
    async fn of(
        arguments: &ListenArguments,
        settings: &Settings,
        surroundings: &Surroundings,
    ) -> anyhow::Result<Self> {
        let account = match (&arguments.key, arguments.account) {
            (Some(secret), _) => return Ok(Self { secret: secret.clone(), made: None }),
            (None, Some(account)) => AccountId::new(account)
                .context("--account: an id is between 1 and 9007199254740991")?,
            (None, None) => anyhow::bail!("name an --account, or give its --key"),
        };
        let secret = new_secret(NATIVE_AUDIENCE, &*surroundings.random)
            .context("Torg's own API is there")?;
        let engine = open_engine_beside(settings, surroundings.clone()).await?;
        engine.account(account).await.with_context(|| {
            format!("--account: there is no account {account} in {}", database::describe(settings))
        })?;
        let key = engine.new_key(Some(account), NATIVE_AUDIENCE, NAME, &secret);
        engine.put_key(&key).await??;
        engine.stop().await?;
        Ok(Self { secret, made: Some((account, key.id)) })
    }

    /// Revokes a key that was made for this run.
    async fn take_back(
        self,
        settings: &Settings,
        surroundings: Surroundings,
    ) -> anyhow::Result<()> {
        let Some((account, id)) = self.made else { return Ok(()) };
        let engine = open_engine_beside(settings, surroundings).await?;
        engine.revoke_key(Some(account), id).await?;
        Ok(engine.stop().await?)
    }
}
