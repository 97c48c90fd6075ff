//! Trainings that nobody asked for: the policy of a dataset, the check when news of it arrive, and what
//! becomes of their models. Deliberately no timer: outcomes come with imports, and so do trainings.

use platform::{Kit, TenantTx, audit::Operation, consumer::Delivery};
use proto::{
    rpc::{Caller, Context},
    training::RetrainingPolicy,
};
use uuid::Uuid;

use super::{
    Commands, Result,
    champion::{Promotion, objection, promote},
    gate, request_training,
};
use crate::{
    Error,
    domain::{alias::CHAMPION, retraining},
    store::{self, NewModel, PolicyRow},
};

impl Commands {
    /// Sets the policy of a dataset in place of the one before.
    pub async fn set_retraining_policy(
        &self,
        context: &Context,
        caller: &Caller,
        dataset_id: Uuid,
        policy: &RetrainingPolicy,
    ) -> Result<RetrainingPolicy> {
        retraining::check(policy)?;
        self.await_dataset(context, caller.tenant_id, dataset_id)
            .await?;
        let row = PolicyRow {
            dataset_id,
            enabled: policy.enabled,
            least_new_outcomes: policy.least_new_outcomes.into(),
            least_days_between: policy.least_days_between.cast_signed(),
            promote_automatically: policy.promote_automatically,
            set_at: self.kit.clock.now(),
            set_by: caller.user_id,
        };
        let mut tx = self.begin(caller).await?;
        let before = store::find_policy(&mut tx, dataset_id).await?;
        store::update_policy(&mut tx, &row).await?;
        tx.record(context, policy_set(before.as_ref(), &row))
            .await?;
        // As it is stored, which is less exact than the clock.
        let row = store::find_policy(&mut tx, dataset_id)
            .await?
            .unwrap_or(row);
        let told = told(&mut tx, &row).await?;
        tx.commit().await?;
        Ok(told)
    }

    /// The policy of a dataset; one that is not enabled where nobody has set any.
    pub async fn get_retraining_policy(
        &self,
        context: &Context,
        caller: &Caller,
        dataset_id: Uuid,
    ) -> Result<RetrainingPolicy> {
        self.await_dataset(context, caller.tenant_id, dataset_id)
            .await?;
        let mut tx = self.begin(caller).await?;
        let found = store::find_policy(&mut tx, dataset_id).await?;
        let told = match &found {
            Some(row) => told(&mut tx, row).await?,
            None => RetrainingPolicy {
                dataset_id: dataset_id.to_string(),
                ..RetrainingPolicy::default()
            },
        };
        tx.commit().await?;
        Ok(told)
    }
}

async fn told(tx: &mut TenantTx, row: &PolicyRow) -> Result<RetrainingPolicy> {
    let dataset = store::find_dataset(tx, row.dataset_id).await?;
    let last = store::find_last_training(tx, row.dataset_id).await?;
    let rows = dataset.map_or(0, |dataset| dataset.row_count);
    Ok(retraining::message(row, rows, last.as_ref()))
}

/// Asks for a training where the policy of a dataset that was imported into says so, within the unit
/// of work that noted the import.
pub async fn retrain_if_due(
    tx: &mut TenantTx,
    kit: &Kit,
    context: &Context,
    dataset_id: Uuid,
) -> Result<()> {
    let Some(policy) = store::find_policy(tx, dataset_id).await? else {
        return Ok(());
    };
    let Some(dataset) = store::find_dataset(tx, dataset_id).await? else {
        return Ok(());
    };
    let last = store::find_last_training(tx, dataset_id).await?;
    let now = kit.clock.now();
    let Some(reason) = retraining::due(&policy, dataset.row_count, last.as_ref(), now) else {
        return Ok(());
    };
    let model = NewModel {
        id: Uuid::now_v7(),
        dataset_id,
        seed: 0,
        created_at: now,
        created_by: None,
        reason: &reason,
    };
    request_training(tx, context, &model).await
}

/// Promotes a model that the system asked for, where the policy of its dataset says so and the gate lets
/// it pass; otherwise it stays the challenger.
pub async fn promote_by_policy(kit: &Kit, delivery: &Delivery, id: Uuid) -> Result<()> {
    let mut tx = kit.database().begin(delivery.tenant).await?;
    let model = store::find_model(&mut tx, id).await?;
    let model = model.ok_or(Error::NoModel(id))?;
    let policy = store::find_policy(&mut tx, model.dataset_id).await?;
    let champion = store::find_alias(&mut tx, CHAMPION).await?;
    tx.commit().await?;
    let wanted = policy.is_some_and(|policy| policy.enabled && policy.promote_automatically);
    let (true, None, Some(champion)) = (wanted, model.created_by, champion) else {
        return Ok(());
    };
    if champion.model_id == id {
        return Ok(());
    }
    let found = gate::compare(kit, delivery.tenant, id, champion.model_id).await?;
    let opened = kit
        .database()
        .begin_once(delivery.tenant, &delivery.consumer, delivery.event_id)
        .await?;
    let Some(mut tx) = opened else { return Ok(()) };
    if store::claim_champion(&mut tx).await? != Some(champion.model_id) {
        return Err(Error::Contested);
    }
    let context = Context::system(delivery.event_id.to_string());
    let comparison_id = gate::keep(&mut tx, &found).await?;
    let model = store::find_model(&mut tx, id).await?;
    let model = model.ok_or(Error::NoModel(id))?;
    if objection(&model, Some(&found)).is_some() {
        tx.audit(&context, "training.refuse_promotion", id).await?;
        return Ok(tx.commit().await?);
    }
    let reason = format!("{}: {}", model.reason, gate::sentence(&found));
    let reason: String = reason.chars().take(500).collect();
    let promotion = Promotion {
        previous: Some(champion.model_id),
        reason: &reason,
        comparison_id: Some(comparison_id),
        ..Promotion::default()
    };
    promote(&mut tx, kit, &context, id, promotion).await?;
    Ok(tx.commit().await?)
}

/// What the audit trail is told of a policy.
fn policy_set(before: Option<&PolicyRow>, after: &PolicyRow) -> Operation {
    fn was<T: ToString>(before: Option<&PolicyRow>, of: impl Fn(&PolicyRow) -> T) -> String {
        before.map(|row| of(row).to_string()).unwrap_or_default()
    }
    Operation::done("training.set_retraining_policy", after.dataset_id)
        .changed("enabled", was(before, |row| row.enabled), after.enabled)
        .changed(
            "least_new_outcomes",
            was(before, |row| row.least_new_outcomes),
            after.least_new_outcomes,
        )
        .changed(
            "least_days_between",
            was(before, |row| row.least_days_between),
            after.least_days_between,
        )
        .changed(
            "promote_automatically",
            was(before, |row| row.promote_automatically),
            after.promote_automatically,
        )
}
