//! Draws replies for people. Deliberately complete only where a page has room: JSON has all of it.

mod datasets;
mod models;
mod predictions;

pub use datasets::{dataset, datasets, import};
pub use models::{model, models};
pub use predictions::{evidence, prediction, predictions, top_reasons};
