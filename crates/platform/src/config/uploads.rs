//! What the operator decides about uploads: their limits, and who looks for viruses. Deliberately no
//! check: who reads an upload holds it to them.

use std::{
    fmt,
    num::{NonZeroU32, NonZeroU64},
    path::PathBuf,
    str::FromStr,
};

use super::{ConfigError, parsed};

/// Largest uploads that are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UploadLimits {
    /// Bytes of the file as it is sent. Variable `VALUTAI_UPLOAD_MAX_BYTES`.
    pub max_bytes: u64,
    /// Rows below the header. Variable `VALUTAI_UPLOAD_MAX_ROWS`.
    pub max_rows: u32,
    /// Columns. Variable `VALUTAI_UPLOAD_MAX_COLUMNS`.
    pub max_columns: u32,
    /// Bytes of one cell. Variable `VALUTAI_UPLOAD_MAX_CELL_BYTES`.
    pub max_cell_bytes: u32,
    /// How many times larger the content of an archive may be than the archive. Variable
    /// `VALUTAI_UPLOAD_MAX_EXPANSION`.
    pub max_expansion: u32,
}

impl Default for UploadLimits {
    fn default() -> Self {
        Self {
            max_bytes: 256 * 1024 * 1024,
            max_rows: 1_000_000,
            max_columns: 500,
            max_cell_bytes: 32 * 1024,
            max_expansion: 200,
        }
    }
}

impl UploadLimits {
    /// Reads the environment.
    ///
    /// # Errors
    /// Names the first variable that is malformed.
    pub fn from_env() -> Result<Self, ConfigError> {
        const EXPECTED: &str = "a whole number above 0";
        let usual = Self::default();
        let number = |name, usual: u32| {
            Ok(parsed::<NonZeroU32>(name, EXPECTED)?.map_or(usual, NonZeroU32::get))
        };
        Ok(Self {
            max_bytes: parsed::<NonZeroU64>("VALUTAI_UPLOAD_MAX_BYTES", EXPECTED)?
                .map_or(usual.max_bytes, NonZeroU64::get),
            max_rows: number("VALUTAI_UPLOAD_MAX_ROWS", usual.max_rows)?,
            max_columns: number("VALUTAI_UPLOAD_MAX_COLUMNS", usual.max_columns)?,
            max_cell_bytes: number("VALUTAI_UPLOAD_MAX_CELL_BYTES", usual.max_cell_bytes)?,
            max_expansion: number("VALUTAI_UPLOAD_MAX_EXPANSION", usual.max_expansion)?,
        })
    }
}

/// Where a clamd listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClamdAddress {
    /// `host:port`.
    Tcp(String),
    /// The path of a socket, written `unix:/path`.
    Unix(PathBuf),
}

impl ClamdAddress {
    /// Reads the environment.
    ///
    /// # Errors
    /// Where the variable is malformed.
    pub fn from_env() -> Result<Option<Self>, ConfigError> {
        parsed("VALUTAI_CLAMD", "host:port or unix:/path")
    }
}

impl FromStr for ClamdAddress {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if let Some(path) = text.strip_prefix("unix:") {
            return if path.starts_with('/') {
                Ok(Self::Unix(path.into()))
            } else {
                Err(())
            };
        }
        let (host, port) = text.rsplit_once(':').ok_or(())?;
        if host.is_empty() || port.parse::<u16>().is_err() {
            return Err(());
        }
        Ok(Self::Tcp(text.to_owned()))
    }
}

impl fmt::Display for ClamdAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => f.write_str(address),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_addresses_of_scanners() {
        assert_eq!(
            "clamav:3310".parse(),
            Ok(ClamdAddress::Tcp("clamav:3310".to_owned()))
        );
        assert_eq!(
            "unix:/run/clamd.sock".parse(),
            Ok(ClamdAddress::Unix("/run/clamd.sock".into()))
        );
        for bad in [
            "clamav",
            ":3310",
            "clamav:",
            "clamav:x",
            "unix:",
            "unix:clamd",
        ] {
            assert_eq!(bad.parse::<ClamdAddress>(), Err(()), "{bad}");
        }
    }
}
