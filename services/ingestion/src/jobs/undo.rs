//! Takes an import back: its quotes go, unless a later import that counts has them too; the ones that
//! they replaced count again, and what was derived from them is made anew.

use platform::{Kit, consumer::Delivery, page::parse_id};
use proto::ingestion::{ImportUndoRequested, ImportUndone};

use super::{Result, discard, rebuild, system};
use crate::store;

/// Takes an import back that is marked so.
pub async fn undo_import(
    kit: &Kit,
    delivery: &Delivery,
    event: &ImportUndoRequested,
) -> Result<()> {
    let id = parse_id("import_id", &event.import_id)?;
    let dataset_id = parse_id("dataset_id", &event.dataset_id)?;
    let opened = kit
        .database()
        .begin_once(delivery.tenant, &delivery.consumer, delivery.event_id)
        .await?;
    let Some(mut tx) = opened else { return Ok(()) };
    store::allow_long_work(&mut tx).await?;
    let Some(dataset) = store::claim_dataset(&mut tx, dataset_id).await? else {
        return Ok(tx.commit().await?);
    };
    let import = store::find_import(&mut tx, id).await?;
    let Some(import) = import.filter(|import| import.state == "undoing") else {
        return Ok(tx.commit().await?);
    };
    store::update_confirmed_quotes(&mut tx, dataset_id, id).await?;
    store::delete_import_quotes(&mut tx, dataset_id, id).await?;
    store::update_import_undone(&mut tx, id, kit.clock.now()).await?;
    let mut snapshots = Vec::new();
    let rebuilt = rebuild::rebuild(kit, &mut tx, &dataset, &mut snapshots).await;
    if let Err(error) = rebuilt {
        for blob in &snapshots {
            discard(kit, delivery.tenant, blob).await;
        }
        return Err(error);
    }
    tx.publish(&ImportUndone {
        import_id: id.to_string(),
        dataset_id: dataset_id.to_string(),
    })
    .await?;
    tx.audit(&system(delivery), "ingestion.finish_undo", id)
        .await?;
    // A commit that fails may have happened, so from here on the snapshot is never deleted.
    tx.commit().await?;
    discard(kit, delivery.tenant, &import.upload()).await;
    Ok(())
}
