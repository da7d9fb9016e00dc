//! The first page of a seller's chats: with 50,000 chats it must come as fast as with 10.

use std::fmt;
use std::time::Instant;

use anyhow::Context as _;
use domain::id::AccountId;
use hdrhistogram::Histogram;
use reqwest::{Client, RequestBuilder};
use serde_json::json;
use torg::faces::NATIVE_AUDIENCE;

use crate::market::{FEW, MANY, Market, PASSWORD, few, many};

/// Requests of each seller through each face.
const REQUESTS: usize = 1000;
/// Requests before the count begins.
const WARM_UP: usize = 50;
/// Rows of a page: no more than the small seller has, so that both pages are of one size.
const PAGE: i64 = FEW;

/// One line of the table.
pub(crate) struct Row {
    name: &'static str,
    baseline: Histogram<u64>,
    subject: Histogram<u64>,
}

/// Measures the first page through all four faces.
pub(crate) async fn measure() -> anyhow::Result<Vec<Row>> {
    let market = Market::build().await?;
    let small = Seller::of(&market, few()?, "few@bench.test").await?;
    let big = Seller::of(&market, many()?, "many@bench.test").await?;
    let mut rows = Vec::new();
    for face in [Face::Ozon, Face::YandexMarket, Face::Partizap, Face::Native] {
        let mut row =
            Row { name: face.name(), baseline: Histogram::new(3)?, subject: Histogram::new(3)? };
        for request in 0..WARM_UP + REQUESTS {
            let (baseline, subject) = (small.time(face).await?, big.time(face).await?);
            if WARM_UP <= request {
                row.baseline.record(baseline)?;
                row.subject.record(subject)?;
            }
        }
        rows.push(row);
    }
    market.stop().await?;
    Ok(rows)
}

#[derive(Clone, Copy)]
enum Face {
    Ozon,
    YandexMarket,
    Partizap,
    Native,
}

impl Face {
    fn name(self) -> &'static str {
        match self {
            Self::Ozon => "Ozon /v3/chat/list",
            Self::YandexMarket => "Yandex Market chats",
            Self::Partizap => "Partizap /vendor/conversations",
            Self::Native => "native /api/v1/chats",
        }
    }
}

/// One seller's way into every face.
struct Seller {
    http: Client,
    url: String,
    id: AccountId,
    ozon_key: String,
    yandex_key: String,
    native_key: String,
    cookies: String,
}

impl Seller {
    async fn of(market: &Market, id: AccountId, email: &str) -> anyhow::Result<Self> {
        let http = Client::builder().no_proxy().build()?;
        let url = market.url();
        let login = json!({"email": email, "password": PASSWORD});
        let answer =
            http.post(format!("{url}/auth/login")).json(&login).send().await?.error_for_status()?;
        let cookies = answer.headers().get_all("set-cookie").iter();
        let cookies: Vec<_> =
            cookies.filter_map(|cookie| cookie.to_str().ok()?.split(';').next()).collect();
        Ok(Self {
            id,
            ozon_key: market.key(id, dialect_ozon::AUDIENCE).await?,
            yandex_key: market.key(id, dialect_yandex_market::AUDIENCE).await?,
            native_key: market.key(id, NATIVE_AUDIENCE).await?,
            cookies: cookies.join("; "),
            http,
            url,
        })
    }

    fn request(&self, face: Face) -> RequestBuilder {
        let Self { http, url, id, .. } = self;
        match face {
            Face::Ozon => http
                .post(format!("{url}/v3/chat/list"))
                .header("Client-Id", id.to_string())
                .header("Api-Key", &self.ozon_key)
                .json(&json!({"limit": PAGE})),
            Face::YandexMarket => http
                .post(format!("{url}/v2/businesses/{id}/chats?limit={PAGE}"))
                .header("Api-Key", &self.yandex_key)
                .json(&json!({"statuses": ["WAITING_FOR_PARTNER"]})),
            Face::Partizap => http
                .get(format!("{url}/vendor/conversations?limit={PAGE}"))
                .header("Cookie", &self.cookies),
            Face::Native => {
                http.get(format!("{url}/api/v1/chats?limit={PAGE}")).bearer_auth(&self.native_key)
            }
        }
    }

    /// Microseconds to the last byte of the page.
    async fn time(&self, face: Face) -> anyhow::Result<u64> {
        let request = self.request(face);
        let start = Instant::now();
        let answer = request.send().await?.error_for_status()?;
        answer.bytes().await?;
        u64::try_from(start.elapsed().as_micros()).context("a request took ages")
    }
}

#[expect(clippy::cast_precision_loss, reason = "microseconds of a request are far below 2^52")]
fn ratio(subject: u64, baseline: u64) -> f64 {
    subject as f64 / baseline as f64
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (baseline, subject) = (&self.baseline, &self.subject);
        let at = |quantile| {
            ratio(subject.value_at_quantile(quantile), baseline.value_at_quantile(quantile))
        };
        write!(
            f,
            "{}, {MANY} chats / {FEW} | {} | {} | {:.2} | {:.2}",
            self.name,
            baseline.value_at_quantile(0.5),
            subject.value_at_quantile(0.5),
            at(0.5),
            at(0.99)
        )
    }
}
