//! What the operator decides about accounts: mail, sign-up, password hashing, sessions, throttling.
//! Deliberately no rule: the auth service has them.

use std::{
    fmt,
    net::IpAddr,
    num::{NonZeroU32, NonZeroU64},
    path::PathBuf,
    str::FromStr,
    time::Duration,
};

use super::{ConfigError, Provider, Secret, parsed, required, var};

const ABOVE_ZERO: &str = "a whole number above 0";

/// Settings of accounts, sessions and mail; only the auth service looks at them.
#[derive(Debug, Clone)]
pub struct Accounts {
    /// Where mail goes; none is sent where unset. Variable `VALUTAI_MAIL`.
    pub mail: Option<MailSink>,
    /// Sender of mail, such as `ValutAI <valutai@example.com>`. Variable `VALUTAI_MAIL_FROM`.
    pub mail_from: String,
    /// Whether an address has to be confirmed before an account exists. Variable `VALUTAI_SIGN_UP`.
    pub sign_up: SignUpMode,
    /// What a password hash costs.
    pub argon2: Argon2Cost,
    /// How long an unused session lasts. Variable `VALUTAI_SESSION_IDLE_MINUTES`.
    pub session_idle: Duration,
    /// How long a session lasts at the most. Variable `VALUTAI_SESSION_MAX_HOURS`.
    pub session_max: Duration,
    /// Wrong attempts for one account in a window. Variable `VALUTAI_SIGN_IN_ACCOUNT_ATTEMPTS`.
    pub account_attempts: u32,
    /// Wrong attempts from one network in a window. Variable `VALUTAI_SIGN_IN_NETWORK_ATTEMPTS`.
    pub network_attempts: u32,
    /// Length of that window. Variable `VALUTAI_SIGN_IN_WINDOW_MINUTES`.
    pub attempts_window: Duration,
    /// How long an invitation can be accepted. Variable `VALUTAI_INVITATION_HOURS`.
    pub invitation: Duration,
    /// From the confirmed wish to delete an organisation to its end. Variable
    /// `VALUTAI_DELETION_GRACE_HOURS`.
    pub deletion_grace: Duration,
    /// Identity providers that people may sign in with. Variables `VALUTAI_PROVIDERS_FILE`, which names a file,
    /// or `VALUTAI_PROVIDERS`, which is its content.
    pub providers: Vec<Provider>,
}

impl Default for Accounts {
    fn default() -> Self {
        Self {
            mail: None,
            mail_from: "ValutAI <valutai@localhost>".to_owned(),
            sign_up: SignUpMode::Open,
            argon2: Argon2Cost::default(),
            session_idle: hours(7 * 24),
            session_max: hours(30 * 24),
            account_attempts: 10,
            network_attempts: 100,
            attempts_window: minutes(15),
            invitation: hours(7 * 24),
            deletion_grace: hours(7 * 24),
            providers: Vec::new(),
        }
    }
}

impl Accounts {
    /// Reads the environment.
    ///
    /// # Errors
    /// Names the first variable that is missing or malformed.
    pub fn from_env() -> Result<Self, ConfigError> {
        let usual = Self::default();
        let mail = parsed(
            "VALUTAI_MAIL",
            "smtps://USER:PASSWORD@HOST, smtp://HOST:PORT?tls=required, file:/FOLDER, stderr or off",
        )?;
        let mail = mail.and_then(|MailSetting(sink)| sink);
        let mail_from = match &mail {
            Some(MailSink::Smtp(_)) => required("VALUTAI_MAIL_FROM")?,
            _ => var("VALUTAI_MAIL_FROM").unwrap_or(usual.mail_from),
        };
        let sign_up = parsed("VALUTAI_SIGN_UP", "open or confirmed")?;
        if sign_up == Some(SignUpMode::Confirmed) && mail.is_none() {
            return Err(ConfigError::Missing("VALUTAI_MAIL"));
        }
        let span = |name, unit: fn(u64) -> Duration, usual| {
            Ok(parsed::<NonZeroU64>(name, ABOVE_ZERO)?.map_or(usual, |n| unit(n.get())))
        };
        let number = |name, usual: u32| {
            Ok(parsed::<NonZeroU32>(name, ABOVE_ZERO)?.map_or(usual, NonZeroU32::get))
        };
        Ok(Self {
            sign_up: sign_up.unwrap_or(match mail {
                Some(MailSink::Smtp(_)) => SignUpMode::Confirmed,
                _ => SignUpMode::Open,
            }),
            mail,
            mail_from,
            argon2: Argon2Cost {
                memory_kib: number("VALUTAI_PASSWORD_MEMORY_KIB", usual.argon2.memory_kib)?,
                passes: number("VALUTAI_PASSWORD_PASSES", usual.argon2.passes)?,
                lanes: number("VALUTAI_PASSWORD_LANES", usual.argon2.lanes)?,
            },
            session_idle: span("VALUTAI_SESSION_IDLE_MINUTES", minutes, usual.session_idle)?,
            session_max: span("VALUTAI_SESSION_MAX_HOURS", hours, usual.session_max)?,
            account_attempts: number("VALUTAI_SIGN_IN_ACCOUNT_ATTEMPTS", usual.account_attempts)?,
            network_attempts: number("VALUTAI_SIGN_IN_NETWORK_ATTEMPTS", usual.network_attempts)?,
            attempts_window: span(
                "VALUTAI_SIGN_IN_WINDOW_MINUTES",
                minutes,
                usual.attempts_window,
            )?,
            invitation: span("VALUTAI_INVITATION_HOURS", hours, usual.invitation)?,
            deletion_grace: span("VALUTAI_DELETION_GRACE_HOURS", hours, usual.deletion_grace)?,
            providers: Provider::all_from_env()?,
        })
    }
}

fn minutes(count: u64) -> Duration {
    Duration::from_secs(count.saturating_mul(60))
}

fn hours(count: u64) -> Duration {
    Duration::from_secs(count.saturating_mul(3600))
}

/// Whether an address has to be confirmed before an account exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignUpMode {
    /// An account works at once, and a stranger can learn whether an address has one.
    Open,
    /// An account is made when its address is confirmed; until then nothing is told.
    Confirmed,
}

impl FromStr for SignUpMode {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "open" => Ok(Self::Open),
            "confirmed" => Ok(Self::Confirmed),
            _ => Err(()),
        }
    }
}

/// What argon2id is made to cost. Higher values apply to a password at its next sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Argon2Cost {
    /// Memory in KiB. Variable `VALUTAI_PASSWORD_MEMORY_KIB`.
    pub memory_kib: u32,
    /// Passes over it. Variable `VALUTAI_PASSWORD_PASSES`.
    pub passes: u32,
    /// Lanes. Variable `VALUTAI_PASSWORD_LANES`.
    pub lanes: u32,
}

impl Default for Argon2Cost {
    /// The least that OWASP's password storage page recommends for argon2id: 19 MiB, two passes.
    fn default() -> Self {
        Self {
            memory_kib: 19 * 1024,
            passes: 2,
            lanes: 1,
        }
    }
}

/// Where mail goes.
#[derive(Clone)]
pub enum MailSink {
    /// A mail server, by its URL with credentials.
    Smtp(Secret),
    /// A folder that gets a file for each mail, readable by its owner only.
    Folder(PathBuf),
    /// The standard error, for local runs.
    Stderr,
}

impl fmt::Debug for MailSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Smtp(_) => f.write_str("Smtp(..)"),
            Self::Folder(dir) => write!(f, "Folder({})", dir.display()),
            Self::Stderr => f.write_str("Stderr"),
        }
    }
}

/// The variable's value; `off` says that none is to be sent.
struct MailSetting(Option<MailSink>);

impl FromStr for MailSetting {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if let Some(dir) = text.strip_prefix("file:") {
            let absolute = dir.starts_with('/');
            return absolute
                .then(|| Self(Some(MailSink::Folder(dir.into()))))
                .ok_or(());
        }
        match text {
            "off" => Ok(Self(None)),
            "stderr" => Ok(Self(Some(MailSink::Stderr))),
            url if url.starts_with("smtp://") || url.starts_with("smtps://") => {
                Ok(Self(Some(MailSink::Smtp(Secret::new(url)))))
            }
            _ => Err(()),
        }
    }
}

/// Networks, such as those of proxies whose word on a client's address counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Networks(Vec<(IpAddr, u8)>);

impl Networks {
    /// Reads the environment.
    ///
    /// # Errors
    /// Where the variable is malformed.
    pub fn trusted_proxies_from_env() -> Result<Self, ConfigError> {
        let expected = "a list of networks such as 10.0.0.0/8,fd00::/8";
        Ok(parsed("VALUTAI_TRUSTED_PROXIES", expected)?.unwrap_or_default())
    }

    /// Private networks that webhooks may be sent to.
    ///
    /// # Errors
    /// Where the variable is malformed.
    pub fn webhooks_from_env() -> Result<Self, ConfigError> {
        let expected = "a list of networks such as 127.0.0.0/8,10.0.0.0/8";
        Ok(parsed("VALUTAI_WEBHOOK_NETWORKS", expected)?.unwrap_or_default())
    }

    /// Whether an address lies in one of them.
    #[must_use]
    pub fn contain(&self, address: IpAddr) -> bool {
        self.0
            .iter()
            .any(|(network, bits)| masked(*network, *bits) == masked(address.to_canonical(), *bits))
    }
}

impl FromStr for Networks {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let network = |part: &str| {
            let (address, bits) = match part.trim().split_once('/') {
                Some((address, bits)) => (address, Some(bits.parse::<u8>().map_err(|_| ())?)),
                None => (part.trim(), None),
            };
            let address: IpAddr = address.parse().map_err(|_| ())?;
            let most = if address.is_ipv4() { 32 } else { 128 };
            let bits = bits.unwrap_or(most);
            (bits <= most).then_some((address, bits)).ok_or(())
        };
        Ok(Self(
            text.split(',').map(network).collect::<Result<_, _>>()?,
        ))
    }
}

/// The network part of an address.
#[must_use]
pub fn masked(address: IpAddr, bits: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX
                .checked_shl(32 - u32::from(bits.min(32)))
                .unwrap_or(0);
            IpAddr::from((v4.to_bits() & mask).to_be_bytes())
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX
                .checked_shl(128 - u32::from(bits.min(128)))
                .unwrap_or(0);
            IpAddr::from((v6.to_bits() & mask).to_be_bytes())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_their_addresses_and_no_others() {
        let networks: Networks = "10.0.0.0/8, 192.0.2.7,fd00::/8".parse().expect("parses");
        for inside in ["10.1.2.3", "192.0.2.7", "fd12::1", "::ffff:10.0.0.9"] {
            assert!(
                networks.contain(inside.parse().expect("parses")),
                "{inside}"
            );
        }
        for outside in ["11.0.0.1", "192.0.2.8", "fe80::1", "::1"] {
            assert!(
                !networks.contain(outside.parse().expect("parses")),
                "{outside}"
            );
        }
        let all: Networks = "0.0.0.0/0".parse().expect("parses");
        assert!(all.contain(IpAddr::from([8, 8, 8, 8])));
        assert!(!all.contain("::1".parse().expect("parses")));
        for bad in ["", "10.0.0.0/33", "10.0.0", "x", "10.0.0.0/8,"] {
            assert!(bad.parse::<Networks>().is_err(), "{bad}");
        }
    }

    #[test]
    fn mail_settings() {
        let sink = |text: &str| text.parse().map(|MailSetting(sink)| sink);
        assert!(matches!(sink("off"), Ok(None)));
        assert!(matches!(sink("stderr"), Ok(Some(MailSink::Stderr))));
        assert!(matches!(sink("file:/x"), Ok(Some(MailSink::Folder(_)))));
        assert!(matches!(sink("smtps://u:p@h"), Ok(Some(MailSink::Smtp(_)))));
        for bad in ["", "file:x", "http://h", "console"] {
            assert!(sink(bad).is_err(), "{bad}");
        }
    }
}
