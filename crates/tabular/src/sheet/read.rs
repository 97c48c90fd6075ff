//! A source to a [`Sheet`]: which reader a content is given to.
//!
//! Deliberately no reading of its own beyond the one loop over the records of a text.

use std::io::Read;

use crate::errors_file::{is_report_column, unescape};

use super::archive::{self, Content};
use super::decode::{Decoding, TextEncoding};
use super::layout::Intake;
use super::records::Records;
use super::sniff::{self, Kind};
use super::survey::Survey;
use super::workbook::{xls, xlsx};
use super::{FileFormat, Limits, Origin, ReadError, ReadOptions, Sheet, Source, parquet, survey};

/// First bytes that decide the kind of a content.
const START_BYTES: u64 = 512;

/// Reads a table: format, archive, encoding, delimiter and sheet are found from the content where
/// the options do not state them. Text is read as a stream, in several passes. The cells of a file
/// of errors ([`crate::errors_file`]) come out as they stood before they were written into it.
///
/// # Errors
/// See [`ReadError`]; each says what to do. Rows of the wrong length are no error but listed in
/// [`Sheet::uneven`].
pub fn read(source: &dyn Source, options: &ReadOptions) -> Result<Sheet, ReadError> {
    let mut sheet = read_as_it_stands(source, options)?;
    if sheet.headers.iter().any(|header| is_report_column(header)) {
        without_escapes(&mut sheet);
    }
    Ok(sheet)
}

/// Takes off the apostrophes that a file of errors puts in front of what could be a formula.
fn without_escapes(sheet: &mut Sheet) {
    let mut changed = Vec::new();
    for (column, cells) in sheet.columns.iter().enumerate() {
        for (row, cell) in cells.iter().enumerate() {
            let plain = unescape(cell);
            if plain.len() != cell.len() {
                changed.push((row, column, plain.to_owned()));
            }
        }
    }
    sheet.set_cells(changed);
    for at in 0..sheet.headers.len() {
        let plain = sheet
            .headers
            .get(at)
            .map(|header| unescape(header).to_owned());
        // A name that another column has would make two of one name.
        let free = |name: &String| sheet.column_index(name).is_none();
        if let (Some(plain), Some(header)) = (plain.filter(free), sheet.headers.get_mut(at)) {
            *header = plain;
        }
    }
}

fn read_as_it_stands(source: &dyn Source, options: &ReadOptions) -> Result<Sheet, ReadError> {
    let limits = &options.limits;
    let limit = limits.file_bytes() as u64;
    if source.size_bytes() > limit {
        return Err(ReadError::TooLarge {
            bytes: source.size_bytes(),
            limit,
        });
    }
    let plain = Content::plain(source, limits);
    match kind_of(&plain)? {
        Kind::Text => read_text(&plain, options),
        Kind::Gzip => read_packed(&Content::gzip(source, limits), options),
        Kind::Zip => {
            let mut archive = archive::open_zip(source, limits)?;
            if xlsx::is_workbook(&archive)? {
                xlsx::check_size(&mut archive, limits, source.size_bytes())?;
                return xlsx::read(archive.into_inner(), options);
            }
            read_packed(&Content::zip(source, limits, &mut archive)?, options)
        }
        Kind::Parquet => parquet::read(source, options),
        Kind::Compound => xls::read(source, options),
    }
}

fn kind_of(content: &Content<'_>) -> Result<Kind, ReadError> {
    let mut start = Vec::new();
    content.open()?.take(START_BYTES).read_to_end(&mut start)?;
    sniff::kind(&start)
}

/// Reads the text in an archive; anything else would be a second layer.
fn read_packed(content: &Content<'_>, options: &ReadOptions) -> Result<Sheet, ReadError> {
    match kind_of(content)? {
        Kind::Text => read_text(content, options),
        kind => Err(ReadError::NestedArchive {
            looks_like: kind.looks_like(),
        }),
    }
}

fn read_text(content: &Content<'_>, options: &ReadOptions) -> Result<Sheet, ReadError> {
    let survey = survey::survey(content, options)?;
    let origin = Origin {
        archive: content.archive(),
        encoding: survey.encoding.name(),
        encoding_sure: survey.sure,
        delimiter: Some(char::from(survey.delimiter)),
        ..Origin::of(FileFormat::Text)
    };
    let reader = content.open()?;
    if survey.encoding == TextEncoding::Web(encoding_rs::UTF_8) && survey.broken == 0 {
        // Checked in the first pass, so only the byte order mark is in the way.
        let reader = WithoutMark::new(reader)?;
        read_records(reader, &survey, origin, &options.limits)
    } else {
        let mut reader = Decoding::new(reader, survey.encoding);
        if survey.broken > 0 {
            reader = reader.replacing_what_is_broken();
        }
        read_records(reader, &survey, origin, &options.limits)
    }
}

fn read_records(
    reader: impl Read,
    survey: &Survey,
    origin: Origin,
    limits: &Limits,
) -> Result<Sheet, ReadError> {
    let mut records = Records::new(reader, survey.delimiter, limits);
    if survey.states_delimiter {
        records.skip_line()?;
    }
    let mut intake = Intake::new(survey.layout, limits, false);
    while let Some(row) = records.next_row()? {
        intake.push(row.number, row.cells, &[])?;
    }
    intake.finish(origin)
}

/// A stream of UTF-8 without its byte order mark.
struct WithoutMark<R> {
    start: std::io::Cursor<Vec<u8>>,
    rest: R,
}

impl<R: Read> WithoutMark<R> {
    fn new(mut rest: R) -> Result<Self, ReadError> {
        let mut start = Vec::new();
        (&mut rest).take(3).read_to_end(&mut start)?;
        if start == b"\xEF\xBB\xBF" {
            start.clear();
        }
        Ok(Self {
            start: std::io::Cursor::new(start),
            rest,
        })
    }
}

impl<R: Read> Read for WithoutMark<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self.start.read(buffer)? {
            0 => self.rest.read(buffer),
            read => Ok(read),
        }
    }
}
