//! A reader of Server-Sent Events, as strict as a browser's.

use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Method, Response};
use serde_json::Value;

use super::client::{Answer, Client};

/// Nothing that a test waits for takes longer.
const PATIENCE: Duration = Duration::from_secs(20);

/// An open stream.
pub(crate) struct EventStream {
    response: Response,
    unread: Vec<u8>,
    /// What a browser would send as `Last-Event-ID`.
    pub(crate) last_id: Option<i64>,
    /// For how long a browser would wait before it connects again, in milliseconds.
    pub(crate) retry_ms: Option<u64>,
}

/// What stands between two empty lines.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Block {
    pub(crate) id: Option<i64>,
    pub(crate) name: String,
    pub(crate) data: Option<Value>,
    pub(crate) comments: Vec<String>,
}

impl Client<'_> {
    /// Opens a stream, `query` with its question mark, and takes its first event.
    pub(crate) async fn stream(&self, query: &str, last_id: Option<i64>) -> EventStream {
        let mut stream = self.unready_stream(query, last_id).await;
        let ready = stream.next().await.unwrap();
        assert_eq!(ready.name, "stream.ready", "{ready:?}");
        assert_eq!(ready.id, ready.data.unwrap()["position"].as_i64());
        stream
    }

    /// Opens a stream and reads nothing of it.
    pub(crate) async fn unready_stream(&self, query: &str, last_id: Option<i64>) -> EventStream {
        let response = self.stream_request(query, last_id).send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-store");
        EventStream::of(response, last_id)
    }

    /// What a stream is refused with.
    pub(crate) async fn refused_stream(&self, query: &str, last_id: Option<i64>) -> Answer {
        Answer::of(self.stream_request(query, last_id)).await
    }

    /// A request for a stream.
    pub(crate) fn stream_request(
        &self,
        query: &str,
        last_id: Option<i64>,
    ) -> reqwest::RequestBuilder {
        let request = self.request(Method::GET, &format!("/events/stream{query}"));
        match last_id {
            Some(id) => request.header("last-event-id", id),
            None => request,
        }
    }
}

impl EventStream {
    /// The stream of an answer.
    pub(crate) fn of(response: Response, last_id: Option<i64>) -> Self {
        Self { response, unread: Vec::new(), last_id, retry_ms: None }
    }

    /// The next event; none at the end. Comments and positions without data are passed over.
    pub(crate) async fn next(&mut self) -> Option<Block> {
        loop {
            let block = self.next_block().await?;
            if block.data.is_some() {
                return Some(block);
            }
        }
    }

    /// The next event but for those of who comes and goes; none at the end.
    pub(crate) async fn next_of_log(&mut self) -> Option<Block> {
        loop {
            let event = self.next().await?;
            if event.name != "presence" {
                return Some(event);
            }
        }
    }

    /// The next event, which must be of this kind; its data. Who comes and goes is passed over, unless it is asked for.
    #[track_caller]
    pub(crate) fn expect(&mut self, name: &str) -> impl Future<Output = Value> {
        let caller = std::panic::Location::caller();
        async move {
            let event = match name {
                "presence" => self.next().await,
                _ => self.next_of_log().await,
            };
            let event = event.unwrap_or_else(|| panic!("{caller}: the stream ended"));
            assert_eq!(event.name, name, "{caller}: {event:?}");
            event.data.unwrap()
        }
    }

    /// What stands before the next empty line; none at the end.
    pub(crate) async fn next_block(&mut self) -> Option<Block> {
        tokio::time::timeout(PATIENCE, self.read_block()).await.expect("something to come")
    }

    /// Whether the stream stays silent, but for signs of life, for this long.
    pub(crate) async fn is_silent_for(&mut self, time: Duration) -> bool {
        tokio::time::timeout(time, self.next()).await.is_err()
    }

    pub(crate) fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    async fn read_block(&mut self) -> Option<Block> {
        loop {
            if let Some(end) = self.unread.windows(2).position(|two| two == b"\n\n") {
                let block: Vec<u8> = self.unread.drain(..end + 2).collect();
                return Some(self.parse(std::str::from_utf8(&block).unwrap()));
            }
            // A connection that is cut off ends the stream like one that is closed.
            let chunk = self.response.chunk().await.ok().flatten()?;
            self.unread.extend_from_slice(&chunk);
        }
    }

    fn parse(&mut self, text: &str) -> Block {
        assert!(!text.contains('\r'), "a carriage return ends a line as well: {text:?}");
        let mut block = Block::default();
        for line in text.lines().filter(|line| !line.is_empty()) {
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "" => block.comments.push(value.to_owned()),
                "id" => block.id = Some(value.parse().unwrap()),
                "event" => value.clone_into(&mut block.name),
                "data" => {
                    assert_eq!(block.data, None, "one line holds all data");
                    block.data = Some(serde_json::from_str(value).unwrap());
                }
                "retry" => self.retry_ms = Some(value.parse().unwrap()),
                other => panic!("a browser ignores the field {other:?}"),
            }
        }
        self.last_id = block.id.or(self.last_id);
        block
    }
}
