//! The steps that calls of [`Webhooks`] have in common: loading, checking, pinging, storing.

use domain::id::{AccountId, WebhookId};
use engine::EngineError;
use engine::access::Caller;
use engine::store::{
    LogPage, NotStored, UrlUse, Webhook, WebhookProgress, WebhookState, WebhookStore,
};

use super::Webhooks;
use crate::attempt::{self, Attempt};
use crate::error::WebhookError;
use crate::format::{Purpose, PushFormat};
use crate::target::Target;

/// How often a change is begun anew because somebody else has changed the same webhook meanwhile.
const CHANGE_ATTEMPTS: usize = 5;

impl Webhooks {
    /// A webhook that nobody has made, to ping with.
    pub(super) fn unsaved(&self, account: AccountId, format: &dyn PushFormat) -> Webhook {
        let engine = &self.shared.engine;
        Webhook {
            id: WebhookId::LARGEST,
            account,
            format: format.name().to_owned(),
            url: String::new(),
            url_is_exact: false,
            name: String::new(),
            types: Vec::new(),
            secret: engine.random().secret(),
            previous_secret: None,
            state: WebhookState::Active,
            created_at: engine.now(),
        }
    }

    /// Stores what `change` makes of a webhook.
    pub(super) async fn replace(
        &self,
        account: AccountId,
        id: WebhookId,
        change: impl Fn(&Webhook) -> Webhook,
    ) -> Result<Webhook, WebhookError> {
        for _ in 0..CHANGE_ATTEMPTS {
            let before = self.get(account, id).await?;
            let after = change(&before);
            // A webhook in a format that this server does not know any more can still be paused.
            let url_use = self.format(&before.format).map_or(UrlUse::Shared, PushFormat::url_use);
            match self.store().replace_webhook(&before, &after, url_use).await? {
                Ok(()) => {
                    self.shared.changed.notify_one();
                    return Ok(after);
                }
                Err(NotStored::Outdated) => {}
                Err(why @ (NotStored::UrlTaken | NotStored::TooMany)) => {
                    return Err(self.not_stored(why));
                }
            }
        }
        Err(WebhookError::Conflict)
    }

    /// Spares the receiver a ping when its URL is taken. Of two that ask at once the store refuses one.
    pub(super) async fn require_free(
        &self,
        format: &dyn PushFormat,
        wanted: &Webhook,
    ) -> Result<(), WebhookError> {
        if format.url_use() == UrlUse::Shared {
            return Ok(());
        }
        let others = self.list(wanted.account).await?;
        let has_it = |other: &Webhook| other.format == wanted.format && other.url == wanted.url;
        if others.iter().any(has_it) { Err(WebhookError::UrlTaken) } else { Ok(()) }
    }

    pub(super) fn not_stored(&self, why: NotStored) -> WebhookError {
        match why {
            NotStored::TooMany => {
                WebhookError::TooMany { max: self.shared.rules.webhooks_per_account_max }
            }
            NotStored::UrlTaken => WebhookError::UrlTaken,
            NotStored::Outdated => WebhookError::Conflict,
        }
    }

    pub(super) async fn load(
        &self,
        account: AccountId,
        id: WebhookId,
    ) -> Result<(Webhook, WebhookProgress), WebhookError> {
        self.store().webhook(account, id).await?.ok_or(WebhookError::NotFound)
    }

    pub(super) async fn log_behind(
        &self,
        account: AccountId,
        after: i64,
    ) -> Result<LogPage, EngineError> {
        self.shared.engine.events(&Caller::account_holder(account), after, 1).await
    }

    /// Pings a webhook whose URL is to be taken, which has to be answered as the format asks.
    pub(super) async fn confirm(
        &self,
        format: &dyn PushFormat,
        webhook: &Webhook,
    ) -> Result<Attempt, WebhookError> {
        confirmed(self.send_ping(format, webhook).await)
    }

    /// Pings a webhook. It stands in the delivery log, whatever came of it.
    pub(super) async fn ping_and_note(
        &self,
        format: &dyn PushFormat,
        webhook: &Webhook,
    ) -> Result<Attempt, WebhookError> {
        let ping = self.send_ping(format, webhook).await;
        self.note_ping(webhook.account, webhook.id, &ping).await?;
        Ok(ping)
    }

    pub(super) async fn send_ping(&self, format: &dyn PushFormat, webhook: &Webhook) -> Attempt {
        let now = self.shared.engine.now();
        let push = format.ping(webhook, now);
        let client = &self.shared.client;
        attempt::attempt(client, format, webhook, Purpose::Ping, &push, now).await
    }

    /// Adds a ping to the delivery log of a webhook.
    pub(super) async fn note_ping(
        &self,
        account: AccountId,
        id: WebhookId,
        ping: &Attempt,
    ) -> Result<(), WebhookError> {
        Ok(self.store().add_delivery(account, &ping.ping_delivery(id)).await?)
    }

    pub(super) fn check_url(&self, url: &str) -> Result<(), WebhookError> {
        let target = Target::parse(url)?;
        if self.shared.client.allows(&target) {
            Ok(())
        } else {
            Err(WebhookError::AddressNotAllowed)
        }
    }

    pub(super) fn format(&self, name: &str) -> Result<&dyn PushFormat, WebhookError> {
        let formats = &self.shared.formats;
        let known = || WebhookError::UnknownFormat { known: formats.keys().copied().collect() };
        formats.get(name).map(|format| &**format).ok_or_else(known)
    }

    pub(super) fn store(&self) -> &dyn WebhookStore {
        self.shared.engine.webhook_store()
    }
}

/// A ping that was answered as its format asks.
pub(super) fn confirmed(ping: Attempt) -> Result<Attempt, WebhookError> {
    if ping.is_accepted() { Ok(ping) } else { Err(WebhookError::NotConfirmed(Box::new(ping))) }
}

/// `types` without repetitions, if `format` has them all.
pub(super) fn known_types(
    format: &dyn PushFormat,
    types: Vec<String>,
) -> Result<Vec<String>, WebhookError> {
    let known = format.types();
    let mut distinct: Vec<String> = Vec::with_capacity(types.len().min(known.len()));
    for given in types {
        if !known.contains(&given.as_str()) {
            return Err(WebhookError::UnknownType { given, known });
        }
        if !distinct.contains(&given) {
            distinct.push(given);
        }
    }
    Ok(distinct)
}
