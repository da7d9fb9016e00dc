//! Where NATS is, and how to sign in there. The secrets are kept apart from the addresses, so that neither this crate nor
//! the client can write them into a log.

use std::fmt;
use std::str::FromStr;

use async_nats::{ConnectOptions, ServerAddr};
use percent_encoding::percent_decode_str;

/// The servers of a NATS installation: one URL, or several with commas between them. `nats://` or `tls://`, perhaps with
/// `USER:PASSWORD@` or `TOKEN@`, which must be the same in all that have one.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    servers: Vec<ServerAddr>,
    credentials: Credentials,
}

#[derive(Clone, PartialEq, Eq)]
enum Credentials {
    None,
    Token(String),
    Password { user: String, password: String },
}

/// What is wrong with an address. It never quotes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressProblem {
    /// It is not a URL of a NATS server.
    #[error("not a URL such as nats://host:4222 (several with commas)")]
    NotNats,
    /// One of the servers would be given another user's secret.
    #[error("the servers have different users or passwords")]
    DifferentCredentials,
}

impl Address {
    pub(crate) fn servers(&self) -> &[ServerAddr] {
        &self.servers
    }

    pub(crate) fn sign_in(&self, options: ConnectOptions) -> ConnectOptions {
        match self.credentials.clone() {
            Credentials::None => options,
            Credentials::Token(token) => options.token(token),
            Credentials::Password { user, password } => options.user_and_password(user, password),
        }
    }
}

impl FromStr for Address {
    type Err = AddressProblem;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed: Vec<_> =
            text.split(',').map(|part| read(part.trim())).collect::<Result<_, _>>()?;
        let (servers, mut credentials): (Vec<_>, Vec<_>) = parsed.into_iter().unzip();
        credentials.retain(|credentials| *credentials != Credentials::None);
        if credentials.windows(2).any(|pair| pair[0] != pair[1]) {
            return Err(AddressProblem::DifferentCredentials);
        }
        Ok(Self { servers, credentials: credentials.pop().unwrap_or(Credentials::None) })
    }
}

/// A server without its secrets, and the secrets.
fn read(text: &str) -> Result<(ServerAddr, Credentials), AddressProblem> {
    let server: ServerAddr = text.parse().map_err(|_| AddressProblem::NotNats)?;
    if server.is_websocket() || server.host().is_empty() {
        return Err(AddressProblem::NotNats);
    }
    let decoded = |text: &str| {
        let decoded = percent_decode_str(text).decode_utf8();
        decoded.map(std::borrow::Cow::into_owned).map_err(|_| AddressProblem::NotNats)
    };
    let credentials = match (server.username(), server.password()) {
        (None, None) => Credentials::None,
        (Some(token), None) => Credentials::Token(decoded(token)?),
        (user, Some(password)) => Credentials::Password {
            user: decoded(user.unwrap_or_default())?,
            password: decoded(password)?,
        },
    };
    let mut url = server.into_inner();
    let cleaned = url.set_username("").and_then(|()| url.set_password(None));
    cleaned.map_err(|()| AddressProblem::NotNats)?;
    // No server reads these, and a secret may have been put there.
    url.set_query(None);
    url.set_fragment(None);
    url.set_path("");
    let server = ServerAddr::from_url(url).map_err(|_| AddressProblem::NotNats)?;
    Ok((server, credentials))
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let servers: Vec<_> = self.servers.iter().map(ServerAddr::as_url_str).collect();
        f.write_str(&servers.join(","))
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_read_and_never_shown() {
        let address: Address =
            "tls://anna:p%40ss@a.example:4333/x?y=secret, nats://b".parse().unwrap();
        assert_eq!(address.to_string(), "tls://a.example:4333,nats://b");
        let shown = format!("{address:?} {:?}", address.servers());
        assert!(!["anna", "p%40", "p@", "secret"].iter().any(|secret| shown.contains(secret)));
        let (user, password) = ("anna".to_owned(), "p@ss".to_owned());
        assert!(address.credentials == Credentials::Password { user, password });
        let address: Address = "nats://t0ken@127.0.0.1:4222".parse().unwrap();
        assert!(address.credentials == Credentials::Token("t0ken".to_owned()));
        assert_eq!(address.to_string(), "nats://127.0.0.1:4222");
    }

    #[test]
    fn what_is_no_address_of_nats_is_refused_without_being_quoted() {
        for text in ["", "http://a", "nats://", "nats://a,", "wss://a", "nats://a:b"] {
            assert_eq!(text.parse::<Address>().unwrap_err(), AddressProblem::NotNats, "{text}");
        }
        let different = "nats://a:1@x,nats://a:2@y".parse::<Address>().unwrap_err();
        assert_eq!(different, AddressProblem::DifferentCredentials);
    }
}
