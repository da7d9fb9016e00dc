//! Webhooks: an account's log, pushed to URLs that the account names.
//!
//! Each webhook has its own position in the log and its own pace, so that a slow or dead receiver delays nobody else. It
//! must never know a wire: what a push says, which answer is a yes and when to give up stand in a [`PushFormat`], of
//! which every face of the server that pushes brings one.

mod address;
mod attempt;
mod client;
mod courier;
mod error;
mod format;
mod health;
mod lanes;
mod report;
mod sender;
mod subscriptions;
mod target;

pub use attempt::Attempt;
pub use client::ClientProblem;
pub use error::WebhookError;
pub use format::{
    Answer, GiveUp, Order, Purpose, Push, PushFormat, Receive, Standing, Unanswered, Verdict,
    scheduled_repeat,
};
pub use report::WebhookReport;
pub use sender::{Sender, SenderRules};
pub use subscriptions::{NewWebhook, WebhookChange, WebhookRules, Webhooks};
pub use target::{URL_BYTES_MAX, UrlProblem, check_url};
