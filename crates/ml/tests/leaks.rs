//! Leaks are found and named; honest columns, however good or odd, are not.
//!
//! Deliberately as many honest columns as leaking ones: a guard that cries wolf is switched off.

mod common;

use common::kinds::KINDS;
use common::{column, normal, quotes, read_csv, real_data, sigmoid};
use ml::{Column, LeakKind, Role, Table, Values, find_leaks, find_leaks_in};
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

/// Columns that are filled in after the outcome, as companies have them: what it is, and its values from the outcomes and
/// days of the quotes.
fn leaking(kind: &str, won: &[bool], days: &[i32], price: &[f64], seed: u64) -> Values {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let r = &mut rng;
    let numbers = |r: &mut ChaCha8Rng, of: &dyn Fn(&mut ChaCha8Rng, bool) -> f64| {
        Values::Number(won.iter().map(|&y| of(r, y)).collect())
    };
    let texts = |r: &mut ChaCha8Rng, of: &dyn Fn(&mut ChaCha8Rng, bool) -> String| {
        let cells: Vec<String> = won.iter().map(|&y| of(r, y)).collect();
        let cells: Vec<Option<&str>> = cells.iter().map(|c| Some(c.as_str())).collect();
        Column::from_texts("leak", Role::Feature, &cells).values
    };
    let flag = |y: bool| f64::from(u8::from(y));
    let count = |r: &mut ChaCha8Rng, mean: f64| {
        // Knuth's draw of a Poisson count.
        let (mut product, mut n) = (r.random::<f64>(), 0.0);
        while product > (-mean).exp() {
            product *= r.random::<f64>();
            n += 1.0;
        }
        n
    };
    match kind {
        "copy" => numbers(r, &|r, y| flag(y != (r.random::<f64>() < 0.02))),
        "noisy copy" => numbers(r, &|r, y| flag(y != (r.random::<f64>() < 0.08))),
        "noisy number" => numbers(r, &|r, y| 4.0 * flag(y) + normal(r)),
        "filled when won" => numbers(r, &|r, y| {
            if y {
                r.random_range(10.0..60.0)
            } else {
                f64::NAN
            }
        }),
        "filled mostly when won" => numbers(r, &|r, y| {
            if y && r.random::<f64>() < 0.7 {
                r.random_range(10.0..60.0)
            } else {
                f64::NAN
            }
        }),
        "reason of loss" => texts(r, &|r, y| {
            let why = ["price", "time", "rival", "none given"][r.random_range(0..4)];
            if y { "" } else { why }.to_owned()
        }),
        "order date" => {
            let day = |(&y, &d): (&bool, &i32)| {
                Some(
                    d + if y {
                        r.random_range(5..40)
                    } else {
                        r.random_range(60..200)
                    },
                )
            };
            Values::Date(won.iter().zip(days).map(day).collect())
        }
        "stage count" => numbers(r, &|r, y| {
            if y {
                count(r, 6.0) + 3.0
            } else {
                count(r, 2.0)
            }
        }),
        "status" => texts(r, &|r, y| {
            let of = if y {
                ["shipped", "invoiced", "ordered"]
            } else {
                ["closed", "archived", "closed"]
            };
            of[r.random_range(0..3)].to_owned()
        }),
        "sales person code" => texts(r, &|r, y| {
            format!("{}{}", if y { 'W' } else { 'L' }, r.random_range(0..400))
        }),
        "order number" => texts(r, &|r, y| {
            format!(
                "{}{}",
                if y { 'A' } else { 'Q' },
                r.random_range(0..1_000_000)
            )
        }),
        _ => {
            let paid = |(&y, &p): (&bool, &f64)| {
                if y {
                    p * r.random_range(0.97..1.0)
                } else {
                    0.0
                }
            };
            Values::Number(won.iter().zip(price).map(paid).collect())
        }
    }
}

#[test]
fn every_kind_of_leak_is_named_and_nothing_else() {
    let kinds = [
        "copy",
        "noisy copy",
        "noisy number",
        "filled when won",
        "filled mostly when won",
        "reason of loss",
        "order date",
        "stage count",
        "status",
        "sales person code",
        "order number",
        "invoiced amount",
    ];
    for (kind, seed) in kinds.iter().flat_map(|k| (0..5).map(move |s| (*k, s))) {
        let mut set = quotes(1500, -0.8, 40 + seed).set;
        let days = set.date.clone().expect("quotes have days");
        let Values::Number(price) = &set.features.columns[1].values else {
            panic!("prices are numbers")
        };
        let values = leaking(kind, &set.outcome, &days, price, seed);
        let column = Column::new("leak", Role::Feature, values);
        set.features.columns.push(column);
        let found = find_leaks_in(&set).expect("valid");
        assert!(!found.is_empty(), "{kind}, seed {seed}");
        assert!(found.iter().all(|f| f.column == "leak"), "{found:?}");
    }
}

#[test]
fn kinds_without_a_leak_name_none() {
    for kind in &KINDS {
        for seed in 0..3 {
            let set = kind.draw(1500, 10, seed).train;
            let found = find_leaks_in(&set).expect("valid");
            assert!(found.is_empty(), "{}: {found:?}", kind.name);
        }
    }
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
fn what_counts_the_course_of_a_deal_is_named_where_it_tells_something() {
    let mut set = quotes(1500, -0.8, 3).set;
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let mut longer = |by: f64| -> Vec<f64> {
        let days = |&y: &bool| 30.0 + 10.0 * normal(&mut rng) + if y { 0.0 } else { by };
        set.outcome.iter().map(days).collect()
    };
    let (telling, idle, closed) = (longer(5.0), longer(0.0), longer(5.0));
    let quoted = set.date.clone().expect("quotes have days");
    let closed = quoted.iter().zip(closed).map(|(q, d)| Some(q + d as i32));
    let columns = [
        ("Days In Stage", Values::Number(telling.clone())),
        ("Days Validated", Values::Number(idle)),
        ("Delivery", Values::Number(telling)),
        ("Close Date", Values::Date(closed.collect())),
    ];
    let columns = columns.map(|(name, values)| Column::new(name, Role::Feature, values));
    set.features.columns.extend(columns);
    let found = find_leaks_in(&set).expect("valid");
    let course = |f: &ml::LeakFinding| matches!(f.kind, LeakKind::Course { auc } if (0.6..0.75).contains(&auc));
    assert!(found.iter().all(course), "{found:?}");
    let named: Vec<&str> = found.iter().map(|f| f.column.as_str()).collect();
    assert_eq!(named, ["Days In Stage", "Close Date"]);
}

#[test]
fn real_leaks_are_named_and_honest_real_columns_are_not() {
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
    let named: Vec<&str> = found.iter().map(|f| f.column.as_str()).collect();
    let known_afterwards = [
        "Elapsed Days In Sales Stage",
        "Sales Stage Change Count",
        "Total Days Identified Through Closing",
        "Total Days Identified Through Qualified",
        "Ratio Days Identified To Total Days",
        "Ratio Days Validated To Total Days",
        "Ratio Days Qualified To Total Days",
    ];
    assert_eq!(named, known_afterwards);
}
