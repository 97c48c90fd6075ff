//! The tests of the crate, through its public face and on data made in the tests.
//!
//! Deliberately one program: it links once, and the helpers are shared.

mod cells;
mod columns;
mod common;
mod derive;
mod dialects;
mod meaning;
mod names;
mod reading;
mod reading_dialects;
mod reading_files;
mod reading_tables;
mod real;
mod rules;
mod validate_errors_file;
mod validate_leaks;
mod validate_preview;
mod validate_quarantine;
