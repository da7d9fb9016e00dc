//! Events as they stand on the wire: lines of UTF-8, ended by line feeds, with an empty line after each event.
//!
//! Data is compact JSON, in which line breaks are escaped, so that one `data` line holds it whatever a message says.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use domain::id::AccountId;
use engine::access::Caller;
use engine::store::{LogEntry, Said};
use engine::wakeups::Signal;
use engine::{Engine, EngineError};
use live::{Render, Rendered};
use serde::Serialize;
use serde_json::{Value, json};

use crate::account::event_filter::PassingKind;
use crate::names::EventKind;
use crate::problem::Problem;
use crate::values::Time;
use crate::views::{EventView, ShownEvent};

/// For how long a client waits before it connects again, unless it is told otherwise, in milliseconds.
const RETRY_MS: u32 = 3_000;

/// Puts entries into the form in which they are written, once for all streams of an account.
pub(crate) struct EventRender {
    engine: Engine,
}

impl EventRender {
    pub(crate) fn new(engine: Engine) -> Self {
        Self { engine }
    }
}

#[async_trait]
impl Render for EventRender {
    type Content = Bytes;

    async fn render(
        &self,
        account: AccountId,
        entries: &[LogEntry],
        said: &[Said],
    ) -> Result<Vec<Rendered<Bytes>>, EngineError> {
        let caller = Caller::account_holder(account);
        let shown = EventView::all(&self.engine, &caller, entries, said).await?;
        let frames = entries.iter().zip(shown).map(|(logged, ShownEvent { view, delivery })| {
            let kind = EventKind::from(logged.entry.kind);
            let content = event(Some(logged.sequence), kind.name(), &view).into();
            Rendered { content: Some(content), delivery }
        });
        Ok(frames.collect())
    }
}

/// The first event: the position behind which the stream goes on, so that a client that is cut off before its first
/// entry still knows where it was.
pub(super) fn ready(position: i64, newest: i64, heartbeat: Duration) -> Vec<u8> {
    let data = json!({
        "position": position,
        "newest": newest,
        "heartbeat_seconds": heartbeat.as_secs(),
    });
    let mut frame = retry(RETRY_MS);
    frame.extend(event(Some(position), "stream.ready", &data));
    frame
}

/// Something that no log keeps. It has no id, so that it does not move the client's position.
pub(super) fn passing(signal: &Signal) -> Vec<u8> {
    let (kind, data) = match signal {
        Signal::Typing { chat, by } => {
            (PassingKind::Typing, json!({"chat_id": chat.get(), "account_id": by.get()}))
        }
        Signal::Presence { account, online, at } => {
            let data = json!({"account_id": account.get(), "online": online, "at": Time(*at)});
            (PassingKind::Presence, data)
        }
        // The stream's own business.
        Signal::CredentialsChanged => return Vec::new(),
    };
    event(None, kind.name(), &data)
}

/// A sign of life. An id without data moves the client's position without an event, so that a client of which a filter
/// keeps everything away does not come back with a position from long ago.
pub(super) fn heartbeat(position: i64) -> Vec<u8> {
    format!(": alive\nid: {position}\n\n").into_bytes()
}

/// The last event: the problem that a request would meet now, and when to come back.
pub(super) fn closing(problem: &Problem, position: i64, retry_ms: u32) -> Vec<u8> {
    let mut frame = retry(retry_ms);
    frame.extend(event(Some(position), "stream.closing", problem));
    frame
}

fn retry(milliseconds: u32) -> Vec<u8> {
    format!("retry: {milliseconds}\n").into_bytes()
}

fn event(id: Option<i64>, name: &str, data: &impl Serialize) -> Vec<u8> {
    let mut frame = Vec::new();
    if let Some(id) = id {
        frame.extend(format!("id: {id}\n").into_bytes());
    }
    frame.extend(format!("event: {name}\ndata: ").into_bytes());
    // Views hold nothing that could not be written.
    let data = serde_json::to_vec(data).unwrap_or_else(|_| Value::Null.to_string().into_bytes());
    frame.extend(data);
    frame.extend(b"\n\n");
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_said_stays_on_one_line() {
        let data = json!({"text": "a\r\nb\rc\nd\u{2028}"});
        let frame = String::from_utf8(event(Some(7), "message.created", &data)).unwrap();
        assert_eq!(
            frame,
            "id: 7\nevent: message.created\ndata: {\"text\":\"a\\r\\nb\\rc\\nd\u{2028}\"}\n\n"
        );
    }

    #[test]
    fn a_sign_of_life_moves_the_position_and_is_no_event() {
        assert_eq!(heartbeat(12), b": alive\nid: 12\n\n");
    }
}
