//! Reads a CSV file of quotes row by row, each with its cells and with its bytes as they stand.
//! Deliberately no understanding of the cells: that is the model's.

use std::{
    cell::RefCell,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    rc::Rc,
};

use csv::{ByteRecord, Reader, ReaderBuilder};

use crate::error::{Error, Result};

const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// What a file's first row says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The row as it stands, without its end of line.
    pub raw: Vec<u8>,
    /// Column names.
    pub columns: Vec<String>,
    /// What separates cells.
    pub delimiter: u8,
    /// What ends a line.
    pub line_end: &'static [u8],
}

/// One quote of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The row as it stands, without its end of line.
    pub raw: Vec<u8>,
    /// Its cells, as many as there are columns.
    pub cells: Vec<String>,
}

/// A file of quotes, read in order with bounded memory.
#[derive(Debug)]
pub struct QuoteFile {
    path: PathBuf,
    header: Header,
    reader: Reader<Recorder>,
    recorded: Rc<RefCell<Recorded>>,
    record: ByteRecord,
    row: u64,
}

impl QuoteFile {
    /// Opens a file and reads its header.
    ///
    /// # Errors
    /// Where the file cannot be read, or is no CSV file with a header.
    pub fn open(path: &Path) -> Result<Self> {
        let delimiter = find_delimiter(path)?;
        let file = File::open(path).map_err(Error::file(path))?;
        let recorded = Rc::default();
        let reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter)
            .from_reader(Recorder {
                file,
                recorded: Rc::clone(&recorded),
            });
        let mut quotes = Self {
            path: path.to_owned(),
            header: Header {
                raw: Vec::new(),
                columns: Vec::new(),
                delimiter,
                line_end: b"\n",
            },
            reader,
            recorded,
            record: ByteRecord::new(),
            row: 0,
        };
        quotes.read_header()?;
        Ok(quotes)
    }

    /// The header.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    fn read_header(&mut self) -> Result<()> {
        let Some((raw, columns)) = self.read_record()? else {
            return Err(Error::content(&self.path, "the file is empty"));
        };
        for (index, name) in columns.iter().enumerate() {
            if columns[..index].contains(name) {
                let problem = format!("two columns are called {name:?}: rename one");
                return Err(Error::content(&self.path, problem));
            }
        }
        if raw.ends_with(b"\r") {
            self.header.line_end = b"\r\n";
        }
        self.header.raw = without_line_end(&raw).to_vec();
        self.header.columns = columns;
        Ok(())
    }

    /// The next quote; `None` after the last.
    ///
    /// # Errors
    /// Where the file cannot be read, or a row does not fit the header.
    pub fn next_row(&mut self) -> Result<Option<Row>> {
        let Some((raw, cells)) = self.read_record()? else {
            return Ok(None);
        };
        if cells.len() != self.header.columns.len() {
            return Err(self.problem(&format!(
                "it has {} cells where the header has {}",
                cells.len(),
                self.header.columns.len()
            )));
        }
        let raw = without_line_end(&raw).to_vec();
        Ok(Some(Row { raw, cells }))
    }

    fn read_record(&mut self) -> Result<Option<(Vec<u8>, Vec<String>)>> {
        let found = self.reader.read_byte_record(&mut self.record);
        if !found.map_err(|error| self.csv_error(error))? {
            return Ok(None);
        }
        self.row += 1;
        let start = self.record.position().map_or(0, csv::Position::byte);
        let end = self.reader.position().byte();
        let raw = self.recorded.borrow_mut().take(start, end);
        let cells: Option<Vec<String>> = self
            .record
            .iter()
            .map(|cell| String::from_utf8(cell.to_vec()).ok())
            .collect();
        cells.map(|cells| Some((raw, cells))).ok_or_else(|| {
            self.problem("it is not UTF-8 text: save the file as \"CSV UTF-8\" and try again")
        })
    }

    fn problem(&self, problem: &str) -> Error {
        Error::content(&self.path, format!("row {}: {problem}", self.row))
    }

    fn csv_error(&self, error: csv::Error) -> Error {
        match error.into_kind() {
            csv::ErrorKind::Io(error) => Error::file(&self.path)(error),
            kind => self.problem(&format!("it cannot be read: {kind:?}")),
        }
    }
}

/// Hands on a file's bytes and keeps those that were not asked back yet.
#[derive(Debug)]
struct Recorder {
    file: File,
    recorded: Rc<RefCell<Recorded>>,
}

impl Read for Recorder {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let size = self.file.read(buffer)?;
        self.recorded
            .borrow_mut()
            .bytes
            .extend_from_slice(&buffer[..size]);
        Ok(size)
    }
}

#[derive(Debug, Default)]
struct Recorded {
    bytes: Vec<u8>,
    // Position in the file of the first byte kept, and how many bytes at the front are done with.
    offset: u64,
    done: usize,
}

impl Recorded {
    fn take(&mut self, start: u64, end: u64) -> Vec<u8> {
        let at = |position: u64| {
            let distance = position.saturating_sub(self.offset);
            usize::try_from(distance)
                .unwrap_or(usize::MAX)
                .min(self.bytes.len())
        };
        let (start, end) = (at(start), at(end));
        let raw = self.bytes[start.min(end)..end].to_vec();
        self.done = end;
        // Moving the rest to the front on every row would cost more than reading it.
        if self.done > self.bytes.len() / 2 {
            self.bytes.drain(..self.done);
            self.offset += self.done as u64;
            self.done = 0;
        }
        raw
    }
}

// The reader counts a line feed that follows a carriage return to the next record.
fn without_line_end(raw: &[u8]) -> &[u8] {
    let is_end = |byte: &&u8| matches!(byte, b'\r' | b'\n');
    let start = raw.iter().take_while(is_end).count();
    let end = raw.len() - raw[start..].iter().rev().take_while(is_end).count();
    &raw[start..end]
}

fn find_delimiter(path: &Path) -> Result<u8> {
    let mut start = Vec::new();
    File::open(path)
        .and_then(|file| file.take(64 * 1024).read_to_end(&mut start))
        .map_err(Error::file(path))?;
    if start.starts_with(b"PK\x03\x04") || start.contains(&0) {
        return Err(Error::content(
            path,
            "is not a CSV file in UTF-8: save it as \"CSV UTF-8\" and try again",
        ));
    }
    let mut quoted = false;
    let mut counts = [0_usize; DELIMITERS.len()];
    for byte in start {
        match byte {
            b'"' => quoted = !quoted,
            b'\r' | b'\n' if !quoted => break,
            _ if quoted => {}
            _ => {
                if let Some(index) = DELIMITERS.iter().position(|&d| d == byte) {
                    counts[index] += 1;
                }
            }
        }
    }
    let mut best = 0;
    for index in 1..counts.len() {
        if counts[index] > counts[best] {
            best = index;
        }
    }
    Ok(DELIMITERS[best])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_file<T>(content: &[u8], test: impl FnOnce(&Path) -> T) -> T {
        let path = std::env::temp_dir().join(format!("valutai-{}.csv", uuid::Uuid::new_v4()));
        std::fs::write(&path, content).expect("writes");
        let outcome = test(&path);
        std::fs::remove_file(&path).expect("cleans up");
        outcome
    }

    fn read(content: &[u8]) -> Result<(Header, Vec<Row>)> {
        with_file(content, |path| {
            let mut file = QuoteFile::open(path)?;
            let mut rows = Vec::new();
            while let Some(row) = file.next_row()? {
                rows.push(row);
            }
            Ok((file.header().clone(), rows))
        })
    }

    #[test]
    fn rows_keep_their_bytes() {
        let content =
            b"\xef\xbb\xbfid;\"a;b\";note\r\n1;\"x \"\"y\"\"\";\"two\r\nlines\"\r\n\r\n2 ; z;\r\n";
        let (header, rows) = read(content).expect("reads");
        assert_eq!(header.delimiter, b';');
        assert_eq!(header.line_end, b"\r\n");
        assert_eq!(header.columns, ["id", "a;b", "note"]);
        assert_eq!(header.raw, b"\xef\xbb\xbfid;\"a;b\";note");
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0].raw, b"1;\"x \"\"y\"\"\";\"two\r\nlines\"");
        assert_eq!(rows[0].cells, ["1", "x \"y\"", "two\r\nlines"]);
        assert_eq!(rows[1].raw, b"2 ; z;");
        assert_eq!(rows[1].cells, ["2 ", " z", ""]);
    }

    #[test]
    fn a_long_file_is_read_row_for_row() {
        let mut content = String::from("a,b\n");
        for index in 0..20_000 {
            content.push_str(&format!("{index},\"v,{index}\"\n"));
        }
        let (header, rows) = read(content.trim_end().as_bytes()).expect("reads");
        assert_eq!(header.line_end, b"\n");
        assert_eq!(rows.len(), 20_000);
        for (index, row) in rows.iter().enumerate() {
            assert_eq!(row.raw, format!("{index},\"v,{index}\"").as_bytes());
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let problem = |content: &[u8]| read(content).expect_err("is wrong").to_string();
        assert!(problem(b"").contains("empty"));
        assert!(problem(b"a,b\n1\n").contains("row 2: it has 1 cells where the header has 2"));
        assert!(problem(b"a,a\n1,2\n").contains("two columns"));
        assert!(problem(b"a,b\n\xff,2\n").contains("UTF-8"));
        assert!(problem(b"PK\x03\x04...").contains("CSV"));
    }
}
