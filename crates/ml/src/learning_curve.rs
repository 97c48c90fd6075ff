//! What more data would bring.
//!
//! Error falls with the number of rows n about as floor + scale * n^-rate (Hestness et al. 2017); the width of intervals
//! falls in the same way towards zero. The law is fitted to trainings on nested parts of the data and then read the
//! other way round. Deliberately no promise far outside: more than ten times the data is marked as a guess.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::Error;
use crate::score::Units;

/// Rates that are tried, from barely falling to as fast as any learner.
const RATES: (f64, f64) = (0.05, 2.0);
/// Beyond this multiple of the largest training a law is only a guess.
const GUESS_FROM: f64 = 10.0;

/// One training on part of the data.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CurvePoint {
    /// Rows trained on.
    pub rows: usize,
    /// Log loss on rows that are the same for every point.
    pub log_loss: f64,
    /// Mean width of the 95 % intervals on them; `None` where the learner gives none.
    pub interval_width: Option<f64>,
}

/// Log loss and, where the learner gives intervals, their mean width, on test rows.
pub type Trial = (f64, Option<f64>);

/// Trains on the rows with the given numbers and tries the result; `None` when they are too few to train on.
pub type Trainer<'a> = dyn FnMut(&[usize]) -> Result<Option<Trial>, Error> + 'a;

/// floor + scale * rows^-rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PowerLaw {
    /// What no amount of data gets below; not negative.
    pub floor: f64,
    /// Not negative; 0 when more rows did not help.
    pub scale: f64,
    /// 0.05 to 2.
    pub rate: f64,
    /// Root mean squared distance of the points from the law.
    pub residual: f64,
}

/// An answer read off a law.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RowsNeeded {
    /// Rows in total.
    pub rows: f64,
    /// Multiple of the rows that there are.
    pub factor: f64,
    /// Whether that is more than ten times what was tried.
    pub guess: bool,
}

/// A learning curve and what it says.
#[derive(Debug, Clone, PartialEq)]
pub struct LearningCurve {
    /// In ascending order of rows.
    pub points: Vec<CurvePoint>,
    /// The law of the log loss; `None` with fewer than three different sizes.
    pub loss_law: Option<PowerLaw>,
    /// The law of the interval width, with floor 0; `None` likewise, or without widths.
    pub width_law: Option<PowerLaw>,
    /// Rows that halve the interval width; `None` when it does not fall.
    pub rows_to_halve_interval: Option<RowsNeeded>,
    /// Rows that halve the avoidable part of the log loss, that above the floor; `None` when it does not fall.
    pub rows_to_halve_avoidable_loss: Option<RowsNeeded>,
}

impl PowerLaw {
    /// Least squares over (rows, value) points with floor; `None` for fewer than three different sizes or numbers that
    /// are not finite.
    #[must_use]
    pub fn fit(points: &[(usize, f64)]) -> Option<Self> {
        best_rate(points, true)
    }

    /// The same with floor 0, for what vanishes with infinite data; two different sizes are enough.
    #[must_use]
    pub fn fit_to_zero(points: &[(usize, f64)]) -> Option<Self> {
        best_rate(points, false)
    }

    /// The value at a number of rows.
    #[must_use]
    pub fn at(&self, rows: f64) -> f64 {
        self.floor + self.scale * rows.powf(-self.rate)
    }

    /// Rows at which the value falls to `value`; `None` when it never does.
    #[must_use]
    pub fn rows_for(&self, value: f64) -> Option<f64> {
        let above = value - self.floor;
        let rows = (self.scale / above).powf(1.0 / self.rate);
        (above > 0.0 && self.scale > 0.0 && rows.is_finite()).then_some(rows)
    }

    /// Rows that halve the part above the floor, from `rows` on; `None` when it does not fall.
    #[must_use]
    pub fn rows_to_halve(&self, rows: usize) -> Option<RowsNeeded> {
        if self.scale <= 0.0 || rows == 0 {
            return None;
        }
        let factor = 2f64.powf(1.0 / self.rate);
        Some(RowsNeeded {
            rows: factor * rows as f64,
            factor,
            guess: factor > GUESS_FROM,
        })
    }
}

fn best_rate(points: &[(usize, f64)], floor: bool) -> Option<PowerLaw> {
    let mut sizes: Vec<usize> = points.iter().map(|p| p.0).collect();
    sizes.sort_unstable();
    sizes.dedup();
    let usable = points.iter().all(|p| p.0 > 0 && p.1.is_finite());
    if !usable || sizes.len() < 2 + usize::from(floor) {
        return None;
    }
    let law = |rate: f64| at_rate(points, rate, floor);
    let grid = |k: usize| RATES.0 + (RATES.1 - RATES.0) * k as f64 / 100.0;
    let start = (0..=100)
        .min_by(|&a, &b| law(grid(a)).residual.total_cmp(&law(grid(b)).residual))
        .unwrap_or(0);
    let (mut low, mut high) = (grid(start.saturating_sub(1)), grid((start + 1).min(100)));
    // Thirds shrink the bracket until the rate is known to nine digits.
    for _ in 0..60 {
        let (a, b) = (low + (high - low) / 3.0, high - (high - low) / 3.0);
        if law(a).residual <= law(b).residual {
            high = b;
        } else {
            low = a;
        }
    }
    Some(law(0.5 * (low + high)))
}

/// Least squares of floor and scale, neither negative, at a given rate.
fn at_rate(points: &[(usize, f64)], rate: f64, floor: bool) -> PowerLaw {
    let count = points.len() as f64;
    let x = |p: &(usize, f64)| (p.0 as f64).powf(-rate);
    let sum = |f: &dyn Fn(&(usize, f64)) -> f64| points.iter().map(f).sum::<f64>();
    let (sx, sy) = (sum(&x), sum(&|p| p.1));
    let (sxx, sxy) = (sum(&|p| x(p).powi(2)), sum(&|p| x(p) * p.1));
    let through_zero = (0.0, (sxy / sxx).max(0.0));
    let (floor, scale) = if floor {
        let scale = (count * sxy - sx * sy) / (count * sxx - sx * sx);
        let level = (sy - scale * sx) / count;
        if scale < 0.0 {
            ((sy / count).max(0.0), 0.0)
        } else if level < 0.0 {
            through_zero
        } else {
            (level, scale)
        }
    } else {
        through_zero
    };
    let mut law = PowerLaw {
        floor,
        scale,
        rate,
        residual: 0.0,
    };
    law.residual = (sum(&|p| (law.at(p.0 as f64) - p.1).powi(2)) / count).sqrt();
    law
}

/// A number of rows to two digits: a law of four points knows no more.
fn rounded(rows: f64) -> String {
    let digits = 10f64.powf(rows.max(1.0).log10().floor() - 1.0).max(1.0);
    format!("{:.0}", (rows / digits).round() * digits)
}

/// Trains on nested random parts of the rows `0..rows` and fits the laws.
///
/// `shares` are parts of the whole, such as 0.125, 0.25, 0.5, 1; a larger part holds every smaller one. Rows with the same
/// group come together. `train` is given row numbers in ascending order and answers (log loss, mean interval width) on
/// test rows of its own, or `None` when the part is too small for it, which leaves the point out.
///
/// # Errors
/// [`Error::InvalidInput`] for no rows, no shares, shares outside 0 to 1, or groups of another length; whatever `train`
/// answers.
pub fn learning_curve(
    rows: usize,
    groups: Option<&[u32]>,
    shares: &[f64],
    seed: u64,
    train: &mut Trainer<'_>,
) -> Result<LearningCurve, Error> {
    let usable = |s: &f64| *s > 0.0 && *s <= 1.0;
    let covered = groups.is_none_or(|g| g.len() == rows);
    if rows == 0 || shares.is_empty() || !shares.iter().all(usable) || !covered {
        return Err(Error::InvalidInput {
            reason:
                "a learning curve needs rows, groups that cover them, and shares between 0 and 1"
                    .to_owned(),
        });
    }
    let units = Units::new(rows, groups);
    let mut rank: Vec<usize> = (0..units.count()).collect();
    rank.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    let mut shares = shares.to_vec();
    shares.sort_by(f64::total_cmp);
    shares.dedup();
    let mut points = Vec::new();
    for share in shares {
        let kept = (share * units.count() as f64).round().max(1.0) as usize;
        let part: Vec<usize> = (0..rows).filter(|&r| rank[units.of(r)] < kept).collect();
        if let Some((log_loss, interval_width)) = train(&part)? {
            points.push(CurvePoint {
                rows: part.len(),
                log_loss,
                interval_width,
            });
        }
    }
    Ok(LearningCurve::of(points))
}

impl LearningCurve {
    /// What it says of the uncertainty, in a sentence.
    #[must_use]
    pub fn statement(&self) -> String {
        let rows = self.points.last().map_or(0, |p| p.rows);
        match self.rows_to_halve_interval {
            None if self.points.len() < 3 => {
                "There are too few rows to say what more would bring.".to_owned()
            }
            None => "More rows like these did not narrow the intervals.".to_owned(),
            Some(needed) if needed.guess => format!(
                "Intervals half as wide would take more than {GUESS_FROM:.0} times as many rows as the {rows} that were learned from."
            ),
            Some(needed) => format!(
                "Intervals half as wide would take about {:.1} times as many rows: {} instead of {rows}.",
                needed.factor,
                rounded(needed.rows)
            ),
        }
    }

    /// The laws of given points, largest number of rows taken as what there is.
    #[must_use]
    pub fn of(mut points: Vec<CurvePoint>) -> Self {
        points.sort_by_key(|p| p.rows);
        let losses: Vec<(usize, f64)> = points.iter().map(|p| (p.rows, p.log_loss)).collect();
        let widths: Vec<(usize, f64)> = points
            .iter()
            .filter_map(|p| p.interval_width.map(|w| (p.rows, w)))
            .collect();
        let rows = points.last().map_or(0, |p| p.rows);
        let loss_law = PowerLaw::fit(&losses);
        let width_law = PowerLaw::fit_to_zero(&widths).filter(|_| widths.len() >= 3);
        Self {
            rows_to_halve_interval: width_law.and_then(|l| l.rows_to_halve(rows)),
            rows_to_halve_avoidable_loss: loss_law.and_then(|l| l.rows_to_halve(rows)),
            points,
            loss_law,
            width_law,
        }
    }
}
