//! A quote in other versions: with fields changed, as of another day, or as of what was frozen beside its prediction.
//! Deliberately no judgement of what should be changed.

use std::collections::BTreeMap;

use ml::{Change, NewValue, Table};
use proto::ingestion::TargetField;

use super::{Cell, Fields, Past, ReadQuote};
use crate::Error;

impl Fields {
    /// The quote once for each list of changes, with everything that follows from them.
    #[must_use]
    pub fn changed(
        &self,
        quote: &ReadQuote,
        quote_ref: &str,
        past: &Past<'_>,
        lists: &[Vec<Change>],
    ) -> Table {
        let version = |changes: &Vec<Change>| {
            let mut version = quote.clone();
            for change in changes {
                let at = self.place(&change.column);
                if let Some(cell) = at.and_then(|at| version.cells.get_mut(at)) {
                    *cell = match &change.to {
                        NewValue::Number(number) => Cell::Number(*number),
                        NewValue::Text(text) => Cell::Text(text.clone()),
                    };
                }
            }
            if !changes.is_empty() {
                self.derive(&mut version, quote_ref, past);
            }
            version
        };
        let versions: Vec<ReadQuote> = lists.iter().map(version).collect();
        self.table(&versions)
    }

    /// Takes the dates of quotes over from another reading of the same fields.
    pub fn set_date(&self, quote: &mut ReadQuote, from: &ReadQuote) {
        let cells = self.0.iter().zip(quote.cells.iter_mut().zip(&from.cells));
        for (field, (cell, other)) in cells {
            if field.target == TargetField::Date {
                *cell = other.clone();
            }
        }
    }

    /// Puts in what was frozen of earlier quotes, as [`super::derived_of`] wrote it.
    ///
    /// # Errors
    /// Where the text is not what was written.
    pub fn set_derived(&self, quote: &mut ReadQuote, frozen: &str) -> Result<(), Error> {
        let frozen: BTreeMap<String, f64> = serde_json::from_str(frozen)
            .map_err(|error| Error::Broken(format!("frozen features cannot be read: {error}")))?;
        for (field, cell) in self.0.iter().zip(&mut quote.cells) {
            if field.derived.is_some() {
                let number = frozen.get(&field.name);
                *cell = number.map_or(Cell::Missing, |number| Cell::Number(*number));
            }
        }
        Ok(())
    }

    /// The name of a quote, by which its own rows in the past are known; `None` where it has none.
    #[must_use]
    pub fn quote_name<'a>(&self, quote: &'a ReadQuote, quote_ref: &'a str) -> Option<&'a str> {
        let named = match self.cell(quote, TargetField::QuoteId) {
            Some(Cell::Text(text)) => text.trim(),
            _ => quote_ref.trim(),
        };
        (!named.is_empty()).then_some(named)
    }
}
