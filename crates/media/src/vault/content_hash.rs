//! The address of a blob.

use std::{fmt, str};

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

/// SHA-256 of some bytes. Written as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentHash([u8; Self::BYTES]);

/// The text is not 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a content hash is 64 lower-case hexadecimal digits")]
pub struct NotAContentHash;

impl ContentHash {
    /// The length in bytes.
    pub const BYTES: usize = 32;

    /// Computes the hash of `content`.
    pub fn of(content: &[u8]) -> Self {
        Self(Sha256::digest(content).into())
    }

    /// Takes over a hash that was computed before, such as one from a database.
    pub const fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// The hash as it is stored in a database.
    pub const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        HEXLOWER.encode_display(&self.0).fmt(f)
    }
}

impl fmt::Debug for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ContentHash({self})")
    }
}

impl str::FromStr for ContentHash {
    type Err = NotAContentHash;

    fn from_str(text: &str) -> Result<Self, NotAContentHash> {
        let bytes = HEXLOWER.decode(text.as_bytes()).map_err(|_| NotAContentHash)?;
        bytes.try_into().map(Self).map_err(|_| NotAContentHash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_read_back_from_its_text_and_its_bytes() {
        let hash = ContentHash::of(b"hello");
        assert_eq!(hash.to_string().parse(), Ok(hash));
        assert_eq!(ContentHash::from_bytes(*hash.as_bytes()), hash);
    }

    #[test]
    fn only_lower_case_hexadecimal_of_the_right_length_is_read() {
        let text = ContentHash::of(b"hello").to_string();
        for wrong in
            ["", "../../etc/passwd", &text[1..], &format!("{text}00"), &text.to_uppercase()]
        {
            assert_eq!(wrong.parse::<ContentHash>(), Err(NotAContentHash), "{wrong}");
        }
    }
}
