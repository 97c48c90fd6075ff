//! Single cells: numbers, dates, outcomes and missing values.
//!
//! Not about whole columns; see `columns.rs`.

use chrono::NaiveDate;
use proptest::prelude::*;
use tabular::{
    CellFormat, CellValue, ColumnKind, DateOrder, Decimal, NumberFormat, cell, is_missing,
    is_open_outcome, parse_date, parse_number, parse_outcome,
};

const POINT: NumberFormat = NumberFormat {
    decimal: Decimal::Point,
};
const COMMA: NumberFormat = NumberFormat {
    decimal: Decimal::Comma,
};

#[test]
fn numbers_with_points() {
    for (text, value) in [
        ("$83,702,317.31", 83_702_317.31),
        ("$(4,533.75)", -4533.75),
        ("($4,533.75)", -4533.75),
        (" $-   ", 0.0),
        ("12 %", 0.12),
        ("-5", -5.0),
        ("5-", -5.0),
        ("−7", -7.0),
        ("+3.5", 3.5),
        (".5", 0.5),
        ("5.", 5.0),
        ("1.5E+03", 1500.0),
        ("1,234 USD", 1234.0),
        ("chf 1'234.50", 1234.5),
        ("12,34,567.00", 1_234_567.0),
        ("1\u{a0}234.5", 1234.5),
        ("00123", 123.0),
        ("-$12", -12.0),
    ] {
        let read = parse_number(text, &POINT).unwrap();
        assert!((read - value).abs() < 1e-9, "{text}: {read}");
    }
    for text in [
        "",
        "-",
        "$",
        "abc",
        "1000 WORKING DAYS",
        "1,5",
        "0,578",
        "1,2345",
        "18.00.00",
        "2014-01-01",
        "--5",
        "(-5)",
        "1.2.3",
        "5 5",
        "1e9999",
        "inf",
        "NaN",
        "%",
        "e5",
        "1,,234",
    ] {
        assert_eq!(parse_number(text, &POINT), None, "{text}");
    }
}

#[test]
fn numbers_with_commas() {
    for (text, value) in [
        ("€ 1.234,50", 1234.5),
        ("1.234,50 EUR", 1234.5),
        ("13,6", 13.6),
        ("1 234,5 zł", 1234.5),
        ("100,-", 100.0),
        ("-0,5 %", -0.005),
        ("1.234", 1234.0),
    ] {
        let read = parse_number(text, &COMMA).unwrap();
        assert!((read - value).abs() < 1e-9, "{text}: {read}");
    }
    assert_eq!(parse_number("1,234.50", &COMMA), None);
    assert_eq!(parse_number("18.00.00", &COMMA), None);
}

#[test]
fn dates() {
    let day = NaiveDate::from_ymd_opt(2024, 1, 31);
    for (text, order) in [
        ("2024-01-31", DateOrder::Ymd),
        ("2024-01-31", DateOrder::Mdy),
        ("2024/1/31", DateOrder::Dmy),
        ("20240131", DateOrder::Ymd),
        ("31.01.2024", DateOrder::Dmy),
        (" 31/1/2024 ", DateOrder::Dmy),
        ("1-31-2024", DateOrder::Mdy),
        ("2024-01-31T10:00:00.123Z", DateOrder::Ymd),
        ("2024-01-31 10:00:00+02:00", DateOrder::Ymd),
        ("1/31/2024 9:30 PM", DateOrder::Mdy),
    ] {
        assert_eq!(parse_date(text, order), day, "{text}");
    }
    for text in [
        "31/01/24",
        "31/13/2024",
        "30.02.2024",
        "1/2-2024",
        "01/02",
        "x",
        "2024-01-31 noon",
        "0001-01-01",
    ] {
        assert_eq!(parse_date(text, DateOrder::Dmy), None, "{text}");
    }
    assert_eq!(cell::day_number(NaiveDate::default()), 0);
}

#[test]
fn outcomes_and_missing() {
    for text in [
        "Won",
        "WIN",
        " yes ",
        "1",
        "closed_won",
        "Closed-Won",
        "Accepted",
        "Gewonnen",
        "oui",
    ] {
        assert_eq!(parse_outcome(text), Some(true), "{text}");
    }
    for text in [
        "Lost",
        "Loss",
        "no",
        "0",
        "closed lost",
        "declined",
        "Verloren",
        "perdu",
    ] {
        assert_eq!(parse_outcome(text), Some(false), "{text}");
    }
    assert_eq!(parse_outcome("maybe"), None);
    assert!(is_open_outcome("In Progress") && is_open_outcome("offen") && !is_open_outcome("won"));
    for text in ["", "  ", "NA", "n/a", "null", "-", "NaN", "#N/A"] {
        assert!(is_missing(text), "{text}");
    }
    assert!(!is_missing("None") && !is_missing("0"));
}

#[test]
fn cells_are_read_by_kind_and_format() {
    let format = CellFormat::from_parts(",", "DMY", &[], &[]).unwrap();
    assert_eq!(
        (format.decimal_separator(), format.date_order()),
        (",", "DMY")
    );
    assert_eq!(CellFormat::from_parts(";", "", &[], &[]), None);
    let read = |text, kind| cell::read(text, kind, &format);
    assert_eq!(
        read(" None ", ColumnKind::Category),
        CellValue::Category("None")
    );
    assert_eq!(read(" None ", ColumnKind::Number), CellValue::Missing);
    assert_eq!(
        read("1.234,5", ColumnKind::Number),
        CellValue::Number(1234.5)
    );
    assert_eq!(
        read("abc", ColumnKind::Number),
        CellValue::Unreadable("abc")
    );
    assert_eq!(read("02.01.1970", ColumnKind::Date), CellValue::Day(1));
}

/// Writes hundredths with groups.
fn written(cents: i64, group: &str, decimal: &str) -> String {
    let whole = (cents.abs() / 100).to_string();
    let mut text = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            text.push_str(group);
        }
        text.push(digit);
    }
    let sign = if cents < 0 { "-" } else { "" };
    format!("{sign}{text}{decimal}{:02}", cents.abs() % 100)
}

proptest! {
    #[test]
    fn numbers_round_trip(cents in -1_000_000_000_000i64..1_000_000_000_000, style in 0..6usize) {
        let (group, decimal, format, around) = [
            ("", ".", POINT, ("", "")), (",", ".", POINT, ("$", "")), (" ", ".", POINT, ("", " USD")),
            ("", ",", COMMA, ("", "")), (".", ",", COMMA, ("€ ", "")), ("\u{202f}", ",", COMMA, ("", " zł")),
        ][style];
        let text = format!("{}{}{}", around.0, written(cents, group, decimal), around.1);
        let read = parse_number(&text, &format);
        prop_assert_eq!(read, Some(cents as f64 / 100.0), "{}", text);
    }

    #[test]
    fn no_text_panics(text in ".{0,30}") {
        let _ = (parse_number(&text, &POINT), parse_number(&text, &COMMA));
        let _ = (parse_date(&text, DateOrder::Dmy), parse_outcome(&text));
    }

    #[test]
    fn number_like_text_never_panics(text in "[0-9.,()$€%eE +−-]{0,12}") {
        let _ = (parse_number(&text, &POINT), parse_number(&text, &COMMA));
    }

    #[test]
    fn dates_round_trip(days in -20_000i32..60_000) {
        let date = NaiveDate::from_num_days_from_ce_opt(719_163 + days).unwrap();
        for (pattern, order) in [("%Y-%m-%d", DateOrder::Ymd), ("%d.%m.%Y", DateOrder::Dmy), ("%m/%d/%Y", DateOrder::Mdy)] {
            let read = parse_date(&date.format(pattern).to_string(), order);
            prop_assert_eq!(read.map(cell::day_number), Some(days));
        }
    }
}
