//! Whose request it is, by network address: the peer of the connection or, behind proxies that the operator trusts,
//! whom they name.

use std::convert::Infallible;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Request};
use axum::middleware::Next;
use axum::response::Response;
use http::HeaderMap;
use http::request::Parts;

/// The other end of the connection. Whoever accepts connections puts it into the request's extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerAddress(pub SocketAddr);

/// The caller's address, as far as it can be trusted: an extension of the request and an extractor. IPv4 inside IPv6 is
/// unwrapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

/// The proxies whose `X-Forwarded-For` is believed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies(Arc<[AddressBlock]>);

/// A block of addresses, `10.0.0.0/8`, or a single one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "String")]
pub struct AddressBlock {
    first: IpAddr,
    prefix_bits: u32,
}

/// A text is no address and no block of addresses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is neither an IP address nor a block such as 10.0.0.0/8")]
pub struct NoAddressBlock(String);

/// The caller of a request that came from `peer`.
///
/// Every proxy appends whom it saw to `X-Forwarded-For`, so the list is read from its end: the first address that is
/// not a trusted proxy's is the caller. What stands further to the left could have been made up by the caller.
pub fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &TrustedProxies) -> IpAddr {
    let mut caller = peer.to_canonical();
    let lists: Vec<_> = headers.get_all("x-forwarded-for").iter().collect();
    let named = lists.iter().rev().flat_map(|list| list.to_str().unwrap_or_default().rsplit(','));
    for name in named {
        if !trusted.contains(caller) {
            break;
        }
        let Some(address) = parse_forwarded(name.trim()) else { break };
        caller = address;
    }
    caller
}

/// A middleware (`axum::middleware::from_fn_with_state`) that adds the [`ClientAddress`] to requests with a
/// [`PeerAddress`].
pub async fn add_client_address(
    axum::extract::State(trusted): axum::extract::State<TrustedProxies>,
    mut request: Request,
    next: Next,
) -> Response {
    if let Some(PeerAddress(peer)) = request.extensions().get() {
        let caller = client_address(peer.ip(), request.headers(), &trusted);
        request.extensions_mut().insert(ClientAddress(caller));
    }
    next.run(request).await
}

impl<S: Sync> FromRequestParts<S> for ClientAddress {
    type Rejection = Infallible;

    /// A request that came over no connection, as in tests, counts as one from `0.0.0.0`.
    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().copied().unwrap_or(Self(IpAddr::V4(Ipv4Addr::UNSPECIFIED))))
    }
}

impl TrustedProxies {
    /// Whether `address` belongs to a trusted proxy.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|block| block.contains(address))
    }
}

impl FromIterator<AddressBlock> for TrustedProxies {
    fn from_iter<T: IntoIterator<Item = AddressBlock>>(blocks: T) -> Self {
        Self(blocks.into_iter().collect())
    }
}

impl AddressBlock {
    /// Whether `address` lies in the block.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.first, address.to_canonical()) {
            (IpAddr::V4(first), IpAddr::V4(address)) => {
                let differing = first.to_bits() ^ address.to_bits();
                differing.leading_zeros() >= self.prefix_bits
            }
            (IpAddr::V6(first), IpAddr::V6(address)) => {
                let differing = first.to_bits() ^ address.to_bits();
                differing.leading_zeros() >= self.prefix_bits
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

impl FromStr for AddressBlock {
    type Err = NoAddressBlock;

    fn from_str(text: &str) -> Result<Self, NoAddressBlock> {
        let refused = || NoAddressBlock(text.to_owned());
        let (address, prefix) =
            text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let first: IpAddr = address.parse().map_err(|_| refused())?;
        let address_bits = if first.is_ipv4() { 32 } else { 128 };
        let prefix_bits = match prefix {
            None => address_bits,
            Some(bits) => {
                bits.parse().ok().filter(|bits| *bits <= address_bits).ok_or_else(refused)?
            }
        };
        Ok(Self { first, prefix_bits })
    }
}

impl TryFrom<String> for AddressBlock {
    type Error = NoAddressBlock;

    fn try_from(text: String) -> Result<Self, NoAddressBlock> {
        text.parse()
    }
}

impl fmt::Display for AddressBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.prefix_bits)
    }
}

/// An address as proxies write it: bare, with a port, or in brackets.
fn parse_forwarded(text: &str) -> Option<IpAddr> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let address =
        bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()));
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(peer: &str, forwarded: &[&str], trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for list in forwarded {
            headers.append("x-forwarded-for", list.parse().unwrap());
        }
        let trusted = trusted.iter().map(|block| block.parse().unwrap()).collect();
        client_address(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn without_a_trusted_proxy_the_peer_is_the_caller() {
        assert_eq!(caller("198.51.100.7", &["203.0.113.9"], &[]), "198.51.100.7");
        assert_eq!(caller("198.51.100.7", &["203.0.113.9"], &["10.0.0.0/8"]), "198.51.100.7");
        assert_eq!(caller("::ffff:198.51.100.7", &[], &[]), "198.51.100.7");
    }

    #[test]
    fn the_last_address_that_is_no_proxy_is_the_caller() {
        let proxies = ["10.0.0.0/8", "2001:db8::1"];
        assert_eq!(caller("10.1.2.3", &["203.0.113.9"], &proxies), "203.0.113.9");
        assert_eq!(
            caller("10.1.2.3", &["6.6.6.6, 203.0.113.9, 10.9.9.9"], &proxies),
            "203.0.113.9"
        );
        assert_eq!(
            caller("2001:db8::1", &["6.6.6.6", "203.0.113.9:4711"], &proxies),
            "203.0.113.9"
        );
        assert_eq!(caller("10.1.2.3", &["[2001:db8::7]:99"], &proxies), "2001:db8::7");
        assert_eq!(caller("10.1.2.3", &[], &proxies), "10.1.2.3");
        assert_eq!(caller("10.1.2.3", &["203.0.113.9, unknown"], &proxies), "10.1.2.3");
    }

    #[test]
    fn blocks_hold_what_their_prefix_says() {
        let holds = |block: &str, address: &str| {
            block.parse::<AddressBlock>().unwrap().contains(address.parse().unwrap())
        };
        assert!(holds("172.16.0.0/12", "172.31.255.255") && !holds("172.16.0.0/12", "172.32.0.0"));
        assert!(holds("0.0.0.0/0", "8.8.8.8") && !holds("0.0.0.0/0", "2001:db8::1"));
        assert!(holds("fd00::/8", "fdff::1") && !holds("::1", "::2"));
        for wrong in ["10.0.0.0/33", "::/129", "localhost", "10.0.0.0/", "", "10.0.0/8"] {
            assert!(wrong.parse::<AddressBlock>().is_err(), "{wrong}");
        }
    }
}
