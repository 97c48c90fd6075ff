//! Datasets, their columns, and what an import found. Deliberately no advice of our own.

use std::io::{self, Write};

use proto::ingestion::{
    ColumnReport, Dataset, Import, ImportReport, ImportState, UploadDatasetResponse,
};

use super::{
    preview::{effect_line, field, origin_line, sure},
    problems::{problems, questions, totals},
};
use crate::{
    table::{Table, print_facts},
    text::{count, enum_word, moment, percent, shorten},
};

type Out<'a> = &'a mut dyn Write;

/// Datasets in one line each.
#[must_use]
pub fn datasets(datasets: &[Dataset]) -> Table {
    let mut table = Table::new()
        .left("id")
        .left("name")
        .left("state")
        .right("quotes")
        .right("won")
        .left("uploaded");
    for dataset in datasets {
        table.row([
            dataset.id.as_str(),
            &dataset.name,
            &state(dataset),
            &count(dataset.row_count.into()),
            &won_share(dataset.won_count, dataset.lost_count),
            &moment(dataset.created_at.as_ref()),
        ]);
    }
    table
}

/// A dataset with its columns.
///
/// # Errors
/// Where the writer fails.
pub fn dataset(out: Out<'_>, dataset: &Dataset) -> io::Result<()> {
    print_facts(out, &facts(dataset))?;
    columns(out, &dataset.columns)
}

/// What an import found.
///
/// # Errors
/// Where the writer fails.
pub fn import(out: Out<'_>, reply: &UploadDatasetResponse) -> io::Result<()> {
    let mut lines = Vec::new();
    match &reply.dataset {
        _ if reply.id.is_empty() => {
            lines.push(("dataset", "none: nothing was kept".to_owned()));
        }
        Some(dataset) => lines.extend(facts(dataset)),
        None => lines.push(("dataset", reply.id.clone())),
    }
    if let Some(import) = &reply.import {
        lines.extend(import_facts(import, reply.already_imported));
    }
    // Of a file that the dataset has already nothing was read again.
    if let Some(report) = reply.report.as_ref().filter(|_| !reply.already_imported) {
        lines.extend(report_facts(report));
    }
    print_facts(out, &lines)?;
    let Some(report) = &reply.report else {
        return Ok(());
    };
    columns(out, &report.columns)?;
    questions(out, &report.questions)?;
    problems(out, "problems", &report.problems)?;
    problems(out, "warnings", &report.warnings)?;
    totals(out, &report.totals)
}

fn import_facts(import: &Import, already: bool) -> Vec<(&'static str, String)> {
    let state = enum_word(import.state().as_str_name(), "IMPORT_STATE_");
    let mut facts = vec![("import", format!("{}, {state}", import.id))];
    if already {
        facts.push((
            "again",
            format!(
                "the dataset has this very file since {}: nothing was done",
                moment(import.created_at.as_ref())
            ),
        ));
    }
    if let Some(effect) = import
        .effect
        .filter(|_| import.state() == ImportState::Done)
    {
        facts.push(("effect", effect_line(&effect)));
    }
    facts
}

fn report_facts(report: &ImportReport) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    if let Some(origin) = &report.origin {
        lines.push(("file", origin_line(origin)));
    }
    lines.push((
        "content",
        format!(
            "{} rows, {} columns",
            count(report.row_count.into()),
            report.column_count
        ),
    ));
    lines.push((
        "usable",
        format!(
            "{} rows, {} won and {} lost ({} won)",
            count(report.usable_row_count.into()),
            count(report.won_count.into()),
            count(report.lost_count.into()),
            won_share(report.won_count, report.lost_count)
        ),
    ));
    if report.open_row_count > 0 {
        lines.push((
            "open",
            format!(
                "{} rows, kept for prediction",
                count(report.open_row_count.into())
            ),
        ));
    }
    if report.refused_row_count > 0 {
        lines.push((
            "left aside",
            format!(
                "{} rows with errors",
                count(report.refused_row_count.into())
            ),
        ));
    }
    lines
}

fn facts(dataset: &Dataset) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("dataset", dataset.id.clone()),
        ("name", dataset.name.clone()),
        ("state", state(dataset)),
    ];
    if !dataset.problem.is_empty() {
        facts.push(("problem", dataset.problem.clone()));
    }
    facts.push((
        "quotes",
        format!(
            "{}, {} won and {} lost{}",
            count(dataset.row_count.into()),
            count(dataset.won_count.into()),
            count(dataset.lost_count.into()),
            match dataset.open_count {
                0 => String::new(),
                open => format!(", {} open", count(open.into())),
            }
        ),
    ));
    if dataset.import_count > 0 {
        facts.push(("imports", count(dataset.import_count.into())));
    }
    facts.push(("uploaded", moment(dataset.created_at.as_ref())));
    facts
}

fn state(dataset: &Dataset) -> String {
    enum_word(dataset.state().as_str_name(), "DATASET_STATE_")
}

fn won_share(won: u32, lost: u32) -> String {
    match won + lost {
        0 => "-".to_owned(),
        all => percent(f64::from(won) / f64::from(all)),
    }
}

fn columns(out: Out<'_>, columns: &[ColumnReport]) -> io::Result<()> {
    if columns.is_empty() {
        return Ok(());
    }
    let mut table = Table::new()
        .left("column")
        .left("stands for")
        .right("sure")
        .left("kind")
        .right("missing")
        .right("distinct")
        .flexible("because");
    for column in columns {
        table.row([
            shorten(&column.name, 24).as_str(),
            &field(column),
            &sure(column),
            &enum_word(column.kind().as_str_name(), "COLUMN_KIND_"),
            &count(column.missing.into()),
            &count(column.distinct.into()),
            &column.reason,
        ]);
    }
    writeln!(out)?;
    table.print(out)
}

#[cfg(test)]
mod tests {
    use proto::ingestion::{ImportEffect, Problem, TargetField};

    use super::*;
    use crate::{table::PAGE_WIDTH, text::width};

    #[test]
    fn an_import_tells_mapping_and_problems_within_a_page() {
        let report = ImportReport {
            row_count: 1200,
            usable_row_count: 1199,
            won_count: 480,
            lost_count: 719,
            columns: vec![ColumnReport {
                name: "Net Amount".into(),
                field: TargetField::Price.into(),
                confidence: 0.9,
                reason: "its header and values look like amounts of money ".repeat(4),
                ..ColumnReport::default()
            }],
            problems: vec![Problem {
                rule: "price_positive".into(),
                row: 7,
                column: "Net Amount".into(),
                value: "-3".into(),
                message: "The price is not positive.".into(),
                suggestion: "Mend the price or leave the row out. ".repeat(5),
                ..Problem::default()
            }],
            ..ImportReport::default()
        };
        let reply = UploadDatasetResponse {
            report: Some(report),
            ..UploadDatasetResponse::default()
        };
        let mut text = Vec::new();
        import(&mut text, &reply).expect("prints");
        let text = String::from_utf8(text).expect("is text");
        for part in [
            "price",
            "90 %",
            "row 7",
            "price_positive",
            "1,199",
            "40.0 %",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(text.lines().all(|line| width(line) <= PAGE_WIDTH), "{text}");
    }

    #[test]
    fn a_file_that_is_there_already_says_since_when() {
        let reply = UploadDatasetResponse {
            id: "d1".into(),
            import: Some(Import {
                id: "i1".into(),
                state: ImportState::Done.into(),
                effect: Some(ImportEffect {
                    created: 1198,
                    ..ImportEffect::default()
                }),
                created_at: Some(prost_types::Timestamp {
                    seconds: 86_400,
                    nanos: 0,
                }),
                ..Import::default()
            }),
            already_imported: true,
            ..UploadDatasetResponse::default()
        };
        let mut text = Vec::new();
        import(&mut text, &reply).expect("prints");
        let text = String::from_utf8(text).expect("is text");
        for part in ["i1, done", "since 1970-01-02", "1,198 new"] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(!text.contains("usable"), "{text}");
    }

    #[test]
    fn a_dataset_counts_its_imports_and_open_quotes() {
        let shown = Dataset {
            row_count: 12,
            open_count: 3,
            import_count: 2,
            ..Dataset::default()
        };
        let mut text = Vec::new();
        dataset(&mut text, &shown).expect("prints");
        let text = String::from_utf8(text).expect("is text");
        assert!(text.contains(", 3 open"), "{text}");
        assert!(text.contains("imports   2"), "{text}");
    }
}
