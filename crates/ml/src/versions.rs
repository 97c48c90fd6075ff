//! Which versions of what a model is made by. Deliberately read while building, from the lock file: what runs cannot
//! tell otherwise.

use crate::FORMAT;

/// Names and versions of this crate, of the libraries that it computes with, and of the format of the artefact.
#[must_use]
pub fn versions() -> Vec<(&'static str, String)> {
    [
        ("ml", env!("CARGO_PKG_VERSION")),
        ("linfa", env!("VERSION_OF_LINFA")),
        ("linfa-logistic", env!("VERSION_OF_LINFA_LOGISTIC")),
        ("ndarray", env!("VERSION_OF_NDARRAY")),
    ]
    .into_iter()
    .map(|(name, version)| (name, version.to_owned()))
    .chain([("artefact format", FORMAT.to_string())])
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_version_is_a_number() {
        let found = versions();
        assert_eq!(found.len(), 5);
        for (name, version) in found {
            let numeric = version.chars().all(|c| c.is_ascii_digit() || c == '.');
            assert!(numeric && !version.is_empty(), "{name} {version:?}");
        }
    }
}
