//! Two models side by side, with what both say of the open quotes of a dataset. Deliberately nothing is
//! stored: who asks again gets the state of that moment.

use platform::TenantTx;
use prost::Message as _;
use proto::{
    ingestion::{OpenQuotes, SnapshotOpenQuotes},
    prediction::{CompareShadowRequest, prediction_nats},
    rpc::{Caller, Context},
    training::{
        CompareModelsRequest, CompareModelsResponse, OpenQuoteComparison, ShadowComparison,
    },
};
use uuid::Uuid;

use super::{Commands, Result, gate, resolve};
use crate::{
    Error,
    domain::{State, alias::Named, losses, model_message, side_by_side},
    store::{self, ModelRow},
};

/// Difference of two probabilities from which on a quote counts as moved, unless told otherwise.
const THRESHOLD: f64 = 0.1;
/// Moved quotes that are listed, unless told otherwise, and at most.
const MOVED_QUOTES: u32 = 50;
const MOST_MOVED_QUOTES: u32 = 1_000;

impl Commands {
    /// Compares two ready models.
    pub async fn compare_models(
        &self,
        context: &Context,
        caller: &Caller,
        request: &CompareModelsRequest,
    ) -> Result<CompareModelsResponse> {
        let (threshold, most) = limits(request)?;
        let mut tx = self.begin(caller).await?;
        let a = find_comparable(&mut tx, &Named::parse("model_a", &request.model_a)?).await?;
        let b = find_comparable(&mut tx, &Named::parse("model_b", &request.model_b)?).await?;
        tx.commit().await?;
        if a.id == b.id {
            return Err(Error::SameModel(a.id));
        }
        let (newer, older) = if a.id > b.id { (&a, &b) } else { (&b, &a) };
        let dataset_id = newer.dataset_id;
        let tenant = caller.tenant_id;
        let candidate = gate::load(&self.kit, tenant, newer.id, "the newer model").await?;
        let champion = gate::load(&self.kit, tenant, older.id, "the older model").await?;
        let open = self.open_quotes(tenant, dataset_id).await?;
        let a_is_newer = a.id == newer.id;
        let (comparison, open_quotes) = gate::blocking(move || {
            let comparison = losses::compare(&candidate, &champion)?;
            let (fit_a, fit_b) = if a_is_newer {
                (&candidate.served, &champion.served)
            } else {
                (&champion.served, &candidate.served)
            };
            let open_quotes = match open {
                Ok(open) => side_by_side::open_quotes(fit_a, fit_b, open, threshold, most)?,
                Err(problem) => OpenQuoteComparison {
                    threshold,
                    problem: problem.to_owned(),
                    ..OpenQuoteComparison::default()
                },
            };
            Ok((comparison, open_quotes))
        })
        .await?;
        let (model_a, model_b) = (model_message(&a)?, model_message(&b)?);
        Ok(CompareModelsResponse {
            parameters: side_by_side::parameters(&model_a, &model_b),
            importances: side_by_side::importances(&model_a, &model_b),
            model_a: Some(model_a),
            model_b: Some(model_b),
            comparison: Some(comparison),
            open_quotes: Some(OpenQuoteComparison {
                dataset_id: dataset_id.to_string(),
                ..open_quotes
            }),
            shadow: Some(self.shadow(context, (a.id, b.id), threshold).await),
        })
    }

    /// What prediction says of both, or that it cannot be asked: the rest of a comparison is of use
    /// without it.
    async fn shadow(
        &self,
        context: &Context,
        (a, b): (Uuid, Uuid),
        threshold: f64,
    ) -> ShadowComparison {
        let request = CompareShadowRequest {
            model_a: a.to_string(),
            model_b: b.to_string(),
            threshold,
        };
        let answer = prediction_nats::Client(self.kit.transport.clone())
            .compare_shadow(context, request)
            .await;
        match answer {
            Ok(answer) => answer.comparison.unwrap_or_default(),
            Err(status) => {
                tracing::warn!(%status, "prediction could not tell of its shadow answers");
                ShadowComparison {
                    threshold,
                    problem: "the prediction service cannot be asked right now".to_owned(),
                    ..ShadowComparison::default()
                }
            }
        }
    }

    /// The open quotes of a dataset as it is now, or why there are none.
    async fn open_quotes(
        &self,
        tenant: Uuid,
        dataset_id: Uuid,
    ) -> Result<std::result::Result<OpenQuotes, &'static str>> {
        let mut tx = self.kit.database().begin(tenant).await?;
        let dataset = store::find_dataset(&mut tx, dataset_id).await?;
        tx.commit().await?;
        let Some(dataset) = dataset else {
            return Ok(Err("the dataset is gone"));
        };
        let Some(snapshot) = dataset.snapshot() else {
            return Ok(Err("the dataset is empty"));
        };
        let bytes = self.kit.blobs.get(tenant, &snapshot).await?;
        let found = SnapshotOpenQuotes::decode(bytes.as_slice())?;
        Ok(found.open.ok_or("the dataset has no open quotes"))
    }
}

/// Threshold and length of the list.
fn limits(request: &CompareModelsRequest) -> Result<(f64, usize)> {
    let threshold = match request.threshold {
        0.0 => THRESHOLD,
        threshold if threshold > 0.0 && threshold <= 1.0 => threshold,
        _ => {
            return Err(Error::Range(
                "the threshold has to be above 0 and at most 1: 0.1 means ten points",
            ));
        }
    };
    let most = match request.most_quotes {
        0 => MOVED_QUOTES,
        most if most <= MOST_MOVED_QUOTES => most,
        _ => return Err(Error::Range("most_quotes has to be 1 to 1000")),
    };
    Ok((threshold, most as usize))
}

async fn find_comparable(tx: &mut TenantTx, named: &Named) -> Result<ModelRow> {
    let id = resolve(tx, named).await?;
    let model = store::find_model(tx, id).await?.ok_or(Error::NoModel(id))?;
    let state = State::of(&model.state);
    match state.require_ready(id) {
        Err(Error::NotReady { id, state, advice }) => {
            Err(Error::NothingToCompare { id, state, advice })
        }
        Err(error) => Err(error),
        Ok(()) => Ok(model),
    }
}
