//! Whatever a table holds, training answers or refuses in words: no panic, no number that is none.
//!
//! Deliberately small tables: what breaks, breaks at thirty rows as well.

mod common;

use common::train;
use ml::{Column, Error, Role, Table, Trained, TrainingSet, Values};
use proptest::prelude::*;

fn set(columns: Vec<Column>, outcome: Vec<bool>) -> TrainingSet {
    TrainingSet {
        features: Table { columns },
        outcome,
        date: None,
        group: None,
    }
}

fn number(name: &str, role: Role, values: Vec<f64>) -> Column {
    Column::new(name, role, Values::Number(values))
}

/// Whether every answer to the rows it was trained on makes sense.
fn sensible(trained: &Trained, set: &TrainingSet) -> bool {
    let Ok(answers) = trained.model.predict(&set.features) else {
        return false;
    };
    answers.iter().all(|p| {
        let sum: f64 = p.contributions.iter().map(|c| c.log_odds).sum();
        p.low <= p.probability
            && p.probability <= p.high
            && (0.0..=1.0).contains(&p.low)
            && (0.0..=1.0).contains(&p.high)
            && (sum - (p.log_odds - p.base_log_odds)).abs() < 1e-9
    })
}

/// A reason that a person can act on.
fn refused(found: Result<Trained, Error>) -> String {
    match found {
        Err(reason) => {
            let told = reason.to_string();
            assert!(told.len() > 20, "{told:?} says too little");
            told
        }
        Ok(_) => panic!("should have been refused"),
    }
}

fn mixed(rows: usize) -> Vec<bool> {
    (0..rows).map(|r| r % 3 == 0).collect()
}

#[test]
fn one_outcome_and_constant_columns_are_refused() {
    let x = || number("x", Role::Feature, (0..60).map(f64::from).collect());
    for outcome in [vec![true; 60], vec![false; 60]] {
        assert!(refused(train(&set(vec![x()], outcome), 1)).contains("60"));
    }
    let same = vec![
        number("x", Role::Feature, vec![7.0; 60]),
        number("price", Role::Price, vec![0.0; 60]),
        number("gone", Role::Feature, vec![f64::NAN; 60]),
        Column::from_texts("region", Role::Feature, &[Some("north"); 60]),
        Column::new("day", Role::Date, Values::Date(vec![Some(18_000); 60])),
    ];
    refused(train(&set(same, mixed(60)), 1));
    refused(train(&set(Vec::new(), mixed(60)), 1));
}

#[test]
fn infinite_numbers_are_refused_and_missing_ones_are_not() {
    let with = |odd: f64| -> Vec<f64> {
        (0..60)
            .map(|r| if r % 7 == 0 { odd } else { f64::from(r % 10) })
            .collect()
    };
    for odd in [f64::INFINITY, f64::NEG_INFINITY] {
        let told = refused(train(
            &set(vec![number("weeks", Role::Feature, with(odd))], mixed(60)),
            1,
        ));
        assert!(told.contains("weeks"), "{told}");
    }
    for odd in [f64::NAN, f64::MAX, f64::MIN, f64::MIN_POSITIVE, -0.0] {
        let set = set(vec![number("weeks", Role::Feature, with(odd))], mixed(60));
        match train(&set, 1) {
            Ok(trained) => assert!(sensible(&trained, &set), "{odd}"),
            // Beside numbers of that size all others are the same.
            Err(Error::NoUsableColumn { reason }) => {
                assert!(
                    odd.abs() > 1e300 && reason.contains("weeks"),
                    "{odd}: {reason}"
                );
            }
            Err(other) => panic!("{odd}: {other}"),
        }
    }
}

#[test]
fn separated_outcomes_and_more_columns_than_rows_are_answered() {
    let won: Vec<bool> = (0..200).map(|r| r >= 90).collect();
    let x = number("x", Role::Feature, (0..200).map(f64::from).collect());
    let stage = won.iter().map(|&y| Some(if y { "signed" } else { "lost" }));
    let stage = Column::from_texts("stage", Role::Feature, &stage.collect::<Vec<_>>());
    let separated = set(vec![x, stage], won);
    let trained = train(&separated, 1).expect("separated rows have a penalised fit");
    assert!(sensible(&trained, &separated) && trained.beats_base_rate);
    let named: Vec<&str> = trained.leaks.iter().map(|l| l.column.as_str()).collect();
    assert!(named.contains(&"stage"), "{named:?}");
    let column = |c: usize| {
        let cell = |r: usize| ((r * 31 + c * 17) % 101) as f64;
        number(&format!("c{c}"), Role::Feature, (0..30).map(cell).collect())
    };
    let wide = set((0..200).map(column).collect(), mixed(30));
    let trained = train(&wide, 1).expect("a penalty makes it solvable");
    assert!(sensible(&trained, &wide));
    assert_eq!(trained.evidence, ml::Evidence::Indicative);
}

#[test]
fn a_million_categories_are_answered() {
    let rows = 3000u32;
    let levels: Vec<String> = (0..1_000_000).map(|l| format!("{l:07}")).collect();
    // Every row has a level of its own, scattered over the million.
    let codes = (0..rows).map(|r| (r * 333) % 1_000_000).collect();
    let many = Values::Category { codes, levels };
    let weeks = (0..rows).map(|r| f64::from(r % 12)).collect();
    let outcome = (0..rows).map(|r| r % 12 < 4 || r % 5 == 0).collect();
    let set = set(
        vec![
            Column::new("quote", Role::Feature, many),
            number("weeks", Role::Feature, weeks),
        ],
        outcome,
    );
    let trained = train(&set, 1).expect("levels are folded");
    assert!(sensible(&trained, &set) && trained.beats_base_rate);
    assert!(trained.model.to_bytes().len() < 20_000_000);
}

fn odd_number() -> impl Strategy<Value = f64> {
    prop_oneof![
        6 => -50.0..50.0f64,
        2 => Just(f64::NAN),
        2 => Just(0.0),
        1 => Just(1e300),
        1 => Just(-1e300),
        1 => Just(1e-300),
        1 => (0u8..3).prop_map(f64::from),
    ]
}

/// A column of so many rows of any kind and role.
fn any_column(rows: usize) -> impl Strategy<Value = (u8, Values)> {
    let text = prop_oneof![
        Just(None),
        "[a-c]{0,2}".prop_map(Some),
        "[0-9]{6}".prop_map(Some)
    ];
    let texts = |cells: Vec<Option<String>>| {
        let cells: Vec<Option<&str>> = cells.iter().map(Option::as_deref).collect();
        Column::from_texts("", Role::Feature, &cells).values
    };
    let values = prop_oneof![
        3 => prop::collection::vec(odd_number(), rows).prop_map(Values::Number),
        1 => odd_number().prop_map(move |x| Values::Number(vec![x; rows])),
        2 => prop::collection::vec(text, rows).prop_map(texts),
        1 => prop::collection::vec(prop::option::of(-800_000..800_000i32), rows).prop_map(Values::Date),
    ];
    (0u8..8, values)
}

prop_compose! {
    fn any_set()(rows in 25usize..70)(
        columns in prop::collection::vec(any_column(rows), 0..6),
        outcome in prop::collection::vec(prop::bool::weighted(0.4), rows),
        date in prop::option::of(prop::collection::vec(17_000..17_040i32, rows)),
        group in prop::option::of(prop::collection::vec(0u32..9, rows)),
    ) -> TrainingSet {
        let role = |kind: u8, values: &Values| match (kind, values) {
            (0, Values::Number(_)) => Role::Price,
            (1, Values::Number(_)) => Role::ListPrice,
            (2, Values::Number(_)) => Role::Cost,
            (3, Values::Number(_)) => Role::Quantity,
            _ => Role::Feature,
        };
        let columns = columns.into_iter().enumerate();
        let columns = columns.map(|(at, (kind, values))| {
            Column::new(format!("column {at}"), role(kind, &values), values)
        });
        TrainingSet { features: Table { columns: columns.collect() }, outcome, date, group }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 60, ..ProptestConfig::default() })]
    #[test]
    fn any_table_is_answered_or_refused(set in any_set()) {
        match train(&set, 1) {
            Ok(trained) => prop_assert!(sensible(&trained, &set)),
            Err(reason) => prop_assert!(reason.to_string().len() > 20, "{reason}"),
        }
    }
}
