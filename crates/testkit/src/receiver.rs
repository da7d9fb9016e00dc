//! A receiver of pushes: a real listener that answers as the test says, and remembers what came.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Body, Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

/// A push comes within this time, or it does not come.
const COMES_WITHIN: Duration = Duration::from_secs(10);
/// For so long a test waits to see that nothing comes.
const STAYS_AWAY_FOR: Duration = Duration::from_millis(150);

/// How slow [`Reply::Trickle`] is.
const TRICKLE_INTERVAL: Duration = Duration::from_millis(50);

/// Listens on a free port of this machine, until it is dropped.
pub struct Receiver {
    url: String,
    answer: Arc<Mutex<Answer>>,
    arrivals: tokio::sync::Mutex<UnboundedReceiver<Received>>,
    listening: JoinHandle<()>,
}

/// What came.
#[derive(Clone, Debug)]
pub struct Received {
    /// Its method.
    pub method: String,
    /// Its path, with the query.
    pub path: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

/// How a receiver answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// With a response.
    Answer {
        /// Its status.
        status: u16,
        /// Its headers.
        headers: Vec<(&'static str, String)>,
        /// Its body.
        body: String,
    },
    /// With status 200 after so much real time.
    Late(Duration),
    /// With status 200 and a body that comes a byte at a time and never ends.
    Trickle,
    /// Never.
    Hang,
    /// By closing the connection.
    Break,
}

type Answer = Box<dyn FnMut(&Received) -> Reply + Send>;

impl Reply {
    /// A status alone.
    pub fn status(status: u16) -> Self {
        Self::Answer { status, headers: Vec::new(), body: String::new() }
    }

    /// JSON.
    pub fn json(status: u16, body: &Value) -> Self {
        Self::text(status, "application/json", &body.to_string())
    }

    /// A text of any type.
    pub fn text(status: u16, content_type: &str, body: &str) -> Self {
        let headers = vec![("content-type", content_type.to_owned())];
        Self::Answer { status, headers, body: body.to_owned() }
    }
}

impl Received {
    /// A header's value, if there is one.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

impl Receiver {
    /// A receiver that answers everything like this.
    pub async fn start(reply: Reply) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let answer: Answer = Box::new(move |_| reply.clone());
        let answer = Arc::new(Mutex::new(answer));
        let (sender, arrivals) = unbounded_channel();
        let listening = tokio::spawn(listen(listener, Arc::clone(&answer), sender));
        Self { url, answer, arrivals: tokio::sync::Mutex::new(arrivals), listening }
    }

    /// Where it listens, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// From now on it answers everything like this.
    pub fn reply(&self, reply: Reply) {
        self.reply_by(move |_| reply.clone());
    }

    /// From now on it answers as `answer` says.
    pub fn reply_by(&self, answer: impl FnMut(&Received) -> Reply + Send + 'static) {
        *self.answer.lock().unwrap() = Box::new(answer);
    }

    /// The next push. It has to come, and may be answered a moment later only.
    pub async fn next(&self) -> Received {
        let mut arrivals = self.arrivals.lock().await;
        let arrived = tokio::time::timeout(COMES_WITHIN, arrivals.recv()).await;
        arrived.expect("nothing came").unwrap()
    }

    /// The next push, if one comes within `time`.
    pub async fn next_within(&self, time: Duration) -> Option<Received> {
        let mut arrivals = self.arrivals.lock().await;
        tokio::time::timeout(time, arrivals.recv()).await.ok().flatten()
    }

    /// Asserts that nothing comes.
    pub async fn is_left_alone(&self) {
        if let Some(arrived) = self.next_within(STAYS_AWAY_FOR).await {
            panic!("this came: {arrived:?}");
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn listen(
    listener: TcpListener,
    answer: Arc<Mutex<Answer>>,
    arrivals: UnboundedSender<Received>,
) {
    // Connections end with the listener.
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        connections.spawn(serve(stream, Arc::clone(&answer), arrivals.clone()));
    }
}

async fn serve(stream: TcpStream, answer: Arc<Mutex<Answer>>, arrivals: UnboundedSender<Received>) {
    let service = service_fn(|request| receive(request, &answer, &arrivals));
    // A connection that breaks is the other side's affair, or what the test wants.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn receive(
    request: Request<Incoming>,
    answer: &Mutex<Answer>,
    arrivals: &UnboundedSender<Received>,
) -> std::io::Result<Response<UnsyncBoxBody<Bytes, Infallible>>> {
    let (head, body) = request.into_parts();
    let received = Received {
        method: head.method.to_string(),
        path: head.uri.to_string(),
        headers: head.headers,
        body: body.collect().await.map_err(std::io::Error::other)?.to_bytes(),
    };
    let reply = (answer.lock().unwrap())(&received);
    // Whoever does not look any more has dropped the receiver.
    let _ = arrivals.send(received);
    match reply {
        Reply::Answer { status, headers, body } => {
            let mut response = Response::builder().status(status);
            for (name, value) in headers {
                response = response.header(name, value);
            }
            Ok(response.body(Full::from(body).boxed_unsync()).unwrap())
        }
        Reply::Late(time) => {
            tokio::time::sleep(time).await;
            Ok(Response::new(Full::default().boxed_unsync()))
        }
        Reply::Trickle => Ok(Response::new(trickle().boxed_unsync())),
        Reply::Hang => std::future::pending().await,
        Reply::Break => Err(std::io::Error::other("the test wants it broken")),
    }
}

/// A byte now and then.
fn trickle() -> impl Body<Data = Bytes, Error = Infallible> + Send {
    StreamBody::new(futures_util::stream::unfold((), async |()| {
        tokio::time::sleep(TRICKLE_INTERVAL).await;
        Some((Ok(Frame::data(Bytes::from_static(b" "))), ()))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http_client;

    #[tokio::test]
    async fn a_receiver_answers_as_it_is_told_and_remembers_what_came() {
        let receiver = Receiver::start(Reply::status(204)).await;
        receiver.is_left_alone().await;
        let http = http_client();
        let post = || http.post(format!("{}/hook?a=1", receiver.url())).body("[7]").send();
        assert_eq!(post().await.unwrap().status(), 204);
        let arrived = receiver.next().await;
        assert_eq!((arrived.method.as_str(), arrived.path.as_str()), ("POST", "/hook?a=1"));
        assert_eq!(arrived.json(), serde_json::json!([7]));
        receiver.reply(Reply::text(500, "text/plain", "no"));
        assert_eq!(post().await.unwrap().text().await.unwrap(), "no");
        receiver.reply(Reply::Break);
        assert!(post().await.is_err());
        receiver.reply(Reply::Hang);
        assert!(tokio::time::timeout(Duration::from_millis(50), post()).await.is_err());
        for _ in 0..3 {
            receiver.next().await;
        }
    }
}
