//! Rows that were left aside, as they are kept: cells and problems, encrypted as a whole because the
//! cells may be personal. Deliberately no judgement of them.

use serde::{Deserialize, Serialize};
use tabular::{BadRow, Sheet};
use uuid::Uuid;

/// What is kept of a row that was left aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantined {
    /// Header and cell of every column.
    pub cells: Vec<(String, String)>,
    /// What is wrong.
    pub problems: Vec<Finding>,
}

/// One thing that is wrong with a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Name of the rule.
    pub rule: String,
    /// Header of the column; empty for the row as a whole.
    pub column: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub suggestion: String,
    /// The cell as it should probably read; empty where that cannot be told.
    pub fix: String,
}

/// The name under which a row is encrypted.
#[must_use]
pub fn context(tenant: Uuid, import: Uuid, row: i32) -> String {
    format!("{tenant}|quarantined_row|content|{import}/{row}")
}

/// A bad row with its number in the file.
#[must_use]
pub fn quarantined(sheet: &Sheet, bad: &BadRow<'_>) -> (i32, Quarantined) {
    let row = sheet
        .row_numbers
        .get(bad.index)
        .copied()
        .unwrap_or_default();
    let header = |column: Option<usize>| {
        let header = column.and_then(|column| sheet.headers.get(column));
        header.cloned().unwrap_or_default()
    };
    let problems = bad
        .findings()
        .map(|(column, sentence, fix)| Finding {
            rule: sentence.rule.to_owned(),
            column: header(column),
            message: sentence.message.to_string(),
            suggestion: sentence.suggestion.to_string(),
            fix: fix.unwrap_or_default().to_owned(),
        })
        .collect();
    let cells = sheet
        .record(bad.index)
        .map(|(header, cell)| (header.to_owned(), cell.to_owned()))
        .collect();
    let row = i32::try_from(row).unwrap_or(i32::MAX);
    (row, Quarantined { cells, problems })
}
