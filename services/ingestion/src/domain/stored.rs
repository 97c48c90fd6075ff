//! Rows of a dataset from what is stored of them, the other way round from `rows`. Deliberately no
//! SQL, and no reading of cells: their meaning was settled when they came.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

use serde_json::{Map, Value};
use tabular::{
    CellFormat, ColumnKind, Field, Frame, FrameColumn, Outcome, Values,
    cell::day_number,
    derive::{FEATURES, Features},
    frame::MISSING_CODE,
};

use super::{
    content::{StoredContent, is_name},
    json,
    reading::{Reading, Shape},
};
use crate::{Error, store::CountingQuote};

/// Collects quotes into rows.
#[derive(Debug)]
pub struct Builder {
    columns: Vec<Collected>,
    names: Vec<(String, Field, CellFormat)>,
    outcomes: Vec<Outcome>,
    days: Vec<i32>,
    dated: bool,
    prices: Vec<f64>,
    rows: Vec<u32>,
    quote_refs: Vec<Option<String>>,
    revisions: Vec<Option<i64>>,
    tenders: Vec<Option<String>>,
}

/// A column while it is being filled.
#[derive(Debug)]
struct Collected {
    shape: Shape,
    values: Values,
    places: HashMap<String, u32>,
}

impl Builder {
    /// Rows of files that were read in these ways, oldest first.
    #[must_use]
    pub fn new(readings: &[Reading]) -> Self {
        let mut shapes: Vec<Shape> = Vec::new();
        for shape in readings.iter().flat_map(Reading::shapes) {
            match shapes.iter_mut().find(|known| known.name == shape.name) {
                // What is a number here and a word there is a word.
                Some(known) if known.kind != shape.kind => {
                    *known = Shape {
                        kind: ColumnKind::Category,
                        ..shape
                    };
                }
                Some(known) => *known = shape,
                None => shapes.push(shape),
            }
        }
        let names = shapes
            .iter()
            .filter(|shape| is_name(shape.field))
            .map(|shape| (shape.name.clone(), shape.field, shape.format.clone()))
            .collect();
        let learnt = shapes
            .into_iter()
            .filter(|shape| shape.field.is_learnt_from());
        Self {
            columns: learnt.map(Collected::new).collect(),
            names,
            outcomes: Vec::new(),
            days: Vec::new(),
            dated: readings.iter().all(|reading| !reading.has_import_date()),
            prices: Vec::new(),
            rows: Vec::new(),
            quote_refs: Vec::new(),
            revisions: Vec::new(),
            tenders: Vec::new(),
        }
    }

    /// Adds a quote; answers the hash of the features that are stored with it.
    ///
    /// # Errors
    /// Where what is stored is no JSON object.
    pub fn push(&mut self, quote: &CountingQuote) -> Result<u64, Error> {
        let mut cells: Map<String, Value> = serde_json::from_str(&quote.derived)?;
        for column in &mut self.columns {
            column.push(cells.get(&column.shape.name));
        }
        self.outcomes.push(match quote.won {
            Some(true) => Outcome::Won,
            Some(false) => Outcome::Lost,
            None => Outcome::Open,
        });
        self.days.push(day_number(quote.quoted_on));
        self.prices.push(quote.price_minor as f64 / 100.0);
        self.rows.push(u32::try_from(quote.row).unwrap_or_default());
        self.quote_refs.push(quote.quote_ref.clone());
        self.revisions.push(quote.revision);
        self.tenders.push(quote.tender.clone());
        let features = FEATURES.iter().map(|spec| {
            let stored = cells.remove(spec.name);
            stored.and_then(|value| value.as_f64()).unwrap_or(f64::NAN)
        });
        Ok(hash(features))
    }

    /// The rows.
    #[must_use]
    pub fn finish(self) -> StoredContent {
        let groups = self.tenders.iter().any(Option::is_some);
        StoredContent {
            frame: Frame {
                groups: groups.then(|| numbered(&self.tenders)),
                outcomes: self.outcomes,
                dates: self.dated.then_some(self.days),
                prices: self.prices,
                rows: self.rows,
                revisions: None,
                quote_id_column: None,
                personal: Vec::new(),
                columns: self.columns.into_iter().map(Collected::finish).collect(),
            },
            quote_refs: self.quote_refs,
            revisions: self.revisions,
            names: self.names,
        }
    }
}

impl Collected {
    fn new(shape: Shape) -> Self {
        let values = match shape.kind {
            ColumnKind::Number => Values::Numbers(Vec::new()),
            ColumnKind::Date => Values::Days(Vec::new()),
            ColumnKind::Category => Values::Codes {
                codes: Vec::new(),
                levels: Vec::new(),
            },
        };
        Self {
            shape,
            values,
            places: HashMap::new(),
        }
    }

    fn push(&mut self, value: Option<&Value>) {
        match &mut self.values {
            Values::Numbers(numbers) => {
                numbers.push(value.and_then(Value::as_f64).unwrap_or(f64::NAN));
            }
            Values::Days(days) => {
                let date = value
                    .and_then(Value::as_str)
                    .and_then(|text| text.parse().ok());
                days.push(date.map(day_number));
            }
            Values::Codes { codes, levels } => {
                let text = match value {
                    Some(Value::String(text)) => Some(text.clone()),
                    Some(Value::Number(number)) => Some(number.to_string()),
                    _ => None,
                };
                codes.push(text.map_or(MISSING_CODE, |text| {
                    *self.places.entry(text).or_insert_with_key(|text| {
                        levels.push(text.clone());
                        u32::try_from(levels.len() - 1).unwrap_or(MISSING_CODE)
                    })
                }));
            }
        }
    }

    fn finish(self) -> FrameColumn {
        FrameColumn {
            name: self.shape.name,
            column: 0,
            field: self.shape.field,
            kind: self.shape.kind,
            format: self.shape.format,
            values: self.values,
        }
    }
}

/// Tenders as indices; a quote without one is alone in its own.
fn numbered(tenders: &[Option<String>]) -> Vec<u32> {
    let mut places: HashMap<&str, u32> = HashMap::new();
    let mut next = 0;
    let mut new = || {
        next += 1;
        next - 1
    };
    tenders
        .iter()
        .map(|tender| match tender {
            Some(tender) => *places.entry(tender).or_insert_with(&mut new),
            None => new(),
        })
        .collect()
}

/// Tells whether two sets of features are the same.
#[must_use]
pub fn hash(features: impl Iterator<Item = f64>) -> u64 {
    let mut hasher = DefaultHasher::new();
    for value in features {
        // Every value that is not stored counts as missing.
        let bits = if value.is_finite() {
            value.to_bits()
        } else {
            0
        };
        (value.is_finite(), bits).hash(&mut hasher);
    }
    hasher.finish()
}

/// What is stored as derived of a row: its cells as they were read, and its features.
///
/// # Errors
/// Where a value cannot be written as JSON.
pub fn derived_text(
    content: &StoredContent,
    row: usize,
    features: &Features,
) -> Result<String, Error> {
    let columns = &content.frame.columns;
    let cells = columns
        .iter()
        .filter_map(|column| Some((column.name.as_str(), json::value(column, row)?)));
    let values = FEATURES.iter().zip(features.values());
    let features = values
        .filter(|(_, value)| value.is_finite())
        .map(|(spec, value)| (spec.name, json::Value::Number(*value)));
    let (names, values): (Vec<&str>, Vec<json::Value<'_>>) = cells.chain(features).unzip();
    let keys = json::keys(names.into_iter())?;
    let mut out = Vec::new();
    json::object(&mut out, keys.iter().zip(values), json::Value::write)?;
    Ok(String::from_utf8_lossy(&out).into_owned())
}
