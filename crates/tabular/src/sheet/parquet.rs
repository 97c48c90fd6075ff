//! Parquet files with one value per cell: the columns of tables that programs export.
//!
//! Deliberately without nested columns, and without the packings that programs no longer write (LZO, Brotli, the
//! first LZ4); what is not read is said.

use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};

use ::parquet::basic::{Compression, LogicalType, Repetition, TimeUnit};
use ::parquet::file::metadata::ParquetMetaData;
use ::parquet::file::reader::{FileReader, SerializedFileReader};
use ::parquet::record::Field;
use bytes::Bytes;
use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeDelta};
use flate2::read::MultiGzDecoder;

use super::archive::Content;
use super::line::{Line, push_number};
use super::pages::{self, Page};
use super::table::{Cells, Table};
use super::{FileFormat, Limits, Native, Origin, ReadError, ReadOptions, Sheet, Source};

/// Rows that are unpacked at once where texts are written by what they have in common: each may be
/// as long as its page.
const PREFIXED_BATCH: usize = 16;

/// What such rows may take whatever the limits say, in bytes.
const PREFIXED_FREE_BYTES: u64 = 64 * 1024 * 1024;

/// Reads a Parquet file.
pub(super) fn read(source: &dyn Source, options: &ReadOptions) -> Result<Sheet, ReadError> {
    let mut bytes = Vec::new();
    Content::plain(source, &options.limits)
        .open()?
        .read_to_end(&mut bytes)?;
    // The parquet crate panics on some damaged pages (an index beyond a dictionary, for example)
    // instead of returning an error; nothing of it outlives the call.
    catch_unwind(AssertUnwindSafe(|| read_bytes(bytes, &options.limits)))
        .unwrap_or_else(|_| Err(damaged(&"its pages contradict each other")))
}

fn damaged(error: &dyn std::fmt::Display) -> ReadError {
    ReadError::Damaged {
        what: "the Parquet file",
        detail: error.to_string(),
    }
}

fn unsupported(what: String) -> ReadError {
    ReadError::Unsupported {
        what,
        advice: "write it with plain columns and Snappy, Zstandard or gzip, or export it as CSV (UTF-8)",
    }
}

fn read_bytes(bytes: Vec<u8>, limits: &Limits) -> Result<Sheet, ReadError> {
    let packed = bytes.len() as u64;
    let bytes = Bytes::from(bytes);
    let reader = SerializedFileReader::new(bytes.clone()).map_err(|e| damaged(&e))?;
    check(reader.metadata(), limits, packed)?;
    let is_prefixed = check_pages(reader.metadata(), &bytes, limits)?;
    let schema = reader.metadata().file_metadata().schema_descr();
    let names: Vec<&str> = schema
        .columns()
        .iter()
        .map(|column| column.name())
        .collect();
    let nanos: Vec<bool> = schema
        .columns()
        .iter()
        .map(|c| is_nanos(c.logical_type_ref()))
        .collect();
    let header = names.concat();
    let ends: Vec<usize> = names
        .iter()
        .scan(0, |end, name| {
            *end += name.len();
            Some(*end)
        })
        .collect();
    let header = Cells {
        text: &header,
        ends: &ends,
    };
    let mut table = Table::new(1, header, limits)?;
    let mut line = Line::default();
    let mut rows = reader.get_row_iter(None).map_err(|e| damaged(&e))?;
    if is_prefixed {
        rows = rows.with_batch_size(PREFIXED_BATCH);
    }
    for (number, row) in (2_u32..).zip(rows) {
        let row = row.map_err(|e| damaged(&e))?;
        line.clear();
        for ((_, field), nanos) in row.get_column_iter().zip(&nanos) {
            let native = render(field, *nanos, line.text_mut());
            line.end_cell(native);
        }
        table.push(number, line.cells(), line.natives())?;
    }
    table.finish(Origin::of(FileFormat::Parquet), Vec::new())
}

/// What the file says of itself must hold the limits before anything is unpacked.
fn check(metadata: &ParquetMetaData, limits: &Limits, packed: u64) -> Result<(), ReadError> {
    let file = metadata.file_metadata();
    for field in file.schema().get_fields() {
        let repeated = field.get_basic_info().has_repetition()
            && field.get_basic_info().repetition() == Repetition::REPEATED;
        if !field.is_primitive() || repeated {
            let name = field.name();
            return Err(unsupported(format!(
                "the column \"{name}\" of the Parquet file is nested, which is not read"
            )));
        }
    }
    if usize::try_from(file.num_rows()).map_or(true, |rows| rows > limits.max_rows) {
        return Err(ReadError::TooManyRows {
            limit: limits.max_rows,
        });
    }
    let limit = limits.expanded_bytes(packed);
    let mut expanded: u64 = 0;
    for chunk in metadata
        .row_groups()
        .iter()
        .flat_map(|group| group.columns())
    {
        if !matches!(
            chunk.compression(),
            Compression::UNCOMPRESSED
                | Compression::SNAPPY
                | Compression::GZIP(_)
                | Compression::ZSTD(_)
                | Compression::LZ4_RAW
        ) {
            return Err(unsupported(format!(
                "the Parquet file is packed by a method that is not read ({})",
                chunk.compression()
            )));
        }
        let size = u64::try_from(chunk.uncompressed_size()).map_err(|e| damaged(&e))?;
        expanded = expanded.saturating_add(size);
    }
    if expanded > limit {
        return Err(ReadError::TooLargeExpanded { limit });
    }
    Ok(())
}

/// What the pages say that they unpack to must hold the limits too, as memory is set aside by it;
/// answers whether any holds texts by what they have in common.
fn check_pages(
    metadata: &ParquetMetaData,
    bytes: &[u8],
    limits: &Limits,
) -> Result<bool, ReadError> {
    let limit = limits.expanded_bytes(bytes.len() as u64);
    let too_large = || ReadError::TooLargeExpanded { limit };
    let (mut expanded, mut is_prefixed) = (0_u64, false);
    for chunk in metadata
        .row_groups()
        .iter()
        .flat_map(|group| group.columns())
    {
        let start = chunk.dictionary_page_offset();
        let start = start.unwrap_or_else(|| chunk.data_page_offset());
        let range = usize::try_from(start)
            .ok()
            .zip(usize::try_from(chunk.compressed_size()).ok())
            .and_then(|(start, length)| bytes.get(start..start.checked_add(length)?));
        // Gzip unpacks into as many bytes as come, the others into as many as the page says.
        let check = |page: Page<'_>| match chunk.compression() {
            Compression::GZIP(_) => unpacks_as_said(page),
            _ => true,
        };
        let pages = range.and_then(|range| pages::sizes(range, check));
        let pages = pages.ok_or_else(|| damaged(&"its pages contradict its columns"))?;
        expanded = expanded.saturating_add(pages.total);
        is_prefixed |= pages.prefixed;
        let copies = pages.largest.saturating_mul(PREFIXED_BATCH as u64);
        if expanded > limit || (pages.prefixed && copies > limit.max(PREFIXED_FREE_BYTES)) {
            return Err(too_large());
        }
    }
    Ok(is_prefixed)
}

/// Whether a page packed by gzip unpacks to no more than it says; what is broken is told later.
fn unpacks_as_said(page: Page<'_>) -> bool {
    let packed = page.content.get(page.bare..).unwrap_or_default();
    let said = page.unpacked.saturating_sub(page.bare as u64);
    let unpacked = MultiGzDecoder::new(packed).take(said.saturating_add(1));
    // A page that is not packed at all is no archive, and costs nothing.
    io::copy(&mut { unpacked }, &mut io::sink()).map_or(true, |bytes| bytes <= said)
}

fn is_nanos(logical: Option<&LogicalType>) -> bool {
    matches!(logical, Some(LogicalType::Timestamp(kind)) if kind.unit == TimeUnit::NANOS)
}

/// Appends a value as text and says what it is.
fn render(field: &Field, nanos: bool, text: &mut String) -> Native {
    match field {
        Field::Bool(truth) => {
            text.push_str(if *truth { "true" } else { "false" });
            return Native::Booleans;
        }
        Field::Long(value) if nanos => {
            return push_moment(
                Some(DateTime::from_timestamp_nanos(*value).naive_utc()),
                text,
            );
        }
        Field::Float(value) if value.is_finite() => {
            // By its own shortest text, since 0.1 as a single is not 0.1 as a double.
            push_number(value.to_string().parse().unwrap_or(f64::from(*value)), text);
        }
        Field::Float(_) => {}
        Field::Float16(value) => push_number(f64::from(f32::from(*value)), text),
        Field::Double(value) => push_number(*value, text),
        Field::Str(value) => {
            text.push_str(value);
            return Native::Text;
        }
        Field::Bytes(value) => {
            text.push_str(&String::from_utf8_lossy(value.data()));
            return Native::Text;
        }
        Field::Date(days) => {
            let day = NaiveDate::from_ymd_opt(1970, 1, 1)
                .and_then(|day| day.checked_add_signed(TimeDelta::days(i64::from(*days))));
            return push_moment(day.and_then(|day| day.and_hms_opt(0, 0, 0)), text);
        }
        Field::TimestampMillis(value) => {
            return push_moment(
                DateTime::from_timestamp_millis(*value).map(|t| t.naive_utc()),
                text,
            );
        }
        Field::TimestampMicros(value) => {
            return push_moment(
                DateTime::from_timestamp_micros(*value).map(|t| t.naive_utc()),
                text,
            );
        }
        Field::Null => return Native::Text,
        Field::TimeMillis(_) | Field::TimeMicros(_) => {
            text.push_str(&field.to_string());
            return Native::Text;
        }
        // Whole numbers and decimals.
        number => text.push_str(&number.to_string()),
    }
    Native::Numbers
}

/// Appends a moment as ISO 8601, day only where there is no time; nothing where it has no date.
fn push_moment(moment: Option<NaiveDateTime>, text: &mut String) -> Native {
    if let Some(moment) = moment {
        let form = if moment.time() == chrono::NaiveTime::MIN {
            "%Y-%m-%d"
        } else {
            "%Y-%m-%dT%H:%M:%S"
        };
        text.push_str(&moment.format(form).to_string());
    }
    Native::Dates
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn pages_that_unpack_to_more_than_they_say_are_seen() {
        let mut packer = flate2::write::GzEncoder::new(vec![7; 3], flate2::Compression::best());
        packer.write_all(&[0; 100_000]).expect("memory takes it");
        let content = packer.finish().expect("memory takes it");
        let page = |unpacked| Page {
            unpacked,
            bare: 3,
            content: &content,
        };
        assert!(unpacks_as_said(page(100_003)));
        assert!(!unpacks_as_said(page(100_002)) && !unpacks_as_said(page(0)));
    }
}
