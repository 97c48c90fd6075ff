//! Columns that are known only after the outcome, and columns that only look it.
//!
//! Not about the plain cases in `rules.rs`.
#![expect(clippy::unwrap_used, reason = "tests may panic")]

use chrono::NaiveDate;
use tabular::{Field, Problem, Validated};

use crate::common::{import, mapped, rules, sheet};

fn history(header: &str, cell: impl Fn(usize, bool, NaiveDate) -> String) -> String {
    let mut text = format!("outcome,price,date,{header}\n");
    let start = NaiveDate::from_ymd_opt(2023, 1, 1).unwrap();
    for i in 0..400usize {
        let won = i * 7919 % 13 < 5;
        let date = start + chrono::Days::new(i as u64 * 37 % 300);
        let outcome = if won { "won" } else { "lost" };
        let price = 100 + i * 31 % 97;
        let more = cell(i, won, date);
        text.push_str(&format!("{outcome},{price},{date},{more}\n"));
    }
    text
}

fn leaks(result: &Validated) -> Vec<&Problem> {
    let warnings = result.report.warnings.iter();
    warnings.filter(|p| p.rule.starts_with("leak_")).collect()
}

#[test]
fn dates_after_the_quote_for_one_class_are_suspected() {
    let text = history("ordered", |i, won, date| {
        let days = if won { 30 + i % 9 } else { i % 9 };
        (date + chrono::Days::new(days as u64)).to_string()
    });
    let result = import(&text, &[], &[]);
    let found = leaks(&result);
    assert_eq!(
        (found[0].rule, found[0].column.as_str()),
        ("leak_suspected", "ordered")
    );
    assert!(
        found[0].message.contains("34 days after"),
        "{}",
        found[0].message
    );
    assert!(found[0].suggestion.contains("--ignore \"ordered\""));
}

#[test]
fn a_strong_hold_on_the_outcome_is_mentioned() {
    let text = history("stage,mostly", |i, won, _| {
        let stage = if i % 10 < 9 { won } else { !won };
        let filled = if won == (i % 8 > 0) { "5" } else { "" };
        format!("{},{filled}", if stage { "late" } else { "early" })
    });
    let result = import(&text, &[], &[]);
    let found: Vec<_> = leaks(&result)
        .iter()
        .map(|p| (p.rule, p.column.as_str()))
        .collect();
    assert_eq!(
        found,
        [("leak_possible", "stage"), ("leak_possible", "mostly")]
    );
    assert!(leaks(&result)[0].message.contains('%'));
}

#[test]
fn honest_columns_are_left_in_peace() {
    let text = history("list price,region,days,note", |i, won, _| {
        let list = if won { 130 + i % 40 } else { 105 + i % 40 };
        format!("{list},{},{},{}", ["n", "s", "w"][i % 3], i % 50, i % 200)
    });
    let given = [(Field::ListPrice, "list price")];
    let result = import(&text, &given, &[]);
    assert_eq!(leaks(&result), Vec::<&Problem>::new());
}

#[test]
fn names_of_the_course_of_a_sale_sharpen_the_look() {
    let days = |i: usize, won: bool, _| format!("{}", i % 40 + if won { 0 } else { 8 });
    let found = |header: &str| import(&history(header, days), &[], &[]);
    assert_eq!(
        leaks(&found("total days in stage"))[0].rule,
        "leak_possible"
    );
    assert_eq!(leaks(&found("delivery days")), Vec::<&Problem>::new());
    assert_eq!(leaks(&found("size")), Vec::<&Problem>::new());
}

#[test]
fn open_quotes_say_nothing_of_leaks() {
    let mut text = history("note", |i, _, _| format!("{}", i % 5));
    for i in 0..100 {
        text.push_str(&format!("open,100,2023-05-05,{}\n", 1000 + i % 5));
    }
    assert_eq!(leaks(&import(&text, &[], &[])), Vec::<&Problem>::new());
}

#[test]
fn car_parts_that_are_known_too_late() {
    let Some(folder) = std::env::var_os("VALUTAI_REAL_DATA") else {
        println!("skipped: VALUTAI_REAL_DATA is not set");
        return;
    };
    let path = std::path::PathBuf::from(folder).join("ibm/WA_Fn-UseC_-Sales-Win-Loss.csv");
    let text = std::fs::read_to_string(path).unwrap();
    let sheet = sheet(&text);
    let given = [
        (Field::Outcome, "Opportunity Result"),
        (Field::Price, "Opportunity Amount USD"),
        (Field::Date, "@import"),
    ];
    let (profiles, mapping) = mapped(&sheet, &given, &[]);
    let rules = tabular::Rules {
        allow_any_price: true,
        joins_history: false,
        leave_bad_rows_aside: true,
        ..rules()
    };
    let result = tabular::validate(&sheet, &mapping, &profiles, &rules);
    println!("{:?}", result.report.totals);
    for problem in leaks(&result) {
        println!("{} {} {}", problem.rule, problem.column, problem.message);
    }
    let columns: Vec<&str> = leaks(&result).iter().map(|p| p.column.as_str()).collect();
    let late = ["Elapsed", "Stage", "Total Days", "Ratio Days"];
    let is_late = |name: &&&str| late.iter().any(|word| name.contains(word));
    assert_eq!(
        (columns.len(), columns.iter().filter(is_late).count()),
        (7, 7)
    );
}
