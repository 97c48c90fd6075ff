//! A document as one self-contained HTML page. Deliberately not here: the pages of model cards and win/loss analyses, which have
//! templates of their own.

use askama::Template;

use super::{
    PageError,
    chart::Drawing,
    document::{Document, Section, Table, Unit},
    views::{self, Card, Meta},
};
use crate::domain::Insight;

/// Rows of a table that a page shows; the files have all of them.
const ROWS: usize = 100;

#[derive(Template)]
#[template(path = "document.html")]
struct Page<'a> {
    content: &'a Document,
    meta: &'a [Meta],
    lead: Option<&'a Insight>,
    insights: &'a [Insight],
    cards: &'a [Card],
    sections: Vec<SectionView<'a>>,
}

struct SectionView<'a> {
    heading: &'a str,
    caption: &'a str,
    charts: Vec<(&'a str, &'a Drawing)>,
    tables: Vec<TableView<'a>>,
}

struct TableView<'a> {
    caption: String,
    /// Texts, and whether their columns hold words, which may be broken.
    head: Vec<(&'a str, bool)>,
    rows: Vec<Vec<(String, bool)>>,
}

impl Page<'_> {
    fn tone(&self, insight: &Insight) -> (&'static str, &'static str) {
        views::tone(insight.tone)
    }
}

/// Renders a document as a page.
///
/// # Errors
/// When the template cannot be written.
pub fn render(document: &Document) -> Result<String, PageError> {
    let (lead, insights) = match document.insights.split_first() {
        Some((lead, rest)) => (Some(lead), rest),
        None => (None, document.insights.as_slice()),
    };
    let page = Page {
        content: document,
        meta: &document.meta,
        lead,
        insights,
        cards: &document.cards,
        sections: document.sections.iter().map(section).collect(),
    };
    Ok(views::unbroken(&page.render()?))
}

fn section(section: &Section) -> SectionView<'_> {
    let charts = section.charts.iter();
    SectionView {
        heading: &section.heading,
        caption: &section.caption,
        charts: charts
            .map(|chart| (chart.title.as_str(), &chart.drawing))
            .collect(),
        tables: section.tables.iter().map(table).collect(),
    }
}

fn table(table: &Table) -> TableView<'_> {
    let row = |row: &Vec<super::document::Cell>| {
        let cells = table.columns.iter().zip(row);
        cells
            .map(|(column, cell)| (column.text(cell), column.unit == Unit::Text))
            .collect()
    };
    let caption = if table.rows.len() > ROWS {
        format!(
            "{} (the first {ROWS} of {})",
            table.caption,
            table.rows.len()
        )
    } else {
        table.caption.clone()
    };
    TableView {
        caption,
        head: table
            .columns
            .iter()
            .map(|column| (column.name, column.unit == Unit::Text))
            .collect(),
        rows: table.rows.iter().take(ROWS).map(row).collect(),
    }
}
