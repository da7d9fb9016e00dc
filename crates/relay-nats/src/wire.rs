//! News as they travel, before they are sealed: JSON, with the number of this form of them. Replicas of another version may be about while an
//! installation is updated; what they say is not understood, and the store makes up for it.

mod entry;
mod names;
mod said;

use std::time::Duration;

use domain::Timestamp;
use domain::id::{AccountId, ChatId};
use engine::relay::{Attendance, News, Notice, ReplicaId};
use engine::store::{Grown, Growth, LogEntry, Said};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::time::Instant;

use crate::seal::BrokenSeal;
use entry::WireEntry;
use said::WireSaid;

/// The form that this crate writes and reads.
const VERSION: u32 = 3;
/// How often the log tells of messages that were not understood.
const REPORT_INTERVAL: Duration = Duration::from_mins(1);

/// A message that this replica cannot read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WireProblem {
    #[error("it is of version {0}; this is version {VERSION}")]
    Version(u32),
    #[error("it is broken: {0}")]
    Broken(#[from] serde_json::Error),
    #[error(transparent)]
    Seal(#[from] BrokenSeal),
    #[error("it names what cannot be: {0}")]
    Impossible(&'static str),
}

#[derive(Serialize)]
struct Letter<T> {
    v: u32,
    news: T,
}

#[derive(Deserialize)]
struct SealedLetter<'a> {
    v: u32,
    #[serde(borrow)]
    news: &'a RawValue,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum WireNews<'a> {
    Grown {
        /// Accounts, and the new entries of their logs.
        logs: Vec<(i64, Vec<WireEntry>)>,
        #[serde(borrow)]
        said: Vec<WireSaid<'a>>,
    },
    Typing {
        to: i64,
        chat: i64,
        by: i64,
    },
    CredentialsChanged {
        account: i64,
    },
    Attendance {
        replica: u64,
        revision: u64,
        notice: WireNotice,
    },
    Missed {},
}

/// Times are in milliseconds since 1970.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum WireNotice {
    Alive {},
    Moved { account: i64, online: bool, at: i64, told: Vec<i64> },
    Roll { part: usize, parts: usize, present: Vec<(i64, i64)> },
    RollCall { of: Option<u64> },
    Farewell {},
}

/// The bytes of `news`.
pub(crate) fn write(news: &News) -> Vec<u8> {
    let letter = Letter { v: VERSION, news: WireNews::from(news) };
    // Numbers, texts, lists and fixed names: nothing of it cannot be written.
    serde_json::to_vec(&letter).unwrap_or_default()
}

/// The news that `bytes` hold.
pub(crate) fn read(bytes: &[u8]) -> Result<News, WireProblem> {
    let letter: SealedLetter<'_> = serde_json::from_slice(bytes)?;
    if letter.v != VERSION {
        return Err(WireProblem::Version(letter.v));
    }
    let news: WireNews<'_> = serde_json::from_str(letter.news.get())?;
    news.try_into()
}

impl<'a> From<&'a News> for WireNews<'a> {
    fn from(news: &'a News) -> Self {
        match news {
            News::Grown(Grown { logs, said }) => {
                let entries =
                    |growth: &Growth| growth.entries.iter().map(WireEntry::from).collect();
                let said = said.iter().map(|said| &**said);
                Self::Grown {
                    logs: logs.iter().map(|log| (log.account.get(), entries(log))).collect(),
                    said: said
                        .filter(|(_, message)| WireSaid::carries(message))
                        .map(WireSaid::from)
                        .collect(),
                }
            }
            News::Typing { to, chat, by } => {
                Self::Typing { to: to.get(), chat: chat.get(), by: by.get() }
            }
            News::CredentialsChanged { account } => {
                Self::CredentialsChanged { account: account.get() }
            }
            News::Attendance(Attendance { replica, revision, notice }) => {
                Self::Attendance { replica: replica.0, revision: *revision, notice: notice.into() }
            }
            News::Missed => Self::Missed {},
        }
    }
}

impl From<&Notice> for WireNotice {
    fn from(notice: &Notice) -> Self {
        match notice {
            Notice::Alive => Self::Alive {},
            Notice::Moved { account, online, at, told } => Self::Moved {
                account: account.get(),
                online: *online,
                at: at.as_millisecond(),
                told: told.iter().map(|account| account.get()).collect(),
            },
            Notice::Roll { part, parts, present } => {
                let present = present.iter();
                let present =
                    present.map(|(account, since)| (account.get(), since.as_millisecond()));
                Self::Roll { part: *part, parts: *parts, present: present.collect() }
            }
            Notice::RollCall { of } => Self::RollCall { of: of.map(|replica| replica.0) },
            Notice::Farewell => Self::Farewell {},
        }
    }
}

impl TryFrom<WireNews<'_>> for News {
    type Error = WireProblem;

    fn try_from(news: WireNews<'_>) -> Result<Self, Self::Error> {
        Ok(match news {
            WireNews::Grown { logs, said } => {
                let growth = |(id, entries): (_, Vec<WireEntry>)| {
                    let entries = entries.into_iter().map(LogEntry::try_from);
                    Ok(Growth {
                        account: account(id)?,
                        entries: entries.collect::<Result<_, _>>()?,
                    })
                };
                let logs = logs.into_iter().map(growth).collect::<Result<_, WireProblem>>()?;
                let said = said.into_iter().map(|said| Ok(Said::new(said.try_into()?)));
                let said = said.collect::<Result<_, WireProblem>>()?;
                Self::Grown(Grown { logs, said })
            }
            WireNews::Typing { to, chat, by } => {
                let chat = id(ChatId::new, chat, "a chat")?;
                Self::Typing { to: account(to)?, chat, by: account(by)? }
            }
            WireNews::CredentialsChanged { account: id } => {
                Self::CredentialsChanged { account: account(id)? }
            }
            WireNews::Attendance { replica, revision, notice } => Self::Attendance(Attendance {
                replica: ReplicaId(replica),
                revision,
                notice: notice.try_into()?,
            }),
            WireNews::Missed {} => Self::Missed,
        })
    }
}

impl TryFrom<WireNotice> for Notice {
    type Error = WireProblem;

    fn try_from(notice: WireNotice) -> Result<Self, Self::Error> {
        Ok(match notice {
            WireNotice::Alive {} => Self::Alive,
            WireNotice::Moved { account: id, online, at, told } => Self::Moved {
                account: account(id)?,
                online,
                at: time(at)?,
                told: told.into_iter().map(account).collect::<Result<_, _>>()?,
            },
            WireNotice::Roll { part, parts, present } => {
                let present = present.into_iter().map(|(id, at)| Ok((account(id)?, time(at)?)));
                Self::Roll { part, parts, present: present.collect::<Result<_, WireProblem>>()? }
            }
            WireNotice::RollCall { of } => Self::RollCall { of: of.map(ReplicaId) },
            WireNotice::Farewell {} => Self::Farewell,
        })
    }
}

/// `number` as an id; `new` is the id type's own constructor.
fn id<T>(new: fn(i64) -> Option<T>, number: i64, what: &'static str) -> Result<T, WireProblem> {
    new(number).ok_or(WireProblem::Impossible(what))
}

fn account(number: i64) -> Result<AccountId, WireProblem> {
    id(AccountId::new, number, "an account")
}

fn time(milliseconds: i64) -> Result<Timestamp, WireProblem> {
    Timestamp::from_millisecond(milliseconds).map_err(|_| WireProblem::Impossible("a time"))
}

/// Counts what was not understood, and tells the log of it now and then.
#[derive(Debug, Default)]
pub(crate) struct Misheard {
    count: u64,
    reported_at: Option<Instant>,
}

impl Misheard {
    /// Notes a message that was not understood.
    pub(crate) fn note(&mut self, problem: &WireProblem) {
        self.count += 1;
        let now = Instant::now();
        if self.reported_at.is_some_and(|at| now < at + REPORT_INTERVAL) {
            return;
        }
        self.reported_at = Some(now);
        tracing::warn!(
            error = problem as &dyn std::error::Error,
            messages = std::mem::take(&mut self.count),
            "messages of another replica are not understood; this is the last of them"
        );
    }
}

#[cfg(test)]
mod tests {
    use domain::chat::Side;
    use domain::event::{Entry, EntryKind};
    use domain::id::{MessageId, WebhookId};

    use super::*;

    fn account(id: i64) -> AccountId {
        AccountId::new(id).unwrap()
    }

    fn time(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn samples() -> Vec<(News, &'static str)> {
        let said = Entry {
            kind: EntryKind::MessageCreated,
            chat: ChatId::new(2),
            message: MessageId::new(30),
            side: Some(Side::Buyer),
            webhook: None,
            at: time(1),
        };
        let warned = Entry {
            kind: EntryKind::WebhookFailing,
            chat: None,
            message: None,
            side: None,
            webhook: WebhookId::new(4),
            at: time(2),
        };
        let growth = |id, sequence, entry: &Entry| Growth {
            account: account(id),
            entries: vec![LogEntry { sequence, entry: entry.clone() }],
        };
        let attendance = |notice| {
            News::Attendance(Attendance { replica: ReplicaId(u64::MAX), revision: 3, notice })
        };
        let (to, chat, by) = (account(1), ChatId::new(2).unwrap(), account(3));
        let moved = Notice::Moved {
            account: account(7),
            online: true,
            at: time(1),
            told: vec![account(8)],
        };
        let roll = Notice::Roll { part: 0, parts: 2, present: vec![(account(7), time(1))] };
        vec![
            (
                News::Grown(Grown {
                    logs: vec![growth(7, 12, &said), growth(8, 1, &warned)],
                    said: Vec::new(),
                }),
                r#"{"grown":{"logs":[[7,[[12,"message",2,30,"buyer",null,1000]]],[8,[[1,"failing",null,null,null,4,2000]]]],"said":[]}}"#,
            ),
            (News::Typing { to, chat, by }, r#"{"typing":{"to":1,"chat":2,"by":3}}"#),
            (
                News::CredentialsChanged { account: account(7) },
                r#"{"credentials_changed":{"account":7}}"#,
            ),
            (
                attendance(Notice::Alive),
                r#"{"attendance":{"replica":18446744073709551615,"revision":3,"notice":{"alive":{}}}}"#,
            ),
            (
                attendance(moved),
                r#"{"attendance":{"replica":18446744073709551615,"revision":3,"notice":{"moved":{"account":7,"online":true,"at":1000,"told":[8]}}}}"#,
            ),
            (
                attendance(roll),
                r#"{"attendance":{"replica":18446744073709551615,"revision":3,"notice":{"roll":{"part":0,"parts":2,"present":[[7,1000]]}}}}"#,
            ),
            (
                attendance(Notice::RollCall { of: Some(ReplicaId(5)) }),
                r#"{"attendance":{"replica":18446744073709551615,"revision":3,"notice":{"roll_call":{"of":5}}}}"#,
            ),
            (
                attendance(Notice::Farewell),
                r#"{"attendance":{"replica":18446744073709551615,"revision":3,"notice":{"farewell":{}}}}"#,
            ),
            (News::Missed, r#"{"missed":{}}"#),
        ]
    }

    #[test]
    fn news_arrive_as_they_were_sent() {
        for (news, written) in samples() {
            let bytes = write(&news);
            let expected = format!(r#"{{"v":3,"news":{written}}}"#);
            assert_eq!(std::str::from_utf8(&bytes).unwrap(), expected);
            assert_eq!(read(&bytes).unwrap(), news);
        }
    }

    #[test]
    fn another_version_is_told_from_what_is_broken() {
        let newer = read(br#"{"v":4,"news":{"grown":{"whatever":[1]}},"more":true}"#);
        assert!(matches!(newer, Err(WireProblem::Version(4))));
        for broken in ["", "\u{ff}", "{}", "[]", r#"{"v":3,"news":{"unheard_of":1}}"#] {
            assert!(matches!(read(broken.as_bytes()), Err(WireProblem::Broken(_))), "{broken}");
        }
        let impossible = read(br#"{"v":3,"news":{"grown":{"logs":[[0,[]]],"said":[]}}}"#);
        assert!(matches!(impossible, Err(WireProblem::Impossible(_))));
    }
}
