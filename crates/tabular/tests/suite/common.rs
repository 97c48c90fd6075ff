//! Quote histories made for the tests, and the way through the crate in one call.
//!
//! Not a test itself, and not real data; that is in `real.rs`.
#![expect(clippy::unwrap_used, reason = "tests may panic")]

use chrono::NaiveDate;
use tabular::{Field, Mapping, Profile, Report, Sheet, Validated};

/// The day the tests take for today.
pub fn today() -> NaiveDate {
    NaiveDate::from_ymd_opt(2024, 6, 30).unwrap()
}

/// A history of `rows` quotes that has nothing wrong with it.
pub fn history(rows: usize) -> String {
    let mut text = String::from("quote_id,outcome,price,date,region,cost\n");
    for i in 0..rows {
        text.push_str(&row(i, &(100 + i * 7 % 50).to_string(), &day(i)));
    }
    text
}

/// As [`history`], with prices that have a decimal point.
pub fn with_decimals(rows: usize) -> String {
    let prices = (0..rows).map(|i| row(i, &format!("{}.5", 100 + i * 7 % 50), &day(i)));
    history(0) + &prices.collect::<String>()
}

/// A row of [`history`] with another price and date.
pub fn row(i: usize, price: &str, date: &str) -> String {
    let outcome = if i.is_multiple_of(3) { "won" } else { "lost" };
    let region = ["north", "south", "None"][i / 2 % 3];
    format!(
        "Q-{i:05},{outcome},{price},{date},{region},{}\n",
        50 + i % 11
    )
}

/// The date of a row of [`history`].
pub fn day(i: usize) -> String {
    format!("2023-{:02}-{:02}", 1 + i % 12, 1 + i % 28)
}

/// Reads a text that must be readable.
pub fn sheet(text: &str) -> Sheet {
    tabular::read(&text.as_bytes(), &tabular::ReadOptions::default()).unwrap()
}

/// Profiles and maps; the mapping must succeed.
pub fn mapped(sheet: &Sheet, given: &[(Field, &str)], ignored: &[&str]) -> (Vec<Profile>, Mapping) {
    let profiles = tabular::profile(sheet);
    let mapping = try_map(sheet, &profiles, given, ignored).unwrap();
    (profiles, mapping)
}

/// Maps with borrowed names.
pub fn try_map(
    sheet: &Sheet,
    profiles: &[Profile],
    given: &[(Field, &str)],
    ignored: &[&str],
) -> Result<Mapping, Vec<tabular::Problem>> {
    let given: Vec<_> = given.iter().map(|(f, n)| (*f, (*n).to_owned())).collect();
    let ignored: Vec<_> = ignored.iter().map(|n| (*n).to_owned()).collect();
    let stated = tabular::Stated {
        fields: given,
        ignored,
        ..Default::default()
    };
    tabular::map(sheet, profiles, &stated)
}

/// All the way through.
pub fn import(text: &str, given: &[(Field, &str)], ignored: &[&str]) -> Validated {
    let sheet = sheet(text);
    let (profiles, mapping) = mapped(&sheet, given, ignored);
    tabular::validate(&sheet, &mapping, &profiles, &rules())
}

/// How often a rule was broken.
pub fn total(report: &Report, rule: &str) -> u64 {
    let found = report.totals.iter().find(|(name, _)| *name == rule);
    found.map_or(0, |(_, count)| *count)
}

/// The usual rules on the usual day.
pub fn rules() -> tabular::Rules {
    tabular::Rules {
        today: today(),
        leave_bad_rows_aside: false,
        allow_any_price: false,
        joins_history: false,
    }
}
