//! A bucket that speaks the S3 protocol, as the place of the blobs.
//!
//! A PUT is atomic and durable when it is answered: that is the protocol's promise. The request is signed over the hash
//! of its body, so that a body that was changed on its way is refused by the store.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
};
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig};
use reqwest::Client;

use super::VaultError;

/// Where a bucket is, and who may use it.
#[derive(Clone, Debug)]
pub struct Bucket {
    /// Its name.
    pub name: String,
    /// What its keys begin with, without a slash at the begin and the end; empty for nothing.
    pub prefix: String,
    /// An http or https URL without a slash at the end. None: Amazon's, of the region.
    pub endpoint: Option<String>,
    /// What the store calls its region; part of each signature.
    pub region: String,
    /// Whether the bucket stands in the path (`https://endpoint/bucket`) or in the host (`https://bucket.endpoint`).
    pub path_style: bool,
    /// The key that signs.
    pub key: AccessKey,
}

/// A key of an S3-compatible store.
#[derive(Clone)]
pub struct AccessKey {
    /// Which key it is; not a secret.
    pub id: String,
    /// What it signs with.
    pub secret: String,
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// So long a store may take to answer, on top of the time that the bytes need.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(5);
/// A store that moves less than this in a second is taken for one that hangs.
const BYTES_PER_SECOND_MIN: u64 = 1 << 20;
const CONNECT_TIME_MAX: Duration = Duration::from_secs(3);
const IDLE_TIME_MAX: Duration = Duration::from_secs(30);

/// What fails in a way that may pass is tried this often again, and not after the given time: somebody waits.
const RETRIES_MAX: usize = 2;
const RETRY_TIME_MAX: Duration = Duration::from_secs(8);
const FIRST_RETRY_AFTER: Duration = Duration::from_millis(100);
const RETRY_AFTER_MAX: Duration = Duration::from_secs(1);

/// How long moving `bytes` may take.
pub(super) fn time_for(bytes: u64) -> Duration {
    ANSWER_TIME_MAX + Duration::from_secs(bytes / BYTES_PER_SECOND_MIN)
}

/// Sets up the store; calls nobody yet.
pub(super) fn store_in(bucket: &Bucket) -> Result<Arc<dyn ObjectStore>, VaultError> {
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(&bucket.name)
        .with_region(&bucket.region)
        .with_access_key_id(&bucket.key.id)
        .with_secret_access_key(&bucket.key.secret)
        .with_virtual_hosted_style_request(!bucket.path_style)
        .with_http_connector(Connector { client: client()? })
        .with_retry(RetryConfig {
            backoff: BackoffConfig {
                init_backoff: FIRST_RETRY_AFTER,
                max_backoff: RETRY_AFTER_MAX,
                ..BackoffConfig::default()
            },
            max_retries: RETRIES_MAX,
            retry_timeout: RETRY_TIME_MAX,
        });
    if let Some(endpoint) = bucket.address() {
        builder = builder.with_endpoint(endpoint);
    }
    let store = builder.build()?;
    Ok(match bucket.prefix.as_str() {
        "" => Arc::new(store),
        prefix => Arc::new(PrefixStore::new(store, Path::from(prefix))),
    })
}

impl Bucket {
    /// The endpoint as the builder wants it: in the style of virtual hosts it names the bucket already.
    fn address(&self) -> Option<String> {
        let endpoint = self.endpoint.as_deref()?;
        let (scheme, rest) = endpoint.split_once("://")?;
        Some(if self.path_style {
            endpoint.to_owned()
        } else {
            format!("{scheme}://{}.{rest}", self.name)
        })
    }
}

/// No redirects and no proxies, which would take the files elsewhere than where the operator said.
fn client() -> Result<Client, VaultError> {
    let tls = tls::client_config().map_err(|error| VaultError::Setup(Box::new(error)))?;
    Client::builder()
        .tls_backend_preconfigured(tls)
        .http1_only()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .connect_timeout(CONNECT_TIME_MAX)
        .pool_idle_timeout(IDLE_TIME_MAX)
        .build()
        .map_err(|error| VaultError::Setup(Box::new(error)))
}

/// Gives the store this server's own client.
#[derive(Debug)]
struct Connector {
    client: Client,
}

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(PatientClient(self.client.clone())))
    }
}

/// A client that waits for an answer as long as the request deserves. One limit for all would either cut large files off
/// or let small ones wait for a store that hangs.
#[derive(Debug)]
struct PatientClient(Client);

#[async_trait::async_trait]
impl HttpService for PatientClient {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let allowed = time_for(request.body().content_length() as u64);
        match tokio::time::timeout(allowed, self.0.call(request)).await {
            Ok(answered) => answered,
            Err(elapsed) => Err(HttpError::new(HttpErrorKind::Timeout, elapsed)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(path_style: bool) -> Bucket {
        Bucket {
            name: "files".to_owned(),
            prefix: "torg".to_owned(),
            endpoint: Some("https://storage.example:9000".to_owned()),
            region: "here".to_owned(),
            path_style,
            key: AccessKey { id: "public".to_owned(), secret: "hidden".to_owned() },
        }
    }

    #[test]
    fn the_bucket_stands_in_the_path_or_in_the_host() {
        assert_eq!(bucket(true).address().unwrap(), "https://storage.example:9000");
        assert_eq!(bucket(false).address().unwrap(), "https://files.storage.example:9000");
    }

    #[test]
    fn nothing_prints_the_secret() {
        let bucket = bucket(true);
        let store = store_in(&bucket).unwrap();
        let printed = format!("{bucket:?} {store:?} {store}");
        assert!(printed.contains("public") && !printed.contains("hidden"), "{printed}");
    }

    #[test]
    fn a_large_file_may_take_longer() {
        assert_eq!(time_for(0), ANSWER_TIME_MAX);
        assert_eq!(time_for(10 << 20), ANSWER_TIME_MAX + Duration::from_secs(10));
    }
}
