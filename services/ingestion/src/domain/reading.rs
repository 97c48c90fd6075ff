//! How a file is read: what the caller stated, what was found, and what is kept of both so that the
//! same file is read alike again. Deliberately no guessing, which is `tabular`'s.

use proto::ingestion as pb;
use serde::{Deserialize, Serialize};
use tabular::{
    CellFormat, ColumnKind, ColumnMapping, DateOrder, DateSource, Decimal, Field, Mapping, Outcome,
    Profile, Stated, StatedFormat, mapping::IMPORT_DATE,
};

use super::meaning::{self, Meaning};
use crate::Error;

/// What happens to quotes that the dataset has already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Known quotes are updated, new ones inserted.
    #[default]
    Upsert,
    /// New quotes are inserted, known ones left as they are.
    InsertOnly,
    /// Known quotes are updated, new ones left out.
    UpdateOnly,
}

/// What an empty cell of a known quote means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Blank {
    /// The value stays as it was.
    #[default]
    Keep,
    /// The value is removed.
    Clear,
    /// The value is not known.
    Unknown,
}

/// How the cells of a column are read, where that was stated.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Format {
    column: String,
    /// "number", "date" or "text"; empty where only stated.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    kind: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    date_order: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    decimal: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    missing: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    present: Vec<String>,
    #[serde(default)]
    short_years: bool,
    #[serde(default)]
    percent: bool,
}

/// What a word of the outcome column means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Word {
    word: String,
    outcome: String,
}

/// How a file is read and taken over.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Reading {
    /// What columns stand for.
    #[serde(default)]
    pub fields: Vec<Meaning>,
    /// How columns are read.
    #[serde(default)]
    pub formats: Vec<Format>,
    /// What words of the outcome column mean.
    #[serde(default)]
    pub outcome_words: Vec<Word>,
    /// Sheet of a workbook.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub sheet: String,
    /// Encoding of the text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub encoding: String,
    /// Row of the file that names the columns, 0 for none; found where not stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header_row: Option<u32>,
    /// Whether rows with errors are left aside.
    #[serde(default)]
    pub leave_bad_rows_aside: bool,
    /// Whether prices of zero and below are allowed.
    #[serde(default)]
    pub allow_any_price: bool,
    /// What happens to known quotes.
    #[serde(default)]
    pub mode: Mode,
    /// What empty cells of known quotes mean.
    #[serde(default)]
    pub blank: Blank,
}

impl Reading {
    /// What a caller states.
    ///
    /// # Errors
    /// Where a mapping names no field, or a format is none.
    pub fn parse(header: &pb::UploadHeader) -> Result<Self, Error> {
        let mut fields = meaning::given(&header.mappings)?;
        let named = |field: Field, columns: &[String]| {
            let meaning = |column: &String| Meaning::new(field, column);
            columns.iter().map(meaning).collect::<Vec<_>>()
        };
        fields.extend(named(Field::Ignored, &header.ignored_columns));
        fields.extend(named(Field::Personal, &header.personal_columns));
        Ok(Self {
            fields,
            formats: header
                .formats
                .iter()
                .map(parse_format)
                .collect::<Result<_, _>>()?,
            outcome_words: header
                .outcome_words
                .iter()
                .map(parse_word)
                .collect::<Result<_, _>>()?,
            sheet: header.sheet.clone(),
            encoding: header.encoding.clone(),
            header_row: header.header_row,
            leave_bad_rows_aside: header.leave_bad_rows_aside,
            allow_any_price: header.allow_any_price,
            mode: match header.mode() {
                pb::ImportMode::Unspecified | pb::ImportMode::Upsert => Mode::Upsert,
                pb::ImportMode::InsertOnly => Mode::InsertOnly,
                pb::ImportMode::UpdateOnly => Mode::UpdateOnly,
            },
            blank: match header.blank_cells() {
                pb::BlankCells::Unspecified | pb::BlankCells::Keep => Blank::Keep,
                pb::BlankCells::Clear => Blank::Clear,
                pb::BlankCells::Unknown => Blank::Unknown,
            },
        })
    }

    /// The same for `tabular`.
    #[must_use]
    pub fn stated(&self) -> Stated {
        Stated {
            fields: self.fields.iter().map(Meaning::stated).collect(),
            ignored: Vec::new(),
            formats: self.formats.iter().map(Format::stated).collect(),
            outcome_words: self.outcome_words.iter().filter_map(Word::stated).collect(),
            remembered: false,
        }
    }

    /// Everything that a mapping settled, so that the file is read alike even where guessing has
    /// changed since.
    #[must_use]
    pub fn settled(&self, mapping: &Mapping, profiles: &[Profile]) -> Self {
        let columns = mapping
            .columns
            .iter()
            .map(|column| Meaning::new(column.field, &column.name));
        let import =
            (mapping.date == DateSource::Import).then(|| Meaning::new(Field::Date, IMPORT_DATE));
        let formats = mapping
            .columns
            .iter()
            .zip(profiles)
            .map(|(column, profile)| Format::settled(column, profile));
        let words = mapping.outcomes.words.iter();
        Self {
            fields: import.into_iter().chain(columns).collect(),
            formats: formats.collect(),
            outcome_words: words
                .map(|(word, outcome)| Word {
                    word: meaning::storable(word),
                    outcome: outcome_text(*outcome).to_owned(),
                })
                .collect(),
            ..self.clone()
        }
    }

    /// What of an earlier reading helps with a file of the same header; what is stated now wins.
    #[must_use]
    pub fn remembering(&self, earlier: &Self) -> Stated {
        let mut stated = self.stated();
        let taken = |stated: &Stated, field: Field, column: &str| {
            let same = |(known, name): &(Field, String)| {
                name.eq_ignore_ascii_case(column) || (*known == field && !field.is_repeatable())
            };
            stated.fields.iter().any(same)
        };
        for (field, column) in earlier.fields.iter().map(Meaning::stated) {
            if !taken(&stated, field, &column) {
                stated.fields.push((field, column));
            }
        }
        for (column, format) in earlier.formats.iter().map(Format::stated) {
            let same = |(name, _): &(String, StatedFormat)| name.eq_ignore_ascii_case(&column);
            if !stated.formats.iter().any(same) {
                stated.formats.push((column, format));
            }
        }
        for (word, outcome) in earlier.outcome_words.iter().filter_map(Word::stated) {
            let same = |(name, _): &(String, Outcome)| name.eq_ignore_ascii_case(&word);
            if !stated.outcome_words.iter().any(same) {
                stated.outcome_words.push((word, outcome));
            }
        }
        stated.remembered = true;
        stated
    }
}

/// What a column of earlier files holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Shape {
    /// Header of the column.
    pub name: String,
    /// What it stands for.
    pub field: Field,
    /// What it holds.
    pub kind: ColumnKind,
    /// How its text was read.
    pub format: CellFormat,
}

impl Reading {
    /// What the columns of the file hold.
    pub fn shapes(&self) -> impl Iterator<Item = Shape> {
        let meanings = self.fields.iter().map(Meaning::stated);
        meanings
            .filter(|(_, column)| column != IMPORT_DATE)
            .map(|(field, name)| {
                let format = self.formats.iter().find(|format| format.column == name);
                let kind = match format.map(|format| format.kind.as_str()) {
                    Some("number") => ColumnKind::Number,
                    Some("date") => ColumnKind::Date,
                    Some("text") => ColumnKind::Category,
                    _ if field.is_numeric() => ColumnKind::Number,
                    _ if field == Field::Date => ColumnKind::Date,
                    _ => ColumnKind::Category,
                };
                let read = format.and_then(|format| {
                    let (missing, present) = (&format.missing, &format.present);
                    CellFormat::from_parts(&format.decimal, &format.date_order, missing, present)
                        .map(|read| CellFormat {
                            short_years: format.short_years,
                            percent: format.percent,
                            ..read
                        })
                });
                Shape {
                    format: read.unwrap_or_default(),
                    name,
                    field,
                    kind,
                }
            })
    }

    /// Whether the file has no dates of its own.
    #[must_use]
    pub fn has_import_date(&self) -> bool {
        let mut meanings = self.fields.iter().map(Meaning::stated);
        meanings.any(|(field, column)| field == Field::Date && column == IMPORT_DATE)
    }
}

fn kind_text(kind: ColumnKind) -> &'static str {
    match kind {
        ColumnKind::Number => "number",
        ColumnKind::Date => "date",
        ColumnKind::Category => "text",
    }
}

impl Format {
    fn stated(&self) -> (String, StatedFormat) {
        let format = StatedFormat {
            date: DateOrder::parse(&self.date_order),
            decimal: match self.decimal.as_str() {
                "." => Some(Decimal::Point),
                "," => Some(Decimal::Comma),
                _ => None,
            },
            missing: self.missing.clone(),
            present: self.present.clone(),
        };
        (self.column.clone(), format)
    }

    fn settled(column: &ColumnMapping, profile: &Profile) -> Self {
        let (kind, format) = column.reading(profile);
        Self {
            column: meaning::storable(&column.name),
            kind: kind_text(kind).to_owned(),
            date_order: format.date_order().to_owned(),
            decimal: format.decimal_separator().to_owned(),
            missing: format.missing,
            present: format.present,
            short_years: format.short_years,
            percent: format.percent,
        }
    }
}

impl Word {
    fn stated(&self) -> Option<(String, Outcome)> {
        let outcome = match self.outcome.as_str() {
            "won" => Outcome::Won,
            "lost" => Outcome::Lost,
            "open" => Outcome::Open,
            _ => return None,
        };
        Some((self.word.clone(), outcome))
    }
}

fn outcome_text(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Won => "won",
        Outcome::Lost => "lost",
        Outcome::Open => "open",
    }
}

fn parse_format(format: &pb::ColumnFormat) -> Result<Format, Error> {
    let order_known =
        format.date_order.is_empty() || DateOrder::parse(&format.date_order).is_some();
    if !order_known || !["", ".", ","].contains(&format.decimal_separator.as_str()) {
        return Err(Error::NoFormat(meaning::shortened(&format.column)));
    }
    Ok(Format {
        column: format.column.clone(),
        kind: String::new(),
        date_order: format.date_order.to_ascii_uppercase(),
        decimal: format.decimal_separator.clone(),
        missing: format.missing_words.clone(),
        present: format.present_words.clone(),
        short_years: false,
        percent: false,
    })
}

fn parse_word(word: &pb::OutcomeWord) -> Result<Word, Error> {
    let outcome = match word.outcome() {
        pb::Outcome::Won => Outcome::Won,
        pb::Outcome::Lost => Outcome::Lost,
        pb::Outcome::Open => Outcome::Open,
        pb::Outcome::Unspecified => {
            return Err(Error::NoOutcome(meaning::shortened(&word.word)));
        }
    };
    Ok(Word {
        word: word.word.clone(),
        outcome: outcome_text(outcome).to_owned(),
    })
}
