//! Workbooks before 2007 made record by record: what honest ones say, and what others try.

use super::super::super::Limits;
use super::*;

/// A record.
fn record(kind: u16, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).expect("is short");
    [&kind.to_le_bytes(), &length.to_le_bytes(), data].concat()
}

/// Row, column and format of a cell, and its value.
fn cell(kind: u16, row: u16, column: u16, value: &[u8]) -> Vec<u8> {
    let place = [row.to_le_bytes(), column.to_le_bytes(), [0, 0]].concat();
    record(kind, &[&place, value].concat())
}

/// A text of one byte a letter, with its length in front.
fn text(letters: &str) -> Vec<u8> {
    let length = u16::try_from(letters.len()).expect("is short");
    [&length.to_le_bytes(), &[0][..], letters.as_bytes()].concat()
}

fn label(row: u16, column: u16, letters: &str) -> Vec<u8> {
    cell(0x0204, row, column, &text(letters))
}

fn number(row: u16, column: u16, value: f64) -> Vec<u8> {
    cell(0x0203, row, column, &value.to_le_bytes())
}

fn formula(row: u16, column: u16, value: [u8; 8]) -> Vec<u8> {
    // Flags, a cache, and a formula of three bytes: the number 7.
    let rest = [0, 0, 0, 0, 0, 0, 3, 0, 0x1E, 7, 0];
    cell(0x0006, row, column, &[&value[..], &rest].concat())
}

/// A workbook of one sheet, with records before it and in it.
fn workbook(globals: &[Vec<u8>], cells: &[Vec<u8>]) -> Vec<u8> {
    let bof = |kind: u8| record(0x0809, &[0, 6, kind, 0, 0, 0, 0, 0]);
    let end = record(0x000A, &[]);
    let sheet = |at: u32| {
        record(
            0x0085,
            &[&at.to_le_bytes(), &[0, 0, 1, 0, b'S'][..]].concat(),
        )
    };
    let before = [bof(5), globals.concat()].concat();
    let at = before.len() + sheet(0).len() + end.len();
    let at = u32::try_from(at).expect("is short");
    let stream = [before, sheet(at), end.clone(), bof(16), cells.concat(), end].concat();
    with_one_stream("Workbook", stream).expect("is small")
}

fn read_with(bytes: &[u8], limits: Limits) -> Result<Sheet, ReadError> {
    let options = ReadOptions {
        limits,
        ..ReadOptions::default()
    };
    read(&bytes, &options)
}

fn rows(bytes: &[u8]) -> Result<Vec<Vec<String>>, ReadError> {
    let sheet = read_with(bytes, Limits::default())?;
    let row = |row| sheet.record(row).map(|(_, cell)| cell.to_owned()).collect();
    Ok((0..sheet.row_count()).map(row).collect())
}

fn header() -> Vec<u8> {
    ["name", "price", "ok"]
        .into_iter()
        .zip(0..)
        .flat_map(|(name, column)| label(0, column, name))
        .collect()
}

#[test]
fn formulas_have_their_values() {
    let truth = [1, 0, 1, 0, 0, 0, 0xFF, 0xFF];
    let error = [2, 0, 0x07, 0, 0, 0, 0xFF, 0xFF];
    let words = [0, 0, 0, 0, 0, 0, 0xFF, 0xFF];
    let cells = [
        header(),
        formula(1, 0, words),
        record(0x0207, &text("Ada")),
        formula(1, 1, 12.5_f64.to_le_bytes()),
        formula(1, 2, truth),
        label(2, 0, "Bob"),
        formula(2, 1, error),
        formula(2, 2, [1, 0, 0, 0, 0, 0, 0xFF, 0xFF]),
    ];
    let found = rows(&workbook(&[], &cells)).expect("is one");
    assert_eq!(
        found,
        [["Ada", "12.5", "true"], ["Bob", "#DIV/0!", "false"]]
    );
}

#[test]
fn cells_far_apart_cost_nothing_and_keep_their_rows() {
    let cells = [header(), number(65_535, 255, 1.0), label(65_535, 0, "Ada")];
    let sheet = read_with(&workbook(&[], &cells), Limits::default()).expect("is one");
    assert_eq!(sheet.row_numbers, [65_536]);
    assert_eq!(sheet.uneven.len(), 1, "the header has three columns");
    assert_eq!(sheet.cell(0, 0), "Ada");
}

#[test]
fn lies_about_sizes_and_names_are_not_believed() {
    let lie = record(0x0200, &[0xFF; 14]);
    let name = record(0x0018, &[0, 0, 0, 0xFF, 0xFF, 0xFF]);
    let cells = [lie, header(), number(1, 1, 2.0), label(1, 0, "Ada")];
    let found = rows(&workbook(&[name], &cells)).expect("is one");
    assert_eq!(found, [["Ada", "2", ""]]);
}

#[test]
fn one_text_in_many_cells_is_counted() {
    let long = "x".repeat(8_000);
    let strings = [&[0; 8][..], &text(&long)].concat();
    let shared = |row: u16| cell(0x00FD, row, 0, &[0; 4]);
    let cells: Vec<Vec<u8>> = std::iter::once(header())
        .chain((1..2_000).map(shared))
        .collect();
    let bytes = workbook(&[record(0x00FC, &strings)], &cells);
    let limits = Limits {
        max_expansion_ratio: 10,
        ..Limits::default()
    };
    let error = read_with(&bytes, limits).expect_err("is a bomb");
    assert!(
        matches!(error, ReadError::TooLargeExpanded { .. }),
        "{error}"
    );
    assert!(
        read_with(&bytes, Limits::default()).is_err(),
        "48 MB out of 50 kB"
    );
}

#[test]
fn passwords_and_other_documents_are_told() {
    let bytes = workbook(&[record(0x002F, &[1, 0, 1, 0, 1, 0])], &[header()]);
    let error = rows(&bytes).expect_err("cannot be read").to_string();
    assert!(error.contains("password"), "{error}");
    let word = with_one_stream("WordDocument", vec![1; 10]).expect("is small");
    let error = rows(&word).expect_err("is none").to_string();
    assert!(error.contains("Word"), "{error}");
    let encrypted = with_one_stream("EncryptedPackage", vec![1; 10]).expect("is small");
    let error = rows(&encrypted).expect_err("is none").to_string();
    assert!(error.contains("password"), "{error}");
}

#[test]
fn damaged_workbooks_never_panic() {
    let strings = [&[0; 8][..], &text("Ada"), &text("Bob")].concat();
    let cells = [
        header(),
        cell(0x00FD, 1, 0, &[0; 4]),
        formula(1, 1, 12.5_f64.to_le_bytes()),
        cell(0x00BD, 2, 0, &[0, 0, 1, 0, 0, 0, 0, 0, 2, 0, 0, 0, 1, 0]),
    ];
    let whole = workbook(&[record(0x00FC, &strings)], &cells);
    // The header of the file, its first table, and the stream.
    let places = (0..600).chain(4096..4200).chain(12_288..12_700);
    for at in places {
        let mut changed = whole.clone();
        changed[at] ^= 0xFF;
        let _ = rows(&changed);
        changed[at] = 0;
        let _ = rows(&changed);
    }
}
