//! Prints replies: as protobuf JSON with the contract's field names, or by a table that the command
//! draws. Deliberately the only place that writes to the standard output.

use std::io::{self, Write};

use clap::ValueEnum;
use prost::{Message, Name};
use prost_reflect::{DynamicMessage, SerializeOptions};
use proto::access::POOL;

use crate::error::{Error, Result};

/// How replies are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A table for people, at most 100 columns wide
    Table,
    /// The reply message as protobuf JSON, fields named as in the contract
    Json,
}

/// The message as JSON in one line.
///
/// # Errors
/// Where the message is not part of the contract.
pub fn to_json_line<M: Message + Name>(message: &M) -> Result<String> {
    let mut bytes = Vec::new();
    write_json(message, &mut serde_json::Serializer::new(&mut bytes))?;
    into_text(bytes)
}

/// The message as JSON over several lines.
///
/// # Errors
/// Where the message is not part of the contract.
pub fn to_json<M: Message + Name>(message: &M) -> Result<String> {
    let mut bytes = Vec::new();
    write_json(message, &mut serde_json::Serializer::pretty(&mut bytes))?;
    into_text(bytes)
}

fn write_json<M, F>(
    message: &M,
    serializer: &mut serde_json::Serializer<&mut Vec<u8>, F>,
) -> Result<()>
where
    M: Message + Name,
    F: serde_json::ser::Formatter,
{
    let name = M::full_name();
    let problem = |what: String| Error::Failed(format!("the reply {name} cannot be shown: {what}"));
    let descriptor = POOL
        .get_message_by_name(&name)
        .ok_or_else(|| problem("it is not part of the contract".to_owned()))?;
    let message = DynamicMessage::decode(descriptor, message.encode_to_vec().as_slice())
        .map_err(|error| problem(error.to_string()))?;
    let options = SerializeOptions::new()
        .use_proto_field_name(true)
        .skip_default_fields(false)
        .stringify_64_bit_integers(false);
    message
        .serialize_with_options(serializer, &options)
        .map_err(|error| problem(error.to_string()))
}

fn into_text(bytes: Vec<u8>) -> Result<String> {
    String::from_utf8(bytes)
        .map_err(|error| Error::Failed(format!("the reply cannot be shown: {error}")))
}

/// Prints one reply: as JSON, or by what `table` draws.
///
/// # Errors
/// Where the standard output does not take it.
pub fn reply<M: Message + Name>(
    format: Format,
    message: &M,
    table: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<()> {
    match format {
        Format::Json => line(&to_json(message)?),
        Format::Table => print(table),
    }
}

/// Prints one message of a stream: as a line of JSON, or by what `table` draws.
///
/// # Errors
/// Where the standard output does not take it.
pub fn item<M: Message + Name>(
    format: Format,
    message: &M,
    table: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<()> {
    match format {
        Format::Json => line(&to_json_line(message)?),
        Format::Table => print(table),
    }
}

/// Prints a line.
///
/// # Errors
/// Where the standard output does not take it.
pub fn line(text: &str) -> Result<()> {
    print(|out| writeln!(out, "{text}"))
}

/// Prints what `draw` writes, in one piece.
///
/// # Errors
/// Where the standard output does not take it.
pub fn print(draw: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
    let mut buffer = Vec::new();
    draw(&mut buffer).map_err(Error::Stdout)?;
    let mut stdout = io::stdout().lock();
    stdout
        .write_all(&buffer)
        .and_then(|()| stdout.flush())
        .map_err(Error::Stdout)
}

#[cfg(test)]
mod tests {
    use proto::{
        prediction::{PredictManyResponse, Prediction},
        training::{Model, Scores, TrainModelResponse},
    };

    use super::*;

    fn parsed<M: Message + Name>(message: &M) -> serde_json::Value {
        serde_json::from_str(&to_json(message).expect("serialises")).expect("is JSON")
    }

    #[test]
    fn json_keeps_the_names_of_the_contract() {
        let json = parsed(&TrainModelResponse {
            id: "m1".into(),
            model: Some(Model {
                scores: Some(Scores {
                    auc_roc: Some(0.75),
                    ..Scores::default()
                }),
                row_count: 1200,
                state: 3,
                ..Model::default()
            }),
        });
        assert_eq!(json["id"], "m1");
        assert_eq!(json["model"]["scores"]["auc_roc"], 0.75);
        assert_eq!(json["model"]["row_count"], 1200);
        assert_eq!(json["model"]["state"], "MODEL_STATE_READY");
        assert_eq!(json["model"]["champion"], false);
        assert!(json["model"]["scores"].get("precision").is_none());
    }

    #[test]
    fn long_integers_are_numbers_and_lines_are_lines() {
        let message = PredictManyResponse {
            index: 1 << 40,
            prediction: Some(Prediction {
                no_recommendation_reason: "a\nb".into(),
                ..Prediction::default()
            }),
        };
        assert_eq!(parsed(&message)["index"], 1_u64 << 40);
        let line = to_json_line(&message).expect("serialises");
        assert!(!line.contains('\n'));
    }
}
