//! What predictions changed: each one of a named quote is compared with the one before it, and what crossed a grade or moved by
//! a point is told. Deliberately behind the stream of predictions, where nobody waits for it.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use platform::{consumer::Delivered, page::parse_id};
use proto::prediction::PredictionMade;
use uuid::Uuid;

use super::{Commands, Result};
use crate::{
    domain::{
        self,
        changes::{Before, changed},
    },
    store::{self, BeforeRow},
};

impl Commands {
    /// Tells how predictions differ from those of the same quotes before them, where they clearly do.
    pub async fn note_changes(&self, delivered: &Delivered<PredictionMade>) -> Result<()> {
        if delivered.events().all(|event| event.quote_ref.is_empty()) {
            return Ok(());
        }
        let opened = self
            .kit
            .database()
            .begin_together(delivered.clone())
            .await?;
        let Some((mut tx, events)) = opened else {
            return Ok(());
        };
        let named = events
            .iter()
            .filter(|event| !event.quote_ref.is_empty())
            .map(|event| Ok((parse_id("prediction_id", &event.prediction_id)?, event)))
            .collect::<Result<BTreeMap<Uuid, &PredictionMade>>>()?;
        let quotes: Vec<(&str, Uuid)> = named
            .iter()
            .map(|(id, event)| (event.quote_ref.as_str(), *id))
            .collect();
        let made = named.keys().filter_map(|id| domain::created_at(*id));
        let until = made.max().unwrap_or_else(|| self.kit.clock.now()) + TimeDelta::milliseconds(1);
        let befores = store::find_befores(&mut tx, &quotes, until).await?;
        let news: Vec<_> = befores
            .into_iter()
            .filter_map(|row| changed(&before(&row), named.get(&row.of)?))
            .collect();
        if !news.is_empty() {
            tx.publish_all(&news).await?;
        }
        Ok(tx.commit().await?)
    }
}

fn before(row: &BeforeRow) -> Before {
    Before {
        id: row.id,
        created_at: row.created_at,
        model_id: row.model_id,
        win_probability: row.win_probability,
    }
}
