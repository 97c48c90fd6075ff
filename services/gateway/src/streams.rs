//! The streaming methods of the contract, one file each. Deliberately few: what fits one message is
//! forwarded blindly.

pub mod predict_many;
pub mod upload_dataset;
pub mod watch_predictions;
