//! First pages: of a seller with 50,000 chats as fast as of one with 10, of a chat with 20,000 messages as fast as of
//! one with 50.

use std::time::{Duration, Instant};

use domain::chat::Chat;
use domain::id::AccountId;
use reqwest::{Client, RequestBuilder};
use serde_json::json;
use torg::faces::NATIVE_AUDIENCE;

use crate::figure::Figure;
use crate::market::{FEW, LONG, MANY, Market, PASSWORD, SHORT, few, many};
use crate::report::Report;
use crate::times::Times;

/// Rounds of each page through each face, after one that does not count.
const ROUNDS: usize = 5;
/// Requests of each seller in a round.
const REQUESTS: usize = 200;
/// Rows of a page of chats: no more than the small seller has, so that both pages are of one size.
const ROWS: i64 = FEW;

/// Measures the first page of chats and of a history through all four faces.
pub(crate) async fn measure(report: &mut Report) -> anyhow::Result<()> {
    let market = Market::build().await?;
    let small = Seller::of(&market, few()?, "few@bench.test", &market.short_chat).await?;
    let big = Seller::of(&market, many()?, "many@bench.test", &market.long_chat).await?;
    for page in [Page::Chats, Page::History] {
        for face in [Face::Ozon, Face::YandexMarket, Face::Partizap, Face::Native] {
            let mut figure = Figure::new(format!("{}, {}, p50", page.name(), face.name()), "ms")
                .beside(page.baseline());
            round(&small, &big, face, page).await?;
            for _ in 0..ROUNDS {
                let (baseline, subject) = round(&small, &big, face, page).await?;
                figure.add(baseline, subject);
            }
            report.add(figure);
        }
    }
    market.stop().await
}

/// The medians of both sellers' times, in milliseconds.
async fn round(small: &Seller, big: &Seller, face: Face, page: Page) -> anyhow::Result<(f64, f64)> {
    let (mut baseline, mut subject) = (Times::new()?, Times::new()?);
    for _ in 0..REQUESTS {
        baseline.add(small.time(face, page).await?)?;
        subject.add(big.time(face, page).await?)?;
    }
    Ok((baseline.milliseconds(0.5), subject.milliseconds(0.5)))
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
            Self::Ozon => "Ozon",
            Self::YandexMarket => "Yandex Market",
            Self::Partizap => "Partizap",
            Self::Native => "native",
        }
    }
}

#[derive(Clone, Copy)]
enum Page {
    Chats,
    History,
}

impl Page {
    fn name(self) -> String {
        match self {
            Self::Chats => format!("first page of {MANY} chats"),
            Self::History => format!("first page of {LONG} messages"),
        }
    }

    fn baseline(self) -> String {
        match self {
            Self::Chats => format!("of {FEW} chats"),
            Self::History => format!("of {SHORT} messages"),
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
    chat: Chat,
}

impl Seller {
    async fn of(market: &Market, id: AccountId, email: &str, chat: &Chat) -> anyhow::Result<Self> {
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
            chat: chat.clone(),
            http,
            url,
        })
    }

    fn request(&self, face: Face, page: Page) -> RequestBuilder {
        let Self { http, url, id, chat, .. } = self;
        let (path, body) = match (face, page) {
            (Face::Ozon, Page::Chats) => ("/v3/chat/list".to_owned(), Some(json!({"limit": ROWS}))),
            (Face::Ozon, Page::History) => {
                let body = json!({"chat_id": chat.public_id.to_string(), "limit": SHORT});
                ("/v3/chat/history".to_owned(), Some(body))
            }
            (Face::YandexMarket, Page::Chats) => {
                let body = json!({"statuses": ["WAITING_FOR_PARTNER"]});
                (format!("/v2/businesses/{id}/chats?limit={ROWS}"), Some(body))
            }
            (Face::YandexMarket, Page::History) => {
                let path =
                    format!("/v2/businesses/{id}/chats/history?chatId={}&limit={SHORT}", chat.id);
                (path, Some(json!({})))
            }
            (Face::Partizap, Page::Chats) => (format!("/vendor/conversations?limit={ROWS}"), None),
            (Face::Partizap, Page::History) => {
                (format!("/vendor/conversations/{}/messages?limit={SHORT}", chat.id), None)
            }
            (Face::Native, Page::Chats) => (format!("/api/v1/chats?limit={ROWS}"), None),
            (Face::Native, Page::History) => {
                (format!("/api/v1/chats/{}/messages?limit={SHORT}", chat.id), None)
            }
        };
        let url = format!("{url}{path}");
        let request = match &body {
            Some(body) => http.post(url).json(body),
            None => http.get(url),
        };
        match face {
            Face::Ozon => {
                request.header("Client-Id", id.to_string()).header("Api-Key", &self.ozon_key)
            }
            Face::YandexMarket => request.header("Api-Key", &self.yandex_key),
            Face::Partizap => request.header("Cookie", &self.cookies),
            Face::Native => request.bearer_auth(&self.native_key),
        }
    }

    /// How long it takes to the last byte of the page.
    async fn time(&self, face: Face, page: Page) -> anyhow::Result<Duration> {
        let request = self.request(face, page);
        let start = Instant::now();
        let answer = request.send().await?.error_for_status()?;
        answer.bytes().await?;
        Ok(start.elapsed())
    }
}
