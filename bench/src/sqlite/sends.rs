//! Rows 1, 2 and 5: durable sends beside plain SQLite, and what it costs that much is stored.

use std::sync::Arc;

use rand::seq::SliceRandom as _;

use super::plain::Plain;
use super::prepared::Prepared;
use super::{CONNECTIONS, Site};
use crate::figure::Figure;
use crate::load::{Choice, Requests};
use crate::observation::Observation;
use crate::report::{Report, progress};

/// Measures and remarks.
pub(super) fn measure(site: &Site, report: &mut Report) -> anyhow::Result<()> {
    let (much, little) = (site.large.messages(), site.small.messages());
    let beside_plain = |row: u8, messages, must, aim| {
        Figure::new(format!("durable sends/s, {messages} messages stored"), "/s")
            .row(row)
            .beside("plain SQLite")
            .at_least(must, aim)
    };
    let beside_little = |chats: &str, must, aim| {
        Figure::new(format!("sends/s, {much} stored, {chats}"), "/s")
            .row(5)
            .beside(format!("{little} stored"))
            .at_least(must, aim)
    };
    let mut of_much = beside_plain(1, much, 0.7, 0.95);
    let mut of_little = beside_plain(2, little, 0.35, 0.5);
    let mut even = beside_little("chats chosen evenly", 0.4, 0.6);
    let mut skewed = beside_little("few chats get most", 0.5, 0.8);
    let plain_beside_little = |chats: &str| {
        Figure::new(format!("the same by plain SQLite, {chats}"), "/s")
            .beside(format!("{little} stored"))
    };
    let mut plain_even = plain_beside_little("chats chosen evenly");
    let mut plain_skewed = plain_beside_little("few chats get most");
    let mut last = None;
    for round in 1..=site.rounds() {
        let large = sends_per_second(site, &site.large)?;
        let small = sends_per_second(site, &site.small)?;
        of_much.add(large.even.plain, large.even.torg.load.per_second);
        of_little.add(small.even.plain, small.even.torg.load.per_second);
        even.add(small.even.torg.load.per_second, large.even.torg.load.per_second);
        skewed.add(small.skewed.torg.load.per_second, large.skewed.torg.load.per_second);
        plain_even.add(small.even.plain, large.even.plain);
        plain_skewed.add(small.skewed.plain, large.skewed.plain);
        progress(&format!("sends on SQLite, round {round}"));
        last = Some([large, small]);
    }
    for figure in [of_much, of_little, even, plain_even, skewed, plain_skewed] {
        report.add(figure);
    }
    for (rates, messages) in last.into_iter().flatten().zip([much, little]) {
        report.remark(format!(
            "SQLite with {messages} messages, last round: {}; {} of {} messages were not in the index for search yet.",
            rates.even.torg.describe(),
            rates.even.unindexed,
            rates.even.torg.load.answers,
        ));
    }
    Ok(())
}

/// One round on one amount of data.
struct Rates {
    even: Pair,
    skewed: Pair,
}

/// Plain SQLite and Torg in chats chosen alike.
struct Pair {
    /// Sends in a second.
    plain: f64,
    torg: Observation,
    /// Messages that were not in the index for search after `torg`.
    unindexed: i64,
}

fn sends_per_second(site: &Site, prepared: &Prepared) -> anyhow::Result<Rates> {
    let pair = |choice| {
        let plain = plain_sends(site, prepared, choice)?;
        let (torg, unindexed) = sends(site, prepared, choice)?;
        anyhow::Ok(Pair { plain, torg, unindexed })
    };
    Ok(Rates { even: pair(Choice::Even)?, skewed: pair(Choice::Skewed)? })
}

/// Sends in a second by plain SQLite.
fn plain_sends(site: &Site, prepared: &Prepared, choice: Choice) -> anyhow::Result<f64> {
    let copy = prepared.copy()?;
    let mut plain = Plain::open(&copy.database())?;
    let mut chats = prepared.town.chats.clone();
    chats.shuffle(&mut rand::rng());
    tokio::task::block_in_place(|| plain.run(&chats, choice, site.span()))
}

/// The load of senders, and how many of their messages were not in the index for search at its end.
fn sends(site: &Site, prepared: &Prepared, choice: Choice) -> anyhow::Result<(Observation, i64)> {
    let copy = prepared.copy()?;
    let server = copy.serve()?;
    let mut all = prepared.town.sends(|_| true);
    // As for plain SQLite: those who get most are anybody, and not all of one seller.
    Arc::make_mut(&mut all).shuffle(&mut rand::rng());
    let requests = Requests { address: server.address, all, choice };
    let observation = Observation::of(&server, &requests, CONNECTIONS, site.span())?;
    Ok((observation, copy.unindexed()?))
}
