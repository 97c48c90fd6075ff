//! The data keys of tenants, fetched once and held. Deliberately no storage of its own: the wrapped
//! keys lie in one place, so that deleting them there ends all.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use uuid::Uuid;

use crate::{
    config::{Key, Keys},
    crypto,
    error::{Error, Result},
};

/// Where wrapped keys come from: the store of the service that keeps them, or a call to it.
#[async_trait::async_trait]
pub trait KeySource: Send + Sync + 'static {
    /// The wrapped data key of a tenant; `None` where there is none (any more).
    async fn wrapped_key(&self, tenant: Uuid) -> Result<Option<Vec<u8>>>;
}

/// Gives out data keys.
#[derive(Clone)]
pub struct KeyRing {
    kek: Keys,
    source: Arc<dyn KeySource>,
    held: Arc<Mutex<HashMap<Uuid, Key>>>,
}

impl std::fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyRing(..)")
    }
}

impl KeyRing {
    /// A ring over a source.
    pub fn new(kek: impl Into<Keys>, source: Arc<dyn KeySource>) -> Self {
        Self {
            kek: kek.into(),
            source,
            held: Arc::default(),
        }
    }

    /// The data key of a tenant.
    ///
    /// # Errors
    /// `NoTenantKey` where there is none, or what the source says.
    pub async fn data_key(&self, tenant: Uuid) -> Result<Key> {
        let held = self.lock().get(&tenant).cloned();
        if let Some(key) = held {
            return Ok(key);
        }
        let wrapped = self
            .source
            .wrapped_key(tenant)
            .await?
            .ok_or(Error::NoTenantKey)?;
        let key = crypto::unwrap_key(&self.kek, tenant, &wrapped)?;
        self.lock().insert(tenant, key.clone());
        Ok(key)
    }

    /// Forgets a tenant's key, for when it was destroyed.
    pub fn forget(&self, tenant: Uuid) {
        self.lock().remove(&tenant);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Uuid, Key>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Fetches wrapped keys from the service that keeps them.
#[derive(Debug, Clone)]
pub struct RemoteKeys(pub proto::auth::auth_nats::Client<crate::rpc::NatsTransport>);

#[async_trait::async_trait]
impl KeySource for RemoteKeys {
    async fn wrapped_key(&self, tenant: Uuid) -> Result<Option<Vec<u8>>> {
        let request = proto::auth::GetTenantKeyRequest {
            organization_id: tenant.to_string(),
        };
        let context = proto::rpc::Context::system("tenant-key");
        match self.0.get_tenant_key(&context, request).await {
            Ok(answer) => Ok(Some(answer.wrapped_key)),
            Err(status) if status.code() == tonic::Code::NotFound => Ok(None),
            Err(status) => Err(status.into()),
        }
    }
}
