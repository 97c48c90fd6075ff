//! The document of a price report. Deliberately not here: figures and sentences, which are the domain's.

use super::{
    PageError,
    chart::{curve, ranges},
    document::{Cell, Document, Section, Unit, column, range},
    views::{Card, NONE, meta_of},
};
use crate::domain::{
    price::{Curve, Discount, FAR, LEAST_EFFECT, LEAST_QUOTES, Left, PriceContent, Verdict},
    text::{count, money, money_range, points, whole_percent},
};

/// The document of a price report.
///
/// # Errors
/// When a chart cannot be drawn.
pub fn document(content: &PriceContent) -> Result<Document, PageError> {
    let about = [
        ("Dataset", content.dataset_id.clone()),
        ("Model", content.model_id.clone()),
    ];
    Ok(Document {
        title: content.title.clone(),
        meta: meta_of(about, content.generated_at),
        insights: content.insights.clone(),
        cards: cards(content),
        note: "Everything here is an association in past quotes and no experiment: prices were not set by lot. The model has learned from these very quotes.".to_owned(),
        sections: vec![curves(&content.curves)?, left(&content.left)?, discounts(content)?],
    })
}

fn cards(content: &PriceContent) -> Vec<Card> {
    let left = &content.left;
    let verdicts = |verdict| {
        let told = content.discounts.iter();
        told.filter(|of| of.verdict == verdict).count() as u64
    };
    let judged = left.wins.saturating_sub(left.not_judged);
    let nothing = judged == 0;
    let amount = match left.currency.as_str() {
        "" => money(left.left),
        currency => format!("{} {currency}", money(left.left)),
    };
    vec![
        Card {
            name: "Left on the table",
            value: if nothing { NONE.to_owned() } else { amount },
            detail: if nothing {
                "no win can be judged".to_owned()
            } else if left.far_below == 0 {
                "nothing that is clear".to_owned()
            } else {
                money_range(left.interval.low, left.interval.high)
            },
            meaning: "What wins far below the most promising price would have been expected to earn more, and its interval.",
        },
        Card {
            name: "Wins far below",
            value: count(left.far_below as u64),
            detail: format!(
                "of {} that can be judged; {} cannot",
                count(judged as u64),
                count(left.not_judged as u64)
            ),
            meaning: "Of the wins looked at, those that were clearly 5 % or more below the price that promised most.",
        },
        discounts_card(content, verdicts),
    ]
}

fn discounts_card(content: &PriceContent, verdicts: impl Fn(Verdict) -> u64) -> Card {
    let told = !content.discounts.is_empty();
    Card {
        name: "Discounts that bought nothing",
        value: match told {
            true => count(verdicts(Verdict::BoughtNothing)),
            false => NONE.to_owned(),
        },
        detail: match (told, content.discount_column.is_empty()) {
            (true, _) => format!(
                "of {} groups; {} where they helped",
                count(content.discounts.len() as u64),
                count(verdicts(Verdict::Helped))
            ),
            (false, true) => "no list price and no discount is known".to_owned(),
            (false, false) => "too few quotes to compare".to_owned(),
        },
        meaning: "Groups where deeper discounts were clearly not won five points more often.",
    }
}

fn curve_name(curve: &Curve) -> String {
    if curve.group.is_empty() {
        "All quotes".to_owned()
    } else {
        format!("{}: {}", curve.column, curve.group)
    }
}

fn curves(curves: &[Curve]) -> Result<Section, PageError> {
    let caption = if curves.is_empty() {
        "There are no price curves: the model knows nothing of prices, or too few quotes have one."
    } else {
        "The mean chance of winning were each quote of the group dearer or cheaper by the same factor (partial dependence), with the mean of the intervals' ends, which is what it would be if the model were off the same way for all. Up to 100 quotes of each group, evenly spaced in the file."
    };
    let mut section = Section::new("How the chance follows the price", caption);
    for of in curves {
        section = section.chart(curve_name(of), curve::chart(&of.points)?);
    }
    let columns = vec![
        column("Quotes", Unit::Text),
        column("Number", Unit::Count),
        column("Price in % of quoted", Unit::Count),
        column("Chance", Unit::Percent),
        range("95 % interval", Unit::Percent),
    ];
    let rows = curves.iter().flat_map(|of| {
        of.points.iter().map(|point| {
            vec![
                curve_name(of).into(),
                of.quotes.into(),
                (100.0 * point.ratio).into(),
                point.probability.into(),
                point.interval.into(),
            ]
        })
    });
    let ten = vec![
        column("Quotes", Unit::Text),
        column("Number", Unit::Count),
        column("10 % dearer: points", Unit::Points),
        range("At the ends of the intervals", Unit::Points),
    ];
    let tens = curves.iter().map(|of| {
        vec![
            curve_name(of).into(),
            of.quotes.into(),
            of.ten_per_cent.into(),
            of.ten_per_cent_interval.into(),
        ]
    });
    Ok(section
        .table("What ten per cent more does", ten, tens.collect())
        .table("The curves in figures", columns, rows.collect()))
}

fn left(left: &Left) -> Result<Section, PageError> {
    let caption = format!(
        "Of {}, those that were clearly {} or more below the price that promises most by their own curve, where that curve falls beyond its uncertainty. A quote won at price a would have been won at b with the chance S(b) / S(a), so it left (S(b) b - S(a) a) / S(a) on the table, in expectation; the objective is {}. Sums take the model to be off the same way for all quotes, which is the widest reading. The best price is chosen by the curve that judges it, so figures are rather high.",
        left.looked_at(),
        whole_percent(FAR),
        left.objective,
    );
    let rows: Vec<ranges::Row> = left
        .groups
        .iter()
        .take(12)
        .map(|group| ranges::Row {
            name: format!("{}: {}", group.column, group.group),
            value: money(group.left),
            low: group.interval.low,
            mid: group.left,
            high: group.interval.high,
            mark: None,
        })
        .collect();
    let groups = vec![
        column("Group", Unit::Text),
        column("Wins", Unit::Count),
        column("Far below", Unit::Count),
        column("Left", Unit::Money),
        range("95 % interval", Unit::Money),
    ];
    let quotes = vec![
        column("Quote", Unit::Text),
        column("Day", Unit::Text),
        column("Price", Unit::Money),
        column("Best price", Unit::Money),
        column("Chance", Unit::Percent),
        column("Chance at best", Unit::Percent),
        column("Left", Unit::Money),
        range("95 % interval", Unit::Money),
    ];
    let reasons = vec![
        column("Why", Unit::Text),
        column("Wins", Unit::Count),
        column("Judged", Unit::Text),
    ];
    Ok(Section::new("Money left on the table", caption)
        .chart(
            "Money left by group with its 95 % interval, figures in the table below",
            ranges::chart(&rows, left.objective.as_str(), true)?,
        )
        .table(
            "Money left by group",
            groups,
            left.groups
                .iter()
                .map(|group| {
                    vec![
                        Cell::Text(format!("{}: {}", group.column, group.group)),
                        group.wins.into(),
                        group.far_below.into(),
                        group.left.into(),
                        group.interval.into(),
                    ]
                })
                .collect(),
        )
        .table(
            "The wins that left most",
            quotes,
            left.largest
                .iter()
                .map(|quote| {
                    vec![
                        quote.name.as_str().into(),
                        quote
                            .day
                            .map_or(Cell::Missing, |day| day.to_string().into()),
                        quote.price.into(),
                        quote.best_price.into(),
                        quote.probability.0.into(),
                        quote.probability.1.into(),
                        quote.left.into(),
                        quote.interval.into(),
                    ]
                })
                .collect(),
        )
        .table(
            "Why the other wins are not counted",
            reasons,
            left.reasons
                .iter()
                .map(|reason| {
                    vec![
                        reason.text.as_str().into(),
                        reason.wins.into(),
                        if reason.judged { "yes" } else { "no" }.into(),
                    ]
                })
                .collect(),
        ))
}

fn discount_name(of: &Discount) -> String {
    if of.group.is_empty() {
        "All quotes".to_owned()
    } else {
        format!("{}: {}", of.column, of.group)
    }
}

fn discounts(content: &PriceContent) -> Result<Section, PageError> {
    let caption = if content.discounts.is_empty() {
        format!(
            "Nothing can be said of discounts: that takes a column of list prices or discounts, and {LEAST_QUOTES} quotes on either side of a group's median."
        )
    } else {
        format!(
            "Of each group the deeper half of the discounts beside the other half ({}). Dots are differences of win rates in points with 95 % intervals (Newcombe). “Bought nothing” rules out an effect of {} points or more by a one-sided test; both families of tests are corrected for their number (Benjamini and Hochberg). Discounts go where deals are in danger, which hides what they do.",
            content.discount_column,
            points(LEAST_EFFECT)
        )
    };
    let row = |of: &Discount| ranges::Row {
        name: discount_name(of),
        value: format!("{} points", points(of.difference)),
        low: 100.0 * of.interval.low,
        mid: 100.0 * of.difference,
        high: 100.0 * of.interval.high,
        mark: None,
    };
    let rows: Vec<ranges::Row> = content.discounts.iter().take(16).map(row).collect();
    let columns = vec![
        column("Quotes", Unit::Text),
        column("Deep", Unit::Count),
        column("Won", Unit::Percent),
        column("Others", Unit::Count),
        column("Won", Unit::Percent),
        column("Points more", Unit::Points),
        range("95 % interval", Unit::Points),
        column("p of a difference", Unit::Probability),
        column("p of 5 points", Unit::Probability),
        column("Verdict", Unit::Text),
        column("Given away", Unit::Money),
    ];
    let rate = |(won, quotes): (u64, u64)| won as f64 / quotes.max(1) as f64;
    let cells = |of: &Discount| {
        let verdict = match of.verdict {
            Verdict::Helped => "helped",
            Verdict::BoughtNothing => "bought nothing",
            Verdict::Unclear => "cannot be told",
        };
        vec![
            discount_name(of).into(),
            of.deep.1.into(),
            rate(of.deep).into(),
            of.shallow.1.into(),
            rate(of.shallow).into(),
            of.difference.into(),
            of.interval.into(),
            of.p_helped.into(),
            of.p_nothing.into(),
            verdict.into(),
            of.cost.into(),
        ]
    };
    Ok(Section::new("What discounts bought", caption)
        .chart(
            "Difference of win rates between deep and small discounts by group, figures in the table below",
            ranges::chart(&rows, "points more with deep discounts", false)?,
        )
        .table(
            "Discounts by group",
            columns,
            content.discounts.iter().map(cells).collect(),
        ))
}
