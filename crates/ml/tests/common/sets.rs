//! The real sets as training sets, with their published splits; columns known only afterwards are left out.
//!
//! Deliberately not an importer: the files are read the way their descriptions say.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "a helper of several programs, none of which uses all of it"
)]

use std::path::Path;

use crate::common::{column, number, read_csv};
use ml::{Column, Role, Table, TrainingSet, Values};

fn numbers(rows: &[Vec<String>], name: &str, role: Role) -> Column {
    let cells = column(rows, name).into_iter().map(number).collect();
    Column::new(name, role, Values::Number(cells))
}

fn texts(rows: &[Vec<String>], name: &str) -> Column {
    let cells: Vec<Option<&str>> = column(rows, name).into_iter().map(Some).collect();
    Column::from_texts(name, Role::Feature, &cells)
}

fn won(rows: &[Vec<String>], name: &str, yes: &str) -> Vec<bool> {
    column(rows, name).into_iter().map(|w| w == yes).collect()
}

/// Days since 1970-01-01 of M/D/YYYY between 1970 and 2099.
fn days(text: &str) -> i32 {
    let parts: Vec<i64> = text.split('/').map(|p| p.parse().unwrap()).collect();
    let (month, day, year) = (parts[0], parts[1], parts[2]);
    let lengths = |y: i64| {
        [
            31,
            28 + i64::from(y % 4 == 0),
            31,
            30,
            31,
            30,
            31,
            31,
            30,
            31,
            30,
            31,
        ]
    };
    let years: i64 = (1970..year).map(|y| lengths(y).iter().sum::<i64>()).sum();
    (years + lengths(year)[..month as usize - 1].iter().sum::<i64>() + day - 1) as i32
}

pub fn ibm(folder: &Path) -> TrainingSet {
    let rows = read_csv(folder.join("ibm/WA_Fn-UseC_-Sales-Win-Loss.csv"));
    let mut columns = vec![numbers(&rows, "Opportunity Amount USD", Role::Price)];
    let named = [
        "Supplies Subgroup",
        "Supplies Group",
        "Region",
        "Route To Market",
        "Competitor Type",
    ];
    columns.extend(named.map(|n| texts(&rows, n)));
    let coded = [
        "Client Size By Revenue",
        "Client Size By Employee Count",
        "Revenue From Client Past Two Years",
        "Deal Size Category",
    ];
    columns.extend(coded.map(|n| numbers(&rows, n, Role::Feature)));
    TrainingSet {
        features: Table { columns },
        outcome: won(&rows, "Opportunity Result", "Won"),
        date: None,
        group: None,
    }
}

pub fn fleet(folder: &Path, segmented: bool) -> TrainingSet {
    let file = if segmented {
        "segmented_model.csv"
    } else {
        "fleet_sales.csv"
    };
    let rows = read_csv(folder.join("fleet").join(file));
    let mut columns = vec![
        numbers(&rows, "Units", Role::Quantity),
        numbers(&rows, "Unit_Price", Role::Price),
        numbers(&rows, "MSRP", Role::ListPrice),
        numbers(&rows, "Unit_Cost", Role::Cost),
    ];
    if segmented {
        columns.push(numbers(&rows, "Government", Role::Feature));
    }
    TrainingSet {
        features: Table { columns },
        outcome: won(&rows, "Win", "1"),
        date: None,
        group: None,
    }
}

pub fn texas(folder: &Path) -> TrainingSet {
    let rows = read_csv(folder.join("texas/texas_bids_long_derived.csv"));
    let Values::Category { codes, .. } = texts(&rows, "project").values else {
        panic!("projects are texts")
    };
    let first_word = |t: &str| number(t.split(' ').next().unwrap());
    let working_days = column(&rows, "working_days")
        .into_iter()
        .map(first_word)
        .collect();
    let dates: Vec<i32> = column(&rows, "let_date").into_iter().map(days).collect();
    let quoted = dates.iter().copied().map(Some).collect();
    let columns = vec![
        numbers(&rows, "bid_amount", Role::Price),
        numbers(&rows, "engineer_estimate", Role::ListPrice),
        Column::new("working_days", Role::Feature, Values::Number(working_days)),
        numbers(&rows, "length_miles", Role::Feature),
        texts(&rows, "county"),
        texts(&rows, "bidder"),
        Column::new("let_date", Role::Date, Values::Date(quoted)),
    ];
    TrainingSet {
        features: Table { columns },
        outcome: won(&rows, "result", "Won"),
        date: Some(dates),
        group: Some(codes),
    }
}

/// The rows of a set that `rows` names.
pub fn part(set: &TrainingSet, rows: &[usize]) -> TrainingSet {
    TrainingSet {
        features: set.features.select(rows),
        outcome: rows.iter().map(|&r| set.outcome[r]).collect(),
        date: set
            .date
            .as_ref()
            .map(|d| rows.iter().map(|&r| d[r]).collect()),
        group: set
            .group
            .as_ref()
            .map(|g| rows.iter().map(|&r| g[r]).collect()),
    }
}

/// (training rows, test rows) of every fold of a published split; one fold where it says train and test.
pub fn splits(folder: &Path, name: &str) -> Vec<(Vec<usize>, Vec<usize>)> {
    let rows = read_csv(folder.join("splits").join(format!("{name}.csv")));
    let cell = |r: &Vec<String>| {
        (
            r[0].trim().parse::<usize>().unwrap(),
            r[1].trim().to_owned(),
        )
    };
    let cells: Vec<(usize, String)> = rows[1..].iter().map(cell).collect();
    let parts: Vec<String> = if cells.iter().any(|c| c.1 == "test") {
        vec!["test".to_owned()]
    } else {
        let mut parts: Vec<String> = cells.iter().map(|c| c.1.clone()).collect();
        parts.sort();
        parts.dedup();
        parts
    };
    let fold = |part: &String| {
        let side = |tested: bool| {
            let cells = cells.iter().filter(|c| (c.1 == *part) == tested);
            cells.map(|c| c.0).collect::<Vec<_>>()
        };
        (side(false), side(true))
    };
    parts.iter().map(fold).collect()
}

/// Mean log loss.
pub fn log_loss(p: &[f64], won: &[bool]) -> f64 {
    let loss = |(&p, &y): (&f64, &bool)| -(if y { p } else { 1.0 - p }).max(1e-15).ln();
    p.iter().zip(won).map(loss).sum::<f64>() / won.len() as f64
}
