//! Insights about how good a model is: base rate, order, probabilities, calls, test set.
//!
//! All rest on the test set. Deliberately not here: what the model found out about sales.

use super::super::text::{
    count, counted, p_value, percent, percent_range, points, score, score_range,
};
use super::super::{Bin, Interval, ReportContent, Score, ScoreKey, Skill, stats};
use super::{Insight, Tone, Topic, insight};

/// Test sets with fewer quotes are thin.
const THIN_ROWS: u64 = 100;
/// Test sets with fewer wins or fewer losses are thin.
const THIN_CLASS: u64 = 15;
/// Share of honest 95 % intervals that miss.
const MISS: f64 = 0.05;

/// Whether the model beats the base rate.
pub(super) fn skill(content: &ReportContent) -> Option<Insight> {
    let loss = content.score(ScoreKey::LogLoss);
    let known = loss.and_then(|s| Some((s.value?, s.without_model?)));
    let (Some(loss), Some((value, base)), Some(skill)) = (loss, known, content.skill) else {
        return Some(insight(
            Topic::Skill,
            Tone::Caution,
            format!(
                "Whether the model beats the base rate is unknown: it has no log loss on its {}.",
                counted(u64::from(content.model.test_row_count), "test quote")
            ),
        ));
    };
    let figures = skill_figures(content, loss, value, base, skill);
    let (tone, text) = if !content.model.beats_base_rate {
        (
            Tone::Caution,
            format!(
                "Nothing that could be learned beats the base rate, so the model answers the training win rate for \
                 every quote: {figures}."
            ),
        )
    } else {
        match loss.interval {
            Some(i) if i.high < base => (
                Tone::Good,
                format!("The model beats the base rate: {figures}."),
            ),
            Some(i) if i.low > base => (
                Tone::Caution,
                format!("On the test set the model is worse than the base rate: {figures}."),
            ),
            Some(_) => (
                Tone::Caution,
                format!(
                    "Whether the model beats the base rate is open, for the interval contains the base rate: {figures}."
                ),
            ),
            None => (
                Tone::Caution,
                format!(
                    "Whether the model beats the base rate cannot be tested: {figures}, without an interval."
                ),
            ),
        }
    };
    Some(insight(Topic::Skill, tone, text))
}

fn skill_figures(
    content: &ReportContent,
    loss: &Score,
    value: f64,
    base: f64,
    skill: Skill,
) -> String {
    format!(
        "its log loss on {} is {}{} against {} for always answering the training win rate, a skill of {}{}",
        counted(u64::from(content.model.test_row_count), "test quote"),
        score(value),
        in_brackets(loss.interval.map(score_range)),
        score(base),
        percent(skill.value),
        skill
            .interval
            .map(|i| format!(" ({})", percent_range(i)))
            .unwrap_or_default(),
    )
}

fn in_brackets(range: Option<String>) -> String {
    range
        .map(|range| format!(" (95 % interval {range})"))
        .unwrap_or_default()
}

/// How much the test set can show.
pub(super) fn test_set(content: &ReportContent) -> Option<Insight> {
    let confusion = content.confusion?;
    let (won, lost) = (confusion.won(), confusion.lost());
    let rows = won + lost;
    let thin = rows < THIN_ROWS || won.min(lost) < THIN_CLASS;
    let figures = format!(
        "{} ({} won, {} lost)",
        counted(rows, "quote"),
        count(won),
        count(lost)
    );
    let learned = count(u64::from(content.model.train_row_count));
    Some(if thin {
        insight(
            Topic::TestSet,
            Tone::Caution,
            format!(
                "The test set is thin: {figures}, where {THIN_ROWS} with {THIN_CLASS} of either kind would be the \
                 least to rely on. Take all scores as indicative."
            ),
        )
    } else {
        insight(
            Topic::TestSet,
            Tone::Neutral,
            if content.model.tested_on_newest {
                format!(
                    "All scores come from the newest {figures}, after learning from {learned} older ones."
                )
            } else {
                format!(
                    "All scores come from {figures} drawn at random, after learning from {learned} others. The \
                     history has no dates that would allow a test on the newest quotes, so what changes over time \
                     is not in the scores."
                )
            },
        )
    })
}

/// Whether won quotes get the higher probabilities.
pub(super) fn ordering(content: &ReportContent) -> Option<Insight> {
    let auc = content.score(ScoreKey::AucRoc)?;
    let Some(value) = auc.value else {
        let confusion = content.confusion?;
        return Some(insight(
            Topic::Ordering,
            Tone::Caution,
            format!(
                "How well the model orders quotes is unknown: the test set has {} won and {} lost, and AUC needs both.",
                count(confusion.won()),
                count(confusion.lost())
            ),
        ));
    };
    let figures = format!(
        "AUC is {}{}",
        score(value),
        in_brackets(auc.interval.map(score_range))
    );
    let pairs = format!(
        "in {} % of pairs of a won and a lost quote, the won one got the higher probability",
        points(value)
    );
    let (tone, text) = match auc.interval {
        Some(i) if i.low > 0.5 => (
            Tone::Good,
            format!("The model orders quotes better than chance: {figures}, so {pairs}."),
        ),
        Some(i) if i.high < 0.5 => (
            Tone::Caution,
            format!("The model orders quotes worse than chance: {figures}; {pairs}."),
        ),
        Some(_) => (
            Tone::Caution,
            format!(
                "The order of quotes cannot be told from chance: {figures}, and chance is 0.500."
            ),
        ),
        None => (
            Tone::Neutral,
            format!("{figures}, without an interval: {pairs}."),
        ),
    };
    Some(insight(Topic::Ordering, tone, text))
}

/// Whether probabilities agree with what happened.
pub(super) fn calibration(content: &ReportContent) -> Option<Insight> {
    let bins = &content.calibration;
    let quotes: u64 = bins.iter().map(|bin| u64::from(bin.count)).sum();
    if let [only] = bins.as_slice() {
        return Some(single_bin(only));
    }
    let width: f64 = bins
        .iter()
        .map(|bin| (bin.interval.high - bin.interval.low) / 2.0)
        .sum();
    let missed: Vec<&Bin> = bins
        .iter()
        .filter(|bin| !bin.interval.contains(bin.mean_predicted))
        .collect();
    if bins.is_empty() {
        return None;
    }
    let p = stats::binomial_tail(bins.len(), missed.len(), MISS);
    let counts = format!(
        "in {} of {} bins ({}) the 95 % interval of the observed win rate contains the mean prediction",
        bins.len() - missed.len(),
        bins.len(),
        counted(quotes, "test quote")
    );
    let reach = format!(
        "The intervals reach ±{} points on average, so smaller errors would stay unseen.",
        points(width / bins.len() as f64)
    );
    let (tone, text) = if missed.is_empty() {
        (
            Tone::Good,
            format!("No error of the probabilities can be seen: {counts}. {reach}"),
        )
    } else if p >= MISS {
        (
            Tone::Neutral,
            format!(
                "No more error of the probabilities can be seen than chance brings: {counts}, and {} or more would \
                 happen by chance with {}. {reach}",
                counted_misses(missed.len()),
                p_value(p)
            ),
        )
    } else {
        (Tone::Caution, miscalibrated(&missed, &counts, p))
    };
    Some(insight(Topic::Calibration, tone, text))
}

fn counted_misses(misses: usize) -> String {
    if misses == 1 {
        "one miss".to_owned()
    } else {
        format!("{misses} misses")
    }
}

fn miscalibrated(missed: &[&Bin], counts: &str, p: f64) -> String {
    let more = missed
        .iter()
        .filter(|bin| bin.observed_rate > bin.mean_predicted)
        .count();
    let worst = missed
        .iter()
        .map(|bin| bin.observed_rate - bin.mean_predicted)
        .max_by(|a, b| a.abs().total_cmp(&b.abs()))
        .unwrap_or_default();
    format!(
        "The probabilities do not agree with what happened: {counts}, too few for chance ({}). Of the bins that miss, \
         {more} won more often than predicted and {} less often; the largest gap is {} points.",
        p_value(p),
        missed.len() - more,
        points(worst)
    )
}

fn single_bin(bin: &Bin) -> Insight {
    let inside = bin.interval.contains(bin.mean_predicted);
    let figures = format!(
        "{} with a mean prediction of {}, of which {} were won (95 % interval {})",
        counted(u64::from(bin.count), "test quote"),
        percent(bin.mean_predicted),
        percent(bin.observed_rate),
        percent_range(bin.interval)
    );
    if inside {
        insight(
            Topic::Calibration,
            Tone::Neutral,
            format!(
                "There is one calibration bin only: {figures}. The level fits; whether high and low probabilities do \
                 cannot be seen."
            ),
        )
    } else {
        insight(
            Topic::Calibration,
            Tone::Caution,
            format!("There is one calibration bin only, and it does not fit: {figures}."),
        )
    }
}

/// What predicted wins are worth.
pub(super) fn decision(content: &ReportContent) -> Option<Insight> {
    let confusion = content.confusion?;
    let base = confusion.win_rate()?;
    let (called, right) = (confusion.called(), u64::from(confusion.true_positives));
    let Some(interval) = stats::wilson(right, called) else {
        return Some(insight(
            Topic::Decision,
            Tone::Neutral,
            format!(
                "At the threshold 0.5 no win is called: none of {} got a probability of one half, and {} of them were \
                 won.",
                counted(confusion.won() + confusion.lost(), "test quote"),
                count(confusion.won())
            ),
        ));
    };
    let figures = format!(
        "{} of {} called a win were won, {} (95 % interval {}) against {} of all test quotes",
        count(right),
        counted(called, "quote"),
        percent(right as f64 / called as f64),
        percent_range(interval),
        percent(base)
    );
    Some(decided(interval, base, &figures))
}

fn decided(interval: Interval, base: f64, figures: &str) -> Insight {
    let (tone, text) = if interval.low > base {
        (
            Tone::Good,
            format!("Calling a win at the threshold 0.5 picks better quotes: {figures}."),
        )
    } else if interval.high < base {
        (
            Tone::Caution,
            format!("Calling a win at the threshold 0.5 picks worse quotes: {figures}."),
        )
    } else {
        (
            Tone::Neutral,
            format!(
                "Calling a win at the threshold 0.5 shows no better quotes than picking any: {figures}."
            ),
        )
    };
    insight(Topic::Decision, tone, text)
}
