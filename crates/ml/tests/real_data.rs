//! Figures on real files, only where `VALUTAI_REAL_DATA` points at their folder.
//!
//! Deliberately skipped elsewhere: the files are not part of the project.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;
#[path = "common/sets.rs"]
mod sets;

use std::time::Instant;

use common::{column, number, read_csv, real_data, train};
use ml::TrainingSet;

fn close(found: &[f64], expected: [f64; 2]) {
    for (f, e) in found.iter().zip(expected) {
        assert!((f - e).abs() < 1e-5, "{found:?} is not {expected:?}");
    }
}

fn report(name: &str, set: &TrainingSet) -> ml::Trained {
    let start = Instant::now();
    let trained = train(set, 1).unwrap();
    let e = &trained.candidate(ml::LOGISTIC).unwrap().evaluation;
    println!(
        "{name}: {:.2} s, served {:.4}, boosted {:?}, logistic {:?} base {:.4} auc {:?} brier {:.4} ece {:?} lift {:?}",
        start.elapsed().as_secs_f64(),
        trained.evaluation.log_loss.value,
        trained
            .candidate(ml::BOOSTED)
            .map(|b| b.evaluation.log_loss.value),
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

/// How much worse than the better candidate a blend may be.
const BLENDED_WELL: f64 = 1.005;

/// The served blend is hardly worse than the better candidate on the untouched test rows.
fn blended_well(name: &str, trained: &ml::Trained) {
    let loss = |candidate| {
        let candidate = trained.candidate(candidate);
        candidate.map_or(f64::INFINITY, |c| c.evaluation.log_loss.value)
    };
    let ratio = trained.evaluation.log_loss.value / loss(ml::LOGISTIC).min(loss(ml::BOOSTED));
    println!("{name}: {ratio:.4} of the better candidate on the untouched test rows");
    assert!(ratio <= BLENDED_WELL, "{name}: {ratio}");
}

#[test]
fn fleet() {
    let Some(folder) = real_data() else { return };
    for segmented in [false, true] {
        let trained = report("fleet", &sets::fleet(&folder, segmented));
        assert!(trained.evaluation.log_loss.value < 0.58);
        blended_well("fleet", &trained);
    }
}

#[test]
fn ibm() {
    let Some(folder) = real_data() else { return };
    let trained = report("ibm", &sets::ibm(&folder));
    assert!(trained.evaluation.log_loss.value <= 0.386);
    assert!(
        trained
            .candidate(ml::LOGISTIC)
            .unwrap()
            .evaluation
            .log_loss
            .value
            <= 0.450
    );
    assert!(trained.evaluation.auc.unwrap().value >= 0.84);
    blended_well("ibm", &trained);
}

#[test]
fn texas() {
    let Some(folder) = real_data() else { return };
    let trained = report("texas", &sets::texas(&folder));
    assert!(trained.evaluation.log_loss.value <= 0.437);
    blended_well("texas", &trained);
}

/// Log loss on the published splits: each part is predicted by what was trained on the others. The blend is compared with the
/// candidates on all parts together, and for each training on the rows that it tested itself on.
fn on_splits(name: &str, set: &TrainingSet, target: f64) {
    let Some(folder) = real_data() else { return };
    // Of the blend, and of the parts that it has.
    let mut p = [Vec::new(), Vec::new(), Vec::new()];
    let mut won = Vec::new();
    for (fitted, held) in sets::splits(&folder, name) {
        let start = Instant::now();
        let trained = train(&sets::part(set, &fitted), 1).unwrap();
        blended_well(name, &trained);
        let held = sets::part(set, &held);
        let alone = [0, 1].map(|at| trained.model.alone(at));
        let models = [Some(trained.model), alone[0].clone(), alone[1].clone()];
        let mut losses = Vec::new();
        for (told, model) in p.iter_mut().zip(&models) {
            let Some(model) = model else { continue };
            let answers = model.probabilities(&held.features).unwrap();
            losses.push(sets::log_loss(&answers, &held.outcome));
            told.extend(answers);
        }
        println!(
            "{name}: {:.2} s, log loss of blend, logistic, boosted {losses:.5?}, weights {:?}",
            start.elapsed().as_secs_f64(),
            models[0].as_ref().map(ml::Model::blend)
        );
        won.extend(held.outcome);
    }
    let found = sets::log_loss(&p[0], &won);
    // Trees that one of the trainings left out have not answered for all rows.
    let complete = p[1..].iter().filter(|told| told.len() == won.len());
    let better = complete.map(|told| sets::log_loss(told, &won));
    let better = better.fold(f64::INFINITY, f64::min);
    println!(
        "{name}: log loss {found:.5}, at most {target}, {:.4} of the better candidate, auc {:?}",
        found / better,
        ml::auc(&p[0], &won)
    );
    assert!(found <= target);
    assert!(found <= BLENDED_WELL * better);
}

#[test]
fn published_splits_of_texas() {
    let Some(folder) = real_data() else { return };
    on_splits("texas", &sets::texas(&folder), 0.437);
}

#[test]
fn published_splits_of_fleet() {
    let Some(folder) = real_data() else { return };
    on_splits("fleet", &sets::fleet(&folder, false), 0.562);
    on_splits("fleet", &sets::fleet(&folder, true), 0.258);
}

#[test]
fn published_splits_of_ibm() {
    let Some(folder) = real_data() else { return };
    on_splits("ibm", &sets::ibm(&folder), 0.386);
}
