//! Insights about a track record: better than the base rate or not, as good as promised or not, and drift.
//!
//! Deliberately not here: the tests, which the record has made.

use super::{Insight, Tone, Topic, insight};
use crate::domain::{
    Interval,
    text::{count, counted, list, p_value, points, score, score_range},
    track::{DriftFinding, LEAST_QUOTES, Scores, TrackContent, WORSE},
};

/// All insights of a track record, most important first.
pub(in crate::domain) fn all(content: &TrackContent) -> Vec<Insight> {
    let Some(scores) = &content.all else {
        let mut all = vec![insight(
            Topic::Skill,
            Tone::Neutral,
            format!(
                "No decided quote had been predicted before its decision, so there is no track record yet ({} without a prediction).",
                counted(content.unjoined as u64, "outcome")
            ),
        )];
        all.push(drift(content));
        return all;
    };
    let mut all = vec![skill(scores)];
    all.extend(promised(scores));
    all.push(reliability(content, scores));
    all.push(periods(content));
    all.push(drift(content));
    all
}

fn skill(scores: &Scores) -> Insight {
    let gain = scores.gain_over_base;
    let (tone, words) = if gain.interval.low > 0.0 {
        (
            Tone::Good,
            "better than always answering the share that was won",
        )
    } else if gain.interval.high < 0.0 {
        (
            Tone::Caution,
            "worse than always answering the share that was won",
        )
    } else {
        (
            Tone::Neutral,
            "not to be told from always answering the share that was won",
        )
    };
    let ends = match gain.value < 0.0 {
        true => Interval {
            low: -gain.interval.high,
            high: -gain.interval.low,
        },
        false => gain.interval,
    };
    let text = format!(
        "Of {}, {} were won; the predictions were {words}: their log loss was {} by {} ({}).",
        counted(scores.quotes as u64, "decided quote"),
        count(scores.won as u64),
        if gain.value < 0.0 { "higher" } else { "lower" },
        score(gain.value.abs()),
        score_range(ends),
    );
    insight(Topic::Skill, tone, text)
}

fn promised(scores: &Scores) -> Option<Insight> {
    let p = scores.worse_p_value?;
    let worse = p < 0.01;
    let text = format!(
        "Their log loss was {}, where {} was to be expected of what they say ({}): {} ({}).",
        score(scores.log_loss.value),
        score(scores.expected_log_loss.value),
        score_range(scores.expected_log_loss.interval),
        if worse {
            "worse than exact probabilities would be"
        } else {
            "as good as they promised, as far as can be told"
        },
        p_value(p),
    );
    let tone = if worse { Tone::Caution } else { Tone::Good };
    Some(insight(Topic::Promise, tone, text))
}

fn reliability(content: &TrackContent, scores: &Scores) -> Insight {
    let all = content.reliability.len();
    let missed = content
        .reliability
        .iter()
        .filter(|bin| !bin.interval.contains(bin.mean_predicted))
        .count();
    let p = crate::domain::stats::binomial_tail(all, missed, 0.05);
    let tone = if p < WORSE { Tone::Caution } else { Tone::Good };
    let chance = match missed {
        0 => String::new(),
        1 => format!(" (one miss or more would be chance with {})", p_value(p)),
        _ => format!(
            " ({missed} misses or more would be chance with {})",
            p_value(p)
        ),
    };
    let text = format!(
        "In {} of {all} groups of similar predictions the share that was won is in keeping with what was said{chance}; the mean distance is {} points, where chance alone makes {}.",
        all - missed,
        points(scores.calibration_error.value),
        points(scores.calibration_noise),
    );
    insight(Topic::Calibration, tone, text)
}

fn periods(content: &TrackContent) -> Insight {
    if content.periods.is_empty() {
        let text =
            format!("No quarter has the {LEAST_QUOTES} decided quotes that its scores would need.");
        return insight(Topic::Trend, Tone::Neutral, text);
    }
    let worse: Vec<String> = content
        .periods
        .iter()
        .filter_map(|period| {
            let p = period.scores.worse_p_value.filter(|p| *p < WORSE)?;
            Some(format!(
                "{} (log loss {} against {} expected, adjusted {})",
                period.name,
                score(period.scores.log_loss.value),
                score(period.scores.expected_log_loss.value),
                p_value(p),
            ))
        })
        .collect();
    if worse.is_empty() {
        let text = match content.periods.as_slice() {
            [only] => format!(
                "In {} predictions were not clearly worse than they promised.",
                only.name
            ),
            all => format!(
                "In none of {} were predictions clearly worse than they promised, at 5 % over all of them.",
                counted(all.len() as u64, "quarter")
            ),
        };
        return insight(Topic::Trend, Tone::Good, text);
    }
    let text = format!(
        "Predictions were worse than they promised in {}.",
        list(&worse)
    );
    insight(Topic::Trend, Tone::Caution, text)
}

fn drift(content: &TrackContent) -> Insight {
    let going: Vec<&DriftFinding> = content
        .drift
        .iter()
        .filter(|found| found.ended_at.is_none())
        .collect();
    let Some(newest) = going.first() else {
        let text = match content.drift.len() {
            0 => "No check has found that a model drifts.".to_owned(),
            past => format!(
                "No model drifts now; {} found earlier is over.",
                counted(past as u64, "drift")
            ),
        };
        return insight(Topic::Drift, Tone::Good, text);
    };
    let mut what = Vec::new();
    if !newest.columns.is_empty() {
        what.push(format!("quotes differ in {}", list(&newest.columns)));
    }
    if newest.answers_shifted {
        what.push("answers have shifted".to_owned());
    }
    if newest.worse_than_expected {
        what.push("answers turned out worse than they should have".to_owned());
    }
    let text = format!(
        "Model {} has drifted since {}, by {}: {}.",
        newest.model_id,
        newest.found_at.format("%Y-%m-%d"),
        counted(u64::from(newest.recent_quotes), "recent quote"),
        list(&what),
    );
    insight(Topic::Drift, Tone::Caution, text)
}
