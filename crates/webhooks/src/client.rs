//! The HTTP client of all pushes. It reaches public addresses only, unless it may reach all, and follows nothing.
//!
//! A URL that names an address is checked before it is called; a host name is checked when it has been looked up, for
//! the very connection that is made then. There are no redirects and no proxies, which would begin elsewhere.

use std::collections::HashMap;
use std::error::Error;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, Response};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use crate::address::is_public;
use crate::format::{Answer, Push, Unanswered};
use crate::target::Target;

/// So much of an answer's body is read; the rest is nobody's business.
const ANSWER_BYTES_MAX: usize = 64 << 10;
/// How long connecting may take at most. It never takes all of the time that a receiver has to answer, so that the two
/// ways to be late can be told apart.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);
/// Connections that are kept to one receiver, and for how long.
const IDLE_CONNECTIONS_MAX: usize = 2;
const IDLE_TIME_MAX: Duration = Duration::from_secs(30);

/// So many host names are looked up at once. The machine's resolver cannot be called off, and it may take far longer for
/// a name whose servers are silent than anybody waits here.
const LOOKUPS_MAX: usize = 64;

/// What the pushes of this server call themselves.
const USER_AGENT: &str = concat!("Torg/", env!("CARGO_PKG_VERSION"));

/// Calls receivers.
pub(crate) struct PushClient {
    /// By the time that a receiver may take.
    clients: HashMap<Duration, Client>,
    allows_private: bool,
}

impl PushClient {
    /// A client for receivers that may take one of `answer_times` to answer, connecting included. Private addresses are
    /// called only when it `allows_private` ones.
    pub(crate) fn new(
        answer_times: impl IntoIterator<Item = Duration>,
        allows_private: bool,
    ) -> Result<Self, ClientProblem> {
        let tls = tls::client_config()?;
        let lookups = Arc::new(Semaphore::new(LOOKUPS_MAX));
        let mut clients = HashMap::new();
        for answer_time in answer_times {
            let client = Client::builder()
                .tls_backend_preconfigured(tls.clone())
                .user_agent(USER_AGENT)
                .http1_only()
                .no_proxy()
                .redirect(reqwest::redirect::Policy::none())
                .retry(reqwest::retry::never())
                .connect_timeout((answer_time * 4 / 5).min(CONNECT_TIME_MAX))
                .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
                .pool_idle_timeout(IDLE_TIME_MAX)
                .dns_resolver(Arc::new(GuardedResolver {
                    allows_private,
                    lookups: Arc::clone(&lookups),
                }));
            clients.insert(answer_time, client.build()?);
        }
        Ok(Self { clients, allows_private })
    }

    /// Whether a receiver at `target` would be called; a host name can still turn out to lead elsewhere.
    pub(crate) fn allows(&self, target: &Target) -> bool {
        self.allows_private || !target.names_private_address()
    }

    /// Calls a receiver, which may take `answer_time`.
    pub(crate) async fn post(
        &self,
        target: &Target,
        path: &str,
        push: &Push,
        answer_time: Duration,
    ) -> Result<Answer, Unanswered> {
        if !self.allows(target) {
            return Err(Unanswered::AddressNotAllowed);
        }
        let Some(client) = self.clients.get(&answer_time) else { return Err(Unanswered::Broken) };
        let mut request = client.post(target.with_path(path)).body(push.body.clone());
        for (name, value) in &push.headers {
            request = request.header(name, value);
        }
        let deadline = Instant::now() + answer_time;
        let answer = async {
            let response = request.send().await.map_err(|error| unanswered(&error))?;
            read(response).await
        };
        timeout_at(deadline, answer).await.unwrap_or(Err(Unanswered::AnswerTimedOut))
    }
}

async fn read(mut response: Response) -> Result<Answer, Unanswered> {
    let status = response.status();
    let content_type = response.headers().get(header::CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok()).map(str::to_owned);
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| unanswered(&error))? {
        let room = ANSWER_BYTES_MAX - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if body.len() == ANSWER_BYTES_MAX {
            break;
        }
    }
    Ok(Answer { status, content_type, body: Bytes::from(body) })
}

/// What a failure of the client means.
fn unanswered(error: &reqwest::Error) -> Unanswered {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(this) = cause {
        if this.is::<AddressNotAllowed>() {
            return Unanswered::AddressNotAllowed;
        }
        if this.is::<rustls::Error>() {
            return Unanswered::TlsFailed;
        }
        // An I/O error shows what it wraps only to those who ask itself.
        cause = match this.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => this.source(),
        };
    }
    if error.is_connect() && error.is_timeout() {
        Unanswered::ConnectTimedOut
    } else if error.is_connect() {
        Unanswered::NoConnection
    } else {
        Unanswered::Broken
    }
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ClientProblem {
    /// TLS cannot be set up.
    #[error("cannot set up TLS for webhooks")]
    Tls(#[from] rustls::Error),
    /// The client cannot be set up.
    #[error("cannot set up the client of webhooks")]
    Client(#[from] reqwest::Error),
}

/// Looks names up, and leaves out addresses that are not to be called.
struct GuardedResolver {
    allows_private: bool,
    lookups: Arc<Semaphore>,
}

/// A name led to private addresses only.
#[derive(Debug, thiserror::Error)]
#[error("the host has no public address")]
struct AddressNotAllowed;

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (allows_private, lookups) = (self.allows_private, Arc::clone(&self.lookups));
        Box::pin(async move {
            let permit = lookups.acquire_owned().await?;
            let lookup = tokio::task::spawn_blocking(move || {
                // Until the resolver is done, also when nobody waits for it any more.
                let _permit = permit;
                (name.as_str(), 0).to_socket_addrs()
            });
            let found: Vec<SocketAddr> = lookup.await??.collect();
            let allowed: Vec<SocketAddr> = found
                .iter()
                .copied()
                .filter(|address| allows_private || is_public(address.ip()))
                .collect();
            if allowed.is_empty() && !found.is_empty() {
                return Err(AddressNotAllowed.into());
            }
            let allowed: Addrs = Box::new(allowed.into_iter());
            Ok(allowed)
        })
    }
}
