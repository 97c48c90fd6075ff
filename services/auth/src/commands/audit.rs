//! The audit trail: appended to, listed, exported, verified; and the tenant's key for the other services.
//! Deliberately the only place that appends: two writers would fork the chain.

use chrono::DateTime;
use platform::{TenantTx, audit::Operation, wire};
use prost::Message as _;
use proto::{
    access::METHODS,
    auth::OperationRecorded,
    rpc::{Caller, Context},
};
use tonic::Code;
use uuid::Uuid;

use super::{Commands, Result};
use crate::{
    Error,
    domain::{
        lines,
        trail::{Broken, Entry, Head, Verifier},
    },
    store,
};

/// Entries read at a time.
const PART: i64 = 1000;

/// A part of an exported trail.
#[derive(Debug)]
pub struct Part {
    pub lines: String,
    pub last: i64,
    pub complete: bool,
}

impl Commands {
    /// Appends operations to the trail of the transaction's tenant, in their order.
    pub async fn append(&self, tx: &mut TenantTx, events: &[OperationRecorded]) -> Result<()> {
        let head = store::claim_trail_head(tx).await?;
        let mut head = head.unwrap_or_else(Head::none);
        let (tenant, now) = (tx.tenant(), self.clock.now());
        let mut entries = Vec::with_capacity(events.len());
        for event in events {
            let content = event.encode_to_vec();
            let (entry, next) = head.append(&self.audit_keys, tenant, now, content);
            entries.push((entry, found_by(event)));
            head = next;
        }
        store::insert_audit_entries(tx, &entries, &head).await
    }

    pub async fn list_audit_entries(
        &self,
        caller: &Caller,
        filter: &store::TrailFilter,
        limit: i64,
    ) -> Result<Vec<Entry>> {
        let mut tx = self.database.begin(caller.tenant_id).await?;
        let entries = store::list_audit_entries(&mut tx, filter, limit).await?;
        tx.commit().await?;
        Ok(entries)
    }

    /// The lines behind an entry; the export is recorded where it begins.
    pub async fn read_trail(&self, context: &Context, caller: &Caller, after: i64) -> Result<Part> {
        let mut tx = self.database.begin(caller.tenant_id).await?;
        if after == 0 {
            tx.audit(context, "auth.export_audit_trail", caller.tenant_id)
                .await?;
        }
        // First, so that the entries that it counts are there.
        let head = store::find_trail_head(&mut tx).await?;
        let head = head.unwrap_or_else(Head::none);
        let entries = store::list_trail(&mut tx, after, head.entries, PART).await?;
        tx.commit().await?;
        let last = entries.last().map_or(after, |(entry, _)| entry.sequence);
        let mut text: String = entries
            .iter()
            .map(|(entry, _)| lines::entry_line(entry))
            .collect();
        let complete = (entries.len() as i64) < PART;
        if complete {
            text.push_str(&lines::head_line(caller.tenant_id, &head));
        }
        Ok(Part {
            lines: text,
            last,
            complete,
        })
    }

    /// Follows the trail from its beginning; answers how many entries there are, or the first that does
    /// not hold.
    pub async fn verify_trail(&self, tenant: Uuid) -> Result<std::result::Result<i64, Broken>> {
        let mut verifier = Verifier::new(&self.audit_keys, tenant);
        loop {
            let mut tx = self.database.begin(tenant).await?;
            let head = store::find_trail_head(&mut tx).await?;
            let upto = head.as_ref().map_or(0, |head| head.entries);
            let entries = store::list_trail(&mut tx, verifier.entries(), upto, PART).await?;
            let more = store::has_entries_behind(&mut tx, upto).await?;
            tx.commit().await?;
            for (entry, found) in &entries {
                if let Err(broken) = follow(&mut verifier, entry, found) {
                    return Ok(Err(broken));
                }
            }
            if (entries.len() as i64) < PART {
                // A newer head may have come between the two statements; what it counts is read again.
                let at = verifier.entries() + 1;
                let ended = verifier.end(head.as_ref());
                return Ok(
                    match more && ended.is_ok() && !self.has_grown(tenant, upto).await? {
                        true => Err(Broken {
                            at,
                            why: "the sealed head does not count it",
                        }),
                        false => ended,
                    },
                );
            }
        }
    }

    async fn has_grown(&self, tenant: Uuid, entries: i64) -> Result<bool> {
        let mut tx = self.database.begin(tenant).await?;
        let head = store::find_trail_head(&mut tx).await?;
        tx.commit().await?;
        Ok(head.is_some_and(|head| head.entries > entries))
    }

    /// Records that the gateway refused a caller.
    pub async fn record_refusal(&self, context: &Context, path: &str) -> Result<()> {
        let caller = context.caller.as_ref().ok_or(Error::Session)?;
        let method = METHODS.get(path).ok_or(Error::Unknown("method"))?;
        let operation = Operation::ended(&method.action(), "", Code::PermissionDenied);
        let mut tx = self.database.begin(caller.tenant_id).await?;
        tx.record(context, operation).await?;
        Ok(tx.commit().await?)
    }

    pub async fn tenant_key(&self, tenant: Uuid) -> Result<Vec<u8>> {
        let mut tx: TenantTx = self.database.begin(tenant).await?;
        let key = store::find_tenant_key(&mut tx).await?;
        tx.commit().await?;
        key.ok_or(Error::NoOrganization)
    }
}

fn follow(
    verifier: &mut Verifier<'_>,
    entry: &Entry,
    found: &store::Found,
) -> std::result::Result<(), Broken> {
    verifier.follow(entry)?;
    let event = OperationRecorded::decode(entry.content.as_slice());
    match event.is_ok_and(|event| found_by(&event) == *found) {
        true => Ok(()),
        false => Err(Broken {
            at: entry.sequence,
            why: "it is found by other things than it says",
        }),
    }
}

fn found_by(event: &OperationRecorded) -> store::Found {
    let at = event.occurred_at.as_ref().and_then(wire::datetime);
    store::Found {
        // As exactly as Postgres keeps it.
        occurred_at: at
            .and_then(|at| DateTime::from_timestamp_micros(at.timestamp_micros()))
            .unwrap_or_default(),
        user_id: Uuid::try_parse(&event.user_id).ok(),
        action: event.action.clone(),
        entity_id: event.entity_id.clone(),
        outcome: i16::try_from(event.outcome).unwrap_or_default(),
    }
}
