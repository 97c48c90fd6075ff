//! Reports as one self-contained HTML page (template by askama, charts by plotters), and their documents as other files.
//!
//! The page asks no server for anything, and its policy forbids it to. Deliberately not here: figures and sentences,
//! which are the domain's; this only shows them.

mod chart;
mod document;
mod html;
mod model;
mod pdf;
pub mod pipeline;
pub mod price;
mod tables;
pub mod track;
mod views;
pub mod win_loss;

pub use document::Document;
pub use html::render as render_document;
pub use model::document as model_document;
pub use pdf::pdf;
pub use tables::{csv, xlsx};

use askama::Template;

use crate::domain::{Insight, ReportContent};
use chart::Drawing;
use views::{BinRow, Card, DriverRow, Meta, MonthRow, ScoreRow};

/// Why a page cannot be drawn.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// A chart could not be drawn.
    #[error("a chart cannot be drawn: {0}")]
    Chart(String),
    /// A file could not be written.
    #[error("the file cannot be written: {0}")]
    File(String),
    /// The template could not be filled.
    #[error("the page cannot be filled")]
    Template(#[from] askama::Error),
}

impl PageError {
    fn chart(error: impl std::fmt::Display) -> Self {
        Self::Chart(error.to_string())
    }
}

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    content: &'a ReportContent,
    meta: Vec<Meta>,
    lead: Option<&'a Insight>,
    insights: &'a [Insight],
    cards: Vec<Card>,
    scores: Vec<ScoreRow>,
    calibration: Option<Drawing>,
    bins: Vec<BinRow>,
    drivers: Option<Drawing>,
    driver_rows: Vec<DriverRow>,
    months_wide: Option<Drawing>,
    months_narrow: Option<Drawing>,
    month_rows: Vec<MonthRow>,
}

impl Page<'_> {
    /// Word and class of a tone; the word is read aloud where the colour is not seen.
    fn tone(&self, insight: &Insight) -> (&'static str, &'static str) {
        views::tone(insight.tone)
    }
}

/// Renders a report as a page.
///
/// # Errors
///
/// When a chart or the template cannot be written.
pub fn render(content: &ReportContent) -> Result<String, PageError> {
    let (lead, insights) = match content.insights.split_first() {
        Some((lead, rest)) => (Some(lead), rest),
        None => (None, content.insights.as_slice()),
    };
    let page = Page {
        content,
        meta: views::meta(content),
        lead,
        insights,
        cards: views::cards(content),
        scores: views::scores(content),
        calibration: chart::calibration::chart(&content.calibration)?,
        bins: views::bins(content),
        drivers: chart::drivers::chart(&content.drivers)?,
        driver_rows: views::drivers(content),
        months_wide: chart::months::chart(&content.win_rates, true)?,
        months_narrow: chart::months::chart(&content.win_rates, false)?,
        month_rows: views::months(&content.win_rates),
    };
    Ok(views::unbroken(&page.render()?))
}
