//! What the name of a column promises its cells to be.
//!
//! Deliberately coarse: it only decides how many bad cells a column of numbers or dates may have.

use super::{Field, names};

/// From this score on a name counts.
const SURE: f64 = 0.7;

/// What a name promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Promise {
    /// Numbers, such as "Price".
    Numbers,
    /// Dates, such as "Created on".
    Dates,
    /// Nothing.
    Anything,
}

/// What a header promises.
pub(crate) fn promise(header: &str) -> Promise {
    let name = names::normal(header);
    let best = |fields: &[Field]| {
        let scores = fields.iter().map(|field| names::score(*field, &name));
        scores.fold(0.0, f64::max)
    };
    let dates = best(&[Field::Date, Field::ValidUntil]);
    let numbers = best(&[
        Field::Price,
        Field::Cost,
        Field::ListPrice,
        Field::Discount,
        Field::Quantity,
    ]);
    if dates >= SURE && dates >= numbers {
        Promise::Dates
    } else if numbers >= SURE {
        Promise::Numbers
    } else {
        Promise::Anything
    }
}
