//! How often a check for drift fires: on identical data, and on data that moved. Prints the shares, which the tests hold to what
//! the documentation says.

use ml::{Column, Role, Table, Values, drift};

/// Checks simulated at each size.
const CHECKS: u32 = 1_000;
/// The level at which the service checks.
const ALPHA: f64 = 0.01;
const PAST: usize = 4_000;

/// Steele, Lea and Flood's SplitMix64 (2014): many draws are needed, of a library that nobody has to optimise first.
struct Draws(u64);

impl Draws {
    /// Even between 0 and 1.
    fn even(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A standard normal number (Box and Muller 1958).
    fn normal(&mut self) -> f64 {
        let (u, v) = (self.even(), self.even());
        (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos()
    }
}

/// Six columns of numbers, of which one is skewed, one counts and one is often missing, and two of categories; the first is
/// moved by so many standard deviations.
fn quotes(draws: &mut Draws, rows: usize, moved: f64) -> Table {
    let numbers = |name: &str, of: &mut dyn FnMut() -> f64| {
        let values = (0..rows).map(|_| of()).collect();
        Column::new(name, Role::Feature, Values::Number(values))
    };
    let mut columns = vec![numbers("moved", &mut || moved + draws.normal())];
    columns.push(numbers("skewed", &mut || draws.normal().exp()));
    columns.push(numbers("counts", &mut || {
        (draws.normal().abs() * 2.0).floor()
    }));
    columns.push(numbers("missing", &mut || {
        let number = draws.normal();
        if draws.even() < 0.3 { f64::NAN } else { number }
    }));
    columns.push(numbers("even", &mut || draws.even()));
    columns.push(numbers("rare", &mut || {
        f64::from(u8::from(draws.even() < 0.02))
    }));
    for (name, levels) in [("few", 4_u32), ("many", 60)] {
        let names = (0..levels).map(|level| format!("{name}{level}")).collect();
        // The first levels are the common ones.
        let codes = (0..rows)
            .map(|_| {
                let share = draws.even().powi(2);
                (share * f64::from(levels)) as u32
            })
            .collect();
        columns.push(Column::new(
            name,
            Role::Feature,
            Values::Category {
                codes,
                levels: names,
            },
        ));
    }
    Table { columns }
}

fn answers(draws: &mut Draws, rows: usize) -> Vec<f64> {
    (0..rows)
        .map(|_| 1.0 / (1.0 + draws.normal().exp()))
        .collect()
}

/// In how many of the checks anything, and the first column, was flagged.
fn fired(rows: usize, moved: f64, seed: u64) -> (u32, u32) {
    let mut draws = Draws(seed);
    let (mut any, mut first) = (0, 0);
    for _ in 0..CHECKS {
        let reference = quotes(&mut draws, PAST, 0.0);
        let current = quotes(&mut draws, rows, moved);
        let (before, now) = (answers(&mut draws, PAST), answers(&mut draws, rows));
        let found = drift(&reference, &current, (&before, &now), ALPHA).expect("enough quotes");
        // A rare flag is no column of its own in a small sample.
        assert!(found.len() >= 8);
        any += u32::from(found.iter().any(|shift| shift.drifted));
        first += u32::from(found[0].drifted);
    }
    (any, first)
}

#[test]
fn identical_data_fires_in_at_most_one_check_in_twenty() {
    for rows in [100, 1_000, 10_000] {
        let (any, _) = fired(rows, 0.0, 1);
        println!("identical, n = {rows}: {any} of {CHECKS} checks fired");
        assert!(any * 20 <= CHECKS, "n = {rows}: {any} of {CHECKS}");
    }
}

#[test]
fn half_a_standard_deviation_is_seen_at_a_thousand_quotes() {
    let (any, first) = fired(1_000, 0.5, 2);
    println!(
        "moved by half a standard deviation, n = 1000: {first} of {CHECKS} checks flagged the column, {any} anything"
    );
    assert!(first * 20 >= CHECKS * 19, "{first} of {CHECKS}");
    // A small sample sees it less often, and is told so by its threshold.
    let (_, first) = fired(100, 0.5, 3);
    println!("the same, n = 100: {first} of {CHECKS}");
    assert!(first > 0 && first < CHECKS);
}

/// What the literature's fixed threshold would do on the same data.
#[test]
fn the_threshold_follows_the_sample_and_a_fixed_one_does_not() {
    let mut draws = Draws(4);
    let (mut fixed, mut own, mut thresholds) = (0, 0, Vec::new());
    for rows in [100, 10_000] {
        for _ in 0..200 {
            let (reference, current) =
                (quotes(&mut draws, PAST, 0.0), quotes(&mut draws, rows, 0.0));
            let found = drift(&reference, &current, (&[], &[]), ALPHA).expect("enough quotes");
            fixed += u32::from(rows == 100 && found.iter().any(|shift| shift.psi > 0.1));
            own += u32::from(found.iter().any(|shift| shift.psi > shift.psi_threshold));
            thresholds.push((rows, found[0].psi_threshold));
        }
    }
    println!(
        "PSI above 0.10 at n = 100: {fixed} of 200; above its own threshold at any size: {own} of 400"
    );
    let of = |rows: usize| {
        thresholds
            .iter()
            .find(|(n, _)| *n == rows)
            .map_or(0.0, |(_, t)| *t)
    };
    assert!(of(100) > 10.0 * of(10_000));
    assert!(fixed > 100 && own < 40, "{fixed} {own}");
}
