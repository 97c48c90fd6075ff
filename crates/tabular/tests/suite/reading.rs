//! Files to sheets: formats that must be read and files that must be refused with advice.
//!
//! Not about what cells mean.
#![expect(clippy::unwrap_used, reason = "tests may panic")]

use proptest::prelude::*;
use tabular::{Limits, ReadError, ReadOptions, Sheet, read};

fn sheet(bytes: &[u8]) -> Sheet {
    read(&bytes, &ReadOptions::default()).unwrap()
}

fn refusal(bytes: &[u8]) -> ReadError {
    read(&bytes, &ReadOptions::default()).unwrap_err()
}

#[test]
fn delimiters_line_ends_and_marks() {
    for (text, delimiter) in [
        ("a,b\r\n1,2\r\n3,4\r\n", ','),
        ("a;b\n1,5;2,5\n3,5;4,5\n", ';'),
        ("a\tb\n1\t2\n3\t4", '\t'),
        ("a|b\r1|2\r3|4\r", '|'),
    ] {
        let sheet = sheet(text.as_bytes());
        assert_eq!(sheet.delimiter(), delimiter, "{text:?}");
        assert_eq!(sheet.headers, ["a", "b"], "{text:?}");
        assert_eq!(sheet.row_numbers, [2, 3], "{text:?}");
        assert_eq!(sheet.origin.encoding, "UTF-8");
    }
    let marked = sheet(b"\xEF\xBB\xBFa,b\n1,2\n");
    assert_eq!(marked.headers, ["a", "b"]);
    assert_eq!(marked.origin.encoding, "UTF-8");
    let western = sheet(b"Gr\xF6\xDFe;Preis \x80\n1;2\n");
    assert_eq!(western.headers, ["Größe", "Preis €"]);
    assert_eq!(western.origin.encoding, "windows-1252");
}

#[test]
fn quoted_cells_keep_delimiters_quotes_and_newlines() {
    let sheet = sheet(b"a,b\n\"x, \"\"y\"\"\nz\",1\n\nlast,2\n");
    assert_eq!(sheet.cell(0, 0), "x, \"y\"\nz");
    assert_eq!(sheet.cell(1, 0), "last");
    // The empty line is row 3, as a spreadsheet counts.
    assert_eq!(sheet.row_numbers, [2, 4]);
    assert_eq!(sheet.index_of(4), Some(1));
    assert_eq!(sheet.index_of(3), None);
    let record: Vec<_> = sheet.record(1).collect();
    assert_eq!(record, [("a", "last"), ("b", "2")]);
}

#[test]
fn crlf_rows_are_numbered_as_in_the_file() {
    let sheet = sheet(b"a,b\r\n1,2\r\n\r\n\r\n3,4\r\n,\r\n5,6\r\n");
    assert_eq!(sheet.row_numbers, [2, 5, 7]);
    assert_eq!(sheet.empty_rows, 1);
}

#[test]
fn nameless_columns_and_empty_rows() {
    let sheet = sheet(b"a;b;;\n1;2;;\n3;4;;\n;;;\n;;;\n");
    assert_eq!(sheet.headers, ["a", "b"]);
    assert_eq!((sheet.row_count(), sheet.empty_rows), (2, 2));
    assert!(sheet.uneven.is_empty());
    let index = self::sheet(b",a\n0,x\n1,y\n");
    assert_eq!(index.headers, ["column 1", "a"]);
}

#[test]
fn uneven_rows_are_listed() {
    let sheet = sheet(b"a,b,c\n1,2,3\n1,2\n1,2,3,4\n1,2,3,\n");
    let rows: Vec<_> = sheet.uneven.iter().map(|u| (u.row, u.found)).collect();
    assert_eq!(rows, [(3, 2), (4, 4)]);
    assert_eq!(sheet.row_count(), 4);
    assert_eq!(sheet.cell(1, 2), "");
}

#[test]
fn other_types_are_refused_by_content() {
    for (bytes, word) in [
        (&b"\x89PNG\r\n\x1a\n"[..], "PNG"),
        (b"\xFF\xD8\xFF\xE0", "JPEG"),
        (b"%PDF-1.7", "PDF"),
        (b"\x7FELF", "program"),
        (b"a,b\n1,\0\n", "binary"),
        (b"<!DOCTYPE html><html>", "web page"),
    ] {
        let message = refusal(bytes).to_string();
        assert!(
            message.contains(word) && message.contains("CSV (UTF-8)"),
            "{message}"
        );
    }
    assert!(matches!(
        refusal(b"\xEF\xBB\xBFa\xC3"),
        ReadError::BrokenEncoding { position: 1, .. }
    ));
}

#[test]
fn empty_and_malformed_files_are_refused() {
    for bytes in [&b""[..], b" \n\r\n\t", b"\xEF\xBB\xBF\n"] {
        assert_eq!(refusal(bytes), ReadError::Empty);
    }
    let open = refusal(b"a,b\n1,2\n3,\"4\n5,6\n");
    assert_eq!(open, ReadError::UnclosedQuote { row: 3 });
}

#[test]
fn limits_hold() {
    let limits = Limits {
        max_bytes: 60,
        max_rows: 2,
        max_columns: 3,
        max_cell_bytes: 10,
        ..Limits::default()
    };
    let options = ReadOptions {
        limits,
        ..ReadOptions::default()
    };
    let fails = |bytes: &[u8]| read(&bytes, &options).unwrap_err();
    assert!(read(&&b"a,b\n1,2\n1,2\n"[..], &options).is_ok());
    assert!(matches!(
        fails(&[b'a'; 61]),
        ReadError::TooLarge {
            bytes: 61,
            limit: 60
        }
    ));
    assert!(matches!(
        fails(b"a,b\n1,2\n1,2\n1,2\n"),
        ReadError::TooManyRows { limit: 2 }
    ));
    assert!(matches!(
        fails(b"a,b,c,d\n"),
        ReadError::TooManyColumns { found: 4, limit: 3 }
    ));
    assert!(matches!(
        fails(b"a,b\n1,12345678901\n"),
        ReadError::CellTooLong { row: 2, limit: 10 }
    ));
}

proptest! {
    #[test]
    fn never_panics_on_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = read(&bytes, &ReadOptions::default());
    }

    #[test]
    fn never_panics_on_near_csv(text in "[ab1,;\t|\"\r\n é.-]{0,120}") {
        if let Ok(sheet) = read(&text.as_bytes(), &ReadOptions::default()) {
            prop_assert_eq!(sheet.headers.len(), sheet.columns.len());
            prop_assert!(sheet.row_numbers.is_sorted_by(|a, b| a < b));
            let _ = tabular::profile(&sheet);
        }
    }

    #[test]
    fn cells_come_out_as_they_went_in(cells in proptest::collection::vec("[a-z,;\"\n]{1,8}", 2..20)) {
        let mut text = "first,second\n".to_owned();
        for pair in cells.chunks_exact(2) {
            let quoted: Vec<_> = pair.iter().map(|c| format!("\"{}\"", c.replace('"', "\"\""))).collect();
            text.push_str(&quoted.join(","));
            text.push('\n');
        }
        let sheet = read(&text.as_bytes(), &ReadOptions::default()).unwrap();
        prop_assert_eq!(sheet.delimiter(), ',');
        let kept = cells.chunks_exact(2).filter(|pair| pair.iter().any(|c| !c.trim().is_empty()));
        for (row, pair) in kept.enumerate() {
            prop_assert_eq!(sheet.cell(row, 0), &pair[0]);
            prop_assert_eq!(sheet.cell(row, 1), &pair[1]);
        }
    }
}
