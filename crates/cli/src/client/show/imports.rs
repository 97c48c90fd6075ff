//! Imports, and the rows that they left aside. Deliberately no cells: JSON has them.

use std::io::{self, Write};

use proto::ingestion::{Import, QuarantinedRow};

use super::problems;
use crate::{
    table::Table,
    text::{count, enum_word, moment},
};

/// Imports in one line each; where they are of several datasets, with the dataset.
#[must_use]
pub fn imports(imports: &[Import], of_one_dataset: bool) -> Table {
    if of_one_dataset {
        effects(imports)
    } else {
        overview(imports)
    }
}

fn effects(imports: &[Import]) -> Table {
    let mut table = Table::new()
        .left("import")
        .left("state")
        .right("new")
        .right("updated")
        .right("refused")
        .left("file")
        .left("uploaded");
    for import in imports {
        let effect = import.effect.unwrap_or_default();
        table.row([
            import.id.as_str(),
            &state(import),
            &count(effect.created.into()),
            &count(effect.updated.into()),
            &count(effect.refused.into()),
            &import.file_name,
            &day(import),
        ]);
    }
    table
}

fn overview(imports: &[Import]) -> Table {
    // The dataset's id is there to be copied, and what stands right is never cut.
    let mut table = Table::new()
        .left("import")
        .right("dataset")
        .left("state")
        .left("file");
    for import in imports {
        table.row([
            import.id.as_str(),
            &import.dataset_id,
            &state(import),
            &import.file_name,
        ]);
    }
    table
}

fn state(import: &Import) -> String {
    enum_word(import.state().as_str_name(), "IMPORT_STATE_")
}

fn day(import: &Import) -> String {
    moment(import.created_at.as_ref())
        .chars()
        .take(10)
        .collect()
}

/// Rows that an import left aside, with what is wrong with each.
///
/// # Errors
/// Where the writer fails.
pub fn quarantined(out: &mut dyn Write, rows: &[QuarantinedRow]) -> io::Result<()> {
    let mut table = Table::new().right("row").flexible("what is wrong");
    for row in rows {
        for (index, problem) in row.problems.iter().enumerate() {
            let number = if index == 0 {
                row.row.to_string()
            } else {
                String::new()
            };
            // The row stands in its own column.
            let mut problem = problem.clone();
            problem.row = 0;
            table.row([number, problems::line(&problem)]);
        }
    }
    table.print(out)
}

#[cfg(test)]
mod tests {
    use proto::ingestion::{ImportEffect, ImportState, Problem};

    use super::*;
    use crate::{table::PAGE_WIDTH, text::width};

    const ID: &str = "0190a6b2-0000-7000-8000-000000000001";
    const DATASET: &str = "0190a6b2-0000-7000-8000-000000000002";

    fn import() -> Import {
        Import {
            id: ID.into(),
            dataset_id: DATASET.into(),
            file_name: "quotes of the first and second quarter.xlsx".into(),
            state: ImportState::Undone.into(),
            effect: Some(ImportEffect {
                created: 78_025,
                updated: 12,
                refused: 3,
                ..ImportEffect::default()
            }),
            ..Import::default()
        }
    }

    #[test]
    fn imports_fit_a_page_and_keep_their_ids() {
        for of_one_dataset in [true, false] {
            let mut out = Vec::new();
            imports(&[import()], of_one_dataset)
                .print(&mut out)
                .expect("prints");
            let text = String::from_utf8(out).expect("is text");
            assert!(text.lines().all(|line| width(line) <= PAGE_WIDTH), "{text}");
            assert!(text.contains(ID) && text.contains("undone"), "{text}");
            assert_eq!(text.contains(DATASET), !of_one_dataset, "{text}");
            assert_eq!(text.contains("78,025"), of_one_dataset, "{text}");
        }
    }

    #[test]
    fn a_row_is_named_once_with_all_that_is_wrong() {
        let problem = |rule: &str| Problem {
            rule: rule.into(),
            row: 7,
            column: "Amount".into(),
            message: "It is wrong.".into(),
            ..Problem::default()
        };
        let row = QuarantinedRow {
            row: 7,
            problems: vec![problem("number"), problem("price_positive")],
            ..QuarantinedRow::default()
        };
        let mut out = Vec::new();
        quarantined(&mut out, &[row]).expect("prints");
        let text = String::from_utf8(out).expect("is text");
        assert_eq!(text.matches('7').count(), 1, "{text}");
        assert!(text.contains("[number]") && text.contains("[price_positive]"));
    }
}
