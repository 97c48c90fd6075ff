//! The rules that decide whether a history is accepted, one bad file each.
//!
//! Not about files that cannot be read at all; see `reading.rs`.

use crate::common::{day, history, import, mapped, row, sheet, total};
use tabular::{ColumnKind, Field, MAX_PROBLEMS, Severity, Validated, Values, validate};

/// A good history with one more row.
fn with(row: &str) -> Validated {
    import(&format!("{}{row}", history(40)), &[], &[])
}

fn refused_for(result: &Validated, rule: &str) {
    assert!(result.frame.is_none(), "{rule}");
    let found = result.report.errors.iter().find(|p| p.rule == rule);
    let problem = found.unwrap_or_else(|| panic!("{rule}: {:?}", result.report.errors));
    assert!(!problem.suggestion.is_empty() && problem.severity == Severity::Error);
}

#[test]
fn a_good_history_is_accepted() {
    let text = history(60);
    let sheet = sheet(&text);
    let (profiles, mapping) = mapped(&sheet, &[], &[]);
    let result = validate(&sheet, &mapping, &profiles, &crate::common::rules());
    assert_eq!(result.report.errors, []);
    assert_eq!(result.report.warnings, []);
    let report = &result.report;
    assert_eq!(
        (
            report.row_count,
            report.usable_rows,
            report.won,
            report.lost
        ),
        (60, 60, 20, 40)
    );
    let frame = result.frame.unwrap();
    assert_eq!((frame.len(), frame.rows[0], frame.rows[59]), (60, 2, 61));
    assert!((frame.prices[1] - 107.0).abs() < 1e-9);
    assert_eq!(frame.dates.as_ref().unwrap()[0], 19_358);
    assert_eq!(frame.quote_id(&sheet, 1), Some("Q-00001"));
    assert_eq!(frame.groups, None);
    let names: Vec<&str> = frame.columns.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["price", "date", "region", "cost"]);
    let Values::Codes { codes, levels } = &frame.columns[2].values else {
        panic!("{:?}", frame.columns[2].kind);
    };
    assert_eq!(
        (codes[4], levels.as_slice()),
        (2, &["north", "south", "None"].map(String::from)[..])
    );
    assert_eq!(frame.columns[1].kind, ColumnKind::Date);
    let record: Vec<_> = frame.record(&sheet, 0).take(2).collect();
    assert_eq!(record, [("quote_id", "Q-00000"), ("outcome", "won")]);
}

#[test]
fn thirty_rows_are_the_least() {
    refused_for(&import(&history(29), &[], &[]), "rows_minimum");
    assert!(import(&history(30), &[], &[]).frame.is_some());
}

#[test]
fn a_third_outcome_is_named() {
    let text = format!("{}Q-1,maybe,5,2023-01-01,north,1\n", history(40));
    let result = import(&text, &[(Field::Outcome, "outcome")], &[]);
    refused_for(&result, "outcome_words");
    let problem = &result.report.errors[0];
    assert!(problem.message.contains("\"won\" (14)") && problem.message.contains("\"maybe\" (1)"));
    assert_eq!(problem.value, "maybe");
}

#[test]
fn open_quotes_are_kept_but_not_counted() {
    let result = with("Q-1,pending,5,2023-01-01,north,1\n");
    assert_eq!(
        (result.report.open_rows, result.report.usable_rows),
        (1, 40)
    );
    assert_eq!(total(&result.report, "outcome_open"), 1);
    let frame = result.frame.unwrap();
    assert_eq!(
        (frame.len(), frame.open(), frame.decided().count()),
        (41, 1, 40)
    );
}

#[test]
fn outcomes_must_be_there_and_of_both_kinds() {
    let result = with("Q-1,,5,2023-01-01,north,1\n");
    refused_for(&result, "outcome_known");
    assert_eq!(result.report.errors[0].row, 42);
    let won = history(40).replace("lost", "win");
    refused_for(
        &import(&won, &[(Field::Outcome, "outcome")], &[]),
        "both_classes",
    );
}

#[test]
fn prices() {
    refused_for(&with(&row(40, "-5", "2023-01-01")), "price_positive");
    refused_for(&with(&row(40, "", "2023-01-01")), "price_number");
    let text = format!("{}{}", history(200), row(200, "abc", "2023-01-01"));
    let result = import(&text, &[], &[]);
    refused_for(&result, "price_number");
    assert_eq!(
        (
            result.report.errors[0].row,
            result.report.errors[0].value.as_str()
        ),
        (202, "abc")
    );
    refused_for(&with(&row(40, "0", "2023-01-01")), "price_positive");
    refused_for(&with(&row(40, "1e300", "2023-01-01")), "price_range");
}

#[test]
fn dates_must_be_dates_and_not_far_ahead() {
    let given = [(Field::Date, "date")];
    let of = |date: &str| {
        import(
            &format!("{}{}", history(40), row(40, "5", date)),
            &given,
            &[],
        )
    };
    refused_for(&of("2025-07-02"), "date_not_future");
    assert!(of("2025-07-01").frame.is_some());
    refused_for(&of("2023-02-30"), "date_valid");
    refused_for(&of(""), "date_valid");
}

#[test]
fn ambiguous_dates_must_be_settled() {
    let mut text = history(0);
    for i in 0..40 {
        text.push_str(&row(
            i,
            "100",
            &format!("{:02}/{:02}/2023", 1 + i % 12, 1 + i % 11),
        ));
    }
    let result = import(&text, &[], &[]);
    refused_for(&result, "date_order");
    assert!(
        result.report.errors[0]
            .suggestion
            .contains("--map date=\"date:MDY\"")
    );
    assert_eq!(result.report.errors.len(), 1);
    let settled = import(&text, &[(Field::Date, "date:MDY")], &[]);
    assert_eq!(settled.frame.unwrap().columns[1].format.date_order(), "MDY");
    let feature = import(&text, &[(Field::Date, "@import")], &[]);
    assert_eq!(total(&feature.report, "date_order"), 1);
    assert_eq!(feature.frame.unwrap().dates, None);
}

#[test]
fn rows_of_the_wrong_length_block() {
    let result = with("Q-1,won,5,2023-01-01,north,1,surplus\n");
    refused_for(&result, "row_shape");
    assert_eq!(result.report.errors[0].row, 42);
}

#[test]
fn a_field_of_numbers_must_hold_numbers() {
    refused_for(
        &import(&history(40), &[(Field::Discount, "region")], &[]),
        "number_column",
    );
}

#[test]
fn every_problem_is_counted_and_two_hundred_kept() {
    let text: String = history(0) + &(0..500).map(|i| row(i, "-1", &day(i))).collect::<String>();
    let report = import(&text, &[], &[]).report;
    assert_eq!(total(&report, "price_positive"), 500);
    assert_eq!(report.errors.len(), MAX_PROBLEMS);
    assert_eq!(report.errors[0].rule, "rows_minimum");
}

#[test]
fn odd_feature_cells_warn_and_count_as_missing() {
    let text = history(300).replace(
        "Q-00007,lost,149,2023-08-08,north,57",
        "Q-00007,lost,149,2023-08-08,north,n.b.",
    );
    let result = import(&text, &[], &[]);
    assert_eq!(total(&result.report, "cell_unreadable"), 1);
    let frame = result.frame.unwrap();
    let Values::Numbers(costs) = &frame.columns[3].values else {
        panic!("{:?}", frame.columns[3].kind);
    };
    assert!(costs[7].is_nan() && !costs[8].is_nan());
}

#[test]
fn leaks_are_suspected() {
    let mut text = "outcome,price,date,days,reason,invoice,honest\n".to_owned();
    for i in 0..200 {
        let won = i % 3 == 0;
        let outcome = if won { "won" } else { "lost" };
        let days = if won { 100 + i % 20 } else { i % 20 };
        let reason = if won {
            "signed"
        } else {
            ["price", "late"][i % 2]
        };
        let invoice = if won {
            format!("{}", i % 9)
        } else {
            String::new()
        };
        text.push_str(&format!(
            "{outcome},{},{},{days},{reason},{invoice},{}\n",
            10 + i % 7,
            day(i),
            i % 5
        ));
    }
    let result = import(&text, &[], &[]);
    let suspected: Vec<&str> = result
        .report
        .warnings
        .iter()
        .filter(|p| p.rule == "leak_suspected")
        .map(|p| p.column.as_str())
        .collect();
    assert_eq!(suspected, ["days", "reason", "invoice"]);
    assert!(
        result.report.warnings[0]
            .suggestion
            .contains("--ignore \"days\"")
    );
    assert!(result.frame.is_some());
}

#[test]
fn semicolons_and_decimal_commas_all_the_way() {
    let mut text = "\u{feff}Ergebnis;Preis;Datum;Gruppe\r\n".to_owned();
    for i in 0..30 {
        let outcome = if i % 2 == 0 { "Gewonnen" } else { "Verloren" };
        text.push_str(&format!(
            "{outcome};1.{:03},50 €;{:02}.03.2024;{}\r\n",
            i,
            1 + i,
            i % 4
        ));
    }
    let frame = import(&text, &[], &[]).frame.unwrap();
    assert!((frame.prices[29] - 1029.5).abs() < 1e-9);
    assert_eq!(frame.columns[0].format.decimal_separator(), ",");
    assert_eq!(frame.columns[1].format.date_order(), "DMY");
}
