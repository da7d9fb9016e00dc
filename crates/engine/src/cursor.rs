//! Cursors: positions that clients carry for us, sealed so that nobody can make or move one.

use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// Bytes of the seal. 128 bits cannot be guessed.
const SEAL_BYTES: usize = 16;
/// The longest cursor that is looked at, in bytes of text.
const CURSOR_BYTES_MAX: usize = 512;

/// Seals cursors and opens them again.
pub(crate) struct CursorSeal {
    key: [u8; 32],
}

impl CursorSeal {
    pub(crate) fn new(key: [u8; 32]) -> Self {
        Self { key }
    }

    /// `payload` as URL-safe text that opens only for the same `purpose`.
    pub(crate) fn seal(&self, purpose: &str, payload: &[u8]) -> String {
        let tag = self.mac(purpose, payload).finalize().into_bytes();
        BASE64URL_NOPAD.encode(&[&tag[..SEAL_BYTES], payload].concat())
    }

    /// The payload of a cursor that this server sealed for `purpose`; none for any other text.
    pub(crate) fn open(&self, purpose: &str, text: &str) -> Option<Vec<u8>> {
        if CURSOR_BYTES_MAX < text.len() {
            return None;
        }
        let sealed = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
        let (tag, payload) = sealed.split_at_checked(SEAL_BYTES)?;
        self.mac(purpose, payload).verify_truncated_left(tag).ok()?;
        Some(payload.to_vec())
    }

    fn mac(&self, purpose: &str, payload: &[u8]) -> Hmac<Sha256> {
        let mut mac = crate::links::keyed(self.key);
        mac.update(&(purpose.len() as u64).to_be_bytes());
        mac.update(purpose.as_bytes());
        mac.update(payload);
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_opens_for_its_purpose_only_and_not_when_it_was_changed() {
        let seal = CursorSeal::new([7; 32]);
        let text = seal.seal("list of 7", b"42");
        assert_eq!(seal.open("list of 7", &text), Some(b"42".to_vec()));
        assert_eq!(seal.open("list of 8", &text), None);
        assert_eq!(CursorSeal::new([8; 32]).open("list of 7", &text), None);
        for garbage in ["", "A", "%%%", "нет", &text[1..], &text.replace(&text[..1], "_")] {
            assert_eq!(seal.open("list of 7", garbage), None, "{garbage}");
        }
        assert_eq!(seal.open("list of 7", &"A".repeat(600)), None);
    }
}
