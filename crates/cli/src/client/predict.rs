//! `valutai predict`: one quote from options, or all quotes of a file. Deliberately no values
//! of our own: what is left out counts as missing.

use std::{collections::HashMap, path::PathBuf};

use clap::{Args, builder::ArgGroup};
use proto::prediction::{
    FieldValue, PredictRequest, PredictResponse, PriceCurveRequest, QuoteInput, field_value::Value,
};

use super::{Connection, connect, predict_file, present, show};
use crate::{
    args::Global,
    error::{Error, Result},
    output,
};

/// Options of `valutai predict`.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("quote").required(true).multiple(true).args(["file", "fields"])))]
pub struct PredictArgs {
    /// CSV file or workbook with the headers of the history; its rows are predicted in their order
    #[arg(value_name = "FILE", conflicts_with = "fields")]
    pub file: Option<PathBuf>,
    /// One value of a single quote, by column header; repeatable
    #[arg(long = "field", value_name = "COLUMN=VALUE", value_parser = field)]
    pub fields: Vec<(String, String)>,
    /// Id of the model, or an alias [default: champion]
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    pub model: String,
    /// Your name for the single quote
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true,
        conflicts_with = "file"
    )]
    pub quote_ref: String,
    /// Column that names the quotes of the file [default: quote_id where there is one]
    #[arg(long, value_name = "COLUMN", conflicts_with = "fields")]
    pub ref_column: Option<String>,
    /// Similar past quotes to show beside the single quote, 0 to 20 [default: 5]
    #[arg(long, value_name = "N", conflicts_with = "file", value_parser = clap::value_parser!(u32).range(0..=20))]
    pub similar: Option<u32>,
    /// Show the single quote at other prices, with floor, target and stretch price; keeps no prediction
    #[arg(long, conflicts_with_all = ["file", "similar"])]
    pub price_curve: bool,
    /// Write the file's rows with their predictions to this CSV file
    #[arg(long, value_name = "FILE", conflicts_with = "fields")]
    pub out: Option<PathBuf>,
    /// Go on with what an earlier call with the same --out left unfinished; no quote is predicted twice
    #[arg(long, requires = "out")]
    pub resume: bool,
    /// Leave out so many quotes at the beginning of the file, which were predicted before
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true, conflicts_with_all = ["fields", "out"])]
    pub offset: u64,
}

/// Reads `COLUMN=VALUE`.
///
/// # Errors
/// Where there is no column.
pub fn field(text: &str) -> Result<(String, String), String> {
    text.split_once('=')
        .filter(|(column, _)| !column.is_empty())
        .map(|(column, value)| (column.to_owned(), value.to_owned()))
        .ok_or_else(|| "write it as COLUMN=VALUE".to_owned())
}

/// A quote whose values are texts as they would stand in a file.
pub fn quote(quote_ref: &str, fields: impl IntoIterator<Item = (String, String)>) -> QuoteInput {
    let as_text = |text| FieldValue {
        value: Some(Value::Text(text)),
    };
    let fields: HashMap<String, FieldValue> = fields
        .into_iter()
        .map(|(column, text)| (column, as_text(text)))
        .collect();
    QuoteInput {
        quote_ref: quote_ref.to_owned(),
        fields,
    }
}

/// Predicts one quote.
///
/// # Errors
/// What the server refused it with.
pub async fn predict(
    connection: &Connection,
    model_id: &str,
    quote: QuoteInput,
) -> Result<PredictResponse> {
    ask(connection, model_id, quote, None).await
}

/// Predicts one quote beside so many similar ones, or as many as the server finds useful.
async fn ask(
    connection: &Connection,
    model_id: &str,
    quote: QuoteInput,
    similar_quotes: Option<u32>,
) -> Result<PredictResponse> {
    let request = connection.request(PredictRequest {
        model_id: model_id.to_owned(),
        quote: Some(quote),
        similar_quotes,
        recommendations: None,
    });
    Ok(connection.prediction().predict(request).await?.into_inner())
}

/// Runs `valutai predict`.
///
/// # Errors
/// Whatever the command could not do.
pub async fn run(args: PredictArgs, global: &Global) -> Result<()> {
    if let Some(file) = args.file {
        return predict_file::run(
            &predict_file::FileJob {
                model_id: args.model,
                file,
                ref_column: args.ref_column,
                offset: args.offset,
                ..predict_file::FileJob::default()
            },
            args.out.as_deref(),
            args.resume,
            global,
        )
        .await;
    }
    for (index, (column, _)) in args.fields.iter().enumerate() {
        if args.fields[..index]
            .iter()
            .any(|(other, _)| other == column)
        {
            return Err(Error::Misuse(format!("--field {column} is given twice")));
        }
    }
    let connection = connect(global).await?;
    let quote = quote(&args.quote_ref, args.fields);
    if args.price_curve {
        return curve(&connection, args.model, quote, global).await;
    }
    let reply = ask(&connection, &args.model, quote, args.similar).await?;
    let prediction = present(reply.prediction.as_ref(), "prediction")?;
    output::reply(global.output, &reply, |out| {
        show::prediction(out, prediction)
    })
}

/// Asks for the quote at other prices instead of a prediction, which is not kept.
async fn curve(
    connection: &Connection,
    model_id: String,
    quote: QuoteInput,
    global: &Global,
) -> Result<()> {
    let request = connection.request(PriceCurveRequest {
        model_id,
        quote: Some(quote),
        points: 0,
    });
    let reply = connection.prediction().price_curve(request).await?;
    let reply = reply.into_inner();
    output::reply(global.output, &reply, |out| show::price_curve(out, &reply))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_sent_as_text() {
        let (column, value) = field("List=Price=3").expect("is one");
        assert_eq!((column.as_str(), value.as_str()), ("List", "Price=3"));
        assert!(field("=3").is_err() && field("a").is_err());
        assert!(field("a=").is_ok(), "an empty value is a missing one");
        let quote = quote("q", [("a".to_owned(), "01".to_owned())]);
        assert_eq!(quote.fields["a"].value, Some(Value::Text("01".into())));
    }
}
