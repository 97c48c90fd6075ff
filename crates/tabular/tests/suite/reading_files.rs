//! Archives and workbooks to sheets, with what is refused of them.
//!
//! Not about separated text itself; that is in `reading.rs` and `reading_dialects.rs`.
#![expect(clippy::unwrap_used, reason = "tests may panic")]

use std::io::{Cursor, Write};

use rust_xlsxwriter::{ExcelDateTime, Format, Formula, Workbook};
use tabular::{Archive, FileFormat, Limits, Native, ReadError, ReadOptions, Sheet, read};

const TEXT: &str = "name,price\nAda,1\nBob,2\n";

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        let options = zip::write::SimpleFileOptions::default();
        writer.start_file(*name, options).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn sheet(bytes: &[u8]) -> Sheet {
    read(&bytes, &ReadOptions::default()).unwrap()
}

fn refusal(bytes: &[u8]) -> ReadError {
    read(&bytes, &ReadOptions::default()).unwrap_err()
}

#[test]
fn archives_of_one_text_are_read() {
    let plain = sheet(TEXT.as_bytes());
    let packed = [
        (gzip(TEXT.as_bytes()), Archive::Gzip),
        (zip(&[("a.csv", TEXT.as_bytes())]), Archive::Zip),
        (
            zip(&[
                ("folder/../../etc/passwd", TEXT.as_bytes()),
                ("__MACOSX/._a.csv", b"x"),
            ]),
            Archive::Zip,
        ),
    ];
    for (bytes, archive) in packed {
        let found = sheet(&bytes);
        assert_eq!(found.origin.archive, Some(archive));
        assert_eq!(found.origin.format, FileFormat::Text);
        assert_eq!(
            (&found.headers, &found.columns),
            (&plain.headers, &plain.columns)
        );
    }
}

#[test]
fn other_archives_are_refused_with_advice() {
    let several = refusal(&zip(&[("a.csv", b"a,b\n"), ("b.csv", b"a,b\n")]));
    let ReadError::SeveralFiles { count: 2, names } = &several else {
        panic!("{several}");
    };
    assert_eq!(names, &["a.csv", "b.csv"]);
    for nested in [
        gzip(&gzip(TEXT.as_bytes())),
        gzip(&zip(&[("a.csv", TEXT.as_bytes())])),
        zip(&[("a.gz", &gzip(TEXT.as_bytes()))]),
    ] {
        assert!(matches!(refusal(&nested), ReadError::NestedArchive { .. }));
    }
    let mut cut = gzip(TEXT.as_bytes());
    cut.truncate(cut.len() - 9);
    assert!(matches!(refusal(&cut), ReadError::Damaged { .. }));
    let mut wrong = zip(&[("a.csv", TEXT.as_bytes())]);
    // A byte of the packed content: 30 bytes of header and five of the name stand before it.
    wrong[40] ^= 0x55;
    assert!(matches!(refusal(&wrong), ReadError::Damaged { .. }));
}

#[test]
fn archive_bombs_are_refused() {
    let mut text = b"a,b\n".to_vec();
    let line = [b"1,", "2".repeat(30_000).as_bytes(), b"\n"].concat();
    text.extend_from_slice(&line.repeat(300));
    for bytes in [gzip(&text), zip(&[("a.csv", &text)])] {
        let error = refusal(&bytes);
        assert!(
            matches!(error, ReadError::TooLargeExpanded { .. }),
            "{error}"
        );
    }
    let limits = Limits {
        max_expanded_bytes: 10,
        ..Limits::default()
    };
    let options = ReadOptions {
        limits,
        ..ReadOptions::default()
    };
    let error = read(&gzip(TEXT.as_bytes()), &options).unwrap_err();
    assert_eq!(error, ReadError::TooLargeExpanded { limit: 10 });
}

fn workbook() -> Vec<u8> {
    let mut book = Workbook::new();
    let notes = book.add_worksheet();
    notes.set_name("Notes").unwrap();
    notes.write(0, 0, "Read me").unwrap();
    notes.write(1, 0, "and this").unwrap();
    let quotes = book.add_worksheet();
    quotes.set_name("Quotes").unwrap();
    quotes.write(0, 0, "Quotes of 2024").unwrap();
    quotes.write(1, 0, "made by sales").unwrap();
    for (at, name) in ["id", "price", "date", "at", "open", "share", "note"]
        .iter()
        .enumerate()
    {
        quotes.write(3, u16::try_from(at).unwrap(), *name).unwrap();
    }
    let day = Format::new().set_num_format("dd.mm.yyyy");
    let moment = Format::new().set_num_format("yyyy-mm-dd hh:mm:ss");
    let percent = Format::new().set_num_format("0.0%");
    for row in 0..3_u32 {
        let at = row + 4;
        quotes.write(at, 0, format!("00{row}")).unwrap();
        quotes.write(at, 1, 0.1 + 0.2 + f64::from(row)).unwrap();
        let date = ExcelDateTime::from_ymd(2024, 2, 28 + u8::try_from(row % 2).unwrap()).unwrap();
        quotes.write_with_format(at, 2, &date, &day).unwrap();
        let date = date.and_hms(13, 5, 9).unwrap();
        quotes.write_with_format(at, 3, &date, &moment).unwrap();
        quotes.write(at, 4, row == 1).unwrap();
        quotes.write_with_format(at, 5, 0.125, &percent).unwrap();
    }
    quotes.write(5, 6, "a, \"b\"\nc").unwrap();
    quotes
        .write_formula(6, 6, Formula::new("=1/0").set_result("#DIV/0!"))
        .unwrap();
    book.save_to_buffer().unwrap()
}

#[test]
fn workbooks_are_read_with_their_true_values() {
    let sheet = sheet(&workbook());
    let origin = &sheet.origin;
    assert_eq!(origin.format, FileFormat::Xlsx);
    assert_eq!((origin.sheet.as_str(), origin.skipped_rows), ("Quotes", 2));
    let told: Vec<_> = origin
        .sheets
        .iter()
        .map(|info| (info.name.as_str(), info.suggested))
        .collect();
    assert_eq!(told, [("Notes", false), ("Quotes", true)]);
    assert_eq!(sheet.row_numbers, [5, 6, 7]);
    assert!(sheet.uneven.is_empty());
    let row: Vec<&str> = (0..6).map(|column| sheet.cell(0, column)).collect();
    assert_eq!(
        row,
        [
            "000",
            "0.30000000000000004",
            "2024-02-28",
            "2024-02-28T13:05:09",
            "false",
            "0.125"
        ]
    );
    assert_eq!(sheet.cell(1, 6), "a, \"b\"\nc");
    let natives: Vec<Native> = sheet.columns.iter().map(tabular::Column::native).collect();
    assert_eq!(
        natives,
        [
            Native::Text,
            Native::Numbers,
            Native::Dates,
            Native::Dates,
            Native::Booleans,
            Native::Numbers,
            Native::Text
        ]
    );
}

#[test]
fn a_sheet_can_be_chosen() {
    let options = |name: &str| ReadOptions {
        sheet: Some(name.to_owned()),
        ..ReadOptions::default()
    };
    let notes = read(&workbook(), &options("notes")).unwrap();
    assert_eq!(
        (notes.origin.sheet.as_str(), notes.headers.len()),
        ("Notes", 1)
    );
    let error = read(&workbook(), &options("Deals"))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("Quotes") && error.contains("Deals"),
        "{error}"
    );
}

#[test]
fn cells_far_apart_cost_nothing() {
    let mut book = Workbook::new();
    let page = book.add_worksheet();
    page.write(0, 0, "a").unwrap();
    page.write(0, 1, "b").unwrap();
    page.write(1_048_575, 1, 1).unwrap();
    let bytes = book.save_to_buffer().unwrap();
    let found = sheet(&bytes);
    assert_eq!((found.row_count(), found.row_numbers), (1, vec![1_048_576]));
    let mut book = Workbook::new();
    book.add_worksheet().write(0, 16_383, "a").unwrap();
    let bytes = book.save_to_buffer().unwrap();
    assert!(matches!(refusal(&bytes), ReadError::TooManyColumns { .. }));
}

#[test]
fn damaged_workbooks_are_refused() {
    let whole = workbook();
    for step in 1..40 {
        let mut cut = whole.clone();
        cut.truncate(whole.len() * step / 40);
        assert!(read(&cut, &ReadOptions::default()).is_err());
        let mut changed = whole.clone();
        let at = whole.len() * step / 40;
        changed[at] ^= 0xFF;
        // Some bytes mean nothing; what counts is that nothing panics.
        let _ = read(&changed, &ReadOptions::default());
    }
}

/// A Parquet file of three rows, with a column of each kind.
fn parquet_file(packing: parquet::basic::Compression) -> Vec<u8> {
    use parquet::data_type::{
        BoolType, ByteArray, ByteArrayType, DoubleType, Int32Type, Int64Type,
    };
    let schema = "message quotes {
        required binary name (UTF8);
        optional double price;
        required int32 date (DATE);
        required int64 at (TIMESTAMP(NANOS,false));
        required boolean open;
        required int64 units;
    }";
    let schema = parquet::schema::parser::parse_message_type(schema).unwrap();
    let properties = parquet::file::properties::WriterProperties::builder()
        .set_compression(packing)
        .build();
    let mut bytes = Vec::new();
    let mut writer = parquet::file::writer::SerializedFileWriter::new(
        &mut bytes,
        schema.into(),
        properties.into(),
    )
    .unwrap();
    let mut group = writer.next_row_group().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    let names: Vec<ByteArray> = ["Ada", "Łukasz", "Ada"].map(ByteArray::from).to_vec();
    column
        .typed::<ByteArrayType>()
        .write_batch(&names, None, None)
        .unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    column
        .typed::<DoubleType>()
        .write_batch(&[0.1, 1e300], Some(&[1, 0, 1]), None)
        .unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    column
        .typed::<Int32Type>()
        .write_batch(&[0, 19_782, -1], None, None)
        .unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    let nanos = [0, 1_709_211_909_000_000_000, 86_400_000_000_000];
    column
        .typed::<Int64Type>()
        .write_batch(&nanos, None, None)
        .unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    column
        .typed::<BoolType>()
        .write_batch(&[true, false, true], None, None)
        .unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    column
        .typed::<Int64Type>()
        .write_batch(&[1, -2, 3], None, None)
        .unwrap();
    column.close().unwrap();
    group.close().unwrap();
    writer.close().unwrap();
    bytes
}

#[test]
fn parquet_is_read_however_it_is_packed() {
    use parquet::basic::{Compression, GzipLevel, ZstdLevel};
    let plain = sheet(&parquet_file(Compression::UNCOMPRESSED));
    for packing in [
        Compression::GZIP(GzipLevel::default()),
        Compression::ZSTD(ZstdLevel::default()),
        Compression::LZ4_RAW,
    ] {
        let packed = sheet(&parquet_file(packing));
        for row in 0..3 {
            assert!(packed.record(row).eq(plain.record(row)), "{packing:?}");
        }
    }
    let old = parquet_file(Compression::LZ4);
    let refusal = read(&old, &ReadOptions::default()).expect_err("is not read");
    assert!(
        refusal.to_string().contains("packed by a method"),
        "{refusal}"
    );
}

#[test]
fn parquet_is_read_with_its_true_values() {
    let sheet = sheet(&parquet_file(parquet::basic::Compression::SNAPPY));
    assert_eq!(sheet.origin.format, FileFormat::Parquet);
    assert_eq!(
        sheet.headers,
        ["name", "price", "date", "at", "open", "units"]
    );
    let rows: Vec<Vec<&str>> = (0..3)
        .map(|row| sheet.record(row).map(|(_, cell)| cell).collect())
        .collect();
    assert_eq!(
        rows[0],
        ["Ada", "0.1", "1970-01-01", "1970-01-01", "true", "1"]
    );
    assert_eq!(
        rows[1],
        [
            "Łukasz",
            "",
            "2024-02-29",
            "2024-02-29T13:05:09",
            "false",
            "-2"
        ]
    );
    assert_eq!(
        rows[2],
        ["Ada", "1e300", "1969-12-31", "1970-01-02", "true", "3"]
    );
    let natives: Vec<Native> = sheet.columns.iter().map(tabular::Column::native).collect();
    assert_eq!(
        natives,
        [
            Native::Text,
            Native::Numbers,
            Native::Dates,
            Native::Dates,
            Native::Booleans,
            Native::Numbers
        ]
    );
    let limits = Limits {
        max_rows: 2,
        ..Limits::default()
    };
    let options = ReadOptions {
        limits,
        ..ReadOptions::default()
    };
    let error = read(&parquet_file(parquet::basic::Compression::SNAPPY), &options).unwrap_err();
    assert_eq!(error, ReadError::TooManyRows { limit: 2 });
}

#[test]
fn damaged_parquet_never_panics() {
    let whole = parquet_file(parquet::basic::Compression::SNAPPY);
    // Without its first four bytes it is no Parquet file but perhaps a text.
    for at in 4..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 0x41;
        let _ = read(&changed, &ReadOptions::default());
        changed.truncate(at);
        assert!(read(&changed, &ReadOptions::default()).is_err());
    }
}
