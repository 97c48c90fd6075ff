//! Reading the audit trail, and the tenant's key for the other services.

use platform::TenantTx;
use proto::rpc::Caller;
use uuid::Uuid;

use super::{Commands, Result};
use crate::{Error, store};

impl Commands {
    pub async fn list_audit_entries(
        &self,
        caller: &Caller,
        before: i64,
        limit: i64,
    ) -> Result<Vec<store::AuditRow>> {
        let mut tx = self.database.begin(caller.tenant_id).await?;
        let entries = store::list_audit_entries(&mut tx, before, limit).await?;
        tx.commit().await?;
        Ok(entries)
    }

    pub async fn tenant_key(&self, tenant: Uuid) -> Result<Vec<u8>> {
        let mut tx: TenantTx = self.database.begin(tenant).await?;
        let key = store::find_tenant_key(&mut tx).await?;
        tx.commit().await?;
        key.ok_or(Error::NoOrganization)
    }
}
