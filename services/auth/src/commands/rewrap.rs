//! The rotation of the key-encryption key: whatever another key than the present one has sealed is sealed
//! anew. Deliberately without a list of what is done: what is left is found by the keys' ids.

use platform::crypto::{self, key_id};
use uuid::Uuid;

use super::{Commands, Result};
use crate::store;

/// Things sealed anew in one transaction.
const PART: i64 = 100;

impl Commands {
    /// Reads the keys again where they have changed, and seals anew until nothing is left; answers how much
    /// that was.
    pub async fn rewrap(&self) -> Result<usize> {
        if self.kek.reload().map_err(platform::Error::from)? {
            tracing::info!("the key-encryption keys have changed");
        }
        let current = key_id(&self.kek.current());
        let mut done = 0;
        for kind in &store::KINDS {
            loop {
                let count = self.rewrap_part(kind, &current).await?;
                done += count;
                if (count as i64) < PART {
                    break;
                }
            }
        }
        loop {
            let mut tx = self.database.begin_any().await?;
            let tenants = store::list_wrapped_by_others(&mut tx, &current, PART).await?;
            tx.commit().await.map_err(platform::Error::from)?;
            for tenant in &tenants {
                self.rewrap_data_key(*tenant).await?;
            }
            done += tenants.len();
            if (tenants.len() as i64) < PART {
                break;
            }
        }
        if done > 0 {
            tracing::info!(done, "sealed anew by the present key-encryption key");
        }
        Ok(done)
    }

    async fn rewrap_part(&self, kind: &store::Kind, current: &[u8]) -> Result<usize> {
        let mut tx = self.database.begin_any().await?;
        let found = store::list_sealed_by_others(&mut tx, kind, current, PART).await?;
        for (id, sealed) in &found {
            let fresh = crypto::reseal(&self.kek, &kind.context(*id), sealed, kind.name)?;
            if let Some(fresh) = fresh {
                store::update_sealed(&mut tx, kind, *id, sealed, &fresh).await?;
            }
        }
        tx.commit().await.map_err(platform::Error::from)?;
        Ok(found.len())
    }

    async fn rewrap_data_key(&self, tenant: Uuid) -> Result<()> {
        let mut tx = self.database.begin(tenant).await?;
        // Gone with its organisation meanwhile.
        let Some(wrapped) = store::find_tenant_key(&mut tx).await? else {
            return Ok(tx.commit().await?);
        };
        let context = crypto::wrap_context(tenant);
        if let Some(fresh) = crypto::reseal(&self.kek, &context, &wrapped, "a data key")? {
            store::update_tenant_key(&mut tx, &wrapped, &fresh).await?;
        }
        Ok(tx.commit().await?)
    }
}
