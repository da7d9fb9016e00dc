//! What an operator may change, and Ozon's rules as data.

use domain::SignedDuration;
use domain::policy::{FileRules, Opening, PerModel, Policy, SellerRules, TextRules, Writing};

/// The longest text of a message, in code points (Ozon contract §7.2).
pub(crate) const TEXT_CHARS_MAX: usize = 1000;

/// What an operator may change. The defaults are the contract's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Requests per second and `Client-Id` over all methods; 0 lifts the limit (Ozon contract §4).
    pub requests_per_second: u32,
    /// The largest file, decoded, in bytes (Ozon contract §11.13).
    pub file_bytes_max: u64,
    /// Hours in which the seller may answer the buyer's latest message (Ozon contract §5.2).
    pub reply_window_hours: u32,
    /// Hours after payment, and again after delivery, in which the seller may start a chat; also the hours after
    /// delivery in which it may still write unasked (Ozon contract §5.2).
    pub start_window_hours: u32,
    /// What needs the seller's subscription (Ozon contract §5.1).
    pub subscription_gate: SubscriptionGate,
}

/// Which methods need the seller's subscription (Ozon contract §5.1, §11.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubscriptionGate {
    /// None.
    Off,
    /// Starting a chat, sending, and marking buyers' chats as read.
    Sends,
    /// Those, and the history of buyers' chats.
    SendsAndHistory,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            requests_per_second: 50,
            file_bytes_max: 10 << 20,
            reply_window_hours: 48,
            start_window_hours: 72,
            subscription_gate: SubscriptionGate::Sends,
        }
    }
}

/// Ozon's rules (Ozon contract §5.2, §11.1, §11.2, §11.13, §11.15).
pub fn policy(settings: &Settings) -> Policy {
    let hours = |hours: u32| SignedDuration::from_hours(hours.into());
    let reply = hours(settings.reply_window_hours);
    let start = hours(settings.start_window_hours);
    // Where the marketplace delivers from its own stock, only the buyer begins.
    let opens = PerModel { fbo: Opening::Never, ..PerModel::all(Opening::After(start)) };
    let writes = Writing::Windows { after_delivery: start, answer: reply };
    Policy {
        text: TextRules {
            chars_max: TEXT_CHARS_MAX,
            tidied: false,
            blank_allowed: false,
            control_characters_refused: false,
        },
        files: FileRules {
            bytes_max: settings.file_bytes_max,
            per_message_max: 1,
            pictures_only: false,
        },
        seller: SellerRules {
            opens_order_chat: opens,
            opens_return_chat: opens,
            opens_other_chat: false,
            writes: PerModel { fbo: Writing::AnswerWithin(reply), ..PerModel::all(writes) },
            writes_elsewhere: Writing::AnswerWithin(reply),
            opening_reopens: true,
        },
    }
}
