//! The meaning of single cells: numbers, dates, categories, outcomes, and nothing at all.
//!
//! Deliberately without a view of the whole column; what a column's cells mean together is decided
//! in [`mod@crate::profile`] and written down as a [`CellFormat`]. Import and prediction both read
//! cells with [`read`], so that one text never has two meanings.

mod date;
mod number;
mod outcome;

pub(crate) use date::{date_of, month_of, read_date, short_parts};
pub use date::{day_number, parse_date};
pub(crate) use number::currency_of;
pub use number::parse_number;
pub use outcome::{Outcome, is_open_outcome, parse_outcome};
pub(crate) use outcome::{flips, is_plain_outcome, is_telling_outcome};

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
    /// Days since 1899-12-30, as spreadsheets count them: 45322 is 2024-01-31.
    Serial,
}

impl DateOrder {
    /// Every order.
    pub const ALL: [Self; 4] = [Self::Ymd, Self::Dmy, Self::Mdy, Self::Serial];

    /// `YMD`, `DMY`, `MDY` or `SERIAL`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ymd => "YMD",
            Self::Dmy => "DMY",
            Self::Mdy => "MDY",
            Self::Serial => "SERIAL",
        }
    }

    /// The order of a name such as `dmy`, ignoring case; `None` for anything else.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL
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
///
/// Words are compared trimmed and without regard to case.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct CellFormat {
    /// How numbers are written.
    pub number: NumberFormat,
    /// How dates are written; `None` where the column holds none.
    pub date: Option<DateOrder>,
    /// Whether years of two digits are dates: 70 to 99 mean 1970 to 1999, 00 to 69 mean 2000 to 2069.
    pub short_years: bool,
    /// Whether numbers are written as percentages. They are read as fractions; a number without the
    /// sign is read as a fraction where it lies between -1 and 1, and not at all beyond.
    pub percent: bool,
    /// Words that mean no value here, besides the usual ones of [`is_missing`].
    pub missing: Vec<String>,
    /// Words that are values here although they usually mean none. A dash among them is zero in a
    /// column of numbers, as accounting writes it.
    pub present: Vec<String>,
}

impl CellFormat {
    /// The decimal separator as text, `.` or `,`.
    pub fn decimal_separator(&self) -> &'static str {
        match self.number.decimal {
            Decimal::Point => ".",
            Decimal::Comma => ",",
        }
    }

    /// The date order as text, `YMD`, `DMY`, `MDY` or `SERIAL`; empty where the column holds no dates.
    pub fn date_order(&self) -> &'static str {
        self.date.map_or("", DateOrder::as_str)
    }

    /// The format of the texts above and the words; `None` where one of the two texts is something
    /// else. The two flags are set by the caller.
    pub fn from_parts(
        decimal_separator: &str,
        date_order: &str,
        missing_words: &[String],
        present_words: &[String],
    ) -> Option<Self> {
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
            missing: missing_words.to_vec(),
            present: present_words.to_vec(),
            ..Self::default()
        })
    }

    /// Whether a trimmed text means no value in a column of this format and kind.
    pub fn is_missing(&self, text: &str, kind: ColumnKind) -> bool {
        let listed = |words: &[String]| words.iter().any(|word| same_word(word, text));
        if text.is_empty() {
            return true;
        }
        if !self.present.is_empty() && listed(&self.present) {
            return false;
        }
        is_missing(text)
            || (kind != ColumnKind::Category && is_none_word(text))
            || (!self.missing.is_empty() && listed(&self.missing))
    }
}

/// Whether two words are the same, trimmed and without regard to case.
pub(crate) fn same_word(a: &str, b: &str) -> bool {
    let (a, b) = (a.trim(), b.trim());
    a.eq_ignore_ascii_case(b) || (!a.is_ascii() && a.to_lowercase() == b.to_lowercase())
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
    if format.is_missing(text, kind) {
        return CellValue::Missing;
    }
    let value = match kind {
        ColumnKind::Category => return CellValue::Category(text),
        ColumnKind::Number => number_of(text, format).map(CellValue::Number),
        ColumnKind::Date => {
            let order = format.date.unwrap_or(DateOrder::Ymd);
            read_date(text, order, format.short_years).map(|date| CellValue::Day(day_number(date)))
        }
    };
    value.unwrap_or(CellValue::Unreadable(text))
}

fn number_of(text: &str, format: &CellFormat) -> Option<f64> {
    // A dash gets here only where the format says that it is a value.
    if is_dash(text) {
        return Some(0.0);
    }
    let value = parse_number(text, &format.number)?;
    let plain = format.percent && !text.contains('%') && value.abs() > 1.0;
    (!plain).then_some(value)
}

/// Whether a text is nothing but dashes.
pub(crate) fn is_dash(text: &str) -> bool {
    matches!(text, "-" | "--" | "---" | "–" | "—")
}

/// Whether a cell holds no value: empty, `NA`, `N/A`, `NaN`, `null`, dashes, a question mark, in any
/// case, or what a spreadsheet shows for an error. `None` is a value here: as a category it often means
/// something ("no competitor"); [`read`] takes it as missing in number and date columns.
pub fn is_missing(text: &str) -> bool {
    const WORDS: [&str; 24] = [
        "", "-", "--", "---", "–", "—", "?", ".", "na", "n/a", "n.a.", "#n/a", "nan", "null",
        "(null)", "\\n", "(empty)", "(blank)", "(leer)", "k.a.", "n/d", "n.v.", "<null>", "#nv",
    ];
    let text = text.trim();
    (text.len() <= 8 && WORDS.iter().any(|word| word.eq_ignore_ascii_case(text)))
        || is_error_word(text)
}

/// Whether a text is what a spreadsheet shows instead of a value, such as `#REF!` or `#WERT!`.
fn is_error_word(text: &str) -> bool {
    let word = text
        .strip_prefix('#')
        .and_then(|rest| rest.strip_suffix(['!', '?']));
    word.is_some_and(|word| {
        (3..=10).contains(&word.len())
            && word
                .chars()
                .all(|c| c.is_ascii_uppercase() || matches!(c, '/' | '0' | '¡'))
    })
}

/// Whether a cell says `None`, which is no value where numbers or dates are expected.
pub(crate) fn is_none_word(text: &str) -> bool {
    text.eq_ignore_ascii_case("none")
}
