//! The words of this API for everything that the engine refuses.

use domain::id::MessageId;
use domain::refusal::{Missing, Refusal};
use engine::EngineError;
use http::StatusCode;

use crate::names::model_name;
use crate::problem::Problem;
use crate::values::Time;

/// For how long a client of an overloaded or unreachable database is sent away, in seconds.
const RETRY_AFTER_SECONDS: i64 = 2;

impl From<EngineError> for Problem {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::NotFound(missing) => not_found(missing),
            EngineError::Refused(refusal) => refused(&refusal),
            EngineError::Overloaded => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "overloaded",
                "The server is overloaded",
                "Nothing was changed. Send the same request again after the seconds that Retry-After names.",
            )
            .retry_after(RETRY_AFTER_SECONDS),
            EngineError::Unavailable => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                "The server cannot reach its database or its files",
                "Send the same request again after the seconds that Retry-After names, a message with an \
                 Idempotency-Key: it is then written once at most.",
            )
            .retry_after(RETRY_AFTER_SECONDS),
            EngineError::OutcomeUnknown => Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "outcome-unknown",
                "It is not known whether the request was carried out",
                "The database went away while it committed. Send the same request again with the same \
                 Idempotency-Key: it is then carried out once at most. Without a key, read the chat first.",
            ),
            EngineError::Internal => Self::internal(),
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        refused(&refusal)
    }
}

/// What is not there and what others own look the same, to the last byte.
pub(crate) fn not_found(missing: Missing) -> Problem {
    let (slug, title) = match missing {
        Missing::Chat => ("chat-not-found", "There is no such chat"),
        Missing::Message => ("message-not-found", "There is no such message in the chat"),
        Missing::Product => ("product-not-found", "There is no such product on sale"),
        Missing::Order => ("order-not-found", "There is no such order"),
        Missing::Posting => ("posting-not-found", "There is no such posting"),
        Missing::Return => ("return-not-found", "There is no such return"),
        Missing::Account => ("account-not-found", "There is no such account"),
        Missing::Attachment => ("attachment-not-found", "There is no such attachment"),
    };
    let detail = match missing {
        Missing::Attachment => {
            "It does not exist, is not yours, was sent already, or is named twice. Upload the file again."
        }
        Missing::Chat
        | Missing::Message
        | Missing::Product
        | Missing::Order
        | Missing::Posting
        | Missing::Return
        | Missing::Account => "It does not exist, or not for this key. Check the id.",
    };
    Problem::new(StatusCode::NOT_FOUND, slug, title, detail)
}

/// The rule that said no, with the facts of the case.
pub(crate) fn refused(refusal: &Refusal) -> Problem {
    let (status, slug, title) = kind(refusal);
    let problem = Problem::new(status, slug, title, advice(refusal));
    match refusal {
        Refusal::TextTooLong { length, limit } => {
            problem.with("length", length).with("limit", limit)
        }
        Refusal::TextHasForbiddenCharacter { character } => {
            problem.with("character", code_point(*character))
        }
        Refusal::TooManyAttachments { limit } => problem.with("limit", limit),
        Refusal::FileTooLarge { bytes, limit } => {
            problem.with("length", bytes).with("limit", limit)
        }
        Refusal::OpeningNotAllowed { model, allowed } => {
            let allowed: Vec<_> = allowed.iter().copied().map(model_name).collect();
            problem.with("model", model.map(model_name)).with("allowed_models", allowed)
        }
        Refusal::OpeningWindowClosed { closed_at } | Refusal::SendingWindowClosed { closed_at } => {
            problem.with("closed_at", Time::of(*closed_at))
        }
        Refusal::LastMessageChanged { last } => {
            problem.with("last_message_id", last.map(MessageId::get))
        }
        Refusal::TextEmpty
        | Refusal::NothingToSend
        | Refusal::FileEmpty
        | Refusal::NotAPicture
        | Refusal::ChatClosed
        | Refusal::DisputeEnded
        | Refusal::BlockedByBuyer
        | Refusal::OwnProduct
        | Refusal::OnlyTheBuyerBlocks
        | Refusal::NotYourMessage
        | Refusal::IdempotencyKeyReused
        | Refusal::NothingToDispute
        | Refusal::AlreadyDisputed
        | Refusal::NotDisputed
        | Refusal::StateSetByDispute => problem,
    }
}

/// Status, slug and title: 422 for what is wrong with the request itself, 403 for what this side never may, 409 for
/// what the chat's state forbids now.
fn kind(refusal: &Refusal) -> (StatusCode, &'static str, &'static str) {
    const INVALID: StatusCode = StatusCode::UNPROCESSABLE_ENTITY;
    const CONFLICT: StatusCode = StatusCode::CONFLICT;
    const FORBIDDEN: StatusCode = StatusCode::FORBIDDEN;
    match refusal {
        Refusal::TextEmpty => (INVALID, "text-empty", "The text is empty"),
        Refusal::TextTooLong { .. } => (INVALID, "text-too-long", "The text is too long"),
        Refusal::TextHasForbiddenCharacter { .. } => (
            INVALID,
            "text-has-forbidden-character",
            "The text holds a character that cannot be kept",
        ),
        Refusal::NothingToSend => (INVALID, "nothing-to-send", "The message is empty"),
        Refusal::TooManyAttachments { .. } => {
            (INVALID, "too-many-attachments", "The message has too many attachments")
        }
        Refusal::FileEmpty => (INVALID, "file-empty", "The file is empty"),
        Refusal::FileTooLarge { .. } => {
            (StatusCode::PAYLOAD_TOO_LARGE, "file-too-large", "The file is too large")
        }
        Refusal::NotAPicture => (INVALID, "not-a-picture", "The file is not a picture"),
        Refusal::OpeningNotAllowed { .. } => {
            (FORBIDDEN, "opening-not-allowed", "The seller may not begin this chat")
        }
        Refusal::OpeningWindowClosed { .. } => (
            CONFLICT,
            "opening-window-closed",
            "This is not the time in which the seller may begin the chat",
        ),
        Refusal::SendingWindowClosed { .. } => {
            (CONFLICT, "window-closed", "This is not the time in which the seller may write")
        }
        Refusal::ChatClosed => (CONFLICT, "chat-closed", "The chat is closed"),
        Refusal::DisputeEnded => (CONFLICT, "dispute-ended", "The dispute was decided"),
        Refusal::BlockedByBuyer => {
            (CONFLICT, "blocked-by-buyer", "The buyer has blocked the seller in this chat")
        }
        Refusal::OwnProduct => (INVALID, "own-product", "The product is your own"),
        Refusal::OnlyTheBuyerBlocks => {
            (FORBIDDEN, "only-the-buyer-blocks", "Only the buyer may block")
        }
        Refusal::LastMessageChanged { .. } => {
            (CONFLICT, "last-message-changed", "The chat moved on")
        }
        Refusal::NotYourMessage => (FORBIDDEN, "not-your-message", "The message is not yours"),
        Refusal::IdempotencyKeyReused => {
            (INVALID, "idempotency-key-reused", "The idempotency key was used for another request")
        }
        Refusal::NothingToDispute => {
            (CONFLICT, "nothing-to-dispute", "The chat cannot become a dispute")
        }
        Refusal::AlreadyDisputed => (CONFLICT, "already-disputed", "The chat is a dispute already"),
        Refusal::NotDisputed => (CONFLICT, "not-disputed", "The chat is not in dispute"),
        Refusal::StateSetByDispute => {
            (CONFLICT, "state-set-by-dispute", "The chat's state follows from its dispute")
        }
    }
}

/// What happened this time, and what to do.
fn advice(refusal: &Refusal) -> String {
    let fixed = match refusal {
        Refusal::TextTooLong { length, limit } => {
            return format!("The text has {length} characters, {limit} are allowed.");
        }
        Refusal::TextHasForbiddenCharacter { character } => {
            return format!("Remove {} from the text.", code_point(*character));
        }
        Refusal::TooManyAttachments { limit } => {
            return format!(
                "A message carries at most {limit} attachments; send the others with another message."
            );
        }
        Refusal::FileTooLarge { bytes, limit } => {
            return format!("The file has {bytes} bytes, {limit} are allowed.");
        }
        Refusal::OpeningNotAllowed { allowed, .. } if !allowed.is_empty() => {
            let names: Vec<_> = allowed.iter().copied().map(model_name).collect();
            return format!(
                "The seller begins chats with these models only: {}.",
                names.join(", ")
            );
        }
        Refusal::OpeningNotAllowed { .. } => "Only the buyer begins a chat like this.",
        Refusal::TextEmpty => {
            "A text needs a visible character; files alone are sent without 'text'."
        }
        Refusal::NothingToSend => "A message needs 'text', 'attachment_ids', or both.",
        Refusal::FileEmpty => "The file has no bytes.",
        Refusal::NotAPicture => "Only pictures that can be decoded are accepted here.",
        Refusal::OpeningWindowClosed { .. } => "The buyer may still begin it.",
        Refusal::SendingWindowClosed { .. } => {
            "The seller may write again after the buyer's next message."
        }
        Refusal::ChatClosed => {
            "It opens again with the buyer's next message, or when the marketplace reopens it."
        }
        Refusal::DisputeEnded => "Nobody writes in this chat any more; it can still be read.",
        Refusal::BlockedByBuyer => {
            "The seller may write again when the buyer takes the block back."
        }
        Refusal::OwnProduct => {
            "A seller who begins a chat about a product names another account as 'buyer_id'."
        }
        Refusal::OnlyTheBuyerBlocks => "This account is the seller of the chat.",
        Refusal::LastMessageChanged { .. } => {
            "The chat's last message is not the one in 'if_last_message_id'. Look at 'messages' and decide again."
        }
        Refusal::NotYourMessage => "Only the account that wrote a message changes its text.",
        Refusal::IdempotencyKeyReused => {
            "Take a fresh key for each message; repeat a request with exactly the same body."
        }
        Refusal::NothingToDispute => "Only a chat about an order or a return can.",
        Refusal::AlreadyDisputed => {
            "There is one dispute for each chat, also after it was decided."
        }
        Refusal::NotDisputed => "Only a dispute that runs can be ended.",
        Refusal::StateSetByDispute => "Only the end of the dispute changes it.",
    };
    fixed.to_owned()
}

fn code_point(character: char) -> String {
    format!("U+{:04X}", u32::from(character))
}

/// A file that is larger than accepted.
pub(crate) fn file_too_large(bytes: u64, limit: u64) -> Problem {
    refused(&Refusal::FileTooLarge { bytes, limit })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use serde_json::json;

    use super::*;

    #[test]
    fn every_refusal_has_a_kind_of_its_own_and_says_what_to_do() {
        let all = [
            Refusal::TextEmpty,
            Refusal::TextTooLong { length: 2, limit: 1 },
            Refusal::TextHasForbiddenCharacter { character: '\0' },
            Refusal::NothingToSend,
            Refusal::TooManyAttachments { limit: 10 },
            Refusal::FileEmpty,
            Refusal::FileTooLarge { bytes: 2, limit: 1 },
            Refusal::NotAPicture,
            Refusal::OpeningNotAllowed { model: None, allowed: Vec::new() },
            Refusal::OpeningWindowClosed { closed_at: None },
            Refusal::SendingWindowClosed { closed_at: None },
            Refusal::ChatClosed,
            Refusal::DisputeEnded,
            Refusal::BlockedByBuyer,
            Refusal::OwnProduct,
            Refusal::OnlyTheBuyerBlocks,
            Refusal::LastMessageChanged { last: None },
            Refusal::NotYourMessage,
            Refusal::IdempotencyKeyReused,
            Refusal::NothingToDispute,
            Refusal::AlreadyDisputed,
            Refusal::NotDisputed,
            Refusal::StateSetByDispute,
        ];
        let slugs: HashSet<_> = all.iter().map(|refusal| kind(refusal).1).collect();
        assert_eq!(slugs.len(), all.len());
        for refusal in &all {
            let (status, slug, title) = kind(refusal);
            assert!(status.is_client_error(), "{slug}");
            assert!(!title.ends_with('.') && advice(refusal).ends_with('.'), "{slug}");
        }
    }

    #[test]
    fn an_unknown_outcome_says_how_to_repeat_safely() {
        let problem = json!(Problem::from(EngineError::OutcomeUnknown));
        assert_eq!(problem["type"], "/problems/outcome-unknown");
        assert_eq!(problem["status"], 500);
        assert!(problem["detail"].as_str().is_some_and(|text| text.contains("Idempotency-Key")));
    }
}
