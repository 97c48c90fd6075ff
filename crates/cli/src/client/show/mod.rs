//! Draws replies for people. Deliberately complete only where a page has room: JSON has all of it.

mod datasets;
mod drift;
mod explanations;
mod imports;
mod models;
mod outcomes;
mod predictions;
mod preview;
mod problems;
mod quotes;
mod tracking;
mod webhooks;

pub use datasets::{dataset, datasets, import};
pub use drift::drift;
pub use explanations::{difference, policy, price_curve};
pub use imports::{imports, quarantined};
pub use models::{model, models};
pub use outcomes::{RecordTally, outcome, track_record};
pub use predictions::{evidence, prediction, predictions, top_reasons};
pub use preview::preview;
pub use quotes::quotes;
pub use tracking::{aliases, comparison, losses, provenance, retraining};
pub use webhooks::{deliveries, delivery, webhook_facts, webhooks};
