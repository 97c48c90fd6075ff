//! Answers become predictions here: what many callers of a tenant wait for is written in one
//! transaction, and each is told after its commit. While one group is written the next one gathers, and it
//! waits a moment for those that are being computed and for callers that were just answered to come again, so
//! that groups are as large as the load makes them and a single call waits for nobody. Tenants take turns. Deliberately one transaction for one tenant: the walls between tenants are those of a transaction.

mod gathering;

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use platform::{
    Kit, TenantTx,
    error::chain,
    outbox::Traced,
    telemetry::{self, trace_id_in},
};
use proto::{auth::OperationRecorded, prediction::PredictionMade, rpc::Context};
use tokio::sync::oneshot;
use tracing::{Instrument as _, Span, field::Empty};
use uuid::Uuid;

use self::gathering::State;
use super::Result;
use crate::{
    Error,
    domain::once::{KEPT, Once},
    store::{self, BLOCK, PackedBlock, PredictionRow, RequestRow, Standings},
};

/// Transactions at once, each on a connection.
const WRITERS: usize = 4;
/// Predictions after which a group takes no further entry.
const GROUP_ROWS: usize = 1000;
/// Longest that a group waits to become as large as the one before it.
const GATHERING: Duration = Duration::from_millis(10);

/// What one call wants to have kept.
#[derive(Debug)]
pub struct Entry {
    pub context: Context,
    /// Of the call.
    pub span: Span,
    pub traceparent: Option<String>,
    pub model_id: Uuid,
    /// Whether the model was asked because it is the champion.
    pub as_champion: bool,
    /// What the answers were computed with, and what has to be so still.
    pub policy_version: u64,
    pub stale_reason: String,
    pub once: Option<Once>,
    pub rows: Vec<PredictionRow>,
    pub news: Vec<PredictionMade>,
}

/// What became of it.
#[derive(Debug)]
pub enum Kept {
    /// It is kept.
    Now,
    /// The same call was answered before, with these predictions.
    Before(Vec<Uuid>),
    /// Nothing is kept, because the answers were computed with what does not hold any more.
    Outdated(Standing),
}

/// How things stand that an answer depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    pub champion: Option<Uuid>,
    pub policy_version: u64,
    pub stale_reason: String,
}

/// Writes predictions.
#[derive(Debug, Clone)]
pub struct Ledger {
    kit: Kit,
    state: Arc<Mutex<State>>,
}

type Reply = oneshot::Sender<Result<Kept>>;

/// A call that will have something to write, unless it fails.
#[derive(Debug)]
pub struct Coming {
    ledger: Ledger,
    tenant: Uuid,
}

impl Drop for Coming {
    fn drop(&mut self) {
        let was_the_last = self.ledger.lock().came(self.tenant);
        if was_the_last {
            self.ledger.write_waiting();
        }
    }
}

impl Ledger {
    pub fn new(kit: &Kit) -> Self {
        Self {
            kit: kit.clone(),
            state: Arc::default(),
        }
    }

    /// Says that a call is being computed, so that those before it wait for it a moment.
    pub fn announce(&self, tenant: Uuid) -> Coming {
        self.lock().announce(tenant);
        Coming {
            ledger: self.clone(),
            tenant,
        }
    }

    /// Keeps the predictions of a call, with others; answers after the commit.
    pub async fn keep(&self, coming: Coming, entry: Entry) -> Result<Kept> {
        let (reply, answer) = oneshot::channel();
        let is_first = self.lock().add(coming.tenant, (entry, reply));
        if is_first {
            self.write_after(coming.tenant, GATHERING);
        }
        drop(coming);
        answer.await.unwrap_or(Err(Error::NotKept))
    }

    /// Writes what waits of a tenant after some time, whoever is still coming.
    fn write_after(&self, tenant: Uuid, time: Duration) {
        let ledger = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(time).await;
            ledger.lock().gathered(tenant);
            ledger.write_waiting();
        });
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins as many groups as there are writers for.
    fn write_waiting(&self) {
        loop {
            let Some((tenant, group)) = self.lock().take() else {
                return;
            };
            let ledger = self.clone();
            tokio::spawn(async move {
                // In a task of its own, so that a panic cannot keep the tenant's turn for ever.
                let writer = ledger.clone();
                let written = tokio::spawn(async move { writer.write(tenant, group).await });
                if let Err(panic) = written.await {
                    tracing::error!(error = %panic, "a group of predictions was not written");
                }
                ledger.lock().done(tenant);
                ledger.write_waiting();
            });
        }
    }

    async fn write(&self, tenant: Uuid, group: Vec<(Entry, Reply)>) {
        let (late, group): (Vec<_>, Vec<_>) = group.into_iter().partition(|(entry, _)| {
            let deadline = entry.context.deadline;
            deadline.is_some_and(|at| at < SystemTime::now())
        });
        for (_, reply) in late {
            tell(reply, Err(Error::Late));
        }
        if group.is_empty() {
            return;
        }
        let (entries, replies): (Vec<Entry>, Vec<Reply>) = group.into_iter().unzip();
        match self.write_traced(tenant, &entries).await {
            Ok(kept) => {
                for (reply, kept) in replies.into_iter().zip(kept) {
                    tell(reply, kept);
                }
            }
            // Nothing of the group is there; one of it must not be in the way of the others.
            Err(error) if entries.len() > 1 && is_refused(&error) => {
                tracing::warn!(error = %chain(&error), "a group of predictions is written one by one");
                for (entry, reply) in entries.iter().zip(replies) {
                    let written = self.write_traced(tenant, std::slice::from_ref(entry)).await;
                    let kept =
                        written.and_then(|mut kept| kept.pop().unwrap_or(Err(Error::NotKept)));
                    tell(reply, kept);
                }
            }
            Err(error) => {
                tracing::error!(error = %chain(&error), "a group of predictions was not written");
                for reply in replies {
                    tell(reply, Err(Error::NotKept));
                }
            }
        }
    }

    /// Writes entries in the trace of their call; of several calls each trace leads to the other.
    async fn write_traced(&self, tenant: Uuid, entries: &[Entry]) -> Result<Vec<Result<Kept>>> {
        let span = tracing::info_span!("ledger", calls = entries.len(), trace_id = Empty);
        let traces = entries
            .iter()
            .filter_map(|entry| entry.traceparent.as_deref());
        telemetry::link_traces(&span, traces);
        if entries.len() > 1 {
            for entry in entries {
                telemetry::link(&entry.span, &span);
            }
        }
        self.write_all(tenant, entries).instrument(span).await
    }

    /// Writes entries in one transaction, those that are still right; answers what became of each.
    async fn write_all(&self, tenant: Uuid, entries: &[Entry]) -> Result<Vec<Result<Kept>>> {
        let mut tx = self.kit.database().begin(tenant).await?;
        let mut models: Vec<Uuid> = entries.iter().map(|entry| entry.model_id).collect();
        models.sort_unstable();
        models.dedup();
        let standings = store::find_standings(&mut tx, &models).await?;
        let mut outcomes: Vec<Result<Kept>> = entries
            .iter()
            .map(|entry| check(entry, &standings))
            .collect();
        self.answer_again(&mut tx, entries, &mut outcomes).await?;
        let kept: Vec<&Entry> = entries
            .iter()
            .zip(&outcomes)
            .filter(|(_, outcome)| matches!(outcome, Ok(Kept::Now)))
            .map(|(entry, _)| entry)
            .collect();
        if !kept.is_empty() {
            let rows: Vec<&PredictionRow> = kept.iter().flat_map(|entry| &entry.rows).collect();
            let blocks = packed(&rows).await?;
            store::insert_predictions(&mut tx, &rows, &blocks).await?;
            tell_others(&mut tx, &kept);
        }
        tx.commit().await?;
        Ok(outcomes)
    }

    /// Notes the keys of calls; where one is known, turns the outcome into the answer of then.
    async fn answer_again(
        &self,
        tx: &mut TenantTx,
        entries: &[Entry],
        outcomes: &mut [Result<Kept>],
    ) -> Result<()> {
        let open = entries.iter().zip(outcomes.iter_mut());
        let mut with_key: Vec<(&Once, &Entry, &mut Result<Kept>)> = open
            .filter(|(_, outcome)| matches!(outcome, Ok(Kept::Now)))
            .filter_map(|(entry, outcome)| Some((entry.once.as_ref()?, entry, outcome)))
            .collect();
        if with_key.is_empty() {
            return Ok(());
        }
        let rows: Vec<RequestRow> = with_key
            .iter()
            .map(|(once, entry, _)| RequestRow {
                key: once.key.clone(),
                request_hash: once.request_hash.clone(),
                prediction_ids: entry.rows.iter().map(|row| row.id).collect(),
            })
            .collect();
        let now = self.kit.clock.now();
        let new: HashSet<String> = store::claim_requests(tx, &rows, now, now - KEPT)
            .await?
            .into_iter()
            .collect();
        with_key.retain(|(once, _, _)| !new.contains(&once.key));
        if with_key.is_empty() {
            return Ok(());
        }
        let keys: Vec<&str> = with_key
            .iter()
            .map(|(once, _, _)| once.key.as_str())
            .collect();
        let known = store::find_requests(tx, &keys, now - KEPT).await?;
        for (once, _, outcome) in with_key {
            let before = known.iter().find(|row| row.key == once.key);
            *outcome = match before {
                Some(row) => before_this(once, row).map(Kept::Before),
                // Removed in this moment because it was old; the caller may come again.
                None => Err(Error::NotKept),
            };
        }
        Ok(())
    }
}

/// The details of predictions, packed; between two blocks others have their turn.
async fn packed(rows: &[&PredictionRow]) -> Result<Vec<PackedBlock>> {
    let mut blocks = Vec::with_capacity(rows.len().div_ceil(BLOCK));
    for together in rows.chunks(BLOCK) {
        blocks.extend(store::pack(together)?);
        tokio::task::yield_now().await;
    }
    Ok(blocks)
}

/// The predictions that answered the same call before.
pub fn before_this(once: &Once, known: &RequestRow) -> Result<Vec<Uuid>> {
    if known.request_hash != once.request_hash {
        return Err(Error::KeyReused);
    }
    Ok(known.prediction_ids.clone())
}

/// Whether the answers were computed with what holds.
fn check(entry: &Entry, standings: &Standings) -> Result<Kept> {
    let stale_reason = standings.stale_reason(entry.model_id);
    let stale_reason = stale_reason.ok_or(Error::NoModel(entry.model_id))?;
    let standing = Standing {
        champion: standings.champion,
        policy_version: standings.policy_version.cast_unsigned(),
        stale_reason: stale_reason.to_owned(),
    };
    let holds = (!entry.as_champion || standing.champion == Some(entry.model_id))
        && standing.policy_version == entry.policy_version
        && standing.stale_reason == entry.stale_reason;
    Ok(match holds {
        true => Kept::Now,
        false => Kept::Outdated(standing),
    })
}

/// The news of predictions, and one entry of the audit trail for each call.
fn tell_others(tx: &mut TenantTx, kept: &[&Entry]) {
    let news: Vec<Traced<'_, PredictionMade>> = kept
        .iter()
        .flat_map(|entry| {
            let traceparent = entry.traceparent.as_deref();
            entry
                .news
                .iter()
                .map(move |event| Traced { event, traceparent })
        })
        .collect();
    tx.publish_traced(&news);
    let operations: Vec<OperationRecorded> = kept
        .iter()
        .map(|entry| {
            let told = tx.operation(&entry.context, "prediction.predict", entry.model_id);
            OperationRecorded {
                // That of the call: this task writes for many and is in none of their traces.
                trace_id: entry
                    .traceparent
                    .as_deref()
                    .and_then(trace_id_in)
                    .unwrap_or_default(),
                ..told
            }
        })
        .collect();
    let operations: Vec<Traced<'_, OperationRecorded>> = operations
        .iter()
        .zip(kept)
        .map(|(event, entry)| Traced {
            event,
            traceparent: entry.traceparent.as_deref(),
        })
        .collect();
    tx.publish_traced(&operations);
}

/// Whether Postgres refused something of a group, so that nothing of it is there. Where it is going away
/// that is not known: the commit may have been its last act.
fn is_refused(error: &Error) -> bool {
    let Error::Platform(platform::Error::Database(error)) = error else {
        return false;
    };
    let code = error.as_database_error().and_then(|error| error.code());
    // Classes 22 and 23 are values and constraints.
    code.is_some_and(|code| code.starts_with("22") || code.starts_with("23"))
}

fn tell(reply: Reply, outcome: Result<Kept>) {
    // Who does not wait any more does not need to be told.
    let _ = reply.send(outcome);
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;
