//! How table columns become the sparse numeric rows that the learner sees.
//!
//! An encoder is fitted on training rows only and then applied to any table of the same columns. Column 0 of the
//! encoded rows is the intercept (always 1); every block after it belongs to one source column, so that whatever is
//! computed from encoded columns can be grouped back to what users know. Deliberately not here: any knowledge of
//! outcomes. No encoding looks at who won, except the target means, which have rules of their own (see `target_mean`).

mod apply;
mod fit;
mod moved;
mod numbers;
mod sources;
mod target_mean;

pub(crate) use apply::Encoded;
pub(crate) use moved::{EncodedRow, Moved};
pub(crate) use sources::{Bound, Issue, number_text};
pub use target_mean::{
    LevelHistory, Order, TARGET_MEAN_STRENGTH, TargetMeans, ordered_target_means,
};

use crate::table::Role;

/// Kind of the values of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    /// Numbers.
    Number,
    /// Categories.
    Category,
    /// Dates.
    Date,
}

impl ColumnKind {
    /// The kind in words, as in [`crate::Values::kind`].
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Number => "numbers",
            Self::Category => "categories",
            Self::Date => "dates",
        }
    }
}

/// A column that a model was trained with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaColumn {
    /// Name in the training table.
    pub name: String,
    /// Role in the training table.
    pub role: Role,
    /// Kind of its values.
    pub kind: ColumnKind,
    /// Whether the model uses it; columns that carry nothing are kept in the schema only.
    pub used: bool,
}

/// Where the numbers of a block come from; the positions are those of the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The column itself.
    Column(usize),
    /// Price divided by list price.
    PriceOverList { price: usize, list: usize },
    /// Natural logarithm of price divided by list price.
    LogPriceOverList { price: usize, list: usize },
    /// (price - cost) / price.
    Margin { price: usize, cost: usize },
    /// Natural logarithm of price divided by a reference price.
    LogPriceOverReference { price: usize, reference: usize },
}

impl Origin {
    /// The column to which users attribute the block: whatever is derived from the price is the price, but for what
    /// compares it with a reference, which is told apart as the reference.
    pub fn source(self) -> usize {
        match self {
            Self::Column(at) => at,
            Self::PriceOverList { price, .. }
            | Self::LogPriceOverList { price, .. }
            | Self::Margin { price, .. } => price,
            Self::LogPriceOverReference { reference, .. } => reference,
        }
    }

    /// Whether the block is computed from a column.
    pub fn reads(self, column: usize) -> bool {
        self.source() == column || self.yardstick() == column
    }

    /// The number, given those of the columns; NaN where it cannot be computed.
    pub fn number(self, of: &dyn Fn(usize) -> f64) -> f64 {
        match self {
            Self::Column(at) => of(at),
            Self::PriceOverList { price, list } => ratio(of(price), of(list)),
            Self::LogPriceOverList { price, list } => ratio(of(price), of(list)).ln(),
            Self::LogPriceOverReference { price, reference } => {
                ratio(of(price), of(reference)).ln()
            }
            Self::Margin { price, cost } => match of(price) {
                price if price > 0.0 => 1.0 - of(cost) / price,
                _ => f64::NAN,
            },
        }
    }

    /// The other column that the block is computed from; the column itself where there is none.
    pub fn yardstick(self) -> usize {
        match self {
            Self::Column(at) => at,
            Self::PriceOverList { list, .. } | Self::LogPriceOverList { list, .. } => list,
            Self::Margin { cost, .. } => cost,
            Self::LogPriceOverReference { price, .. } => price,
        }
    }
}

/// A standardised number: one encoded column, then one for zero and one for missing where training had them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scale {
    /// Whether log(1 + x) is taken first.
    pub log: bool,
    /// Mean of the transformed, clipped training values.
    pub mean: f64,
    /// Standard deviation of the same.
    pub deviation: f64,
    /// Transformed values below are raised to this (0.1 % quantile of training).
    pub low: f64,
    /// Transformed values above are lowered to this (99.9 % quantile of training).
    pub high: f64,
    pub zero_flag: bool,
    pub missing_flag: bool,
}

/// One-hot levels; after the levels come one column for "other" and one for missing where training had them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Slots {
    pub keys: Keys,
    pub other: bool,
    pub missing: bool,
}

/// What the levels are told apart by; sorted ascending.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Keys {
    Names(Vec<String>),
    Numbers(Vec<f64>),
    Months(Vec<u32>),
    Weekdays(Vec<u32>),
}

impl Keys {
    pub fn len(&self) -> usize {
        match self {
            Self::Names(keys) => keys.len(),
            Self::Numbers(keys) => keys.len(),
            Self::Months(keys) | Self::Weekdays(keys) => keys.len(),
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Coding {
    Scale(Scale),
    Slots(Slots),
}

/// Encoded columns `start..start + width()` of one origin.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Block {
    pub origin: Origin,
    pub start: usize,
    pub coding: Coding,
}

impl Block {
    pub fn width(&self) -> usize {
        match &self.coding {
            Coding::Scale(s) => 1 + usize::from(s.zero_flag) + usize::from(s.missing_flag),
            Coding::Slots(s) => s.keys.len() + usize::from(s.other) + usize::from(s.missing),
        }
    }
}

/// What training saw of a column, against which new values are checked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Seen {
    /// Smallest and largest number (or day).
    Range(f64, f64),
    /// Every level, also those folded into "other"; sorted.
    Levels(Vec<String>),
    /// No value at all.
    Nothing,
}

/// The fitted encoder.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Encoder {
    pub schema: Vec<SchemaColumn>,
    /// One per schema column.
    pub seen: Vec<Seen>,
    pub blocks: Vec<Block>,
    /// Encoded columns, the intercept included.
    pub width: usize,
    /// Mean of every encoded column over the training rows.
    pub means: Vec<f64>,
    /// What was dropped or folded, in sentences.
    pub notes: Vec<String>,
}

impl Encoder {
    /// For every encoded column the schema position it is attributed to; `None` for the intercept.
    pub fn sources(&self) -> Vec<Option<usize>> {
        let mut sources = vec![None; self.width];
        for block in &self.blocks {
            sources[block.start..block.start + block.width()].fill(Some(block.origin.source()));
        }
        sources
    }

    /// Encoded columns that rise with the price and with nothing else that is known: the price itself, its ratio to the
    /// list price or to a usual price, the margin.
    pub fn rising_with_price(&self) -> Vec<usize> {
        let of_price = |b: &&Block| {
            let price = match b.origin {
                Origin::Column(at) => self.schema[at].role == Role::Price,
                _ => true,
            };
            matches!(b.coding, Coding::Scale(_)) && price
        };
        self.blocks
            .iter()
            .filter(of_price)
            .map(|b| b.start)
            .collect()
    }

    /// Position of the first schema column with `role`.
    pub fn position(&self, role: Role) -> Option<usize> {
        self.schema.iter().position(|c| c.role == role)
    }
}

/// (price, yardstick) with both positive.
pub(crate) fn ratio(price: f64, list: f64) -> f64 {
    if price > 0.0 && list > 0.0 {
        price / list
    } else {
        f64::NAN
    }
}
