//! The past of a quote: which of its fields tell customer, product, owner and day, and what the earlier
//! quotes of its model say. Deliberately no formulas: `tabular` has them, for import and prediction alike.

use std::borrow::Cow;

use proto::ingestion::TargetField;
use tabular::{Features, History, QuoteFacts, derive::discount_amount};

use super::{Cell, Fields, ReadQuote};

/// What is known of the time before a quote.
#[derive(Debug, Clone, Copy)]
pub struct Past<'a> {
    /// The quotes that the model learned from, and those that were open then.
    pub history: &'a History,
    /// The day of quotes that state none, in days since 1970-01-01.
    pub today: i32,
}

impl Past<'_> {
    /// The derived features of a quote. Its own name is the field that holds the quotes' identifiers,
    /// or else the caller's name for it; by that its own row in the history is left aside.
    pub(super) fn features(&self, fields: &Fields, quote: &ReadQuote, quote_ref: &str) -> Features {
        use TargetField as F;
        let cell = |target| fields.cell(quote, target).unwrap_or(&Cell::Missing);
        let number = |target| match cell(target) {
            Cell::Number(number) => Some(*number),
            _ => None,
        };
        let [customer, product, owner, id] =
            [F::Customer, F::Product, F::Owner, F::QuoteId].map(|target| name(cell(target)));
        let price = number(F::Price);
        let facts = QuoteFacts {
            day: Some(match cell(F::Date) {
                Cell::Day(day) => *day,
                _ => self.today,
            }),
            price,
            list_price: number(F::ListPrice),
            cost: number(F::Cost),
            discount: price
                .zip(number(F::Discount))
                .map(|(price, discount)| discount_amount(price, discount)),
            quantity: number(F::Quantity),
            customer: customer.as_deref(),
            product: product.as_deref(),
            owner: owner.as_deref(),
            quote_ref: id.as_deref().or(Some(quote_ref)),
            // As at import: where revisions are numbered, a quote without a number is the first.
            revision: fields.cell(quote, F::Revision).map(revision),
            outcome: None,
        };
        self.history.features(&facts)
    }
}

impl Fields {
    /// The cell of the first field that stands for something; `None` where no field does.
    pub(super) fn cell<'a>(&self, quote: &'a ReadQuote, target: TargetField) -> Option<&'a Cell> {
        let at = self.0.iter().position(|field| field.target == target)?;
        quote.cells.get(at)
    }
}

/// Who or what a cell names.
fn name(cell: &Cell) -> Option<Cow<'_, str>> {
    match cell {
        Cell::Text(text) => Some(Cow::Borrowed(text)),
        Cell::Number(number) => Some(Cow::Owned(number.to_string())),
        Cell::Missing | Cell::Day(_) => None,
    }
}

/// The number of a revision; 0 where there is none.
fn revision(cell: &Cell) -> i64 {
    let Cell::Text(text) = cell else { return 0 };
    tabular::parse_revision(text).map_or(0, i64::from)
}
