//! The import: an accepted file becomes quotes and a snapshot, all of it or nothing. Deliberately no
//! new judgement of the file: it is read with the meanings that were stored when it was accepted.

use std::{ops::RangeInclusive, sync::Arc};

use chrono::NaiveDate;
use platform::{
    Coded as _, Kit, TenantTx,
    consumer::Delivery,
    error::{Fate, chain},
    page::parse_id,
};
use prost::Message as _;
use proto::{
    common::BlobRef,
    ingestion::{DatasetFailed, DatasetImported, DatasetUploaded, WinRatePeriod},
    rpc::Context,
};
use tokio::{sync::mpsc, task::spawn_blocking};
use uuid::Uuid;

use crate::{
    Error,
    domain::{
        State,
        inspect::{self, Accepted},
        meaning, rows, snapshot,
    },
    store::{self, DatasetRow},
};

type Result<T> = std::result::Result<T, Error>;

/// Chunks of quotes that may wait for the database.
const CHUNKS_AHEAD: usize = 4;

/// Everything that is stored of a file, ready before the transaction begins.
struct Prepared {
    content: Arc<Accepted>,
    snapshot: Vec<u8>,
    win_rates: Vec<WinRatePeriod>,
    years: Vec<RangeInclusive<i32>>,
    uploaded_on: NaiveDate,
}

/// Stores the quotes of an accepted upload. Where that fails for good the dataset says so.
pub async fn import_dataset(kit: &Kit, delivery: &Delivery, event: &DatasetUploaded) -> Result<()> {
    let id = parse_id("dataset_id", &event.dataset_id)?;
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
            tracing::warn!(error = %chain(&error), dataset = %id, "the failed import could not be noted");
        }
    }
    outcome
}

async fn attempt(kit: &Kit, delivery: &Delivery, id: Uuid) -> Result<()> {
    let mut tx = kit.database().begin(delivery.tenant).await?;
    let found = store::find_dataset(&mut tx, id).await?;
    tx.commit().await?;
    let Some(dataset) = found.filter(is_open) else {
        return Ok(());
    };
    match prepare(kit, delivery.tenant, &dataset).await? {
        Ok(prepared) => finish(kit, delivery, id, prepared).await,
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
fn is_open(dataset: &DatasetRow) -> bool {
    State::of(&dataset.state) != State::Ready
}

/// Reads the file again; answers the sentence of its refusal where it cannot be used after all.
async fn prepare(
    kit: &Kit,
    tenant: Uuid,
    dataset: &DatasetRow,
) -> Result<std::result::Result<Prepared, String>> {
    let bytes = match kit.blobs.get(tenant, &dataset.upload()).await {
        Ok(bytes) => bytes,
        Err(error @ (platform::Error::Decryption(_) | platform::Error::Checksum(_))) => {
            tracing::error!(error = %chain(&error), dataset = %dataset.id, "a stored upload is damaged");
            return Ok(Err("the stored file is damaged: import it again".to_owned()));
        }
        Err(error) => return Err(error.into()),
    };
    let given = meaning::restored(&dataset.mapping);
    // The day of the upload, so that a late redelivery judges as the upload did.
    let uploaded_on = dataset.created_at.date_naive();
    spawn_blocking(move || {
        let found = inspect::inspect(&bytes, &given, &[], uploaded_on);
        let Some(content) = found.accepted else {
            // Names of rules only: the sentence travels in an event, which holds no cells.
            return Err(format!(
                "the file was accepted, but reading it again broke the rules {}: import it again with --dry-run to see where",
                inspect::rules(&found.report).join(", ")
            ));
        };
        Ok(Prepared {
            snapshot: snapshot::snapshot(&content.frame).encode_to_vec(),
            win_rates: snapshot::win_rates(&content.frame),
            years: rows::year_runs(&content.frame, uploaded_on),
            content: Arc::new(content),
            uploaded_on,
        })
    })
    .await
    .map_err(|error| Error::Broken(error.to_string()))
}

async fn finish(kit: &Kit, delivery: &Delivery, id: Uuid, prepared: Prepared) -> Result<()> {
    // In a transaction of its own: making a partition locks the table against everybody.
    let mut tx = kit.database().begin(delivery.tenant).await?;
    store::insert_quote_partitions(&mut tx, &prepared.years).await?;
    tx.commit().await?;
    let blob = kit
        .blobs
        .put(delivery.tenant, "snapshot", &prepared.snapshot)
        .await?;
    match write(kit, delivery, id, &prepared, &blob).await {
        // A commit that fails may have happened, so from here on the snapshot is never deleted.
        Ok(Some(tx)) => Ok(tx.commit().await?),
        Ok(None) => {
            discard(kit, delivery.tenant, &blob).await;
            Ok(())
        }
        Err(error) => {
            discard(kit, delivery.tenant, &blob).await;
            Err(error)
        }
    }
}

/// Writes everything into one transaction; `None` where there is nothing to be written any more.
async fn write(
    kit: &Kit,
    delivery: &Delivery,
    id: Uuid,
    prepared: &Prepared,
    blob: &BlobRef,
) -> Result<Option<TenantTx>> {
    let opened = kit
        .database()
        .begin_once(delivery.tenant, &delivery.consumer, delivery.event_id)
        .await?;
    let Some(mut tx) = opened else {
        return Ok(None);
    };
    let claimed = store::claim_dataset(&mut tx, id).await?;
    if !claimed.as_ref().is_some_and(is_open) {
        return Ok(None);
    }
    write_quotes(&mut tx, id, prepared).await?;
    let outcomes = &prepared.content.frame.outcomes;
    let won = outcomes.iter().filter(|won| **won).count();
    let (row_count, won_count) = (count(outcomes.len()), count(won));
    store::update_dataset_ready(&mut tx, id, row_count, won_count, blob).await?;
    tx.publish(&DatasetImported {
        dataset_id: id.to_string(),
        row_count,
        won_count,
        snapshot: Some(blob.clone()),
        win_rates: prepared.win_rates.clone(),
    })
    .await?;
    tx.audit(&system(delivery), "ingestion.finish_import", id)
        .await?;
    Ok(Some(tx))
}

async fn write_quotes(tx: &mut TenantTx, id: Uuid, prepared: &Prepared) -> Result<()> {
    let (sender, chunks) = mpsc::channel(CHUNKS_AHEAD);
    let (content, uploaded_on) = (Arc::clone(&prepared.content), prepared.uploaded_on);
    let writer = spawn_blocking(move || {
        rows::write_copy(&content, uploaded_on, |chunk| {
            sender.blocking_send(chunk).is_ok()
        })
    });
    let written = store::insert_quotes(tx, id, chunks).await?;
    writer
        .await
        .map_err(|error| Error::Broken(error.to_string()))??;
    // A writer that broke off looks like the end of the file to the database.
    let expected = prepared.content.frame.len();
    if usize::try_from(written) != Ok(expected) {
        return Err(Error::Incoherent { written, expected });
    }
    Ok(())
}

async fn note_failure(
    tx: &mut TenantTx,
    id: Uuid,
    problem: &str,
    delivery: &Delivery,
) -> Result<()> {
    let claimed = store::claim_dataset(tx, id).await?;
    if !claimed.as_ref().is_some_and(is_open) {
        return Ok(());
    }
    store::update_dataset_failed(tx, id, &meaning::storable(problem)).await?;
    tx.publish(&DatasetFailed {
        dataset_id: id.to_string(),
        problem: problem.to_owned(),
    })
    .await?;
    tx.audit(&system(delivery), "ingestion.fail_import", id)
        .await?;
    Ok(())
}

async fn discard(kit: &Kit, tenant: Uuid, blob: &BlobRef) {
    if let Err(error) = kit.blobs.delete(tenant, blob).await {
        tracing::warn!(%error, "a snapshot that nobody needs is left behind");
    }
}

/// The system acts here, on behalf of nobody who is signed in.
fn system(delivery: &Delivery) -> Context {
    Context::system(delivery.event_id.to_string())
}

fn count(rows: usize) -> u32 {
    u32::try_from(rows).unwrap_or(u32::MAX)
}
