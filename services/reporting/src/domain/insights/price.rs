//! Insights about prices: what a higher price does, what wins left, and which discounts bought nothing.
//!
//! Deliberately not here: the tests, which the analysis has made.

use super::{Insight, Tone, Topic, insight, that_way};
use crate::domain::{
    price::{Curve, Discount, FAR, LEAST_EFFECT, LEAST_QUOTES, Left, PriceContent, Verdict},
    text::{count, counted, money, money_range, p_value, percent, points, whole_percent},
};

/// Groups named of each kind.
const NAMED: usize = 3;

/// All insights of a price report, most important first.
pub(in crate::domain) fn all(content: &PriceContent) -> Vec<Insight> {
    let mut all: Vec<Insight> = content.curves.first().and_then(dent).into_iter().collect();
    all.extend([effect(content), left(content)]);
    all.extend(discounts(content));
    all
}

fn effect(content: &PriceContent) -> Insight {
    if content.serves_base_rate {
        return insight(
            Topic::Price,
            Tone::Caution,
            "The model does not beat the base rate, so it knows nothing of prices: there are no curves.".to_owned(),
        );
    }
    let Some(all) = content.curves.first() else {
        return insight(
            Topic::Price,
            Tone::Neutral,
            "Too few quotes have a price for a price curve.".to_owned(),
        );
    };
    let text = format!(
        "Over {}, a price 10 % higher goes with a chance of winning that is {} points {} on average ({}, were the model off the same way for all, up to the ends of its intervals).",
        counted(all.averaged as u64, "past quote"),
        points(all.ten_per_cent.abs()),
        direction(all),
        that_way(all.ten_per_cent, all.ten_per_cent_interval),
    );
    insight(Topic::Price, Tone::Neutral, text)
}

/// Where quotes would be won more often both dearer and cheaper, it is the quoted amounts themselves that the model goes by.
fn dent(curve: &Curve) -> Option<Insight> {
    let at = |ratio: f64| {
        let mut points = curve.points.iter();
        let point = points.find(|point| (point.ratio - ratio).abs() < 1e-9);
        point.map(|point| point.probability)
    };
    let (cheaper, quoted, dearer) = (at(0.95)?, at(1.0)?, at(1.05)?);
    (cheaper > quoted && dearer > quoted).then(|| {
        let text = format!(
            "Both 5 % cheaper and 5 % dearer the model gives more chances ({} and {}) than at the quoted prices ({}): the amounts themselves, such as round ones, tell it something, so the curves cannot be taken for an effect of the price, and wins on such curves are not judged.",
            percent(cheaper),
            percent(dearer),
            percent(quoted),
        );
        insight(Topic::Price, Tone::Caution, text)
    })
}

fn direction(curve: &Curve) -> &'static str {
    if curve.ten_per_cent > 0.0 {
        "higher"
    } else {
        "lower"
    }
}

fn left(content: &PriceContent) -> Insight {
    let left = &content.left;
    let judged = left.wins.saturating_sub(left.not_judged);
    let looked_at = left.looked_at();
    let whom = match left.not_judged {
        0 => looked_at.clone(),
        _ => format!(
            "the {} that can be judged, of {looked_at},",
            counted(judged as u64, "win")
        ),
    };
    let not_judged = not_judged(left);
    let (tone, text) = match (left.far_below, judged) {
        (0, 0) => (
            Tone::Neutral,
            format!(
                "Whether any of {looked_at} left money on the table cannot be said.{not_judged}"
            ),
        ),
        (0, _) => (
            Tone::Neutral,
            format!(
                "None of {whom} was clearly {} or more below the price that promises most, so none can be said to have left money on the table.{not_judged}",
                whole_percent(FAR),
            ),
        ),
        (far_below, _) => (
            Tone::Caution,
            format!(
                "{} of {whom} {} made {} or more below the price that promised most, each clearly so: they left {}{} of {} on the table ({}), or {} of what {looked_at} were sold for.{not_judged}",
                count(far_below as u64),
                if far_below == 1 { "was" } else { "were" },
                whole_percent(FAR),
                money(left.left),
                match left.currency.as_str() {
                    "" => String::new(),
                    currency => format!(" {currency}"),
                },
                left.objective,
                money_range(left.interval.low, left.interval.high),
                percent(left.left / left.amount.max(f64::MIN_POSITIVE)),
            ),
        ),
    };
    insight(Topic::MoneyLeft, tone, text)
}

/// How many wins cannot be judged, and the most common reason.
fn not_judged(left: &Left) -> String {
    let Some(reason) = left.reasons.iter().find(|reason| !reason.judged) else {
        return String::new();
    };
    let all = count(left.not_judged as u64);
    if reason.wins == left.not_judged {
        format!(" {all} cannot be judged: {}", reason.text)
    } else {
        format!(
            " {all} cannot be judged, {} of them for this reason: {}",
            count(reason.wins as u64),
            reason.text
        )
    }
}

fn discounts(content: &PriceContent) -> Vec<Insight> {
    let told = &content.discounts;
    if told.is_empty() {
        let text = if content.discount_column.is_empty() {
            "No column tells a list price or a discount, so it cannot be said what discounts bought.".to_owned()
        } else {
            format!(
                "No group has {LEAST_QUOTES} quotes on either side of its median discount, with wins and losses among them, so it cannot be said what discounts bought."
            )
        };
        return vec![insight(Topic::Discounts, Tone::Neutral, text)];
    }
    let of = |verdict: Verdict| told.iter().filter(move |found| found.verdict == verdict);
    let mut wasted: Vec<&Discount> = of(Verdict::BoughtNothing).collect();
    wasted.sort_by(|a, b| b.cost.unwrap_or(0.0).total_cmp(&a.cost.unwrap_or(0.0)));
    let mut all: Vec<Insight> = wasted
        .iter()
        .take(NAMED)
        .map(|found| nothing(found))
        .collect();
    all.extend(of(Verdict::Helped).take(NAMED).map(helped));
    if all.is_empty() {
        let text = format!(
            "Of {} none shows whether deeper discounts are won more often: neither is there a clear difference, nor is one of {} points ruled out, at a false discovery rate of 5 %.",
            counted(told.len() as u64, "comparison"),
            points(LEAST_EFFECT),
        );
        all.push(insight(Topic::Discounts, Tone::Neutral, text));
    }
    all
}

fn name(found: &Discount) -> String {
    if found.group.is_empty() {
        "All quotes".to_owned()
    } else {
        format!("{} “{}”", found.column, found.group)
    }
}

fn rates(found: &Discount) -> String {
    let rate = |(won, quotes): (u64, u64)| percent(won as f64 / quotes.max(1) as f64);
    let deep = match found.cost {
        // A share of the list price; other discounts are in whatever unit their column has.
        Some(_) => format!("discounts above {}", percent(found.median)),
        None => "the deeper discounts".to_owned(),
    };
    format!(
        "{} of {} with {deep} were won and {} of {} with smaller ones, a difference of {} points ({} to {})",
        rate(found.deep),
        counted(found.deep.1, "quote"),
        rate(found.shallow),
        counted(found.shallow.1, "quote"),
        points(found.difference),
        points(found.interval.low),
        points(found.interval.high),
    )
}

fn nothing(found: &Discount) -> Insight {
    let cost = found
        .cost
        .filter(|cost| *cost > 0.0)
        .map_or(String::new(), |cost| {
            format!(
                " What was given away beyond the smaller discounts comes to {} on the wins.",
                money(cost)
            )
        });
    let text = format!(
        "{}: {}; an effect of {} points or more is ruled out (adjusted {}).{cost}",
        name(found),
        rates(found),
        points(LEAST_EFFECT),
        p_value(found.p_nothing),
    );
    insight(Topic::Discounts, Tone::Caution, text)
}

fn helped(found: &Discount) -> Insight {
    let text = format!(
        "{}: {}; adjusted {}.",
        name(found),
        rates(found),
        p_value(found.p_helped),
    );
    insight(Topic::Discounts, Tone::Good, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Interval, price::Point};

    fn curve(probabilities: [f64; 3]) -> Curve {
        let none = Interval {
            low: 0.0,
            high: 1.0,
        };
        let point = |(ratio, probability)| Point {
            ratio,
            probability,
            interval: none,
        };
        Curve {
            column: String::new(),
            group: String::new(),
            quotes: 100,
            averaged: 100,
            points: [0.95, 1.0, 1.05]
                .into_iter()
                .zip(probabilities)
                .map(point)
                .collect(),
            ten_per_cent: 0.0,
            ten_per_cent_interval: none,
        }
    }

    #[test]
    fn a_dent_at_the_quoted_prices_is_told() {
        assert!(dent(&curve([0.5, 0.4, 0.3])).is_none());
        let told = dent(&curve([0.4, 0.25, 0.4])).expect("a dent");
        assert_eq!(told.tone, Tone::Caution);
        assert!(told.text.contains("40.0 % and 40.0 %"), "{}", told.text);
    }
}
