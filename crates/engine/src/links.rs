//! Links to files that work without a key, for one account and for a limited time.

use domain::attachment::Attachment;
use domain::id::{AccountId, AttachmentId};
use domain::{SignedDuration, Timestamp};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// How long a link works. A link is a credential; clients get a fresh one whenever they read a message.
pub const LINK_LIFE: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Links made within the same stretch of time are the same, so that browsers can keep what they have loaded.
const LINK_STEP: SignedDuration = SignedDuration::from_hours(24);

/// What a link holds besides the file: for whom, until when, and the proof that this server made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkClaims {
    /// For whom it was made.
    pub account: AccountId,
    /// Until when it works, in seconds since 1970.
    pub expires: i64,
    /// 256 bits, hexadecimal.
    pub signature: String,
}

impl LinkClaims {
    /// The claims as the query string of an address.
    pub fn to_query(&self) -> String {
        format!("account={}&expires={}&signature={}", self.account, self.expires, self.signature)
    }
}

/// Signs links and checks them.
pub(crate) struct LinkSigner {
    key: [u8; 32],
    public_url: String,
}

impl LinkSigner {
    pub(crate) fn new(key: [u8; 32], public_url: String) -> Self {
        Self { key, public_url }
    }

    pub(crate) fn public_url(&self) -> &str {
        &self.public_url
    }

    pub(crate) fn sign(
        &self,
        attachment: AttachmentId,
        account: AccountId,
        now: Timestamp,
    ) -> LinkClaims {
        let step = LINK_STEP.as_secs();
        let expires = now.as_second().div_euclid(step) * step + LINK_LIFE.as_secs();
        let tag = self.mac(attachment, account, expires).finalize().into_bytes();
        LinkClaims { account, expires, signature: data_encoding::HEXLOWER.encode(&tag) }
    }

    pub(crate) fn is_valid(
        &self,
        attachment: AttachmentId,
        claims: &LinkClaims,
        now: Timestamp,
    ) -> bool {
        let Ok(tag) = data_encoding::HEXLOWER.decode(claims.signature.as_bytes()) else {
            return false;
        };
        // Compares in constant time.
        let genuine =
            self.mac(attachment, claims.account, claims.expires).verify_slice(&tag).is_ok();
        genuine && now.as_second() < claims.expires
    }

    fn mac(&self, attachment: AttachmentId, account: AccountId, expires: i64) -> Hmac<Sha256> {
        let mut mac = keyed(self.key);
        for number in [attachment.get(), account.get(), expires] {
            mac.update(&number.to_be_bytes());
        }
        mac
    }
}

/// HMAC's key has the length of the hash's block; a shorter one is filled up with zeros.
pub fn keyed(key: [u8; 32]) -> Hmac<Sha256> {
    let mut block = hmac::digest::Key::<Hmac<Sha256>>::default();
    block[..key.len()].copy_from_slice(&key);
    Hmac::<Sha256>::new(&block)
}

/// The absolute address of `attachment` for a browser of `account`.
pub(crate) fn browser_link(
    signer: &LinkSigner,
    attachment: &Attachment,
    claims: &LinkClaims,
) -> String {
    format!("{}/files/{}?{}", signer.public_url(), attachment.id, claims.to_query())
}
