//! The options of `valutai datasets import` and the header that they become. Deliberately no look at
//! the file: whether a column of that name exists is found out behind the gateway.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use proto::ingestion::{
    BlankCells, ColumnFormat, ColumnMapping, ErrorsFormat, ImportMode, Outcome, OutcomeWord,
    TargetField, UploadHeader,
};

use crate::error::{Error, Result};

const FIELDS: &str = "outcome, price, date, cost, list_price, discount, quantity, currency, \
    customer, product, region, owner, segment, quote_id, revision, valid_until, group or feature";

/// Options of `valutai datasets import`.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// The file: CSV, TSV, XLSX, XLS or Parquet, also as gzip or zip
    pub file: PathBuf,
    /// Name of the dataset [default: the file's name]
    #[arg(
        long,
        default_value = "",
        hide_default_value = true,
        conflicts_with = "into"
    )]
    pub name: String,
    /// Dataset to import into [default: a new one]
    #[arg(
        long,
        value_name = "DATASET",
        default_value = "",
        hide_default_value = true
    )]
    pub into: String,
    /// What happens to quotes whose identifier the dataset has already
    #[arg(long, value_enum, default_value = "upsert")]
    pub mode: Mode,
    /// What an empty cell of such a quote means
    #[arg(long, value_enum, default_value = "keep")]
    pub blank: Blank,
    /// What a column stands for; FIELD is one of outcome, price, date, cost, list_price, discount,
    /// quantity, currency, customer, product, region, owner, segment, quote_id, revision,
    /// valid_until, group, feature. Repeatable; the rest is suggested. date=@import means today
    #[arg(long = "map", value_name = "FIELD=COLUMN", value_parser = mapping)]
    pub mappings: Vec<ColumnMapping>,
    /// Header of a column to leave out; repeatable
    #[arg(long = "ignore", value_name = "COLUMN")]
    pub ignored: Vec<String>,
    /// Header of a column with personal data, kept encrypted and never learned from; repeatable
    #[arg(long = "personal", value_name = "COLUMN")]
    pub personal: Vec<String>,
    /// How a column is read: DMY, MDY or YMD for dates, SERIAL for a spreadsheet's day numbers, comma or
    /// point for the decimal separator; repeatable
    #[arg(long = "format", value_name = "COLUMN=HOW", value_parser = format)]
    pub formats: Vec<Stated>,
    /// A word that means no value in a column, besides the usual ones; repeatable
    #[arg(long = "missing", value_name = "COLUMN=WORD", value_parser = missing)]
    pub missing: Vec<Stated>,
    /// A word that is a value in a column although it usually means none, such as None; repeatable
    #[arg(long = "present", value_name = "COLUMN=WORD", value_parser = present)]
    pub present: Vec<Stated>,
    /// What a word of the outcome column means: won, lost or open; repeatable
    #[arg(long = "outcome", value_name = "WORD=MEANING", value_parser = outcome)]
    pub outcomes: Vec<OutcomeWord>,
    /// Sheet of a workbook [default: the one that looks most like a table]
    #[arg(long, default_value = "", hide_default_value = true)]
    pub sheet: String,
    /// Encoding of a text file, such as windows-1252 [default: found]
    #[arg(long, default_value = "", hide_default_value = true)]
    pub encoding: String,
    /// Row that names the columns, 0 where none does [default: found]
    #[arg(long, value_name = "ROW")]
    pub header_row: Option<u32>,
    /// Leave rows with errors aside instead of refusing the file
    #[arg(long)]
    pub leave_bad_rows_aside: bool,
    /// Allow prices of zero and below
    #[arg(long)]
    pub allow_any_price: bool,
    /// Use no meanings remembered from earlier imports
    #[arg(long)]
    pub forget_mapping: bool,
    /// Only say what an import would do; nothing is kept
    #[arg(long, conflicts_with = "wait")]
    pub dry_run: bool,
    /// Write what is wrong to a file to be mended and imported again: .csv with a column of
    /// explanations, .xlsx with marked cells. Implies --dry-run
    #[arg(long, value_name = "FILE", value_parser = errors_file, conflicts_with = "wait")]
    pub errors_out: Option<ErrorsFile>,
    /// Wait until the dataset is ready for training
    #[arg(long)]
    pub wait: bool,
}

/// What happens to known quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// Known quotes are updated, new ones inserted
    Upsert,
    /// New quotes are inserted, known ones left as they are
    InsertOnly,
    /// Known quotes are updated, new ones left out
    UpdateOnly,
}

/// What empty cells of known quotes mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Blank {
    /// The value stays as it was
    Keep,
    /// The value is removed
    Clear,
    /// The value is not known
    Unknown,
}

/// One thing said about a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stated {
    column: String,
    how: How,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum How {
    DateOrder(&'static str),
    Decimal(&'static str),
    Missing(String),
    Present(String),
}

/// Where the errors go, in the format that its name says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorsFile {
    /// The file.
    pub path: PathBuf,
    /// Its format.
    pub format: ErrorsFormat,
}

impl ImportArgs {
    /// Whether nothing is to be kept.
    #[must_use]
    pub fn is_dry(&self) -> bool {
        self.dry_run || self.errors_out.is_some()
    }

    /// What the server is told about the file.
    ///
    /// # Errors
    /// Where two options contradict each other.
    pub fn header(&self) -> Result<UploadHeader> {
        let mode = match self.mode {
            Mode::Upsert => ImportMode::Upsert,
            Mode::InsertOnly => ImportMode::InsertOnly,
            Mode::UpdateOnly => ImportMode::UpdateOnly,
        };
        let blank = match self.blank {
            Blank::Keep => BlankCells::Keep,
            Blank::Clear => BlankCells::Clear,
            Blank::Unknown => BlankCells::Unknown,
        };
        let errors = self.errors_out.as_ref().map(|file| file.format);
        let file_name = self.file.file_name().unwrap_or_default();
        Ok(UploadHeader {
            name: self.name.clone(),
            file_name: file_name.to_string_lossy().into_owned(),
            mappings: self.mappings.clone(),
            ignored_columns: self.ignored.clone(),
            dry_run: self.is_dry(),
            dataset_id: self.into.clone(),
            mode: mode.into(),
            blank_cells: blank.into(),
            formats: formats(&[&self.formats, &self.missing, &self.present])?,
            outcome_words: self.outcomes.clone(),
            personal_columns: self.personal.clone(),
            sheet: self.sheet.clone(),
            encoding: self.encoding.clone(),
            leave_bad_rows_aside: self.leave_bad_rows_aside,
            allow_any_price: self.allow_any_price,
            errors_format: errors.unwrap_or_default().into(),
            forget_mapping: self.forget_mapping,
            header_row: self.header_row,
        })
    }
}

/// Gathers by column what was said option by option.
fn formats(stated: &[&[Stated]]) -> Result<Vec<ColumnFormat>> {
    let mut formats: Vec<ColumnFormat> = Vec::new();
    for Stated { column, how } in stated.iter().copied().flatten() {
        let known = formats.iter().position(|format| format.column == *column);
        let index = known.unwrap_or_else(|| {
            formats.push(ColumnFormat {
                column: column.clone(),
                ..ColumnFormat::default()
            });
            formats.len() - 1
        });
        let format = &mut formats[index];
        match how {
            How::DateOrder(order) => state(&mut format.date_order, order, column)?,
            How::Decimal(separator) => state(&mut format.decimal_separator, separator, column)?,
            How::Missing(word) => format.missing_words.push(word.clone()),
            How::Present(word) => format.present_words.push(word.clone()),
        }
    }
    Ok(formats)
}

fn state(place: &mut String, how: &str, column: &str) -> Result<()> {
    if !place.is_empty() && place != how {
        return Err(Error::Misuse(format!(
            "--format says two things about column {column:?}: {place} and {how}"
        )));
    }
    how.clone_into(place);
    Ok(())
}

/// Reads `FIELD=COLUMN`.
///
/// # Errors
/// Where the field is none that a caller may state.
pub fn mapping(text: &str) -> Result<ColumnMapping, String> {
    let (name, column) = text
        .split_once('=')
        .filter(|(_, column)| !column.is_empty())
        .ok_or("write it as FIELD=COLUMN")?;
    let wanted = format!("TARGET_FIELD_{}", name.trim().to_ascii_uppercase());
    let field = TargetField::from_str_name(&wanted).unwrap_or_default();
    match field {
        TargetField::Ignored => Err("say --ignore COLUMN instead".to_owned()),
        TargetField::Personal => Err("say --personal COLUMN instead".to_owned()),
        TargetField::Unspecified | TargetField::Derived | TargetField::ReferencePrice => {
            Err(format!("{name:?} is not a field: use {FIELDS}"))
        }
        field => Ok(ColumnMapping {
            field: field.into(),
            column: column.to_owned(),
        }),
    }
}

/// Takes the last `=` for the one that is meant: headers have some, such as "Won (1=yes)".
fn split<'t>(text: &'t str, written: &str) -> Result<(&'t str, &'t str), String> {
    text.rsplit_once('=')
        .filter(|(left, right)| !left.is_empty() && !right.is_empty())
        .ok_or_else(|| format!("write it as {written}"))
}

fn format(text: &str) -> Result<Stated, String> {
    let (column, how) = split(text, "COLUMN=HOW, for example \"Quoted on=DMY\"")?;
    let how = match how.to_ascii_uppercase().as_str() {
        "DMY" => How::DateOrder("DMY"),
        "MDY" => How::DateOrder("MDY"),
        "YMD" => How::DateOrder("YMD"),
        "SERIAL" => How::DateOrder("SERIAL"),
        "," | "COMMA" => How::Decimal(","),
        "." | "POINT" => How::Decimal("."),
        _ => {
            return Err(format!(
                "{how:?} is no way to read a column: use DMY, MDY, YMD, SERIAL, comma or point"
            ));
        }
    };
    Ok(Stated {
        column: column.to_owned(),
        how,
    })
}

fn missing(text: &str) -> Result<Stated, String> {
    word(text, How::Missing)
}

fn present(text: &str) -> Result<Stated, String> {
    word(text, How::Present)
}

fn word(text: &str, how: fn(String) -> How) -> Result<Stated, String> {
    let (column, word) = split(text, "COLUMN=WORD")?;
    Ok(Stated {
        column: column.to_owned(),
        how: how(word.to_owned()),
    })
}

fn outcome(text: &str) -> Result<OutcomeWord, String> {
    let (word, meaning) = split(
        text,
        "WORD=won, WORD=lost or WORD=open, for example \"P.O. received=won\"",
    )?;
    let outcome = match meaning.to_ascii_lowercase().as_str() {
        "won" => Outcome::Won,
        "lost" => Outcome::Lost,
        "open" => Outcome::Open,
        _ => return Err(format!("{meaning:?} is no outcome: use won, lost or open")),
    };
    Ok(OutcomeWord {
        word: word.to_owned(),
        outcome: outcome.into(),
    })
}

fn errors_file(text: &str) -> Result<ErrorsFile, String> {
    let path = PathBuf::from(text);
    let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
    let format = match extension.to_str() {
        Some("csv") => ErrorsFormat::Csv,
        Some("xlsx") => ErrorsFormat::Xlsx,
        _ => return Err("name a file that ends in .csv or .xlsx".to_owned()),
    };
    Ok(ErrorsFile { path, format })
}

#[cfg(test)]
#[path = "options_tests.rs"]
mod tests;
