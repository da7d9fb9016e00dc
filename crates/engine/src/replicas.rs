//! Living with other replicas: hearing them, and looking at the store while they cannot be heard.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::engine::{Engine, WeakEngine};
use crate::presence::SIGN_INTERVAL;
use crate::relay::{News, Notice, Relay, RelayState};
use crate::wakeups::Signal;

/// A roll that is asked for is told after so long, once for all who ask meanwhile: after a restart of what lies between
/// them, all replicas ask all others.
const ROLL_DELAY: Duration = Duration::from_millis(100);

enum Happening {
    StateChanged,
    Heard(News),
    SignDue,
    RollDue,
}

/// Hears the other replicas until the engine ends.
pub(crate) async fn follow(engine: WeakEngine, relay: Arc<dyn Relay>) {
    let mut state = relay.state();
    if *state.borrow() == RelayState::Alone {
        return;
    }
    state.mark_changed();
    let mut sign_at = Instant::now() + SIGN_INTERVAL;
    let mut roll_at = None;
    loop {
        let happening = tokio::select! {
            changed = state.changed() => match changed {
                Ok(()) => Happening::StateChanged,
                Err(_) => return,
            },
            news = relay.hear() => Happening::Heard(news),
            () = sleep_until(sign_at) => Happening::SignDue,
            () = sleep_until(roll_at.unwrap_or(sign_at)), if roll_at.is_some() => Happening::RollDue,
        };
        let Some(engine) = engine.upgrade() else { return };
        match happening {
            Happening::StateChanged => engine.note_relay_state(*state.borrow_and_update()),
            Happening::Heard(news) => {
                if engine.hear(news) {
                    roll_at.get_or_insert(Instant::now() + ROLL_DELAY);
                }
            }
            Happening::SignDue => {
                sign_at = Instant::now() + SIGN_INTERVAL;
                engine.give_sign(*state.borrow());
            }
            Happening::RollDue => {
                roll_at = None;
                engine.say_roll();
            }
        }
    }
}

impl Engine {
    fn note_relay_state(&self, state: RelayState) {
        if state == RelayState::Connected {
            self.presence().bear_with_all();
            self.say(Notice::RollCall { of: None });
        }
        // Also on a return: what was told meanwhile is lost.
        self.wakeups().look_now(self.may_go_unheard(state));
    }

    /// Whether another replica may be at work that is not heard: because this one is cut off, or because that one is.
    fn may_go_unheard(&self, state: RelayState) -> bool {
        match state {
            RelayState::Alone => false,
            RelayState::Connected => self.presence().is_one_missing(),
            RelayState::Away => true,
        }
    }

    /// Takes in what another replica tells. True when it wants to know who is here.
    fn hear(&self, news: News) -> bool {
        match news {
            News::Grown(grown) => self.wakeups().wake_here(&grown),
            News::Typing { to, chat, by } => {
                self.wakeups().signal_here(to, Signal::Typing { chat, by });
            }
            News::CredentialsChanged { account } => {
                self.wakeups().signal_here(account, Signal::CredentialsChanged);
            }
            News::Attendance(said) => return self.hear_attendance(said),
            News::Missed => self.wakeups().look_now(self.wakeups().looks_often()),
        }
        false
    }

    fn give_sign(&self, state: RelayState) {
        if state == RelayState::Connected {
            self.say(Notice::Alive);
        }
        // Also while this one is cut off: after some seconds nobody knows who is still there.
        self.forget_silent_replicas();
        let unheard = self.may_go_unheard(state);
        if unheard != self.wakeups().looks_often() {
            self.wakeups().look_now(unheard);
        }
    }
}
