//! What goes in: a small column table, and the training set made of it.
//!
//! Deliberately not a data frame: no parsing, no joins, no types beyond number, category and date.

use std::collections::BTreeSet;

use crate::encode::number_text;
use crate::{Error, calendar};

/// The code that stands for a missing category.
pub const MISSING_CODE: u32 = u32::MAX;

/// What a column means to the business. At most one column each of `Price`, `ListPrice` and `Cost`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Anything that has no special meaning.
    Feature,
    /// The price that was quoted.
    Price,
    /// The price before discounts, or any yardstick the price is measured by.
    ListPrice,
    /// What delivering costs, in the unit of the price.
    Cost,
    /// The discount, as fraction, percentage or amount.
    Discount,
    /// The quantity.
    Quantity,
    /// A date of the quote.
    Date,
    /// What the same customer or product usually cost before this quote; the price is measured by it.
    ReferencePrice,
    /// A number that grows with time by itself, such as earlier quotes: beyond the trained range it is no oddity.
    Growing,
}

/// The cells of one column, one entry per row.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Finite numbers; NaN means missing.
    Number(Vec<f64>),
    /// Codes into `levels`; [`MISSING_CODE`] means missing.
    Category {
        /// One code per row.
        codes: Vec<u32>,
        /// The text of each code.
        levels: Vec<String>,
    },
    /// Days since 1970-01-01; `None` means missing.
    Date(Vec<Option<i32>>),
}

impl Values {
    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Number(v) => v.len(),
            Self::Category { codes, .. } => codes.len(),
            Self::Date(v) => v.len(),
        }
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The kind in words, for messages.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Number(_) => "numbers",
            Self::Category { .. } => "categories",
            Self::Date(_) => "dates",
        }
    }

    /// A cell as users would write it.
    ///
    /// # Panics
    /// When `row` is not below [`Values::len`].
    #[must_use]
    pub fn text(&self, row: usize) -> String {
        let missing = || "(missing)".to_owned();
        match self {
            Self::Number(v) if !v[row].is_nan() => number_text(v[row]),
            Self::Category { codes, levels } if codes[row] != MISSING_CODE => {
                levels[codes[row] as usize].clone()
            }
            Self::Date(v) => v[row].map_or_else(missing, calendar::text),
            _ => missing(),
        }
    }

    /// The rows `rows`, in that order; an index may occur more than once.
    pub(crate) fn select(&self, rows: &[usize]) -> Self {
        match self {
            Self::Number(v) => Self::Number(rows.iter().map(|&r| v[r]).collect()),
            Self::Category { codes, levels } => Self::Category {
                codes: rows.iter().map(|&r| codes[r]).collect(),
                levels: levels.clone(),
            },
            Self::Date(v) => Self::Date(rows.iter().map(|&r| v[r]).collect()),
        }
    }
}

/// A named column.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// The name that users know; unique in its table.
    pub name: String,
    /// What the column means.
    pub role: Role,
    /// The cells.
    pub values: Values,
}

impl Column {
    /// A column from its parts.
    pub fn new(name: impl Into<String>, role: Role, values: Values) -> Self {
        Self {
            name: name.into(),
            role,
            values,
        }
    }

    /// A category column from texts; levels are sorted, `None` and blank text are missing.
    pub fn from_texts<S: AsRef<str>>(
        name: impl Into<String>,
        role: Role,
        texts: &[Option<S>],
    ) -> Self {
        fn text<S: AsRef<str>>(text: &Option<S>) -> Option<&str> {
            let text = text.as_ref().map(|text| text.as_ref().trim());
            text.filter(|text| !text.is_empty())
        }
        let levels: BTreeSet<&str> = texts.iter().filter_map(text).collect();
        let levels: Vec<&str> = levels.into_iter().collect();
        let code = |t: &Option<S>| match text(t).map(|s| levels.binary_search(&s)) {
            Some(Ok(at)) => at as u32,
            _ => MISSING_CODE,
        };
        let codes = texts.iter().map(code).collect();
        let levels = levels.into_iter().map(str::to_owned).collect();
        Self::new(name, role, Values::Category { codes, levels })
    }
}

/// Columns of equal length.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    /// The columns; names are unique.
    pub columns: Vec<Column>,
}

impl Table {
    /// Number of rows (0 for a table without columns).
    #[must_use]
    pub fn rows(&self) -> usize {
        self.columns.first().map_or(0, |c| c.values.len())
    }

    /// The column called `name`.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|c| c.name == name)
    }

    /// A table of the rows `rows`, in that order; an index may occur more than once.
    ///
    /// # Panics
    /// When an index is not below [`Table::rows`].
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Self {
        let pick = |c: &Column| Column::new(c.name.clone(), c.role, c.values.select(rows));
        Self {
            columns: self.columns.iter().map(pick).collect(),
        }
    }

    /// Checks lengths, names, codes, roles and finiteness.
    ///
    /// # Errors
    /// [`Error::InvalidTable`] naming the column.
    pub fn validate(&self) -> Result<(), Error> {
        let invalid = |reason: String| Err(Error::InvalidTable { reason });
        let rows = self.rows();
        let mut names: Vec<&str> = self.columns.iter().map(|c| c.name.as_str()).collect();
        names.sort_unstable();
        if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return invalid(format!("two columns are called {:?}", pair[0]));
        }
        for column in &self.columns {
            let name = &column.name;
            if column.values.len() != rows {
                return invalid(format!(
                    "column {name:?} has {} rows where the first has {rows}",
                    column.values.len()
                ));
            }
            match &column.values {
                Values::Number(v) if v.iter().any(|x| x.is_infinite()) => {
                    return invalid(format!("column {name:?} holds an infinite number"));
                }
                Values::Category { codes, levels }
                    if codes
                        .iter()
                        .any(|&c| c != MISSING_CODE && c as usize >= levels.len()) =>
                {
                    return invalid(format!("column {name:?} holds a code without a level"));
                }
                _ => {}
            }
            let money = matches!(
                column.role,
                Role::Price
                    | Role::ListPrice
                    | Role::Cost
                    | Role::Discount
                    | Role::Quantity
                    | Role::ReferencePrice
                    | Role::Growing
            );
            if money && !matches!(column.values, Values::Number(_)) {
                return invalid(format!(
                    "column {name:?} has the role {:?} but holds no numbers",
                    column.role
                ));
            }
        }
        for role in [Role::Price, Role::ListPrice, Role::Cost] {
            if self.columns.iter().filter(|c| c.role == role).count() > 1 {
                return invalid(format!("more than one column has the role {role:?}"));
            }
        }
        Ok(())
    }
}

/// Quotes with known outcome.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainingSet {
    /// What was known when quoting.
    pub features: Table,
    /// One per row; true is won.
    pub outcome: Vec<bool>,
    /// Days since 1970-01-01 by which rows are ordered in time; without it splits are random, stratified and seeded.
    pub date: Option<Vec<i32>>,
    /// Rows with the same number (the bids of one tender) stay on one side of every split.
    pub group: Option<Vec<u32>>,
}

impl TrainingSet {
    /// Checks the table and that every part has as many rows.
    ///
    /// # Errors
    /// [`Error::InvalidTable`].
    pub fn validate(&self) -> Result<(), Error> {
        self.features.validate()?;
        let rows = self.features.rows();
        let lengths = [
            ("outcome", Some(self.outcome.len())),
            ("date", self.date.as_ref().map(Vec::len)),
            ("group", self.group.as_ref().map(Vec::len)),
        ];
        for (part, length) in lengths {
            if let Some(length) = length.filter(|&l| l != rows) {
                return Err(Error::InvalidTable {
                    reason: format!("{part} has {length} rows where the features have {rows}"),
                });
            }
        }
        Ok(())
    }

    /// The features and outcomes of the rows `rows`.
    pub(crate) fn select(&self, rows: &[usize]) -> (Table, Vec<bool>) {
        (
            self.features.select(rows),
            rows.iter().map(|&r| self.outcome[r]).collect(),
        )
    }
}
