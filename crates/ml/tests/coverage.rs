//! Intervals hold the true probability about as often as they say, over kinds of data that differ in size and shape.
//!
//! `examples/coverage.rs` prints the same for more kinds, seeds and sizes. Deliberately pooled: one training on few rows may
//! be lucky or unlucky with all of its intervals at once.

mod common;

use common::kinds::KINDS;

/// Rows that are predicted per training.
const TESTED: usize = 500;

/// Share of intervals that hold the truth, over `seeds` trainings on `rows` rows of a kind, and their mean width.
fn coverage(kind: &str, rows: usize, seeds: u64) -> (f64, f64) {
    let kind = KINDS.iter().find(|k| k.name == kind).expect("a known kind");
    let (mut inside, mut width) = (0, 0.0);
    for seed in 0..seeds {
        let drawn = kind.draw(rows, TESTED, 700 + seed);
        let model = common::train(&drawn.train, seed).expect("trains").model;
        for (p, truth) in model
            .predict(&drawn.test)
            .expect("predicts")
            .iter()
            .zip(&drawn.truth)
        {
            inside += usize::from(p.low <= *truth && *truth <= p.high);
            width += p.high - p.low;
        }
    }
    let all = seeds as f64 * TESTED as f64;
    (inside as f64 / all, width / all)
}

#[test]
fn intervals_hold_the_truth_as_often_as_they_say() {
    let mut pooled = 0.0;
    let asked = [
        ("small linear", 300, 6),
        ("noisy", 800, 4),
        ("sampler", 500, 4),
        ("missing", 1000, 3),
        ("curved", 1000, 3),
        ("crossed", 1000, 3),
    ];
    for (kind, rows, seeds) in asked {
        let (held, width) = coverage(kind, rows, seeds);
        println!("{kind}, {rows} rows: {held:.3} held, mean width {width:.3}");
        assert!(held > 0.88, "{kind}: {held}");
        // An interval that allows everything holds the truth as well.
        assert!(width < 0.7, "{kind}: {width}");
        pooled += held / asked.len() as f64;
    }
    assert!((0.92..=0.985).contains(&pooled), "{pooled}");
}

#[test]
fn more_quotes_narrow_the_intervals() {
    let (_, few) = coverage("small linear", 300, 2);
    let (held, many) = coverage("small linear", 5000, 2);
    assert!(many < 0.5 * few, "{few} and {many}");
    assert!(held > 0.9, "{held}");
}
