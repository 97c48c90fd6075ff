//! The SQL of ingestion, by table. Deliberately no decisions.

mod confirmed;
mod datasets;
mod imports;
mod listing;
mod quotes;

pub use confirmed::*;
pub use datasets::*;
pub use imports::*;
pub use listing::*;
pub use quotes::*;

type Result<T> = std::result::Result<T, crate::Error>;
