//! Trainings that nobody asked for: when enough outcomes are new, and what becomes of their models.

use proto::training::{
    GetRetrainingPolicyRequest, ListModelsRequest, Model, ModelState, RetrainingPolicy,
    SetRetrainingPolicyRequest,
};
use testkit::{TestResult, eventually};
use tonic::{Code, Status};
use uuid::Uuid;

use crate::{
    quotes::{Columns, snapshot},
    world::{Tenant, tenant},
};

impl Tenant {
    async fn set_policy(&self, policy: RetrainingPolicy) -> Result<RetrainingPolicy, Status> {
        let request = SetRetrainingPolicyRequest {
            policy: Some(policy),
        };
        let answer = self
            .training
            .set_retraining_policy(&self.context, request)
            .await?;
        Ok(answer.policy.unwrap_or_default())
    }

    async fn policy(&self, dataset: Uuid) -> Result<RetrainingPolicy, Status> {
        let request = GetRetrainingPolicyRequest {
            dataset_id: dataset.to_string(),
        };
        let answer = self
            .training
            .get_retraining_policy(&self.context, request)
            .await?;
        Ok(answer.policy.unwrap_or_default())
    }

    /// Models of all datasets, newest first.
    async fn models(&self) -> TestResult<Vec<Model>> {
        let request = ListModelsRequest::default();
        Ok(self
            .training
            .list_models(&self.context, request)
            .await?
            .models)
    }
}

fn policy(dataset: Uuid, promote_automatically: bool) -> RetrainingPolicy {
    RetrainingPolicy {
        dataset_id: dataset.to_string(),
        enabled: true,
        least_new_outcomes: 50,
        promote_automatically,
        ..RetrainingPolicy::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn enough_new_outcomes_bring_a_challenger_and_later_a_champion() -> TestResult {
    let (tenant, replica) = tenant().await?;
    let dataset = Uuid::now_v7();
    tenant
        .import(dataset, &snapshot(0..400, Columns::Both))
        .await?;
    let champion = tenant.trained(dataset).await?;
    assert!(!tenant.policy(dataset).await?.enabled, "nobody has set one");
    let set = tenant.set_policy(policy(dataset, false)).await?;
    assert_eq!(set, tenant.policy(dataset).await?);
    assert_eq!((set.new_outcomes, set.least_new_outcomes), (0, 50));
    assert_eq!(set.set_by, tenant.context.caller()?.user_id.to_string());

    // Not enough of them.
    tenant
        .import(dataset, &snapshot(0..449, Columns::Both))
        .await?;
    assert_eq!(tenant.models().await?.len(), 1);
    assert_eq!(tenant.policy(dataset).await?.new_outcomes, 49);
    tenant
        .import(dataset, &snapshot(0..450, Columns::Both))
        .await?;
    let models = tenant.models().await?;
    assert_eq!(models.len(), 2);
    let challenger = tenant.until(&models[0].id, ModelState::Ready).await?;
    assert_eq!(challenger.reason, "50 new outcomes");
    assert_eq!(challenger.created_by, "", "nobody asked for it");
    assert_eq!(challenger.aliases, ["challenger"]);
    let audited = tenant
        .audited(&challenger.id, "training.shadow_model")
        .await?;
    assert!(
        !audited.contains(&"training.promote_model".to_owned()),
        "{audited:?}"
    );
    assert_eq!(tenant.alias("champion").await?, Some(champion.id));
    // The same news once more bring nothing more.
    tenant
        .import(dataset, &snapshot(0..450, Columns::Both))
        .await?;
    assert_eq!(tenant.models().await?.len(), 2);

    tenant.set_policy(policy(dataset, true)).await?;
    tenant
        .import(dataset, &snapshot(0..1_200, Columns::Both))
        .await?;
    let next = tenant.models().await?[0].id.clone();
    tenant.until(&next, ModelState::Ready).await?;
    eventually("the model is promoted", || async {
        Ok(tenant.alias("champion").await? == Some(next.clone()))
    })
    .await?;
    let promoted = tenant.model(&next).await?;
    assert_eq!(promoted.promoted_by, "");
    assert!(
        promoted
            .promotion_reason
            .starts_with("750 new outcomes: on "),
        "{promoted:?}"
    );
    assert!(promoted.gate.unwrap_or_default().passes);
    assert_eq!(
        tenant.alias("challenger").await?,
        None,
        "it answers itself now"
    );

    // A worse one stays in the shadow.
    tenant
        .import(dataset, &snapshot(0..1_300, Columns::Useless))
        .await?;
    let worse = tenant.models().await?[0].id.clone();
    tenant.until(&worse, ModelState::Ready).await?;
    tenant.audited(&worse, "training.refuse_promotion").await?;
    assert_eq!(tenant.alias("champion").await?, Some(next));
    assert_eq!(tenant.alias("challenger").await?, Some(worse));
    tenant.stop([replica]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_may_be_off_early_or_wrong() -> TestResult {
    let (tenant, replica) = tenant().await?;
    let dataset = Uuid::now_v7();
    tenant
        .import(dataset, &snapshot(0..60, Columns::Both))
        .await?;
    tenant.trained(dataset).await?;
    tenant
        .set_policy(RetrainingPolicy {
            least_days_between: 1,
            ..policy(dataset, false)
        })
        .await?;
    tenant
        .import(dataset, &snapshot(0..200, Columns::Both))
        .await?;
    assert_eq!(tenant.models().await?.len(), 1, "a day has to pass");
    tenant
        .set_policy(RetrainingPolicy {
            enabled: false,
            ..policy(dataset, false)
        })
        .await?;
    tenant
        .import(dataset, &snapshot(0..300, Columns::Both))
        .await?;
    assert_eq!(tenant.models().await?.len(), 1, "it is off");

    let nothing = RetrainingPolicy {
        least_new_outcomes: 0,
        ..policy(dataset, false)
    };
    let refusal = tenant.set_policy(nothing).await.expect_err("no outcomes");
    assert_eq!(refusal.code(), Code::InvalidArgument);
    let elsewhere = tenant.set_policy(policy(Uuid::now_v7(), false)).await;
    assert_eq!(
        elsewhere.expect_err("is empty").code(),
        Code::FailedPrecondition
    );
    tenant.stop([replica]).await
}
