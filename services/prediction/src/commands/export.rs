//! A model as a file to take away. Deliberately checked before it goes out: what cannot be read back is no export.

use platform::wire::timestamp;
use prost::Message as _;
use proto::{
    common::BlobRef,
    prediction::PortableModel,
    rpc::{Caller, Context},
    training::InputSchema,
};
use uuid::Uuid;

use super::{Commands, Result, off_thread};
use crate::domain::portable::{self, Portable};

/// Purpose of the blobs; nobody needs them once they were sent.
const PURPOSE: &str = "export";

impl Commands {
    /// Writes the file of a model, for the gateway to stream and to remove.
    pub async fn prepare_export(
        &self,
        context: &Context,
        caller: &Caller,
        id: Uuid,
    ) -> Result<BlobRef> {
        let tenant = caller.tenant_id;
        let row = self.models.row(context, tenant, id).await?;
        let artefact = self.models.part(tenant, &row, &row.artefact()).await?;
        let history = match row.history() {
            Some(blob) => self.models.part(tenant, &row, &blob).await?,
            None => Vec::new(),
        };
        let model = PortableModel {
            model_id: id.to_string(),
            dataset_id: row.dataset_id.to_string(),
            artefact,
            input_schema: Some(InputSchema::decode(row.input_schema.as_slice())?),
            history,
            stale_reason: row.stale_reason,
            exported_at: Some(timestamp(self.kit.clock.now())),
        };
        let file = off_thread(move || {
            let file = portable::to_bytes(&model);
            Portable::from_bytes(&file)?;
            Ok(file)
        })
        .await?;
        let mut tx = self.kit.database().begin(tenant).await?;
        tx.audit(context, "prediction.export_model", id).await?;
        let blob = self.kit.blobs.put(tenant, PURPOSE, &file).await?;
        tx.commit().await?;
        Ok(blob)
    }
}
