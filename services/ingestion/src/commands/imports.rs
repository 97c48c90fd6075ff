//! Imports: looked up, taken back, and the rows that they left aside.

use platform::{crypto, page::Page};
use proto::{
    ingestion::ImportUndoRequested,
    rpc::{Caller, Context},
};
use uuid::Uuid;

use super::{Commands, Result};
use crate::{
    Error,
    domain::quarantine::{self, Quarantined},
    store,
};

impl Commands {
    pub async fn get_import(&self, caller: &Caller, id: Uuid) -> Result<store::ImportRow> {
        let mut tx = self.database.begin(caller.tenant_id).await?;
        let found = store::find_import(&mut tx, id).await?;
        tx.commit().await?;
        found.ok_or(Error::NoImport(id))
    }

    pub async fn list_imports(
        &self,
        caller: &Caller,
        dataset_id: Option<Uuid>,
        page: &Page,
    ) -> Result<Vec<store::ImportRow>> {
        let mut tx = self.database.begin(caller.tenant_id).await?;
        if let Some(id) = dataset_id {
            store::find_dataset(&mut tx, id)
                .await?
                .ok_or(Error::NoDataset(id))?;
        }
        let found = store::list_imports(&mut tx, dataset_id, page).await?;
        tx.commit().await?;
        Ok(found)
    }

    /// Asks for an import to be taken back; the job does it.
    pub async fn undo_import(
        &self,
        context: &Context,
        caller: &Caller,
        id: Uuid,
    ) -> Result<store::ImportRow> {
        let mut tx = self.database.begin(caller.tenant_id).await?;
        let import = store::find_import(&mut tx, id)
            .await?
            .ok_or(Error::NoImport(id))?;
        // Held, so that no later import builds on these quotes meanwhile.
        store::claim_dataset(&mut tx, import.dataset_id).await?;
        if let Some(later) = store::find_import_on_top(&mut tx, import.dataset_id, id).await? {
            return Err(Error::BuiltUpon(later));
        }
        if !store::update_import_undoing(&mut tx, id).await? {
            return Err(Error::NotDone(import.state));
        }
        tx.publish(&ImportUndoRequested {
            import_id: id.to_string(),
            dataset_id: import.dataset_id.to_string(),
        })
        .await?;
        tx.audit(context, "ingestion.undo_import", id).await?;
        let import = store::find_import(&mut tx, id).await?;
        tx.commit().await?;
        import.ok_or(Error::NoImport(id))
    }

    pub async fn list_quarantined(
        &self,
        context: &Context,
        caller: &Caller,
        import_id: Uuid,
        after: i32,
        limit: i64,
    ) -> Result<Vec<(i32, Quarantined)>> {
        let key = self.keys.data_key(caller.tenant_id).await?;
        let mut tx = self.database.begin(caller.tenant_id).await?;
        store::find_import(&mut tx, import_id)
            .await?
            .ok_or(Error::NoImport(import_id))?;
        let rows = store::list_quarantined(&mut tx, import_id, after, limit).await?;
        tx.audit(context, "ingestion.read_quarantined_rows", import_id)
            .await?;
        tx.commit().await?;
        rows.into_iter()
            .map(|(row, sealed)| {
                let context = quarantine::context(caller.tenant_id, import_id, row);
                let plain = crypto::open(&key, &context, &sealed, "a row left aside")?;
                Ok((row, serde_json::from_slice(&plain)?))
            })
            .collect()
    }
}
