//! Bytes to a [`Sheet`]: the one loop over the records of a file.
//!
//! Deliberately strict where a guess would lose data (quotation marks never closed, two columns of
//! one name) and lenient where nothing is lost (empty rows, nameless empty columns).

use std::collections::HashMap;
use std::io::Read;

use super::{Column, Limits, ReadError, Sheet, UnevenRow, sniff};

/// Largest file whatever the limits say: column text is addressed with 32 bits.
const HARD_MAX_BYTES: usize = 1024 * 1024 * 1024;

/// A record put behind the file. Where it does not come out again as a record, a quotation mark
/// was never closed; the csv crate would not tell.
const TAIL: &str = "\n\u{2}end of file\u{3}\n";

/// Reads separated text: type, encoding and delimiter are found from the content.
///
/// # Errors
/// See [`ReadError`]; each says what to do. Rows of the wrong length are no error but listed in
/// [`Sheet::uneven`].
pub fn read(bytes: &[u8], limits: &Limits) -> Result<Sheet, ReadError> {
    let limit = limits.max_bytes.min(HARD_MAX_BYTES);
    if bytes.len() > limit {
        return Err(ReadError::TooLarge {
            bytes: bytes.len(),
            limit,
        });
    }
    sniff::check_type(bytes)?;
    let (text, encoding) = sniff::decode(bytes)?;
    if text.trim().is_empty() {
        return Err(ReadError::Empty);
    }
    let delimiter = sniff::delimiter(&text);
    let mut rows = Rows::new(&text, delimiter);
    let mut table = Table::new(rows.next_record()?, limits)?;
    while let Some(row) = rows.next_record()? {
        table.push(row, limits)?;
    }
    let (headers, columns) = table.named_columns()?;
    Ok(Sheet {
        headers,
        columns,
        row_numbers: table.row_numbers,
        encoding,
        delimiter: char::from(delimiter),
        uneven: table.uneven,
        empty_rows: table.empty_rows,
    })
}

/// A record with its row number.
struct Row<'a> {
    number: u32,
    cells: &'a csv::StringRecord,
}

/// The records of a text, numbered as a spreadsheet would number them.
struct Rows<'a> {
    text: &'a str,
    reader: csv::Reader<std::io::Chain<&'a [u8], &'static [u8]>>,
    record: csv::StringRecord,
    number: u32,
}

impl<'a> Rows<'a> {
    fn new(text: &'a str, delimiter: u8) -> Self {
        let reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter)
            .from_reader(text.as_bytes().chain(TAIL.as_bytes()));
        Self {
            text,
            reader,
            record: csv::StringRecord::new(),
            number: 0,
        }
    }

    /// The next record; `None` after the last.
    fn next_record(&mut self) -> Result<Option<Row<'_>>, ReadError> {
        let start = usize::try_from(self.reader.position().byte()).unwrap_or(usize::MAX);
        let more = self.reader.read_record(&mut self.record);
        let more = more.map_err(|error| ReadError::Broken {
            row: self.number + 1,
            detail: error.to_string(),
        })?;
        if !more {
            return Err(ReadError::UnclosedQuote { row: self.number });
        }
        let behind = self.reader.position().byte() > self.text.len() as u64;
        if behind && self.record.len() == 1 && self.record.get(0) == Some(TAIL.trim()) {
            return Ok(None);
        }
        // The header is row 1 even where empty lines precede it.
        let skipped = if self.number == 0 {
            0
        } else {
            self.empty_lines_from(start)
        };
        self.number += skipped + 1;
        Ok(Some(Row {
            number: self.number,
            cells: &self.record,
        }))
    }

    /// Counts the empty lines at a place, which the csv crate skips silently.
    fn empty_lines_from(&self, start: usize) -> u32 {
        let bytes = self.text.as_bytes();
        let mut count = 0;
        let mut before = start.checked_sub(1).and_then(|at| bytes.get(at)).copied();
        for byte in bytes.get(start..).unwrap_or_default() {
            match byte {
                b'\n' if before == Some(b'\r') => {}
                b'\n' | b'\r' => count += 1,
                _ => break,
            }
            before = Some(*byte);
        }
        count
    }
}

/// The columns while they are being filled.
struct Table {
    names: Vec<String>,
    needed: usize,
    columns: Vec<Column>,
    filled: Vec<bool>,
    row_numbers: Vec<u32>,
    uneven: Vec<UnevenRow>,
    empty_rows: u32,
}

impl Table {
    fn new(header: Option<Row<'_>>, limits: &Limits) -> Result<Self, ReadError> {
        let header = header.ok_or(ReadError::Empty)?;
        let names: Vec<String> = header.cells.iter().map(|h| h.trim().to_owned()).collect();
        if names.len() > limits.max_columns {
            return Err(ReadError::TooManyColumns {
                found: names.len(),
                limit: limits.max_columns,
            });
        }
        if names.iter().any(|name| name.len() > limits.max_cell_bytes) {
            return Err(ReadError::CellTooLong {
                row: 1,
                limit: limits.max_cell_bytes,
            });
        }
        let last_named = names.iter().rposition(|name| !name.is_empty());
        Ok(Self {
            needed: last_named.ok_or(ReadError::NoHeader)? + 1,
            columns: vec![Column::default(); names.len()],
            filled: vec![false; names.len()],
            names,
            row_numbers: Vec::new(),
            uneven: Vec::new(),
            empty_rows: 0,
        })
    }

    fn push(&mut self, row: Row<'_>, limits: &Limits) -> Result<(), ReadError> {
        if row.cells.iter().all(|cell| cell.trim().is_empty()) {
            self.empty_rows += 1;
            return Ok(());
        }
        if self.row_numbers.len() >= limits.max_rows {
            return Err(ReadError::TooManyRows {
                limit: limits.max_rows,
            });
        }
        if row.cells.iter().any(|c| c.len() > limits.max_cell_bytes) {
            return Err(ReadError::CellTooLong {
                row: row.number,
                limit: limits.max_cell_bytes,
            });
        }
        let expected = self.names.len();
        let surplus = row
            .cells
            .iter()
            .skip(expected)
            .any(|c| !c.trim().is_empty());
        if surplus || row.cells.len() < self.needed {
            self.uneven.push(UnevenRow {
                row: row.number,
                expected,
                found: row.cells.len(),
            });
        }
        for (index, column) in self.columns.iter_mut().enumerate() {
            let cell = row.cells.get(index).unwrap_or_default();
            self.filled[index] |= !cell.trim().is_empty();
            column.push(cell);
        }
        self.row_numbers.push(row.number);
        Ok(())
    }

    /// Drops nameless empty columns, names the nameless filled ones and refuses doubles.
    fn named_columns(&mut self) -> Result<(Vec<String>, Vec<Column>), ReadError> {
        let mut headers = Vec::with_capacity(self.names.len());
        let mut columns = Vec::with_capacity(self.names.len());
        let mut places: HashMap<String, (usize, String)> = HashMap::new();
        let named = std::mem::take(&mut self.names);
        let cells = std::mem::take(&mut self.columns);
        for (index, (name, column)) in named.into_iter().zip(cells).enumerate() {
            let place = index + 1;
            if name.is_empty() && !self.filled[index] {
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
            columns.push(column);
        }
        Ok((headers, columns))
    }
}
