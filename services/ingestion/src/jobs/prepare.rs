//! Reads an accepted file again, on its way into storage. Deliberately writes nothing.

use std::sync::Arc;

use chrono::NaiveDate;
use platform::Kit;
use tabular::BadRows;
use tokio::task::spawn_blocking;
use uuid::Uuid;

use super::Result;
use crate::{
    Error,
    commands::look::{self, Eyes, Glance},
    domain::{content::FileContent, meaning, quarantine, report},
    store::ImportRow,
};

/// A file ready to be stored.
pub struct Prepared {
    pub content: FileContent,
    pub bad_rows: Arc<Vec<(i32, quarantine::Quarantined)>>,
    pub refused: u32,
    pub columns: Vec<meaning::StoredColumn>,
    pub uploaded_on: NaiveDate,
}

/// Reads the file again; answers the sentence of its refusal where it cannot be used after all.
pub async fn prepare(
    kit: &Kit,
    tenant: Uuid,
    import: &ImportRow,
) -> Result<std::result::Result<Prepared, String>> {
    // The day of the upload, so that a late redelivery judges as the upload did.
    let uploaded_on = import.created_at.date_naive();
    let glance = Glance {
        tenant,
        blob: import.upload(),
        reading: import.reading.0.clone(),
        dataset_id: Some(import.dataset_id),
        remember: false,
        today: uploaded_on,
    };
    let database = kit.database();
    let eyes = Eyes {
        database: &database,
        blobs: &kit.blobs,
        keys: &kit.keys,
        limits: look::limits(&kit.config.uploads),
    };
    let inspection = match eyes.look(&glance).await {
        Ok(Ok(inspection)) => inspection,
        Ok(Err(found)) => return Ok(Err(unusable(&[found.problem.rule.to_owned()]))),
        Err(error @ Error::Damaged) => return Ok(Err(error.to_string())),
        Err(error) => return Err(error),
    };
    let work = spawn_blocking(move || {
        let told = report::of(&inspection);
        let bad = set_aside(&inspection.sheet, &inspection.validated.bad_rows);
        let columns = meaning::store_columns(&told.columns);
        let Some((content, _)) = inspection.into_content() else {
            return Err(unusable(&report::rules(&told)));
        };
        Ok(Prepared {
            content,
            bad_rows: Arc::new(bad),
            refused: told.refused_row_count,
            columns,
            uploaded_on,
        })
    });
    work.await.map_err(|error| Error::Broken(error.to_string()))
}

/// Names of rules only: the sentence travels in an event, which holds no cells.
fn unusable(rules: &[String]) -> String {
    format!(
        "the file was accepted, but reading it again broke the rules {}: import it again with --dry-run to see where",
        rules.join(", ")
    )
}

fn set_aside(sheet: &tabular::Sheet, bad_rows: &BadRows) -> Vec<(i32, quarantine::Quarantined)> {
    bad_rows
        .iter()
        .map(|bad| quarantine::quarantined(sheet, &bad))
        .collect()
}
