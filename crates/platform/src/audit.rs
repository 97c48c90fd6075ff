//! What the audit trail is told: who did what to which thing, how it ended, and what it changed. A unit of
//! work records what it does; what no unit of work has recorded, a call that was refused above all, is
//! recorded here. Deliberately no chain: auth alone writes it.

use std::{cell::Cell, net::IpAddr};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use prost_reflect::DynamicMessage;
use proto::{
    access::Method,
    auth::{FieldChange, OperationRecorded, Outcome, Role},
    rpc::Context,
};
use tonic::{Code, Status};
use uuid::Uuid;

use crate::{Database, error::chain, telemetry, wire};

tokio::task_local! {
    /// Whether the call under way is in the audit trail.
    static RECORDED: Cell<bool>;
}

/// An operation, for the audit trail.
#[derive(Debug, Clone)]
pub struct Operation {
    action: String,
    entity_id: String,
    outcome: Outcome,
    problem: String,
    changes: Vec<FieldChange>,
}

impl Operation {
    /// Something was done, for example `training.train_model`, to the thing with an id.
    #[must_use]
    pub fn done(action: &str, entity_id: Uuid) -> Self {
        Self {
            action: action.to_owned(),
            entity_id: entity_id.to_string(),
            outcome: Outcome::Done,
            problem: String::new(),
            changes: Vec::new(),
        }
    }

    /// Something was refused, or failed.
    #[must_use]
    pub fn ended(action: &str, entity_id: &str, code: Code) -> Self {
        Self {
            action: action.to_owned(),
            entity_id: entity_id.to_owned(),
            outcome: match code {
                Code::Ok => Outcome::Done,
                Code::Internal | Code::Unknown | Code::Unavailable | Code::DataLoss => {
                    Outcome::Failed
                }
                _ => Outcome::Refused,
            },
            problem: match code {
                Code::Ok => String::new(),
                code => format!("{code:?}"),
            },
            changes: Vec::new(),
        }
    }

    /// A field has another value from now on; nothing is noted where it has not.
    #[must_use]
    pub fn changed(mut self, field: &str, before: impl ToString, after: impl ToString) -> Self {
        let (before, after) = (before.to_string(), after.to_string());
        if before != after {
            self.changes.push(FieldChange {
                field: field.to_owned(),
                before,
                after,
            });
        }
        self
    }

    /// A field has another value from now on, which is secret or personal.
    #[must_use]
    pub fn changed_unseen(mut self, field: &str) -> Self {
        self.changes.push(FieldChange {
            field: field.to_owned(),
            ..FieldChange::default()
        });
        self
    }

    pub(crate) fn entry(self, context: &Context, now: DateTime<Utc>) -> OperationRecorded {
        let caller = context.caller.as_ref();
        OperationRecorded {
            occurred_at: Some(wire::timestamp(now)),
            user_id: caller.map_or_else(String::new, |caller| caller.user_id.to_string()),
            action: self.action,
            entity_id: self.entity_id,
            request_id: context.request_id.clone(),
            role: caller
                .map_or(Role::Unspecified, |caller| caller.role)
                .into(),
            outcome: self.outcome.into(),
            problem: self.problem,
            network: context.address.map(network).unwrap_or_default(),
            trace_id: telemetry::trace_id().unwrap_or_default(),
            changes: self.changes,
        }
    }
}

/// The network of an address: of whom it is, and not who; events hold nothing personal.
#[must_use]
pub fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        IpAddr::V6(v6) => {
            let [a, b, c, ..] = v6.segments();
            format!("{a:x}:{b:x}:{c:x}::/48")
        }
    }
}

/// Notes that the call under way is in the audit trail.
pub(crate) fn was_recorded() {
    // Work that no call waits for has nothing to note.
    let _ = RECORDED.try_with(|recorded| recorded.set(true));
}

/// Runs a call, and records it where it has left no entry: a change that was done, a refusal, a failure.
pub(crate) async fn observe<F>(
    database: &Database,
    method: &Method,
    context: Context,
    request: Bytes,
    call: impl FnOnce(Context, Bytes) -> F,
) -> Result<Vec<u8>, Status>
where
    F: Future<Output = Result<Vec<u8>, Status>>,
{
    let Some(caller) = context.caller.clone() else {
        return call(context, request).await;
    };
    let running = call(context.clone(), request.clone());
    let (outcome, recorded) = RECORDED
        .scope(Cell::new(false), async {
            let outcome = running.await;
            (outcome, RECORDED.with(Cell::get))
        })
        .await;
    let code = outcome.as_ref().err().map_or(Code::Ok, Status::code);
    if recorded || !is_noteworthy(method, code) {
        return outcome;
    }
    let entity = entity_of(method, request);
    let operation = Operation::ended(&method.action(), &entity, code);
    let noted = async {
        let mut tx = database.begin(caller.tenant_id).await?;
        tx.record(&context, operation).await?;
        tx.commit().await
    };
    if let Err(error) = noted.await {
        tracing::error!(error = %chain(&error), method = %method.path(), "a call is missing in the audit trail");
    }
    outcome
}

/// What only looks is of interest where a right was missing; what services do for each other, where it
/// was not done.
fn is_noteworthy(method: &Method, code: Code) -> bool {
    match code {
        Code::PermissionDenied => true,
        Code::Ok => !method.only_looks() && method.right != proto::access::Right::Internal,
        _ => !method.only_looks(),
    }
}

/// The first id in a request, which is the thing that it is about.
fn entity_of(method: &Method, request: Bytes) -> String {
    let Ok(message) = DynamicMessage::decode(method.descriptor.input(), request) else {
        return String::new();
    };
    method
        .descriptor
        .input()
        .fields()
        .filter(|field| field.name() == "id" || field.name().ends_with("_id"))
        .filter_map(|field| message.get_field(&field).as_str().map(str::to_owned))
        .find(|value| Uuid::try_parse(value).is_ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_no_address() {
        let of = |text: &str| network(text.parse().expect("parses"));
        assert_eq!(of("192.0.2.7"), "192.0.2.0/24");
        assert_eq!(of("::ffff:192.0.2.7"), "192.0.2.0/24");
        assert_eq!(of("2001:db8:1:2::7"), "2001:db8:1::/48");
    }

    #[test]
    fn only_what_changed_is_noted() {
        let operation = Operation::done("x.y", Uuid::nil())
            .changed("role", "viewer", "owner")
            .changed("name", "a", "a")
            .changed_unseen("password");
        let fields: Vec<_> = operation.changes.iter().map(|c| c.field.as_str()).collect();
        assert_eq!(fields, ["role", "password"]);
    }
}
