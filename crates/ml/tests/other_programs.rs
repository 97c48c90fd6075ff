//! Figures against other programs: scikit-learn 1.9.1, SciPy 1.17.1 and statsmodels on rows that a formula makes.
//!
//! Deliberately numbers and not files: the rows are repeated here, the answers stand next to them.

use ml::{auc, best_f1_threshold, compare, evaluate, evaluate_grouped, fit_blend};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

struct Sample {
    p: Vec<f64>,
    q: Vec<f64>,
    won: Vec<bool>,
    groups: Vec<u32>,
}

fn sample() -> Sample {
    let p = |r: u32| (r * 37) % 101;
    Sample {
        p: (0..300).map(|r| f64::from(p(r) + 1) / 103.0).collect(),
        q: (0..300)
            .map(|r| f64::from((r * 29) % 89 + 5) / 100.0)
            .collect(),
        won: (0..300)
            .map(|r| (r * 53) % 97 < (p(r) * 6) / 10 + 15)
            .collect(),
        groups: (0..300).map(|r| r / 3).collect(),
    }
}

fn near(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-9, "{found} is not {expected}");
}

#[test]
fn scores() {
    let s = sample();
    let e = evaluate(&s.p, &s.won, 0.46, best_f1_threshold(&s.p, &s.won), 1);
    assert_eq!((e.rows, e.wins), (300, 138));
    // roc_auc_score, log_loss, brier_score_loss.
    near(e.log_loss.value, 0.7269705172765273);
    near(e.brier.value, 0.24877556791403527);
    // DeLong by its definition over all pairs, in log-odds.
    let area = auc(&s.p, &s.won).unwrap();
    near(area.value, 0.6661075326534264);
    near(area.low, 0.6025969439918357);
    near(area.high, 0.7241151236938851);
    // confusion_matrix, precision_score, recall_score, f1_score.
    let c = e.at_half.confusion;
    assert_eq!(
        (c.true_lost, c.false_won, c.false_lost, c.true_won),
        (101, 61, 51, 87)
    );
    near(e.at_half.recall.unwrap().value, 0.6304347826086957);
    near(e.at_half.f1.unwrap().value, 0.6083916083916084);
    // binomtest(87, 148).proportion_ci(method="wilson").
    let precision = e.at_half.precision.unwrap();
    near(precision.value, 0.5878378378378378);
    near(precision.low, 0.5072923822791064);
    near(precision.high, 0.6639388493089855);
    // The best of precision_recall_curve.
    near(e.at_best_f1.threshold, 0.1553398058252427);
    near(e.at_best_f1.f1.unwrap().value, 0.6564885496183206);
    let shares = c.shares().unwrap();
    near(shares.true_won.value, 87.0 / 300.0);
}

#[test]
fn paired_difference_with_and_without_clusters() {
    let s = sample();
    // OLS on a constant, with plain and with cluster-robust errors, t intervals.
    let alone = compare(&s.p, &s.q, &s.won, None).unwrap().difference;
    near(alone.value, -0.16544660348841247);
    assert!((alone.low + 0.2776369).abs() < 1e-6 && (alone.high + 0.05325631).abs() < 1e-6);
    let grouped = compare(&s.p, &s.q, &s.won, Some(&s.groups))
        .unwrap()
        .difference;
    assert!((grouped.low + 0.27762509).abs() < 1e-6, "{grouped:?}");
    assert!((grouped.high + 0.05326812).abs() < 1e-6);
}

#[test]
fn blend_weights() {
    // Minimised by SLSQP over the same simplex.
    let s = sample();
    let base = vec![0.46; 300];
    let one = fit_blend(&[s.p.clone(), s.q.clone()], &base, &s.won, None).unwrap();
    assert!((one.blend.weights[0] - 0.37714746).abs() < 1e-5, "{one:?}");
    assert_eq!(one.blend.weights[1], 0.0);
    near(one.log_loss, 0.6472141785494216);
    near(one.candidates[1], 0.8924171207649398);
    near(one.base_log_loss, 0.6899437584583995);
    let won: Vec<bool> = (0..300)
        .map(|r| (r * 53) % 97 < ((r * 37) % 101 + (r * 29) % 89) / 2)
        .collect();
    let base = vec![0.49; 300];
    let both = fit_blend(&[s.p, s.q], &base, &won, None).unwrap();
    assert!(
        (both.blend.weights[0] - 0.34095635).abs() < 1e-4,
        "{both:?}"
    );
    assert!(
        (both.blend.weights[1] - 0.51531246).abs() < 1e-4,
        "{both:?}"
    );
    near(both.log_loss, 0.6168074610488532);
}

#[test]
fn intervals_over_groups_cover_the_truth() {
    // Tenders of five bids that share luck: the ordinary interval of the log loss is too narrow, the grouped one is not.
    let (mut ordinary, mut grouped, repeats) = (0, 0, 400);
    let p_win = |luck: bool| if luck { 0.6 } else { 0.1 };
    // Answering 0.35 costs on average the entropy of 0.35 against itself.
    let truth = -(0.35 * 0.35f64.ln() + 0.65 * 0.65f64.ln());
    for seed in 0..repeats {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut won = Vec::new();
        for _ in 0..80 {
            let p = p_win(rng.random());
            won.extend((0..5).map(|_| rng.random::<f64>() < p));
        }
        let groups: Vec<u32> = (0..400).map(|r| r / 5).collect();
        let p = vec![0.35; 400];
        let inside = |groups: Option<&[u32]>| {
            let loss = compare(&p, &p, &won, groups).unwrap().candidate;
            usize::from(loss.low <= truth && truth <= loss.high)
        };
        ordinary += inside(None);
        grouped += inside(Some(&groups));
    }
    let share = |count: usize| count as f64 / repeats as f64;
    println!(
        "covered: ordinary {:.3}, grouped {:.3}",
        share(ordinary),
        share(grouped)
    );
    assert!((0.92..=0.98).contains(&share(grouped)));
    assert!(share(ordinary) < 0.9);
}

#[test]
fn nothing_panics() {
    for (p, won) in [
        (vec![], vec![]),
        (vec![0.5], vec![true]),
        (vec![0.5; 20], vec![false; 20]),
        (vec![f64::NAN; 20], (0..20).map(|r| r % 2 == 0).collect()),
        (vec![0.0, 1.0], vec![true, false]),
    ] {
        let e = evaluate(&p, &won, 0.5, 0.5, 1);
        assert_eq!(e.rows, won.len());
        assert!(evaluate_grouped(&p, &won, Some(&[1]), 0.5, 0.5, 1).rows == won.len());
    }
}
