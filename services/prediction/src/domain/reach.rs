//! Which addresses the events of a tenant may be sent to: those of the internet, and of networks that the operator names.
//! Deliberately by address and not by name, since a name leads wherever its owner wants.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use platform::config::{Networks, masked};

/// Networks of IPv4 that are nobody's on the internet, by the registry of special addresses (RFC 6890 and those after it).
const SPECIAL_V4: [([u8; 4], u8); 15] = [
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    // Shared by the customers of a provider, and where some clouds have their services.
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    // Link-local, where clouds tell machines their credentials.
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    ([224, 0, 0, 0], 4),
    ([240, 0, 0, 0], 4),
];

/// Networks inside the one that is the internet of IPv6 that are not of it, or lead on to any address of IPv4.
const SPECIAL_V6: [([u16; 8], u8); 4] = [
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 23),
    ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32),
    ([0x2002, 0, 0, 0, 0, 0, 0, 0], 16),
    ([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20),
];

/// Whether an address is one of the internet.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    let address = address.to_canonical();
    let within = |network: IpAddr, bits: u8| masked(address, bits) == network;
    match address {
        IpAddr::V4(_) => !SPECIAL_V4
            .iter()
            .any(|(network, bits)| within(Ipv4Addr::from(*network).into(), *bits)),
        IpAddr::V6(_) => {
            within(Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0).into(), 3)
                && !SPECIAL_V6
                    .iter()
                    .any(|(network, bits)| within(Ipv6Addr::from(*network).into(), *bits))
        }
    }
}

/// What may be reached.
#[derive(Debug, Clone)]
pub struct Reach {
    /// What the operator allows beside the internet.
    pub networks: Networks,
    /// Whether the internet is allowed, which it is with TLS alone.
    pub internet: bool,
}

impl Reach {
    /// Whether an address may be reached.
    #[must_use]
    pub fn holds(&self, address: IpAddr) -> bool {
        self.networks.contain(address) || (self.internet && is_public(address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_internet_is_public() {
        for public in [
            "8.8.8.8",
            "172.32.0.1",
            "100.128.0.1",
            "192.0.1.1",
            "2606:4700::1111",
            "2001:4860:4860::8888",
        ] {
            assert!(is_public(public.parse().expect("parses")), "{public}");
        }
        for inner in [
            "0.0.0.0",
            "10.1.2.3",
            "100.100.100.200",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "198.19.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "ff02::1",
            "2001::1",
            "2001:db8::1",
            "2002:a00:1::1",
        ] {
            assert!(!is_public(inner.parse().expect("parses")), "{inner}");
        }
    }

    #[test]
    fn operators_may_allow_networks() {
        let networks: Networks = "127.0.0.0/8".parse().expect("parses");
        let reach = |internet| Reach {
            networks: networks.clone(),
            internet,
        };
        let (here, there) = (IpAddr::from([127, 0, 0, 1]), IpAddr::from([8, 8, 8, 8]));
        assert!(reach(true).holds(here) && reach(true).holds(there));
        assert!(reach(false).holds(here) && !reach(false).holds(there));
        assert!(!reach(true).holds(IpAddr::from([10, 0, 0, 1])));
    }
}
