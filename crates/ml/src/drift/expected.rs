//! How good answers should be by what they say of themselves, before any outcome is known, and whether they turned out worse.
//!
//! Confidence-based: where probabilities are exact and outcomes independent, the mean of p (1 - p) is the Brier score to be
//! expected, and likewise for every score. Deliberately no statement about answers that are not calibrated: those fall behind
//! their own expectation, which is what [`worse_than_expected`] tells.

use super::chi::normal_above;
use crate::Error;
use crate::score::{Score, Z95, check_rows, losses};

/// Scores to be expected of some answers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Expected {
    /// Answers.
    pub rows: usize,
    /// Share to be won: mean p. The interval of this and of the scores below is where the realised one falls with 95 %, normal.
    pub win_rate: Score,
    /// Brier score: mean p (1 - p), variance of the sum p (1 - p) (1 - 2 p)².
    pub brier: Score,
    /// Log loss: mean of -p ln p - (1 - p) ln (1 - p), variance of the sum p (1 - p) ln² (p / (1 - p)).
    pub log_loss: Score,
    /// Area under the ROC curve: of all pairs of quotes the share, weighted by p_i (1 - p_j), with p_i above p_j, ties half.
    /// `None` where one outcome only is to be expected.
    pub auc: Option<f64>,
}

/// What to expect of answers `p`; `None` of none.
///
/// # Errors
/// [`Error::InvalidInput`] for an answer outside 0 to 1.
pub fn expected_performance(p: &[f64]) -> Result<Option<Expected>, Error> {
    if p.is_empty() {
        return Ok(None);
    }
    check_rows(p, &vec![true; p.len()], None)?;
    let n = p.len() as f64;
    let figure = |mean: &dyn Fn(f64) -> f64, variance: &dyn Fn(f64) -> f64| {
        let value = p.iter().map(|&p| mean(p)).sum::<f64>() / n;
        let error = p.iter().map(|&p| variance(p)).sum::<f64>().sqrt() / n;
        Score {
            value,
            low: (value - Z95 * error).max(0.0),
            high: value + Z95 * error,
        }
    };
    let spread = |p: f64| p * (1.0 - p);
    let share = figure(&|p| p, &spread);
    Ok(Some(Expected {
        rows: p.len(),
        win_rate: Score {
            high: share.high.min(1.0),
            ..share
        },
        brier: figure(&spread, &|p| spread(p) * (1.0 - 2.0 * p).powi(2)),
        log_loss: figure(&entropy, &|p| spread(p) * log_odds(p).powi(2)),
        auc: auc(p),
    }))
}

fn inside(p: f64) -> f64 {
    p.clamp(1e-15, 1.0 - 1e-15)
}

fn entropy(p: f64) -> f64 {
    let p = inside(p);
    -p * p.ln() - (1.0 - p) * (1.0 - p).ln()
}

fn log_odds(p: f64) -> f64 {
    let p = inside(p);
    (p / (1.0 - p)).ln()
}

fn auc(p: &[f64]) -> Option<f64> {
    let mut sorted = p.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (mut above, mut lost_before) = (0.0, 0.0);
    let mut with_themselves = 0.0;
    for tied in sorted.chunk_by(|a, b| a == b) {
        let won: f64 = tied.iter().sum();
        let lost: f64 = tied.iter().map(|p| 1.0 - p).sum();
        let own: f64 = tied.iter().map(|p| p * (1.0 - p)).sum();
        above += won * lost_before + 0.5 * (won * lost - own);
        lost_before += lost;
        with_themselves += own;
    }
    let won: f64 = p.iter().sum();
    let pairs = won * (p.len() as f64 - won) - with_themselves;
    (pairs > 1e-12).then(|| above / pairs)
}

/// Answers whose outcomes are known, beside what was to be expected of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Worse {
    /// What was to be expected.
    pub expected: Expected,
    /// Log loss as it turned out.
    pub realised_log_loss: f64,
    /// Probability of as high a log loss where the answers are exact; normal approximation, one-sided.
    pub p_value: f64,
}

/// Compares answers with their outcomes; `None` for fewer than 30, or where nothing can turn out otherwise than expected.
///
/// # Errors
/// [`Error::InvalidInput`] for unequal lengths or an answer outside 0 to 1.
pub fn worse_than_expected(p: &[f64], won: &[bool]) -> Result<Option<Worse>, Error> {
    if p.len() < 30 && p.len() == won.len() {
        return Ok(None);
    }
    check_rows(p, won, None)?;
    let Some(expected) = expected_performance(p)? else {
        return Ok(None);
    };
    let realised = losses(p, won).iter().sum::<f64>() / p.len() as f64;
    let error = (expected.log_loss.high - expected.log_loss.value) / Z95;
    Ok((error > 0.0).then(|| Worse {
        expected,
        realised_log_loss: realised,
        p_value: normal_above((realised - expected.log_loss.value) / error),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expectations_by_hand() {
        assert!(expected_performance(&[]).is_ok_and(|found| found.is_none()));
        assert!(expected_performance(&[f64::NAN]).is_err());
        let p = [0.2, 0.8, 0.8, 0.5];
        let found = expected_performance(&p).expect("valid").expect("some");
        assert!((found.brier.value - (0.16 * 3.0 + 0.25) / 4.0).abs() < 1e-12);
        let error = (3.0 * 0.16 * 0.36_f64).sqrt() / 4.0;
        assert!((found.brier.high - found.brier.value - Z95 * error).abs() < 1e-12);
        // All ordered pairs of different quotes, one by one.
        let (mut above, mut pairs) = (0.0, 0.0);
        for i in 0..4 {
            for j in (0..4).filter(|&j| j != i) {
                let weight = p[i] * (1.0 - p[j]);
                let wins = if p[i] > p[j] {
                    1.0
                } else if p[i] == p[j] {
                    0.5
                } else {
                    0.0
                };
                (above, pairs) = (above + weight * wins, pairs + weight);
            }
        }
        assert!((found.auc.expect("both outcomes") - above / pairs).abs() < 1e-12);
        let certain = expected_performance(&[1.0, 1.0])
            .expect("valid")
            .expect("some");
        assert_eq!((certain.auc, certain.win_rate.high), (None, 1.0));
    }

    #[test]
    fn exact_answers_are_as_expected_and_proud_ones_are_worse() {
        // Every fifth quote of 20 % is won, as said.
        let won: Vec<bool> = (0..500).map(|row| row % 5 == 0).collect();
        let exact = worse_than_expected(&[0.2; 500], &won)
            .expect("valid")
            .expect("some");
        assert!((exact.p_value - 0.5).abs() < 1e-9, "{exact:?}");
        let proud = worse_than_expected(&[0.05; 500], &won)
            .expect("valid")
            .expect("some");
        assert!(proud.p_value < 1e-6, "{proud:?}");
        assert!(worse_than_expected(&[0.2; 29], &won[..29]).is_ok_and(|found| found.is_none()));
        assert!(worse_than_expected(&[0.5; 500], &won).is_ok_and(|found| found.is_none()));
        assert!(worse_than_expected(&[0.5; 3], &won).is_err());
    }
}
