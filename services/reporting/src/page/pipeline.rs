//! The document of a pipeline forecast. Deliberately not here: figures and sentences, which are the domain's.

use super::{
    PageError,
    chart::{histogram, ranges},
    document::{Cell, Document, Section, Unit, column, range},
    views::{Card, meta_of},
};
use crate::domain::{
    pipeline::{Earlier, PipelineContent, Share},
    text::{count, counted, decimal, money, money_range},
};

/// The document of a forecast.
///
/// # Errors
/// When a chart cannot be drawn.
pub fn document(content: &PipelineContent) -> Result<Document, PageError> {
    let about = [
        ("Dataset", content.dataset_id.clone()),
        ("Model", content.model_id.clone()),
    ];
    Ok(Document {
        title: content.title.clone(),
        meta: meta_of(about, content.generated_at),
        insights: content.insights.clone(),
        cards: cards(content),
        note: note(content),
        sections: sections(content)?,
    })
}

fn note(content: &PipelineContent) -> String {
    let shock = match content.month_shock {
        Some(shock) => format!(
            "a shock of each month of the decision with a standard deviation of {} in log-odds, which is how far the win rates of past months differ beyond chance (DerSimonian and Laird)",
            decimal(shock, 2)
        ),
        None => "no shock of months, since the history has too few months to tell one".to_owned(),
    };
    format!(
        "{} draws from the seed {}. Outcomes are independent but for two things: the model's error, which is taken to be the same for all quotes, and {shock}. P10, P50 and P90 are the sums that one, five and nine of ten draws do not exceed. What is expected is probability times amount, summed.",
        count(content.draws as u64),
        content.seed
    )
}

fn cards(content: &PipelineContent) -> Vec<Card> {
    let total = content.total;
    let mut cards = vec![
        Card {
            name: "Expected",
            value: money(total.expected),
            detail: money_range(total.p10, total.p90),
            meaning: "Sum of probability times amount, and the range from P10 to P90.",
        },
        Card {
            name: "P50",
            value: money(total.p50),
            detail: format!("of {} offered", money(content.amount)),
            meaning: "As likely to be missed as to be exceeded.",
        },
        Card {
            name: "Open quotes",
            value: count(content.quotes as u64),
            detail: format!("{} wins expected", decimal(content.expected_wins, 1)),
            meaning: "Quotes of the dataset that are not decided.",
        },
    ];
    if let Some(cycle) = &content.cycle {
        cards.push(Card {
            name: "Days to a decision",
            value: cycle
                .median_days
                .map_or("–".to_owned(), |days| days.to_string()),
            detail: format!("from {}", counted(cycle.decided as u64, "decided quote")),
            meaning: "Half of the quotes are decided within so many days, open ones taken into account (Kaplan and Meier).",
        });
    }
    cards
}

fn sections(content: &PipelineContent) -> Result<Vec<Section>, PageError> {
    let unit = match content.currency.as_str() {
        "" => "amount won".to_owned(),
        currency => format!("amount won, {currency}"),
    };
    let mut sections = vec![
        Section::new(
            "What the pipeline may bring",
            "How often the draws fell where. The dashed lines are P10 and P90, the full one is P50.",
        )
        .chart(
            "Histogram of what the open quotes may bring, figures in the table below",
            histogram::chart(&content.histogram, content.total, &unit)?,
        )
        .table("The forecast in figures", spread_columns("Reckoned"), totals(content)),
    ];
    sections.push(by_month(content, &unit)?);
    if !content.owners.is_empty() {
        sections.push(
            Section::new(
                format!("By {}", content.owner_column),
                "The bar is what is expected, the line reaches from P10 to P90. The ranges do not add up to that of the whole, since not everybody is lucky at once.",
            )
            .chart(
                "Expected amount by owner with its range from P10 to P90, figures in the table below",
                ranges::chart(&rows(&content.owners), &unit, true)?,
            )
            .table("By owner", share_columns("Owner"), shares(&content.owners)),
        );
    }
    sections.push(earlier(&content.earlier));
    sections.push(
        Section::new(
            "The open quotes",
            "Those that promise most first, with the 95 % interval of the probability.",
        )
        .table(
            "Open quotes",
            vec![
                column("Quote", Unit::Text),
                column("Owner", Unit::Text),
                column("Amount", Unit::Money),
                column("Probability", Unit::Percent),
                range("95 % interval", Unit::Percent),
                column("Expected", Unit::Money),
            ],
            content
                .largest
                .iter()
                .map(|quote| {
                    vec![
                        quote.name.as_str().into(),
                        quote.owner.as_str().into(),
                        quote.amount.into(),
                        quote.probability.into(),
                        quote.interval.into(),
                        (quote.amount * quote.probability).into(),
                    ]
                })
                .collect(),
        ),
    );
    Ok(sections)
}

fn by_month(content: &PipelineContent, unit: &str) -> Result<Section, PageError> {
    let caption = if content.months.is_empty() {
        "It is not known how long quotes take to be decided: too few decisions were recorded with their day."
    } else {
        "When quotes are decided follows from how long past ones took, those that are still open counting as long as they have waited (Kaplan and Meier). The bar is what is expected, the line reaches from P10 to P90."
    };
    Ok(Section::new("By month of the decision", caption)
        .chart(
            "Expected amount by month with its range from P10 to P90, figures in the table below",
            ranges::chart(&rows(&content.months), unit, true)?,
        )
        .table("By month", share_columns("Month"), shares(&content.months)))
}

fn spread_columns(first: &'static str) -> Vec<super::document::Column> {
    vec![
        column(first, Unit::Text),
        column("Expected", Unit::Money),
        column("P10", Unit::Money),
        column("P50", Unit::Money),
        column("P90", Unit::Money),
    ]
}

fn totals(content: &PipelineContent) -> Vec<Vec<Cell>> {
    let row = |name: &str, of: crate::domain::simulate::Spread| {
        vec![
            name.into(),
            of.expected.into(),
            of.p10.into(),
            of.p50.into(),
            of.p90.into(),
        ]
    };
    vec![
        row("as above", content.total),
        row(
            "quotes independent, probabilities exact",
            content.independent,
        ),
    ]
}

fn share_columns(first: &'static str) -> Vec<super::document::Column> {
    vec![
        column(first, Unit::Text),
        column("Quotes", Unit::Decimal),
        column("Amount", Unit::Money),
        column("Expected", Unit::Money),
        column("P10", Unit::Money),
        column("P50", Unit::Money),
        column("P90", Unit::Money),
    ]
}

fn shares(shares: &[Share]) -> Vec<Vec<Cell>> {
    let row = |share: &Share| {
        vec![
            share.name.as_str().into(),
            share.quotes.into(),
            share.amount.into(),
            share.won.expected.into(),
            share.won.p10.into(),
            share.won.p50.into(),
            share.won.p90.into(),
        ]
    };
    shares.iter().map(row).collect()
}

fn rows(shares: &[Share]) -> Vec<ranges::Row> {
    let row = |share: &Share| ranges::Row {
        name: share.name.clone(),
        value: money(share.won.expected),
        low: share.won.p10,
        mid: share.won.expected,
        high: share.won.p90,
        mark: None,
    };
    shares.iter().map(row).collect()
}

fn earlier(earlier: &[Earlier]) -> Section {
    let caption = if earlier.is_empty() {
        "No earlier forecast of this dataset has five quotes with names that are decided by now."
    } else {
        "Each forecast of this dataset, over those of its quotes that are decided by now. Which are decided first is no accident, and is not corrected for."
    };
    Section::new("How earlier forecasts turned out", caption).table(
        "Earlier forecasts",
        vec![
            column("Made", Unit::Text),
            column("Quotes", Unit::Count),
            column("Decided", Unit::Count),
            column("Expected wins", Unit::Decimal),
            column("Wins", Unit::Count),
            column("Expected", Unit::Money),
            range("P10 to P90", Unit::Money),
            column("Won", Unit::Money),
            column("p", Unit::Probability),
        ],
        earlier
            .iter()
            .map(|of| {
                vec![
                    of.made_at.format("%Y-%m-%d").to_string().into(),
                    of.quotes.into(),
                    of.decided.into(),
                    of.expected_wins.into(),
                    of.wins.into(),
                    of.forecast.expected.into(),
                    Cell::Range(of.forecast.p10, of.forecast.p90),
                    of.realised.into(),
                    of.p_value.into(),
                ]
            })
            .collect(),
    )
}
