//! The streaming methods of the contract, one file each. Deliberately few: what fits one message is
//! forwarded blindly. `receive` is what those share that take a file.

pub mod export_audit;
pub mod export_model;
pub mod predict_many;
pub mod preview_dataset;
mod receive;
pub mod sweep;
pub mod upload_dataset;
mod watch_filter;
pub mod watch_predictions;
