//! The words of this API for what webhooks are refused.

use http::StatusCode;
use webhooks::{UrlProblem, WebhookError};

use crate::problem::Problem;
use crate::views::DeliveryView;

impl From<WebhookError> for Problem {
    fn from(error: WebhookError) -> Self {
        const INVALID: StatusCode = StatusCode::UNPROCESSABLE_ENTITY;
        const CONFLICT: StatusCode = StatusCode::CONFLICT;
        match error {
            WebhookError::NotFound => no_such_webhook(),
            WebhookError::UnknownFormat { known } => Self::new(
                INVALID,
                "unknown-format",
                "Nothing is pushed in this format",
                format!("Formats of this server: {}.", known.join(", ")),
            )
            .with("known_formats", known),
            WebhookError::UnknownType { given, known } => Self::new(
                INVALID,
                "unknown-type",
                "The format has no such type",
                format!("There is no type '{given}'. Types of the format: {}.", known.join(", ")),
            )
            .with("given", given)
            .with("known_types", known),
            WebhookError::BadUrl(problem) => {
                Self::new(INVALID, "bad-url", "The URL cannot be pushed to", advice(problem))
            }
            WebhookError::AddressNotAllowed => Self::new(
                INVALID,
                "private-address",
                "The URL leads to a private address",
                "This server pushes to public addresses only. Whoever runs it can allow others in the settings.",
            ),
            WebhookError::UrlTaken => Self::new(
                CONFLICT,
                "url-taken",
                "Another webhook has this URL",
                "In this format each URL is told once. Change the webhook that has it.",
            ),
            WebhookError::NotConfirmed(attempt) => Self::new(
                INVALID,
                "not-confirmed",
                "The receiver did not confirm the URL",
                format!(
                    "A ping has to be answered first, as the format asks for; this one was not: {}.",
                    attempt.reason()
                ),
            )
            .with("ping", DeliveryView::of_ping(&attempt)),
            WebhookError::NotSigned => Self::new(
                CONFLICT,
                "not-signed",
                "There is no secret to replace",
                "Pushes in the format of this webhook are not signed.",
            ),
            WebhookError::TooMany { max } => Self::new(
                CONFLICT,
                "too-many-webhooks",
                "The account has as many webhooks as it may have",
                format!("An account has at most {max}. Delete one that is not needed."),
            )
            .with("limit", max),
            WebhookError::CutOff { oldest } => Self::new(
                StatusCode::GONE,
                "log-trimmed",
                "The log does not reach that far back",
                format!("The oldest event that is kept is {oldest}."),
            )
            .with("oldest", oldest),
            WebhookError::BeyondNewest { newest } => Self::new(
                INVALID,
                "not-happened-yet",
                "The log does not reach that far",
                format!("The newest event is {newest}."),
            )
            .with("newest", newest),
            WebhookError::Conflict => Self::new(
                CONFLICT,
                "webhook-changed",
                "The webhook is being changed by somebody else",
                "Nothing was changed by this request. Look at the webhook and send the request again.",
            ),
            WebhookError::Engine(error) => error.into(),
        }
    }
}

/// What is not there and what others own look the same.
pub(crate) fn no_such_webhook() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "webhook-not-found",
        "There is no such webhook",
        "It does not exist, or not for this account. List the webhooks.",
    )
}

fn advice(problem: UrlProblem) -> &'static str {
    match problem {
        UrlProblem::TooLong => "The URL is longer than 2000 bytes.",
        UrlProblem::NotAbsolute => {
            "Give an absolute URL with a host, such as https://shop.example/hook."
        }
        UrlProblem::NotHttp => "The URL must begin with https:// or http://.",
        UrlProblem::HasUser => {
            "The URL must not hold a user name or a password: it would stand in logs."
        }
    }
}
