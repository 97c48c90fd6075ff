//! Similar past quotes: the distance by hand, ties, missing values, many rows.
//!
//! Deliberately no timing is asserted, only printed.

mod common;

use ml::{Column, Error, Role, Similar, Table, Values};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn past() -> Table {
    Table {
        columns: vec![
            Column::new(
                "weeks",
                Role::Feature,
                Values::Number((0..21).map(f64::from).collect()),
            ),
            Column::from_texts(
                "region",
                Role::Feature,
                &(0..21)
                    .map(|r| (r != 20).then_some(["north", "south"][r % 2]))
                    .collect::<Vec<_>>(),
            ),
            Column::new(
                "day",
                Role::Date,
                Values::Date((0..21).map(|r| (r != 3).then_some(r * 10)).collect()),
            ),
        ],
    }
}

fn everything(_: usize) -> bool {
    false
}

#[test]
fn distance_by_hand() {
    let table = past();
    let similar = Similar::new(&table, &[2.0, 1.0, 1.0]).unwrap();
    let found = similar.nearest(&table, 4, 3, &|r| r == 4).unwrap();
    // Spread of weeks: 19 - 1 = 18, of days: 180. Rows 2 and 6 differ by 2 weeks and 20 days and share the region.
    let expected = 0.5 * 2.0 / 18.0 + 0.25 * 20.0 / 180.0;
    assert_eq!((found[0].row, found[1].row), (2, 6));
    assert!((found[0].distance - expected).abs() < 1e-6);
    let names: Vec<&str> = found[0]
        .differing
        .iter()
        .map(|d| d.column.as_str())
        .collect();
    assert_eq!(names, ["weeks", "day"]);
    assert!((found[0].differing[0].distance - 0.5 * 2.0 / 18.0).abs() < 1e-6);
    // The next one is four weeks away in the same region, nearer than the neighbour in another one.
    assert_eq!(found[2].row, 0);
}

#[test]
fn itself_is_nearest_unless_skipped() {
    let table = past();
    let similar = Similar::new(&table, &[1.0; 3]).unwrap();
    for row in 0..21 {
        let found = similar.nearest(&table, row, 1, &everything).unwrap();
        assert_eq!((found[0].row, found[0].distance), (row, 0.0));
        assert!(found[0].differing.is_empty());
    }
    assert_eq!(
        similar.nearest(&table, 0, 99, &everything).unwrap().len(),
        21
    );
    assert!(
        similar
            .nearest(&table, 0, 0, &everything)
            .unwrap()
            .is_empty()
    );
    let none = similar.nearest(&table, 0, 5, &|_| true).unwrap();
    assert!(none.is_empty());
}

#[test]
fn weights_decide_and_missing_values_count_as_different() {
    let table = past();
    let by_region = Similar::new(&table, &[0.0, 1.0, 0.0]).unwrap();
    let found = by_region.nearest(&table, 1, 10, &everything).unwrap();
    assert!(found.iter().all(|n| n.row % 2 == 1 && n.distance == 0.0));
    assert!(found.windows(2).all(|w| w[0].row < w[1].row));
    let blank = by_region.nearest(&table, 20, 2, &everything).unwrap();
    assert_eq!((blank[0].row, blank[0].distance), (20, 0.0));
    assert_eq!(blank[1].distance, 1.0);
    // Useless weights count all columns alike.
    let even = Similar::new(&table, &[0.0, f64::NAN, -1.0]).unwrap();
    let plain = Similar::new(&table, &[1.0; 3]).unwrap();
    assert_eq!(
        even.nearest(&table, 7, 5, &everything),
        plain.nearest(&table, 7, 5, &everything)
    );
}

#[test]
fn prices_are_compared_by_ratio() {
    let price = |v: Vec<f64>| Table {
        columns: vec![Column::new("price", Role::Price, Values::Number(v))],
    };
    let table = price(vec![100.0, 1000.0, 1500.0, 100_000.0, 5000.0]);
    let similar = Similar::new(&table, &[1.0]).unwrap();
    let found = similar
        .nearest(&price(vec![390.0]), 0, 2, &everything)
        .unwrap();
    // 1000 is 2.6 times as much, 100 is 3.9 times less.
    assert_eq!((found[0].row, found[1].row), (1, 2));
}

#[test]
fn other_tables_and_odd_input() {
    let table = past();
    let similar = Similar::new(&table, &[1.0; 3]).unwrap();
    // A level that the past does not have, and columns that are not there.
    let asked = Table {
        columns: vec![Column::from_texts("region", Role::Feature, &[Some("mars")])],
    };
    let found = similar.nearest(&asked, 0, 2, &everything).unwrap();
    assert!(found.iter().all(|n| n.distance == 1.0));
    let stranger = Table {
        columns: vec![Column::from_texts("colour", Role::Feature, &[Some("red")])],
    };
    assert!(
        similar
            .nearest(&stranger, 0, 2, &everything)
            .unwrap()
            .is_empty()
    );
    let wrong = Table {
        columns: vec![Column::new(
            "region",
            Role::Feature,
            Values::Number(vec![1.0]),
        )],
    };
    assert!(matches!(
        similar.nearest(&wrong, 0, 2, &everything),
        Err(Error::ColumnType { .. })
    ));
    assert!(similar.nearest(&table, 21, 2, &everything).is_err());
    assert!(Similar::new(&table, &[1.0]).is_err());
    let empty = Similar::new(&Table::default(), &[]).unwrap();
    assert!(empty.nearest(&table, 0, 3, &everything).unwrap().is_empty());
    let blank = Table {
        columns: vec![Column::new(
            "x",
            Role::Feature,
            Values::Number(vec![f64::NAN; 4]),
        )],
    };
    let nothing = Similar::new(&blank, &[1.0]).unwrap();
    assert!(
        nothing
            .nearest(&blank, 0, 3, &everything)
            .unwrap()
            .is_empty()
    );
}

#[test]
fn many_rows_agree_with_a_full_sort() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let columns: Vec<Column> = (0..20)
        .map(|c| {
            let name = format!("c{c}");
            if c % 2 == 0 {
                let v = (0..100_000).map(|_| rng.random::<f64>()).collect();
                Column::new(name, Role::Feature, Values::Number(v))
            } else {
                let codes = (0..100_000).map(|_| rng.random_range(0..8)).collect();
                let levels = (0..8).map(|l| format!("l{l}")).collect();
                Column::new(name, Role::Feature, Values::Category { codes, levels })
            }
        })
        .collect();
    let table = Table { columns };
    let similar = Similar::new(&table, &[1.0; 20]).unwrap();
    let start = std::time::Instant::now();
    let some = similar.nearest(&table, 777, 10, &everything).unwrap();
    println!("100,000 x 20: {:?}", start.elapsed());
    let all = similar.nearest(&table, 777, 100_000, &everything).unwrap();
    assert_eq!(some[..], all[..10]);
    assert!(all.windows(2).all(|w| w[0].distance <= w[1].distance));
}
