//! Outcomes out of imports: the snapshot of a dataset says which quotes are decided, and what that changes is recorded.
//! Deliberately nothing of quotes that nobody predicted, but since when they are known to be decided: who predicts such a
//! quote later knows, or could know, how it ended.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use platform::{TenantTx, consumer::Delivery, page::parse_id};
use prost::Message as _;
use proto::{
    ingestion::{
        ColumnKind, DatasetDeleted, DatasetImported, Snapshot, SnapshotOutcomes, TargetField,
    },
    prediction::{FieldValue, QuoteOutcome, field_value::Value},
    rpc::Context,
};

use super::{
    Commands, Result,
    outcomes::{Teller, withdrawn},
};
use crate::{
    Error,
    domain::{QUOTE_REF_MAX, outcomes::NewOutcome},
    store::{self, DecidedRow},
};

/// Quotes that are told to Postgres at once.
const TOLD_AT_ONCE: usize = 10_000;
/// Outcomes that are recorded at once.
const RECORDED_AT_ONCE: usize = 500;

/// Fields of quotes as they were decided, by quote.
type FinalFields = HashMap<String, HashMap<String, FieldValue>>;

impl Commands {
    /// Records what an import says of quotes that were predicted.
    pub async fn note_imported(&self, delivery: &Delivery, event: DatasetImported) -> Result<()> {
        let dataset = parse_id("dataset_id", &event.dataset_id)?;
        let bytes = match &event.snapshot {
            None => Vec::new(),
            Some(blob) => match self.kit.blobs.get(delivery.tenant, blob).await {
                Ok(bytes) => bytes,
                // A later import took its place, whose event is on its way.
                Err(error) if error.is_missing_blob() => return Ok(()),
                Err(error) => return Err(error.into()),
            },
        };
        let told = SnapshotOutcomes::decode(bytes.as_slice())?;
        let now = delivery.made_at().unwrap_or_else(|| self.kit.clock.now());
        let opened = self
            .kit
            .database()
            .begin_once(delivery.tenant, &delivery.consumer, delivery.event_id)
            .await?;
        let Some(mut tx) = opened else { return Ok(()) };
        store::claim_outcomes(&mut tx).await?;
        if store::update_heard(&mut tx, dataset, delivery.event_id).await? {
            tell(&mut tx, &told).await?;
            let decided = store::list_newly_decided(&mut tx, dataset, now).await?;
            let fields = if decided.is_empty() {
                FinalFields::default()
            } else {
                final_fields(&bytes, &decided)?
            };
            let undecided = store::list_undecided(&mut tx, dataset).await?;
            let new = outcomes(decided, fields).chain(
                undecided
                    .into_iter()
                    .map(|quote_ref| withdrawn(quote_ref, now)),
            );
            let new: Vec<NewOutcome> = new.collect();
            let context = Context::system(delivery.event_id.to_string());
            for some in new.chunks(RECORDED_AT_ONCE) {
                self.record(&mut tx, &context, Teller::Import(dataset), some)
                    .await?;
            }
            store::update_dataset_outcomes(&mut tx, dataset, now).await?;
            if !new.is_empty() {
                tx.audit(&context, "prediction.record_outcomes", dataset)
                    .await?;
            }
        }
        Ok(tx.commit().await?)
    }

    /// Forgets what the imports of a deleted dataset said. Outcomes stay, as predictions do.
    pub async fn note_deleted(&self, delivery: &Delivery, event: &DatasetDeleted) -> Result<()> {
        let dataset = parse_id("dataset_id", &event.dataset_id)?;
        let opened = self
            .kit
            .database()
            .begin_once(delivery.tenant, &delivery.consumer, delivery.event_id)
            .await?;
        let Some(mut tx) = opened else { return Ok(()) };
        store::update_heard(&mut tx, dataset, delivery.event_id).await?;
        store::delete_dataset_outcomes(&mut tx, dataset).await?;
        Ok(tx.commit().await?)
    }
}

/// Hands the named quotes of a snapshot to Postgres.
async fn tell(tx: &mut TenantTx, snapshot: &SnapshotOutcomes) -> Result<()> {
    store::insert_told_table(tx).await?;
    let names = snapshot
        .columns
        .iter()
        .find(|column| column.field() == TargetField::QuoteId);
    let Some(names) = names else { return Ok(()) };
    let named = names
        .codes
        .iter()
        .zip(&snapshot.outcomes)
        .filter_map(|(code, won)| Some((names.levels.get(*code as usize)?, *won)))
        // No prediction has a longer name.
        .filter(|(name, _)| !name.is_empty() && name.chars().count() <= QUOTE_REF_MAX);
    let (mut quotes, mut outcomes) = (Vec::new(), Vec::new());
    for (name, won) in named {
        quotes.push(name.clone());
        outcomes.push(won);
        if quotes.len() == TOLD_AT_ONCE {
            store::insert_told(tx, &quotes, &outcomes).await?;
            quotes.clear();
            outcomes.clear();
        }
    }
    store::insert_told(tx, &quotes, &outcomes).await
}

/// What the decided quotes were like in the end.
fn final_fields(bytes: &[u8], decided: &[DecidedRow]) -> Result<FinalFields> {
    let snapshot = Snapshot::decode(bytes)?;
    let names = snapshot
        .columns
        .iter()
        .find(|column| column.field() == TargetField::QuoteId)
        .ok_or_else(|| Error::Broken("a snapshot lost the names of its quotes".to_owned()))?;
    let wanted: HashMap<&str, ()> = decided
        .iter()
        .map(|row| (row.quote_ref.as_str(), ()))
        .collect();
    let mut fields = FinalFields::default();
    for (row, code) in names.codes.iter().enumerate() {
        let name = names.levels.get(*code as usize);
        let Some(name) = name.filter(|name| wanted.contains_key(name.as_str())) else {
            continue;
        };
        let cell = |column: &proto::ingestion::SnapshotColumn| {
            let value = match column.kind() {
                ColumnKind::Number => {
                    let number = column.numbers.get(row).copied();
                    number.filter(|n| n.is_finite()).map(Value::Number)
                }
                ColumnKind::Category => {
                    let code = column.codes.get(row)?;
                    let level = column.levels.get(*code as usize);
                    level.cloned().map(Value::Text)
                }
                // Dates are never recommended.
                _ => None,
            };
            let value = Some(value?);
            Some((column.name.clone(), FieldValue { value }))
        };
        let of_quote = snapshot.columns.iter().filter_map(cell).collect();
        fields.insert(name.clone(), of_quote);
    }
    Ok(fields)
}

fn outcomes(decided: Vec<DecidedRow>, mut fields: FinalFields) -> impl Iterator<Item = NewOutcome> {
    decided.into_iter().map(move |row| {
        let known_at: DateTime<Utc> = row.told_at;
        NewOutcome {
            state: if row.won {
                QuoteOutcome::Won
            } else {
                QuoteOutcome::Lost
            },
            decided_at: None,
            known_at,
            final_fields: fields.remove(&row.quote_ref).unwrap_or_default(),
            quote_ref: row.quote_ref,
        }
    })
}
