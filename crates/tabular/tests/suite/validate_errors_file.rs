//! Bad rows as files to mend: what they hold, and that they come in again.
//!
//! Not about which rows are bad.
#![expect(clippy::unwrap_used, reason = "tests may panic")]

use std::io::Read;

use proptest::prelude::*;
use tabular::errors_file::{self, is_report_column, unescape};
use tabular::{Field, Rules, Sheet, Validated, validate};

use crate::common::{history, mapped, row, rules, sheet, with_decimals};

const FIELDS: [(Field, &str); 3] = [
    (Field::Outcome, "outcome"),
    (Field::Price, "price"),
    (Field::Date, "date"),
];

fn run(sheet: &Sheet) -> Validated {
    let (profiles, mapping) = mapped(sheet, &FIELDS, &[]);
    let rules = Rules {
        leave_bad_rows_aside: true,
        ..rules()
    };
    validate(sheet, &mapping, &profiles, &rules)
}

fn csv_of(sheet: &Sheet) -> String {
    let mut bytes = Vec::new();
    errors_file::csv(sheet, &run(sheet).bad_rows, &mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

fn parts(book: &[u8]) -> Vec<(String, String)> {
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(book)).unwrap();
    (0..archive.len())
        .map(|at| {
            let mut file = archive.by_index(at).unwrap();
            let mut text = String::new();
            file.read_to_string(&mut text).unwrap();
            (file.name().unwrap().into_owned(), text)
        })
        .collect()
}

#[test]
fn the_file_of_errors_has_the_rows_as_they_stood() {
    let text =
        with_decimals(300) + &row(300, "\"1.234,5\"", "2023-01-01") + &row(301, "-5", "nonsense");
    let sheet = sheet(&text);
    let written = csv_of(&sheet);
    let lines: Vec<&str> = written.lines().collect();
    assert_eq!(
        lines[0],
        "\u{feff}ValutAI row,ValutAI problem,quote_id,outcome,price,date,region,cost"
    );
    assert_eq!(lines.len(), 3);
    assert!(
        lines[1].starts_with("302,") && lines[1].contains("probably 1234.5"),
        "{}",
        lines[1]
    );
    assert!(
        lines[2].ends_with(",Q-00301,lost,-5,nonsense,north,54"),
        "{}",
        lines[2]
    );
    assert!(lines[2].contains("price: the price is below zero"));
    assert!(lines[2].contains("date: this is no date"));
}

#[test]
fn mended_rows_come_in() {
    let mut text = history(0);
    for i in 0..40 {
        text.push_str(&row(i, "-5", "2023-01-01"));
    }
    let mended = csv_of(&sheet(&text)).replace(",-5,", ",5,");
    let again = sheet(&mended);
    let result = run(&again);
    assert_eq!(result.report.errors, []);
    let frame = result.frame.unwrap();
    assert_eq!(frame.len(), 40);
    assert!(
        frame
            .columns
            .iter()
            .all(|column| !is_report_column(&column.name))
    );
    assert!(is_report_column(" valutai ROW ") && !is_report_column("row"));
}

#[test]
fn a_mended_file_needs_no_word_about_the_columns_added() {
    let mut text = history(0);
    for i in 0..40 {
        text.push_str(&row(i, "-5", &crate::common::day(i)).replace("None", "=none"));
    }
    let before = sheet(&text);
    let bad_rows = run(&before).bad_rows;
    let book = errors_file::xlsx(&before, &bad_rows).unwrap();
    let book = tabular::read(&book, &tabular::ReadOptions::default()).unwrap();
    for again in [sheet(&csv_of(&before)), book] {
        let prices = (0..40).map(|row| (row, 4, "5".to_owned())).collect();
        let mut again = again;
        again.set_cells(prices);
        let (profiles, mapping) = mapped(&again, &[], &[]);
        let added: Vec<_> = mapping.columns.iter().take(2).map(|c| c.field).collect();
        assert_eq!(added, [Field::Ignored; 2]);
        assert!(mapping.columns[0].reason.contains("file of errors"));
        let frame = validate(&again, &mapping, &profiles, &rules())
            .frame
            .unwrap();
        assert_eq!(
            (frame.len(), frame.quote_id(&again, 3)),
            (40, Some("Q-00003"))
        );
        let regions: Vec<&str> = (0..40)
            .filter_map(|row| frame.columns.iter().find(|c| c.name == "region")?.text(row))
            .collect();
        assert!(regions.contains(&"=none") && !regions.contains(&"'=none"));
    }
}

#[test]
fn an_errors_file_of_an_errors_file_has_the_columns_once() {
    let text = history(40) + &row(40, "-5", "2023-01-01");
    let once = csv_of(&sheet(&text));
    let rows: String = once
        .lines()
        .skip(1)
        .map(|line| format!("{line}\n"))
        .collect();
    let twice = csv_of(&sheet(&format!(
        "{}\n{}",
        once.lines().next().unwrap(),
        rows.repeat(2)
    )));
    assert_eq!(twice.lines().next(), once.lines().next());
}

#[test]
fn formulas_become_text_and_numbers_stay() {
    let cells = [
        ("=1+1", "'=1+1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("+49 (0) 30", "'+49 (0) 30"),
        ("-cmd|' /C calc'!A0", "'-cmd|' /C calc'!A0"),
        ("'=1", "''=1"),
        ("-5", "-5"),
        ("+3.2", "+3.2"),
        ("-1.234,50 €", "-1.234,50 €"),
        ("(4.00)", "(4.00)"),
        ("-", "-"),
        ("plain", "plain"),
        ("'quoted'", "'quoted'"),
    ];
    for (cell, escaped) in cells {
        let text = history(40) + &format!("Q-9,won,-1,2023-01-01,\"{cell}\",1\n");
        let written = csv_of(&sheet(&text));
        let again = sheet(&written);
        assert_eq!(again.cell(0, 6), cell, "{cell}");
        assert!(written.contains(escaped), "{written}");
        assert_eq!(unescape(escaped), cell);
        let book = errors_file::xlsx(&sheet(&text), &run(&sheet(&text)).bad_rows).unwrap();
        let again = tabular::read(&book, &tabular::ReadOptions::default()).unwrap();
        assert_eq!(again.cell(0, 6), cell, "{cell}");
    }
}

#[test]
fn wrong_cells_are_marked_in_the_workbook() {
    let text = with_decimals(300) + &row(300, "\"1.234,5\"", "2023-01-01").replace("None", "=1+1");
    let sheet = sheet(&text);
    let book = errors_file::xlsx(&sheet, &run(&sheet).bad_rows).unwrap();
    let parts = parts(&book);
    let part = |name: &str| &parts.iter().find(|(part, _)| part == name).unwrap().1;
    let page = part("xl/worksheets/sheet1.xml");
    assert!(page.contains("state=\"frozen\"") && !page.contains("<f>"));
    let notes = part("xl/comments1.xml");
    assert!(
        notes.contains("ref=\"E2\"") && notes.contains("Probably: 1234.5"),
        "{notes}"
    );
    assert!(part("xl/styles.xml").contains("FFC7CE"));
    let strings = part("xl/sharedStrings.xml");
    assert!(strings.contains("ValutAI problem") && strings.contains("1.234,5"));
}

#[test]
fn a_workbook_is_bounded_and_the_text_is_not() {
    let mut text = history(40);
    for i in 40..12_040 {
        text.push_str(&row(i, "-5", "2023-01-01"));
    }
    let sheet = sheet(&text);
    let bad_rows = run(&sheet).bad_rows;
    let book = errors_file::xlsx(&sheet, &bad_rows).unwrap();
    let parts = parts(&book);
    let page = parts
        .iter()
        .find(|(name, _)| name == "xl/worksheets/sheet1.xml");
    let rows = page.unwrap().1.matches("<row ").count();
    assert_eq!(rows, errors_file::MAX_XLSX_ROWS + 1);
    assert_eq!(csv_of(&sheet).lines().count(), 12_001);
}

proptest! {
    #[test]
    fn any_text_survives(cell in "[=+@\\-'\t a-z0-9.,()\"\n]{0,12}") {
        let quoted = cell.replace('"', "\"\"");
        let text = history(40) + &format!("Q-9,won,-1,2023-01-01,\"{quoted}\",1\n");
        let sheet_before = sheet(&text);
        let again = sheet(&csv_of(&sheet_before));
        prop_assert_eq!(again.cell(0, 6), sheet_before.cell(40, 4));
        let written = sheet(&csv_of(&sheet_before).replace("ValutAI", "Other")).cell(0, 6).to_owned();
        let number = |text: &str| tabular::parse_number(text, &tabular::NumberFormat::default());
        prop_assert!(!written.starts_with(['=', '@', '\t']));
        prop_assert_eq!(number(&cell).is_some() && !cell.starts_with(['\t', '\n']), number(&written).is_some());
    }
}
