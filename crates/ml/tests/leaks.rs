//! Leaks are found and named; honest columns, however good or odd, are not.
//!
//! Deliberately as many honest columns as leaking ones: a guard that cries wolf is switched off.

mod common;

use common::{column, normal, quotes, read_csv, real_data, sigmoid};
use ml::{Column, LeakKind, Role, Table, Values, find_leaks};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn outcomes(rows: usize, seed: u64) -> Vec<bool> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..rows).map(|_| rng.random::<f64>() < 0.3).collect()
}

fn one(column: Column) -> Table {
    Table {
        columns: vec![column],
    }
}

fn number(v: Vec<f64>) -> Table {
    one(Column::new("x", Role::Feature, Values::Number(v)))
}

fn kinds(table: &Table, won: &[bool]) -> Vec<LeakKind> {
    let found = find_leaks(table, won, None).expect("valid");
    found
        .iter()
        .for_each(|f| assert!(f.text().contains(&f.column)));
    found.into_iter().map(|f| f.kind).collect()
}

#[test]
fn numbers_that_rank_the_outcome() {
    let won = outcomes(400, 1);
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    for sign in [1.0, -1.0] {
        let v = won
            .iter()
            .map(|&y| sign * (if y { 5.0 } else { 0.0 } + normal(&mut rng)))
            .collect();
        let found = kinds(&number(v), &won);
        assert!(
            matches!(found[..], [LeakKind::Ranks { auc, rising }] if auc > 0.99 && rising == (sign > 0.0)),
            "{found:?}"
        );
    }
    // Won in the middle, lost at both ends.
    let bent = won
        .iter()
        .map(|&y| {
            let far = if rng.random::<bool>() { 1.0 } else { -1.0 };
            if y {
                rng.random_range(-0.5..0.5)
            } else {
                far * rng.random_range(2.0..3.0)
            }
        })
        .collect();
    let found = kinds(&number(bent), &won);
    assert!(
        matches!(found[..], [LeakKind::Levels { auc, .. }] if auc > 0.98),
        "{found:?}"
    );
}

#[test]
fn categories_that_repeat_the_outcome() {
    let won = outcomes(400, 3);
    let told: Vec<Option<&str>> = won
        .iter()
        .map(|&y| Some(if y { "closed" } else { "gone" }))
        .collect();
    let found = kinds(
        &one(Column::from_texts("stage", Role::Feature, &told)),
        &won,
    );
    assert!(matches!(found[..], [LeakKind::Levels { auc, purity }] if auc == 1.0 && purity == 1.0));
}

#[test]
fn filled_for_one_outcome() {
    let won = outcomes(400, 5);
    let reason: Vec<Option<String>> = won
        .iter()
        .enumerate()
        .map(|(r, &y)| (!y && r % 2 == 0).then(|| format!("reason {}", r % 3)))
        .collect();
    let found = kinds(
        &one(Column::from_texts("reason", Role::Feature, &reason)),
        &won,
    );
    assert!(
        matches!(found[..], [LeakKind::FilledForOneOutcome { won: false, empty: false, share, .. }] if share == 1.0),
        "{found:?}"
    );
    let blank = won.iter().enumerate().map(|(r, &y)| {
        if y && r % 3 > 0 {
            f64::NAN
        } else {
            1.0 + r as f64
        }
    });
    let found = kinds(&number(blank.collect()), &won);
    assert!(
        matches!(
            found[..],
            [LeakKind::FilledForOneOutcome {
                won: true,
                empty: true,
                ..
            }]
        ),
        "{found:?}"
    );
}

#[test]
fn days_after_the_outcome() {
    let won = outcomes(100, 6);
    let decided: Vec<Option<i32>> = (0..100).map(|r| (r % 10 > 0).then_some(100 + r)).collect();
    let signed = (0..100)
        .map(|r| Some(if r % 5 == 1 { 103 + r } else { 90 + r }))
        .collect();
    let table = one(Column::new("signed", Role::Date, Values::Date(signed)));
    let found = find_leaks(&table, &won, Some(&decided)).unwrap();
    assert_eq!(found[0].kind, LeakKind::AfterOutcome { rows: 20, of: 90 });
    assert!(find_leaks(&table, &won, None).unwrap().is_empty());
}

#[test]
fn honest_columns_pass() {
    let honest = quotes(2000, -1.0, 3).set;
    assert!(
        find_leaks(&honest.features, &honest.outcome, None)
            .unwrap()
            .is_empty()
    );
    let won = outcomes(1000, 7);
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    let unique: Vec<Option<String>> = (0..1000).map(|r| Some(format!("Q{r:06}"))).collect();
    let pairs: Vec<Option<String>> = (0..1000).map(|r| Some(format!("P{}", r / 2))).collect();
    let rare = (0..1000)
        .map(|r| if r < 12 { 1.0 } else { f64::NAN })
        .collect();
    // Good but not too good: AUC about 0.9.
    let strong = won
        .iter()
        .map(|&y| normal(&mut rng) + if y { 1.8 } else { 0.0 })
        .collect();
    let table = Table {
        columns: vec![
            Column::from_texts("quote", Role::Feature, &unique),
            Column::from_texts("pair", Role::Feature, &pairs),
            Column::new(
                "running",
                Role::Feature,
                Values::Number((0..1000).map(f64::from).collect()),
            ),
            Column::new("rare", Role::Feature, Values::Number(rare)),
            Column::new("strong", Role::Feature, Values::Number(strong)),
            Column::new("same", Role::Feature, Values::Number(vec![1.0; 1000])),
            Column::new("blank", Role::Feature, Values::Number(vec![f64::NAN; 1000])),
        ],
    };
    let found = find_leaks(&table, &won, None).unwrap();
    assert!(found.is_empty(), "{found:?}");
    assert!(sigmoid(0.0) == 0.5);
}

#[test]
fn odd_input() {
    let table = number(vec![1.0; 30]);
    assert_eq!(find_leaks(&table, &[true; 30], None), Ok(vec![]));
    assert_eq!(find_leaks(&Table::default(), &[], None), Ok(vec![]));
    assert!(find_leaks(&table, &[true; 3], None).is_err());
    assert!(find_leaks(&table, &[true; 30], Some(&[None])).is_err());
    let infinite = number(vec![f64::INFINITY; 30]);
    assert!(find_leaks(&infinite, &[true; 30], None).is_err());
}

#[test]
fn honest_real_columns_pass() {
    let Some(folder) = real_data() else { return };
    let rows = read_csv(folder.join("ibm/WA_Fn-UseC_-Sales-Win-Loss.csv"));
    let won: Vec<bool> = column(&rows, "Opportunity Result")
        .iter()
        .map(|&t| t == "Won")
        .collect();
    let columns = rows[0]
        .iter()
        .filter(|n| n.trim() != "Opportunity Result")
        .map(|name| {
            let cells = column(&rows, name.trim());
            let numbers: Vec<f64> = cells.iter().map(|t| common::number(t)).collect();
            if numbers.iter().all(|x| x.is_finite()) {
                Column::new(name.trim(), Role::Feature, Values::Number(numbers))
            } else {
                let cells: Vec<Option<&str>> = cells.into_iter().map(Some).collect();
                Column::from_texts(name.trim(), Role::Feature, &cells)
            }
        })
        .collect();
    let found = find_leaks(&Table { columns }, &won, None).unwrap();
    found.iter().for_each(|f| println!("{}", f.text()));
    let known_before = [
        "Supplies Subgroup",
        "Region",
        "Route To Market",
        "Opportunity Number",
        "Opportunity Amount USD",
    ];
    assert!(
        found
            .iter()
            .all(|f| !known_before.contains(&f.column.as_str()))
    );
}
