//! What the operator may set.

use jiff::tz::Offset;

/// What the operator may set. The defaults are the contract's values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Requests of one cabinet at the same time; 0 lifts the limit (contract §4.2).
    pub parallel_requests: u32,
    /// The offset from UTC in the times of answers.
    pub time_offset: Offset,
    /// Requests per hour, for each cabinet and method.
    pub requests_per_hour: HourlyLimits,
}

/// Requests per hour, for each cabinet and method; 0 lifts a limit (contract §4.1, §11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the limit of the method of its name")]
pub struct HourlyLimits {
    pub create_chat: u32,
    pub get_chats: u32,
    pub get_chat: u32,
    pub get_chat_history: u32,
    pub get_chat_message: u32,
    pub send_message_to_chat: u32,
    pub send_file_to_chat: u32,
    pub get_campaigns: u32,
    pub get_token_info: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            parallel_requests: 4,
            time_offset: Offset::constant(3),
            requests_per_hour: HourlyLimits::default(),
        }
    }
}

impl Default for HourlyLimits {
    fn default() -> Self {
        Self {
            create_chat: 1_000,
            get_chats: 5_000,
            get_chat: 1_000,
            get_chat_history: 10_000,
            get_chat_message: 1_000,
            send_message_to_chat: 1_000,
            send_file_to_chat: 1_000,
            get_campaigns: 1_000,
            get_token_info: 100,
        }
    }
}
