//! Rows that stand for a quote that another row already stands for.
//!
//! Deliberately two cases: a row that repeats another cell by cell does no harm and is left out
//! where its identifier says that it is the same quote; two different rows of one identifier are an
//! error of the later, as nobody but the owner of the file can say which is right.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::Context;
use super::bad_rows::Sentence;
use super::collect::Collector;
use crate::cell::is_missing;
use crate::mapping::Field;
use crate::problem::Problem;
use crate::sheet::Sheet;

/// Which rows say again what another row says.
pub(super) struct Doubles {
    /// Rows that are the same as an earlier one cell by cell.
    pub(super) repeated: usize,
    left_out: Vec<bool>,
}

impl Doubles {
    /// Whether a row is left out because an earlier one is the same quote.
    pub(super) fn is_left_out(&self, row: usize) -> bool {
        self.left_out.get(row).copied().unwrap_or(false)
    }
}

/// Finds repeated rows and identifiers.
pub(super) fn check(
    context: &Context<'_>,
    revisions: Option<&[u32]>,
    problems: &mut Collector<'_>,
) -> Doubles {
    let sheet = context.sheet;
    let originals = repeated(sheet);
    let ids = context
        .mapping
        .column_of(Field::QuoteId)
        .and_then(|column| Some((column, sheet.columns.get(column)?)));
    let mut doubles = Doubles {
        repeated: originals.len(),
        left_out: vec![false; sheet.row_count()],
    };
    let mut first_rows: HashMap<(&str, u32), usize> = HashMap::new();
    if let Some((column, cells)) = ids {
        for (row, text) in cells.iter().enumerate() {
            let id = text.trim();
            if is_missing(id) {
                continue;
            }
            let revision = revisions.and_then(|all| all.get(row)).copied().unwrap_or(0);
            let first = *first_rows.entry((id, revision)).or_insert(row);
            if first == row {
                continue;
            }
            if originals.contains_key(&row) {
                if let Some(left_out) = doubles.left_out.get_mut(row) {
                    *left_out = true;
                }
                continue;
            }
            let sentence = taken(context.file_row(first), revisions.map(|_| revision));
            problems.row_error(row, Some(column), sentence, || None);
        }
    }
    warn(context, &originals, ids.is_some(), problems);
    doubles
}

fn taken(first: u32, revision: Option<u32>) -> Sentence {
    match revision {
        None => Sentence::new(
            "quote_id_unique",
            format!("row {first} already has this identifier"),
            "give each quote an identifier of its own, delete the row that is out of date, or map the column that numbers revisions: --map revision=COLUMN",
        ),
        Some(revision) => Sentence::new(
            "quote_id_unique",
            format!("row {first} already has revision {revision} of this identifier"),
            "number the revisions of a quote upwards, or delete the row that is out of date",
        ),
    }
}

fn warn(
    context: &Context<'_>,
    originals: &HashMap<usize, usize>,
    has_ids: bool,
    problems: &mut Collector<'_>,
) {
    let Some((row, original)) = originals.iter().min() else {
        return;
    };
    let message = format!(
        "{} rows repeat an earlier row cell by cell, the first being row {}, which is the same as row {}",
        originals.len(),
        context.file_row(*row),
        context.file_row(*original)
    );
    let advice = if has_ids {
        "nothing, as a quote of one identifier counts once; delete them to silence this"
    } else {
        "delete them unless they are different quotes, or map the column that holds the identifier: --map quote_id=COLUMN"
    };
    let problem = Problem::warning("row_repeated", message, advice.to_owned());
    problems.add_counted(problem, originals.len() as u64);
}

/// Rows that are the same as an earlier one, each with the first of its kind.
fn repeated(sheet: &Sheet) -> HashMap<usize, usize> {
    let mut marks = vec![0u64; sheet.row_count()];
    for column in &sheet.columns {
        for (mark, cell) in marks.iter_mut().zip(column.iter()) {
            let mut hasher = DefaultHasher::new();
            (*mark, cell.trim()).hash(&mut hasher);
            *mark = hasher.finish();
        }
    }
    let mut firsts: HashMap<u64, usize> = HashMap::with_capacity(marks.len());
    let mut found = HashMap::new();
    for (row, mark) in marks.iter().enumerate() {
        let first = *firsts.entry(*mark).or_insert(row);
        // Rows of one mark are compared, since different rows may share one.
        if first != row && is_same(sheet, first, row) {
            found.insert(row, first);
        }
    }
    found
}

fn is_same(sheet: &Sheet, a: usize, b: usize) -> bool {
    let mut columns = sheet.columns.iter();
    columns.all(|column| column.get(a).trim() == column.get(b).trim())
}
