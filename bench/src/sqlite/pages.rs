//! Rows 6 and 7: pages of chats and of histories, with much and with little stored, and beside a server that does nothing.

use std::sync::Arc;

use torg::faces::NATIVE_AUDIENCE;

use super::empty::EMPTY;
use super::prepared::{Prepared, SESSION};
use super::{CONNECTIONS, Site};
use crate::child::ServerProcess;
use crate::client_thread;
use crate::figure::Figure;
use crate::load::{self, Choice, Connection, Requests};
use crate::report::Report;
use crate::times::Times;
use crate::town::{Chat, secret};

/// Rows of each page: as many chats as a seller has, and fewer messages than a long chat has.
const ROWS: i64 = 50;

/// Measures both.
pub(super) async fn measure(site: &Site, report: &mut Report) -> anyhow::Result<()> {
    let (large, small) = (site.large.copy()?, site.small.copy()?);
    let (large, small) = (large.serve()?, small.serve()?);
    let sides = [(&small, &site.small), (&large, &site.large)];
    for page in [Page::YandexHistory, Page::NativeHistory, Page::PartizapList, Page::NativeList] {
        let of = |(server, prepared): (&ServerProcess, &Prepared)| page.requests(server, prepared);
        let [small, large] = sides.map(of);
        // What is handed over for the first time is delivered, which is written down.
        for requests in [&small, &large] {
            let mut connection = Connection::open(requests.address).await?;
            for request in requests.all.iter() {
                connection.ask(request).await?;
            }
        }
        let name = format!("{}, {} stored, p99", page.name(), site.large.messages());
        let mut figure = Figure::new(name, "ms")
            .row(6)
            .beside(format!("{} stored", site.small.messages()))
            .at_most(1.5, 1.2);
        for _ in 0..site.effort.rounds() {
            let times = site.effort.pick(500, 1000);
            let [little, much] =
                client_thread::run(async || in_turn([&small, &large], times).await)?;
            figure.add(little, much);
        }
        report.add(figure);
    }
    beside_nothing(site, &large, report)
}

/// The 99th percentiles of both sides' times, in milliseconds.
async fn in_turn(sides: [&Requests; 2], times: usize) -> anyhow::Result<[f64; 2]> {
    let mut connections = Vec::new();
    for requests in sides {
        connections.push((Connection::open(requests.address).await?, Times::new()?));
    }
    for _ in 0..times {
        for (requests, (connection, times)) in sides.iter().zip(&mut connections) {
            times.add(connection.time(requests.choose()).await?)?;
        }
    }
    let mut tails = connections.iter().map(|(_, times)| times.milliseconds(0.99));
    Ok(std::array::from_fn(|_| tails.next().unwrap_or_default()))
}

fn beside_nothing(site: &Site, large: &ServerProcess, report: &mut Report) -> anyhow::Result<()> {
    let page = Page::YandexHistory;
    let pages = page.requests(large, &site.large);
    let empty = ServerProcess::start(EMPTY, &[])?;
    let get = b"GET / HTTP/1.1\r\nHost: bench\r\n\r\n".to_vec();
    let nothing = Requests { address: empty.address, all: Arc::new([get]), choice: Choice::Even };
    let mut figure = Figure::new(format!("{}, pages/s", page.name()), "/s")
        .row(7)
        .beside("an empty GET, same stack")
        .at_least(0.08, 0.15);
    for _ in 0..site.effort.rounds() {
        let rate = |requests: &Requests| {
            anyhow::Ok(
                load::run(std::slice::from_ref(requests), CONNECTIONS, site.span())?.per_second,
            )
        };
        figure.add(rate(&nothing)?, rate(&pages)?);
    }
    report.add(figure);
    Ok(())
}

#[derive(Clone, Copy)]
enum Page {
    YandexHistory,
    NativeHistory,
    PartizapList,
    NativeList,
}

impl Page {
    fn name(self) -> String {
        match self {
            Self::YandexHistory => format!("{ROWS} messages of a history, Yandex Market"),
            Self::NativeHistory => format!("{ROWS} messages of a history, native"),
            Self::PartizapList => format!("{ROWS} chats of a list, Partizap"),
            Self::NativeList => format!("{ROWS} chats of a list, native"),
        }
    }

    /// Such pages, of all who have what they need to read them.
    fn requests(self, server: &ServerProcess, prepared: &Prepared) -> Requests {
        let all = match self {
            Self::YandexHistory => prepared.long_chats_of_readers().map(yandex_history).collect(),
            Self::NativeHistory => prepared.long_chats_of_readers().map(native_history).collect(),
            Self::PartizapList => prepared.readers().map(partizap_list).collect(),
            Self::NativeList => prepared.readers().map(native_list).collect(),
        };
        Requests { address: server.address, all, choice: Choice::Even }
    }
}

fn yandex_history(chat: &Chat) -> Vec<u8> {
    let Chat { id, seller, .. } = chat;
    let key = secret(dialect_yandex_market::AUDIENCE, *seller);
    format!(
        "POST /v2/businesses/{seller}/chats/history?chatId={id}&limit={ROWS} HTTP/1.1\r\nHost: bench\r\nApi-Key: {key}\r\n\
         Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}"
    )
    .into_bytes()
}

fn native_history(chat: &Chat) -> Vec<u8> {
    native(&format!("/api/v1/chats/{}/messages?limit={ROWS}", chat.id), chat.seller)
}

fn native_list(account: i64) -> Vec<u8> {
    native(&format!("/api/v1/chats?limit={ROWS}"), account)
}

fn native(path: &str, account: i64) -> Vec<u8> {
    let key = secret(NATIVE_AUDIENCE, account);
    format!("GET {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {key}\r\n\r\n")
        .into_bytes()
}

fn partizap_list(account: i64) -> Vec<u8> {
    let session = secret(SESSION, account);
    format!(
        "GET /vendor/conversations?limit={ROWS} HTTP/1.1\r\nHost: bench\r\nCookie: PARTIZAP_SESSION={session}\r\n\r\n"
    )
    .into_bytes()
}
