//! What the reading of the file left out or renamed, said once for each kind.
//!
//! Deliberately warnings: such rows are none of the data.

use super::collect::Collector;
use crate::problem::Problem;
use crate::sheet::{LeftOutKind, Sheet};

/// Rows that are told one by one.
const MAX_TOLD: usize = 5;

/// Warns of rows below the header that are left out, and of columns that go by another name.
pub(super) fn check(sheet: &Sheet, problems: &mut Collector<'_>) {
    for (kind, what, advice) in [
        (
            LeftOutKind::Sum,
            "a sum of the rows above",
            "nothing, unless it is a quote: then fill in its empty cells",
        ),
        (
            LeftOutKind::HeaderAgain,
            "the names of the columns once more",
            "nothing",
        ),
        (
            LeftOutKind::BelowTable,
            "a note below the table",
            "nothing, unless it is a quote: then fill in its empty cells",
        ),
    ] {
        rows(sheet, kind, what, advice, problems);
    }
    for renamed in &sheet.renamed {
        let message = format!(
            "column {} has the name \"{}\" of an earlier column, and goes by \"{}\"",
            renamed.column, renamed.header, renamed.name
        );
        let advice = format!(
            "look which of the two is meant, and say so where it is the second: --map FIELD=\"{}\"",
            renamed.name
        );
        let problem = Problem::warning("header_renamed", message, advice);
        problems.add(problem.at(0, &renamed.name));
    }
}

fn rows(sheet: &Sheet, kind: LeftOutKind, what: &str, advice: &str, problems: &mut Collector<'_>) {
    let rows: Vec<_> = sheet
        .left_out
        .iter()
        .filter(|row| row.kind == kind)
        .collect();
    let Some(first) = rows.first() else { return };
    let numbers = rows.iter().take(MAX_TOLD).map(|row| row.row.to_string());
    let numbers = numbers.collect::<Vec<_>>().join(", ");
    let message = match rows.as_slice() {
        [_] => format!("the row is left out, being {what}"),
        _ if rows.len() <= MAX_TOLD => {
            format!("rows {numbers} are left out, each being {what}")
        }
        _ => format!(
            "{} rows are left out, each being {what}, the first of them rows {numbers}",
            rows.len()
        ),
    };
    let problem = Problem::warning("row_left_out", message, advice.to_owned());
    let problem = problem.at(first.row, "").with_value(&first.text);
    problems.add_counted(problem, rows.len() as u64);
}
