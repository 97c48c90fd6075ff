//! How good predictions were, once the outcomes were known: the learning core's own scores, over one prediction a quote.
//! Deliberately no formula of its own, and no choice of predictions: which one counts was settled when outcomes were joined.
//!
//! Intervals: Brier and log loss Student's t over the quotes, shares Wilson (1927), the area under the curve DeLong (1988) in
//! log-odds, calibration error a bootstrap. Quotes count as independent. See `ml::evaluate`.

use std::collections::HashMap;

use ml::{Confusion, Evaluation, MISSING_CODE, Score, Values, Verdict};
use proto::{
    common::Interval,
    prediction::{EstimateComparison, Figure, RecordScores, ReliabilityRow, SegmentRecord},
};
use uuid::Uuid;

use crate::Error;

/// Drives the bootstraps, so that a record asked for twice is the same.
const SEED: u64 = 1;
/// Threshold of an evaluation whose decisions are not told.
const HALF: f64 = 0.5;
/// The label of quotes whose prediction is gone.
const NOT_KEPT: &str = "no longer kept";

/// A decided quote and what was said of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// Whether it was won.
    pub won: bool,
    /// The model whose prediction counts.
    pub model_id: Uuid,
    /// Its probability.
    pub probability: f64,
    /// A person's, where there is one.
    pub estimate: Option<f64>,
    /// Value of the segment column; `Err` where it is not kept any more.
    pub segment: Result<Option<String>, ()>,
}

fn figure(score: Score, rows: usize) -> Figure {
    Figure {
        value: score.value,
        // One quote has no spread, and an interval of no width would claim certainty.
        interval: (rows > 1).then_some(Interval {
            low: score.low,
            high: score.high,
        }),
    }
}

/// A share with Wilson's interval; `None` of nothing.
#[must_use]
pub fn share(hits: usize, of: usize) -> Option<Figure> {
    let counted = Confusion {
        true_won: hits,
        false_won: of.saturating_sub(hits),
        ..Confusion::default()
    };
    counted
        .shares()
        .map(|shares| figure(shares.true_won, of.max(2)))
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn columns(judged: &[&Judged]) -> (Vec<f64>, Vec<bool>) {
    judged.iter().map(|of| (of.probability, of.won)).unzip()
}

/// The share that was won.
fn base_rate(won: &[bool]) -> f64 {
    won.iter().filter(|won| **won).count() as f64 / won.len().max(1) as f64
}

fn evaluated(p: &[f64], won: &[bool]) -> Evaluation {
    ml::evaluate(p, won, base_rate(won), HALF, SEED)
}

/// The scores of quotes; `None` without any.
#[must_use]
pub fn scores(judged: &[&Judged]) -> Option<RecordScores> {
    if judged.is_empty() {
        return None;
    }
    let (p, won) = columns(judged);
    let found = evaluated(&p, &won);
    let rows = found.rows;
    let figure = |score| Some(figure(score, rows));
    Some(RecordScores {
        quotes: count(rows),
        won: count(found.wins),
        win_rate: share(found.wins, rows),
        mean_predicted: p.iter().sum::<f64>() / rows as f64,
        brier: figure(found.brier),
        base_brier: figure(found.base_brier),
        log_loss: figure(found.log_loss),
        base_log_loss: figure(found.base_log_loss),
        gain_over_base: figure(found.gain_over_base),
        auc: found.auc.and_then(figure),
        calibration_error: figure(found.calibration_error),
        calibration_noise: found.calibration_noise,
        reliability: reliability(&found, p),
    })
}

fn reliability(found: &Evaluation, mut p: Vec<f64>) -> Vec<ReliabilityRow> {
    // The bins are parts of the predictions in their order.
    p.sort_by(f64::total_cmp);
    let mut rest = p.as_slice();
    let mut rows = Vec::with_capacity(found.calibration.len());
    for bin in &found.calibration {
        let (inside, behind) = rest.split_at(bin.rows.min(rest.len()));
        rest = behind;
        let won = (bin.observed.value * bin.rows as f64).round() as usize;
        rows.push(ReliabilityRow {
            predicted: bin.predicted,
            from: inside.first().copied().unwrap_or(bin.predicted),
            to: inside.last().copied().unwrap_or(bin.predicted),
            quotes: count(bin.rows),
            won: count(won),
            observed: Some(figure(bin.observed, bin.rows.max(2))),
        });
    }
    rows
}

/// The quotes of each model, the one with most first.
#[must_use]
pub fn by_model(judged: &[Judged]) -> Vec<(Uuid, Vec<&Judged>)> {
    let mut models: HashMap<Uuid, Vec<&Judged>> = HashMap::new();
    for of in judged {
        models.entry(of.model_id).or_default().push(of);
    }
    let mut models: Vec<_> = models.into_iter().collect();
    models.sort_by_key(|(id, quotes)| (std::cmp::Reverse(quotes.len()), *id));
    models
}

/// The record by value of the segment column.
///
/// # Errors
/// Where a probability is none, which a stored one never is.
pub fn segments(judged: &[&Judged]) -> Result<Vec<SegmentRecord>, Error> {
    if judged.is_empty() {
        return Ok(Vec::new());
    }
    let (p, won) = columns(judged);
    let (mut levels, mut places) = (Vec::new(), HashMap::new());
    let mut code = |of: &&Judged| {
        let label = match &of.segment {
            Ok(None) => return MISSING_CODE,
            Ok(Some(label)) => label.as_str(),
            Err(()) => NOT_KEPT,
        };
        *places.entry(label.to_owned()).or_insert_with(|| {
            levels.push(label.to_owned());
            count(levels.len() - 1)
        })
    };
    let codes = judged.iter().map(&mut code).collect();
    let values = Values::Category { codes, levels };
    let found = ml::segments(&values, &p, &won, None, base_rate(&won))?;
    Ok(found
        .into_iter()
        .map(|segment| {
            let rows = segment.rows;
            SegmentRecord {
                label: segment.label,
                quotes: count(rows),
                won: count(segment.wins),
                win_rate: Some(figure(segment.win_rate, rows.max(2))),
                mean_predicted: segment.predicted,
                log_loss: Some(figure(segment.log_loss, rows)),
                gain_over_base: Some(figure(segment.gain_over_base, rows)),
                auc: segment.auc.map(|auc| figure(auc, rows)),
            }
        })
        .collect())
}

/// The model beside people, where both had an opinion of at least two quotes.
///
/// # Errors
/// Where a probability is none, which a stored one never is.
pub fn estimates(judged: &[&Judged]) -> Result<Option<EstimateComparison>, Error> {
    let both: Vec<(f64, f64, bool)> = judged
        .iter()
        .filter_map(|of| Some((of.probability, of.estimate?, of.won)))
        .collect();
    if both.len() < 2 {
        return Ok(None);
    }
    let model: Vec<f64> = both.iter().map(|of| of.0).collect();
    let person: Vec<f64> = both.iter().map(|of| of.1).collect();
    let won: Vec<bool> = both.iter().map(|of| of.2).collect();
    let compared = ml::compare(&model, &person, &won, None)?;
    let rows = both.len();
    let figure = |score| Some(figure(score, rows));
    let verdict = match compared.verdict {
        Verdict::Better => "the model was better than people's estimates",
        Verdict::Worse => "people's estimates were better than the model",
        Verdict::NotWorse | Verdict::Doubtful => "neither was clearly better",
    };
    Ok(Some(EstimateComparison {
        quotes: count(rows),
        model_brier: figure(evaluated(&model, &won).brier),
        person_brier: figure(evaluated(&person, &won).brier),
        model_log_loss: figure(compared.candidate),
        person_log_loss: figure(compared.champion),
        difference: figure(compared.difference),
        statement: format!("On the {rows} quotes of which both had an opinion, {verdict}."),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(probability: f64, won: bool) -> Judged {
        Judged {
            won,
            model_id: Uuid::nil(),
            probability,
            estimate: None,
            segment: Ok(None),
        }
    }

    /// 100 quotes of which we said 70 %, 68 won; 100 of which we said 20 %, 22 won.
    fn two_hundred() -> Vec<Judged> {
        let of = |p: f64, wins: usize| (0..100).map(move |row| judged(p, row < wins));
        of(0.7, 68).chain(of(0.2, 22)).collect()
    }

    fn all(judged: &[Judged]) -> Vec<&Judged> {
        judged.iter().collect()
    }

    #[test]
    fn scores_are_those_computed_by_hand() {
        let quotes = two_hundred();
        let found = scores(&all(&quotes)).unwrap();
        assert_eq!((found.quotes, found.won), (200, 90));
        let value = |figure: &Option<Figure>| figure.as_ref().unwrap().value;
        let brier = (68.0 * 0.09 + 32.0 * 0.49 + 22.0 * 0.64 + 78.0 * 0.04) / 200.0;
        assert!((value(&found.brier) - brier).abs() < 1e-12);
        assert!((value(&found.base_brier) - 0.45 * 0.55).abs() < 1e-12);
        let log = |p: f64, n: f64| -p.ln() * n;
        let loss = (log(0.7, 68.0) + log(0.3, 32.0) + log(0.2, 22.0) + log(0.8, 78.0)) / 200.0;
        assert!((value(&found.log_loss) - loss).abs() < 1e-12);
        // A won quote has the higher probability: both sides differ, or tie and count half.
        let (w, l) = ((68.0, 22.0), (32.0, 78.0));
        let auc = (w.0 * l.1 + 0.5 * (w.0 * l.0 + w.1 * l.1)) / (90.0 * 110.0);
        assert!((value(&found.auc) - auc).abs() < 1e-12);
        let told: Vec<_> = found
            .reliability
            .iter()
            .map(|row| (row.from, row.to, row.quotes, row.won))
            .collect();
        assert_eq!(told, [(0.2, 0.2, 100, 22), (0.7, 0.7, 100, 68)]);
        // Wilson's interval of 68 of 100.
        let interval = found.reliability[1].observed.unwrap().interval.unwrap();
        assert!((interval.low - 0.5834).abs() < 5e-4 && (interval.high - 0.7633).abs() < 5e-4);
    }

    #[test]
    fn nothing_and_one_quote_claim_nothing() {
        assert!(scores(&[]).is_none());
        assert!(segments(&[]).unwrap().is_empty());
        let one = judged(0.7, true);
        let found = scores(&[&one]).unwrap();
        assert!(found.brier.unwrap().interval.is_none());
        assert!(found.auc.is_none());
        assert!(estimates(&[&one]).unwrap().is_none());
    }

    #[test]
    fn models_and_segments_share_the_quotes_out() {
        let mut quotes = two_hundred();
        for (row, quote) in quotes.iter_mut().enumerate() {
            quote.model_id = Uuid::from_u128(u128::from(row % 4 == 0));
            quote.segment = match row % 4 {
                0 => Err(()),
                1 => Ok(None),
                _ => Ok(Some("West".to_owned())),
            };
        }
        let models = by_model(&quotes);
        let sizes: Vec<_> = models.iter().map(|(_, quotes)| quotes.len()).collect();
        assert_eq!(sizes, [150, 50]);
        let found = segments(&all(&quotes)).unwrap();
        let told: Vec<_> = found.iter().map(|s| (s.label.as_str(), s.quotes)).collect();
        assert_eq!(told[0], ("West", 100));
        assert!(told.contains(&(NOT_KEPT, 50)) && told.contains(&("missing", 50)));
        assert_eq!(found.iter().map(|s| s.won).sum::<u32>(), 90);
    }

    #[test]
    fn people_are_compared_on_the_quotes_that_they_judged() {
        let mut quotes = two_hundred();
        for quote in &mut quotes {
            quote.estimate = quote.won.then_some(0.9);
        }
        for quote in quotes.iter_mut().filter(|quote| !quote.won).take(60) {
            quote.estimate = Some(0.1);
        }
        let found = estimates(&all(&quotes)).unwrap().unwrap();
        assert_eq!(found.quotes, 150);
        assert!(
            found.statement.contains("people's estimates were better"),
            "{found:?}"
        );
        let value = |figure: Option<Figure>| figure.unwrap().value;
        assert!((value(found.person_log_loss) + 0.9_f64.ln()).abs() < 1e-12);
        assert!((value(found.person_brier) - 0.01).abs() < 1e-12);
    }
}
