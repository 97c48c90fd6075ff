//! The SQL of training. Deliberately no decisions.

mod aliases;
mod datasets;
mod models;
mod retraining;

pub use aliases::{
    AliasRow, ComparisonRow, PromotionRow, claim_champion, delete_alias, find_alias,
    insert_comparison, insert_promotion, list_aliases, list_standing_promotions, update_alias,
    update_promotion_rolled_back,
};
pub use datasets::{
    DatasetNews, claim_dataset, find_dataset, insert_undone_import, update_dataset,
    update_dataset_deleted,
};
pub use models::{
    Learned, ModelBlobs, ModelRow, NewModel, Tracked, claim_model, find_model, find_model_blobs,
    insert_model, list_models, update_model_cancelled, update_model_failed, update_model_imports,
    update_model_progress, update_model_ready, update_models_stale,
};
pub use retraining::{LastTraining, PolicyRow, find_last_training, find_policy, update_policy};

use crate::Error;

type Result<T> = std::result::Result<T, Error>;
