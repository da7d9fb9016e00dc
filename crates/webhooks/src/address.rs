//! Where nothing is pushed: private addresses, and those by which machines and clouds talk to themselves. Whoever may
//! name a URL could otherwise have this server call what only this server can reach.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether `address` is one of the public internet.
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(address) => is_public_v4(address),
            None => is_public_v6(address),
        },
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(address.is_private()
        || address.is_loopback()
        // With 169.254.169.254, where clouds tell machines their secrets.
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation()
        // "This network"; some systems take 0.0.0.0 for themselves.
        || a == 0
        // Behind the large routers of carriers, and in clouds.
        || (a == 100 && b & 0xC0 == 64)
        // Assignments of protocols; relays from IPv6.
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        // Benchmarks.
        || (a == 198 && b & 0xFE == 18)
        // Reserved, and broadcast.
        || a >= 240)
}

/// The public internet is `2000::/3` so far, without some corners.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, ..] = address.segments();
    let is_global_unicast = a & 0xE000 == 0x2000;
    // Addresses of IPv4 in another dress, which lead anywhere: 6to4 (2002::/16), Teredo (2001::/32), and what else lies in
    // 2001::/23. The documentation's 2001:db8::/32 and 3fff::/20 lead nowhere.
    let is_special = a == 0x2002
        || (a == 0x2001 && b & 0xFE00 == 0)
        || (a == 0x2001 && b == 0x0DB8)
        || (a == 0x3FFF && b & 0xF000 == 0);
    is_global_unicast && !is_special
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(expected: bool, addresses: &[&str]) {
        for address in addresses {
            assert_eq!(is_public(address.parse().unwrap()), expected, "{address}");
        }
    }

    #[test]
    fn the_public_internet_is_public() {
        check(
            true,
            &[
                "8.8.8.8",
                "5.45.207.1",
                "100.63.255.255",
                "100.128.0.0",
                "172.15.0.1",
                "172.32.0.1",
                "192.0.1.1",
                "198.17.0.1",
                "198.20.0.1",
                "223.255.255.255",
                "2a02:6b8::2:242",
                "2001:4860:4860::8888",
                "::ffff:8.8.8.8",
            ],
        );
    }

    #[test]
    fn what_is_not_public_is_not() {
        check(
            false,
            &[
                "0.0.0.0",
                "0.1.2.3",
                "10.0.0.1",
                "100.64.0.1",
                "100.127.255.255",
                "127.0.0.1",
                "127.8.9.10",
                "169.254.169.254",
                "172.16.0.1",
                "172.31.255.255",
                "192.0.0.192",
                "192.0.2.1",
                "192.88.99.1",
                "192.168.1.1",
                "198.18.0.1",
                "198.19.255.255",
                "203.0.113.7",
                "224.0.0.1",
                "240.0.0.1",
                "255.255.255.255",
                "::",
                "::1",
                "::7f00:1",
                "::ffff:10.0.0.1",
                "::ffff:169.254.169.254",
                "64:ff9b::a00:1",
                "64:ff9b:1::1",
                "100::1",
                "2001::1",
                "2001:10::1",
                "2001:db8::1",
                "2002:a00:1::",
                "3fff::1",
                "fc00::1",
                "fd00:ec2::254",
                "fe80::1",
                "fec0::1",
                "ff02::1",
            ],
        );
    }
}
