//! A report as any format shows it: headline figures, sentences, and sections of charts and tables.
//!
//! Tables hold numbers and their units, so that a spreadsheet gets numbers and a page gets text. Deliberately not here:
//! which figures a kind of report has, which the modules of the kinds say.

use super::chart::Drawing;
use super::views::{Card, Meta, NONE};
use crate::domain::{Insight, Interval, text};

/// A report.
pub struct Document {
    pub(crate) title: String,
    pub(super) meta: Vec<Meta>,
    pub(super) insights: Vec<Insight>,
    pub(super) cards: Vec<Card>,
    /// How to read the figures.
    pub(super) note: String,
    pub(super) sections: Vec<Section>,
}

/// A part of a report.
pub(super) struct Section {
    pub(super) heading: String,
    /// What the charts and tables show.
    pub(super) caption: String,
    pub(super) charts: Vec<Chart>,
    pub(super) tables: Vec<Table>,
}

/// A chart with the words that are read aloud instead of it.
pub(super) struct Chart {
    pub(super) title: String,
    pub(super) drawing: Drawing,
}

/// A table.
pub(super) struct Table {
    pub(super) caption: String,
    pub(super) columns: Vec<Column>,
    pub(super) rows: Vec<Vec<Cell>>,
}

/// A column of a table.
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) unit: Unit,
    /// Whether its cells are ranges, which take two columns of a spreadsheet.
    pub(super) range: bool,
}

/// What the numbers of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Text,
    Count,
    /// A number with one decimal.
    Decimal,
    /// A share, 0 to 1.
    Percent,
    /// A difference of shares, shown in percentage points.
    Points,
    Money,
    Score,
    Probability,
}

/// A cell of a table.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell {
    Text(String),
    Number(f64),
    Range(f64, f64),
    Missing,
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<f64> for Cell {
    fn from(number: f64) -> Self {
        if number.is_finite() {
            Self::Number(number)
        } else {
            Self::Missing
        }
    }
}

impl From<Option<f64>> for Cell {
    fn from(number: Option<f64>) -> Self {
        number.map_or(Self::Missing, Self::from)
    }
}

impl From<u64> for Cell {
    fn from(count: u64) -> Self {
        Self::Number(count as f64)
    }
}

impl From<usize> for Cell {
    fn from(count: usize) -> Self {
        Self::Number(count as f64)
    }
}

impl From<Interval> for Cell {
    fn from(interval: Interval) -> Self {
        Self::Range(interval.low, interval.high)
    }
}

impl From<Option<Interval>> for Cell {
    fn from(interval: Option<Interval>) -> Self {
        interval.map_or(Self::Missing, Self::from)
    }
}

impl Unit {
    /// A number as a reader sees it.
    pub(super) fn text(self, number: f64) -> String {
        match self {
            Self::Text | Self::Score => text::score(number),
            Self::Count => text::amount(number.round()),
            Self::Decimal => text::decimal(number, 1),
            Self::Percent => text::percent(number),
            Self::Points => text::points(number),
            Self::Money => text::money(number),
            Self::Probability => text::p_value(number),
        }
    }
}

impl Column {
    /// A cell as a reader sees it.
    pub(super) fn text(&self, cell: &Cell) -> String {
        match cell {
            Cell::Text(text) => text.clone(),
            Cell::Number(number) => self.unit.text(*number),
            Cell::Range(low, high) => {
                format!("{} to {}", self.unit.text(*low), self.unit.text(*high))
            }
            Cell::Missing => NONE.to_owned(),
        }
    }
}

/// A column of one value.
pub(super) const fn column(name: &'static str, unit: Unit) -> Column {
    Column {
        name,
        unit,
        range: false,
    }
}

/// A column of ranges.
pub(super) const fn range(name: &'static str, unit: Unit) -> Column {
    Column {
        name,
        unit,
        range: true,
    }
}

impl Section {
    pub(super) fn new(heading: impl Into<String>, caption: impl Into<String>) -> Self {
        Self {
            heading: heading.into(),
            caption: caption.into(),
            charts: Vec::new(),
            tables: Vec::new(),
        }
    }

    pub(super) fn chart(mut self, title: impl Into<String>, drawing: Option<Drawing>) -> Self {
        let title = title.into();
        self.charts
            .extend(drawing.map(|drawing| Chart { title, drawing }));
        self
    }

    pub(super) fn table(
        mut self,
        caption: impl Into<String>,
        columns: Vec<Column>,
        rows: Vec<Vec<Cell>>,
    ) -> Self {
        if !rows.is_empty() {
            self.tables.push(Table {
                caption: caption.into(),
                columns,
                rows,
            });
        }
        self
    }
}
