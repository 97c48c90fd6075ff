//! Version numbers as `postgres --version` and `nats-server --version` print them. It is deliberately
//! not semantic versioning: pre-release tags are ignored, for only the oldest usable release matters.

use std::fmt;

/// The oldest Postgres that the product runs on.
pub const OLDEST_POSTGRES: Version = Version::new(15, 0, 0);

/// The oldest nats-server that the product runs on.
pub const OLDEST_NATS: Version = Version::new(2, 15, 1);

/// A release number; parts that were not printed are zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// First number.
    pub major: u32,
    /// Second number.
    pub minor: u32,
    /// Third number.
    pub patch: u32,
}

impl Version {
    /// A version from its parts.
    pub const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self {
            major,
            minor,
            patch,
        }
    }

    /// The first word of `text` that starts with a digit, or with `v` and a digit, read as a version.
    pub(crate) fn find_in(text: &str) -> Option<Self> {
        text.split_whitespace().find_map(Self::parse)
    }

    /// Reads `18.4`, `v2.15.1`, `19beta1` or `2.15.1-RC.1`; `None` where no number comes first.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        let word = word.strip_prefix('v').unwrap_or(word);
        let digits_and_dots = word
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .map_or(word, |end| &word[..end]);
        let mut parts = digits_and_dots.split('.');
        let major = parts.next()?.parse().ok()?;
        let mut next = || parts.next().and_then(|part| part.parse().ok()).unwrap_or(0);
        Some(Self::new(major, next(), next()))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_servers_print() {
        let cases = [
            (
                "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)",
                (15, 18, 0),
            ),
            ("postgres (PostgreSQL) 18.4", (18, 4, 0)),
            ("postgres (PostgreSQL) 19beta1", (19, 0, 0)),
            ("nats-server: v2.15.1", (2, 15, 1)),
            ("nats-server: v2.16.0-RC.2\n", (2, 16, 0)),
        ];
        for (text, (major, minor, patch)) in cases {
            assert_eq!(
                Version::find_in(text),
                Some(Version::new(major, minor, patch)),
                "{text}"
            );
        }
        assert_eq!(Version::find_in("command not found"), None);
        assert_eq!(Version::find_in(""), None);
    }

    #[test]
    fn orders_by_number_and_not_by_letter() {
        assert!(Version::new(2, 9, 10) < OLDEST_NATS);
        assert!(Version::new(2, 15, 10) > OLDEST_NATS);
        assert!(Version::new(14, 22, 0) < OLDEST_POSTGRES);
        assert!(Version::new(15, 0, 0) >= OLDEST_POSTGRES);
    }
}
