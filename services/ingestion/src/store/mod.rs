//! The SQL of ingestion, by table. Deliberately no decisions.

mod datasets;
mod imports;
mod quotes;

pub use datasets::*;
pub use imports::*;
pub use quotes::*;

type Result<T> = std::result::Result<T, crate::Error>;
