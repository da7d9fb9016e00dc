//! The few calls of Torg's own API that a receiver needs.

use std::time::Duration;

use anyhow::Context as _;
use serde::Deserialize;
use serde_json::json;

/// A server that has not answered by then does not; a ping to the receiver is answered or given up well before.
const ANSWER_TIME_MAX: Duration = Duration::from_mins(1);

/// A running server, asked with a key.
pub(super) struct Api {
    http: reqwest::Client,
    base: String,
    secret: String,
}

/// A webhook that was made for this run.
#[derive(Debug, Deserialize)]
pub(super) struct Subscription {
    pub(super) id: i64,
}

impl Api {
    /// The API below `server`, an absolute URL.
    pub(super) fn new(server: &str, secret: &str) -> anyhow::Result<Self> {
        let base = format!("{}/api/v1/webhooks", server.trim_end_matches('/'));
        let http = reqwest::Client::builder().no_proxy().timeout(ANSWER_TIME_MAX).build()?;
        Ok(Self { http, base, secret: secret.to_owned() })
    }

    /// Asks for pushes of `types` (none: of all) to `url`.
    pub(super) async fn subscribe(
        &self,
        format: &str,
        url: &str,
        name: &str,
        types: &[String],
    ) -> anyhow::Result<Subscription> {
        let body = json!({ "format": format, "url": url, "name": name, "types": types });
        let answer = self.ask(self.http.post(&self.base).json(&body)).await?;
        answer.json().await.context("the server's answer is no webhook")
    }

    /// Takes a subscription back.
    pub(super) async fn unsubscribe(&self, subscription: &Subscription) -> anyhow::Result<()> {
        let url = format!("{}/{}", self.base, subscription.id);
        self.ask(self.http.delete(url)).await.map(drop)
    }

    async fn ask(&self, request: reqwest::RequestBuilder) -> anyhow::Result<reqwest::Response> {
        let answer = request
            .bearer_auth(&self.secret)
            .send()
            .await
            .with_context(|| format!("cannot reach {} (flag --server)", self.base))?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let status = answer.status();
        let problem = answer.text().await.unwrap_or_default();
        anyhow::bail!("{} answered {status}: {problem}", self.base)
    }
}
