//! `POST /v2/auth/token`: what an Api-Key may do (contract §11).

use serde::Serialize;

use crate::auth::Cabinet;
use crate::wire::Answer;

/// The longest name of a key, in characters.
const NAME_CHARS_MAX: usize = 100;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TokenInfo {
    api_key: ApiKeyInfo,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ApiKeyInfo {
    name: String,
    auth_scopes: [&'static str; 1],
}

/// What the key that was used is called, and its scopes. There is no body to read.
pub(crate) async fn get_token_info(cabinet: Cabinet) -> Answer<TokenInfo> {
    let key = cabinet.key();
    let name: String = key.name.chars().take(NAME_CHARS_MAX).collect();
    // Every name has a character.
    let name = if name.is_empty() { "Api-Key".to_owned() } else { name };
    let scope = if key.can_write { "COMMUNICATION" } else { "ALL_METHODS_READ_ONLY" };
    Answer::of(TokenInfo { api_key: ApiKeyInfo { name, auth_scopes: [scope] } })
}
