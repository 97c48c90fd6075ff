//! The recommendation policies of tenants: set, read, and kept in memory by version. Deliberately no rule of what a policy
//! may say: `domain` has them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use platform::{Kit, TenantTx, audit::Operation, wire::timestamp};
use prost::Message as _;
use proto::{
    prediction::{FieldPolicy, RecommendationPolicy, SetRecommendationPolicyResponse},
    rpc::{Caller, Context},
    training::InputSchema,
};
use uuid::Uuid;

use super::{Commands, Result};
use crate::{
    Error,
    domain::policy::{Policy, default_fields},
    store::{self, PolicyRow},
};

/// Policies kept in memory.
const KEPT: usize = 10_000;

/// Policies of tenants, as they were last seen in force.
#[derive(Debug, Clone)]
pub struct Policies {
    kit: Kit,
    kept: Arc<Mutex<HashMap<Uuid, Arc<Policy>>>>,
}

impl Policies {
    pub fn new(kit: &Kit) -> Self {
        Self {
            kit: kit.clone(),
            kept: Arc::default(),
        }
    }

    /// The policy that was in force when last looked at; its version has to be compared with the one that is.
    pub fn usual(&self, tenant: Uuid) -> Arc<Policy> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(&tenant).map(Arc::clone).unwrap_or_default()
    }

    /// The policy in force, which is remembered.
    pub async fn in_force(&self, tx: &mut TenantTx) -> Result<Arc<Policy>> {
        let policy = match store::find_policy(tx).await? {
            Some(row) => Policy::new(row.version.cast_unsigned(), &message(&row)?.fields)?,
            None => Policy::default(),
        };
        let policy = Arc::new(policy);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert(tx.tenant(), Arc::clone(&policy));
        Ok(policy)
    }

    /// The policy in force, in a unit of work of its own.
    pub async fn read(&self, tenant: Uuid) -> Result<Arc<Policy>> {
        let mut tx = self.kit.database().begin(tenant).await?;
        let policy = self.in_force(&mut tx).await?;
        tx.commit().await?;
        Ok(policy)
    }
}

fn message(row: &PolicyRow) -> Result<RecommendationPolicy> {
    let policy = RecommendationPolicy::decode(row.policy.as_slice())?;
    Ok(RecommendationPolicy {
        version: row.version.cast_unsigned(),
        updated_at: Some(timestamp(row.updated_at)),
        updated_by: row.updated_by.to_string(),
        ..policy
    })
}

impl Commands {
    pub async fn get_policy(&self, caller: &Caller) -> Result<RecommendationPolicy> {
        let mut tx = self.kit.database().begin(caller.tenant_id).await?;
        let row = store::find_policy(&mut tx).await?;
        tx.commit().await?;
        match row {
            Some(row) => message(&row),
            None => Ok(RecommendationPolicy {
                fields: default_fields(),
                ..RecommendationPolicy::default()
            }),
        }
    }

    /// Replaces the policy, and tells what looks like a mistake in it.
    pub async fn set_policy(
        &self,
        context: &Context,
        caller: &Caller,
        fields: Vec<FieldPolicy>,
        expected: Option<u64>,
    ) -> Result<SetRecommendationPolicyResponse> {
        let mut tx = self.kit.database().begin(caller.tenant_id).await?;
        let found = store::find_policy(&mut tx)
            .await?
            .map_or(0, |row| row.version);
        let changed = |found: i64, expected: u64| Error::PolicyChanged {
            found: found.cast_unsigned(),
            expected,
        };
        if let Some(expected) = expected.filter(|expected| *expected != found.cast_unsigned()) {
            return Err(changed(found, expected));
        }
        let version = found + 1;
        let policy = Policy::new(version.cast_unsigned(), &fields)?;
        let row = PolicyRow {
            version,
            policy: RecommendationPolicy {
                fields,
                ..RecommendationPolicy::default()
            }
            .encode_to_vec(),
            updated_at: self.kit.clock.now(),
            updated_by: caller.user_id,
        };
        if !store::insert_policy(&mut tx, &row).await? {
            return Err(changed(version, found.cast_unsigned()));
        }
        let schemas = store::list_input_schemas(&mut tx).await?;
        let notes = notes(&policy, &schemas)?;
        let action = "prediction.set_recommendation_policy";
        let operation = Operation::done(action, caller.tenant_id);
        tx.record(context, operation.changed("version", found, version))
            .await?;
        tx.commit().await?;
        Ok(SetRecommendationPolicyResponse {
            policy: Some(message(&row)?),
            notes,
        })
    }
}

/// Columns that no model reads, in sentences; nothing where there is no model yet.
fn notes(policy: &Policy, schemas: &[Vec<u8>]) -> Result<Vec<String>> {
    let schemas: Vec<InputSchema> = schemas
        .iter()
        .map(|bytes| InputSchema::decode(bytes.as_slice()))
        .collect::<std::result::Result<_, _>>()?;
    let is_read = |column: &str| {
        let mut columns = schemas.iter().flat_map(|schema| &schema.columns);
        columns.any(|input| input.name == column && input.derived.is_empty())
    };
    let unread = policy.columns().filter(|column| !is_read(column));
    Ok(unread
        .filter(|_| !schemas.is_empty())
        .map(|column| format!("No model reads a column called \"{column}\"."))
        .collect())
}
