//! The key by which addresses are found, made once, and the sealing of addresses that lie in the clear from
//! the time before. Deliberately at the start, before anything is looked up.

use platform::{
    Kit, TenantTx,
    config::Key,
    crypto::{self, unwrap_key},
};
use uuid::Uuid;

use super::{Commands, Result};
use crate::{Error, domain::addresses::Addresses, store};

/// Users sealed in one transaction.
const PART: i64 = 500;
const WHAT: &str = "the key of the blind index";

/// Reads the key of the blind index, which is made where there is none.
pub async fn load(kit: &Kit) -> Result<Addresses> {
    let kek = kit.config.kek.clone();
    let mut tx = kit.database().begin_any().await?;
    let mut found = store::find_index_key(&mut tx).await?;
    if found.is_none() {
        let id = Uuid::now_v7();
        let sealed = crypto::seal(&kek.current(), &context(id), Key::generate().expose());
        store::insert_index_key(&mut tx, id, &sealed, kit.clock.now()).await?;
        // Another process may have been first.
        found = store::find_index_key(&mut tx).await?;
    }
    tx.commit().await.map_err(platform::Error::from)?;
    let (id, sealed) = found.ok_or(platform::Error::Decryption(WHAT))?;
    let key = crypto::open_key(&kek, &context(id), &sealed, WHAT)?;
    Ok(Addresses::new(kek, key))
}

fn context(id: Uuid) -> String {
    format!("index_key|sealed|{id}")
}

impl Commands {
    /// Seals the addresses that lie in the clear; answers how many there were.
    pub async fn seal_addresses(&self) -> Result<usize> {
        let mut done = 0;
        loop {
            let mut tx = self.database.begin_any().await?;
            let users = store::claim_users_in_the_clear(&mut tx, PART).await?;
            for (user, email) in &users {
                let address = self.addresses.seal(*user, email);
                store::update_user_sealed(&mut tx, *user, &address).await?;
            }
            tx.commit().await.map_err(platform::Error::from)?;
            done += users.len();
            if users.is_empty() {
                break;
            }
        }
        let mut tx = self.database.begin_any().await?;
        let tenants = store::list_tenants_in_the_clear(&mut tx).await?;
        tx.commit().await.map_err(platform::Error::from)?;
        for tenant in tenants {
            let mut tx = self.database.begin(tenant).await?;
            let key = match self.data_key_of(&mut tx).await {
                // Gone with all its invitations meanwhile.
                Err(Error::NoOrganization) => continue,
                key => key?,
            };
            let invitations = store::claim_invitations_in_the_clear(&mut tx).await?;
            for (id, email) in &invitations {
                let address = self.addresses.seal_invited(&key, *id, email);
                store::update_invitation_sealed(&mut tx, *id, &address).await?;
            }
            tx.commit().await?;
            done += invitations.len();
        }
        if done > 0 {
            tracing::info!(done, "addresses that lay in the clear are sealed");
        }
        Ok(done)
    }

    /// The data key of the transaction's organisation.
    pub(super) async fn data_key_of(&self, tx: &mut TenantTx) -> Result<Key> {
        let wrapped = store::find_tenant_key(tx).await?;
        let wrapped = wrapped.ok_or(Error::NoOrganization)?;
        Ok(unwrap_key(&self.kek, tx.tenant(), &wrapped)?)
    }
}
