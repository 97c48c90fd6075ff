//! What the cells of a quote history mean: files to rows, rows to typed columns, columns to meanings.
//!
//! A pure library: bytes and today's date go in, typed columns and readable problems come out. It
//! deliberately knows no files, no network, no clock, no database and no message format; the
//! ingestion service converts, and the prediction service reads single cells with [`cell::read`] so
//! that a new quote is read exactly like the column it was learnt from.
//!
//! The way through: [`sheet::read`] → [`profile::profile()`] → [`mapping::map`] →
//! [`validate::validate()`] → [`frame::Frame`].

pub mod cell;
pub mod derive;
pub mod errors_file;
pub mod frame;
pub mod mapping;
pub mod preview;
pub mod problem;
pub mod profile;
pub mod sheet;
pub mod validate;

pub use cell::{
    CellFormat, CellValue, ColumnKind, DateOrder, Decimal, NumberFormat, Outcome, is_missing,
    is_open_outcome, parse_date, parse_number, parse_outcome,
};
pub use derive::{
    DerivedFeature, FEATURES, FeatureSpec, Features, History, HistoryError, QuoteFacts,
    features_markdown,
};
pub use frame::{Frame, FrameColumn, Values};
pub use mapping::{
    ColumnMapping, DateSource, Field, Mapping, OutcomeWords, Question, Stated, StatedFormat,
    fingerprint, map, missing_questions, questions, suggest,
};
pub use preview::{Claim, Preview, Tier, preview};
pub use problem::{MAX_PROBLEMS, Problem, Severity};
pub use profile::{Profile, profile, profile_stated};
pub use sheet::{
    Archive, Column, EncodingCandidate, FileFormat, LeftOut, LeftOutKind, Limits, Native, Origin,
    ReadError, ReadOptions, RenamedHeader, Sheet, SheetInfo, Source, UnevenRow, read,
};
pub use validate::{BadRow, BadRows, Month, Report, Rules, Validated, parse_revision, validate};
