//! How far a batch may reach: the chats that it can change anything in, and the accounts to lock for that.

use std::collections::{BTreeSet, HashMap, HashSet};

use domain::batch::Batch;
use domain::chat::ChatKey;
use domain::id::{AccountId, ChatId};

use super::super::database::Parties;

/// Leaves out the chats that only strangers mean. They get the answer that they would get anyway, without waiting for
/// those who write there: neither can they tell by the time that there is such a chat, nor hold anybody up.
pub(super) fn leave_out_what_strangers_name(batch: &Batch, parties: &mut HashMap<ChatId, Parties>) {
    let commands = batch.submissions.iter().map(|submission| &submission.command);
    let meant: HashSet<ChatId> = commands
        .filter_map(|command| {
            let chat = command.chat()?;
            let Parties { seller, buyer, .. } = parties.get(&chat)?;
            let is_in_it = |account| [*seller, *buyer].contains(&account);
            command.account().is_none_or(is_in_it).then_some(chat)
        })
        .collect();
    parties.retain(|chat, _| meant.contains(chat));
}

/// The accounts whose lock covers everything that `batch` may change, by rising id.
pub(super) fn accounts_of(
    batch: &Batch,
    parties: &HashMap<ChatId, Parties>,
    keys: &[ChatKey],
) -> Vec<i64> {
    let mut accounts = BTreeSet::new();
    for Parties { seller, buyer, .. } in parties.values() {
        accounts.extend([seller.get(), buyer.get()]);
    }
    for ChatKey { seller, buyer, .. } in keys {
        accounts.extend([seller.get(), buyer.get()]);
    }
    let claimed =
        batch.submissions.iter().filter_map(|submission| submission.command.claims_from());
    accounts.extend(claimed.map(AccountId::get));
    accounts.into_iter().collect()
}
