//! What accounts do with their webhooks.

mod steps;

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::SignedDuration;
use domain::id::{AccountId, WebhookId};
use engine::Engine;
use engine::store::{Delivery, ResumeFrom, Webhook, WebhookState};
use tokio::sync::Notify;

use crate::attempt::Attempt;
use crate::client::{ClientProblem, PushClient};
use crate::error::WebhookError;
use crate::format::{Purpose, PushFormat};
use crate::report::WebhookReport;
use steps::{confirmed, known_types};

/// How long a secret that was replaced still signs beside the new one.
const PREVIOUS_SECRET_TERM: SignedDuration = SignedDuration::from_hours(24);

/// The webhooks of all accounts. Cloning is cheap.
#[derive(Clone)]
pub struct Webhooks {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) engine: Engine,
    pub(crate) formats: BTreeMap<&'static str, Arc<dyn PushFormat>>,
    pub(crate) client: PushClient,
    pub(crate) rules: WebhookRules,
    /// Rung when the sender should look at the webhooks before it does so by itself.
    pub(crate) changed: Notify,
}

/// What binds webhooks.
#[derive(Clone, Copy, Debug)]
pub struct WebhookRules {
    /// Whether receivers may have private addresses.
    pub allow_private_addresses: bool,
    /// How many webhooks an account may have.
    pub webhooks_per_account_max: u32,
}

/// A webhook that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewWebhook {
    /// See [`Webhook::format`].
    pub format: String,
    /// See [`Webhook::url`].
    pub url: String,
    /// See [`Webhook::url_is_exact`].
    pub url_is_exact: bool,
    /// See [`Webhook::name`].
    pub name: String,
    /// See [`Webhook::types`].
    pub types: Vec<String>,
}

/// What is changed of a webhook; none stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WebhookChange {
    /// See [`Webhook::url`].
    pub url: Option<String>,
    /// See [`Webhook::url_is_exact`].
    pub url_is_exact: Option<bool>,
    /// See [`Webhook::name`].
    pub name: Option<String>,
    /// See [`Webhook::types`].
    pub types: Option<Vec<String>>,
}

impl Webhooks {
    /// The webhooks behind `engine`, which can be in one of `formats`.
    pub fn new(
        engine: Engine,
        formats: Vec<Arc<dyn PushFormat>>,
        rules: WebhookRules,
    ) -> Result<Self, ClientProblem> {
        let purposes = [Purpose::Ping, Purpose::Event];
        let answer_times = formats
            .iter()
            .flat_map(|format| purposes.map(|purpose| format.answer_time_max(purpose)));
        let client = PushClient::new(answer_times, rules.allow_private_addresses)?;
        let formats = formats.into_iter().map(|format| (format.name(), format)).collect();
        let changed = Notify::new();
        Ok(Self { shared: Arc::new(Shared { engine, formats, client, rules, changed }) })
    }

    /// Makes a webhook that is told what happens from now on. Where the format wants it, the receiver has to answer a
    /// ping first.
    pub async fn create(
        &self,
        account: AccountId,
        new: NewWebhook,
    ) -> Result<Webhook, WebhookError> {
        let format = self.format(&new.format)?;
        let types = known_types(format, new.types)?;
        let webhook = Webhook {
            url: new.url,
            url_is_exact: new.url_is_exact,
            name: new.name,
            types,
            ..self.unsaved(account, format)
        };
        self.check_url(&webhook.url)?;
        self.require_free(format, &webhook).await?;
        let confirmation = if format.is_confirmed_by_ping() {
            Some(self.confirm(format, &webhook).await?)
        } else {
            None
        };
        let max = usize::try_from(self.shared.rules.webhooks_per_account_max).unwrap_or(usize::MAX);
        let created = self.store().create_webhook(&webhook, max, format.url_use()).await?;
        let webhook = created.map_err(|why| self.not_stored(why))?;
        if let Some(ping) = confirmation {
            self.note_ping(account, webhook.id, &ping).await?;
        }
        self.shared.changed.notify_one();
        Ok(webhook)
    }

    /// The webhooks of an account, by age.
    pub async fn list(&self, account: AccountId) -> Result<Vec<Webhook>, WebhookError> {
        Ok(self.store().webhooks_of(account).await?)
    }

    /// One webhook.
    pub async fn get(&self, account: AccountId, id: WebhookId) -> Result<Webhook, WebhookError> {
        Ok(self.load(account, id).await?.0)
    }

    /// How one webhook stands.
    pub async fn report(
        &self,
        account: AccountId,
        id: WebhookId,
    ) -> Result<WebhookReport, WebhookError> {
        let (webhook, progress) = self.load(account, id).await?;
        let newest = self.log_behind(account, i64::MAX).await?.newest;
        let last_delivery = self.store().deliveries(account, id, None, 1).await?.pop();
        Ok(WebhookReport { webhook, progress, newest, last_delivery })
    }

    /// Changes a webhook. Another URL has to answer a ping first, where the format wants it. What failed before is then
    /// forgiven, and what waits is attempted there at once.
    pub async fn change(
        &self,
        account: AccountId,
        id: WebhookId,
        change: WebhookChange,
    ) -> Result<Webhook, WebhookError> {
        let before = self.get(account, id).await?;
        let format = self.format(&before.format)?;
        let types = change.types.map(|types| known_types(format, types)).transpose()?;
        let changed = |webhook: &Webhook| {
            let mut after = webhook.clone();
            after.url = change.url.clone().unwrap_or(after.url);
            after.url_is_exact = change.url_is_exact.unwrap_or(after.url_is_exact);
            after.name = change.name.clone().unwrap_or(after.name);
            after.types = types.clone().unwrap_or(after.types);
            after
        };
        let after = changed(&before);
        let moves = after.url != before.url || after.url_is_exact != before.url_is_exact;
        if moves {
            self.check_url(&after.url)?;
            if after.url != before.url {
                self.require_free(format, &after).await?;
            }
            if format.is_confirmed_by_ping() {
                let ping = self.confirm(format, &after).await?;
                self.note_ping(account, id, &ping).await?;
            }
        }
        let after = self.replace(account, id, changed).await?;
        if moves && after.state == WebhookState::Active {
            // What failed elsewhere says nothing of this receiver. Who has changed the webhook meanwhile decides.
            let now = self.shared.engine.now();
            self.store().switch_on_webhook(&after, ResumeFrom::Position, now).await?;
            self.shared.changed.notify_one();
        }
        Ok(after)
    }

    /// Forgets a webhook with its delivery log.
    pub async fn delete(&self, account: AccountId, id: WebhookId) -> Result<(), WebhookError> {
        if !self.store().delete_webhook(account, id).await? {
            return Err(WebhookError::NotFound);
        }
        self.shared.changed.notify_one();
        Ok(())
    }

    /// Whether the secret of a webhook in this format signs anything.
    pub fn signs(&self, format: &str) -> bool {
        self.format(format).is_ok_and(PushFormat::signs)
    }

    /// Gives a webhook a new secret, in formats that sign. The old one still signs beside it for 24 hours.
    pub async fn rotate_secret(
        &self,
        account: AccountId,
        id: WebhookId,
    ) -> Result<Webhook, WebhookError> {
        let webhook = self.get(account, id).await?;
        if !self.signs(&webhook.format) {
            return Err(WebhookError::NotSigned);
        }
        let secret = self.shared.engine.random().secret();
        let until = self.shared.engine.now() + PREVIOUS_SECRET_TERM;
        let rotated = |webhook: &Webhook| Webhook {
            secret,
            previous_secret: Some((webhook.secret, until)),
            ..webhook.clone()
        };
        self.replace(account, id, rotated).await
    }

    /// Pings a URL of which no webhook was made, and answers what happened.
    pub async fn check(
        &self,
        account: AccountId,
        format: &str,
        url: &str,
        url_is_exact: bool,
    ) -> Result<Attempt, WebhookError> {
        let format = self.format(format)?;
        self.check_url(url)?;
        let webhook =
            Webhook { url: url.to_owned(), url_is_exact, ..self.unsaved(account, format) };
        Ok(self.send_ping(format, &webhook).await)
    }

    /// Pings a webhook, whatever its state is, and answers what happened. It stands in the delivery log, too.
    pub async fn ping(&self, account: AccountId, id: WebhookId) -> Result<Attempt, WebhookError> {
        let webhook = self.get(account, id).await?;
        let format = self.format(&webhook.format)?;
        self.ping_and_note(format, &webhook).await
    }

    /// Pushes nothing to a webhook until it is resumed. One that is switched off stays so.
    pub async fn pause(&self, account: AccountId, id: WebhookId) -> Result<Webhook, WebhookError> {
        let paused = |webhook: &Webhook| match webhook.state {
            WebhookState::Active => Webhook { state: WebhookState::Paused, ..webhook.clone() },
            WebhookState::Paused | WebhookState::SwitchedOff => webhook.clone(),
        };
        self.replace(account, id, paused).await
    }

    /// Lets a webhook go on where it stopped, at the oldest entry that is kept if that is gone, or with what happens from
    /// now on where the format says so. Where the format wants it, the receiver has to answer a ping first. What failed
    /// before is forgiven. Nothing happens to a webhook that is active.
    pub async fn resume(&self, account: AccountId, id: WebhookId) -> Result<Webhook, WebhookError> {
        let webhook = self.get(account, id).await?;
        let format = self.format(&webhook.format)?;
        let from = match webhook.state {
            WebhookState::Active => return Ok(webhook),
            WebhookState::SwitchedOff if format.forgets_while_switched_off() => ResumeFrom::Newest,
            WebhookState::SwitchedOff | WebhookState::Paused => ResumeFrom::Position,
        };
        if format.is_confirmed_by_ping() {
            confirmed(self.ping_and_note(format, &webhook).await?)?;
        }
        let now = self.shared.engine.now();
        if !self.store().switch_on_webhook(&webhook, from, now).await? {
            return Err(WebhookError::Conflict);
        }
        self.shared.changed.notify_one();
        Ok(Webhook { state: WebhookState::Active, ..webhook })
    }

    /// Tells a webhook again what has happened from the entry `from` on, and drops what waits. The entry behind the
    /// newest one is allowed: all that came before is then skipped.
    pub async fn replay(
        &self,
        account: AccountId,
        id: WebhookId,
        from: i64,
    ) -> Result<(), WebhookError> {
        self.get(account, id).await?;
        let log = self.log_behind(account, i64::MAX).await?;
        if from < log.oldest {
            return Err(WebhookError::CutOff { oldest: log.oldest });
        }
        if log.newest + 1 < from {
            return Err(WebhookError::BeyondNewest { newest: log.newest });
        }
        if !self.store().move_webhook(account, id, from - 1).await? {
            return Err(WebhookError::NotFound);
        }
        self.shared.changed.notify_one();
        Ok(())
    }

    /// The delivery log of a webhook, newest first: what lies before the delivery `before`, at most `limit`.
    pub async fn deliveries(
        &self,
        account: AccountId,
        id: WebhookId,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<Delivery>, WebhookError> {
        self.get(account, id).await?;
        Ok(self.store().deliveries(account, id, before, limit).await?)
    }
}
