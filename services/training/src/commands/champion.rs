//! Which model answers by default: promotion through the gate, rollback, and the other names that models
//! are asked by. Deliberately one way to the champion's name, so that each step can be taken back.

use ml::Model as Fit;
use platform::{Kit, TenantTx, audit::Operation};
use proto::{
    rpc::{Caller, Context},
    training::{LossComparison, ModelAliasChanged, ModelPromoted},
};
use uuid::Uuid;

use super::{Commands, Result, gate};
use crate::{
    Error,
    domain::{
        State,
        alias::{CHALLENGER, CHAMPION, require_free, require_short},
        stale_reason,
    },
    store::{self, AliasRow, ModelRow, PromotionRow},
};

/// How often models are compared anew because the champion changed meanwhile.
const ATTEMPTS: usize = 3;

/// What a caller wants to promote.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    pub id: Uuid,
    pub reason: &'a str,
    /// Whether it is to happen against the gate.
    pub overrides: bool,
}

/// Who makes a model the champion, and why.
#[derive(Debug, Default)]
pub struct Promotion<'a> {
    pub previous: Option<Uuid>,
    pub promoted_by: Option<Uuid>,
    pub reason: &'a str,
    pub overridden: bool,
    pub comparison_id: Option<Uuid>,
}

impl Commands {
    /// Makes a model the champion where it is not worse than the one that is, or where the caller wants
    /// it nevertheless; nothing happens where it is the champion already.
    pub async fn promote_model(
        &self,
        context: &Context,
        caller: &Caller,
        wish: Wish<'_>,
    ) -> Result<ModelRow> {
        require_short(wish.reason)?;
        if wish.overrides && wish.reason.is_empty() {
            return Err(Error::OverrideWithoutReason);
        }
        for _ in 0..ATTEMPTS {
            if let Some(model) = self.try_promote(context, caller, wish).await? {
                return Ok(model);
            }
        }
        Err(Error::Contested)
    }

    /// The same, unless the champion changes meanwhile: then nothing.
    async fn try_promote(
        &self,
        context: &Context,
        caller: &Caller,
        wish: Wish<'_>,
    ) -> Result<Option<ModelRow>> {
        let id = wish.id;
        let mut tx = self.begin(caller).await?;
        let model = find_ready(&mut tx, id).await?;
        let champion = store::find_alias(&mut tx, CHAMPION).await?;
        tx.commit().await?;
        let champion = champion.map(|alias| alias.model_id);
        if champion == Some(id) {
            return Ok(Some(model));
        }
        // Outside the transaction, since it takes a while.
        let compared = match champion {
            Some(champion) => Some(gate::compare(&self.kit, caller.tenant_id, id, champion).await?),
            None => None,
        };
        let mut tx = self.begin(caller).await?;
        if store::claim_champion(&mut tx).await? != champion {
            return Ok(None);
        }
        let model = find_ready(&mut tx, id).await?;
        let comparison_id = match &compared {
            Some(found) => Some(gate::keep(&mut tx, found).await?),
            None => None,
        };
        let objection = objection(&model, compared.as_ref());
        if let Some(why) = &objection
            && !wish.overrides
        {
            tx.audit(context, "training.refuse_promotion", id).await?;
            tx.commit().await?;
            return Err(Error::HeldBack {
                id,
                why: why.clone(),
            });
        }
        let promotion = Promotion {
            previous: champion,
            promoted_by: Some(caller.user_id),
            reason: wish.reason,
            overridden: objection.is_some(),
            comparison_id,
        };
        promote(&mut tx, &self.kit, context, id, promotion).await?;
        let model = store::find_model(&mut tx, id).await?;
        tx.commit().await?;
        Ok(model)
    }

    /// Lets the champion before the present one answer again; answers both.
    pub async fn rollback_model(
        &self,
        context: &Context,
        caller: &Caller,
        reason: &str,
    ) -> Result<(ModelRow, Uuid)> {
        require_short(reason)?;
        let mut tx = self.begin(caller).await?;
        store::claim_champion(&mut tx).await?;
        let standing = store::list_standing_promotions(&mut tx).await?;
        let [(promotion, current), (_, former)] = standing.as_slice() else {
            let why = if standing.is_empty() {
                "no model has been promoted yet"
            } else {
                "no other model was the champion before this one"
            };
            return Err(Error::NoWayBack(why.to_owned()));
        };
        let (promotion, current, former) = (*promotion, *current, *former);
        let model = store::find_model(&mut tx, former).await?;
        let model = model.ok_or(Error::NoModel(former))?;
        if let Some(stale_at) = model.stale_at {
            return Err(Error::NoWayBack(format!(
                "the former champion {former} {}",
                stale_reason(stale_at)
            )));
        }
        self.require_artefact(&mut tx, former).await?;
        let now = self.kit.clock.now();
        store::update_promotion_rolled_back(&mut tx, promotion, caller.user_id, reason, now)
            .await?;
        lead_to(
            &mut tx,
            &self.kit,
            former,
            &Promotion {
                previous: Some(current),
                promoted_by: Some(caller.user_id),
                reason: if reason.is_empty() {
                    "rolled back"
                } else {
                    reason
                },
                ..Promotion::default()
            },
        )
        .await?;
        let operation = Operation::done("training.roll_back_model", current);
        tx.record(context, operation.changed("champion", current, former))
            .await?;
        let model = store::find_model(&mut tx, former).await?;
        tx.commit().await?;
        Ok((model.ok_or(Error::NoModel(former))?, current))
    }

    /// Lets only models pass whose artefact can be read and used.
    async fn require_artefact(&self, tx: &mut TenantTx, id: Uuid) -> Result<()> {
        let gone = |why: String| {
            Error::NoWayBack(format!(
                "the artefact of the former champion {id} cannot be read any more ({why}): train again"
            ))
        };
        let blobs = store::find_model_blobs(tx, id).await?;
        let blobs = blobs.ok_or_else(|| gone("none is known".to_owned()))?;
        let bytes = self.kit.blobs.get(tx.tenant(), &blobs.artefact).await;
        let bytes = bytes.map_err(|error| gone(error.to_string()))?;
        let read = tokio::task::spawn_blocking(move || Fit::from_bytes(&bytes).map(|_| ()));
        let read = read
            .await
            .map_err(|error| Error::Broken(error.to_string()))?;
        read.map_err(|error| gone(error.to_string()))
    }

    /// Gives a model a name, or takes it away where there is no model.
    pub async fn set_model_alias(
        &self,
        context: &Context,
        caller: &Caller,
        name: &str,
        (model_id, reason): (Option<Uuid>, &str),
    ) -> Result<Option<AliasRow>> {
        require_free(name)?;
        require_short(reason)?;
        let mut tx = self.begin(caller).await?;
        store::claim_champion(&mut tx).await?;
        let previous = store::find_alias(&mut tx, name).await?;
        let known = previous.as_ref().map(|alias| alias.model_id);
        if let Some(id) = model_id {
            find_ready(&mut tx, id).await?;
        }
        if known == model_id {
            tx.commit().await?;
            return Ok(previous);
        }
        let by = Some(caller.user_id);
        change_alias(
            &mut tx,
            &self.kit,
            context,
            (name, known),
            (model_id, by, reason),
        )
        .await?;
        let alias = store::find_alias(&mut tx, name).await?;
        tx.commit().await?;
        Ok(alias)
    }

    pub async fn list_model_aliases(&self, caller: &Caller) -> Result<Vec<AliasRow>> {
        let mut tx = self.begin(caller).await?;
        let aliases = store::list_aliases(&mut tx).await?;
        tx.commit().await?;
        Ok(aliases)
    }
}

/// A model that can answer.
async fn find_ready(tx: &mut TenantTx, id: Uuid) -> Result<ModelRow> {
    let model = store::find_model(tx, id).await?.ok_or(Error::NoModel(id))?;
    State::of(&model.state).require_ready(id)?;
    Ok(model)
}

/// What speaks against a model as champion, in a sentence.
pub fn objection(model: &ModelRow, compared: Option<&LossComparison>) -> Option<String> {
    if let Some(stale_at) = model.stale_at {
        return Some(format!("it {}", stale_reason(stale_at)));
    }
    compared.filter(|found| !found.passes).map(gate::sentence)
}

/// Makes a model the champion within a unit of work that has claimed the championship.
pub async fn promote(
    tx: &mut TenantTx,
    kit: &Kit,
    context: &Context,
    id: Uuid,
    promotion: Promotion<'_>,
) -> Result<()> {
    let row = PromotionRow {
        id: Uuid::now_v7(),
        model_id: id,
        promoted_at: kit.clock.now(),
        promoted_by: promotion.promoted_by,
        reason: promotion.reason,
        overridden: promotion.overridden,
        comparison_id: promotion.comparison_id,
    };
    store::insert_promotion(tx, &row).await?;
    lead_to(tx, kit, id, &promotion).await?;
    let action = if promotion.overridden {
        "training.override_promotion"
    } else {
        "training.promote_model"
    };
    let operation = Operation::done(action, id).changed("champion", text(promotion.previous), id);
    tx.record(context, operation).await?;
    // Who answers needs no shadow of its own.
    let challenger = store::find_alias(tx, CHALLENGER).await?;
    if challenger.is_some_and(|challenger| challenger.model_id == id) {
        let by = promotion.promoted_by;
        let to = (None, by, "became the champion");
        change_alias(tx, kit, context, (CHALLENGER, Some(id)), to).await?;
    }
    Ok(())
}

/// Lets the champion's name lead to a model, and tells so.
async fn lead_to(tx: &mut TenantTx, kit: &Kit, id: Uuid, promotion: &Promotion<'_>) -> Result<()> {
    let alias = AliasRow {
        name: CHAMPION.to_owned(),
        model_id: id,
        set_at: kit.clock.now(),
        set_by: promotion.promoted_by,
        reason: promotion.reason.to_owned(),
    };
    store::update_alias(tx, &alias).await?;
    Ok(tx
        .publish(&ModelPromoted {
            model_id: id.to_string(),
            previous_model_id: text(promotion.previous),
            promoted_by: text(promotion.promoted_by),
            reason: promotion.reason.to_owned(),
        })
        .await?)
}

/// Makes a model the challenger, on behalf of the system, within a unit of work that has claimed the
/// championship.
pub async fn set_challenger(
    tx: &mut TenantTx,
    kit: &Kit,
    context: &Context,
    id: Uuid,
    reason: &str,
) -> Result<()> {
    let known = store::find_alias(tx, CHALLENGER).await?;
    let known = known.map(|alias| alias.model_id);
    change_alias(
        tx,
        kit,
        context,
        (CHALLENGER, known),
        (Some(id), None, reason),
    )
    .await
}

async fn change_alias(
    tx: &mut TenantTx,
    kit: &Kit,
    context: &Context,
    (name, known): (&str, Option<Uuid>),
    (model_id, by, reason): (Option<Uuid>, Option<Uuid>, &str),
) -> Result<()> {
    match model_id {
        Some(model_id) => {
            let alias = AliasRow {
                name: name.to_owned(),
                model_id,
                set_at: kit.clock.now(),
                set_by: by,
                reason: reason.to_owned(),
            };
            store::update_alias(tx, &alias).await?;
        }
        None => store::delete_alias(tx, name).await?,
    }
    tx.publish(&ModelAliasChanged {
        alias: name.to_owned(),
        model_id: text(model_id),
        previous_model_id: text(known),
        changed_by: text(by),
        reason: reason.to_owned(),
    })
    .await?;
    let action = match (name, model_id) {
        (CHALLENGER, Some(_)) => "training.shadow_model",
        (CHALLENGER, None) => "training.end_shadow",
        (_, Some(_)) => "training.set_alias",
        (_, None) => "training.remove_alias",
    };
    let Some(entity) = model_id.or(known) else {
        return Ok(());
    };
    let operation = Operation::done(action, entity).changed(name, text(known), text(model_id));
    Ok(tx.record(context, operation).await?)
}

fn text(id: Option<Uuid>) -> String {
    id.map(|id| id.to_string()).unwrap_or_default()
}
