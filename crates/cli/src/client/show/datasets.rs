//! Datasets, their columns, and what an import found. Deliberately no advice of our own.

use std::io::{self, Write};

use proto::ingestion::{ColumnReport, Dataset, Problem, UploadDatasetResponse};

use crate::{
    table::{PAGE_WIDTH, Table, print_facts},
    text::{clean, count, enum_word, moment, percent, shorten, wrap},
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
    let report = reply.report.clone().unwrap_or_default();
    lines.push((
        "file",
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
    print_facts(out, &lines)?;
    columns(out, &report.columns)?;
    problems(out, "problems", &report.problems)?;
    problems(out, "warnings", &report.warnings)
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
            "{}, {} won and {} lost",
            count(dataset.row_count.into()),
            count(dataset.won_count.into()),
            count(dataset.lost_count.into())
        ),
    ));
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
            &enum_word(column.field().as_str_name(), "TARGET_FIELD_"),
            &format!("{:.0} %", column.confidence * 100.0),
            &enum_word(column.kind().as_str_name(), "COLUMN_KIND_"),
            &count(column.missing.into()),
            &count(column.distinct.into()),
            &column.reason,
        ]);
    }
    writeln!(out)?;
    table.print(out)
}

fn problems(out: Out<'_>, title: &str, problems: &[Problem]) -> io::Result<()> {
    if problems.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{title}")?;
    for problem in problems {
        let mut place = Vec::new();
        if problem.row > 0 {
            place.push(format!("row {}", problem.row));
        }
        if !problem.column.is_empty() {
            place.push(format!("column {}", shorten(&problem.column, 40)));
        }
        if !problem.value.is_empty() {
            place.push(format!("{:?}", shorten(&problem.value, 40)));
        }
        if place.is_empty() {
            place.push("file".to_owned());
        }
        let text = format!(
            "{}: {} {} [{}]",
            place.join(", "),
            problem.message,
            problem.suggestion,
            problem.rule
        );
        for (index, line) in wrap(&clean(&text), PAGE_WIDTH - 4).iter().enumerate() {
            writeln!(out, "{}{line}", if index == 0 { "  " } else { "    " })?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proto::ingestion::{ImportReport, TargetField};

    use super::*;
    use crate::text::width;

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
}
