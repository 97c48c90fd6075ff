//! The tests of the crate, through its public face and on data made in the tests.
//!
//! Deliberately one program: it links once, and the helpers are shared.

mod cells;
mod columns;
mod common;
mod reading;
mod real;
mod rules;
