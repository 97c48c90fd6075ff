//! Where in a sheet or text the table is: which row names its columns, and what stands above it.
//!
//! Deliberately by the first rows alone, before any is kept. Of meaning only one thing counts:
//! whether a cell is a value (a number, a date), as values are no names.

use crate::cell::{DateOrder, Decimal, NumberFormat, is_missing, parse_date, parse_number};

use super::aside::is_drawn;
use super::line::Line;
use super::table::{Cells, Table};
use super::{LeftOut, LeftOutKind, Limits, Native, Origin, ReadError, Sheet};

/// Filled rows that decide where the header is.
pub(super) const SAMPLE_ROWS: usize = 60;

/// Filled rows that may stand above the header.
const MAX_ABOVE: usize = 20;

/// Fewest rows below that show what a column holds.
const MIN_BELOW: usize = 2;

/// Share of the cells below that must be values to make a column one of values.
const VALUE_SHARE: f64 = 0.8;

/// Which row names the columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Header {
    /// The one behind so many filled rows.
    Behind(usize),
    /// The one of this number, as the caller says.
    At(u32),
    /// None, as the caller says: the columns get numbers.
    Nowhere,
    /// None that could be found: the table begins behind so many filled rows with values.
    Missing(usize),
}

/// Where the table is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) header: Header,
    /// Cells of the widest of the first rows.
    pub(super) width: usize,
}

impl Layout {
    /// The layout by the first filled rows, unless the caller states the row of the header: 0 for
    /// none.
    pub(super) fn of(sample: &[Line], stated: Option<u32>) -> Self {
        let cells = |line: &Line| line.cells().len();
        Self {
            header: match stated {
                Some(0) => Header::Nowhere,
                Some(row) => Header::At(row),
                None => find(sample),
            },
            width: sample.iter().map(cells).max().unwrap_or(0),
        }
    }
}

/// Whether a cell is a value and so no name of a column.
fn is_value(cell: &str, native: Native) -> bool {
    let text = cell.trim();
    if native != Native::Text {
        return true;
    }
    if !text.bytes().any(|byte| byte.is_ascii_digit()) {
        return false;
    }
    let number = |decimal| parse_number(text, &NumberFormat { decimal }).is_some();
    let date = |order| parse_date(text, order).is_some();
    number(Decimal::Point)
        || number(Decimal::Comma)
        || [DateOrder::Ymd, DateOrder::Dmy, DateOrder::Mdy]
            .into_iter()
            .any(date)
}

fn find(sample: &[Line]) -> Header {
    let width = sample.iter().map(|line| line.filled().0).max().unwrap_or(0);
    // Above a table of two columns a title cannot be told from a row with an empty cell.
    let at = if width < 3 {
        0
    } else {
        let wide = |line: &Line| line.filled().0 * 5 >= width * 3;
        let rows = sample.iter().take(MAX_ABOVE + 1);
        rows.map(wide).position(|is_wide| is_wide).unwrap_or(0)
    };
    let names = |at: usize| names_columns(sample, at);
    if names(at) {
        return Header::Behind(at);
    }
    // A header may name fewer columns than the rows have.
    match at.checked_sub(1) {
        Some(above)
            if sample.get(above).is_some_and(|line| line.filled().0 >= 2) && names(above) =>
        {
            Header::Behind(above)
        }
        _ => Header::Missing(at),
    }
}

/// Whether a row can name the columns: it does where it has text above values, and does not where
/// it has values above values and no such text. Where nothing is above values, it can as the first
/// row, and below others where it has no value.
fn names_columns(sample: &[Line], at: usize) -> bool {
    let Some(row) = sample.get(at) else {
        return true;
    };
    let below = sample.get(at + 1..).unwrap_or_default();
    let mut values = false;
    for (column, (cell, native)) in row.cells().iter().zip(row.natives()).enumerate() {
        if cell.trim().is_empty() {
            continue;
        }
        let (is_value, above_values) = (is_value(cell, *native), holds_values(below, column));
        if above_values && !is_value {
            return true;
        }
        values |= is_value && (above_values || at > 0);
    }
    !values
}

fn holds_values(rows: &[Line], column: usize) -> bool {
    let (mut filled, mut values) = (0, 0);
    for row in rows {
        let cell = row.cells().iter().nth(column).unwrap_or_default();
        if !is_missing(cell) {
            filled += 1;
            let native = row.natives().get(column).copied().unwrap_or_default();
            values += usize::from(is_value(cell, native));
        }
    }
    filled >= MIN_BELOW && f64::from(values as u32) >= VALUE_SHARE * filled as f64
}

/// Takes the rows of a file one by one, and makes a table of those from the header on.
pub(super) struct Intake<'a> {
    layout: Layout,
    limits: &'a Limits,
    /// Whether rows may end early, as those of workbooks do.
    short_rows: bool,
    table: Option<Table<'a>>,
    header_row: u32,
    above: Vec<LeftOut>,
}

impl<'a> Intake<'a> {
    pub(super) fn new(layout: Layout, limits: &'a Limits, short_rows: bool) -> Self {
        Self {
            layout,
            limits,
            short_rows,
            table: None,
            header_row: 0,
            above: Vec::new(),
        }
    }

    /// Adds the next row; `natives` says what its cells are, and nothing for text.
    pub(super) fn push(
        &mut self,
        number: u32,
        cells: Cells<'_>,
        natives: &[Native],
    ) -> Result<(), ReadError> {
        if let Some(table) = &mut self.table {
            return table.push(number, cells, natives);
        }
        if cells.are_blank() || is_drawn(cells) {
            return Ok(());
        }
        let is_above = match self.layout.header {
            Header::Behind(rows) | Header::Missing(rows) => self.above.len() < rows,
            Header::At(row) => number < row,
            Header::Nowhere => false,
        };
        if is_above {
            self.above
                .push(LeftOut::new(number, LeftOutKind::AboveHeader, cells));
            return Ok(());
        }
        match self.layout.header {
            Header::Missing(_) => return Err(no_header(number, cells)),
            Header::At(row) if row != number => return Err(ReadError::NoSuchRow { row }),
            Header::Nowhere => {
                let width = self.layout.width.max(cells.len());
                let mut table = Table::nameless(width, self.limits)?;
                table.push(number, cells, natives)?;
                self.table = Some(table);
            }
            _ => {
                self.table = Some(Table::new(number, cells, self.limits)?);
                self.header_row = number;
            }
        }
        if self.short_rows {
            self.table = self.table.take().map(Table::with_short_rows);
        }
        Ok(())
    }

    /// The finished sheet.
    pub(super) fn finish(self, mut origin: Origin) -> Result<Sheet, ReadError> {
        origin.skipped_rows = u32::try_from(self.above.len()).unwrap_or(u32::MAX);
        origin.header_row = self.header_row;
        let table = match (self.table, self.layout.header) {
            (Some(table), _) => table,
            (None, Header::At(row)) => return Err(ReadError::NoSuchRow { row }),
            (None, _) => return Err(ReadError::Empty),
        };
        let sheet = table.finish(origin, self.above)?;
        if sheet.row_numbers.is_empty() {
            return Err(ReadError::Empty);
        }
        Ok(sheet)
    }
}

fn no_header(row: u32, cells: Cells<'_>) -> ReadError {
    let filled = cells.iter().map(str::trim).filter(|cell| !cell.is_empty());
    let some = filled.take(4).map(|cell| cell.chars().take(30).collect());
    ReadError::NoHeader {
        row,
        cells: some.collect(),
    }
}
