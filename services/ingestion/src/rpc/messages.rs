//! The messages of the contract, from and to what commands take and answer. Deliberately no rules.

use platform::{page::parse_id, wire::timestamp};
use prost::Message;
use proto::{common::BlobRef, ingestion as pb};
use uuid::Uuid;

use crate::{
    Error,
    commands::{ListedQuote, Upload},
    domain::{
        self, State, json, meaning,
        quarantine::Quarantined,
        query::{self, Order},
        reading::Reading,
    },
    store,
};

/// Lists end early rather than outgrow a message of the bus.
const ANSWER_BYTES: usize = 512 * 1024;

/// What the gateway passes on of an upload.
pub(super) fn upload(
    header: Option<pb::UploadHeader>,
    blob: Option<BlobRef>,
) -> Result<Upload, Error> {
    let header = header.ok_or(Error::Incomplete("header"))?;
    Ok(Upload {
        name: domain::dataset_name(&header.name, &header.file_name),
        file_name: domain::dataset_name("", &header.file_name),
        reading: Reading::parse(&header)?,
        dataset_id: optional_id("dataset_id", &header.dataset_id)?,
        forget_mapping: header.forget_mapping,
        errors_format: header.errors_format(),
        blob: blob.ok_or(Error::Incomplete("content"))?,
    })
}

pub(super) fn optional_id(what: &'static str, text: &str) -> Result<Option<Uuid>, platform::Error> {
    match text {
        "" => Ok(None),
        text => parse_id(what, text).map(Some),
    }
}

pub(super) fn token(order: Order, quote: &store::QuoteRow) -> String {
    query::token(
        order,
        quote.quoted_on,
        quote.price_minor,
        quote.row,
        quote.id,
    )
}

/// The row behind which a page begins.
pub(super) fn parse_row(token: &str) -> Result<i32, Error> {
    if token.is_empty() {
        return Ok(0);
    }
    let row = token.parse().ok().filter(|row: &i32| *row > 0);
    row.ok_or_else(|| {
        Error::Platform(platform::Error::Malformed {
            what: "page_token",
            value: token.chars().take(80).collect(),
            remedy: "send next_page_token of the answer before, or nothing",
        })
    })
}

/// As many of the messages as one answer holds, one at least, and whether some were cut off.
pub(super) fn fitting<M: Message>(mut messages: Vec<M>) -> (Vec<M>, bool) {
    let mut bytes = 0;
    let kept = messages
        .iter()
        .take_while(|message| {
            bytes += message.encoded_len();
            bytes <= ANSWER_BYTES
        })
        .count()
        .max(1);
    let cut = kept < messages.len();
    messages.truncate(kept);
    (messages, cut)
}

pub(super) fn dataset_message(dataset: store::DatasetRow) -> pb::Dataset {
    let state = match State::of(&dataset.state) {
        State::Importing => pb::DatasetState::Importing,
        State::Ready => pb::DatasetState::Ready,
        State::Failed => pb::DatasetState::Failed,
        State::Empty => pb::DatasetState::Empty,
    };
    let count = |rows: i64| u32::try_from(rows).unwrap_or(u32::MAX);
    pb::Dataset {
        id: dataset.id.to_string(),
        name: dataset.name,
        state: state as i32,
        row_count: count(dataset.row_count),
        won_count: count(dataset.won_count),
        lost_count: count(dataset.lost_count),
        created_at: Some(timestamp(dataset.created_at)),
        created_by: dataset.created_by.to_string(),
        problem: dataset.problem,
        columns: meaning::restore_columns(dataset.columns.0),
        open_count: count(dataset.open_count),
        import_count: count(dataset.import_count),
    }
}

pub(super) fn import_message(import: store::ImportRow) -> pb::Import {
    let count = |rows: i64| u32::try_from(rows).unwrap_or(u32::MAX);
    let state = match import.state.as_str() {
        "done" => pb::ImportState::Done,
        "failed" => pb::ImportState::Failed,
        "undoing" => pb::ImportState::Undoing,
        "undone" => pb::ImportState::Undone,
        _ => pb::ImportState::Importing,
    };
    pb::Import {
        id: import.id.to_string(),
        dataset_id: import.dataset_id.to_string(),
        file_name: import.file_name,
        size_bytes: import.upload_size_bytes,
        sha256: import
            .upload_sha256
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect(),
        state: state as i32,
        effect: Some(pb::ImportEffect {
            created: count(import.created_count),
            updated: count(import.updated_count),
            unchanged: count(import.unchanged_count),
            refused: count(import.refused_count),
            skipped: count(import.skipped_count),
        }),
        rows_done: count(import.rows_done),
        rows_total: count(import.rows_total),
        problem: import.problem,
        created_at: Some(timestamp(import.created_at)),
        created_by: import.created_by.to_string(),
        undone_at: import.undone_at.map(timestamp),
    }
}

pub(super) fn quarantined_message(
    (row, content): (i32, Quarantined),
) -> Result<pb::QuarantinedRow, Error> {
    let cells = content.cells.iter();
    let raw = json::object_of_texts(
        cells
            .clone()
            .map(|(name, cell)| (name.as_str(), cell.as_str())),
    )?;
    let row = u32::try_from(row).unwrap_or_default();
    let value = |column: &str| {
        let cell = cells.clone().find(|(name, _)| name == column);
        cell.map(|(_, cell)| cell.clone()).unwrap_or_default()
    };
    Ok(pb::QuarantinedRow {
        row,
        raw_json: String::from_utf8_lossy(&raw).into_owned(),
        problems: content
            .problems
            .iter()
            .map(|finding| pb::Problem {
                rule: finding.rule.clone(),
                row,
                column: finding.column.clone(),
                value: value(&finding.column),
                message: finding.message.clone(),
                suggestion: finding.suggestion.clone(),
                fix: finding.fix.clone(),
            })
            .collect(),
    })
}

pub(super) fn quote_message(quote: ListedQuote) -> pb::Quote {
    let ListedQuote { row, personal } = quote;
    let outcome = match row.won {
        Some(true) => pb::Outcome::Won,
        Some(false) => pb::Outcome::Lost,
        None => pb::Outcome::Open,
    };
    pb::Quote {
        id: row.id.to_string(),
        row: u32::try_from(row.row).unwrap_or_default(),
        won: row.won.unwrap_or_default(),
        quoted_on: row.quoted_on.to_string(),
        price_minor: row.price_minor,
        raw_json: row.raw,
        outcome: outcome as i32,
        quote_ref: row.quote_ref.unwrap_or_default(),
        revision: row.revision.unwrap_or_default(),
        currency: row.currency.unwrap_or_default(),
        customer: row.customer.unwrap_or_default(),
        product: row.product.unwrap_or_default(),
        import_id: row.import_id.to_string(),
        derived_json: row.derived,
        personal_json: personal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_end_early_and_say_so() {
        let quote = |bytes: usize| pb::Quote {
            raw_json: "x".repeat(bytes),
            ..Default::default()
        };
        let (kept, cut) = fitting(vec![quote(200_000); 5]);
        assert_eq!((kept.len(), cut), (2, true));
        let (kept, cut) = fitting(vec![quote(600_000); 2]);
        assert_eq!((kept.len(), cut), (1, true));
        let (kept, cut) = fitting(vec![quote(1); 3]);
        assert_eq!((kept.len(), cut), (3, false));
        assert_eq!(fitting::<pb::Quote>(Vec::new()), (Vec::new(), false));
    }

    #[test]
    fn page_tokens_of_quarantined_rows_are_rows() {
        assert_eq!(parse_row("").unwrap(), 0);
        assert_eq!(parse_row("17").unwrap(), 17);
        for bad in ["-1", "0", "x", "99999999999"] {
            assert!(parse_row(bad).is_err(), "{bad}");
        }
    }
}
