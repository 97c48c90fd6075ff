//! Whether quotes are still like those that a model learned from, and how good its answers should be before anybody knows.
//!
//! Each column, and the model's own answers, are tested by Pearson's chi-square for homogeneity of two samples over bins that
//! the reference sets. The threshold follows from both sample sizes, since a fixed one of the population stability index
//! (PSI) fires on nearly all small samples and on hardly any large one. The p-values of all columns are corrected together by
//! Holm (1979), so that a check of identical data fires with probability `alpha` at most, however many columns there are.
//!
//! Deliberately blind to order and time: whoever calls decides which quotes are recent. Dates are not compared, because they
//! move on by themselves.

mod bins;
mod chi;
mod expected;

use crate::score::check_rows;
use crate::{Error, Role, Table, Values};

use bins::Counts;
use chi::{chi_square_above, chi_square_quantile};

pub use expected::{Expected, Worse, expected_performance, worse_than_expected};

/// Fewest quotes of either sample that are compared.
pub const DRIFT_LEAST_ROWS: usize = 100;

/// What was found of one column.
#[derive(Debug, Clone, PartialEq)]
pub struct Shift {
    /// Name of the column; empty for the model's answers.
    pub column: String,
    /// Pearson's statistic over the bins.
    pub statistic: f64,
    /// Bins less one.
    pub degrees: usize,
    /// Probability of as large a statistic where nothing has changed.
    pub p_value: f64,
    /// The same after Holm's correction for all columns that were tested.
    pub adjusted_p_value: f64,
    /// Population stability index over the same bins: sum of (a - b) ln(a / b) of the shares.
    pub psi: f64,
    /// PSI above which this column alone is flagged at these sample sizes: where nothing has changed, PSI divided by
    /// (1/n + 1/m) is about chi-square with `degrees` (Yurdakul 2018).
    pub psi_threshold: f64,
    /// Whether it is flagged.
    pub drifted: bool,
    /// The largest change in a sentence.
    pub statement: String,
}

/// Compares recent quotes with those that a model learned from, column by column by name, and recent answers of the model with
/// those to quotes that it learned from. Columns that only one table has, dates, and columns of one value are left out; so are answers where one
/// side has fewer than [`DRIFT_LEAST_ROWS`]. `alpha` is the probability of any flag where nothing has changed.
///
/// # Errors
/// [`Error::InvalidInput`] for fewer than [`DRIFT_LEAST_ROWS`] quotes on either side, answers outside 0 to 1, or an `alpha`
/// that is no probability.
pub fn drift(
    reference: &Table,
    current: &Table,
    answers: (&[f64], &[f64]),
    alpha: f64,
) -> Result<Vec<Shift>, Error> {
    let invalid = |reason: String| Error::InvalidInput { reason };
    if !(alpha > 0.0 && alpha < 1.0) {
        return Err(invalid(format!("alpha is {alpha}, not between 0 and 1")));
    }
    for (what, table) in [("past", reference), ("recent", current)] {
        if table.rows() < DRIFT_LEAST_ROWS {
            let rows = table.rows();
            return Err(invalid(format!(
                "{rows} {what} quotes are too few to compare: it takes {DRIFT_LEAST_ROWS}"
            )));
        }
    }
    for p in [answers.0, answers.1] {
        if !p.is_empty() {
            check_rows(p, &vec![true; p.len()], None)?;
        }
    }
    let comparable = |role: Role| role != Role::Growing && role != Role::Date;
    let columns = reference.columns.iter().filter(|c| comparable(c.role));
    let mut found: Vec<Shift> = columns
        .filter_map(|column| {
            let other = current.column(&column.name)?;
            shift(&column.name, &column.values, &other.values)
        })
        .collect();
    if answers.0.len() >= DRIFT_LEAST_ROWS && answers.1.len() >= DRIFT_LEAST_ROWS {
        let numbers = |p: &[f64]| Values::Number(p.to_vec());
        found.extend(shift("", &numbers(answers.0), &numbers(answers.1)));
    }
    let adjusted = holm(&found.iter().map(|s| s.p_value).collect::<Vec<_>>());
    let tests = found.len().max(1) as f64;
    for (shift, adjusted) in found.iter_mut().zip(adjusted) {
        shift.adjusted_p_value = adjusted;
        shift.drifted = adjusted <= alpha;
        // Holm's first step, which the column passes whatever the others do; the rest of the factor is in it already.
        shift.psi_threshold *= chi_square_quantile(alpha / tests, shift.degrees);
    }
    Ok(found)
}

/// The test of one column, before any correction; `None` where there is nothing to compare.
fn shift(column: &str, reference: &Values, current: &Values) -> Option<Shift> {
    let counts = Counts::of(reference, current)?;
    let (m, n) = counts.totals();
    let degrees = counts.bins.len() - 1;
    let statistic = counts.statistic();
    Some(Shift {
        column: column.to_owned(),
        statistic,
        degrees,
        p_value: chi_square_above(statistic, degrees),
        adjusted_p_value: 1.0,
        psi: counts.psi(),
        psi_threshold: 1.0 / n + 1.0 / m,
        drifted: false,
        statement: counts.statement(),
    })
}

/// Holm's (1979) step-down correction: the smallest p-value times the number of tests, the next times one less, and so on,
/// never falling and at most 1.
#[must_use]
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    let mut adjusted = vec![1.0; p_values.len()];
    let mut least = 0.0_f64;
    for (rank, &test) in order.iter().enumerate() {
        let factor = (p_values.len() - rank) as f64;
        least = least.max((p_values[test] * factor).min(1.0));
        adjusted[test] = least;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Column;

    #[test]
    fn holm_steps_down_as_in_the_book() {
        let adjusted = holm(&[0.01, 0.04, 0.03, 0.005]);
        let expected = [0.03, 0.06, 0.06, 0.02];
        for (a, b) in adjusted.iter().zip(expected) {
            assert!((a - b).abs() < 1e-12, "{adjusted:?}");
        }
        assert!(holm(&[]).is_empty());
        assert_eq!(holm(&[0.9, 0.8]), [1.0, 1.0]);
    }

    fn table(numbers: Vec<f64>) -> Table {
        Table {
            columns: vec![Column::new("Price", Role::Price, Values::Number(numbers))],
        }
    }

    #[test]
    fn the_same_is_no_shift_and_another_one_is() {
        let numbers: Vec<f64> = (0..500).map(f64::from).collect();
        let same = drift(
            &table(numbers.clone()),
            &table(numbers.clone()),
            (&[], &[]),
            0.01,
        );
        let same = same.expect("enough quotes");
        assert_eq!(same.len(), 1, "answers are left out where there are none");
        assert!(!same[0].drifted && same[0].psi < 1e-9);
        let moved: Vec<f64> = numbers.iter().map(|n| n + 200.0).collect();
        let other = drift(&table(numbers.clone()), &table(moved), (&[], &[]), 0.01);
        let other = other.expect("enough quotes");
        assert!(
            other[0].drifted && other[0].psi > other[0].psi_threshold,
            "{other:?}"
        );
        let told = "from 450: 50.0 % of recent quotes, 10.0 % of those that were learned from";
        assert_eq!(other[0].statement, told);
    }

    #[test]
    fn too_little_and_nonsense_are_refused() {
        let some = table((0..100).map(f64::from).collect());
        let few = table((0..99).map(f64::from).collect());
        assert!(drift(&some, &few, (&[], &[]), 0.01).is_err());
        assert!(drift(&some, &some, (&[], &[]), 0.0).is_err());
        assert!(drift(&some, &some, (&[1.5], &[]), 0.01).is_err());
        assert!(drift(&some, &some, (&[], &[]), 0.01).is_ok());
    }

    #[test]
    fn what_cannot_be_compared_is_left_out() {
        let constant = table(vec![1.0; 200]);
        assert!(drift(&constant, &constant, (&[], &[]), 0.01).is_ok_and(|found| found.is_empty()));
        let mut other = table(vec![1.0; 200]);
        other.columns[0].name = "Cost".to_owned();
        assert!(drift(&constant, &other, (&[], &[]), 0.01).is_ok_and(|found| found.is_empty()));
    }
}
