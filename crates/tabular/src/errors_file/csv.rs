//! Bad rows as separated text, one at a time, in UTF-8 with the mark that spreadsheets look for.

use std::io::Write;

use super::{PROBLEM_HEADER, ROW_HEADER, WriteError, columns, escape, file_row, sentences};
use crate::sheet::Sheet;
use crate::validate::BadRows;

/// Writes the kept bad rows as CSV with the file's own delimiter.
///
/// Texts that a spreadsheet could take for a formula begin with an apostrophe.
///
/// # Errors
/// Where `out` does not take the bytes.
pub fn csv(sheet: &Sheet, bad_rows: &BadRows, mut out: impl Write) -> Result<(), WriteError> {
    out.write_all("\u{feff}".as_bytes())?;
    let delimiter = match sheet.delimiter() {
        ';' => b';',
        '\t' => b'\t',
        '|' => b'|',
        _ => b',',
    };
    let mut writer = ::csv::WriterBuilder::new()
        .delimiter(delimiter)
        .terminator(::csv::Terminator::CRLF)
        .from_writer(out);
    let columns = columns(sheet);
    let failed = |error: ::csv::Error| WriteError::Io(error.into());
    writer.write_field(ROW_HEADER).map_err(failed)?;
    writer.write_field(PROBLEM_HEADER).map_err(failed)?;
    for column in &columns {
        let header = sheet.headers.get(*column).map_or("", String::as_str);
        writer
            .write_field(escape(header).as_bytes())
            .map_err(failed)?;
    }
    writer.write_record(None::<&[u8]>).map_err(failed)?;
    for row in bad_rows.iter() {
        writer
            .write_field(file_row(sheet, &row).to_string())
            .map_err(failed)?;
        let problem = sentences(sheet, &row);
        writer
            .write_field(escape(&problem).as_bytes())
            .map_err(failed)?;
        for column in &columns {
            let cell = sheet.cell(row.index, *column);
            writer
                .write_field(escape(cell).as_bytes())
                .map_err(failed)?;
        }
        writer.write_record(None::<&[u8]>).map_err(failed)?;
    }
    writer.flush()?;
    Ok(())
}
