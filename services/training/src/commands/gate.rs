//! The promotion gate: a candidate against the champion, on quotes that neither has learned from, and the
//! record of it. Deliberately no decision: whoever asks may override it.

use ml::Model as Fit;
use platform::{Kit, TenantTx, wire::timestamp};
use prost::Message as _;
use proto::training::{Holdout, LossComparison, LossVerdict};
use uuid::Uuid;

use super::Result;
use crate::{
    Error,
    domain::losses::{self, Kept, Side},
    store::{self, ComparisonRow},
};

/// Compares a ready model with the champion.
pub async fn compare(
    kit: &Kit,
    tenant: Uuid,
    candidate: Uuid,
    champion: Uuid,
) -> Result<LossComparison> {
    let candidate = load(kit, tenant, candidate, "the candidate").await?;
    let champion = load(kit, tenant, champion, "the champion").await?;
    let now = kit.clock.now();
    let compared = blocking(move || losses::compare(&candidate, &champion)).await?;
    Ok(LossComparison {
        compared_at: Some(timestamp(now)),
        ..compared
    })
}

/// A ready model with what was kept of its evaluation.
pub async fn load(kit: &Kit, tenant: Uuid, id: Uuid, called: &'static str) -> Result<Side> {
    let mut tx = kit.database().begin(tenant).await?;
    let model = store::find_model(&mut tx, id).await?;
    let blobs = store::find_model_blobs(&mut tx, id).await?;
    tx.commit().await?;
    let (model, blobs) = model.zip(blobs).ok_or(Error::NoModel(id))?;
    let artefact = kit.blobs.get(tenant, &blobs.artefact).await?;
    let holdout = match &blobs.holdout {
        Some(blob) => Some(kit.blobs.get(tenant, blob).await?),
        None => None,
    };
    blocking(move || {
        let fit = |bytes: &[u8]| Fit::from_bytes(bytes).map_err(|e| Error::Broken(e.to_string()));
        let kept = |bytes: Vec<u8>| -> Result<Kept> {
            let holdout = Holdout::decode(bytes.as_slice())?;
            let evaluated = fit(&holdout.artefact)?;
            Ok(Kept { holdout, evaluated })
        };
        Ok(Side {
            id,
            dataset_id: model.dataset_id,
            called,
            served: fit(&artefact)?,
            kept: holdout.map(kept).transpose()?,
        })
    })
    .await
}

/// Runs what computes off the async threads.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let span = tracing::Span::current();
    tokio::task::spawn_blocking(move || span.in_scope(work))
        .await
        .map_err(|error| Error::Broken(error.to_string()))?
}

/// Stores a comparison for good; answers its id.
pub async fn keep(tx: &mut TenantTx, found: &LossComparison) -> Result<Uuid> {
    let parsed = |text: &str| Uuid::try_parse(text).map_err(|e| Error::Broken(e.to_string()));
    let row = ComparisonRow {
        id: Uuid::now_v7(),
        candidate_id: parsed(&found.candidate_model_id)?,
        champion_id: parsed(&found.champion_model_id)?,
        compared_at: found
            .compared_at
            .and_then(|at| chrono::DateTime::from_timestamp(at.seconds, at.nanos.cast_unsigned()))
            .unwrap_or_default(),
        verdict: losses::verdict_text(found.verdict()),
        row_count: found.row_count.into(),
        difference: found
            .interval
            .map(|interval| [found.difference, interval.low, interval.high]),
        message: &found.encode_to_vec(),
    };
    store::insert_comparison(tx, &row).await?;
    Ok(row.id)
}

/// Why a candidate does not pass, with the figures.
pub fn sentence(found: &LossComparison) -> String {
    if found.verdict() == LossVerdict::NotComparable {
        return format!("it cannot be compared with the champion, {}", found.basis);
    }
    let interval = found.interval.unwrap_or_default();
    let verdict = match found.verdict() {
        LossVerdict::Worse => "which is worse, and not by chance",
        LossVerdict::Doubtful => "which is more than 0.5 % worse, although chance may explain it",
        LossVerdict::Better => "which is better",
        _ => "which is not worse",
    };
    let unfair: String = found
        .remarks
        .iter()
        .map(|remark| format!("; {remark}"))
        .collect();
    format!(
        "on {} quotes that neither has learned from its log loss is {:.4} and the champion's {:.4}, a difference of {:+.4} (95 % interval {:+.4} to {:+.4}), {verdict} ({}){unfair}",
        found.row_count,
        found.candidate_log_loss,
        found.champion_log_loss,
        found.difference,
        interval.low,
        interval.high,
        found.basis
    )
}
