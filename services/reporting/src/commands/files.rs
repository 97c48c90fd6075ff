//! A report that is kept, as a file of another format. Deliberately made anew each time: what is kept are its figures.

use proto::reporting::ReportFormat;
use serde::de::DeserializeOwned;
use tokio::task::spawn_blocking;

use super::Result;
use crate::{
    Error,
    page::{self, Document, PageError},
    store::{self, ReportRow},
};

/// The media type of a format.
pub fn media_type(format: ReportFormat) -> &'static str {
    match format {
        ReportFormat::Unspecified => "",
        ReportFormat::Json => "application/json",
        ReportFormat::Html => "text/html; charset=utf-8",
        ReportFormat::Csv => "text/csv; charset=utf-8",
        ReportFormat::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        ReportFormat::Pdf => "application/pdf",
    }
}

/// The file of a report; none of a page, which is kept as it was written.
pub(super) async fn write(report: &ReportRow, format: ReportFormat) -> Result<Vec<u8>> {
    let make = match format {
        ReportFormat::Unspecified | ReportFormat::Html => return Ok(Vec::new()),
        ReportFormat::Json => return Ok(serde_json::to_vec_pretty(&report.content)?),
        ReportFormat::Csv => page::csv,
        ReportFormat::Xlsx => page::xlsx,
        ReportFormat::Pdf => page::pdf,
    };
    let (kind, content) = (report.kind.clone(), report.content.clone());
    let made = spawn_blocking(move || -> Result<_> { Ok(make(&document(&kind, content)?)?) });
    made.await
        .map_err(|error| Error::Broken(error.to_string()))?
}

fn document(kind: &str, content: serde_json::Value) -> Result<Document> {
    match kind {
        store::WIN_LOSS => of(content, page::win_loss::document),
        store::PIPELINE => of(content, page::pipeline::document),
        store::PRICE => of(content, page::price::document),
        store::TRACK => of(content, page::track::document),
        _ => of(content, page::model_document),
    }
}

fn of<C: DeserializeOwned>(
    content: serde_json::Value,
    document: impl FnOnce(&C) -> std::result::Result<Document, PageError>,
) -> Result<Document> {
    Ok(document(&serde_json::from_value(content)?)?)
}
