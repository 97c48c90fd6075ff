//! Boosted fits as a whole: monotone prices, odd cells, same bytes on any number of threads, hopeless tables.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::alone::Boosted;
use super::binning::{Binned, features};
use super::ensemble::Ensemble;
use super::histogram::gradients;
use super::merge::MOST_ENTRIES;
use super::settings::{Family, Settings};
use crate::encode::{Bound, Encoder};
use crate::logistic::{loss, sigmoid};
use crate::table::{Column, MISSING_CODE, Role, Table, Values};

const FAMILIES: [Family; 3] = [
    Family::Additive { leaves: 3 },
    Family::Trees {
        leaves: 4,
        depth: 2,
    },
    Family::Trees {
        leaves: 15,
        depth: 12,
    },
];

fn settings(family: Family) -> Settings {
    Settings {
        family,
        pairs: 3,
        rounds: 40,
        learning_rate: 0.2,
        leaf_hessian: 1.0,
        bags: 3,
        seed: 11,
        ..Settings::default()
    }
}

/// Quotes whose chance bends in price, differs by region, and is noisy.
fn data(rows: usize, seed: u64) -> (Table, Vec<bool>) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (mut price, mut size, mut region, mut won) = (vec![], vec![], vec![], vec![]);
    for _ in 0..rows {
        let (p, s) = (rng.random_range(50.0..150.0), rng.random_range(0.0..10.0));
        let place = rng.random_range(0..6u32);
        let z = 1.5 - f64::from(place) * 0.4 - ((p - 90.0) / 20.0f64).powi(2).copysign(p - 90.0)
            + if s > 5.0 && place < 3 { 1.5 } else { 0.0 };
        won.push(rng.random::<f64>() < sigmoid(z));
        price.push(p);
        size.push(if rng.random::<f64>() < 0.1 {
            f64::NAN
        } else {
            s
        });
        region.push(if rng.random::<f64>() < 0.05 {
            MISSING_CODE
        } else {
            place
        });
    }
    let levels = (0..6).map(|l| format!("region {l}")).collect();
    let columns = vec![
        Column::new("price", Role::Price, Values::Number(price)),
        Column::new("size", Role::Feature, Values::Number(size)),
        Column::new(
            "region",
            Role::Feature,
            Values::Category {
                codes: region,
                levels,
            },
        ),
    ];
    (Table { columns }, won)
}

fn binned_of(model: &Boosted, table: &Table) -> Binned {
    let encoder = Encoder::fit(table);
    Binned::of(
        &model.features,
        &Bound::new(&encoder, table).expect("the same columns"),
    )
}

#[test]
fn contributions_add_up() {
    let (table, won) = data(1500, 1);
    for family in FAMILIES {
        let model = Boosted::fit(&table, &won, &settings(family), 0.0).expect("a model");
        let binned = binned_of(&model, &table);
        assert!(
            model
                .members
                .iter()
                .any(|m| !m.trees.is_empty() || !m.grids.is_empty())
        );
        let ensemble = Ensemble::new(model.features, model.members, 0.8);
        for row in (0..1500).step_by(37) {
            let row = binned.row(row);
            let mut parts = vec![0.0; table.columns.len()];
            let answers = ensemble.explain(row, 1.0, &mut parts);
            let sum = ensemble.expected + parts.iter().sum::<f64>();
            assert_eq!(answers, ensemble.answers(row));
            let mean = answers.iter().sum::<f64>() / answers.len() as f64;
            assert!((sum - mean).abs() < 1e-9);
        }
    }
}

#[test]
fn what_is_looked_up_is_what_the_trees_say() {
    let (table, won) = data(1500, 3);
    let mut kinds = [0, 0];
    for leaves in [4, 15, 64] {
        let family = Family::Trees { leaves, depth: 12 };
        let model = Boosted::fit(&table, &won, &settings(family), 0.0).expect("a model");
        let binned = binned_of(&model, &table);
        let ensemble = Ensemble::new(model.features, model.members, 0.8);
        let [tables, entries, walked] = ensemble.sizes();
        assert!(entries <= MOST_ENTRIES, "{entries}");
        kinds = [kinds[0] + tables, kinds[1] + walked];
        for row in (0..1500).step_by(37) {
            let row = binned.row(row);
            let (mut found, mut walked) = (vec![0.0; 3], vec![0.0; 3]);
            ensemble.explain(row, 1.0, &mut found);
            let count = ensemble.members.len() as f64;
            for (member, answer) in ensemble.members.iter().zip(ensemble.answers(row)) {
                assert!((answer - member.log_odds(row)).abs() < 1e-12);
                let trees = member.trees.iter();
                trees.for_each(|tree| tree.add_shapley(row, 1.0 / count, &mut walked));
            }
            let mut by_column = vec![0.0; 3];
            for (feature, value) in ensemble.features.iter().zip(walked) {
                by_column[feature.origin.source()] += value;
            }
            for (found, walked) in found.iter().zip(by_column) {
                assert!((found - walked).abs() < 1e-12, "{found} {walked}");
            }
        }
    }
    assert!(kinds.iter().all(|&kind| kind > 0), "{kinds:?}");
}

#[test]
fn a_dearer_quote_is_never_likelier() {
    let (table, won) = data(800, 2);
    for family in FAMILIES {
        let constrained = Settings {
            monotone_price: true,
            ..settings(family)
        };
        let model = Boosted::fit(&table, &won, &constrained, 0.0).expect("a model");
        for row in (0..800).step_by(53) {
            let mut many = table.select(&vec![row; 200]);
            let prices = (0..200).map(|k| 40.0 + f64::from(k) * 0.6).collect();
            many.columns[0].values = Values::Number(prices);
            let p = model.predict(&many).expect("answers");
            assert!(p.windows(2).all(|w| w[0] >= w[1]), "{family:?}");
            assert!(p[0] > p[199]);
        }
    }
}

#[test]
fn learns_what_there_is_and_answers_odd_cells() {
    let (table, won) = data(4000, 3);
    let (fresh, outcome) = data(2000, 4);
    let mean = |p: &[f64]| {
        let log_odds = |p: f64| (p / (1.0 - p)).ln();
        p.iter()
            .zip(&outcome)
            .map(|(&p, &y)| loss(log_odds(p), y))
            .sum::<f64>()
            / 2000.0
    };
    let rate = won.iter().filter(|&&y| y).count() as f64 / 4000.0;
    for family in FAMILIES {
        let stopped = Settings {
            rounds: 300,
            learning_rate: 0.1,
            patience: 20,
            ..settings(family)
        };
        let model = Boosted::fit(&table, &won, &stopped, 0.2).expect("a model");
        let found = mean(&model.predict(&fresh).expect("answers"));
        assert!(found < 0.8 * mean(&vec![rate; 2000]), "{family:?} {found}");
        let mut odd = table.select(&[0, 1]);
        odd.columns[1].values = Values::Number(vec![f64::NAN, 1e300]);
        odd.columns[2] = Column::from_texts("region", Role::Feature, &[Some("moon"), None]);
        let p = model.predict(&odd).expect("answers");
        assert!(p.iter().all(|p| *p > 0.0 && *p < 1.0));
        let lacking = Table {
            columns: vec![odd.columns[1].clone()],
        };
        assert!(model.predict(&lacking).expect("answers")[0].is_finite());
    }
}

#[test]
fn threads_change_nothing() {
    let (table, won) = data(700, 5);
    for family in FAMILIES {
        let fit = |threads: usize| {
            let settings = Settings {
                threads,
                column_share: 0.7,
                ..settings(family)
            };
            Boosted::fit(&table, &won, &settings, 0.2)
                .expect("a model")
                .members
        };
        let one = fit(1);
        assert_eq!(one, fit(1));
        assert_eq!(one, fit(2));
        assert_eq!(one, fit(5));
    }
}

#[test]
fn gradients_are_those_of_the_loss() {
    for z in [-6.0, -1.3, 0.0, 0.4, 3.0] {
        for won in [false, true] {
            let mut found = Vec::new();
            gradients(&[z], &[won], &mut found);
            let e = 1e-4;
            let (up, at, down) = (loss(z + e, won), loss(z, won), loss(z - e, won));
            assert!((f64::from(found[0][0]) - (up - down) / (2.0 * e)).abs() < 1e-6);
            assert!((f64::from(found[0][1]) - (up - 2.0 * at + down) / (e * e)).abs() < 1e-6);
        }
    }
}

#[test]
fn frequent_values_get_a_bin_of_their_own() {
    let mut numbers: Vec<f64> = (0..600).map(|k| f64::from(k) + 0.5).collect();
    numbers.extend([300.0; 200]);
    let won: Vec<bool> = numbers.iter().map(|x| *x == 300.0).collect();
    let table = Table {
        columns: vec![Column::new("x", Role::Feature, Values::Number(numbers))],
    };
    let encoder = Encoder::fit(&table);
    let bound = Bound::new(&encoder, &table).expect("its own columns");
    for bins in [3, 4, 20, 255] {
        let settings = Settings {
            bins,
            ..Settings::default()
        };
        let found = features(&encoder, &bound, &settings);
        assert!(
            found[0].count() <= bins && found[0].count() * 2 >= bins,
            "{bins}"
        );
        let binned = Binned::of(&found, &bound);
        let with = (0..800)
            .filter(|&r| binned.row(r) == binned.row(799))
            .count();
        assert!(bins < 20 || with == 200, "{bins} {with}");
        assert!((0..800).all(|r| usize::from(binned.row(r)[0]) < found[0].count()));
    }
    let settings = Settings {
        rounds: 60,
        learning_rate: 0.3,
        ..Settings::default()
    };
    let model = Boosted::fit(&table, &won, &settings, 0.0).expect("a model");
    let p = model.predict(&table).expect("answers");
    assert!(p[799] > 0.9 && p[0] < 0.1);
}

#[test]
fn hopeless_tables_do_not_panic() {
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    let column = |name: String, v: Vec<f64>| Column::new(name, Role::Feature, Values::Number(v));
    let wide = Table {
        columns: (0..200)
            .map(|c| column(format!("c{c}"), (0..30).map(|_| rng.random()).collect()))
            .collect(),
    };
    let won: Vec<bool> = (0..30).map(|r| r % 3 == 0).collect();
    let separated = Table {
        columns: vec![column(
            "x".into(),
            (0..30)
                .map(|r| f64::from(r % 3 == 0) + 0.1 * f64::from(r))
                .collect(),
        )],
    };
    let constant = Table {
        columns: vec![column("x".into(), vec![1.0; 30])],
    };
    let infinite = Table {
        columns: vec![column("x".into(), vec![f64::INFINITY; 30])],
    };
    for family in FAMILIES {
        let settings = settings(family);
        for table in [&wide, &separated] {
            let model = Boosted::fit(table, &won, &settings, 0.2).expect("a model");
            assert!(
                model
                    .predict(table)
                    .expect("answers")
                    .iter()
                    .all(|p| p.is_finite())
            );
        }
        assert!(Boosted::fit(&constant, &won, &settings, 0.2).is_err());
        assert!(Boosted::fit(&infinite, &won, &settings, 0.2).is_err());
        assert!(Boosted::fit(&wide, &[true; 30], &settings, 0.2).is_err());
        assert!(Boosted::fit(&wide, &[true; 3], &settings, 0.2).is_err());
    }
    // A million categories, three rows each at most.
    let codes: Vec<u32> = (0..200_000)
        .map(|r| (r * 7 % 1_000_000) as u32 / 2)
        .collect();
    let levels = (0..1_000_000).map(|l| l.to_string()).collect();
    let number = (0..200_000).map(|r| f64::from(r % 10) + 0.5).collect();
    let many = Table {
        columns: vec![
            Column::new("name", Role::Feature, Values::Category { codes, levels }),
            column("x".into(), number),
        ],
    };
    let won: Vec<bool> = (0..200_000).map(|r| r % 10 > 5).collect();
    let few = Settings {
        rounds: 3,
        bags: 1,
        ..Settings::default()
    };
    assert!(Boosted::fit(&many, &won, &few, 0.0).is_ok());
}

#[test]
fn versions_of_a_row_are_as_rows_of_their_own() {
    let (table, won) = data(800, 5);
    let prices: Vec<f64> = (0..30).map(|i| 45.0 + 4.0 * f64::from(i)).collect();
    for family in FAMILIES {
        let model = Boosted::fit(&table, &won, &settings(family), 0.0).expect("a model");
        let encoder = Encoder::fit(&table);
        let bound = Bound::new(&encoder, &table).expect("the same columns");
        let binned = Binned::of(&model.features, &bound);
        let ensemble = Ensemble::new(model.features, model.members, 0.8);
        for row in 0..40 {
            let versions = binned.with(&ensemble.features, &bound, row, (0, &prices));
            let mut alone = table.select(&vec![row; prices.len()]);
            alone.columns[0].values = Values::Number(prices.clone());
            let bound = Bound::new(&encoder, &alone).expect("the same columns");
            let expected = Binned::of(&ensemble.features, &bound);
            assert_eq!(versions.cells, expected.cells);
            let expected = ensemble.log_odds_of_all(&expected);
            let moving = ensemble.moving(binned.row(row), 0);
            let found = moving.log_odds(&versions);
            for (version, (found, expected)) in found.iter().zip(&expected).enumerate() {
                assert!((found - expected).abs() < 1e-12, "{found} {expected}");
                let version = versions.row(version);
                let answers = moving.answers(version).into_iter();
                for (found, expected) in answers.zip(ensemble.answers(version)) {
                    assert!((found - expected).abs() < 1e-12, "{found} {expected}");
                }
            }
        }
    }
}
