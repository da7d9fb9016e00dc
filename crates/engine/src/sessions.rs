//! Signing in with e-mail and password, and the sessions of browsers.

use std::sync::LazyLock;

use argon2::password_hash::PasswordHasher;
use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordVerifier, Version};
use domain::account::Account;
use domain::id::AccountId;
use domain::time::later;
use domain::{SignedDuration, Timestamp};
use hmac::Mac;
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;

use crate::access::{Host, hash_secret};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::links::keyed;
use crate::store::{FactConflict, Session};

/// How long a session lives without being used (Partizap contract §2.1).
pub const SESSION_LIFE: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How old the note of a session's last use may grow before it is written anew.
const ACTIVITY_RESOLUTION: SignedDuration = SignedDuration::from_mins(1);
/// How often somebody's change of their account gives way to another change.
const CHANGE_ATTEMPTS_MAX: usize = 5;

/// A hash takes about 30 ms and 19 MiB; a flood of sign-ins must not take the whole machine.
static HASHING: Semaphore = Semaphore::const_new(2);
/// What a password is compared with when no account has the address, so that the answer takes as long.
static NOBODYS_HASH: LazyLock<Option<String>> = LazyLock::new(|| hash_now("nobody's password"));

/// A session that has just begun, with the text of its cookie.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// The session.
    pub session: Session,
    /// The cookie's value; the store keeps its hash only.
    pub token: String,
}

/// From where a browser asks.
#[derive(Clone, Debug, Default)]
pub struct Browser {
    /// Its address, as text.
    pub ip_address: String,
    /// Its `User-Agent`, at most 500 code points of it.
    pub user_agent: String,
}

/// The CSRF token that belongs to a session: it follows from the cookie, so that neither can be planted alone.
/// 64 hexadecimal characters (Partizap contract §2.1, §7.13).
pub fn csrf_token(session_token: &str) -> String {
    let mut mac = keyed(hash_secret(session_token));
    mac.update(b"torg csrf token");
    data_encoding::HEXLOWER.encode(&mac.finalize().into_bytes())
}

/// Whether two secrets are equal, in a time that does not tell where they differ.
pub fn same_secret(a: &str, b: &str) -> bool {
    a.as_bytes().ct_eq(b.as_bytes()).into()
}

impl Engine {
    /// The active account that signs in with `email` and `password`; none for any other pair. Takes as long for an
    /// unknown address as for a wrong password.
    pub async fn sign_in(
        &self,
        email: &str,
        password: String,
    ) -> Result<Option<Account>, EngineError> {
        let found = self.store().account_by_email(email).await?;
        let (account, hash) = match found {
            Some((account, Some(hash))) => (Some(account), Some(hash)),
            Some((_, None)) | None => (None, NOBODYS_HASH.clone()),
        };
        let right = verify(password, hash).await?;
        Ok(account.filter(|account| right && account.is_active))
    }

    /// Whether `password` is the password of `account`.
    pub async fn is_password_of(
        &self,
        account: AccountId,
        password: String,
    ) -> Result<bool, EngineError> {
        let hash = self.store().password(account).await?;
        verify(password, hash).await
    }

    /// Gives `account` a new password.
    pub async fn set_password(
        &self,
        account: AccountId,
        password: String,
    ) -> Result<(), EngineError> {
        let hash = hash_password(password).await?;
        Ok(self.store().put_password(account, hash).await?)
    }

    /// Gives `account` a password of which the marketplace knows only the hash, which [`is_password_hash`] accepts.
    pub async fn set_password_hash(
        &self,
        _host: Host,
        account: AccountId,
        hash: String,
    ) -> Result<(), EngineError> {
        Ok(self.store().put_password(account, hash).await?)
    }

    /// Signs somebody up. The id in `account` is chosen anew.
    pub async fn register(
        &self,
        account: Account,
        password: String,
    ) -> Result<Result<Account, FactConflict>, EngineError> {
        let hash = hash_password(password).await?;
        Ok(self.store().create_account(account, hash).await?)
    }

    /// Lets somebody change their own account; answers it as it is then. The password stays as it is.
    ///
    /// `change` sees the account as it stands, and is asked again when the marketplace changes it at the same time:
    /// neither takes back what the other one does.
    pub async fn change_account(
        &self,
        id: AccountId,
        change: impl Fn(&mut Account) + Send,
    ) -> Result<Result<Account, FactConflict>, EngineError> {
        for _ in 0..CHANGE_ATTEMPTS_MAX {
            let before = self.account(id).await?;
            let mut after = before.clone();
            change(&mut after);
            if after == before {
                return Ok(Ok(after));
            }
            match self.store().replace_account(before, after.clone()).await? {
                Ok(true) => {
                    if !after.is_active {
                        self.tell_credentials_changed(id);
                    }
                    return Ok(Ok(after));
                }
                Ok(false) => {}
                Err(conflict) => return Ok(Err(conflict)),
            }
        }
        Err(EngineError::Overloaded)
    }

    /// Begins a session under a new random cookie.
    pub async fn begin_session(
        &self,
        account: AccountId,
        browser: Browser,
    ) -> Result<NewSession, EngineError> {
        let token = self.random().token();
        let session = self.put_session(account, &token, browser, None).await?;
        Ok(NewSession { session, token })
    }

    /// Stores a session whose cookie somebody else chose: the marketplace brings its own sessions.
    pub async fn put_session(
        &self,
        account: AccountId,
        token: &str,
        browser: Browser,
        expires_at: Option<Timestamp>,
    ) -> Result<Session, EngineError> {
        let now = self.now();
        let token_hash = hash_secret(token);
        let known = self.store().session_by_hash(&token_hash).await?;
        let former = known.as_ref().map(|known| known.account).filter(|&former| former != account);
        let session = Session {
            id: known.map_or_else(|| self.random().uuid().to_string(), |session| session.id),
            account,
            token_hash,
            ip_address: browser.ip_address,
            user_agent: browser.user_agent,
            created_at: now,
            last_activity: now,
            expires_at: expires_at.unwrap_or_else(|| end_of_life(now)),
        };
        self.store().put_session(&session).await?;
        if let Some(former) = former {
            self.tell_credentials_changed(former);
        }
        Ok(session)
    }

    /// The running session of a cookie, with its active account. Notes its use, and with it prolongs its life.
    pub async fn session(
        &self,
        token: &str,
        browser: &Browser,
    ) -> Result<Option<(Session, Account)>, EngineError> {
        let now = self.now();
        let found = self.store().session_by_hash(&hash_secret(token)).await?;
        let Some(mut session) = found.filter(|session| now < session.expires_at) else {
            return Ok(None);
        };
        let Some(account) = self.store().accounts(&[session.account]).await?.pop() else {
            return Ok(None);
        };
        if !account.is_active {
            return Ok(None);
        }
        if ACTIVITY_RESOLUTION <= now.duration_since(session.last_activity) {
            session.last_activity = now;
            session.expires_at = session.expires_at.max(end_of_life(now));
            session.ip_address.clone_from(&browser.ip_address);
            session.user_agent.clone_from(&browser.user_agent);
            if !self.store().renew_session(&session).await? {
                return Ok(None);
            }
        }
        Ok(Some((session, account)))
    }

    /// Whether the session whose cookie has this SHA-256 still runs and is still that of `account`. Looking does not
    /// count as use.
    pub async fn is_session_running(
        &self,
        account: AccountId,
        token_hash: &[u8; 32],
    ) -> Result<bool, EngineError> {
        let found = self.store().session_by_hash(token_hash).await?;
        let now = self.now();
        if !found.is_some_and(|found| found.account == account && now < found.expires_at) {
            return Ok(false);
        }
        let accounts = self.store().accounts(&[account]).await?;
        Ok(accounts.iter().any(|account| account.is_active))
    }

    /// The sessions of an account that still run, most recently used first.
    pub async fn sessions_of(&self, account: AccountId) -> Result<Vec<Session>, EngineError> {
        let now = self.now();
        let sessions = self.store().sessions_of(account).await?;
        Ok(sessions.into_iter().filter(|session| now < session.expires_at).collect())
    }

    /// Ends a session of `account`, and tells those who are connected with it. False when there is none of this id.
    pub async fn end_session(&self, account: AccountId, id: &str) -> Result<bool, EngineError> {
        let ended = self.store().delete_session(account, id).await?;
        if ended {
            self.tell_credentials_changed(account);
        }
        Ok(ended)
    }

    /// Ends all sessions of `account` but `kept`, and tells those who are connected with them.
    pub async fn end_other_sessions(
        &self,
        account: AccountId,
        kept: &str,
    ) -> Result<(), EngineError> {
        self.store().delete_other_sessions(account, kept).await?;
        self.tell_credentials_changed(account);
        Ok(())
    }
}

/// When a session that is used at `now` ends, if it is not used again.
fn end_of_life(now: Timestamp) -> Timestamp {
    later(now, SESSION_LIFE)
}

/// Whether `text` is the hash of a password that can be checked here: PHC text of Argon2, with at most 256 MiB of
/// memory, 16 passes and 16 lanes.
pub fn is_password_hash(text: &str) -> bool {
    PasswordHash::new(text).is_ok_and(|hash| {
        let known = Algorithm::try_from(hash.algorithm.as_str()).is_ok() && hash.hash.is_some();
        let bounded = Params::try_from(&hash).is_ok_and(|params| {
            params.m_cost() <= 256 << 10 && params.t_cost() <= 16 && params.p_cost() <= 16
        });
        known && bounded
    })
}

/// The hash of a password as PHC text. Takes about 30 ms of a core.
pub async fn hash_password(password: String) -> Result<String, EngineError> {
    let hash = on_hashing_thread(move || hash_now(&password)).await?;
    hash.ok_or(EngineError::Internal)
}

async fn verify(password: String, hash: Option<String>) -> Result<bool, EngineError> {
    let Some(hash) = hash else { return Ok(false) };
    on_hashing_thread(move || {
        PasswordHash::new(&hash)
            .is_ok_and(|hash| argon2().verify_password(password.as_bytes(), &hash).is_ok())
    })
    .await
}

async fn on_hashing_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, EngineError> {
    let seat = HASHING.acquire().await.map_err(|_| EngineError::Internal)?;
    let seated = move || {
        // Held to the end of the work, not of the request: nobody can stop a hash by hanging up.
        let _seat = seat;
        work()
    };
    tokio::task::spawn_blocking(seated).await.map_err(|_| EngineError::Internal)
}

fn hash_now(password: &str) -> Option<String> {
    argon2().hash_password(password.as_bytes()).ok().map(|hash| hash.to_string())
}

/// 19 MiB, two passes, one lane.
fn argon2() -> Argon2<'static> {
    let params = Params::new(19 * 1024, 2, 1, None).unwrap_or(Params::DEFAULT);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// Whoever signed in and hung up at once could have had hundreds of hashes computed at the same time.
    #[tokio::test]
    async fn work_that_nobody_waits_for_any_more_keeps_its_seat() {
        let seats = HASHING.available_permits();
        let releases: Vec<_> = (0..seats).map(|_| mpsc::channel::<()>()).collect();
        let (releases, waits): (Vec<_>, Vec<_>) = releases.into_iter().unzip();
        for wait in waits {
            let (begin, has_begun) = tokio::sync::oneshot::channel();
            let request = tokio::spawn(on_hashing_thread(move || {
                let _ = begin.send(());
                let _ = wait.recv();
            }));
            has_begun.await.unwrap();
            request.abort();
            assert!(request.await.unwrap_err().is_cancelled());
        }
        assert_eq!(HASHING.available_permits(), 0);
        drop(releases);
        on_hashing_thread(|| ()).await.unwrap();
    }
}
