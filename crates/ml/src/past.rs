//! The quotes that a model learned from, kept for comparison: what was quoted, how it ended, and what it was called.
//!
//! Our own versioned protobuf with a checksum, as the artefact is. Deliberately bounded (the newest rows are kept), and
//! deliberately nothing but what it is given: whoever fills it leaves out what must not be kept.

use prost::Message;
use sha2::{Digest, Sha256};

use crate::Error;
use crate::artefact::{role_number, role_of};
use crate::table::{Column, MISSING_CODE, Table, Values};

/// The format that this version writes and reads.
const FORMAT: u32 = 1;
/// Most quotes that are kept; older ones are dropped.
const MOST_ROWS: usize = 100_000;
/// Stands for a missing day.
const MISSING_DAY: i32 = i32::MIN;

/// Past quotes, one a row.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PastQuotes {
    /// What the quotes said.
    pub table: Table,
    /// Whether each was won.
    pub won: Vec<bool>,
    /// Day of each since 1970-01-01; empty where none is known.
    pub days: Vec<i32>,
    /// What each is called; empty texts for those without a name, no texts at all where none has one.
    pub names: Vec<String>,
    /// What the model's columns are worth to it, by name; columns of the table may be missing here and others may be there.
    pub worth: Vec<(String, f64)>,
}

impl PastQuotes {
    /// The newest 100,000 of these quotes, in their order.
    #[must_use]
    pub fn bounded(self) -> Self {
        let rows = self.won.len();
        if rows <= MOST_ROWS {
            return self;
        }
        let mut kept: Vec<usize> = (0..rows).collect();
        if self.days.len() == rows {
            kept.sort_by_key(|&row| (std::cmp::Reverse(self.days[row]), row));
        }
        kept.truncate(MOST_ROWS);
        kept.sort_unstable();
        let pick = |days: &[i32]| kept.iter().filter_map(|&r| days.get(r).copied()).collect();
        Self {
            table: self.table.select(&kept),
            won: kept.iter().map(|&row| self.won[row]).collect(),
            days: pick(&self.days),
            names: kept
                .iter()
                .filter_map(|&row| self.names.get(row).cloned())
                .collect(),
            worth: self.worth,
        }
    }

    /// About how many bytes the quotes take in memory.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        let column = |c: &Column| match &c.values {
            Values::Number(v) => v.len() * 8,
            Values::Category { codes, levels } => {
                codes.len() * 4 + levels.iter().map(|l| l.len() + 24).sum::<usize>()
            }
            Values::Date(v) => v.len() * 8,
        };
        let names: usize = self.names.iter().map(|n| n.len() + 24).sum();
        self.table.columns.iter().map(column).sum::<usize>() + names + self.won.len() * 5
    }

    /// The quotes as bytes; the same quotes always give the same bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let message = Past {
            columns: self.table.columns.iter().map(column_message).collect(),
            won: self.won.clone(),
            days: self.days.clone(),
            names: self.names.clone(),
            worth_names: self.worth.iter().map(|(name, _)| name.clone()).collect(),
            worth: self.worth.iter().map(|(_, worth)| *worth).collect(),
        };
        let content = message.encode_to_vec();
        Envelope {
            format: FORMAT,
            sha256: Sha256::digest(&content).to_vec(),
            content,
        }
        .encode_to_vec()
    }

    /// Reads quotes back.
    ///
    /// # Errors
    /// [`Error::UnsupportedFormat`], [`Error::CorruptArtefact`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let envelope = Envelope::decode(bytes).map_err(|e| corrupt(&e.to_string()))?;
        if Sha256::digest(&envelope.content).as_slice() != envelope.sha256 {
            return Err(corrupt("their checksum does not fit their content"));
        }
        if envelope.format != FORMAT {
            return Err(Error::UnsupportedFormat {
                found: envelope.format,
                supported: FORMAT,
            });
        }
        let message =
            Past::decode(envelope.content.as_slice()).map_err(|e| corrupt(&e.to_string()))?;
        let columns = message.columns.into_iter().map(column_of);
        let quotes = Self {
            table: Table {
                columns: columns.collect::<Result<_, _>>()?,
            },
            won: message.won,
            days: message.days,
            names: message.names,
            worth: message.worth_names.into_iter().zip(message.worth).collect(),
        };
        quotes.table.validate()?;
        let rows = quotes.won.len();
        let fits = |length: usize| length == 0 || length == rows;
        let table_fits = quotes.table.columns.is_empty() || quotes.table.rows() == rows;
        if !table_fits || !fits(quotes.days.len()) || !fits(quotes.names.len()) {
            return Err(corrupt("their parts have lengths that do not fit together"));
        }
        Ok(quotes)
    }
}

fn corrupt(reason: &str) -> Error {
    Error::CorruptArtefact {
        reason: format!("of the past quotes: {reason}"),
    }
}

fn column_message(column: &Column) -> PastColumn {
    let mut message = PastColumn {
        name: column.name.clone(),
        role: role_number(column.role),
        ..PastColumn::default()
    };
    match &column.values {
        Values::Number(v) => message.numbers.clone_from(v),
        Values::Category { codes, levels } => {
            // Zero is missing, so that the code of what is missing takes one byte.
            message.kind = 1;
            message.codes = codes.iter().map(|c| c.wrapping_add(1)).collect();
            message.levels.clone_from(levels);
        }
        Values::Date(v) => {
            message.kind = 2;
            message.days = v.iter().map(|d| d.unwrap_or(MISSING_DAY)).collect();
        }
    }
    message
}

fn column_of(message: PastColumn) -> Result<Column, Error> {
    let values = match message.kind {
        0 => Values::Number(message.numbers),
        1 => Values::Category {
            codes: message
                .codes
                .into_iter()
                .map(|c| c.checked_sub(1).unwrap_or(MISSING_CODE))
                .collect(),
            levels: message.levels,
        },
        2 => {
            let day = |d: i32| (d != MISSING_DAY).then_some(d);
            Values::Date(message.days.into_iter().map(day).collect())
        }
        _ => return Err(corrupt("a column is of an unknown kind")),
    };
    Ok(Column::new(message.name, role_of(message.role)?, values))
}

#[derive(Clone, PartialEq, prost::Message)]
struct Envelope {
    #[prost(uint32, tag = "1")]
    format: u32,
    #[prost(bytes = "vec", tag = "2")]
    sha256: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    content: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Past {
    #[prost(message, repeated, tag = "1")]
    columns: Vec<PastColumn>,
    #[prost(bool, repeated, tag = "2")]
    won: Vec<bool>,
    #[prost(sint32, repeated, tag = "3")]
    days: Vec<i32>,
    #[prost(string, repeated, tag = "4")]
    names: Vec<String>,
    #[prost(string, repeated, tag = "5")]
    worth_names: Vec<String>,
    #[prost(double, repeated, tag = "6")]
    worth: Vec<f64>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct PastColumn {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(uint32, tag = "2")]
    role: u32,
    /// 0 numbers, 1 categories, 2 days.
    #[prost(uint32, tag = "3")]
    kind: u32,
    #[prost(double, repeated, tag = "4")]
    numbers: Vec<f64>,
    #[prost(uint32, repeated, tag = "5")]
    codes: Vec<u32>,
    #[prost(string, repeated, tag = "6")]
    levels: Vec<String>,
    #[prost(sint32, repeated, tag = "7")]
    days: Vec<i32>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Role;

    fn quotes(rows: usize) -> PastQuotes {
        let texts: Vec<Option<&str>> = (0..rows)
            .map(|r| (r % 3 > 0).then_some(["a", "b"][r % 2]))
            .collect();
        let number = |r: usize| {
            if r.is_multiple_of(4) {
                f64::NAN
            } else {
                r as f64
            }
        };
        let day = |r: usize| (!r.is_multiple_of(5)).then_some(r as i32 - 3);
        let columns = vec![
            Column::new(
                "price",
                Role::Price,
                Values::Number((0..rows).map(number).collect()),
            ),
            Column::from_texts("terms", Role::Feature, &texts),
            Column::new(
                "sent",
                Role::Date,
                Values::Date((0..rows).map(day).collect()),
            ),
        ];
        PastQuotes {
            table: Table { columns },
            won: (0..rows).map(|r| r % 7 == 0).collect(),
            days: (0..rows).map(|r| (rows - r) as i32).collect(),
            names: (0..rows).map(|r| format!("Q{r}")).collect(),
            worth: vec![("terms".to_owned(), 0.5)],
        }
    }

    #[test]
    fn bytes_come_back_as_the_same_quotes() {
        let quotes = quotes(50);
        let bytes = quotes.to_bytes();
        let back = PastQuotes::from_bytes(&bytes).unwrap();
        // A missing number is no number, and so not equal to itself.
        assert_eq!(back.to_bytes(), bytes);
        assert_eq!(back.names, quotes.names);
        assert_eq!(back.table.columns[1..], quotes.table.columns[1..]);
        let cut = PastQuotes::from_bytes(&bytes[..bytes.len() - 7]);
        assert!(matches!(cut, Err(Error::CorruptArtefact { .. })), "{cut:?}");
        for at in (0..bytes.len()).step_by(37) {
            let mut altered = bytes.clone();
            altered[at] ^= 4;
            assert!(PastQuotes::from_bytes(&altered).is_err(), "byte {at}");
        }
        let nothing = PastQuotes::default();
        assert_eq!(PastQuotes::from_bytes(&nothing.to_bytes()), Ok(nothing));
    }

    #[test]
    fn the_newest_are_kept() {
        let many = quotes(MOST_ROWS + 10).bounded();
        assert_eq!(many.won.len(), MOST_ROWS);
        // Days fall from row to row here, so the last ten are the oldest.
        assert_eq!((many.names[0].as_str(), many.days[0]), ("Q0", 100_010));
        assert_eq!(many.table.rows(), MOST_ROWS);
        assert_eq!(many.days.last(), Some(&11));
    }
}
