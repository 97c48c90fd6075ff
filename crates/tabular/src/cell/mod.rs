//! The meaning of single cells: numbers, dates, categories, outcomes, and nothing at all.
//!
//! Deliberately without a view of the whole column; what a column's cells mean together is decided
//! in [`mod@crate::profile`] and written down as a [`CellFormat`]. Import and prediction both read
//! cells with [`read`], so that one text never has two meanings.

mod date;
mod number;
mod outcome;

pub(crate) use date::date_of;
pub use date::{day_number, parse_date};
pub use number::parse_number;
pub(crate) use outcome::is_telling_outcome;
pub use outcome::{is_open_outcome, parse_outcome};

/// What separates the whole part of a number from its fraction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Decimal {
    /// `1,234.50`
    #[default]
    Point,
    /// `1.234,50`
    Comma,
}

/// How a column writes numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct NumberFormat {
    /// The decimal separator; the other one may group thousands.
    pub decimal: Decimal,
}

/// The order of a date's parts. Dates that begin with a four-digit year are read in any order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DateOrder {
    /// Year, month, day; ISO 8601.
    Ymd,
    /// Day, month, year.
    Dmy,
    /// Month, day, year.
    Mdy,
}

impl DateOrder {
    /// `YMD`, `DMY` or `MDY`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ymd => "YMD",
            Self::Dmy => "DMY",
            Self::Mdy => "MDY",
        }
    }

    /// The order of a name such as `dmy`, ignoring case; `None` for anything else.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Ymd, Self::Dmy, Self::Mdy]
            .into_iter()
            .find(|order| order.as_str().eq_ignore_ascii_case(name.trim()))
    }
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ColumnKind {
    /// Numbers.
    Number,
    /// Categories: text, and codes such as `00123`.
    Category,
    /// Calendar dates.
    Date,
}

/// How the text of a column is read; stored with a model so that later quotes are read alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct CellFormat {
    /// How numbers are written.
    pub number: NumberFormat,
    /// How dates are written; `None` where the column holds none.
    pub date: Option<DateOrder>,
}

impl CellFormat {
    /// The decimal separator as text, `.` or `,`.
    pub fn decimal_separator(&self) -> &'static str {
        match self.number.decimal {
            Decimal::Point => ".",
            Decimal::Comma => ",",
        }
    }

    /// The date order as text, `YMD`, `DMY` or `MDY`; empty where the column holds no dates.
    pub fn date_order(&self) -> &'static str {
        self.date.map_or("", DateOrder::as_str)
    }

    /// The format of the two texts above; `None` where either is something else.
    pub fn from_parts(decimal_separator: &str, date_order: &str) -> Option<Self> {
        let decimal = match decimal_separator {
            "." | "" => Decimal::Point,
            "," => Decimal::Comma,
            _ => return None,
        };
        let date = match date_order {
            "" => None,
            name => Some(DateOrder::parse(name)?),
        };
        Some(Self {
            number: NumberFormat { decimal },
            date,
        })
    }
}

/// A cell with its meaning.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum CellValue<'a> {
    /// No value.
    Missing,
    /// A number.
    Number(f64),
    /// A category, without surrounding white space.
    Category(&'a str),
    /// Days since 1970-01-01.
    Day(i32),
    /// Something else than the column holds, without surrounding white space.
    Unreadable(&'a str),
}

/// Reads one cell of a column of the given kind and format; import and prediction both do.
pub fn read<'a>(text: &'a str, kind: ColumnKind, format: &CellFormat) -> CellValue<'a> {
    let text = text.trim();
    if is_missing(text) || (kind != ColumnKind::Category && is_none_word(text)) {
        return CellValue::Missing;
    }
    match kind {
        ColumnKind::Category => CellValue::Category(text),
        ColumnKind::Number => parse_number(text, &format.number)
            .map_or(CellValue::Unreadable(text), CellValue::Number),
        ColumnKind::Date => parse_date(text, format.date.unwrap_or(DateOrder::Ymd))
            .map_or(CellValue::Unreadable(text), |date| {
                CellValue::Day(day_number(date))
            }),
    }
}

/// Whether a cell holds no value: empty, `NA`, `N/A`, `NaN`, `null`, dashes, a question mark or a
/// spreadsheet's error word, in any case. `None` is a value here: as a category it often means
/// something ("no competitor"); [`read`] takes it as missing in number and date columns.
pub fn is_missing(text: &str) -> bool {
    const WORDS: [&str; 18] = [
        "", "-", "--", "---", "–", "—", "?", ".", "na", "n/a", "n.a.", "#n/a", "nan", "null",
        "(null)", "\\n", "#null!", "#div/0!",
    ];
    let text = text.trim();
    text.len() <= 8 && WORDS.iter().any(|word| word.eq_ignore_ascii_case(text))
}

/// Whether a cell says `None`, which is no value where numbers or dates are expected.
pub(crate) fn is_none_word(text: &str) -> bool {
    text.eq_ignore_ascii_case("none")
}
