//! Whether the other end is still there: a ping now and then, which it has to answer (Partizap contract §6.3).

use domain::time::later;
use domain::{SignedDuration, Timestamp};

/// The time between two pings.
pub(crate) const PING_INTERVAL: SignedDuration = SignedDuration::from_secs(25);
/// How long a client may take to answer one.
const PONG_TIME_MAX: SignedDuration = SignedDuration::from_secs(10);

/// When to ping, and until when the answer must be there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heartbeat {
    next_ping_at: Timestamp,
    answer_by: Option<Timestamp>,
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Nothing yet.
    Nothing,
    /// A ping is to be sent now.
    Ping,
    /// The client did not answer in time.
    Silence,
}

impl Heartbeat {
    /// Of a client that connects now.
    pub(crate) fn starting_at(now: Timestamp) -> Self {
        Self { next_ping_at: later(now, PING_INTERVAL), answer_by: None }
    }

    /// When something may be due.
    pub(crate) fn wakes_at(&self) -> Timestamp {
        self.answer_by.map_or(self.next_ping_at, |answer_by| answer_by.min(self.next_ping_at))
    }

    /// The client has answered. It may do so without having been asked.
    pub(crate) fn hear_pong(&mut self) {
        self.answer_by = None;
    }

    /// What is due at `now`; a ping that is due counts as sent.
    pub(crate) fn due(&mut self, now: Timestamp) -> Due {
        if self.answer_by.is_some_and(|answer_by| answer_by <= now) {
            return Due::Silence;
        }
        if now < self.next_ping_at {
            return Due::Nothing;
        }
        self.next_ping_at = later(now, PING_INTERVAL);
        self.answer_by = Some(later(now, PONG_TIME_MAX));
        Due::Ping
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn who_answers_is_asked_again_after_the_interval() {
        let mut heartbeat = Heartbeat::starting_at(at(0));
        assert_eq!((heartbeat.wakes_at(), heartbeat.due(at(24))), (at(25), Due::Nothing));
        assert_eq!(heartbeat.due(at(25)), Due::Ping);
        assert_eq!((heartbeat.wakes_at(), heartbeat.due(at(34))), (at(35), Due::Nothing));
        heartbeat.hear_pong();
        assert_eq!((heartbeat.wakes_at(), heartbeat.due(at(49))), (at(50), Due::Nothing));
        assert_eq!(heartbeat.due(at(50)), Due::Ping);
    }

    #[test]
    fn who_does_not_answer_is_given_up() {
        let mut heartbeat = Heartbeat::starting_at(at(0));
        heartbeat.hear_pong();
        assert_eq!(heartbeat.due(at(25)), Due::Ping);
        assert_eq!(heartbeat.due(at(35)), Due::Silence);
    }
}
