//! Sentences about a model, each decided by a test and carrying its numbers.
//!
//! Every sentence follows from an interval or a p-value; where a test cannot tell, the sentence says so. Deliberately
//! not here: the tests themselves, and advice on what to sell.

mod model;
pub(super) mod pipeline;
pub(super) mod price;
mod sales;
pub(super) mod track;
pub(super) mod win_loss;

use super::{Driver, Insight, Interval, ReportContent, Tone, Topic, text};

/// All insights of a report, most important first; `drivers` are all columns, not only those shown.
pub(super) fn all(content: &ReportContent, drivers: &[Driver]) -> Vec<Insight> {
    [
        model::skill(content),
        model::test_set(content),
        model::ordering(content),
        model::calibration(content),
        model::decision(content),
        sales::drivers(content, drivers),
        sales::trend(content),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn insight(topic: Topic, tone: Tone, text: String) -> Insight {
    Insight { topic, tone, text }
}

/// The interval of a difference in the direction that its sentence has: "7.1 to 36.6 points" less.
fn that_way(difference: f64, interval: Interval) -> String {
    let (low, high) = match difference > 0.0 {
        true => (interval.low, interval.high),
        false => (-interval.high, -interval.low),
    };
    format!("{} to {} points", text::points(low), text::points(high))
}
