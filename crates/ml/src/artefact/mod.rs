//! The file format of a model: our own versioned protobuf.
//!
//! An outer message carries the format version and a SHA-256 over the inner one; the inner one carries everything a model
//! is, and a few rows with the answers they had, which are computed anew on loading. Deliberately not a library's
//! structs, and not encrypted: whoever stores the bytes does that.

mod boosted;
mod caution;
mod convert;
mod messages;
mod numbers;

pub(crate) use numbers::{role_number, role_of};

use prost::Message;
use sha2::{Digest, Sha256};

use crate::Error;
use crate::model::Model;

/// The format that this version writes; it reads this one and those before.
///
/// Format 1 held the linear part alone; format 2 adds the blend, the calibration map and the boosted part;
/// format 3 adds what widens the intervals; in format 4 errors around a base rate are told apart, and so is the width from
/// which an interval is wide.
pub const FORMAT: u32 = 4;

/// Largest difference between a stored and a recomputed probability.
const TOLERANCE: f64 = 1e-12;

impl Model {
    /// The model as bytes; the same model always gives the same bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let content = convert::message_of(self).encode_to_vec();
        let sha256 = Sha256::digest(&content).to_vec();
        messages::Envelope {
            format: FORMAT,
            sha256,
            content,
        }
        .encode_to_vec()
    }

    /// Reads a model back and checks that it still computes what it did when it was trained.
    ///
    /// # Errors
    /// [`Error::UnsupportedFormat`], [`Error::CorruptArtefact`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let envelope = messages::Envelope::decode(bytes).map_err(|e| corrupt(e.to_string()))?;
        if envelope.sha256.len() != 32 {
            return Err(corrupt("it carries no checksum"));
        }
        if Sha256::digest(&envelope.content).as_slice() != envelope.sha256 {
            return Err(corrupt("its checksum does not fit its content"));
        }
        if !(1..=FORMAT).contains(&envelope.format) {
            return Err(Error::UnsupportedFormat {
                found: envelope.format,
                supported: FORMAT,
            });
        }
        let message = messages::Model::decode(envelope.content.as_slice())
            .map_err(|e| corrupt(e.to_string()))?;
        let model = convert::model_of(message)?;
        model.check_golden()?;
        Ok(model)
    }

    /// SHA-256 over names, roles, kinds and use of the columns: equal for models that take the same tables.
    #[must_use]
    pub fn schema_hash(&self) -> [u8; 32] {
        let mut hasher = Sha256::new();
        for column in self.schema() {
            let line = format!(
                "{:?}|{:?}|{:?}|{}\n",
                column.name, column.role, column.kind, column.used
            );
            hasher.update(line.as_bytes());
        }
        hasher.finalize().into()
    }

    fn check_golden(&self) -> Result<(), Error> {
        let answers = self
            .answers(&self.golden.table)
            .map_err(|e| corrupt(e.to_string()))?;
        let close =
            |a: &[f64; 3], b: &[f64; 3]| a.iter().zip(b).all(|(x, y)| (x - y).abs() <= TOLERANCE);
        let same = answers.len() == self.golden.answers.len()
            && answers
                .iter()
                .zip(&self.golden.answers)
                .all(|(a, b)| close(a, b));
        if same && !answers.is_empty() {
            Ok(())
        } else {
            Err(corrupt(
                "it no longer gives the answers that it gave when trained",
            ))
        }
    }
}

fn corrupt(reason: impl Into<String>) -> Error {
    Error::CorruptArtefact {
        reason: reason.into(),
    }
}
