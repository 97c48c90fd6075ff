//! The rules of accounts: addresses, tokens, roles, networks; [`trail`] and [`lines`] for the audit trail,
//! [`password`], [`totp`] and [`provider`] for what people prove themselves with, [`letter`] for what they are
//! written, `addresses` for how addresses are kept, [`streams`] for credentials for NATS. Deliberately no I/O.

pub(crate) mod addresses;
pub(crate) mod letter;
pub mod lines;
pub mod password;
pub mod provider;
pub mod streams;
pub mod totp;
pub mod trail;

use std::net::IpAddr;

use platform::config::masked;
pub use platform::crypto::{new_token, token_hash};
use proto::auth::Role;

use crate::Error;

/// Marks our tokens, so that leaked ones can be found.
pub const SESSION_PREFIX: &str = "vai_";
/// Marks API keys.
pub const KEY_PREFIX: &str = "vlt_";
/// Marks tokens that travel by mail.
pub const MAIL_PREFIX: &str = "vam_";
/// Most characters of an organisation's name.
const ORGANIZATION_NAME_MAX: usize = 200;
/// Most characters of a key's name.
const KEY_NAME_MAX: usize = 100;
/// Marks secrets of sign-ins with an identity provider.
pub const FLOW_PREFIX: &str = "vaf_";
/// Longest life of an API key, in days.
pub const KEY_DAYS_MAX: u32 = 366;

/// An address that people sign in with: trimmed, lower case, plausible.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email(String);

impl Email {
    /// Reads an address.
    ///
    /// # Errors
    /// `Email` where it cannot be one.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let email = text.trim().to_lowercase();
        let plausible = email.len() <= 254
            && !email.chars().any(|c| c.is_whitespace() || c.is_control())
            && email.split_once('@').is_some_and(|(name, host)| {
                !name.is_empty()
                    && !host.contains('@')
                    && host.split('.').count() >= 2
                    && host.split('.').all(|label| !label.is_empty())
            });
        if plausible {
            Ok(Self(email))
        } else {
            Err(Error::Email(text.chars().take(80).collect()))
        }
    }

    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whom wrong attempts are counted for: an IPv4 address, or the /64 that a household or host has.
#[must_use]
pub fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        v4 @ IpAddr::V4(_) => v4,
        v6 @ IpAddr::V6(_) => masked(v6, 64),
    }
}

/// A name without what would break a line or a mail's head.
fn name(text: &str, longest: usize) -> Option<&str> {
    let name = text.trim();
    let fits = !name.is_empty() && name.chars().count() <= longest;
    (fits && !name.chars().any(char::is_control)).then_some(name)
}

/// The name of an organisation.
///
/// # Errors
/// `OrganizationName` where it is empty, too long, or more than a line.
pub fn organization_name(text: &str) -> Result<&str, Error> {
    name(text, ORGANIZATION_NAME_MAX).ok_or(Error::OrganizationName)
}

/// The name of an API key or a service account.
///
/// # Errors
/// `KeyName` where it is empty, too long, or more than a line.
pub fn key_name(text: &str) -> Result<&str, Error> {
    name(text, KEY_NAME_MAX).ok_or(Error::KeyName)
}

/// A role as it is stored.
///
/// # Errors
/// `Role` where none is named.
pub fn role_text(role: Role) -> Result<&'static str, Error> {
    match role {
        Role::Unspecified => Err(Error::Role),
        named => Ok(proto::access::role_name(named)),
    }
}

/// A role as it was stored.
#[must_use]
pub fn role_of(text: &str) -> Role {
    match text {
        "owner" => Role::Owner,
        "analyst" => Role::Analyst,
        "viewer" => Role::Viewer,
        _ => Role::Unspecified,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_compared_without_case() {
        let email = Email::parse("  Ada@Example.COM ").unwrap();
        assert_eq!(email.as_str(), "ada@example.com");
        for bad in [
            "",
            "ada",
            "ada@",
            "@example.com",
            "a b@example.com",
            "a@b",
            "a@b..c",
            "a@b@c.d",
        ] {
            assert!(Email::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn networks_are_counted_by_household() {
        let network = |text: &str| network_of(text.parse().unwrap()).to_string();
        assert_eq!(network("192.0.2.7"), "192.0.2.7");
        assert_eq!(network("::ffff:192.0.2.7"), "192.0.2.7");
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
    }

    #[test]
    fn names_are_one_line() {
        assert_eq!(organization_name("  Acme ").unwrap(), "Acme");
        assert!(organization_name("Acme\r\nBcc: x").is_err());
        assert!(organization_name(" ").is_err());
        assert!(key_name(&"x".repeat(101)).is_err());
    }
}
