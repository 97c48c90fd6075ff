//! Rows to named columns: the one place where the limits of rows, columns and cells are held.
//!
//! Deliberately lenient where nothing is lost (empty rows, nameless empty columns, two columns of
//! one name); what is left out or renamed is told.

use std::collections::HashSet;

use super::aside::{is_bare_sum, is_drawn, is_header, is_note, is_sum};
use super::column::ColumnBuilder;
use super::mixed::{self, Marks};
use super::{
    Column, LeftOut, LeftOutKind, Limits, Native, Origin, ReadError, RenamedHeader, Sheet,
    UnevenRow,
};
use crate::cell::is_missing;

/// Notes below the table that may wait for the end of the file.
const MAX_NOTES: usize = 20;

/// Rows left out that are told one by one; the others are counted.
const MAX_TOLD: usize = 100;

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
#[derive(Debug, Default)]
struct Seen {
    filled: bool,
    native: Option<Native>,
    numbers: Marks,
}

impl Seen {
    fn add(&mut self, row: usize, cell: &str, native: Native) {
        self.filled = true;
        if native == Native::Numbers {
            self.numbers.set(row);
        }
        // A word for nothing among numbers does not make text of them.
        if native == Native::Text && is_missing(cell) {
            return;
        }
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
    left_out: Vec<LeftOut>,
    left_out_rows: u32,
    /// Rows that are notes where no other row follows.
    notes: Vec<Note>,
}

/// A row that may be a note below the table.
struct Note {
    number: u32,
    kind: LeftOutKind,
    text: String,
    ends: Vec<usize>,
    natives: Vec<Native>,
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
            needed: last_named.map_or(0, |last| last + 1),
            columns: names.iter().map(|_| ColumnBuilder::default()).collect(),
            seen: names.iter().map(|_| Seen::default()).collect(),
            names,
            row_numbers: Vec::new(),
            uneven: Vec::new(),
            empty_rows: 0,
            left_out: Vec::new(),
            left_out_rows: 0,
            notes: Vec::new(),
        })
    }

    /// A table without a header: its columns have numbers.
    pub(super) fn nameless(width: usize, limits: &'a Limits) -> Result<Self, ReadError> {
        let names: Vec<String> = (1..=width).map(|place| format!("column {place}")).collect();
        let text = names.concat();
        let ends = names.iter().scan(0, |end, name| {
            *end += name.len();
            Some(*end)
        });
        let ends: Vec<usize> = ends.collect();
        let header = Cells {
            text: &text,
            ends: &ends,
        };
        Ok(Self::new(0, header, limits)?.with_short_rows())
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
        if cells.are_blank() || is_drawn(cells) {
            self.empty_rows = self.empty_rows.saturating_add(1);
            return Ok(());
        }
        if is_header(cells, &self.names) {
            self.leave_out(LeftOut::new(number, LeftOutKind::HeaderAgain, cells));
            return Ok(());
        }
        if is_sum(cells, natives, self.columns.iter().map(ColumnBuilder::last)) {
            self.leave_out(LeftOut::new(number, LeftOutKind::Sum, cells));
            return Ok(());
        }
        let width = self.names.len();
        let kind = if is_note(cells, natives, width) {
            Some(LeftOutKind::BelowTable)
        } else if is_bare_sum(cells, natives, width) {
            Some(LeftOutKind::Sum)
        } else {
            None
        };
        if let Some(kind) = kind.filter(|_| self.notes.len() < MAX_NOTES) {
            self.notes.push(Note {
                number,
                kind,
                text: cells.text.to_owned(),
                ends: cells.ends.to_vec(),
                natives: natives.to_vec(),
            });
            return Ok(());
        }
        for note in std::mem::take(&mut self.notes) {
            let cells = Cells {
                text: &note.text,
                ends: &note.ends,
            };
            self.push_row(note.number, cells, &note.natives)?;
        }
        self.push_row(number, cells, natives)
    }

    fn leave_out(&mut self, row: LeftOut) {
        self.left_out_rows = self.left_out_rows.saturating_add(1);
        if self.left_out.len() < MAX_TOLD {
            self.left_out.push(row);
        }
    }

    fn push_row(
        &mut self,
        number: u32,
        cells: Cells<'_>,
        natives: &[Native],
    ) -> Result<(), ReadError> {
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
                let native = natives.get(index).copied().unwrap_or_default();
                seen.add(self.row_numbers.len(), cell, native);
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
    pub(super) fn finish(
        mut self,
        origin: Origin,
        mut left_out: Vec<LeftOut>,
    ) -> Result<Sheet, ReadError> {
        for note in std::mem::take(&mut self.notes) {
            let cells = Cells {
                text: &note.text,
                ends: &note.ends,
            };
            self.leave_out(LeftOut::new(note.number, note.kind, cells));
        }
        let left_out_rows = self.left_out_rows;
        let (headers, columns, renamed) = self.named_columns();
        self.row_numbers.shrink_to_fit();
        left_out.append(&mut self.left_out);
        Ok(Sheet {
            headers,
            columns,
            row_numbers: self.row_numbers,
            origin,
            uneven: self.uneven,
            empty_rows: self.empty_rows,
            left_out,
            left_out_rows,
            renamed,
        })
    }

    /// Drops nameless empty columns, names the nameless filled ones, and numbers those of one name.
    fn named_columns(&mut self) -> (Vec<String>, Vec<Column>, Vec<RenamedHeader>) {
        let mut headers = Vec::with_capacity(self.names.len());
        let mut columns = Vec::with_capacity(self.names.len());
        let mut renamed = Vec::new();
        let named = std::mem::take(&mut self.names);
        let cells = std::mem::take(&mut self.columns);
        let all: HashSet<String> = named.iter().map(|name| name.to_lowercase()).collect();
        let mut taken: HashSet<String> = HashSet::new();
        for ((index, name), (column, seen)) in named
            .into_iter()
            .enumerate()
            .zip(cells.into_iter().zip(&self.seen))
        {
            let place = index + 1;
            if name.is_empty() && !seen.filled {
                continue;
            }
            let wanted = if name.is_empty() {
                format!("column {place}")
            } else {
                name.clone()
            };
            let mut header = wanted.clone();
            let mut count = 1_u32;
            while taken.contains(&header.to_lowercase())
                || (header != name && all.contains(&header.to_lowercase()))
            {
                count += 1;
                header = format!("{wanted} ({count})");
            }
            if count > 1 && !name.is_empty() {
                renamed.push(RenamedHeader {
                    column: place,
                    header: name,
                    name: header.clone(),
                });
            }
            taken.insert(header.to_lowercase());
            headers.push(header);
            let native = seen.native.unwrap_or_default();
            let column = column.finish(native);
            columns.push(match native {
                Native::Text if !seen.numbers.is_empty() => mixed::alike(column, &seen.numbers),
                _ => column,
            });
        }
        (headers, columns, renamed)
    }
}
