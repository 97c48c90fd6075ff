//! Rows to named columns: the one place where the limits of rows, columns and cells are held.
//!
//! Deliberately strict where a guess would lose data (two columns of one name) and lenient where
//! nothing is lost (empty rows, nameless empty columns).

use std::collections::HashMap;

use super::column::ColumnBuilder;
use super::{Column, Limits, Native, Origin, ReadError, Sheet, UnevenRow};

/// The cells of a row, one behind the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cells<'a> {
    /// The texts of all cells.
    pub(super) text: &'a str,
    /// Where each of them ends in `text`, ascending.
    pub(super) ends: &'a [usize],
}

impl<'a> Cells<'a> {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let (text, mut start) = (self.text, 0);
        self.ends.iter().map(move |end| {
            let cell = text.get(start..*end).unwrap_or_default();
            start = *end;
            cell
        })
    }

    pub(super) fn are_blank(&self) -> bool {
        self.text.trim().is_empty()
    }
}

/// What the filled cells of a column are, as far as the file says.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    filled: bool,
    native: Option<Native>,
}

impl Seen {
    fn add(&mut self, native: Native) {
        self.filled = true;
        self.native = match self.native {
            None => Some(native),
            Some(before) if before == native => Some(native),
            Some(_) => Some(Native::Text),
        };
    }
}

/// The columns while they are being filled.
pub(super) struct Table<'a> {
    limits: &'a Limits,
    names: Vec<String>,
    /// Cells that a row must have at least.
    needed: usize,
    columns: Vec<ColumnBuilder>,
    seen: Vec<Seen>,
    row_numbers: Vec<u32>,
    uneven: Vec<UnevenRow>,
    empty_rows: u32,
}

impl<'a> Table<'a> {
    /// A table with the names of its header row.
    pub(super) fn new(
        number: u32,
        header: Cells<'_>,
        limits: &'a Limits,
    ) -> Result<Self, ReadError> {
        let names: Vec<String> = header.iter().map(|name| name.trim().to_owned()).collect();
        if names.len() > limits.max_columns {
            return Err(ReadError::TooManyColumns {
                found: names.len(),
                limit: limits.max_columns,
            });
        }
        if names.iter().any(|name| name.len() > limits.max_cell_bytes) {
            return Err(ReadError::CellTooLong {
                row: number,
                limit: limits.max_cell_bytes,
            });
        }
        let last_named = names.iter().rposition(|name| !name.is_empty());
        Ok(Self {
            limits,
            needed: last_named.ok_or(ReadError::NoHeader)? + 1,
            columns: names.iter().map(|_| ColumnBuilder::default()).collect(),
            seen: vec![Seen::default(); names.len()],
            names,
            row_numbers: Vec::new(),
            uneven: Vec::new(),
            empty_rows: 0,
        })
    }

    /// Takes short rows as rows with empty cells at their end, as workbooks leave those out.
    pub(super) fn with_short_rows(self) -> Self {
        Self { needed: 0, ..self }
    }

    /// Adds a data row; `natives` says what its cells are, and nothing for text.
    pub(super) fn push(
        &mut self,
        number: u32,
        cells: Cells<'_>,
        natives: &[Native],
    ) -> Result<(), ReadError> {
        if cells.are_blank() {
            self.empty_rows = self.empty_rows.saturating_add(1);
            return Ok(());
        }
        if self.row_numbers.len() >= self.limits.max_rows {
            return Err(ReadError::TooManyRows {
                limit: self.limits.max_rows,
            });
        }
        self.check_shape(number, cells)?;
        let mut rest = cells.iter();
        for (index, column) in self.columns.iter_mut().enumerate() {
            let cell = rest.next().unwrap_or_default();
            let seen = &mut self.seen[index];
            if (!seen.filled || !natives.is_empty()) && !cell.trim().is_empty() {
                seen.add(natives.get(index).copied().unwrap_or_default());
            }
            if cell.len() > self.limits.max_cell_bytes {
                return Err(ReadError::CellTooLong {
                    row: number,
                    limit: self.limits.max_cell_bytes,
                });
            }
            if !column.push(cell) {
                return Err(ReadError::TooLargeExpanded {
                    limit: u64::from(u32::MAX),
                });
            }
        }
        self.row_numbers.push(number);
        Ok(())
    }

    /// Notes a row that has more or fewer cells than the header.
    fn check_shape(&mut self, number: u32, cells: Cells<'_>) -> Result<(), ReadError> {
        let expected = self.names.len();
        let mut surplus = false;
        if cells.len() > expected {
            for cell in cells.iter().skip(expected) {
                if cell.len() > self.limits.max_cell_bytes {
                    return Err(ReadError::CellTooLong {
                        row: number,
                        limit: self.limits.max_cell_bytes,
                    });
                }
                surplus |= !cell.trim().is_empty();
            }
        }
        if surplus || cells.len() < self.needed {
            self.uneven.push(UnevenRow {
                row: number,
                expected,
                found: cells.len(),
            });
        }
        Ok(())
    }

    /// The finished sheet.
    pub(super) fn finish(mut self, origin: Origin) -> Result<Sheet, ReadError> {
        let (headers, columns) = self.named_columns()?;
        self.row_numbers.shrink_to_fit();
        Ok(Sheet {
            headers,
            columns,
            row_numbers: self.row_numbers,
            origin,
            uneven: self.uneven,
            empty_rows: self.empty_rows,
        })
    }

    /// Drops nameless empty columns, names the nameless filled ones and refuses doubles.
    fn named_columns(&mut self) -> Result<(Vec<String>, Vec<Column>), ReadError> {
        let mut headers = Vec::with_capacity(self.names.len());
        let mut columns = Vec::with_capacity(self.names.len());
        let mut places: HashMap<String, (usize, String)> = HashMap::new();
        let named = std::mem::take(&mut self.names);
        let cells = std::mem::take(&mut self.columns);
        for ((index, name), (column, seen)) in named
            .into_iter()
            .enumerate()
            .zip(cells.into_iter().zip(&self.seen))
        {
            let place = index + 1;
            if name.is_empty() && !seen.filled {
                continue;
            }
            let name = if name.is_empty() {
                format!("column {place}")
            } else {
                name
            };
            if let Some((first, header)) = places.insert(name.to_lowercase(), (place, name.clone()))
            {
                return Err(ReadError::DuplicateHeader {
                    header,
                    first,
                    second: place,
                });
            }
            headers.push(name);
            columns.push(column.finish(seen.native.unwrap_or_default()));
        }
        Ok((headers, columns))
    }
}
