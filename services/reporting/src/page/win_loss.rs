//! The page of a win/loss analysis. Deliberately not here: figures and sentences, which are the domain's.

use askama::Template;

use super::{
    PageError,
    chart::{self, Drawing},
    document::{Cell, Column, Document, Section, Unit, column, range},
    model,
    views::{self, Card, Meta, MonthRow},
};
use crate::domain::{
    Insight,
    text::{count, counted, p_value, percent, percent_range, points},
    win_loss::{GROUP_MIN, Group, GroupedBy, WinLossContent},
};

#[derive(Template)]
#[template(path = "win_loss.html")]
struct Page<'a> {
    content: &'a WinLossContent,
    meta: Vec<Meta>,
    lead: Option<&'a Insight>,
    insights: &'a [Insight],
    cards: Vec<Card>,
    columns: Vec<ColumnView>,
    months_wide: Option<Drawing>,
    months_narrow: Option<Drawing>,
    month_rows: Vec<MonthRow>,
}

/// The groups of a column as they are shown.
struct ColumnView {
    name: String,
    drawing: Drawing,
    note: String,
    rows: Vec<GroupRow>,
}

/// A row of the groups.
struct GroupRow {
    name: String,
    quotes: String,
    rate: String,
    interval: String,
    difference: String,
    p_value: String,
    clear: &'static str,
}

impl Page<'_> {
    fn tone(&self, insight: &Insight) -> (&'static str, &'static str) {
        views::tone(insight.tone)
    }
}

/// Renders a win/loss analysis as a page.
///
/// # Errors
/// When a chart or the template cannot be written.
pub fn render(content: &WinLossContent) -> Result<String, PageError> {
    let (lead, insights) = match content.insights.split_first() {
        Some((lead, rest)) => (Some(lead), rest),
        None => (None, content.insights.as_slice()),
    };
    let rate = content.dataset.win_rate.unwrap_or_default();
    let columns = content.columns.iter().map(|column| view(column, rate));
    let page = Page {
        content,
        meta: meta(content),
        lead,
        insights,
        cards: cards(content),
        columns: columns.collect::<Result<_, _>>()?,
        months_wide: chart::months::chart(&content.win_rates, true)?,
        months_narrow: chart::months::chart(&content.win_rates, false)?,
        month_rows: views::months(&content.win_rates),
    };
    Ok(views::unbroken(&page.render()?))
}

/// The document of a win/loss analysis, for the formats that have no page of their own.
///
/// # Errors
/// When a chart cannot be drawn.
pub fn document(content: &WinLossContent) -> Result<Document, PageError> {
    let rate = content.dataset.win_rate.unwrap_or_default();
    let mut sections = Vec::new();
    for column in &content.columns {
        let shown = view(column, rate)?;
        sections.push(
            Section::new(shown.name, shown.note)
                .chart("Win rate by group", Some(shown.drawing))
                .table(
                    format!("Win rate by {}", column.column),
                    group_columns(),
                    column.groups.iter().map(cells).collect(),
                ),
        );
    }
    sections.push(model::by_month(&content.win_rates)?);
    Ok(Document {
        title: content.title.clone(),
        meta: meta(content),
        insights: content.insights.clone(),
        cards: cards(content),
        note: "Ranges are 95 % intervals. Groups are compared with all other quotes, and the tests are corrected for their number. Groups overlap, so these are associations and not causes.".to_owned(),
        sections,
    })
}

fn group_columns() -> Vec<Column> {
    vec![
        column("Group", Unit::Text),
        column("Quotes", Unit::Count),
        column("Won", Unit::Percent),
        range("95 % interval", Unit::Percent),
        column("Points to others", Unit::Points),
        column("Adjusted p", Unit::Probability),
        column("Stands out", Unit::Text),
    ]
}

fn cells(group: &Group) -> Vec<Cell> {
    vec![
        group.name.as_str().into(),
        group.quotes.into(),
        group.win_rate.into(),
        group.interval.into(),
        group.difference.into(),
        group.adjusted_p_value.into(),
        if group.clear { "yes" } else { "no" }.into(),
    ]
}

fn meta(content: &WinLossContent) -> Vec<Meta> {
    vec![
        Meta {
            name: "Dataset",
            value: content.dataset_id.clone(),
        },
        Meta {
            name: "Report written",
            value: content
                .generated_at
                .format("%Y-%m-%d %H:%M UTC")
                .to_string(),
        },
    ]
}

fn cards(content: &WinLossContent) -> Vec<Card> {
    let dataset = &content.dataset;
    let mut cards = vec![
        Card {
            name: "Win rate",
            value: dataset.win_rate.map_or(views::NONE.to_owned(), percent),
            detail: dataset
                .win_rate_interval
                .map_or("no interval".to_owned(), percent_range),
            meaning: "Share of the decided quotes that was won.",
        },
        Card {
            name: "Decided quotes",
            value: count(u64::from(dataset.row_count)),
            detail: format!("{} won", count(u64::from(dataset.won_count))),
            meaning: "Open quotes are not counted.",
        },
        Card {
            name: "Groups that stand out",
            value: format!("{} of {}", content.groups_clear, content.groups_tested),
            detail: "at a false discovery rate of 5 %".to_owned(),
            meaning: "Groups whose win rate differs from that of all other quotes by more than chance would make.",
        },
    ];
    if let Some(change) = &content.change {
        let (won, quotes) = change.all.after;
        cards.push(Card {
            name: "Lately",
            value: percent(won as f64 / quotes.max(1) as f64),
            detail: format!("{} in {} days", counted(quotes, "quote"), change.days),
            meaning: "Win rate of the newest quotes.",
        });
    }
    cards
}

fn view(column: &GroupedBy, rate: f64) -> Result<ColumnView, PageError> {
    let shown = column.groups.len();
    let mut note = if shown < column.group_count {
        format!(
            "{shown} of {} groups with at least {GROUP_MIN} quotes: the largest, and those that stand out.",
            column.group_count
        )
    } else {
        format!(
            "All {} groups with at least {GROUP_MIN} quotes.",
            column.group_count
        )
    };
    if column.other_quotes > 0 {
        note.push_str(&format!(
            " {} in smaller groups or in none.",
            counted(column.other_quotes, "more quote")
        ));
    }
    Ok(ColumnView {
        name: column.column.clone(),
        drawing: chart::groups::chart(&column.groups, rate)?,
        note,
        rows: column.groups.iter().map(row).collect(),
    })
}

fn row(group: &Group) -> GroupRow {
    GroupRow {
        name: group.name.clone(),
        quotes: count(group.quotes),
        rate: percent(group.win_rate),
        interval: percent_range(group.interval),
        difference: points(group.difference),
        p_value: group
            .adjusted_p_value
            .map_or(views::NONE.to_owned(), p_value),
        clear: if group.clear { "yes" } else { "no" },
    }
}
