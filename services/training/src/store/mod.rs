//! The SQL of training. Deliberately no decisions.

mod datasets;
mod models;

pub use datasets::{
    DatasetNews, claim_dataset, find_dataset, insert_undone_import, update_dataset,
    update_dataset_deleted,
};
pub use models::{
    Learned, ModelBlobs, ModelRow, claim_champion, claim_model, find_model, insert_model,
    list_models, update_champion, update_model_failed, update_model_imports, update_model_progress,
    update_model_ready, update_models_stale,
};

use crate::Error;

type Result<T> = std::result::Result<T, Error>;
