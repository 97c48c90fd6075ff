//! The import: an accepted file becomes quotes and a snapshot, all of it or nothing.

use std::{ops::RangeInclusive, sync::Arc};

use chrono::NaiveDate;
use platform::{
    Coded as _, Kit, TenantTx,
    config::Key,
    consumer::Delivery,
    crypto,
    error::{Fate, chain},
    page::parse_id,
};
use proto::{
    common::BlobRef,
    ingestion::{DatasetFailed, DatasetUploaded, ImportProgressed},
};
use tabular::{Outcome, derive::History};
use tokio::{sync::mpsc, task::spawn_blocking};
use uuid::Uuid;

use super::{
    Result, confirm, discard,
    prepare::{Prepared, prepare},
    put_snapshot, rebuild, system, tell_content,
};
use crate::{
    Error,
    commands::look::{self, Eyes},
    domain::{
        content::{FileContent, Rows as _},
        meaning,
        plan::{Effect, Plan},
        quarantine,
        rows::{self, Portion, Storing},
    },
    store::{self, Counts, DatasetRow, ImportRow},
};

/// Portions of quotes that may wait for the database.
const PORTIONS_AHEAD: usize = 1;
/// Rows between two reports of progress.
const PROGRESS_ROWS: u64 = 50_000;
/// Rows left aside that are stored at once.
const QUARANTINE_AT_ONCE: usize = 1_000;

/// Stores the quotes of an accepted upload. Where that fails for good the import says so.
pub async fn import_dataset(kit: &Kit, delivery: &Delivery, event: &DatasetUploaded) -> Result<()> {
    let id = match event.import_id.as_str() {
        // Events of before named the dataset only, whose first import has its id.
        "" => parse_id("dataset_id", &event.dataset_id)?,
        id => parse_id("import_id", id)?,
    };
    let outcome = attempt(kit, delivery, id).await;
    if let Err(error) = &outcome
        && (delivery.is_last() || error.code().fate() == Fate::DeadLetter)
    {
        let problem = "the quotes could not be stored: try the import again, and ask the operators to look at the dead letters where it fails again";
        // The event is not claimed, so that a replay from the dead letters can still succeed.
        let noted = async {
            let mut tx = kit.database().begin(delivery.tenant).await?;
            note_failure(&mut tx, id, problem, delivery).await?;
            Ok::<(), Error>(tx.commit().await?)
        };
        if let Err(error) = noted.await {
            tracing::warn!(error = %chain(&error), import = %id, "the failed import could not be noted");
        }
    }
    outcome
}

async fn attempt(kit: &Kit, delivery: &Delivery, id: Uuid) -> Result<()> {
    let mut tx = kit.database().begin(delivery.tenant).await?;
    let found = store::find_import(&mut tx, id).await?;
    tx.commit().await?;
    let Some(import) = found.filter(is_open) else {
        return Ok(());
    };
    match prepare(kit, delivery.tenant, &import).await? {
        Ok(prepared) => finish(kit, delivery, &import, prepared).await,
        Err(problem) => {
            let opened = kit
                .database()
                .begin_once(delivery.tenant, &delivery.consumer, delivery.event_id)
                .await?;
            let Some(mut tx) = opened else { return Ok(()) };
            note_failure(&mut tx, id, &problem, delivery).await?;
            Ok(tx.commit().await?)
        }
    }
}

/// Whether the quotes are still to be stored. A failed import may be tried again by a replay.
fn is_open(import: &ImportRow) -> bool {
    matches!(import.state.as_str(), "importing" | "failed")
}

async fn finish(
    kit: &Kit,
    delivery: &Delivery,
    import: &ImportRow,
    prepared: Prepared,
) -> Result<()> {
    // In a transaction of its own: making a partition locks the table against everybody.
    let mut tx = kit.database().begin(delivery.tenant).await?;
    let years = rows::year_runs(&prepared.content.frame, prepared.uploaded_on);
    store::insert_quote_partitions(&mut tx, &years).await?;
    tx.commit().await?;
    let rows = prepared.content.frame.len() as u64;
    let mut snapshots = Vec::new();
    match write(kit, delivery, import, prepared, &mut snapshots).await {
        // A commit that fails may have happened, so from here on the snapshot is never deleted.
        Ok(Some(tx)) => {
            tx.commit().await?;
            describe_quotes(kit, delivery, &years, rows).await;
            Ok(())
        }
        other => {
            for blob in &snapshots {
                discard(kit, delivery.tenant, blob).await;
            }
            other.map(|_| ())
        }
    }
}

/// The quotes are there whether or not this succeeds; lists of them are slower until it has.
async fn describe_quotes(kit: &Kit, delivery: &Delivery, years: &[RangeInclusive<i32>], rows: u64) {
    let described = async {
        let mut tx = kit.database().begin(delivery.tenant).await?;
        store::update_quote_statistics(&mut tx, years, rows).await?;
        Ok::<(), Error>(tx.commit().await?)
    };
    if let Err(error) = described.await {
        tracing::warn!(error = %chain(&error), "Postgres was not told what the new quotes are like");
    }
}

/// Writes everything into one transaction; `None` where there is nothing to be written any more.
/// Snapshots that were stored on the way are noted, so that the caller can take them back.
async fn write(
    kit: &Kit,
    delivery: &Delivery,
    import: &ImportRow,
    prepared: Prepared,
    snapshots: &mut Vec<BlobRef>,
) -> Result<Option<TenantTx>> {
    let tenant = delivery.tenant;
    let opened = kit
        .database()
        .begin_once(tenant, &delivery.consumer, delivery.event_id)
        .await?;
    let Some(mut tx) = opened else {
        return Ok(None);
    };
    store::allow_long_work(&mut tx).await?;
    let Some(dataset) = store::claim_dataset(&mut tx, import.dataset_id).await? else {
        return Ok(None);
    };
    let found = store::find_import(&mut tx, import.id).await?;
    if !found.as_ref().is_some_and(is_open) {
        return Ok(None);
    }
    let is_first = !store::has_quotes(&mut tx, dataset.id).await?;
    let database = kit.database();
    let eyes = Eyes {
        database: &database,
        blobs: &kit.blobs,
        keys: &kit.keys,
        limits: look::limits(&kit.config.uploads),
    };
    let Prepared {
        content,
        bad_rows,
        refused,
        columns,
        uploaded_on,
    } = prepared;
    let (mut plan, content) = eyes
        .plan(&mut tx, Some(dataset.id), &import.reading.0, content)
        .await?;
    plan.effect.refused = refused;
    let effect = plan.effect;
    let stored = stored_rows(&effect);
    store::update_quotes_replaced(&mut tx, dataset.id, &plan.replaced).await?;
    confirm::confirm_quotes(&mut tx, import.id, &plan, &content).await?;
    let job = Job {
        kit,
        delivery,
        dataset: &dataset,
        import,
        uploaded_on,
    };
    if is_first {
        job.store_all(&mut tx, content, plan, snapshots).await?;
    } else {
        let history = None;
        job.store_quotes(&mut tx, Arc::new(content), Arc::new(plan), history)
            .await?;
        store::update_import_done(&mut tx, import.id, &effect, stored).await?;
        rebuild::rebuild(kit, &mut tx, &dataset, snapshots).await?;
    }
    store::update_dataset_columns(&mut tx, dataset.id, &columns).await?;
    quarantine_rows(kit, &mut tx, import.id, &bad_rows).await?;
    tx.audit(&system(delivery), "ingestion.finish_import", import.id)
        .await?;
    Ok(Some(tx))
}

/// Rows of the file that are stored.
fn stored_rows(effect: &Effect) -> u32 {
    effect.created.saturating_add(effect.updated)
}

/// The storing of one file.
struct Job<'a> {
    kit: &'a Kit,
    delivery: &'a Delivery,
    dataset: &'a DatasetRow,
    import: &'a ImportRow,
    uploaded_on: NaiveDate,
}

impl Job<'_> {
    /// Stores the first file of a dataset: derived features and the snapshot come from its rows alone.
    async fn store_all(
        &self,
        tx: &mut TenantTx,
        content: FileContent,
        plan: Plan,
        snapshots: &mut Vec<BlobRef>,
    ) -> Result<()> {
        let built = spawn_blocking(move || {
            let history = History::build((0..content.frame.len()).map(|row| content.facts(row)));
            (content, history)
        });
        let (content, history) = built
            .await
            .map_err(|error| Error::Broken(error.to_string()))?;
        let (content, plan, history) = (Arc::new(content), Arc::new(plan), Arc::new(history));
        let counting: Vec<usize> = plan.counting().collect();
        let counts = counts(&content, &counting);
        // At the same time: one waits for Postgres, the other computes.
        let (stored, put) = tokio::join!(
            self.store_quotes(
                tx,
                Arc::clone(&content),
                Arc::clone(&plan),
                Some(Arc::clone(&history))
            ),
            put_snapshot(
                &self.kit.blobs,
                self.delivery.tenant,
                Arc::clone(&content),
                counting,
                Arc::clone(&history),
            )
        );
        if let Ok((snapshot, _)) = &put {
            snapshots.push(snapshot.clone());
        }
        stored?;
        let (snapshot, win_rates) = put?;
        // Dropping the rows of a large file takes a while, and they are not needed below.
        spawn_blocking(move || drop((content, history)));
        let stored = stored_rows(&plan.effect);
        store::update_import_done(tx, self.import.id, &plan.effect, stored).await?;
        tell_content(tx, self.dataset, counts, Some(&snapshot), win_rates).await
    }

    /// Stores the quotes portion by portion, and tells of the progress.
    async fn store_quotes(
        &self,
        tx: &mut TenantTx,
        content: Arc<FileContent>,
        plan: Arc<Plan>,
        history: Option<Arc<History>>,
    ) -> Result<()> {
        let tenant = self.delivery.tenant;
        let key = self.kit.keys.data_key(tenant).await?;
        let expected = plan.written().count();
        let (sender, mut portions) = mpsc::channel::<Portion>(PORTIONS_AHEAD);
        let uploaded_on = self.uploaded_on;
        let writer = spawn_blocking(move || {
            let storing = Storing {
                tenant,
                key: &key,
                uploaded_on,
                plan: &plan,
                history: history.as_deref(),
            };
            rows::write_portions(&content, &storing, |portion| {
                sender.blocking_send(portion).is_ok()
            })
        });
        store::insert_staging(tx).await?;
        let (mut written, mut told) = (0, 0);
        while let Some(portion) = portions.recv().await {
            let arrived =
                store::insert_quotes(tx, self.dataset.id, self.import.id, &portion.copy).await?;
            written += arrived;
            if written - told >= PROGRESS_ROWS {
                told = written;
                self.tell_progress(written, expected).await?;
            }
        }
        writer
            .await
            .map_err(|error| Error::Broken(error.to_string()))??;
        // A writer that broke off looks like the end of the file to the database.
        if usize::try_from(written) != Ok(expected) {
            return Err(Error::Incoherent { written, expected });
        }
        Ok(())
    }

    /// In a unit of work of its own: the import itself is not visible before it is complete.
    async fn tell_progress(&self, done: u64, total: usize) -> Result<()> {
        let rows_done = u32::try_from(done).unwrap_or(u32::MAX);
        let mut tx = self.kit.database().begin(self.delivery.tenant).await?;
        store::update_import_progress(&mut tx, self.import.id, rows_done).await?;
        tx.publish(&ImportProgressed {
            import_id: self.import.id.to_string(),
            dataset_id: self.dataset.id.to_string(),
            rows_done,
            rows_total: u32::try_from(total).unwrap_or(u32::MAX),
        })
        .await?;
        Ok(tx.commit().await?)
    }
}

fn counts(content: &FileContent, rows: &[usize]) -> Counts {
    let mut counts = Counts::default();
    for row in rows {
        match content.frame.outcomes[*row] {
            Outcome::Won => counts.won += 1,
            Outcome::Lost => counts.lost += 1,
            Outcome::Open => counts.open += 1,
        }
    }
    counts
}

async fn quarantine_rows(
    kit: &Kit,
    tx: &mut TenantTx,
    import: Uuid,
    rows: &Arc<Vec<(i32, quarantine::Quarantined)>>,
) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let tenant = tx.tenant();
    let key: Key = kit.keys.data_key(tenant).await?;
    for some in rows.chunks(QUARANTINE_AT_ONCE) {
        let sealed = some
            .iter()
            .map(|(row, content)| {
                let context = quarantine::context(tenant, import, *row);
                let plain = serde_json::to_vec(content)?;
                Ok((*row, crypto::seal(&key, &context, &plain)))
            })
            .collect::<Result<Vec<_>>>()?;
        store::insert_quarantined(tx, import, &sealed).await?;
    }
    Ok(())
}

async fn note_failure(
    tx: &mut TenantTx,
    id: Uuid,
    problem: &str,
    delivery: &Delivery,
) -> Result<()> {
    let Some(import) = store::find_import(tx, id).await? else {
        return Ok(());
    };
    store::claim_dataset(tx, import.dataset_id).await?;
    let import = store::find_import(tx, id).await?;
    let Some(import) = import.filter(is_open) else {
        return Ok(());
    };
    store::update_import_failed(tx, id, &meaning::storable(problem)).await?;
    store::update_dataset_failed(tx, import.dataset_id, &meaning::storable(problem)).await?;
    tx.publish(&DatasetFailed {
        dataset_id: import.dataset_id.to_string(),
        problem: problem.to_owned(),
        import_id: id.to_string(),
    })
    .await?;
    tx.audit(&system(delivery), "ingestion.fail_import", id)
        .await?;
    Ok(())
}
