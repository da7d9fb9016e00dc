//! From a request to a draft: checked text, files, and what makes repeats harmless.

use axum::extract::FromRequestParts;
use domain::commands::{Attached, Draft, IdempotencyKey};
use domain::id::{AttachmentId, MessageId};
use domain::text::Text;
use engine::Engine;
use http::request::Parts;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use crate::problem::Problem;
use crate::values::{ClientKey, Id, IdOrZero};

/// What to write.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct NewMessage {
    /// Up to 4096 characters (Unicode code points) unless the server is set up otherwise.
    #[schema(min_length = 1, max_length = 4096)]
    pub(crate) text: Option<String>,
    /// Files that were uploaded before, each for one message, in the order in which they are shown.
    #[serde(default)]
    #[schema(max_items = 10)]
    pub(crate) attachment_ids: Option<Vec<Id>>,
    /// The same as the header `Idempotency-Key`, for clients that cannot set headers.
    pub(crate) client_key: Option<ClientKey>,
    /// Refuse unless this is the chat's newest message; 0 stands for a chat without messages.
    pub(crate) if_last_message_id: Option<IdOrZero>,
}

/// The header `Idempotency-Key`, and of which request it is.
pub(crate) struct RequestKey {
    key: Option<ClientKey>,
    method: String,
    path: String,
}

impl<S: Sync> FromRequestParts<S> for RequestKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let key = match parts.headers.get("idempotency-key") {
            None => None,
            Some(value) => {
                let wrong = |message: String| Problem::invalid("Idempotency-Key", message);
                let text = std::str::from_utf8(value.as_bytes())
                    .map_err(|_| wrong("is not UTF-8".to_owned()))?;
                Some(ClientKey::parse(text.to_owned()).map_err(wrong)?)
            }
        };
        let path = parts.uri.path().to_owned();
        Ok(Self { key, method: parts.method.to_string(), path })
    }
}

/// What a fingerprint covers of a body: what it asks for, in one order and one spelling.
#[derive(Serialize)]
struct CanonicalMessage<'a, C> {
    text: Option<&'a str>,
    attachment_ids: Vec<i64>,
    if_last_message_id: Option<i64>,
    /// What else the request asks for.
    around: C,
}

impl NewMessage {
    /// The draft by the rules of this door. `around` is what the request asks for besides the message.
    pub(crate) fn into_draft(
        self,
        engine: &Engine,
        request: &RequestKey,
        around: impl Serialize,
    ) -> Result<Draft, Problem> {
        let idempotency_key = self.idempotency_key(request, around)?;
        let if_last_message = self.if_last_message_id.map(|id| MessageId::new(id.get()));
        let text = self.text.map(|text| Text::new(&text, &engine.policy().text)).transpose()?;
        let ids = self.attachment_ids.unwrap_or_default();
        let attachments = ids.into_iter().filter_map(|id| AttachmentId::new(id.get()));
        Ok(Draft {
            text,
            attachments: attachments.map(Attached::Stored).collect(),
            idempotency_key,
            if_last_message,
        })
    }

    fn idempotency_key(
        &self,
        request: &RequestKey,
        around: impl Serialize,
    ) -> Result<Option<IdempotencyKey>, Problem> {
        let key = match (&request.key, &self.client_key) {
            (Some(header), Some(body)) if header != body => {
                return Err(Problem::invalid(
                    "client_key",
                    "differs from the header Idempotency-Key; send one of the two",
                ));
            }
            (Some(key), _) | (None, Some(key)) => key.clone(),
            (None, None) => return Ok(None),
        };
        let canonical = CanonicalMessage {
            text: self.text.as_deref(),
            attachment_ids: self.attachment_ids.iter().flatten().map(|id| id.get()).collect(),
            if_last_message_id: self.if_last_message_id.map(IdOrZero::get),
            around,
        };
        let canonical = serde_json::to_vec(&canonical).map_err(|_| Problem::internal())?;
        let mut hash = Sha256::new();
        for part in [request.method.as_bytes(), request.path.as_bytes(), &canonical] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let fingerprint = hash.finalize().into();
        Ok(Some(IdempotencyKey { key: key.into_string(), fingerprint }))
    }
}
