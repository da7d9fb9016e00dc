//! What the pushes to webhooks need of the engine besides the log.

use domain::commands::{Answer, Command, RaiseAlarm};

use crate::commands::unexpected;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::store::WebhookStore;

impl Engine {
    /// Where webhooks are kept. For those who push; everybody else asks them.
    pub fn webhook_store(&self) -> &dyn WebhookStore {
        self.store()
    }

    /// Tells the owner of a webhook, in the owner's log, what is wrong with it.
    pub async fn raise_alarm(&self, alarm: RaiseAlarm) -> Result<(), EngineError> {
        let answer = self.run(Command::RaiseAlarm(alarm)).await?;
        if answer == Answer::Done { Ok(()) } else { Err(unexpected(&answer)) }
    }
}
