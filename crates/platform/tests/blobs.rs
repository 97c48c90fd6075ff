//! What the platform promises about blobs: whole or refused, and only to their tenant.

mod keys;

use std::{
    collections::HashSet,
    io::{ErrorKind, Read as _},
    time::Duration,
};

use keys::scratch_store;
use platform::{
    Clock, Error, Result,
    blobs::{Blobs, Swept},
};
use testkit::TestResult;
use uuid::Uuid;

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|n| (n % 251) as u8).collect()
}

#[tokio::test]
async fn every_length_comes_back_and_nothing_is_readable_on_disk() -> TestResult {
    let (dir, blobs) = scratch_store()?;
    let tenant = Uuid::now_v7();
    for length in [0, 1, 65_535, 65_536, 65_537, 131_072, 6_000_000] {
        let content = pattern(length);
        let blob = blobs.put(tenant, "upload", &content).await?;
        assert_eq!(usize::try_from(blob.size_bytes)?, length);
        assert_eq!(blobs.get(tenant, &blob).await?, content);
        let blocking = blobs.blocking(tenant, &blob).await?;
        let again = content.clone();
        tokio::task::spawn_blocking(move || {
            assert_eq!(blocking.size_bytes(), again.len() as u64);
            for _ in 0..2 {
                let mut read = Vec::new();
                blocking.open()?.read_to_end(&mut read)?;
                assert_eq!(read, again);
            }
            Ok::<_, std::io::Error>(())
        })
        .await??;
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
    let (dir, blobs) = scratch_store()?;
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

#[tokio::test]
async fn pieces_stay_small_and_the_whole_is_checked_at_the_end() -> TestResult {
    let (dir, blobs) = scratch_store()?;
    let tenant = Uuid::now_v7();
    let content = pattern(1_000_000);
    let blob = blobs.put(tenant, "upload", &content).await?;

    let mut reader = blobs.reader(tenant, &blob).await?;
    let mut read = Vec::new();
    while let Some(piece) = reader.next().await? {
        assert!(piece.len() <= 65_536, "a piece of {} bytes", piece.len());
        read.extend(piece);
    }
    assert_eq!(read, content);
    assert!(reader.next().await?.is_none());

    // Genuine content under a reference that says something else.
    let mut longer = blob.clone();
    longer.size_bytes += 1;
    let mut other = blob.clone();
    other.sha256[0] ^= 1;
    for wrong in [longer, other] {
        let mut reader = blobs.reader(tenant, &wrong).await?;
        let error = loop {
            match reader.next().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("the end was told although the reference is another's"),
                Err(error) => break error,
            }
        };
        assert!(matches!(error, Error::Checksum(_)), "{error}");
        assert!(reader.next().await.is_err(), "a broken blob mended itself");

        let blocking = blobs.blocking(tenant, &wrong).await?;
        tokio::task::spawn_blocking(move || {
            let mut reader = blocking.open().expect("it is there");
            for _ in 0..2 {
                let error = reader.read_to_end(&mut Vec::new()).expect_err("broken");
                assert_eq!(error.kind(), ErrorKind::InvalidData, "{error}");
            }
        })
        .await?;
    }
    std::fs::remove_dir_all(dir)?;
    Ok(())
}

#[tokio::test]
async fn a_blocking_blob_that_is_gone_says_so() -> TestResult {
    let (dir, blobs) = scratch_store()?;
    let tenant = Uuid::now_v7();
    let blob = blobs.put(tenant, "upload", b"content").await?;
    assert!(blobs.blocking(Uuid::now_v7(), &blob).await.is_err());
    let blocking = blobs.blocking(tenant, &blob).await?;
    blobs.delete(tenant, &blob).await?;
    let error = tokio::task::spawn_blocking(move || blocking.open().map(drop))
        .await?
        .expect_err("it is gone");
    assert_eq!(error.kind(), ErrorKind::NotFound);
    std::fs::remove_dir_all(dir)?;
    Ok(())
}

const DAY: Duration = Duration::from_secs(86_400);

/// Sweeps what is older than a day as if `ahead` had passed since now.
async fn sweep(blobs: &Blobs, ahead: Duration, needed: &HashSet<String>) -> Result<Swept> {
    let now = Clock::system().now() + ahead;
    let needed = |_, keys: Vec<String>| async move {
        Ok::<_, Error>(
            keys.into_iter()
                .filter(|key| needed.contains(key))
                .collect(),
        )
    };
    blobs.sweep("upload", DAY, now, needed).await
}

#[tokio::test]
async fn a_sweep_takes_what_is_old_and_needed_by_nobody() -> TestResult {
    let (dir, blobs) = scratch_store()?;
    let (tenant, other) = (Uuid::now_v7(), Uuid::now_v7());
    let kept = blobs.put(tenant, "upload", b"kept").await?;
    let lost = blobs.put(tenant, "upload", b"lost").await?;
    let lost_too = blobs.put(other, "upload", b"lost").await?;
    let elsewhere = blobs.put(tenant, "snapshot", b"of another purpose").await?;
    let needed = HashSet::from([kept.key.clone()]);

    assert_eq!(sweep(&blobs, DAY / 2, &needed).await?, Swept::default());
    assert!(blobs.get(tenant, &lost).await.is_ok(), "it was too young");

    let swept = sweep(&blobs, DAY * 2, &needed).await?;
    assert_eq!((swept.blobs, swept.unfinished), (2, 0));
    assert!(blobs.get(tenant, &lost).await.is_err());
    assert!(blobs.get(other, &lost_too).await.is_err());
    assert_eq!(blobs.get(tenant, &kept).await?, b"kept");
    assert!(blobs.get(tenant, &elsewhere).await.is_ok());
    assert_eq!(sweep(&blobs, DAY * 2, &needed).await?, Swept::default());
    std::fs::remove_dir_all(dir)?;
    Ok(())
}

#[tokio::test]
async fn a_sweep_that_cannot_ask_removes_nothing() -> TestResult {
    let (dir, blobs) = scratch_store()?;
    let tenant = Uuid::now_v7();
    let blob = blobs.put(tenant, "upload", b"content").await?;
    let refuse = |_, _| async { Err(Error::NoTenantKey) };
    let swept = blobs
        .sweep("upload", DAY, Clock::system().now() + DAY * 2, refuse)
        .await;
    assert!(matches!(swept, Err(Error::NoTenantKey)), "{swept:?}");
    assert!(blobs.get(tenant, &blob).await.is_ok());
    std::fs::remove_dir_all(dir)?;
    Ok(())
}

/// Every file below a folder.
fn files(dir: &std::path::Path) -> std::io::Result<Vec<std::path::PathBuf>> {
    let mut found = Vec::new();
    let mut open = vec![dir.to_owned()];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(dir)? {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
            } else {
                found.push(path);
            }
        }
    }
    Ok(found)
}

#[tokio::test]
async fn what_a_killed_upload_leaves_is_swept() -> TestResult {
    let (dir, blobs) = scratch_store()?;
    let tenant = Uuid::now_v7();
    let mut writer = blobs.writer(tenant, "upload").await?;
    writer.write(&pattern(6_000_000)).await?;
    let left = files(&dir)?;
    assert_eq!(left.len(), 1, "{left:?}");
    // As a kill does: nothing of the writer's own is run any more.
    std::mem::forget(writer);

    let nothing = HashSet::new();
    assert_eq!(sweep(&blobs, DAY / 2, &nothing).await?, Swept::default());
    assert_eq!(files(&dir)?, left);
    let swept = sweep(&blobs, DAY * 2, &nothing).await?;
    assert_eq!((swept.blobs, swept.unfinished), (0, 1));
    assert!(files(&dir)?.is_empty());
    std::fs::remove_dir_all(dir)?;
    Ok(())
}

#[tokio::test]
async fn a_writer_that_is_dropped_leaves_nothing() -> TestResult {
    let (dir, blobs) = scratch_store()?;
    let mut writer = blobs.writer(Uuid::now_v7(), "upload").await?;
    writer.write(&pattern(6_000_000)).await?;
    drop(writer);
    testkit::eventually("the unfinished file is removed", || async {
        Ok(files(&dir)?.is_empty())
    })
    .await?;
    std::fs::remove_dir_all(dir)?;
    Ok(())
}
