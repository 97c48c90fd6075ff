//! Makes anew what is derived from all quotes of a dataset: their features, its counts and its
//! snapshot. For datasets that changed after their first file; deliberately from the database, which
//! alone knows what counts.

use std::sync::Arc;

use futures::TryStreamExt as _;
use platform::{Kit, TenantTx};
use proto::common::BlobRef;
use tabular::{Outcome, derive::History};
use tokio::task::spawn_blocking;
use uuid::Uuid;

use super::{Result, put_snapshot, tell_content};
use crate::{
    Error,
    domain::{
        content::{Rows as _, StoredContent},
        stored::{self, Builder},
    },
    store::{self, Counts, DatasetRow},
};

/// Quotes whose features are written at once.
const CHANGED_AT_ONCE: usize = 2_000;

/// Makes everything derived anew. The snapshot is noted, so that the caller can take it back.
pub async fn rebuild(
    kit: &Kit,
    tx: &mut TenantTx,
    dataset: &DatasetRow,
    snapshots: &mut Vec<BlobRef>,
) -> Result<()> {
    let (content, addresses) = read(tx, dataset.id).await?;
    let counts = counts(&content);
    if content.frame.is_empty() {
        return tell_content(tx, dataset, counts, None, Vec::new()).await;
    }
    let (content, history) = write_features(tx, dataset.id, content, addresses).await?;
    if counts.decided() == 0 {
        return tell_content(tx, dataset, counts, None, Vec::new()).await;
    }
    let rows = (0..content.frame.len()).collect();
    let content = Arc::new(content);
    let history = Arc::new(history);
    let (snapshot, win_rates) =
        put_snapshot(&kit.blobs, tx.tenant(), content, rows, history).await?;
    snapshots.push(snapshot.clone());
    tell_content(tx, dataset, counts, Some(&snapshot), win_rates).await
}

/// Where a quote is stored, and a hash of the features it has.
#[derive(Debug, Clone, Copy)]
struct Address {
    id: Uuid,
    quoted_on: chrono::NaiveDate,
    features: u64,
}

async fn read(tx: &mut TenantTx, dataset_id: Uuid) -> Result<(StoredContent, Vec<Address>)> {
    let readings = store::list_readings(tx, dataset_id).await?;
    let mut builder = Builder::new(&readings);
    let mut addresses = Vec::new();
    let mut quotes = store::stream_counting_quotes(tx, dataset_id);
    while let Some(quote) = quotes.try_next().await? {
        let features = builder.push(&quote)?;
        addresses.push(Address {
            id: quote.id,
            quoted_on: quote.quoted_on,
            features,
        });
    }
    Ok((builder.finish(), addresses))
}

fn counts(content: &StoredContent) -> Counts {
    let of = |outcome| {
        let outcomes = content.frame.outcomes.iter();
        let found = outcomes.filter(|o| **o == outcome).count();
        i64::try_from(found).unwrap_or(i64::MAX)
    };
    Counts {
        won: of(Outcome::Won),
        lost: of(Outcome::Lost),
        open: of(Outcome::Open),
    }
}

/// Writes the features of the quotes for which they changed.
async fn write_features(
    tx: &mut TenantTx,
    dataset_id: Uuid,
    content: StoredContent,
    addresses: Vec<Address>,
) -> Result<(StoredContent, History)> {
    let work = spawn_blocking(move || {
        let rows = 0..content.frame.len();
        let history = History::build(rows.clone().map(|row| content.facts(row)));
        let mut changed = Vec::new();
        for (row, address) in rows.zip(&addresses) {
            let features = history.features(&content.facts(row));
            if stored::hash(features.values().iter().copied()) != address.features {
                let text = stored::derived_text(&content, row, &features)?;
                changed.push((address.id, address.quoted_on, text));
            }
        }
        Ok::<_, Error>((content, history, changed))
    });
    let (content, history, changed) = work
        .await
        .map_err(|error| Error::Broken(error.to_string()))??;
    for some in changed.chunks(CHANGED_AT_ONCE) {
        store::update_quotes_derived(tx, dataset_id, some).await?;
    }
    Ok((content, history))
}
