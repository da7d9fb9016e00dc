//! Telling the owner of a webhook, in the owner's log, that pushes do not arrive.

use super::{Answer, Decision};
use crate::event::{Event, WebhookAlarm};
use crate::id::{AccountId, WebhookId};

/// Tells `account` what is wrong with its `webhook`.
#[derive(Clone, Copy, Debug)]
pub struct RaiseAlarm {
    /// Whose webhook.
    pub account: AccountId,
    /// Which.
    pub webhook: WebhookId,
    /// What is wrong.
    pub alarm: WebhookAlarm,
}

impl RaiseAlarm {
    pub(super) fn decide(self) -> Decision {
        let Self { account, webhook, alarm } = self;
        Decision::new(vec![Event::WebhookAlarmed { account, webhook, alarm }], Answer::Done)
    }
}
