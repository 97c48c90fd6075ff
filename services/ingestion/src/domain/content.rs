//! The rows of a dataset on their way into storage: from a file, or from what is stored already, with
//! what tells quotes apart. Deliberately no reading of cells, which is `tabular`'s.

use tabular::{
    CellFormat, Field, Frame, Mapping, Outcome, Sheet,
    derive::{QuoteFacts, discount_amount},
};

/// The rows of an accepted file.
#[derive(Debug)]
pub struct FileContent {
    /// The cells as they stood.
    pub sheet: Sheet,
    /// The accepted rows.
    pub frame: Frame,
    /// What every column stands for.
    pub mapping: Mapping,
}

/// Rows with the names of their quotes.
pub trait Rows {
    /// The rows.
    fn frame(&self) -> &Frame;

    /// The identifier of a row (from 0); `None` where it has none.
    fn quote_ref(&self, row: usize) -> Option<&str>;

    /// The revision of a row, where it has one.
    fn revision(&self, row: usize) -> Option<i64>;

    /// The columns that name quotes and their revisions, which later quotes may have too.
    fn names(&self) -> Vec<(String, Field, CellFormat)>;

    /// What is derived from of a row.
    fn facts(&self, row: usize) -> QuoteFacts<'_> {
        let frame = self.frame();
        let dates = frame.dates.as_ref();
        let price = frame.prices.get(row).copied();
        let discount = frame.number(row, Field::Discount);
        QuoteFacts {
            day: dates.and_then(|dates| dates.get(row)).copied(),
            price,
            list_price: frame.number(row, Field::ListPrice),
            cost: frame.number(row, Field::Cost),
            discount: price
                .zip(discount)
                .map(|(price, discount)| discount_amount(price, discount)),
            quantity: frame.number(row, Field::Quantity),
            customer: frame.text(row, Field::Customer),
            product: frame.text(row, Field::Product),
            owner: frame.text(row, Field::Owner),
            quote_ref: self.quote_ref(row),
            revision: self.revision(row),
            outcome: match frame.outcomes.get(row) {
                Some(Outcome::Won) => Some(true),
                Some(Outcome::Lost) => Some(false),
                Some(Outcome::Open) | None => None,
            },
        }
    }
}

impl FileContent {
    /// What the alternatives of a row share, such as a tender; `None` where it has none.
    #[must_use]
    pub fn tender(&self, row: usize) -> Option<&str> {
        let column = self.mapping.column_of(Field::Group)?;
        let text = self
            .sheet
            .cell(self.frame.sheet_row(&self.sheet, row)?, column);
        let text = text.trim();
        (!tabular::is_missing(text)).then_some(text)
    }

    /// Header and cell of the personal columns of a row.
    pub fn personal(&self, row: usize) -> impl Iterator<Item = (&str, &str)> {
        let at = self.frame.sheet_row(&self.sheet, row);
        self.frame.personal.iter().filter_map(move |column| {
            let header = self.sheet.headers.get(*column)?;
            Some((header.as_str(), self.sheet.cell(at?, *column)))
        })
    }
}

impl Rows for FileContent {
    fn names(&self) -> Vec<(String, Field, CellFormat)> {
        let columns = self.mapping.columns.iter();
        columns
            .filter(|column| is_name(column.field))
            .map(|column| (column.name.clone(), column.field, CellFormat::default()))
            .collect()
    }

    fn frame(&self) -> &Frame {
        &self.frame
    }

    fn quote_ref(&self, row: usize) -> Option<&str> {
        self.frame.quote_id(&self.sheet, row)
    }

    fn revision(&self, row: usize) -> Option<i64> {
        self.frame.revisions.as_ref()?;
        Some(i64::from(self.frame.revision(row)))
    }
}

/// Rows that were stored before.
#[derive(Debug)]
pub struct StoredContent {
    /// The rows.
    pub frame: Frame,
    /// Identifier of each.
    pub quote_refs: Vec<Option<String>>,
    /// Revision of each.
    pub revisions: Vec<Option<i64>>,
    /// The columns of the files that named quotes and revisions.
    pub names: Vec<(String, Field, CellFormat)>,
}

/// Whether columns of this meaning tell quotes apart.
#[must_use]
pub fn is_name(field: Field) -> bool {
    matches!(field, Field::QuoteId | Field::Revision)
}

impl Rows for StoredContent {
    fn names(&self) -> Vec<(String, Field, CellFormat)> {
        self.names.clone()
    }

    fn frame(&self) -> &Frame {
        &self.frame
    }

    fn quote_ref(&self, row: usize) -> Option<&str> {
        self.quote_refs.get(row)?.as_deref()
    }

    fn revision(&self, row: usize) -> Option<i64> {
        self.revisions.get(row).copied().flatten()
    }
}
