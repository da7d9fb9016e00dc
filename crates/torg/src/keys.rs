//! `torg key create`: the first key of an installation has to come from its operator.

use anyhow::Context as _;
use domain::id::AccountId;
use engine::store::ApiKey;

use crate::cli::KeyCreateArguments;
use crate::faces::{HOST_AUDIENCE, NATIVE_AUDIENCE, audience_names, new_secret};
use crate::server::{Surroundings, open_engine_beside};
use crate::settings::Settings;

/// Makes a key and answers its text. A server may be running on the same data directory.
pub async fn create(
    arguments: &KeyCreateArguments,
    settings: &Settings,
    surroundings: Surroundings,
) -> anyhow::Result<String> {
    let account = match arguments.account {
        Some(id) => {
            Some(AccountId::new(id).context("--account: an id is between 1 and 9007199254740991")?)
        }
        None => None,
    };
    let audience = match (&arguments.audience, account) {
        (Some(audience), _) => audience.as_str(),
        (None, Some(_)) => NATIVE_AUDIENCE,
        (None, None) => HOST_AUDIENCE,
    };
    if (audience == HOST_AUDIENCE) == account.is_some() {
        anyhow::bail!(
            "a key for '{HOST_AUDIENCE}' has no --account, a key for anything else needs one"
        );
    }
    let secret = new_secret(audience, &*surroundings.random).with_context(|| {
        format!("--audience: there is no '{audience}'; there are {}", audience_names().join(", "))
    })?;
    let (can_read, can_write) = scopes(&arguments.scopes)?;
    let engine = open_engine_beside(settings, surroundings).await?;
    if let Some(account) = account {
        engine
            .account(account)
            .await
            .with_context(|| format!("--account: there is no account {account}"))?;
    }
    let key = engine.new_key(account, audience, &arguments.name, &secret);
    engine.put_key(&ApiKey { can_read, can_write, ..key }).await??;
    engine.stop().await?;
    Ok(secret)
}

/// Whether a key with these scopes may read and write chats. Without any it may both.
fn scopes(names: &[String]) -> anyhow::Result<(bool, bool)> {
    if names.is_empty() {
        return Ok((true, true));
    }
    let (mut can_read, mut can_write) = (false, false);
    for name in names {
        match name.as_str() {
            "chats:read" => can_read = true,
            "chats:write" => can_write = true,
            other => anyhow::bail!(
                "--scope: there is no '{other}'; there are chats:read and chats:write"
            ),
        }
    }
    Ok((can_read, can_write))
}
