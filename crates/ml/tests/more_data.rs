//! Learning curves: the law is found back, and read the other way round.
//!
//! Deliberately mostly exact laws; one real learner shows that it works on noisy points.

mod common;

use common::quotes;
use ml::{CurvePoint, Error, LearningCurve, PowerLaw, learning_curve};

#[test]
fn an_exact_law_is_found_back() {
    let law = |n: usize| 0.42 + 1.7 * (n as f64).powf(-0.6);
    let points: Vec<(usize, f64)> = [50, 100, 200, 400, 800].map(|n| (n, law(n))).to_vec();
    let found = PowerLaw::fit(&points).unwrap();
    assert!((found.floor - 0.42).abs() < 1e-6);
    assert!((found.scale - 1.7).abs() < 1e-4 && (found.rate - 0.6).abs() < 1e-5);
    assert!((found.rows_for(law(3000)).unwrap() / 3000.0 - 1.0).abs() < 1e-3);
    assert_eq!(found.rows_for(0.4), None);
    let halved = found.rows_to_halve(800).unwrap();
    assert!((halved.factor - 2f64.powf(1.0 / 0.6)).abs() < 1e-4 && !halved.guess);
    let above = found.at(halved.rows) - found.floor;
    assert!((above / (found.at(800.0) - found.floor) - 0.5).abs() < 1e-9);
}

#[test]
fn intervals_that_fall_with_the_square_root_need_four_times_the_rows() {
    let point = |rows: usize| CurvePoint {
        rows,
        log_loss: 0.5,
        interval_width: Some(3.0 / (rows as f64).sqrt()),
    };
    let curve = LearningCurve::of([800, 100, 400, 200].map(point).to_vec());
    let needed = curve.rows_to_halve_interval.unwrap();
    assert!((needed.factor - 4.0).abs() < 1e-6 && (needed.rows - 3200.0).abs() < 1e-2);
    // A flat log loss cannot be halved.
    assert_eq!(curve.rows_to_halve_avoidable_loss, None);
    assert_eq!(curve.loss_law.map(|l| l.scale), Some(0.0));
}

#[test]
fn parts_are_nested_and_groups_whole() {
    let groups: Vec<u32> = (0..120).map(|r| r / 4).collect();
    let mut parts: Vec<Vec<usize>> = Vec::new();
    let curve = learning_curve(120, Some(&groups), &[1.0, 0.25, 0.5], 3, &mut |part| {
        parts.push(part.to_vec());
        Ok((part.len() > 40).then_some((0.5, None)))
    });
    assert_eq!(
        parts.iter().map(Vec::len).collect::<Vec<_>>(),
        [32, 60, 120]
    );
    for (small, large) in parts.iter().zip(&parts[1..]) {
        assert!(small.iter().all(|r| large.contains(r)));
    }
    for part in &parts {
        assert!(part.iter().all(|&r| {
            let group = groups[r];
            part.iter().filter(|&&o| groups[o] == group).count() == 4
        }));
    }
    // The smallest part was too small, so two points are left and no law.
    let curve = curve.unwrap();
    assert_eq!((curve.points.len(), curve.loss_law), (2, None));
}

#[test]
fn a_real_learner_gets_better() {
    let all = quotes(3000, 0.0, 4);
    let fresh = quotes(2000, 0.0, 5);
    let ratios = |set: &ml::TrainingSet, rows: &[usize]| -> Vec<Vec<f64>> {
        let column = |name: &str| match &set.features.column(name).unwrap().values {
            ml::Values::Number(v) => v.clone(),
            _ => panic!("a number"),
        };
        let (price, list) = (column("price"), column("list price"));
        rows.iter().map(|&r| vec![price[r] / list[r]]).collect()
    };
    let test = ratios(&fresh.set, &(0..2000).collect::<Vec<_>>());
    let curve = learning_curve(3000, None, &[0.02, 0.1, 0.3, 1.0], 1, &mut |part| {
        let won: Vec<bool> = part.iter().map(|&r| all.set.outcome[r]).collect();
        let fit = ml::fit_unpenalised(&ratios(&all.set, part), &won)?;
        let loss = |(x, &y): (&Vec<f64>, &bool)| {
            let p = common::sigmoid(fit[0] + fit[1] * x[0]);
            -(if y { p } else { 1.0 - p }).ln()
        };
        let total: f64 = test.iter().zip(&fresh.set.outcome).map(loss).sum();
        Ok(Some((total / 2000.0, None)))
    })
    .unwrap();
    assert_eq!(curve.points.len(), 4);
    assert!(curve.points[0].log_loss > curve.points[3].log_loss);
    // Points are noisy, so the floor may lie a little above the last one.
    assert!(curve.loss_law.unwrap().floor < curve.points[3].log_loss + 0.01);
}

#[test]
fn odd_input() {
    assert_eq!(PowerLaw::fit(&[]), None);
    assert_eq!(PowerLaw::fit(&[(10, 0.5), (20, 0.4)]), None);
    assert_eq!(PowerLaw::fit(&[(10, 0.5), (20, f64::NAN), (30, 0.4)]), None);
    assert_eq!(PowerLaw::fit(&[(0, 0.5), (20, 0.2), (30, 0.4)]), None);
    let rising = PowerLaw::fit(&[(10, 0.3), (20, 0.4), (40, 0.5)]).unwrap();
    assert_eq!((rising.scale, rising.rows_to_halve(40)), (0.0, None));
    let none = LearningCurve::of(Vec::new());
    assert_eq!(none.rows_to_halve_interval, None);
    for (rows, shares) in [
        (0, vec![1.0]),
        (9, vec![]),
        (9, vec![f64::NAN]),
        (9, vec![1.5]),
    ] {
        let result = learning_curve(rows, None, &shares, 1, &mut |_| Ok(None));
        assert!(matches!(result, Err(Error::InvalidInput { .. })));
    }
    let stopped = learning_curve(9, None, &[1.0], 1, &mut |_| Err(Error::Cancelled));
    assert_eq!(stopped, Err(Error::Cancelled));
}
