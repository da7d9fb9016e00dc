//! From a credential to a caller: keys, sessions, passwords.

use std::net::IpAddr;

use domain::account::Account;
use domain::chat::{ActingAs, Actor};
use domain::id::{AccountId, ShopId};
use domain::refusal::Missing;
use sha2::{Digest, Sha256};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::store::{ApiKey, KeyConflict};

/// Who asks. Made from a credential that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// As whom the engine acts.
    pub actor: Actor,
    /// Only chats about orders of these shops, and chats about no order; none for all.
    pub shops: Option<Vec<ShopId>>,
}

impl Caller {
    /// The caller's account.
    pub fn account(&self) -> AccountId {
        self.actor.account
    }

    /// An account itself, on both sides.
    pub fn account_holder(account: AccountId) -> Self {
        Self {
            actor: Actor { account, member: None, acting_as: ActingAs::EitherSide },
            shops: None,
        }
    }
}

/// The marketplace's own backend. Made from a key that was checked; what takes it may touch every account.
#[derive(Clone, Copy, Debug)]
pub struct Host(());

impl Host {
    /// Whoever runs this process: the command line, the demo, the tests. Never made from a request.
    pub fn operator() -> Self {
        Self(())
    }
}

/// What a key turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyCheck {
    /// No such key at this face.
    Unknown,
    /// It was revoked.
    Revoked,
    /// It would work, but its account, this one, is not active.
    AccountInactive(AccountId),
    /// Its time is over.
    Expired,
    /// It may not be used from this address.
    AddressNotAllowed,
    /// It works.
    Valid(Box<ValidKey>),
}

/// A key that works, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidKey {
    /// The key.
    pub key: ApiKey,
    /// The account; none for the marketplace's backend.
    pub account: Option<Account>,
}

impl ValidKey {
    /// The caller behind the key; none for the marketplace's backend.
    pub fn caller(&self, acting_as: ActingAs) -> Option<Caller> {
        let account = self.key.account?;
        Some(Caller {
            actor: Actor { account, member: self.key.member, acting_as },
            shops: self.key.shops.clone(),
        })
    }

    /// The marketplace's backend, if this is its key.
    pub fn host(&self) -> Option<Host> {
        self.key.account.is_none().then_some(Host(()))
    }
}

/// SHA-256 of a secret: what the store keeps of it. Secrets have 256 random bits and need no slow hash.
pub fn hash_secret(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

impl Engine {
    /// What the key `secret` is worth at the face `audience`, for a caller at `address`.
    pub async fn check_key(
        &self,
        audience: &str,
        secret: &str,
        address: Option<IpAddr>,
    ) -> Result<KeyCheck, EngineError> {
        self.check_key_again(audience, &hash_secret(secret), address).await
    }

    /// Like [`Self::check_key`], for connections that outlive a request: of the secret they keep the hash alone.
    pub async fn check_key_again(
        &self,
        audience: &str,
        secret_hash: &[u8; 32],
        address: Option<IpAddr>,
    ) -> Result<KeyCheck, EngineError> {
        let found = self.store().key_by_hash(secret_hash).await?;
        self.judge_key(found.filter(|(key, _)| key.audience == audience), address)
    }

    /// Like [`Self::check_key`], for faces whose clients name `account` beside the key: the key of another account is
    /// unknown, whatever its state.
    pub async fn check_key_of(
        &self,
        account: AccountId,
        audience: &str,
        secret: &str,
        address: Option<IpAddr>,
    ) -> Result<KeyCheck, EngineError> {
        let found = self.store().key_by_hash(&hash_secret(secret)).await?;
        let own = found.filter(|(key, _)| key.audience == audience && key.account == Some(account));
        self.judge_key(own, address)
    }

    fn judge_key(
        &self,
        found: Option<(ApiKey, Option<Account>)>,
        address: Option<IpAddr>,
    ) -> Result<KeyCheck, EngineError> {
        let Some((key, account)) = found else {
            return Ok(KeyCheck::Unknown);
        };
        let now = self.now();
        if key.revoked_at.is_some_and(|at| at <= now) {
            return Ok(KeyCheck::Revoked);
        }
        if key.expires_at.is_some_and(|at| at <= now) {
            return Ok(KeyCheck::Expired);
        }
        let allowed = &key.allowed_addresses;
        if !allowed.is_empty()
            && !address.is_some_and(|address| allowed.contains(&address.to_canonical()))
        {
            return Ok(KeyCheck::AddressNotAllowed);
        }
        if key.account.is_some() && account.is_none() {
            return Err(EngineError::NotFound(Missing::Account));
        }
        if let Some(account) = account.as_ref().filter(|account| !account.is_active) {
            return Ok(KeyCheck::AccountInactive(account.id));
        }
        Ok(KeyCheck::Valid(Box::new(ValidKey { key, account })))
    }

    /// One account, as it is known; an account of which only the id is known has no card yet.
    pub async fn account(&self, id: AccountId) -> Result<Account, EngineError> {
        self.store().accounts(&[id]).await?.pop().ok_or(EngineError::NotFound(Missing::Account))
    }

    /// The key with the text `secret`, at whatever face and in whatever state.
    pub async fn key_with_secret(
        &self,
        _host: Host,
        secret: &str,
    ) -> Result<Option<ApiKey>, EngineError> {
        Ok(self.store().key_by_hash(&hash_secret(secret)).await?.map(|(key, _)| key))
    }

    /// A key of `account` (none: of the marketplace's backend) for the face `audience`, with the text `secret`. It may
    /// read and write, from every address and without an end. It works once [`Self::put_key`] has stored it.
    pub fn new_key(
        &self,
        account: Option<AccountId>,
        audience: &str,
        name: &str,
        secret: &str,
    ) -> ApiKey {
        ApiKey {
            id: self.random().uuid(),
            account,
            member: None,
            name: name.to_owned(),
            audience: audience.to_owned(),
            secret_hash: hash_secret(secret),
            can_read: true,
            can_write: true,
            shops: None,
            allowed_addresses: Vec::new(),
            created_at: self.now(),
            expires_at: None,
            revoked_at: None,
        }
    }

    /// Stores a new key.
    pub async fn put_key(&self, key: &ApiKey) -> Result<Result<(), KeyConflict>, EngineError> {
        if let Some(id) = key.member {
            let member = self.store().member(id).await?;
            if member.is_none_or(|member| Some(member.account) != key.account) {
                return Ok(Err(KeyConflict::NoSuchMember));
            }
        }
        Ok(self.store().put_key(key).await?)
    }

    /// Revokes a key of `account` (none: of the marketplace's backend) from now on. False when there is none.
    pub async fn revoke_key(
        &self,
        account: Option<AccountId>,
        id: uuid::Uuid,
    ) -> Result<bool, EngineError> {
        let keys = self.store().keys_of(account).await?;
        let Some(key) = keys.into_iter().find(|key| key.id == id) else {
            return Ok(false);
        };
        let revoked_at = key.revoked_at.or(Some(self.now()));
        let stored = self.store().put_key(&ApiKey { revoked_at, ..key }).await?;
        if let Some(account) = account {
            self.tell_credentials_changed(account);
        }
        // Nothing but the time is new.
        stored.map(|()| true).map_err(|_conflict| EngineError::Internal)
    }

    /// The keys of an account, or of the marketplace's backend, without their secrets.
    pub async fn keys_of(&self, account: Option<AccountId>) -> Result<Vec<ApiKey>, EngineError> {
        Ok(self.store().keys_of(account).await?)
    }
}
