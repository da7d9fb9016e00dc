//! What the server says (Partizap contract §6.3). Several objects may share a frame, a line each.

use engine::EngineError;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

/// The whole of a ping.
pub(crate) const PING: &str = "{}";

/// The code of an answer to a command that is not offered.
const NOT_AVAILABLE: u32 = 108;

/// One publication as the protocol writes it, with its place in the stream if it has one: `{"data":…,"offset":…}`.
#[derive(Clone, Debug)]
pub(crate) struct Publication(Box<RawValue>);

#[derive(Serialize)]
struct PublicationFields<'e, E> {
    data: &'e E,
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<i64>,
}

/// The answer to a connect command.
pub(crate) struct Welcome<'a> {
    /// The number of the command.
    pub(crate) id: u64,
    /// A name for this connection, for people who search logs.
    pub(crate) client: String,
    /// Seconds between pings.
    pub(crate) ping_seconds: i64,
    /// The one channel to which the server subscribes the client.
    pub(crate) channel: &'a str,
    /// Where the client stands in it.
    pub(crate) subscription: Subscription<'a>,
}

/// Where a client stands in a channel.
#[expect(clippy::struct_excessive_bools, reason = "the flags of the protocol")]
#[derive(Serialize)]
pub(crate) struct Subscription<'a> {
    recoverable: bool,
    positioned: bool,
    epoch: &'a str,
    offset: i64,
    #[serde(skip_serializing_if = "is_false")]
    was_recovering: bool,
    #[serde(skip_serializing_if = "is_false")]
    recovered: bool,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    publications: &'a [Publication],
}

impl Publication {
    /// Publishes `event`. A client that has it goes on after `offset`.
    pub(crate) fn new(event: &impl Serialize, offset: Option<i64>) -> Result<Self, EngineError> {
        written(to_raw_value(&PublicationFields { data: event, offset })).map(Self)
    }

    /// The line that brings it to the subscribers of `channel`.
    pub(crate) fn push(&self, channel: &str) -> Result<String, EngineError> {
        #[derive(Serialize)]
        struct Line<'a> {
            push: Push<'a>,
        }
        #[derive(Serialize)]
        struct Push<'a> {
            channel: &'a str,
            r#pub: &'a RawValue,
        }
        written(serde_json::to_string(&Line { push: Push { channel, r#pub: &self.0 } }))
    }
}

impl Serialize for Publication {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'a> Subscription<'a> {
    /// A client that begins at the end of the stream, which is at `offset`.
    pub(crate) fn new(epoch: &'a str, offset: i64) -> Self {
        Self {
            recoverable: true,
            positioned: true,
            epoch,
            offset,
            was_recovering: false,
            recovered: false,
            publications: &[],
        }
    }

    /// A client that missed too much: it begins anew at `offset` and has to fetch what it shows.
    pub(crate) fn not_recovered(epoch: &'a str, offset: i64) -> Self {
        Self { was_recovering: true, ..Self::new(epoch, offset) }
    }

    /// A client that goes on from `offset`, where it was, with the `publications` that follow it. Each moves the
    /// client's position, so that one that is cut off between them comes back to the right place.
    pub(crate) fn recovered(epoch: &'a str, offset: i64, publications: &'a [Publication]) -> Self {
        let was_recovering = true;
        Self { was_recovering, recovered: true, publications, ..Self::new(epoch, offset) }
    }
}

impl Welcome<'_> {
    /// The line of the answer.
    pub(crate) fn line(&self) -> Result<String, EngineError> {
        #[derive(Serialize)]
        struct Line<'a> {
            id: u64,
            connect: Connected<'a>,
        }
        #[derive(Serialize)]
        struct Connected<'a> {
            client: &'a str,
            version: &'static str,
            #[serde(serialize_with = "as_only_entry")]
            subs: (&'a str, &'a Subscription<'a>),
            ping: i64,
            pong: bool,
        }
        let connect = Connected {
            client: &self.client,
            version: "0.0.0",
            subs: (self.channel, &self.subscription),
            ping: self.ping_seconds,
            pong: true,
        };
        written(serde_json::to_string(&Line { id: self.id, connect }))
    }
}

/// The answer to a command that is not offered.
pub(crate) fn not_available(id: u64) -> String {
    format!(r#"{{"id":{id},"error":{{"code":{NOT_AVAILABLE},"message":"not available"}}}}"#)
}

/// What is written is our own; there is nothing in it that JSON lacks.
fn written<T>(outcome: serde_json::Result<T>) -> Result<T, EngineError> {
    outcome.map_err(|error| {
        tracing::error!(%error, "an event cannot be written");
        EngineError::Internal
    })
}

fn as_only_entry<S: serde::Serializer>(
    (key, value): &(&str, &Subscription<'_>),
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map([(key, value)])
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn welcome(subscription: Subscription<'_>) -> Value {
        let client = "6ff0f1ad-68b0-4b9a-8c64-4f9e0b1e2a3b".to_owned();
        let channel = "personal:#42";
        let welcome = Welcome { id: 1, client, ping_seconds: 25, channel, subscription };
        let line = welcome.line().unwrap();
        assert!(!line.contains('\n'));
        serde_json::from_str(&line).unwrap()
    }

    #[test]
    fn who_begins_is_told_where_the_stream_is() {
        let expected = json!({"id": 1, "connect": {
            "client": "6ff0f1ad-68b0-4b9a-8c64-4f9e0b1e2a3b", "version": "0.0.0",
            "subs": {"personal:#42":
                {"recoverable": true, "positioned": true, "epoch": "e", "offset": 0}},
            "ping": 25, "pong": true,
        }});
        assert_eq!(welcome(Subscription::new("e", 0)), expected);
    }

    #[test]
    fn who_comes_back_is_told_whether_anything_is_lost() {
        let subscription =
            |subscription| welcome(subscription)["connect"]["subs"]["personal:#42"].take();
        assert_eq!(
            subscription(Subscription::not_recovered("e", 9)),
            json!({"recoverable": true, "positioned": true, "epoch": "e", "offset": 9,
                   "was_recovering": true})
        );
        let missed = [
            Publication::new(&json!({"type": "typing"}), None).unwrap(),
            Publication::new(&json!({"type": "unread.update"}), Some(8)).unwrap(),
        ];
        assert_eq!(
            subscription(Subscription::recovered("e", 7, &missed)),
            json!({"recoverable": true, "positioned": true, "epoch": "e", "offset": 7,
                   "was_recovering": true, "recovered": true,
                   "publications": [{"data": {"type": "typing"}},
                                    {"data": {"type": "unread.update"}, "offset": 8}]})
        );
    }

    #[test]
    fn a_publication_is_pushed_on_its_channel() {
        let publication = Publication::new(&json!({"type": "typing", "data": "а\nб"}), None);
        assert_eq!(
            publication.unwrap().push("personal:#42").unwrap(),
            r#"{"push":{"channel":"personal:#42","pub":{"data":{"data":"а\nб","type":"typing"}}}}"#
        );
    }

    #[test]
    fn what_is_not_offered_is_an_error_of_the_protocol() {
        let answer: Value = serde_json::from_str(&not_available(2)).unwrap();
        assert_eq!(answer, json!({"id": 2, "error": {"code": 108, "message": "not available"}}));
    }
}
