//! A blob store in a folder of its own, with keys that no service keeps. Deliberately no servers.

use std::{path::PathBuf, sync::Arc};

use platform::{
    Result,
    blobs::Blobs,
    config::Key,
    crypto::new_wrapped_key,
    keys::{KeyRing, KeySource},
};
use uuid::Uuid;

struct Keys(Key);

#[async_trait::async_trait]
impl KeySource for Keys {
    async fn wrapped_key(&self, tenant: Uuid) -> Result<Option<Vec<u8>>> {
        Ok(Some(new_wrapped_key(&self.0, tenant)))
    }
}

/// A new folder, and a store in it.
pub fn scratch_store() -> Result<(PathBuf, Blobs)> {
    let dir = std::env::temp_dir().join(format!("valutai-blobs-{}", Uuid::now_v7().simple()));
    let kek = Key::generate();
    let blobs = Blobs::local(&dir, KeyRing::new(kek.clone(), Arc::new(Keys(kek))))?;
    Ok((dir, blobs))
}
