//! What goes over NATS is sealed: whoever reaches NATS can neither read what people say to each other nor make it up.
//!
//! A sealed letter is the salt of its sender (16 bytes), its number there (8 bytes, big-endian), and the ciphertext of
//! ChaCha20-Poly1305 with its tag. A salt makes the key of one sender out of the secret of the installation, so that
//! numbers need to be new to one process only.

use bytes::Bytes;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac;

/// Bytes of a salt.
const SALT_BYTES: usize = 16;
/// Bytes of a letter's number.
const NUMBER_BYTES: usize = 8;

/// A letter that no replica of this installation has sealed, or that was changed on its way.
#[derive(Debug, thiserror::Error)]
#[error("it was not sealed by a replica of this installation")]
pub(crate) struct BrokenSeal;

/// Seals what one process sends.
pub(crate) struct Sealer {
    secret: hmac::Key,
    salt: [u8; SALT_BYTES],
    letters: u64,
}

impl Sealer {
    /// Seals with the `secret` of the installation. No process may have used the same `salt`.
    pub(crate) fn new(secret: &[u8; 32], salt: [u8; SALT_BYTES]) -> Self {
        Self { secret: hmac_key(secret), salt, letters: 0 }
    }

    /// The letter, so that only replicas of the installation can read it.
    pub(crate) fn seal(&mut self, mut letter: Vec<u8>) -> Result<Bytes, BrokenSeal> {
        let number = self.letters.to_be_bytes();
        self.letters += 1;
        let key = key_of_sender(&self.secret, &self.salt)?;
        let sealed = key.seal_in_place_append_tag(nonce(number), Aad::empty(), &mut letter);
        sealed.map_err(|_| BrokenSeal)?;
        Ok([&self.salt[..], &number, &letter].concat().into())
    }
}

/// Opens what the other processes of an installation send.
pub(crate) struct Opener {
    secret: hmac::Key,
    own_salt: [u8; SALT_BYTES],
}

impl Opener {
    /// Opens what was sealed with `secret`, but for what this process sealed itself, with `own_salt`.
    pub(crate) fn new(secret: &[u8; 32], own_salt: [u8; SALT_BYTES]) -> Self {
        Self { secret: hmac_key(secret), own_salt }
    }

    /// The letter in `sealed`; none where it is one of this process. NATS does not echo on one connection, but what was
    /// still on its way on a connection that broke is delivered on the next.
    pub(crate) fn open(&self, sealed: &[u8]) -> Result<Option<Vec<u8>>, BrokenSeal> {
        let (salt, rest) = sealed.split_first_chunk::<SALT_BYTES>().ok_or(BrokenSeal)?;
        if *salt == self.own_salt {
            return Ok(None);
        }
        let (&number, ciphertext) = rest.split_first_chunk::<NUMBER_BYTES>().ok_or(BrokenSeal)?;
        let key = key_of_sender(&self.secret, salt)?;
        let mut letter = ciphertext.to_vec();
        let opened = key.open_in_place(nonce(number), Aad::empty(), &mut letter);
        let letter_bytes = opened.map_err(|_| BrokenSeal)?.len();
        letter.truncate(letter_bytes);
        Ok(Some(letter))
    }
}

fn hmac_key(secret: &[u8; 32]) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, secret)
}

/// Made anew for each letter: that takes a microsecond, and nothing of senders that come and go is kept.
fn key_of_sender(secret: &hmac::Key, salt: &[u8; SALT_BYTES]) -> Result<LessSafeKey, BrokenSeal> {
    let derived = hmac::sign(secret, salt);
    let key = UnboundKey::new(&CHACHA20_POLY1305, derived.as_ref()).map_err(|_| BrokenSeal)?;
    Ok(LessSafeKey::new(key))
}

fn nonce(number: [u8; NUMBER_BYTES]) -> Nonce {
    let mut nonce = [0; NONCE_LEN];
    nonce[NONCE_LEN - NUMBER_BYTES..].copy_from_slice(&number);
    Nonce::assume_unique_for_key(nonce)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: [u8; 32] = [7; 32];

    #[test]
    fn every_replica_opens_what_others_have_sealed() {
        let opener = Opener::new(&SECRET, [3; 16]);
        let mut senders = [Sealer::new(&SECRET, [1; 16]), Sealer::new(&SECRET, [2; 16])];
        let mut all = Vec::new();
        for sender in &mut senders {
            for letter in ["Здравствуйте", "Здравствуйте", ""] {
                let sealed = sender.seal(letter.into()).unwrap();
                assert_eq!(opener.open(&sealed).unwrap().as_deref(), Some(letter.as_bytes()));
                let hidden = !sealed.windows(4).any(|bytes| letter.as_bytes().starts_with(bytes));
                assert!(hidden, "nothing of it can be read");
                all.push(sealed);
            }
        }
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 6, "no two look the same");
    }

    #[test]
    fn a_letter_of_one_s_own_is_told_from_all_others() {
        let sealed = Sealer::new(&SECRET, [1; 16]).seal(b"Hi".into()).unwrap();
        assert_eq!(Opener::new(&SECRET, [1; 16]).open(&sealed).unwrap(), None);
        assert_eq!(Opener::new(&SECRET, [2; 16]).open(&sealed).unwrap(), Some(b"Hi".into()));
    }

    #[test]
    fn what_others_have_sealed_or_changed_is_refused() {
        let sealed = Sealer::new(&SECRET, [1; 16]).seal(b"Hi".into()).unwrap();
        let opener = Opener::new(&SECRET, [3; 16]);
        assert!(opener.open(&sealed).is_ok());
        assert!(Opener::new(&[8; 32], [3; 16]).open(&sealed).is_err());
        for place in 0..sealed.len() {
            let mut changed = sealed.to_vec();
            changed[place] ^= 1;
            assert!(opener.open(&changed).is_err(), "byte {place}");
            assert!(opener.open(&sealed[..place]).is_err(), "{place} bytes");
        }
        assert!(opener.open(br#"{"v":3,"news":{"missed":{}}}"#).is_err());
    }
}
