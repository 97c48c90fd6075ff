//! Insights about a pipeline: what it may bring, what moves it, what waits for long, and how earlier forecasts did.
//!
//! Deliberately not here: the draws and the estimator that they rest on.

use super::{Insight, Tone, Topic, insight};
use crate::domain::{
    pipeline::{Earlier, PipelineContent},
    text::{counted, decimal, money, money_range, p_value, percent},
};

/// Level of the test of an earlier forecast.
const LEVEL: f64 = 0.05;

/// All insights of a forecast, most important first.
pub(in crate::domain) fn all(content: &PipelineContent) -> Vec<Insight> {
    let mut all = vec![whole(content)];
    if content.quotes > 0 {
        all.push(width(content));
    }
    all.extend(overdue(content));
    all.extend(latest(&content.earlier));
    all.extend(together(&content.earlier));
    all.extend(left_out(content));
    all
}

fn whole(content: &PipelineContent) -> Insight {
    let total = content.total;
    if content.quotes == 0 {
        let text = "The dataset has no open quote with a price, so there is nothing to forecast."
            .to_owned();
        return insight(Topic::Pipeline, Tone::Neutral, text);
    }
    let verb = if content.quotes == 1 { "is" } else { "are" };
    let text = format!(
        "{} worth {}{} {verb} expected to bring {}; with 80 % probability it is {} (half of the {} draws are below {}).",
        counted(content.quotes as u64, "open quote"),
        money(content.amount),
        unit(content),
        money(total.expected),
        money_range(total.p10, total.p90),
        crate::domain::text::count(content.draws as u64),
        money(total.p50),
    );
    insight(Topic::Pipeline, Tone::Neutral, text)
}

fn unit(content: &PipelineContent) -> String {
    match content.currency.as_str() {
        "" => String::new(),
        currency => format!(" {currency}"),
    }
}

fn width(content: &PipelineContent) -> Insight {
    let (all, alone) = (content.total, content.independent);
    let shock = match content.month_shock {
        Some(0.0) => "months do not move quotes together in the history (0.00 in log-odds)".to_owned(),
        Some(shock) => format!("months move all quotes by {} in log-odds (standard deviation in the history)", decimal(shock, 2)),
        None => "the history has too few months to tell how far they move quotes together, which is left out".to_owned(),
    };
    let text = format!(
        "Were quotes independent and probabilities exact, it would be {} instead of {}: the model may be off for all quotes in the same way, and {shock}.",
        money_range(alone.p10, alone.p90),
        money_range(all.p10, all.p90),
    );
    insight(Topic::Dependence, Tone::Neutral, text)
}

fn overdue(content: &PipelineContent) -> Option<Insight> {
    let Some(cycle) = &content.cycle else {
        let text = format!(
            "It cannot be told in which month quotes are decided: that takes {} with a recorded day of their decision.",
            counted(crate::domain::cycle::LEAST_DECIDED as u64, "decided quote")
        );
        return Some(insight(Topic::Cycle, Tone::Neutral, text));
    };
    let (median, slow) = (cycle.median_days?, cycle.slow_days?);
    let share = cycle.overdue_expected / content.total.expected.max(f64::MIN_POSITIVE);
    let (tone, text) = match cycle.overdue {
        0 => (
            Tone::Good,
            format!(
                "Half of the quotes are decided within {median} days and 95 % within {slow}; no open quote has waited longer."
            ),
        ),
        overdue => (
            Tone::Caution,
            format!(
                "Half of the quotes are decided within {median} days and 95 % within {slow}; {} waited longer, with {} of what is expected.",
                match overdue {
                    1 => "1 open quote has".to_owned(),
                    many => format!("{} have", counted(many as u64, "open quote")),
                },
                percent(share)
            ),
        ),
    };
    Some(insight(Topic::Cycle, tone, text))
}

fn latest(earlier: &[Earlier]) -> Option<Insight> {
    let forecast = earlier.first()?;
    let differs = forecast.p_value < LEVEL;
    let text = format!(
        "Of the forecast of {}, {} of {} are decided by now: {} was won, {} had been expected and {} was the 80 % range; {} ({}).",
        forecast.made_at.format("%Y-%m-%d"),
        forecast.decided,
        counted(forecast.quotes as u64, "quote"),
        money(forecast.realised),
        money(forecast.forecast.expected),
        money_range(forecast.forecast.p10, forecast.forecast.p90),
        if differs {
            "that is further off than chance would make"
        } else {
            "that cannot be told from chance"
        },
        p_value(forecast.p_value),
    );
    let tone = if differs { Tone::Caution } else { Tone::Good };
    Some(insight(Topic::Earlier, tone, text))
}

fn together(earlier: &[Earlier]) -> Option<Insight> {
    if earlier.len() < 3 {
        return None;
    }
    let inside = earlier.iter().filter(|of| of.inside).count();
    let outside = earlier.len() - inside;
    let p = crate::domain::stats::binomial_tail(earlier.len(), outside, 0.2);
    let tone = if p < LEVEL {
        Tone::Caution
    } else {
        Tone::Neutral
    };
    let text = format!(
        "{inside} of {} earlier forecasts had what came of their decided quotes in the 80 % range; of so many, {outside} or more outside would be chance with {} were they independent.",
        earlier.len(),
        p_value(p),
    );
    Some(insight(Topic::Earlier, tone, text))
}

fn left_out(content: &PipelineContent) -> Option<Insight> {
    let mut parts = Vec::new();
    if content.recorded > 0 {
        parts.push(format!(
            "{} of the dataset whose outcome was recorded since",
            counted(content.recorded as u64, "quote")
        ));
    }
    if content.without_amount > 0 {
        parts.push(format!(
            "{} without a price",
            counted(content.without_amount as u64, "open quote")
        ));
    }
    if content.other_currencies > 0 {
        parts.push(format!(
            "{} in other currencies than {}",
            counted(content.other_currencies as u64, "open quote"),
            content.currency
        ));
    }
    (!parts.is_empty()).then(|| {
        let text = format!("Left out are {}.", crate::domain::text::list(&parts));
        let lacking = content.without_amount + content.other_currencies > 0;
        let tone = if lacking {
            Tone::Caution
        } else {
            Tone::Neutral
        };
        insight(Topic::Pipeline, tone, text)
    })
}
