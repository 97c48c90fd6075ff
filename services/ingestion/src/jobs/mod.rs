//! Work that outlives a message: storing an accepted file, taking an import back, and sweeping away
//! what killed processes left behind. Deliberately no new judgement of a file: it is read with the
//! meanings that were settled when it was accepted.

mod confirm;
mod import;
mod prepare;
mod rebuild;
mod sweep;
mod undo;

pub use import::import_dataset;
pub use sweep::sweep;
pub use undo::undo_import;

use std::sync::Arc;

use platform::{
    Kit, TenantTx,
    blobs::{BlobWriter, Blobs},
    consumer::Delivery,
};
use proto::{
    common::BlobRef,
    ingestion::{DatasetImported, WinRatePeriod},
    rpc::Context,
};
use tabular::derive::History;
use tokio::{sync::mpsc, task::spawn_blocking};
use uuid::Uuid;

use crate::{
    Error,
    domain::{content::Rows, snapshot},
    store::{self, Counts},
};

type Result<T> = std::result::Result<T, Error>;

/// Pieces of a snapshot that may wait for the blob store.
const PIECES_AHEAD: usize = 2;

/// Stores the snapshot of some rows of a content.
async fn put_snapshot<C: Rows + Send + Sync + 'static>(
    blobs: &Blobs,
    tenant: Uuid,
    content: Arc<C>,
    rows: Vec<usize>,
    history: Arc<History>,
) -> Result<(BlobRef, Vec<WinRatePeriod>)> {
    let mut writer = blobs.writer(tenant, "snapshot").await?;
    let (sender, mut pieces) = mpsc::channel(PIECES_AHEAD);
    let work = spawn_blocking(move || {
        // A closed channel means that the writer failed, whose error is the news.
        let sent = snapshot::write_snapshot(&*content, &rows, &history, |piece| {
            sender.blocking_send(piece).map_err(|_| ())
        });
        sent.is_ok().then(|| snapshot::win_rates(&*content, &rows))
    });
    let written = write_pieces(&mut writer, &mut pieces).await;
    drop(pieces);
    let done = work.await.map_err(|error| Error::Broken(error.to_string()));
    match (written, done) {
        (Ok(()), Ok(Some(win_rates))) => Ok((writer.finish().await?, win_rates)),
        (written, done) => {
            writer.abort().await;
            written?;
            done?;
            Err(Error::Broken("the snapshot was not written".to_owned()))
        }
    }
}

async fn write_pieces(writer: &mut BlobWriter, pieces: &mut mpsc::Receiver<Vec<u8>>) -> Result<()> {
    while let Some(piece) = pieces.recv().await {
        writer.write(&piece).await?;
    }
    Ok(())
}

/// Notes what a dataset holds now, and tells everybody.
async fn tell_content(
    tx: &mut TenantTx,
    dataset: &store::DatasetRow,
    counts: Counts,
    snapshot: Option<&BlobRef>,
    win_rates: Vec<WinRatePeriod>,
) -> Result<()> {
    store::update_dataset_content(tx, dataset.id, counts, snapshot).await?;
    let imports = store::list_counting_imports(tx, dataset.id).await?;
    tx.publish(&DatasetImported {
        dataset_id: dataset.id.to_string(),
        row_count: count(counts.decided()),
        won_count: count(counts.won),
        snapshot: snapshot.cloned(),
        win_rates,
        import_ids: imports.iter().map(Uuid::to_string).collect(),
        open_count: count(counts.open),
        name: dataset.name.clone(),
    })
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

fn count(rows: i64) -> u32 {
    u32::try_from(rows).unwrap_or(u32::MAX)
}
