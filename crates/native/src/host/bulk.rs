//! Facts, keys and sessions in bulk: NDJSON, one a line. Good lines are kept, whatever is wrong with others.

use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State};
use bytes::{Buf, BytesMut};
use domain::catalog::Fact;
use domain::id::AccountId;
use engine::access::Host;
use http_body_util::BodyExt as _;
use http_kit::body::BodyProblem;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::timeout;
use utoipa::ToSchema;

use super::fact_bodies::{
    AccountFact, FactBody, MemberFact, OrderFact, PostingFact, ProductFact, ReturnFact, ShopFact,
};
use super::facts::conflict;
use super::keys::{self, NewKey, WhenKnown};
use super::sign_in::{self, NewSessionRequest};
use crate::Api;
use crate::auth::HostWriter;
use crate::extract::{body_problem, body_too_slow, parse_json, parse_value};
use crate::problem::{FieldError, Problem};
use crate::values::{Id, Number};

/// The longest line, in bytes.
pub(crate) const LINE_BYTES_MAX: usize = 256 << 10;
/// How many facts are stored at once.
const CHUNK: usize = 500;
/// How many refused lines the report shows; all are counted.
const REFUSED_SHOWN_MAX: usize = 1000;
/// How long the client may take for the next piece of the body.
const PIECE_TIME_MAX: Duration = Duration::from_secs(30);

/// What became of the lines.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct BulkReport {
    /// Lines that were read, empty ones not counted.
    lines: u64,
    /// Facts that are stored.
    stored: u64,
    /// Lines that are not.
    refused_count: u64,
    /// The first 1000 of them.
    refused: Vec<RefusedLine>,
}

/// A line that was not stored.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RefusedLine {
    /// 1 for the first line of the body.
    line: u64,
    /// What is wrong.
    reason: String,
    /// Where.
    errors: Vec<FieldError>,
}

/// Store many facts, keys and sessions
///
/// The body is NDJSON: one JSON object a line, such as `{"type": "shop", "id": 5, "seller_id": 7, …}`, with the members
/// of the single calls. Lines of the types `key` and `session` name their `account_id` and bring their `secret` or
/// `token` along. Good lines are kept; the report names the others. At most 256 KiB a line, 64 MiB in all. The same
/// body again changes nothing.
#[utoipa::path(
    post, path = "/api/v1/host/facts", operation_id = "hostPutFacts", tag = "host",
    request_body(content = String, content_type = "application/x-ndjson"),
    responses((status = 200, body = BulkReport), Problem),
)]
pub(crate) async fn put_facts(
    State(api): State<Api>,
    HostWriter(host): HostWriter,
    request: Request,
) -> Result<Json<BulkReport>, Problem> {
    let mut intake = Intake { api: &api, host, report: BulkReport::default(), chunk: Vec::new() };
    match intake.take_all(request.into_body(), api.settings.bulk_bytes_max).await {
        Ok(()) => Ok(Json(intake.report)),
        // What came before is kept, and the sender must know.
        Err(problem) => Err(problem.with("report", &intake.report)),
    }
}

/// Takes lines, and stores them a chunk at a time.
struct Intake<'a> {
    api: &'a Api,
    host: Host,
    report: BulkReport,
    /// Facts that wait to be stored, each with its line.
    chunk: Vec<(u64, Fact)>,
}

impl Intake<'_> {
    async fn take_all(&mut self, mut body: Body, bytes_max: u64) -> Result<(), Problem> {
        let mut lines = Lines::default();
        let mut passed_bytes = 0_u64;
        loop {
            let frame = match timeout(PIECE_TIME_MAX, body.frame()).await {
                Err(_) => return Err(self.stop(body_too_slow()).await),
                Ok(None) => break,
                Ok(Some(Err(_))) => return Err(self.stop(body_problem(BodyProblem::Broken)).await),
                Ok(Some(Ok(frame))) => frame,
            };
            let Ok(piece) = frame.into_data() else { continue };
            passed_bytes = passed_bytes.saturating_add(piece.len() as u64);
            if bytes_max < passed_bytes {
                let problem = BodyProblem::TooLarge { limit_bytes: bytes_max, passed_bytes };
                return Err(self.stop(body_problem(problem)).await);
            }
            lines.push(&piece);
            while let Some(line) = lines.next_line() {
                self.take(line).await?;
            }
        }
        if let Some(line) = lines.rest() {
            self.take(line).await?;
        }
        self.store_chunk().await
    }

    /// Stores what is whole before giving up.
    async fn stop(&mut self, problem: Problem) -> Problem {
        match self.store_chunk().await {
            Ok(()) => problem,
            Err(other) => other,
        }
    }

    async fn take(&mut self, (number, line): (u64, Line)) -> Result<(), Problem> {
        let line = match line {
            Line::TooLong => {
                Err(Problem::invalid("", format!("is a line of more than {LINE_BYTES_MAX} bytes")))
            }
            Line::Whole(bytes) if bytes.trim_ascii().is_empty() => return Ok(()),
            Line::Whole(bytes) => read_line(&bytes),
        };
        self.report.lines += 1;
        match line {
            Ok(Content::Fact(fact)) => self.chunk.push((number, fact)),
            Ok(Content::Credential(credential)) => {
                // The line before may hold its account.
                self.store_chunk().await?;
                match self.store_credential(credential).await {
                    Ok(()) => self.report.stored += 1,
                    Err(problem) if problem.is_of_the_server() => return Err(problem),
                    Err(problem) => self.refuse(number, problem),
                }
            }
            Err(problem) => self.refuse(number, problem),
        }
        if self.chunk.len() < CHUNK { Ok(()) } else { self.store_chunk().await }
    }

    async fn store_chunk(&mut self) -> Result<(), Problem> {
        if self.chunk.is_empty() {
            return Ok(());
        }
        let (numbers, facts): (Vec<_>, Vec<_>) = self.chunk.drain(..).unzip();
        let outcomes = self.api.engine.put_facts(self.host, facts).await?;
        for (number, outcome) in numbers.into_iter().zip(outcomes) {
            match outcome {
                Ok(()) => self.report.stored += 1,
                Err(problem) => self.refuse(number, conflict(&problem)),
            }
        }
        Ok(())
    }

    async fn store_credential(&self, credential: Credential) -> Result<(), Problem> {
        match credential {
            Credential::Key(account, key) => {
                keys::make(self.api, self.host, account, key, WhenKnown::Replace).await?;
            }
            Credential::Session(account, session) => {
                sign_in::begin(self.api, account, session).await?;
            }
        }
        Ok(())
    }

    fn refuse(&mut self, line: u64, problem: Problem) {
        self.report.refused_count += 1;
        if self.report.refused.len() < REFUSED_SHOWN_MAX {
            let reason = problem.detail().to_owned();
            self.report.refused.push(RefusedLine { line, reason, errors: problem.into_errors() });
        }
    }
}

/// What a line holds.
enum Content {
    Fact(Fact),
    Credential(Credential),
}

/// What lets an account in, with its account.
enum Credential {
    Key(AccountId, NewKey),
    Session(AccountId, NewSessionRequest),
}

/// The type of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum LineType {
    Account,
    Member,
    Shop,
    Product,
    Order,
    Posting,
    Return,
    Key,
    Session,
}

fn read_line(line: &[u8]) -> Result<Content, Problem> {
    let value: Value = parse_json(line)?;
    let fact = match member::<LineType>(&value, "type")? {
        LineType::Key => {
            let account = account_of(&value)?;
            let key = parse_value::<NewKey>(value)?;
            if !key.brings_secret() {
                return Err(Problem::invalid(
                    "secret",
                    "is missing: the report would not show one",
                ));
            }
            return Ok(Content::Credential(Credential::Key(account, key)));
        }
        LineType::Session => {
            let account = account_of(&value)?;
            let session = parse_value::<NewSessionRequest>(value)?;
            if !session.brings_token() {
                return Err(Problem::invalid("token", "is missing: the report would not show one"));
            }
            return Ok(Content::Credential(Credential::Session(account, session)));
        }
        LineType::Account => by_id::<AccountFact>(value),
        LineType::Member => by_id::<MemberFact>(value),
        LineType::Shop => by_id::<ShopFact>(value),
        LineType::Product => by_id::<ProductFact>(value),
        LineType::Order => by_id::<OrderFact>(value),
        LineType::Return => by_id::<ReturnFact>(value),
        LineType::Posting => {
            let number = member::<Number>(&value, "number")?;
            parse_value::<PostingFact>(value)?.into_fact(number)
        }
    };
    fact.map(Content::Fact)
}

fn account_of(value: &Value) -> Result<AccountId, Problem> {
    let id = member::<Id>(value, "account_id")?;
    AccountId::new(id.get()).ok_or_else(|| Problem::invalid("account_id", "is out of range"))
}

fn by_id<T: FactBody>(value: Value) -> Result<Fact, Problem> {
    let id = member::<Id>(&value, "id")?;
    parse_value::<T>(value)?.into_fact(id)
}

fn member<T: DeserializeOwned>(value: &Value, name: &str) -> Result<T, Problem> {
    let member = value.get(name).ok_or_else(|| Problem::invalid(name, "is missing"))?;
    serde_json::from_value(member.clone())
        .map_err(|error| Problem::invalid(name, error.to_string()))
}

/// A line of a body.
enum Line {
    Whole(BytesMut),
    TooLong,
}

/// Cuts a stream into lines and never holds more than one that is allowed, besides the piece that came last.
#[derive(Default)]
struct Lines {
    buffer: BytesMut,
    /// Where the search for the next line break goes on.
    searched: usize,
    /// The rest of an over-long line is being skipped.
    skipping: bool,
    number: u64,
}

impl Lines {
    fn push(&mut self, piece: &[u8]) {
        self.buffer.extend_from_slice(piece);
    }

    fn next_line(&mut self) -> Option<(u64, Line)> {
        let unsearched = self.buffer.get(self.searched..).unwrap_or_default();
        let Some(offset) = unsearched.iter().position(|&byte| byte == b'\n') else {
            self.searched = self.buffer.len();
            if LINE_BYTES_MAX < self.buffer.len() {
                self.skipping = true;
                self.buffer.clear();
                self.searched = 0;
            }
            return None;
        };
        let end = self.searched + offset;
        let line = self.buffer.split_to(end);
        self.buffer.advance(1);
        self.searched = 0;
        Some(self.finish(line))
    }

    /// The last line, when no line break follows it.
    fn rest(mut self) -> Option<(u64, Line)> {
        let line = self.buffer.split();
        (self.skipping || !line.is_empty()).then(|| self.finish(line))
    }

    fn finish(&mut self, line: BytesMut) -> (u64, Line) {
        self.number += 1;
        let too_long = std::mem::take(&mut self.skipping) || LINE_BYTES_MAX < line.len();
        (self.number, if too_long { Line::TooLong } else { Line::Whole(line) })
    }
}
