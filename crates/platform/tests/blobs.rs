//! What the platform promises about blobs: whole or refused, and only to their tenant.

use std::sync::Arc;

use platform::{
    Result,
    blobs::Blobs,
    config::Key,
    crypto::new_wrapped_key,
    keys::{KeyRing, KeySource},
};
use testkit::TestResult;
use uuid::Uuid;

struct Keys(Key);

#[async_trait::async_trait]
impl KeySource for Keys {
    async fn wrapped_key(&self, tenant: Uuid) -> Result<Option<Vec<u8>>> {
        Ok(Some(new_wrapped_key(&self.0, tenant)))
    }
}

fn store(dir: &std::path::Path) -> Result<Blobs> {
    let kek = Key::generate();
    Blobs::local(dir, KeyRing::new(kek.clone(), Arc::new(Keys(kek))))
}

fn scratch() -> std::path::PathBuf {
    std::env::temp_dir().join(format!("valutai-blobs-{}", Uuid::now_v7().simple()))
}

#[tokio::test]
async fn every_length_comes_back_and_nothing_is_readable_on_disk() -> TestResult {
    let dir = scratch();
    let blobs = store(&dir)?;
    let tenant = Uuid::now_v7();
    for length in [0, 1, 65_535, 65_536, 65_537, 131_072, 6_000_000] {
        let content: Vec<u8> = (0..length).map(|n| (n % 251) as u8).collect();
        let blob = blobs.put(tenant, "upload", &content).await?;
        assert_eq!(usize::try_from(blob.size_bytes)?, length);
        assert_eq!(blobs.get(tenant, &blob).await?, content);
        let stored = std::fs::read(dir.join(&blob.key))?;
        assert!(stored.len() > length);
        if length > 1000 {
            assert!(!stored.windows(64).any(|window| window == &content[..64]));
        }
        blobs.delete(tenant, &blob).await?;
        assert!(blobs.delete(Uuid::now_v7(), &blob).await.is_err());
        assert!(blobs.get(tenant, &blob).await.is_err());
    }
    std::fs::remove_dir_all(dir)?;
    Ok(())
}

#[tokio::test]
async fn a_blob_that_was_cut_changed_or_swapped_is_refused() -> TestResult {
    let dir = scratch();
    let blobs = store(&dir)?;
    let (tenant, other) = (Uuid::now_v7(), Uuid::now_v7());
    let content = vec![7; 200_000];
    let blob = blobs.put(tenant, "upload", &content).await?;
    assert!(
        blobs.get(other, &blob).await.is_err(),
        "another tenant read it"
    );

    let path = dir.join(&blob.key);
    let stored = std::fs::read(&path)?;
    let mut changed = stored.clone();
    changed[150_000] ^= 1;
    std::fs::write(&path, &changed)?;
    assert!(
        blobs.get(tenant, &blob).await.is_err(),
        "a changed blob was read"
    );
    // A whole chunk less: every chunk that is left is genuine.
    std::fs::write(&path, &stored[..stored.len() - (200_000 - 3 * 65_536 + 16)])?;
    assert!(
        blobs.get(tenant, &blob).await.is_err(),
        "a cut blob was read"
    );

    let twin = blobs.put(tenant, "upload", &content).await?;
    std::fs::copy(dir.join(&twin.key), &path)?;
    assert!(
        blobs.get(tenant, &blob).await.is_err(),
        "a swapped blob was read"
    );
    std::fs::remove_dir_all(dir)?;
    Ok(())
}
