//! What a prediction changed: each one of a named quote is compared with the one before it, and what crossed a grade or moved by
//! a point is told. Deliberately behind the stream of predictions, where nobody waits for it.

use platform::{consumer::Delivery, page::parse_id};
use proto::prediction::PredictionMade;

use super::{Commands, Result};
use crate::{
    domain::changes::{Before, changed},
    store,
};

impl Commands {
    /// Tells how a prediction differs from the one of the same quote before it, if it clearly does.
    pub async fn note_change(&self, delivery: &Delivery, event: &PredictionMade) -> Result<()> {
        if event.quote_ref.is_empty() {
            return Ok(());
        }
        let id = parse_id("prediction_id", &event.prediction_id)?;
        let mut tx = self.kit.database().begin(delivery.tenant).await?;
        let before = store::find_before(&mut tx, &event.quote_ref, id).await?;
        tx.commit().await?;
        let Some(before) = before else { return Ok(()) };
        let before = Before {
            id: before.id,
            created_at: before.created_at,
            model_id: before.model_id,
            win_probability: before.win_probability,
        };
        let Some(news) = changed(&before, event) else {
            return Ok(());
        };
        // Of its own name, since the shadow answer claims the same event.
        let consumer = format!("{}-changes", delivery.consumer);
        let opened = self
            .kit
            .database()
            .begin_once(delivery.tenant, &consumer, delivery.event_id)
            .await?;
        let Some(mut tx) = opened else { return Ok(()) };
        tx.publish(&news).await?;
        Ok(tx.commit().await?)
    }
}
