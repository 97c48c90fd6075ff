//! Real files of other people, read where `VALUTAI_REAL_DATA` names the folder that holds them.
//!
//! Deliberately not needed: without the variable each test says that it is skipped.
#![expect(clippy::unwrap_used, reason = "tests may panic")]

use std::path::PathBuf;
use std::time::Instant;

use crate::common::{mapped, total};
use tabular::{Field, Frame, Native, ReadOptions, Sheet, profile, read, validate};

/// The content of a real file, or `None` where there are none.
fn real(path: &str) -> Option<Vec<u8>> {
    let Some(folder) = std::env::var_os("VALUTAI_REAL_DATA") else {
        println!("skipped: VALUTAI_REAL_DATA is not set");
        return None;
    };
    Some(std::fs::read(PathBuf::from(folder).join(path)).unwrap())
}

fn accepted(sheet: &Sheet, given: &[(Field, &str)], ignored: &[&str]) -> Frame {
    let (profiles, mapping) = mapped(sheet, given, ignored);
    for column in &mapping.columns {
        println!(
            "{:40} {:?} {} {}",
            column.name, column.field, column.confidence, column.reason
        );
    }
    let result = validate(sheet, &mapping, &profiles, &crate::common::rules());
    println!("warnings {:#?}", result.report.warnings);
    assert_eq!(result.report.errors, []);
    assert_eq!(total(&result.report, "leak_suspected"), 0);
    result.frame.unwrap()
}

fn sum(sheet: &Sheet, column: &str) -> f64 {
    let profiles = profile(sheet);
    profiles.iter().find(|p| p.name == column).unwrap().sum
}

#[test]
fn car_parts() {
    let Some(bytes) = real("ibm/WA_Fn-UseC_-Sales-Win-Loss.csv") else {
        return;
    };
    let start = Instant::now();
    let sheet = read(&bytes, &ReadOptions::default()).unwrap();
    println!("read {:?}", start.elapsed());
    let start = Instant::now();
    profile(&sheet);
    println!("profile {:?}", start.elapsed());
    let given = [
        (Field::Outcome, "Opportunity Result"),
        (Field::Price, "Opportunity Amount USD"),
        (Field::Date, "@import"),
    ];
    let leaks = [
        "Elapsed Days In Sales Stage",
        "Sales Stage Change Count",
        "Total Days Identified Through Closing",
        "Total Days Identified Through Qualified",
        "Ratio Days Identified To Total Days",
        "Ratio Days Validated To Total Days",
        "Ratio Days Qualified To Total Days",
    ];
    let start = Instant::now();
    let (profiles, mapping) = mapped(&sheet, &given, &leaks);
    println!("profile and map {:?}", start.elapsed());
    let start = Instant::now();
    let result = validate(&sheet, &mapping, &profiles, &crate::common::rules());
    println!("validate {:?}", start.elapsed());
    // Prices of zero are many there, and 141 numbers stand for two different deals; neither is in
    // the way.
    let report = &result.report;
    assert_eq!(report.errors, []);
    assert_eq!(total(report, "price_positive"), 2_047);
    assert_eq!((report.bad_rows, report.left_out_rows), (0, 0));
    let frame = result.frame.unwrap();
    assert_eq!((frame.len(), frame.quote_id_column), (78_025, None));
    let won = frame.won();
    assert!((won as f64 / frame.len() as f64 - 0.226).abs() < 0.001);
    let names: Vec<&str> = frame.columns.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names.len(), 10, "{names:?}");
    let competitor = profiles
        .iter()
        .find(|p| p.name == "Competitor Type")
        .unwrap();
    assert!(competitor.levels.contains(&("None".to_owned(), 9_257)));
}

#[test]
fn road_building() {
    let Some(bytes) = real("texas/texas_bids_long_derived.csv") else {
        return;
    };
    let sheet = read(&bytes, &ReadOptions::default()).unwrap();
    let given = [
        (Field::Outcome, "result"),
        (Field::Price, "bid_amount"),
        (Field::Date, "let_date:MDY"),
    ];
    // Every letting was in the first twelve days of a month, so the order has to be stated.
    let (profiles, unstated) = mapped(&sheet, &given[..2], &[]);
    let refused = validate(&sheet, &unstated, &profiles, &crate::common::rules());
    assert_eq!(
        (refused.frame, total(&refused.report, "date_order")),
        (None, 1)
    );
    let frame = accepted(&sheet, &given, &[]);
    assert_eq!(frame.len(), 8_700);
    let dates = frame.dates.unwrap();
    assert_eq!(
        (dates.iter().min(), dates.iter().max()),
        (Some(&17_079), Some(&17_723))
    );
    let date = frame
        .columns
        .iter()
        .find(|c| c.field == Field::Date)
        .unwrap();
    assert_eq!(date.format.date_order(), "MDY");
    assert!(frame.groups.is_some());
}

#[test]
fn vehicle_fleets() {
    for file in ["fleet/fleet_sales.csv", "fleet/segmented_model.csv"] {
        let Some(bytes) = real(file) else { return };
        let sheet = read(&bytes, &ReadOptions::default()).unwrap();
        let frame = accepted(&sheet, &[(Field::Date, "@import")], &[]);
        assert_eq!(frame.len(), 4_000);
        let field = |name: &str| {
            frame
                .columns
                .iter()
                .find(|c| c.name == name)
                .map(|c| c.field)
        };
        assert_eq!(field("Unit_Price"), Some(Field::Price));
        assert_eq!(field("MSRP"), Some(Field::ListPrice));
        assert_eq!(field("Unit_Cost"), Some(Field::Cost));
        assert_eq!(field("Units"), Some(Field::Quantity));
        assert_eq!(field("Bid_No"), None);
        assert!(frame.quote_id_column.is_some());
    }
}

#[test]
fn messy_files() {
    let Some(bytes) = real("messy/Financials_currency_dd-mm-yyyy.csv") else {
        return;
    };
    let sheet = read(&bytes, &ReadOptions::default()).unwrap();
    assert_eq!((sheet.row_count(), sheet.headers.len()), (700, 16));
    for (column, expected) in [
        ("Sales", 118_726_350.29),
        ("Profit", 16_893_702.29),
        ("Discounts", 9_205_248.27),
    ] {
        let found = sum(&sheet, column);
        assert!((found - expected).abs() < 0.005, "{column} {found}");
    }
    let profiles = profile(&sheet);
    let date = profiles.iter().find(|p| p.name == "Date").unwrap();
    assert_eq!(
        (date.format.date_order(), date.date_ambiguous),
        ("DMY", false)
    );
    assert!(date.date_reason.contains("Month N"), "{}", date.date_reason);
    assert_eq!(
        (date.min.as_str(), date.max.as_str()),
        ("2013-09-01", "2014-12-01")
    );
    let Some(bytes) = real("messy/AirQualityUCI_semicolon_decimalcomma.csv") else {
        return;
    };
    let sheet = read(&bytes, &ReadOptions::default()).unwrap();
    assert_eq!(
        (sheet.row_count(), sheet.headers.len(), sheet.empty_rows),
        (9_357, 15, 114)
    );
    let profiles = profile(&sheet);
    let temperature = profiles.iter().find(|p| p.name == "T").unwrap();
    assert_eq!(temperature.format.decimal_separator(), ",");
    assert!(!temperature.number_ambiguous);
    let found = sum(&sheet, "T");
    assert!((found - 91_495.6).abs() < 0.05, "{found}");
}

#[test]
fn messy_workbook() {
    let Some(bytes) = real("messy/Financial_Sample.xlsx") else {
        return;
    };
    let sheet = read(&bytes, &ReadOptions::default()).unwrap();
    assert_eq!((sheet.row_count(), sheet.headers.len()), (700, 16));
    let column = |name: &str| &sheet.columns[sheet.column_index(name).unwrap()];
    let numbers =
        |name: &str| -> f64 { column(name).iter().map(|c| c.parse().unwrap_or(0.0)).sum() };
    assert!((numbers("Sales") - 118_726_350.26).abs() < 0.005);
    assert!((numbers("Profit") - 16_893_702.26).abs() < 0.005);
    assert_eq!(column("Sales").native(), Native::Numbers);
    assert_eq!(column("Date").native(), Native::Dates);
    assert_eq!(column("Date").iter().min(), Some("2013-09-01"));
    assert_eq!(column("Date").iter().max(), Some("2014-12-01"));
}
