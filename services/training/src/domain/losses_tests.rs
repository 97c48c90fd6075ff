//! Which quotes two models are compared on, and what is said where there are too few.

use ml::{Column, Role, TrainOptions, TrainingSet};

use super::*;
use crate::domain::holdout::holdout;

/// Quotes of these numbers, two a day, whose price decides.
fn set(rows: std::ops::Range<u32>) -> TrainingSet {
    let number = |row: u32| f64::from(row * 37 % 61);
    let prices = rows.clone().map(number).collect();
    TrainingSet {
        features: Table {
            columns: vec![Column::new("price", Role::Price, Values::Number(prices))],
        },
        outcome: rows
            .clone()
            .map(|row| number(row) + f64::from(row * 53 % 41) < 50.0)
            .collect(),
        date: Some(rows.map(|row| i32::try_from(row / 2).unwrap()).collect()),
        group: None,
    }
}

fn side(id: u128, rows: std::ops::Range<u32>, called: &'static str) -> Side {
    let set = set(rows.clone());
    let options = TrainOptions::default();
    let trained = ml::train(&set, &options, &mut |_| std::ops::ControlFlow::Continue(())).unwrap();
    let keys: Vec<u64> = rows.map(u64::from).collect();
    let holdout = holdout(&set, &trained, &keys);
    Side {
        id: Uuid::from_u128(id),
        dataset_id: Uuid::nil(),
        called,
        kept: Some(Kept {
            evaluated: Model::from_bytes(&holdout.artefact).unwrap(),
            holdout,
        }),
        served: trained.model,
    }
}

#[test]
fn what_is_kept_gives_the_figures_of_the_evaluation() {
    let set = set(0..400);
    let options = TrainOptions::default();
    let trained = ml::train(&set, &options, &mut |_| std::ops::ControlFlow::Continue(())).unwrap();
    let keys: Vec<u64> = (0..400).collect();
    let kept = holdout(&set, &trained, &keys);
    assert_eq!(kept.tested_keys, (320..400).collect::<Vec<u64>>());
    assert_eq!(kept.learned_keys, (0..320).collect::<Vec<u64>>());
    let fit = Model::from_bytes(&kept.artefact).unwrap();
    let p = fit.probabilities(&table(&kept)).unwrap();
    let again = ml::evaluate(&p, &kept.outcomes, 0.5, 0.5, 0);
    let (now, then) = (again.log_loss.value, trained.evaluation.log_loss.value);
    assert!((now - then).abs() < 1e-12, "{now} {then}");
}

#[test]
fn a_model_is_judged_as_it_answers_where_enough_quotes_came_after_it() {
    let (older, newer) = (
        side(1, 0..400, "the old one"),
        side(2, 0..1_200, "the new one"),
    );
    let found = compare(&newer, &older).unwrap();
    assert_eq!(found.row_count, 240, "all of its test quotes are new");
    assert!(
        found.basis.contains("the old one as it answers"),
        "{found:?}"
    );
    // Whichever of them is the candidate, the quotes are the same.
    let back = compare(&older, &newer).unwrap();
    assert_eq!((back.row_count, back.difference), (240, -found.difference));
    assert_eq!(back.candidate_log_loss, found.champion_log_loss);
}

#[test]
fn otherwise_both_are_judged_as_they_were_evaluated() {
    let (older, newer) = (
        side(1, 0..400, "the old one"),
        side(2, 0..450, "the new one"),
    );
    let found = compare(&newer, &older).unwrap();
    // The newest 90, of which the fit of the old one has learned from none.
    assert_eq!(found.row_count, 90);
    assert!(
        found.basis.ends_with("both as they were evaluated"),
        "{found:?}"
    );
}

#[test]
fn nothing_is_said_on_quotes_that_one_of_them_knows() {
    let (older, newer) = (
        side(1, 0..400, "the old one"),
        side(2, 0..120, "the new one"),
    );
    // The test quotes of the newer are known to the older, and too few of the older's are left.
    let found = compare(&newer, &older).unwrap();
    assert_eq!(
        found.row_count, 80,
        "then those of the older, which the newer does not know"
    );
    let short = side(2, 320..400, "the new one");
    let found = compare(&short, &older).unwrap();
    assert_eq!(found.verdict(), LossVerdict::NotComparable);
    assert!(
        found
            .basis
            .starts_with("16 of the test quotes of the new one"),
        "{found:?}"
    );
    assert!(!found.passes && found.interval.is_none());
    let forgetful = Side {
        kept: None,
        ..newer
    };
    let found = compare(&forgetful, &older).unwrap();
    assert!(
        found.basis.contains("without keeping the quotes"),
        "{found:?}"
    );
}

#[test]
fn columns_that_are_lacking_or_of_another_kind_count_as_missing() {
    let of = side(1, 0..400, "it").served;
    let price = |values| Table {
        columns: vec![Column::new("price", Role::Feature, values)],
    };
    let (table, lacking) = readable(&of, &price(Values::Number(vec![1.0, 2.0])));
    assert!(lacking.is_empty() && table.rows() == 2);
    let words = Values::Category {
        codes: vec![0, 0, 0],
        levels: vec!["much".to_owned()],
    };
    let (table, lacking) = readable(&of, &price(words));
    assert_eq!(lacking, ["price"]);
    assert_eq!(of.probabilities(&table).unwrap().len(), 3);
}
