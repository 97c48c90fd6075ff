//! The SQL of ingestion, by table. Deliberately no decisions.

mod datasets;
mod imports;
mod listing;
mod quotes;

pub use datasets::*;
pub use imports::*;
pub use listing::*;
pub use quotes::*;

type Result<T> = std::result::Result<T, crate::Error>;
