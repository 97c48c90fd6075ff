//! The SQL of prediction. Deliberately no decisions.

mod aliases;
mod models;
mod policies;
mod predictions;
mod requests;

pub use aliases::{
    ShadowRow, find_alias, find_apart, find_asked, insert_shadow_answer, update_alias,
};
pub use models::{
    ModelRow, Standings, find_champion, find_model, find_stale_reason, find_standings,
    insert_model, list_input_schemas, update_champion, update_stale_reason,
};
pub use policies::{PolicyRow, find_policy, insert_policy};
pub use predictions::{
    KeptRow, PredictionRow, find_frozen, find_prediction, find_predictions, insert_partitions,
    insert_predictions, list_predictions, list_predictions_of_model,
};
pub use requests::{RequestRow, claim_requests, find_requests};

use crate::Error;

type Result<T> = std::result::Result<T, Error>;
