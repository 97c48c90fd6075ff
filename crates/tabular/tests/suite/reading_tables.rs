//! Tables with something around them: titles, drawn lines, sums, notes, names that are missing or
//! there twice.
//!
//! Not about delimiters and encodings; those are in `reading.rs` and `reading_dialects.rs`.
#![expect(clippy::unwrap_used, reason = "tests may panic")]

use rust_xlsxwriter::{Format, Formula, Workbook};
use tabular::{FileFormat, LeftOutKind, Native, ReadError, ReadOptions, Sheet, read};

use crate::common::{history, import, rules, total};

fn sheet(text: &str) -> Sheet {
    read(&text.as_bytes(), &ReadOptions::default()).unwrap()
}

fn with_header(text: &str, row: u32) -> Result<Sheet, ReadError> {
    let options = ReadOptions {
        header_row: Some(row),
        ..ReadOptions::default()
    };
    read(&text.as_bytes(), &options)
}

fn left(sheet: &Sheet) -> Vec<(u32, LeftOutKind)> {
    let rows = sheet.left_out.iter();
    rows.map(|row| (row.row, row.kind)).collect()
}

const REPORT: &str = "Angebote 2024;;;\nStand: 31.01.2024;;;\n\nNr;Kunde;Betrag;Datum\n\
    1;Ada;1.234,50;01.02.2024\n2;Bob;17,00;15.02.2024\n3;Total;20,00;16.02.2024\n\
    Nr;Kunde;Betrag;Datum\n4;Cid;9,50;17.02.2024\n-----;-----;-----;-----\n\
    Zwischensumme;;1.281,00;\n5;Dan;1,00;18.02.2024\nGesamt (5);;1.282,00;\n;;1.282,00;\n\
    \"Quelle: unser CRM\"\n(c) 2024 Firma\n";

#[test]
fn reports_are_read_without_what_stands_around() {
    let sheet = sheet(REPORT);
    assert_eq!(sheet.headers, ["Nr", "Kunde", "Betrag", "Datum"]);
    assert_eq!(
        sheet.row_numbers,
        [5, 6, 7, 9, 12],
        "as a spreadsheet counts"
    );
    assert_eq!((sheet.origin.header_row, sheet.origin.skipped_rows), (4, 2));
    use LeftOutKind::{AboveHeader, BelowTable, HeaderAgain, Sum};
    let expected = [
        (1, AboveHeader),
        (2, AboveHeader),
        (8, HeaderAgain),
        (11, Sum),
        (13, Sum),
        (14, Sum),
        (15, BelowTable),
        (16, BelowTable),
    ];
    assert_eq!(left(&sheet), expected);
    assert_eq!(sheet.left_out_rows, 6);
    // A customer of that name is no sum, as the row has no gap.
    assert_eq!(sheet.cell(2, 1), "Total");
    assert_eq!(sheet.left_out[4].text, "Gesamt (5) | 1.282,00");
}

#[test]
fn what_is_left_out_is_told() {
    let text = history(40) + "Total,,123456,,,\nquote_id,outcome,price,date,region,cost\n";
    let result = import(&text, &[], &[]);
    assert_eq!(result.report.errors, []);
    assert_eq!(
        (
            result.report.row_count,
            total(&result.report, "row_left_out")
        ),
        (40, 2)
    );
    let told = result
        .report
        .warnings
        .iter()
        .find(|w| w.rule == "row_left_out");
    let told = told.unwrap();
    assert_eq!((told.row, told.value.as_str()), (42, "Total | 123456"));
    // The same in the middle of a word or with a value in every cell is a quote, and judged as one.
    let quote = history(40) + "Total,won,123456,2023-01-01,north,5\n";
    assert_eq!(import(&quote, &[], &[]).report.row_count, 41);
}

#[test]
fn notes_with_rows_below_are_rows() {
    let text = history(40) + "a note of two words\n" + &crate::common::row(50, "7", "2023-01-02");
    let sheet = sheet(&text);
    assert_eq!((sheet.row_count(), sheet.left_out_rows), (42, 0));
    assert_eq!(sheet.uneven.len(), 1);
    let (profiles, mapping) = crate::common::mapped(&sheet, &[], &[]);
    let report = tabular::validate(&sheet, &mapping, &profiles, &rules()).report;
    assert_eq!(
        (report.errors[0].rule, report.errors[0].row),
        ("row_shape", 42)
    );
}

#[test]
fn a_file_may_say_its_delimiter() {
    for (text, delimiter) in [
        ("sep=;\r\na;b\r\n1;2\r\n", ';'),
        ("\u{feff}SEP=,\na,b\n1,2\n", ','),
        ("\"sep=|\"\ra|b\r1|2\r", '|'),
        ("sep=^\na^b\n1^2\n", '^'),
        ("sep=\t\na\tb\n1\t2\n", '\t'),
    ] {
        let sheet = sheet(text);
        assert_eq!(sheet.delimiter(), delimiter, "{text:?}");
        assert_eq!(sheet.headers, ["a", "b"], "{text:?}");
        assert_eq!(sheet.row_numbers, [2], "Excel does not show the line");
    }
}

#[test]
fn a_header_that_is_missing_is_asked_for() {
    let text = "Q1;won;120,50;01.02.2024\nQ2;lost;99,00;15.03.2024\nQ3;won;7,25;16.03.2024\n";
    let error = read(&text.as_bytes(), &ReadOptions::default()).unwrap_err();
    let told = error.to_string();
    assert!(
        matches!(error, ReadError::NoHeader { row: 1, .. })
            && ["\"120,50\"", "--header-row 0"]
                .iter()
                .all(|part| told.contains(part)),
        "{told}"
    );
    let sheet = with_header(text, 0).unwrap();
    assert_eq!(
        sheet.headers,
        ["column 1", "column 2", "column 3", "column 4"]
    );
    assert_eq!((sheet.row_count(), sheet.origin.header_row), (3, 0));
    assert_eq!(
        with_header(REPORT, 4).unwrap().headers,
        ["Nr", "Kunde", "Betrag", "Datum"]
    );
    assert_eq!(with_header(text, 1).unwrap().headers[2], "120,50");
    assert_eq!(with_header(text, 9), Err(ReadError::NoSuchRow { row: 9 }));
}

#[test]
fn columns_of_one_name_are_told_apart() {
    let sheet = sheet("Price,b, price ,Price (2),PRICE\n1,2,3,4,5\n");
    let names = ["Price", "b", "price (3)", "Price (2)", "PRICE (4)"];
    assert_eq!(sheet.headers, names);
    let renamed: Vec<usize> = sheet.renamed.iter().map(|renamed| renamed.column).collect();
    assert_eq!(renamed, [3, 5]);
    let result = import(&history(40).replace("region", "price"), &[], &[]);
    assert_eq!(total(&result.report, "header_renamed"), 1);
}

#[test]
fn a_few_broken_letters_do_not_stop_a_file() {
    let mut bytes = "name;price\n".to_owned();
    for row in 0..40 {
        bytes.push_str(&format!("Müller {row};1,5\n"));
    }
    let whole = bytes.into_bytes();
    let mut broken = whole.clone();
    let at = broken.iter().position(|byte| *byte == 0xC3).unwrap();
    broken.remove(at + 1);
    let sheet = read(&broken, &ReadOptions::default()).unwrap();
    assert_eq!(
        (sheet.cell(0, 0), sheet.cell(1, 0)),
        ("M\u{fffd}ller 0", "Müller 1")
    );
    assert_eq!(sheet.origin.encoding, "UTF-8");
    // The import reads it once more, with the encoding stated.
    let options = ReadOptions {
        encoding: Some("UTF-8".to_owned()),
        ..ReadOptions::default()
    };
    assert_eq!(read(&broken, &options), Ok(sheet));
    // A file that ends within a letter was cut off.
    let cut = [&whole[..], &[0xC3]].concat();
    assert!(matches!(
        read(&cut, &ReadOptions::default()),
        Err(ReadError::BrokenEncoding { .. })
    ));
}

#[test]
fn zero_bytes_are_cells_with_control_characters() {
    let text = history(60).replacen("north", "no\0rth", 1);
    let sheet = read(&text.as_bytes(), &ReadOptions::default()).unwrap();
    let (profiles, mapping) = crate::common::mapped(&sheet, &[], &[]);
    let report = tabular::validate(&sheet, &mapping, &profiles, &rules()).report;
    let error = &report.errors[0];
    assert_eq!(
        (error.rule, error.row, error.column.as_str()),
        ("cell_strange", 2, "region")
    );
    assert_eq!(error.fix.as_deref(), Some("north"));
}

#[test]
fn utf16_needs_no_mark() {
    let text = "name;Größe\nAda;1\nŁukasz;2\n";
    for big in [false, true] {
        let order = |unit: u16| {
            if big {
                unit.to_be_bytes()
            } else {
                unit.to_le_bytes()
            }
        };
        let bytes: Vec<u8> = text.encode_utf16().flat_map(order).collect();
        let sheet = read(&bytes, &ReadOptions::default()).unwrap();
        assert_eq!(sheet.headers, ["name", "Größe"]);
        assert_eq!(sheet.cell(1, 0), "Łukasz");
    }
}

#[test]
fn workbooks_have_titles_sums_and_hidden_sheets_too() {
    let mut book = Workbook::new();
    let old = book.add_worksheet();
    old.set_name("Archive").unwrap().set_hidden(true);
    for row in 0..200 {
        for column in 0..6 {
            old.write(row, column, format!("x{row}.{column}")).unwrap();
        }
    }
    let quotes = book.add_worksheet();
    quotes.set_name("Quotes").unwrap().set_active(true);
    let bold = Format::new().set_bold();
    quotes
        .merge_range(0, 0, 0, 3, "Quotes of 2024", &bold)
        .unwrap();
    for (column, name) in (0..).zip(["Nr", "Customer", "Price", "Margin"]) {
        quotes.write(2, column, name).unwrap();
    }
    for row in 0..5_u32 {
        quotes.write(row + 3, 0, row).unwrap();
        quotes.write(row + 3, 1, "Ada").unwrap();
        quotes.write(row + 3, 2, f64::from(row) * 1.5).unwrap();
        quotes.write(row + 3, 3, 0.5).unwrap();
    }
    let broken = Formula::new("=NA()").set_result("#N/A");
    quotes.write_formula(4, 3, broken).unwrap();
    quotes.write(8, 0, "Total").unwrap();
    quotes
        .write_formula(8, 2, Formula::new("=SUM(C4:C8)").set_result("15"))
        .unwrap();
    quotes.write(10, 0, "Source: our CRM").unwrap();
    let bytes = book.save_to_buffer().unwrap();
    let sheet = read(&bytes, &ReadOptions::default()).unwrap();
    assert_eq!(sheet.origin.sheet, "Quotes");
    assert_eq!(sheet.row_numbers, [4, 5, 6, 7, 8]);
    use LeftOutKind::{AboveHeader, BelowTable, Sum};
    assert_eq!(left(&sheet), [(1, AboveHeader), (9, Sum), (11, BelowTable)]);
    // A cell that shows an error has no value, and does not make text of its column.
    assert_eq!(sheet.columns[3].native(), Native::Numbers);
    let margin = &tabular::profile(&sheet)[3];
    assert_eq!((margin.missing, margin.filled), (1, 4));
}

#[test]
fn numbers_typed_in_as_text_join_those_of_the_workbook() {
    let mut book = Workbook::new();
    let page = book.add_worksheet();
    for (column, name) in (0..).zip(["id", "price", "size"]) {
        page.write(0, column, name).unwrap();
    }
    for row in 0..40_u32 {
        page.write(row + 1, 0, format!("Q{row}")).unwrap();
        let (price, size) = (f64::from(row) + 1_000.25, f64::from(row) + 0.5);
        if row % 3 == 0 {
            let text = format!("1.{:03},25", row);
            page.write(row + 1, 1, text).unwrap();
            page.write(row + 1, 2, format!("{}.{row:03}", 1 + row))
                .unwrap();
        } else {
            page.write(row + 1, 1, price).unwrap();
            page.write(row + 1, 2, size).unwrap();
        }
    }
    let bytes = book.save_to_buffer().unwrap();
    let sheet = read(&bytes, &ReadOptions::default()).unwrap();
    let profiles = tabular::profile(&sheet);
    let sum: f64 = (0..40).map(|row| f64::from(row) + 1_000.25).sum();
    assert_eq!((profiles[1].sum, profiles[1].unreadable), (sum, 0));
    // Texts such as "4.003" may be thousands or not: the numbers beside them do not decide it.
    assert!(profiles[2].number_ambiguous || profiles[2].format.decimal_separator() == ",");
    assert_eq!(sheet.cell(1, 2), "15e-1");
}

/// Made by another program than ours (xlwt): a title, text, numbers, days, truths, a sum.
const OLD_WORKBOOK: &[u8] = include_bytes!("../../fuzz/seeds/read/plain.xls");

#[test]
fn old_workbooks_are_read_with_their_true_values() {
    let sheet = read(&OLD_WORKBOOK, &ReadOptions::default()).unwrap();
    assert_eq!(
        (sheet.origin.format, sheet.origin.sheet.as_str()),
        (FileFormat::Xls, "Q")
    );
    assert_eq!(sheet.headers, ["id", "outcome", "price", "date", "ok"]);
    assert_eq!(sheet.row_numbers, [4, 5, 6, 7]);
    let row: Vec<&str> = sheet.record(0).map(|(_, cell)| cell).collect();
    assert_eq!(row, ["Q0", "won", "10.5", "2024-01-01", "true"]);
    let natives: Vec<Native> = sheet.columns.iter().map(tabular::Column::native).collect();
    assert_eq!(
        natives[2..],
        [Native::Numbers, Native::Dates, Native::Booleans]
    );
    assert_eq!(
        left(&sheet),
        [(1, LeftOutKind::AboveHeader), (8, LeftOutKind::Sum)]
    );
    for step in 1..60 {
        let mut changed = OLD_WORKBOOK.to_vec();
        changed[OLD_WORKBOOK.len() * step / 60] ^= 0xFF;
        let _ = read(&changed, &ReadOptions::default());
        changed.truncate(OLD_WORKBOOK.len() * step / 60);
        let _ = read(&changed, &ReadOptions::default());
    }
}

#[test]
fn parquet_of_other_programs_is_read() {
    for bytes in [
        &include_bytes!("../../fuzz/seeds/read/plain.parquet")[..],
        include_bytes!("../../fuzz/seeds/read/int96.parquet"),
    ] {
        let sheet = read(&bytes, &ReadOptions::default()).unwrap();
        let rows: Vec<Vec<&str>> = (0..3)
            .map(|row| sheet.record(row).map(|(_, cell)| cell).collect())
            .collect();
        assert_eq!(rows[0], ["Q1", "won", "1.50", "2024-01-01", "1"]);
        assert_eq!(rows[2], ["Q3", "open", "", "2024-01-03", "3"]);
        assert_eq!(sheet.columns[2].native(), Native::Numbers);
        assert_eq!(sheet.columns[3].native(), Native::Dates);
    }
}
