//! A model as one file: written for an export, read back for predicting without a server, by the very code that the service
//! answers with. Deliberately without past quotes: a file that leaves the house holds what predictions need, and no more.

use ml::Model;
use prost::Message as _;
use proto::prediction::{PortableFile, PortableModel, Prediction, QuoteInput};
use sha2::{Digest as _, Sha256};
use tabular::History;

use crate::{
    Error,
    domain::{
        answer::{self, Asked, Wanted},
        fields::{Fields, Past},
        policy::Policy,
    },
};

/// The format that this version writes and reads.
pub const FORMAT: u32 = 1;
/// What every file says it is.
const KIND: &str = "valutai model";

/// A model out of a file.
#[derive(Debug)]
pub struct Portable {
    /// Id of the model.
    pub id: String,
    model: Model,
    fields: Fields,
    history: History,
    stale_reason: String,
}

/// The file of a model.
#[must_use]
pub fn to_bytes(model: &PortableModel) -> Vec<u8> {
    let content = model.encode_to_vec();
    PortableFile {
        kind: KIND.to_owned(),
        format: FORMAT,
        sha256: Sha256::digest(&content).to_vec(),
        content,
    }
    .encode_to_vec()
}

impl Portable {
    /// Reads a file, and checks that the model in it still answers as it did when it was trained.
    ///
    /// # Errors
    /// `Portable`, in a sentence.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let file = PortableFile::decode(bytes).ok();
        let Some(file) = file.filter(|file| file.kind == KIND) else {
            let problem =
                "it is cut short or no model file: export one with `valutai models export`";
            return Err(Error::Portable(problem.to_owned()));
        };
        if file.format != FORMAT {
            return Err(Error::Portable(format!(
                "it has format {}, and this program reads format {FORMAT}: use a program of the version that wrote it",
                file.format
            )));
        }
        if Sha256::digest(&file.content).as_slice() != file.sha256 {
            let problem =
                "it is damaged, because its checksum does not fit its content: export it again";
            return Err(Error::Portable(problem.to_owned()));
        }
        let content = PortableModel::decode(file.content.as_slice()).map_err(damaged)?;
        let model = Model::from_bytes(&content.artefact).map_err(damaged)?;
        let schema = content.input_schema.unwrap_or_default();
        Ok(Self {
            fields: Fields::new(model.schema(), &schema),
            history: match content.history.as_slice() {
                [] => History::build(std::iter::empty()),
                history => History::from_bytes(history).map_err(damaged)?,
            },
            id: content.model_id,
            stale_reason: content.stale_reason,
            model,
        })
    }

    /// Answers quotes as the service does, as of a day for those that state none.
    ///
    /// # Errors
    /// Where a quote cannot be read.
    pub fn predict(&self, quotes: &[QuoteInput], today: i32) -> Result<Vec<Prediction>, Error> {
        super::check_quotes(quotes)?;
        let asked = Asked {
            model: &self.model,
            fields: &self.fields,
            past: Past {
                history: &self.history,
                today,
            },
            policy: &Policy::default(),
            comparison: None,
        };
        let answers = answer::answer(&asked, quotes, Wanted::default())?;
        let named = answers.iter().zip(quotes).map(|(answer, quote)| {
            let mut prediction = answer.whole()?;
            let stale = answer::stale(&self.stale_reason);
            prediction.warnings.splice(0..0, stale);
            prediction.model_id.clone_from(&self.id);
            prediction.quote_ref.clone_from(&quote.quote_ref);
            Ok(prediction)
        });
        named.collect()
    }
}

fn damaged(problem: impl std::fmt::Display) -> Error {
    Error::Portable(format!("it cannot be used: {problem}"))
}
