//! Which faces the server shows, and what each takes from the settings.

use domain::policy::{FileRules, Policy, SellerRules, TextRules};
use engine::Engine;
use engine::random::Random;

use crate::front::Face;
use crate::settings::Settings;

/// The audience of keys of the marketplace's backend.
pub const HOST_AUDIENCE: &str = "host";

/// The text of a fresh key for the face with this audience, in the form its clients know; none where there are no keys.
pub fn new_secret(_audience: &str, random: &dyn Random) -> Option<String> {
    Some(random.token())
}

/// The rules of the native API.
pub fn native_policy(settings: &Settings) -> Policy {
    Policy {
        text: TextRules {
            chars_max: settings.native.text_chars_max as usize,
            tidied: false,
            blank_allowed: false,
            control_characters_refused: false,
        },
        files: FileRules {
            bytes_max: settings.native.file_bytes_max.into(),
            per_message_max: 10,
            pictures_only: false,
        },
        seller: SellerRules::UNBOUND,
    }
}

/// The faces that are switched on.
pub fn faces(_settings: &Settings, _engine: &Engine) -> Vec<Face> {
    Vec::new()
}
