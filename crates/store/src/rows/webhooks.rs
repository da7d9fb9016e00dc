//! Rows of webhooks, of how far they have come, and of what was delivered.

use domain::id::{AccountId, ChatId, WebhookId};
use engine::store::{Delivery, WaitingPush, Webhook, WebhookHealth, WebhookProgress};

use crate::cells::Cells;

/// The columns of [`webhook`].
macro_rules! webhook_columns {
    () => {
        "id, account_id, format, url, url_is_exact, name, types, secret, previous_secret, previous_secret_until, \
         state, created_at"
    };
}
pub(crate) use webhook_columns;

pub(crate) fn webhook<C: Cells>(cells: &mut C) -> Result<Webhook, C::Error> {
    Ok(Webhook {
        id: cells.id(WebhookId::new)?,
        account: cells.id(AccountId::new)?,
        format: cells.take()?,
        url: cells.take()?,
        url_is_exact: cells.take()?,
        name: cells.take()?,
        types: cells.take::<String>()?.split_whitespace().map(str::to_owned).collect(),
        secret: cells.bytes_32()?,
        previous_secret: cells.optional_bytes_32()?.zip(cells.optional_time()?),
        state: cells.code()?,
        created_at: cells.time()?,
    })
}

/// The columns of [`progress`].
macro_rules! progress_columns {
    () => {
        "revision, position, failing_since, was_reached, has_alarmed, pinged_at, counted_since, attempts, \
         answered_200"
    };
}
pub(crate) use progress_columns;

/// How far a webhook has come, without what waits.
pub(crate) fn progress<C: Cells>(cells: &mut C) -> Result<WebhookProgress, C::Error> {
    Ok(WebhookProgress {
        revision: cells.take()?,
        position: cells.take()?,
        waiting: Vec::new(),
        health: WebhookHealth {
            failing_since: cells.optional_time()?,
            was_reached: cells.take()?,
            has_alarmed: cells.take()?,
            pinged_at: cells.time()?,
            counted_since: cells.time()?,
            attempts: cells.number()?,
            answered_200: cells.number()?,
        },
    })
}

/// The columns of [`waiting_push`].
macro_rules! waiting_push_columns {
    () => {
        "sequence, chat_id, attempts, next_attempt_at"
    };
}
pub(crate) use waiting_push_columns;

pub(crate) fn waiting_push<C: Cells>(cells: &mut C) -> Result<WaitingPush, C::Error> {
    Ok(WaitingPush {
        sequence: cells.take()?,
        chat: cells.optional_id(ChatId::new)?,
        attempts: cells.number()?,
        next_attempt_at: cells.time()?,
    })
}

/// The columns of [`delivery`].
macro_rules! delivery_columns {
    () => {
        "id, webhook_id, sequence, kind, attempt, at, duration_ms, status, outcome, reason, response"
    };
}
pub(crate) use delivery_columns;

pub(crate) fn delivery<C: Cells>(cells: &mut C) -> Result<Delivery, C::Error> {
    Ok(Delivery {
        id: cells.take()?,
        webhook: cells.id(WebhookId::new)?,
        sequence: cells.take()?,
        kind: cells.take()?,
        attempt: cells.number()?,
        at: cells.time()?,
        duration_ms: cells.take()?,
        status: cells.optional_number()?,
        outcome: cells.code()?,
        reason: cells.take()?,
        response: cells.take()?,
    })
}
