//! Figures of sends count only if what was acknowledged is there after `kill -9`, under the same settings.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use tokio::task::JoinSet;

use super::{CONNECTIONS, Site};
use crate::load::Connection;
use crate::report::Report;

/// How long all send before the server dies.
const SENDING: Duration = Duration::from_secs(1);

/// Kills a server under load, starts another one on what it has left, and counts.
pub(super) async fn check(site: &Site, report: &mut Report) -> anyhow::Result<()> {
    let copy = site.small.copy()?;
    let server = copy.serve()?;
    let chats = &site.small.town.chats[..CONNECTIONS];
    let before = chats.iter().map(|chat| copy.messages_in(chat)).collect::<Result<Vec<_>, _>>()?;

    let mut senders = JoinSet::new();
    for (index, chat) in chats.iter().enumerate() {
        let mut connection = Connection::open(server.address).await?;
        let request = chat.send(crate::town::TEXT);
        senders.spawn(async move {
            let mut acknowledged = 0;
            // The answer that does not come is the end of the server.
            while connection.ask(&request).await.is_ok() {
                acknowledged += 1;
            }
            (index, acknowledged)
        });
    }
    tokio::time::sleep(SENDING).await;
    ensure!(senders.try_join_next().is_none(), "a send failed before the server was killed");
    server.kill()?;
    let acknowledged = senders.join_all().await;
    drop(copy.serve().context("the server does not start after kill -9")?);

    let mut total = 0;
    for (index, acknowledged) in acknowledged {
        let stored = copy.messages_in(&chats[index])? - before[index];
        // One more may have been stored, whose answer was under way.
        ensure!(
            (acknowledged..=acknowledged + 1).contains(&stored),
            "kill -9: {acknowledged} messages of a chat were acknowledged, and {stored} are there"
        );
        total += acknowledged;
    }
    report.remark(format!(
        "kill -9 under load, with these settings: all {total} messages that were acknowledged are there, each once."
    ));
    Ok(())
}
