//! The rules of signing in with an identity provider: where a browser may be sent, whom this service calls on
//! a provider's word, what counts as a confirmed address. Deliberately no protocol: `commands::providers` speaks it.

use chrono::{DateTime, TimeDelta, Utc};
use openidconnect::url::{Host, Url};
use platform::config::{Provider, is_loopback};
use serde::{Deserialize, Serialize};

use super::Email;
use crate::Error;

/// How long a browser may take, and then what is still needed.
pub const FLOW_LASTS: TimeDelta = TimeDelta::minutes(10);
/// Path of the address where a program listens on its own machine.
const LOOPBACK_PATH: &str = "/callback";
/// Access tokens are renewed this long before their end, yet not more often than every five minutes.
const RENEWED_BEFORE: TimeDelta = TimeDelta::minutes(1);
const RENEWED_AFTER: TimeDelta = TimeDelta::minutes(5);
/// Where a provider does not say when they end.
const RENEWED_DAILY: TimeDelta = TimeDelta::days(1);

/// Somebody as a provider knows them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Profile {
    /// Whose account at which issuer: `ISSUER|SUBJECT`.
    pub account_id: String,
    /// The address that the provider tells.
    pub email: Option<String>,
    /// Whether the provider says that it is confirmed.
    pub email_verified: bool,
}

impl Profile {
    /// The address, where it counts as confirmed.
    ///
    /// # Errors
    /// `ProviderEmail` where there is none, or it does not count.
    pub fn confirmed_email(&self, settings: &Provider) -> Result<Email, Error> {
        let counts = self.email_verified || settings.trust_email;
        self.email
            .as_deref()
            .filter(|_| counts)
            .and_then(|email| Email::parse(email).ok())
            .ok_or_else(|| Error::ProviderEmail(settings.title.clone()))
    }
}

/// What a provider gave for its own interfaces.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Tokens {
    /// For its interfaces; none where it was withdrawn.
    pub access_token: Option<String>,
    /// For the next ones.
    pub refresh_token: Option<String>,
    /// When the access token ends.
    pub expires_at: Option<DateTime<Utc>>,
}

impl Tokens {
    /// When they are to be renewed; none where they cannot be.
    #[must_use]
    pub fn renewed_at(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.refresh_token.as_ref()?;
        Some(match self.expires_at {
            Some(end) => (end - RENEWED_BEFORE).max(now + RENEWED_AFTER),
            None => now + RENEWED_DAILY,
        })
    }
}

/// Whether a provider may send a browser there: the operator has listed the very address, or a program
/// listens on the machine of its browser (RFC 8252, section 7.3), whichever port it was given.
#[must_use]
pub fn may_redirect(settings: &Provider, redirect_uri: &str) -> bool {
    if settings.redirect_uris.iter().any(|uri| uri == redirect_uri) {
        return true;
    }
    let Ok(url) = Url::parse(redirect_uri) else {
        return false;
    };
    let Some(port) = url.port() else { return false };
    // Compared as text, so that nothing that a parser overlooks comes along.
    ["127.0.0.1", "[::1]"]
        .iter()
        .any(|host| redirect_uri == format!("http://{host}:{port}{LOOPBACK_PATH}"))
}

/// Whether this service, or a browser, may go to an address that a provider at `home` named. Elsewhere than at the
/// provider's own host it has to have a name and TLS, so that an inner address, which has no certificate
/// for that name, gets no request. Without TLS a provider is on this machine, with all that it names.
#[must_use]
pub fn may_go_to(home: &Url, url: &Url) -> bool {
    let is_here = |url: &Url| url.host_str().is_some_and(is_loopback);
    match url.scheme() {
        "https" => {
            url.host_str() == home.host_str()
                || matches!(url.host(), Some(Host::Domain(_))) && !is_here(url)
        }
        "http" => home.scheme() == "http" && is_here(home) && is_here(url),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Provider {
        let json = r#"[{"name": "corp", "title": "Corp", "kind": "openid", "url": "https://id.example.com", "client_id": "x",
            "redirect_uris": ["https://app.example.com/signed-in"]}]"#;
        Provider::all_from_json(json).expect("reads").remove(0)
    }

    #[test]
    fn a_browser_is_sent_to_listed_addresses_and_to_its_own_machine() {
        for good in [
            "https://app.example.com/signed-in",
            "http://127.0.0.1:49152/callback",
            "http://[::1]:8080/callback",
        ] {
            assert!(may_redirect(&settings(), good), "{good}");
        }
        for bad in [
            "https://app.example.com/signed-in/",
            "https://app.example.com/signed-in?x=1",
            "https://evil.example.com/signed-in",
            "http://127.0.0.1/callback",
            "http://127.0.0.1:49152/",
            "http://127.0.0.1:49152/callback?to=x",
            "http://127.0.0.1:49152/callback#x",
            "http://127.0.0.1:1@evil.example.com:80/callback",
            "http://localhost:49152/callback",
            "http://127.0.0.2:49152/callback",
            "https://127.0.0.1:49152/callback",
            "javascript:alert(1)",
            "",
        ] {
            assert!(!may_redirect(&settings(), bad), "{bad}");
        }
    }

    #[test]
    fn a_provider_names_no_inner_addresses() {
        let may = |home: &str, url: &str| {
            may_go_to(
                &Url::parse(home).expect("parses"),
                &Url::parse(url).expect("parses"),
            )
        };
        let far = "https://id.example.com/realms/x";
        for good in [
            "https://id.example.com/token",
            "https://id.example.com:8443/token",
            "https://tokens.example.net/",
        ] {
            assert!(may(far, good), "{good}");
        }
        for bad in [
            "http://id.example.com/token",
            "https://169.254.169.254/latest",
            "https://[fd00::1]/",
            "https://localhost/",
            "https://2130706433/",
            "http://127.0.0.1/",
            "file:///etc/passwd",
            "javascript:alert(1)",
        ] {
            assert!(!may(far, bad), "{bad}");
        }
        assert!(may("https://10.0.0.5/realm", "https://10.0.0.5/token"));
        assert!(may("http://127.0.0.1:8080", "http://127.0.0.1:9090/token"));
        assert!(!may("http://127.0.0.1:8080", "http://10.0.0.1/token"));
        assert!(may("http://127.0.0.1:8080", "https://id.example.com/"));
    }

    #[test]
    fn an_address_counts_when_the_provider_or_the_operator_says_so() {
        let mut profile = Profile {
            account_id: "x".to_owned(),
            email: Some("Ada@Example.com".to_owned()),
            email_verified: true,
        };
        let mut settings = settings();
        let email = profile.confirmed_email(&settings).expect("counts");
        assert_eq!(email.as_str(), "ada@example.com");
        profile.email_verified = false;
        profile
            .confirmed_email(&settings)
            .expect_err("is not confirmed");
        settings.trust_email = true;
        profile.confirmed_email(&settings).expect("is trusted");
        profile.email = Some("no address".to_owned());
        profile.confirmed_email(&settings).expect_err("is none");
    }

    #[test]
    fn tokens_are_renewed_before_they_end() {
        let now = DateTime::UNIX_EPOCH;
        let mut tokens = Tokens {
            expires_at: Some(now + TimeDelta::hours(1)),
            ..Tokens::default()
        };
        assert_eq!(tokens.renewed_at(now), None);
        tokens.refresh_token = Some("x".to_owned());
        assert_eq!(tokens.renewed_at(now), Some(now + TimeDelta::minutes(59)));
        tokens.expires_at = Some(now);
        assert_eq!(tokens.renewed_at(now), Some(now + RENEWED_AFTER));
        tokens.expires_at = None;
        assert_eq!(tokens.renewed_at(now), Some(now + RENEWED_DAILY));
    }
}
