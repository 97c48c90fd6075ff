//! Figures on real files, only where `VALUTAI_REAL_DATA` points at their folder.
//!
//! Deliberately skipped elsewhere: the files are not part of the project.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::time::Instant;

use common::{column, number, read_csv, real_data, train};
use ml::{Column, Role, Table, TrainingSet, Values};

fn numbers(rows: &[Vec<String>], name: &str, role: Role) -> Column {
    Column::new(
        name,
        role,
        Values::Number(column(rows, name).into_iter().map(number).collect()),
    )
}

fn texts(rows: &[Vec<String>], name: &str) -> Column {
    let cells: Vec<Option<&str>> = column(rows, name).into_iter().map(Some).collect();
    Column::from_texts(name, Role::Feature, &cells)
}

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

fn close(found: &[f64], expected: [f64; 2]) {
    for (f, e) in found.iter().zip(expected) {
        assert!((f - e).abs() < 1e-5, "{found:?} is not {expected:?}");
    }
}

fn report(name: &str, set: &TrainingSet) -> ml::Trained {
    let start = Instant::now();
    let trained = train(set, 1).unwrap();
    let e = &trained.logistic;
    println!(
        "{name}: {:.2} s, log loss {:?} base {:.4} auc {:?} brier {:.4} ece {:?} lift {:?}",
        start.elapsed().as_secs_f64(),
        e.log_loss,
        e.base_log_loss.value,
        e.auc,
        e.brier.value,
        e.calibration_error,
        e.lift_top_tenth
    );
    println!(
        "  {:?}\n  {:?}\n  bytes {}",
        trained.parameters,
        trained.notes,
        trained.model.to_bytes().len()
    );
    for c in &trained.penalty_curve {
        println!(
            "  penalty {:.4}: {:.5} +- {:.5}",
            c.penalty, c.log_loss, c.standard_error
        );
    }
    for i in &trained.importance {
        println!(
            "  {:<36} {:.5} [{:.5}, {:.5}]  {:.3}",
            i.column,
            i.log_loss_increase.value,
            i.log_loss_increase.low,
            i.log_loss_increase.high,
            i.mean_contribution
        );
    }
    let row = set.features.select(&[10]);
    println!("  {:?}", trained.model.predict(&row).unwrap());
    println!("  {:?}", trained.model.recommend_price(&row));
    trained
}

#[test]
fn fleet_coefficients() {
    let Some(folder) = real_data() else { return };
    let fit = |file: &str, keep: &dyn Fn(usize, &[Vec<String>]) -> bool| {
        let rows = read_csv(folder.join("fleet").join(file));
        let (price, list, win) = (
            column(&rows, "Unit_Price"),
            column(&rows, "MSRP"),
            column(&rows, "Win"),
        );
        let kept: Vec<usize> = (0..win.len()).filter(|&r| keep(r, &rows)).collect();
        let x: Vec<Vec<f64>> = kept
            .iter()
            .map(|&r| vec![number(price[r]) / number(list[r])])
            .collect();
        let y: Vec<bool> = kept.iter().map(|&r| win[r] == "1").collect();
        ml::fit_unpenalised(&x, &y).unwrap()
    };
    close(&fit("fleet_sales.csv", &|_, _| true), [7.75627, -9.16420]);
    let segment = |flag: &'static str| {
        move |r: usize, rows: &[Vec<String>]| column(rows, "Government")[r] == flag
    };
    close(
        &fit("segmented_model.csv", &segment("1")),
        [14.21872, -20.00170],
    );
    close(
        &fit("segmented_model.csv", &segment("0")),
        [25.97034, -26.64006],
    );
}

#[test]
fn fleet() {
    let Some(folder) = real_data() else { return };
    let rows = read_csv(folder.join("fleet/fleet_sales.csv"));
    let columns = vec![
        numbers(&rows, "Units", Role::Quantity),
        numbers(&rows, "Unit_Price", Role::Price),
        numbers(&rows, "MSRP", Role::ListPrice),
        numbers(&rows, "Unit_Cost", Role::Cost),
    ];
    let outcome = column(&rows, "Win").into_iter().map(|w| w == "1").collect();
    let set = TrainingSet {
        features: Table { columns },
        outcome,
        date: None,
        group: None,
    };
    let trained = report("fleet", &set);
    assert!(trained.logistic.log_loss.value < 0.58);
}

#[test]
fn ibm() {
    let Some(folder) = real_data() else { return };
    let rows = read_csv(folder.join("ibm/WA_Fn-UseC_-Sales-Win-Loss.csv"));
    let mut columns = vec![numbers(&rows, "Opportunity Amount USD", Role::Price)];
    columns.extend(
        [
            "Supplies Subgroup",
            "Supplies Group",
            "Region",
            "Route To Market",
            "Competitor Type",
        ]
        .map(|n| texts(&rows, n)),
    );
    let coded = [
        "Client Size By Revenue",
        "Client Size By Employee Count",
        "Revenue From Client Past Two Years",
        "Deal Size Category",
    ];
    columns.extend(coded.map(|n| numbers(&rows, n, Role::Feature)));
    let outcome = column(&rows, "Opportunity Result")
        .into_iter()
        .map(|w| w == "Won")
        .collect();
    let set = TrainingSet {
        features: Table { columns },
        outcome,
        date: None,
        group: None,
    };
    let trained = report("ibm", &set);
    assert!(trained.evaluation.log_loss.value <= 0.450);
    assert!(trained.evaluation.auc.unwrap().value >= 0.755);
}

#[test]
fn texas() {
    let Some(folder) = real_data() else { return };
    let rows = read_csv(folder.join("texas/texas_bids_long_derived.csv"));
    let projects = texts(&rows, "project");
    let Values::Category { codes, .. } = &projects.values else {
        panic!("projects are texts")
    };
    let working_days = column(&rows, "working_days")
        .into_iter()
        .map(|t| number(t.split(' ').next().unwrap()))
        .collect();
    let dates: Vec<i32> = column(&rows, "let_date").into_iter().map(days).collect();
    let columns = vec![
        numbers(&rows, "bid_amount", Role::Price),
        numbers(&rows, "engineer_estimate", Role::ListPrice),
        Column::new("working_days", Role::Feature, Values::Number(working_days)),
        numbers(&rows, "length_miles", Role::Feature),
        texts(&rows, "county"),
        texts(&rows, "bidder"),
        Column::new(
            "let_date",
            Role::Date,
            Values::Date(dates.iter().copied().map(Some).collect()),
        ),
    ];
    let outcome = column(&rows, "result")
        .into_iter()
        .map(|w| w == "Won")
        .collect();
    let set = TrainingSet {
        features: Table { columns },
        outcome,
        date: Some(dates),
        group: Some(codes.clone()),
    };
    let trained = report("texas", &set);
    assert!(trained.evaluation.log_loss.value < 0.45);
}
