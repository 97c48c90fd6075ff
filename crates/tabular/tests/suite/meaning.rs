//! What the cells of a column mean together: numbers, dates and words in the ways people write them.
//!
//! Not about what columns stand for; see `names.rs`.

use chrono::{Days, NaiveDate};
use proptest::prelude::*;
use tabular::{
    CellFormat, CellValue, ColumnKind, DateOrder, Profile, StatedFormat, cell, fingerprint,
    profile, profile_stated,
};

use crate::common::sheet;

fn column_named(name: &str, cells: &[&str]) -> Profile {
    let mut text = format!("filler\t{name}\n");
    for cell in cells {
        text.push_str(&format!("x\t{cell}\n"));
    }
    profile(&sheet(&text)).remove(1)
}

fn column(cells: &[&str]) -> Profile {
    column_named("column", cells)
}

#[test]
fn accounting_dashes_and_percent() {
    let money = column(&[" $1,618.50 ", " $-   ", " - ", "$(4,533.75)"]);
    assert_eq!((money.kind, money.missing), (ColumnKind::Number, 0));
    assert!((money.sum + 2915.25).abs() < 1e-9, "{}", money.sum);
    assert_eq!(money.currencies, ["$"]);
    let plain = column(&["1.5", "-", "2.5"]);
    assert_eq!(
        (plain.missing, plain.missing_words),
        (1, vec!["-".to_owned()])
    );
    let share = column(&["12.5%", "7 %", "0"]);
    assert!(share.format.percent && (share.sum - 0.195).abs() < 1e-9);
    let read = |text| cell::read(text, ColumnKind::Number, &share.format);
    assert_eq!(read("0.12"), CellValue::Number(0.12));
    assert_eq!(read("12"), CellValue::Unreadable("12"));
}

#[test]
fn words_for_nothing_are_judged_by_column() {
    let competitor = column(&["Known", "None", "Unknown", "None", "Known"]);
    assert_eq!((competitor.missing, competitor.distinct), (0, 3));
    assert_eq!(competitor.format.present, ["None"]);
    let region = column(&["EMEA", "NA", "APAC", "NA"]);
    assert_eq!((region.missing, region.distinct), (0, 3));
    let sparse = column(&["Known", "None", "", "", "Other"]);
    assert_eq!(
        (sparse.missing, sparse.missing_words),
        (3, vec!["None".to_owned()])
    );
    // Where numbers use the word too, it is the file's mark for nothing.
    let marked = profile(&sheet("a;b\nx;1\nNA;NA\ny;3\n"));
    assert_eq!((marked[0].missing, marked[1].missing), (1, 1));
    let stated = |format: StatedFormat| {
        let sheet = sheet("a;b\nx;1\nNA;2\ntbd;3\n");
        profile_stated(&sheet, &[("a".to_owned(), format)]).remove(0)
    };
    let said = stated(StatedFormat {
        missing: vec!["TBD".to_owned(), "na".to_owned()],
        ..StatedFormat::default()
    });
    assert_eq!((said.missing, said.distinct), (2, 1));
    let said = stated(StatedFormat {
        present: vec!["NA".to_owned()],
        ..StatedFormat::default()
    });
    assert_eq!((said.missing, said.distinct), (0, 3));
}

#[test]
fn booleans_in_many_spellings() {
    for cells in [
        ["yes", "No"],
        ["TRUE", "false"],
        ["1", "0"],
        ["ja", "nein"],
        ["oui", "non"],
        ["sí", "no"],
        ["tak", "nie"],
        ["wahr", "falsch"],
        ["on", "off"],
        ["Y", "N"],
    ] {
        assert!(column(&cells).boolean, "{cells:?}");
    }
    assert!(!column(&["yes", "maybe"]).boolean && !column(&["1", "2"]).boolean);
}

#[test]
fn a_price_with_a_few_bad_cells_is_still_a_price() {
    let mut cells = vec!["100.50"; 39];
    cells.push("on request");
    let price = column_named("Price", &cells);
    assert_eq!((price.kind, price.unreadable), (ColumnKind::Number, 1));
    assert_eq!(column_named("Notes", &cells).kind, ColumnKind::Category);
    assert_eq!(
        column_named("Price", &["00123", "00456"]).kind,
        ColumnKind::Category
    );
}

#[test]
fn dates_as_people_write_them() {
    for (cells, earliest) in [
        (["31 Jan 2024", "1 Feb 2024"], "2024-01-31"),
        (["Jan 31, 2024", "Feb 1, 2024"], "2024-01-31"),
        (["31. Januar 2024", "1. März 2024"], "2024-01-31"),
        (["31 janvier 2024", "1 août 2024"], "2024-01-31"),
        (["31 de enero de 2024", "1 de abril de 2024"], "2024-01-31"),
        (["31 stycznia 2024 r.", "1 lutego 2024"], "2024-01-31"),
        (["31-Jan-24", "01-Feb-24"], "2024-01-31"),
        (["Wed, 31 Jan 2024", "Thursday, 1 Feb 2024"], "2024-01-31"),
        (
            ["31.01.2024 10:00 Uhr", "01.02.2024 9:15 Uhr"],
            "2024-01-31",
        ),
        (
            ["2024-01-31T10:00:00+02:00", "2024-02-01T10:00:00Z"],
            "2024-01-31",
        ),
        (["31. 1. 2024", "1. 2. 2024"], "2024-01-31"),
        (["31 01 2024", "01 02 2024"], "2024-01-31"),
        (["31.01.2024 r.", "01.02.2024 r."], "2024-01-31"),
        (["31Jan2024", "01Feb2024"], "2024-01-31"),
        (["January 31st, 2024", "Feb 1st, 2024"], "2024-01-31"),
        (
            ["31 Jan 2024 at 10:00", "1 Feb 2024 at 9:00 PM"],
            "2024-01-31",
        ),
        (["20240131T101500", "20240201T101500Z"], "2024-01-31"),
        (["20240131", "20240201"], "2024-01-31"),
    ] {
        let found = column(&cells);
        assert_eq!(
            (found.kind, found.date_ambiguous),
            (ColumnKind::Date, false),
            "{cells:?}"
        );
        assert_eq!(found.min, earliest, "{cells:?}");
        assert_eq!(found.unreadable, 0, "{cells:?}");
    }
    let mixed = column(&["31/01/24", "01/02/2024"]);
    assert!(mixed.kind != ColumnKind::Date || mixed.unreadable > 0);
    let long = column(&["31/01/2024", "30/01/2024"]);
    assert!(!long.format.short_years);
    for text in [
        "styczeń",
        "May",
        "Jan 2024",
        "18.00.00",
        "31 Foo 2024",
        "12:30",
        ":",
        "x 5 May",
    ] {
        assert_eq!(tabular::parse_date(text, DateOrder::Dmy), None, "{text}");
    }
}

#[test]
fn serial_numbers_are_dates_where_the_name_says_so() {
    let dates = column_named("Quote Date", &["45322", "45323.5"]);
    assert_eq!(
        (dates.kind, dates.format.date),
        (ColumnKind::Date, Some(DateOrder::Serial))
    );
    assert_eq!(dates.min, "2024-01-31");
    assert_eq!(
        column_named("Price", &["45322", "45323"]).kind,
        ColumnKind::Number
    );
    assert_eq!(column_named("Price", &["45322", "45323"]).date_order, None);
    let format = CellFormat::from_parts(".", "SERIAL", &[], &[]).unwrap();
    assert_eq!(
        cell::read("45322", ColumnKind::Date, &format),
        CellValue::Day(19_753)
    );
}

#[test]
fn companions_settle_the_order() {
    for (companion, values) in [
        ("Month Number", ["2", "4"]),
        ("Monat", ["Februar", "April"]),
        ("m", ["Feb", "Apr"]),
    ] {
        let text = format!(
            "Date,{companion}\n01/02/2024,{}\n03/04/2024,{}\n",
            values[0], values[1]
        );
        let date = profile(&sheet(&text)).remove(0);
        assert_eq!(
            (date.format.date, date.date_ambiguous),
            (Some(DateOrder::Dmy), false),
            "{companion}"
        );
        assert!(date.date_reason.contains(companion), "{}", date.date_reason);
    }
    let american = profile(&sheet("Date,Month\n01/02/2024,1\n03/04/2024,3\n")).remove(0);
    assert_eq!(american.format.date, Some(DateOrder::Mdy));
    let open = profile(&sheet("Date,Month\n01/02/2024,1\n03/04/2024,4\n")).remove(0);
    assert!(open.date_ambiguous);
    assert_eq!(open.date_orders, [DateOrder::Dmy, DateOrder::Mdy]);
}

/// Hundredths as a person of some country writes them.
fn written(cents: i64, group: &str, decimal: &str, places: usize) -> String {
    let whole = (cents.abs() / 100).to_string();
    let mut text = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            text.push_str(group);
        }
        text.push(digit);
    }
    let sign = if cents < 0 { "-" } else { "" };
    let fraction = format!("{:02}", cents.abs() % 100);
    match places {
        0 => format!("{sign}{text}"),
        _ => format!("{sign}{text}{decimal}{}", &fraction[..places]),
    }
}

proptest! {
    #[test]
    fn numbers_of_any_country_are_read_back_or_asked(
        cents in prop::collection::vec(-50_000_000i64..50_000_000, 1..20),
        style in 0..7usize,
        places in 0..3usize,
        sign in 0..4usize,
    ) {
        let (group, decimal) = [
            (",", "."), (".", ","), (" ", ","), ("\u{a0}", ","), ("\u{202f}", "."), ("'", "."), ("’", ","),
        ][style];
        let unit = [1, 10, 100][2 - places];
        let values: Vec<i64> = cents.iter().map(|c| c / unit * unit).collect();
        let around = [("", ""), ("€ ", ""), ("", " PLN"), ("CHF ", "")][sign];
        let mut text = "a\tvalue\n".to_owned();
        for value in &values {
            text.push_str(&format!("x\t{}{}{}\n", around.0, written(*value, group, decimal, places), around.1));
        }
        let found = profile(&sheet(&text)).remove(1);
        let expected = values.iter().sum::<i64>() as f64 / 100.0;
        prop_assert_eq!(found.kind, ColumnKind::Number, "{}", text);
        if !found.number_ambiguous {
            prop_assert!((found.sum - expected).abs() < 1e-6, "{} is not {expected}: {text}", found.sum);
        }
    }

    #[test]
    fn dates_of_any_country_are_read_back_or_asked(
        offsets in prop::collection::vec(0u64..9000, 1..25),
        style in 0..12usize,
    ) {
        let pattern = [
            "%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%-d.%-m.%Y", "%d-%b-%Y", "%b %d, %Y",
            "%d/%m/%y", "%m/%d/%y", "%y-%m-%d", "%d-%b-%y", "%A, %d %B %Y",
        ][style];
        let start = NaiveDate::from_ymd_opt(2000, 1, 1).unwrap();
        let dates: Vec<NaiveDate> = offsets.iter().map(|days| start + Days::new(*days)).collect();
        let mut text = "a\twhen\n".to_owned();
        for date in &dates {
            text.push_str(&format!("x\t{}\n", date.format(pattern)));
        }
        let found = profile(&sheet(&text)).remove(1);
        prop_assert_eq!(found.kind, ColumnKind::Date, "{}", text);
        if !found.date_ambiguous {
            let ends = (dates.iter().min().unwrap().to_string(), dates.iter().max().unwrap().to_string());
            prop_assert_eq!((found.min, found.max), ends, "{}", text);
        }
    }

    #[test]
    fn no_column_panics(name in ".{0,12}", cells in prop::collection::vec("[0-9A-Za-z .,:/$€%()'+-]{0,14}", 1..12)) {
        let cells: Vec<&str> = cells.iter().map(String::as_str).collect();
        let name = name.replace(['\t', '\n', '\r', '"'], "");
        let _ = column(&cells);
        let _ = fingerprint(&[name]);
    }
}
