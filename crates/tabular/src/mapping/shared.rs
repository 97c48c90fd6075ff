//! Identifiers that stand for several different rows, and so cannot tell quotes apart.
//!
//! Deliberately without a tolerance: rows that are updated by an identifier which means two things
//! would overwrite each other. Whoever knows better states the column.

use std::collections::HashMap;

use super::{ColumnMapping, Field};
use crate::cell::is_missing;
use crate::sheet::Sheet;

/// How the reason begins.
const BEGINNING: &str = "named like the identifier of a quote, but ";

/// How many rows have the identifier (and revision) of an earlier row and say something else.
pub(super) fn rows(sheet: &Sheet, column: usize, revision: Option<usize>) -> usize {
    let mut firsts: HashMap<(&str, &str), usize> = HashMap::new();
    let mut shared = 0;
    for row in 0..sheet.row_count() {
        let id = sheet.cell(row, column).trim();
        if is_missing(id) {
            continue;
        }
        let revision = revision.map_or("", |revision| sheet.cell(row, revision).trim());
        let first = *firsts.entry((id, revision)).or_insert(row);
        let differs = |cells: &crate::Column| cells.get(first).trim() != cells.get(row).trim();
        shared += usize::from(first != row && sheet.columns.iter().any(differs));
    }
    shared
}

/// Why such a column is left out, and how to have it otherwise.
pub(super) fn reason(name: &str, shared: usize) -> String {
    format!(
        "{BEGINNING}{shared} rows differ from an earlier row with the same one; if it is the identifier all the same: --map quote_id=\"{name}\""
    )
}

/// Whether a column is left out for that.
pub(crate) fn is_shared_identifier(mapped: &ColumnMapping) -> bool {
    mapped.field == Field::Ignored && mapped.reason.starts_with(BEGINNING)
}
