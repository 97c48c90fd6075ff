//! Tests of the bulk format: a small reader of it says what Postgres would see.

use tabular::Field;

use super::*;
use crate::domain::inspect::inspect;

fn content(text: &str, given: &[(Field, String)]) -> Accepted {
    let today = NaiveDate::from_ymd_opt(2025, 6, 1).unwrap();
    let found = inspect(text.as_bytes(), given, &[], today);
    found
        .accepted
        .unwrap_or_else(|| panic!("{:?}", found.report.problems))
}

fn sample() -> String {
    let mut text = "Quote,Won,Price,Date,Note\n".to_owned();
    for row in 0..40 {
        let won = ["won", "lost"][row % 2];
        let note = [
            "\"say \"\"hi\"\"\"",
            "back\\slash\ttab",
            "",
            "\"two\nlines\"",
        ][row % 4];
        text.push_str(&format!("Q{row},{won},{row}.5,2024-02-29,{note}\n"));
    }
    text
}

fn copied(content: &Accepted) -> Vec<u8> {
    let mut bytes = Vec::new();
    let upload = NaiveDate::from_ymd_opt(2025, 6, 1).unwrap();
    write_copy(content, upload, |chunk| {
        bytes.extend(chunk);
        true
    })
    .unwrap();
    bytes
}

/// Takes the stream apart: fields of each row, `None` for null.
fn parsed(bytes: &[u8]) -> Vec<Vec<Option<Vec<u8>>>> {
    let mut rest = bytes.strip_prefix(SIGNATURE).unwrap();
    assert_eq!(rest[..8], [0; 8]);
    rest = &rest[8..];
    let mut take = |n: usize| {
        let (head, tail) = rest.split_at(n);
        rest = tail;
        head.to_vec()
    };
    let mut rows = Vec::new();
    loop {
        let fields = i16::from_be_bytes(take(2).try_into().unwrap());
        if fields == -1 {
            break;
        }
        let row = (0..fields)
            .map(|_| {
                let length = i32::from_be_bytes(take(4).try_into().unwrap());
                usize::try_from(length).ok().map(&mut take)
            })
            .collect();
        rows.push(row);
    }
    assert!(rest.is_empty(), "nothing behind the end");
    rows
}

fn json(field: &Option<Vec<u8>>) -> serde_json::Value {
    let (version, body) = field.as_ref().unwrap().split_first().unwrap();
    assert_eq!(*version, 1);
    serde_json::from_slice(body).unwrap()
}

#[test]
fn rows_arrive_as_they_stood() {
    let rows = parsed(&copied(&content(&sample(), &[])));
    assert_eq!(rows.len(), 40);
    let second = &rows[1];
    let day = NaiveDate::from_ymd_opt(2024, 2, 29).unwrap()
        - NaiveDate::from_ymd_opt(2000, 1, 1).unwrap();
    let day = i32::try_from(day.num_days()).unwrap();
    assert_eq!(second[0].as_deref(), Some(day.to_be_bytes().as_slice()));
    assert_eq!(second[1].as_ref().unwrap().len(), 16);
    assert_eq!(second[2].as_deref(), Some(3_i32.to_be_bytes().as_slice()));
    assert_eq!(second[3].as_deref(), Some([0].as_slice()));
    assert_eq!(second[4].as_deref(), Some(150_i64.to_be_bytes().as_slice()));
    assert_eq!(json(&rows[0][6])["Note"], "say \"hi\"");
    assert_eq!(json(&second[6])["Note"], "back\\slash\ttab");
    assert_eq!(json(&rows[3][6])["Note"], "two\nlines");
    assert_eq!(json(&second[6])["Price"], "1.5");
    assert_eq!(json(&second[7])["Price"], 1.5);
    assert_eq!(json(&second[7])["Date"], "2024-02-29");
    assert_eq!(json(&rows[2][7]).get("Note"), None, "missing is left out");
    assert_eq!(json(&rows[2][6])["Note"], "");
}

#[test]
fn quotes_without_dates_are_of_the_day_of_the_upload() {
    let given = [
        (Field::Date, "@import".to_owned()),
        (Field::Ignored, "Date".to_owned()),
    ];
    let content = content(&sample(), &given);
    let upload = NaiveDate::from_ymd_opt(2025, 6, 1).unwrap();
    assert_eq!(year_runs(&content.frame, upload), [2025..=2025]);
    let first = parsed(&copied(&content)).swap_remove(0);
    let day = day_number(upload) - POSTGRES_EPOCH;
    assert_eq!(first[0].as_deref(), Some(day.to_be_bytes().as_slice()));
    // What is ignored is kept as it stood, and not learned from.
    assert_eq!(json(&first[6])["Date"], "2024-02-29");
    assert_eq!(json(&first[7]).get("Date"), None);
}

#[test]
fn what_jsonb_refuses_is_replaced() {
    let mut out = Vec::new();
    text(&mut out, "a\0b").unwrap();
    assert_eq!(String::from_utf8(out).unwrap(), "\"a\u{fffd}b\"");
}

#[test]
fn partitions_are_made_for_years_in_range_only() {
    let mut frame = content(&sample(), &[]).frame;
    let mut days: Vec<i32> = vec![day_number(NaiveDate::from_ymd_opt(2024, 1, 1).unwrap()); 40];
    for (day, text) in days.iter_mut().zip([
        "1899-01-01",
        "1989-12-31",
        "1990-01-01",
        "1991-06-01",
        "2024-01-01",
        "2101-01-01",
    ]) {
        *day = day_number(text.parse().unwrap());
    }
    frame.dates = Some(days);
    let runs = year_runs(&frame, NaiveDate::default());
    assert_eq!(runs, [1990..=1991, 2024..=2024]);
}

#[test]
fn prices_are_rounded_to_hundredths() {
    assert_eq!(minor(12.345), Some(1235));
    assert_eq!(minor(0.0), Some(0));
    assert_eq!(minor(1e17), None);
    assert_eq!(minor(f64::INFINITY), None);
    assert_eq!(minor(f64::NAN), None);
}
