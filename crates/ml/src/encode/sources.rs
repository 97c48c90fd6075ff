//! A table seen through a model's schema: columns found by name, kinds checked, oddities named.
//!
//! Deliberately not an importer: a value of the wrong kind is an error, it is not converted.

use std::ops::Range;

use super::{ColumnKind, Encoder, Origin, Seen, ratio};
use crate::Error;
use crate::grade::Oddity;
use crate::table::{MISSING_CODE, Role, Table, Values};

/// What is odd about a cell.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Issue {
    /// The table lacks the column.
    NoColumn,
    /// The cell is empty although training always had a value.
    NoValue,
    /// A category that training never saw.
    Unseen(String),
    /// Outside the range of training (value, smallest, largest), readable.
    Outside(String, String, String),
}

/// A table whose columns are in schema order; `None` where the table lacks the column.
pub(crate) struct Bound<'a> {
    pub columns: Vec<Option<&'a Values>>,
    pub rows: usize,
}

impl<'a> Bound<'a> {
    /// Finds the schema's columns in `table`.
    pub fn new(encoder: &Encoder, table: &'a Table) -> Result<Self, Error> {
        let mut columns = Vec::with_capacity(encoder.schema.len());
        for (at, wanted) in encoder.schema.iter().enumerate() {
            // Most tables have the columns in the order of the schema.
            let there = table.columns.get(at).filter(|c| c.name == wanted.name);
            let values = there.or_else(|| table.column(&wanted.name));
            let values = values.map(|c| &c.values);
            let fits = match values {
                None => true,
                Some(Values::Number(_)) => wanted.kind == ColumnKind::Number,
                Some(Values::Category { .. }) => wanted.kind == ColumnKind::Category,
                Some(Values::Date(_)) => wanted.kind == ColumnKind::Date,
            };
            if !fits {
                return Err(Error::ColumnType {
                    column: wanted.name.clone(),
                    expected: wanted.kind.text(),
                    found: values.map_or("nothing", Values::kind),
                });
            }
            columns.push(values);
        }
        let rows = table.rows();
        Ok(Self { columns, rows })
    }

    /// The number in a cell; NaN when missing, absent or not a number.
    pub fn number(&self, column: usize, row: usize) -> f64 {
        match self.columns[column] {
            Some(Values::Number(v)) => v[row],
            _ => f64::NAN,
        }
    }

    /// The numbers of an origin, one per row; NaN where they cannot be computed.
    pub fn numbers(&self, origin: Origin) -> Vec<f64> {
        self.numbers_of(origin, 0..self.rows)
    }

    /// [`Bound::numbers`] of some rows.
    pub fn numbers_of(&self, origin: Origin, rows: Range<usize>) -> Vec<f64> {
        match origin {
            Origin::Column(at) => match self.columns[at] {
                Some(Values::Number(v)) => v[rows].to_vec(),
                _ => vec![f64::NAN; rows.len()],
            },
            _ => rows
                .map(|row| origin.number(&|at| self.number(at, row)))
                .collect(),
        }
    }

    /// The number of an origin for one row, with `number` in place of what `column` holds.
    pub fn number_with(&self, origin: Origin, row: usize, (column, number): (usize, f64)) -> f64 {
        origin.number(&|at| match at == column {
            true => number,
            false => self.number(at, row),
        })
    }

    /// A cell as users would write it; a reference price with how far the price is from it.
    pub fn value(&self, encoder: &Encoder, column: usize, row: usize) -> String {
        let text = self.text(column, row);
        if encoder.schema[column].role != Role::ReferencePrice {
            return text;
        }
        let price = encoder.position(Role::Price);
        let price = price.map_or(f64::NAN, |at| self.number(at, row));
        let percent = 100.0 * (ratio(price, self.number(column, row)) - 1.0);
        match percent {
            p if p.is_nan() => text,
            p if p.abs() < 0.5 => format!("{text}, the price is about the same"),
            p if p > 0.0 => format!("{text}, the price is {p:.0} % above"),
            p => format!("{text}, the price is {:.0} % below", -p),
        }
    }

    /// A cell as users would write it.
    pub fn text(&self, column: usize, row: usize) -> String {
        self.columns[column].map_or_else(|| "(missing)".to_owned(), |values| values.text(row))
    }

    /// What is odd about the used cells of a row: (schema position, issue).
    pub fn issues(&self, encoder: &Encoder, row: usize) -> Vec<(usize, Issue)> {
        let used = (0..encoder.schema.len()).filter(|&c| encoder.schema[c].used);
        used.filter_map(|c| Some((c, self.issue(encoder, c, row)?)))
            .collect()
    }

    fn issue(&self, encoder: &Encoder, column: usize, row: usize) -> Option<Issue> {
        let Some(values) = self.columns[column] else {
            return Some(Issue::NoColumn);
        };
        let number = match values {
            Values::Category { codes, .. } if codes[row] == MISSING_CODE => None,
            Values::Category { codes, levels } => {
                let level = &levels[codes[row] as usize];
                return match &encoder.seen[column] {
                    Seen::Levels(seen) if seen.binary_search(level).is_ok() => None,
                    _ => Some(Issue::Unseen(level.clone())),
                };
            }
            Values::Number(v) => Some(v[row]).filter(|x| !x.is_nan()),
            Values::Date(v) => v[row].map(f64::from),
        };
        let Some(number) = number else {
            let tolerated = encoder.expects_missing(column);
            return (!tolerated).then_some(Issue::NoValue);
        };
        // New quotes are always later than the training data: a late date is no oddity, nor what grows with it.
        let grown = |high: f64| encoder.schema[column].role == Role::Growing && number > high;
        match &encoder.seen[column] {
            Seen::Range(low, high)
                if !matches!(values, Values::Date(_))
                    && (number < *low || number > *high)
                    && !grown(*high) =>
            {
                Some(Issue::Outside(
                    number_text(number),
                    number_text(*low),
                    number_text(*high),
                ))
            }
            _ => None,
        }
    }
}

/// Whole numbers without decimals, others with up to four significant decimals.
pub(crate) fn number_text(x: f64) -> String {
    if x == x.trunc() && x.abs() < 1e15 {
        return (x as i64).to_string();
    }
    let decimals = match x.abs() {
        a if a >= 1000.0 => 2,
        a if a >= 1.0 => 4,
        _ => 6,
    };
    if let Some(text) = short_text(x, decimals) {
        return text;
    }
    let text = format!("{x:.decimals$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The same from whole numbers, which are written in less time; `None` where these might be rounded to another side.
fn short_text(x: f64, decimals: usize) -> Option<String> {
    let unit = 10u64.pow(decimals as u32);
    let scaled = x.abs() * unit as f64;
    // The product errs by far less than a thousandth.
    let certain = scaled < 1e12 && (scaled.fract() - 0.5).abs() > 1e-3;
    let all = certain.then(|| scaled.round() as u64)?;
    let (whole, mut part, mut places) = (all / unit, all % unit, decimals);
    let sign = if x.is_sign_negative() { "-" } else { "" };
    if part == 0 {
        return Some(format!("{sign}{whole}"));
    }
    while part.is_multiple_of(10) {
        part /= 10;
        places -= 1;
    }
    Some(format!("{sign}{whole}.{part:0places$}"))
}

impl Issue {
    /// The oddity that makes an answer less reliable by itself; none for what is merely missing.
    pub fn oddity(&self, name: &str) -> Option<Oddity> {
        match self {
            Self::Unseen(_) => Some(Oddity::UnseenCategory(name.to_owned())),
            Self::Outside(..) => Some(Oddity::OutOfRange(name.to_owned())),
            Self::NoColumn | Self::NoValue => None,
        }
    }

    /// The oddity as a sentence about the column `name`.
    pub fn text(&self, name: &str) -> String {
        match self {
            Self::NoColumn => format!("The column {name:?} is missing and was treated as unknown."),
            Self::NoValue => {
                format!("{name:?} has no value here, but always had one in the training data.")
            }
            Self::Unseen(level) => format!("{level:?} was never seen in {name:?} while training."),
            Self::Outside(value, low, high) => {
                format!("{name:?} is {value}, outside the trained range from {low} to {high}.")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn short_texts_are_those_of_the_whole_number() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut shorts = 0;
        for _ in 0..20_000 {
            let size = 10f64.powi(rng.random_range(-8..13));
            let cents = (rng.random_range(-1.0..1.0) * size * 100.0f64).round() / 100.0;
            for x in [rng.random_range(-1.0..1.0) * size, cents, cents + 0.00125] {
                let decimals = [2, 4, 6][rng.random_range(0..3)];
                let text = format!("{x:.decimals$}");
                let text = text.trim_end_matches('0').trim_end_matches('.');
                if let Some(short) = short_text(x, decimals) {
                    assert_eq!(short, text, "{x}");
                    shorts += 1;
                }
            }
        }
        assert!(shorts > 40_000, "{shorts} of 60,000 are written so");
        assert_eq!(number_text(-1234.5), "-1234.5");
        assert_eq!(number_text(0.000_05), "0.00005");
        assert_eq!(number_text(12.0), "12");
    }
}
