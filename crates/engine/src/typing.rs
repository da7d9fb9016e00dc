//! Telling the side across that somebody is typing. Nothing of it is stored.

use domain::SignedDuration;
use domain::id::ChatId;

use crate::access::Caller;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::relay::News;
use crate::wakeups::Signal;

/// How often the side across hears that the same account is typing in the same chat (Partizap contract §4.6).
const TYPING_INTERVAL: SignedDuration = SignedDuration::from_secs(2);

impl Engine {
    /// Tells the side across that the caller is typing in a chat. What comes sooner than two seconds after the last time
    /// is not passed on, and neither is what a seller types to a buyer who wants to hear no more of them, nor what is typed
    /// in a chat that the side across has put out of its sight; the caller cannot tell.
    pub async fn tell_typing(&self, caller: &Caller, chat: ChatId) -> Result<(), EngineError> {
        let chat = self.chat(caller, chat).await?;
        let side = self.side(caller, &chat)?;
        let typist = caller.account();
        let subject = format!("{typist} in {}", chat.id);
        let taken = self.limits().take_once_here("typing", &subject, TYPING_INTERVAL, self.now());
        let across = chat.seat(side.other());
        if taken.allowed && chat.is_noticed(side) && !across.hidden {
            let (to, chat, by) = (across.account, chat.id, typist);
            self.wakeups().signal_here(to, Signal::Typing { chat, by });
            self.relay().tell(News::Typing { to, chat, by });
        }
        Ok(())
    }
}
