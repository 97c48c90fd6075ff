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
pub mod frame;
pub mod mapping;
pub mod problem;
pub mod profile;
pub mod sheet;
pub mod validate;

pub use cell::{
    CellFormat, CellValue, ColumnKind, DateOrder, Decimal, NumberFormat, is_missing,
    is_open_outcome, parse_date, parse_number, parse_outcome,
};
pub use frame::{Frame, FrameColumn, Values};
pub use mapping::{ColumnMapping, DateSource, Field, Mapping, map};
pub use problem::{MAX_PROBLEMS, Problem, Severity};
pub use profile::{Profile, profile};
pub use sheet::{Column, Encoding, Limits, ReadError, Sheet, UnevenRow, read};
pub use validate::{Report, Validated, validate};
