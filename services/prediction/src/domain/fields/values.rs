//! Single values of a quote, read as their column was at import. Deliberately silent about what cannot be read: whoever asks
//! compares, and has nobody to refuse.

use ml::{Table, Values};
use proto::prediction::FieldValue;

use super::{Cell, Fields, ReadQuote, cells::read_cell};

impl Fields {
    /// The number that a value is in a column; `None` where it is none, or the model does not read the column.
    #[must_use]
    pub fn number_of(&self, column: &str, value: &FieldValue) -> Option<f64> {
        match self.cell_of(column, value)? {
            Cell::Number(number) => Some(number),
            Cell::Missing | Cell::Text(_) | Cell::Day(_) => None,
        }
    }

    /// The category that a value is in a column; `None` where it is none, or the model does not read the column.
    #[must_use]
    pub fn text_of(&self, column: &str, value: &FieldValue) -> Option<String> {
        match self.cell_of(column, value)? {
            Cell::Text(text) => Some(text),
            Cell::Missing | Cell::Number(_) | Cell::Day(_) => None,
        }
    }

    /// A quote that the model learned from, without what is derived.
    #[must_use]
    pub fn past_quote(&self, table: &Table, row: usize) -> ReadQuote {
        let cell = |name: &str| {
            let column = table.column(name)?;
            match &column.values {
                Values::Number(numbers) => {
                    let number = numbers.get(row).copied();
                    number.filter(|number| !number.is_nan()).map(Cell::Number)
                }
                Values::Category { codes, levels } => {
                    let level = levels.get(*codes.get(row)? as usize);
                    level.cloned().map(Cell::Text)
                }
                Values::Date(days) => days.get(row).copied().flatten().map(Cell::Day),
            }
        };
        let cells = self.0.iter().map(|field| match field.derived {
            Some(_) => Cell::Missing,
            None => cell(&field.name).unwrap_or(Cell::Missing),
        });
        ReadQuote {
            cells: cells.collect(),
            warnings: Vec::new(),
        }
    }

    fn cell_of(&self, column: &str, value: &FieldValue) -> Option<Cell> {
        read_cell(self.named(column)?, value.value.as_ref()).ok()
    }
}
