//! Tests of how a preview is drawn. Deliberately with a file that has a bit of everything.

use proto::ingestion::{PreviewRow, Problem, Question, RuleTotal, SheetInfo, ValueCount};

use super::*;
use crate::{table::PAGE_WIDTH, text::width};

fn column(name: &str, field: TargetField, kind: &str) -> ColumnReport {
    ColumnReport {
        name: name.into(),
        field: field.into(),
        confidence: 0.93,
        reason: "its header says so in German.".into(),
        r#type: kind.into(),
        missing_share: 0.0312,
        distinct: 1234,
        ..ColumnReport::default()
    }
}

fn sample() -> Preview {
    let amount = ColumnReport {
        min: "12.5".into(),
        max: "98765.43".into(),
        sum: 1_234_567.89,
        format: "decimal comma, because 1.234,50 occurs".into(),
        sparkline: (0..24).map(f64::from).collect(),
        ..column("Angebotspreis netto", TargetField::Price, "number")
    };
    let status = ColumnReport {
        frequent: vec![ValueCount {
            value: "Gewonnen".into(),
            count: 480,
        }],
        ..column("Status", TargetField::Outcome, "text")
    };
    Preview {
        row_count: 1200,
        column_count: 2,
        columns: vec![amount, status],
        origin: Some(FileOrigin {
            format: "csv".into(),
            archive: "gzip".into(),
            encoding: "windows-1252".into(),
            delimiter: ";".into(),
            skipped_rows: 3,
            ..FileOrigin::default()
        }),
        usable_row_count: 1100,
        won_count: 480,
        lost_count: 620,
        open_row_count: 98,
        effect: Some(ImportEffect {
            created: 1198,
            refused: 2,
            ..ImportEffect::default()
        }),
        tier: Tier::Usable.into(),
        tier_reason: "480 quotes were won and 620 lost.".into(),
        questions: vec![Question {
            column: "Datum".into(),
            rule: "date_order".into(),
            text: "Is 03/04/2024 the 3rd of April?".into(),
            answers: vec!["--format \"Datum=DMY\"".into()],
        }],
        problems: vec![Problem {
            rule: "price_positive".into(),
            row: 7,
            column: "Angebotspreis netto".into(),
            value: "-3".into(),
            message: "The price is not positive.".into(),
            fix: "3".into(),
            ..Problem::default()
        }],
        totals: vec![RuleTotal {
            rule: "price_positive".into(),
            count: 2,
        }],
        rows: vec![PreviewRow {
            row: 5,
            cells: vec!["1.234,50".into(), "Gewonnen".into()],
            values: vec!["1234.5".into(), "Gewonnen".into()],
        }],
        periods: vec![
            PreviewPeriod {
                month: "2023-01".into(),
                quote_count: 10,
                won_count: 2,
            },
            PreviewPeriod {
                month: "2023-02".into(),
                quote_count: 10,
                won_count: 8,
            },
        ],
        outcome_words: vec![OutcomeWord {
            word: "Gewonnen".into(),
            outcome: Outcome::Won.into(),
        }],
        ..Preview::default()
    }
}

fn printed(shown: &Preview) -> String {
    let mut out = Vec::new();
    preview(&mut out, shown).expect("prints");
    String::from_utf8(out).expect("is text")
}

#[test]
fn everything_that_was_found_is_told_within_a_page() {
    let text = printed(&sample());
    for part in [
        "not yet: answer the questions",
        "csv, out of gzip, windows-1252, separated by \";\", 3 rows above the header skipped",
        "1,200 rows, 2 columns",
        "1,100 rows, 480 won and 620 lost (43.6 % won); 98 open",
        "won: \"Gewonnen\"",
        "1,198 new, 2 refused",
        "usable: 480 quotes were won",
        "▁█ share by month, 2023-01 to 2023-02",
        "1.234,50 → 1234.5",
        "its header says so in German; decimal comma",
        "12.5 to 98765.43",
        "1234567.89",
        "▁▂▂▃▄▄▅▅▆▇▇█",
        "Gewonnen (480)",
        "3.1 %",
        "--format \"Datum=DMY\"",
        "(probably \"3\")",
        "times broken",
    ] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    assert!(text.lines().all(|line| width(line) <= PAGE_WIDTH), "{text}");
}

#[test]
fn long_names_and_many_rows_stay_within_a_page() {
    let mut preview = sample();
    let long = "An unusually long header, as exports of spreadsheets have ".repeat(3);
    preview.columns[0].name = long.clone();
    preview.columns[1].frequent[0].value = long.clone();
    let row = PreviewRow {
        row: 1_000_000,
        cells: vec![long.clone(), long.clone()],
        values: vec![String::new(), long],
    };
    preview.rows = vec![row; 20];
    let text = printed(&preview);
    assert!(text.lines().all(|line| width(line) <= PAGE_WIDTH), "{text}");
}

#[test]
fn sheets_are_named_where_there_is_a_choice() {
    let sheet = |name: &str| SheetInfo {
        name: name.into(),
        row_count: 78_025,
        column_count: 9,
    };
    let mut preview = sample();
    preview.origin = Some(FileOrigin {
        format: "xlsx".into(),
        sheet: "Quotes".into(),
        sheets: vec![sheet("Notes"), sheet("Quotes")],
        ..FileOrigin::default()
    });
    let text = printed(&preview);
    assert!(text.contains("xlsx, sheet \"Quotes\""), "{text}");
    assert!(
        text.contains("\"Notes\" (78,025 x 9), \"Quotes\""),
        "{text}"
    );
}

#[test]
fn an_empty_preview_prints_what_there_is() {
    let text = printed(&Preview::default());
    assert!(text.contains("no: mend the problems"), "{text}");
    assert!(text.contains("0 rows, 0 columns"), "{text}");
}

#[test]
fn sums_have_the_digits_that_they_need() {
    assert_eq!(sum(0.0), "0");
    assert_eq!(sum(1200.0), "1200");
    assert_eq!(sum(1_234_567.891), "1234567.891");
    assert_eq!(sum(-0.5), "-0.5");
    assert_eq!(sum(1e15), "1000000000000000");
}
