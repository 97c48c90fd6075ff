//! Two predictors on the same rows: is the candidate as good as the champion?
//!
//! Paired by row, because both err on the same hard quotes and the difference is known far better than either figure.
//! Deliberately not a test for superiority: a retrained model with fresher data may take over when it is equally good.

use super::{Score, Units, check_rows, losses};
use crate::Error;

/// Share of the champion's log loss that a candidate may lose and still count as equally good.
const MARGIN: f64 = 0.005;

/// What the comparison says of the candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The whole interval of the difference is below zero.
    Better,
    /// The difference is at most 0.5 % of the champion's log loss, and chance may explain it.
    NotWorse,
    /// The difference exceeds 0.5 % of the champion's log loss, but chance may still explain it.
    Doubtful,
    /// The whole interval of the difference is above zero.
    Worse,
}

/// Log losses of two predictors on the same rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Comparison {
    /// Rows compared.
    pub rows: usize,
    /// Independent rows or groups among them.
    pub units: usize,
    /// Mean log loss of the candidate.
    pub candidate: Score,
    /// Mean log loss of the champion.
    pub champion: Score,
    /// Candidate minus champion, paired by row; below zero the candidate is better. t interval over groups.
    pub difference: Score,
    /// What that means.
    pub verdict: Verdict,
}

/// Compares the probabilities of two predictors for rows with outcomes `won`; rows with the same group hang together.
///
/// # Errors
/// [`Error::InvalidInput`] for unequal lengths, fewer than two rows or groups, or a probability outside 0 to 1.
pub fn compare(
    candidate: &[f64],
    champion: &[f64],
    won: &[bool],
    groups: Option<&[u32]>,
) -> Result<Comparison, Error> {
    check_rows(candidate, won, groups)?;
    check_rows(champion, won, groups)?;
    let units = Units::new(won.len(), groups);
    if units.count() < 2 {
        return Err(Error::InvalidInput {
            reason: "a comparison needs at least two independent rows".to_owned(),
        });
    }
    let (of_candidate, of_champion) = (losses(candidate, won), losses(champion, won));
    let differences: Vec<f64> = of_candidate
        .iter()
        .zip(&of_champion)
        .map(|(a, b)| a - b)
        .collect();
    let difference = units.mean(&differences);
    let champion = units.mean(&of_champion);
    Ok(Comparison {
        rows: won.len(),
        units: units.count(),
        candidate: units.mean(&of_candidate),
        champion,
        difference,
        verdict: verdict(difference, champion.value),
    })
}

fn verdict(difference: Score, champion: f64) -> Verdict {
    if difference.high < 0.0 {
        Verdict::Better
    } else if difference.low > 0.0 {
        Verdict::Worse
    } else if difference.value <= MARGIN * champion {
        Verdict::NotWorse
    } else {
        Verdict::Doubtful
    }
}

/// The promotion gate: whether the candidate is better, or as good within 0.5 % and chance. A doubtful one needs a
/// person's decision.
///
/// # Errors
/// As [`compare`].
pub fn not_worse(
    candidate: &[f64],
    champion: &[f64],
    won: &[bool],
    groups: Option<&[u32]>,
) -> Result<(bool, Comparison), Error> {
    let comparison = compare(candidate, champion, won, groups)?;
    let passes = matches!(comparison.verdict, Verdict::Better | Verdict::NotWorse);
    Ok((passes, comparison))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes() -> Vec<bool> {
        (0..400).map(|r| r % 4 == 0).collect()
    }

    #[test]
    fn the_same_predictions_pass() {
        let p: Vec<f64> = (0..400).map(|r| f64::from(r % 7) / 10.0 + 0.1).collect();
        let (passes, comparison) = not_worse(&p, &p, &outcomes(), None).expect("valid");
        assert!(passes);
        assert_eq!(comparison.difference.value, 0.0);
        assert_eq!(comparison.verdict, Verdict::NotWorse);
    }

    #[test]
    fn verdicts_follow_the_interval() {
        let won = outcomes();
        let informed: Vec<f64> = won.iter().map(|&y| if y { 0.6 } else { 0.2 }).collect();
        let flat = vec![0.25; 400];
        let better = compare(&informed, &flat, &won, None).expect("valid");
        assert_eq!(better.verdict, Verdict::Better);
        // By hand: 0.25 ln(0.25 / 0.6) + 0.75 ln(0.75 / 0.8).
        let expected = 0.25 * (0.25f64 / 0.6).ln() + 0.75 * (0.75f64 / 0.8).ln();
        assert!((better.difference.value - expected).abs() < 1e-12);
        let worse = compare(&flat, &informed, &won, None).expect("valid");
        assert_eq!(worse.verdict, Verdict::Worse);
        assert!(!not_worse(&flat, &informed, &won, None).expect("valid").0);
        // Noisy and slightly worse: chance may explain it, but the gate asks a person.
        let noisy: Vec<f64> = (0..400)
            .map(|r| if r % 3 == 0 { 0.31 } else { 0.22 })
            .collect();
        let doubtful = compare(&noisy[..60], &flat[..60], &won[..60], None).expect("valid");
        assert_eq!(doubtful.verdict, Verdict::Doubtful, "{doubtful:?}");
    }

    #[test]
    fn groups_widen_the_interval_and_nonsense_is_refused() {
        let won = outcomes();
        let p: Vec<f64> = (0..400)
            .map(|r| if (r / 20) % 2 == 0 { 0.3 } else { 0.2 })
            .collect();
        let groups: Vec<u32> = (0..400).map(|r| r / 40).collect();
        let q = vec![0.25; 400];
        let alone = compare(&p, &q, &won, None).expect("valid");
        let grouped = compare(&p, &q, &won, Some(&groups)).expect("valid");
        assert_eq!((alone.units, grouped.units), (400, 10));
        assert_eq!(alone.difference.value, grouped.difference.value);
        for bad in [
            compare(&[], &[], &[], None),
            compare(&p, &q[1..], &won, None),
            compare(&[f64::NAN, 0.1], &[0.1, 0.1], &[true, false], None),
            compare(&p, &q, &won, Some(&[1; 400])),
            compare(&p, &q, &won, Some(&[1; 3])),
        ] {
            assert!(matches!(bad, Err(Error::InvalidInput { .. })));
        }
    }
}
