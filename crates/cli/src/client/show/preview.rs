//! What an import of a file would do: how the file was read, its first rows, its columns, what is
//! wrong. Deliberately no verdict of our own.

use std::io::{self, Write};

use proto::ingestion::{
    ColumnReport, FileOrigin, ImportEffect, Outcome, OutcomeWord, Preview, PreviewPeriod,
    TargetField, Tier,
};

use super::problems::{problems, questions, totals};
use crate::{
    table::{Table, print_facts},
    text::{count, enum_word, percent, shorten, sparkline},
};

type Out<'a> = &'a mut dyn Write;

/// First rows that fit a page beside each other.
const ROWS: usize = 3;
/// Blocks of a column's values over time.
const SPARK: usize = 12;

/// A preview.
///
/// # Errors
/// Where the writer fails.
pub fn preview(out: Out<'_>, preview: &Preview) -> io::Result<()> {
    print_facts(out, &facts(preview))?;
    first_rows(out, preview)?;
    meanings(out, &preview.columns)?;
    profiles(out, &preview.columns)?;
    questions(out, &preview.questions)?;
    problems(out, "problems", &preview.problems)?;
    problems(out, "warnings", &preview.warnings)?;
    totals(out, &preview.totals)
}

fn facts(preview: &Preview) -> Vec<(&'static str, String)> {
    let accepted = if preview.accepted {
        "yes"
    } else if preview.questions.is_empty() {
        "no: mend the problems below"
    } else {
        "not yet: answer the questions below"
    };
    let mut facts = vec![("importable", accepted.to_owned())];
    if let Some(origin) = &preview.origin {
        facts.push(("file", origin_line(origin)));
        if origin.sheets.len() > 1 {
            facts.push(("sheets", sheets(origin)));
        }
    }
    facts.push((
        "content",
        format!(
            "{} rows, {} columns",
            count(preview.row_count.into()),
            preview.column_count
        ),
    ));
    facts.push(("usable", classes(preview)));
    if !preview.outcome_words.is_empty() {
        facts.push(("outcomes", words(&preview.outcome_words)));
    }
    if let Some(effect) = &preview.effect {
        facts.push(("effect", effect_line(effect)));
    }
    if preview.tier() != Tier::Unspecified {
        let tier = enum_word(preview.tier().as_str_name(), "TIER_");
        facts.push(("training", format!("{tier}: {}", preview.tier_reason)));
    }
    if !preview.periods.is_empty() {
        facts.push(("wins", periods(&preview.periods)));
    }
    facts
}

pub(super) fn origin_line(origin: &FileOrigin) -> String {
    let mut parts = vec![origin.format.clone()];
    if !origin.archive.is_empty() {
        parts.push(format!("out of {}", origin.archive));
    }
    if !origin.encoding.is_empty() {
        parts.push(origin.encoding.clone());
    }
    match origin.delimiter.as_str() {
        "" => {}
        "\t" => parts.push("separated by tabs".to_owned()),
        delimiter => parts.push(format!("separated by {delimiter:?}")),
    }
    if !origin.sheet.is_empty() {
        parts.push(format!("sheet {:?}", origin.sheet));
    }
    if origin.skipped_rows > 0 {
        parts.push(format!(
            "{} rows above the header skipped",
            origin.skipped_rows
        ));
    }
    if origin.left_out_rows > 0 {
        parts.push(format!(
            "{} rows below it left out, being no data",
            count(origin.left_out_rows.into())
        ));
    }
    if origin.empty_rows > 0 {
        parts.push(format!(
            "{} empty rows left out",
            count(origin.empty_rows.into())
        ));
    }
    parts.join(", ")
}

fn sheets(origin: &FileOrigin) -> String {
    let sheets: Vec<String> = origin
        .sheets
        .iter()
        .map(|sheet| {
            format!(
                "{:?} ({} x {})",
                sheet.name,
                count(sheet.row_count.into()),
                sheet.column_count
            )
        })
        .collect();
    sheets.join(", ")
}

fn classes(preview: &Preview) -> String {
    let share = match preview.won_count + preview.lost_count {
        0 => String::new(),
        all => format!(
            " ({} won)",
            percent(f64::from(preview.won_count) / f64::from(all))
        ),
    };
    let open = match preview.open_row_count {
        0 => String::new(),
        open => format!("; {} open, kept for prediction", count(open.into())),
    };
    format!(
        "{} rows, {} won and {} lost{share}{open}",
        count(preview.usable_row_count.into()),
        count(preview.won_count.into()),
        count(preview.lost_count.into()),
    )
}

fn words(words: &[OutcomeWord]) -> String {
    let of = |outcome: Outcome| -> Option<String> {
        let said: Vec<String> = words
            .iter()
            .filter(|word| word.outcome() == outcome)
            .map(|word| format!("{:?}", word.word))
            .collect();
        let meaning = match outcome {
            Outcome::Unspecified => "not known".to_owned(),
            outcome => enum_word(outcome.as_str_name(), "OUTCOME_"),
        };
        (!said.is_empty()).then(|| format!("{meaning}: {}", said.join(", ")))
    };
    let all = [
        Outcome::Won,
        Outcome::Lost,
        Outcome::Open,
        Outcome::Unspecified,
    ];
    all.into_iter()
        .filter_map(of)
        .collect::<Vec<_>>()
        .join("; ")
}

pub(super) fn effect_line(effect: &ImportEffect) -> String {
    let parts = [
        (effect.created, "new"),
        (effect.updated, "updated"),
        (effect.unchanged, "unchanged"),
        (effect.refused, "refused"),
        (effect.skipped, "left out by the mode"),
    ];
    let parts: Vec<String> = parts
        .into_iter()
        .filter(|(number, what)| *number > 0 || *what == "new" || *what == "refused")
        .map(|(number, what)| format!("{} {what}", count(number.into())))
        .collect();
    parts.join(", ")
}

fn periods(periods: &[PreviewPeriod]) -> String {
    let shares: Vec<f64> = periods
        .iter()
        .map(|period| f64::from(period.won_count) / f64::from(period.quote_count))
        .collect();
    let month = |period: Option<&PreviewPeriod>| period.map_or("", |p| p.month.as_str()).to_owned();
    format!(
        "{} share by month, {} to {}",
        sparkline(&shares, 24),
        month(periods.first()),
        month(periods.last())
    )
}

/// Rows stand beside each other, because files have more columns than pages have room.
fn first_rows(out: Out<'_>, preview: &Preview) -> io::Result<()> {
    let rows = &preview.rows[..preview.rows.len().min(ROWS)];
    if rows.is_empty() {
        return Ok(());
    }
    let mut table = Table::new().left("first rows");
    for row in rows {
        table = table.left(&format!("row {}", row.row));
    }
    for (index, column) in preview.columns.iter().enumerate() {
        let cells = rows.iter().map(|row| {
            let text = |cells: &[String]| cells.get(index).cloned().unwrap_or_default();
            cell(&text(&row.cells), &text(&row.values))
        });
        let name = shorten(&column.name, 22);
        table.row(std::iter::once(name).chain(cells));
    }
    writeln!(out)?;
    table.print(out)
}

/// The cell as it stands, and how it was read where that differs.
fn cell(stands: &str, read: &str) -> String {
    match (stands.trim(), read) {
        ("", _) => String::new(),
        (stands, "") => format!("{} → nothing", shorten(stands, 15)),
        (stands, read) if stands == read => shorten(stands, 26),
        (stands, read) => format!("{} → {}", shorten(stands, 12), shorten(read, 12)),
    }
}

fn meanings(out: Out<'_>, columns: &[ColumnReport]) -> io::Result<()> {
    if columns.is_empty() {
        return Ok(());
    }
    let mut table = Table::new()
        .left("column")
        .left("stands for")
        .right("sure")
        .flexible("because, and how it is read");
    for column in columns {
        let reasons = [column.reason.trim_end_matches('.'), &column.format];
        let reasons: Vec<&str> = reasons
            .into_iter()
            .filter(|text| !text.is_empty())
            .collect();
        table.row([
            shorten(&column.name, 26).as_str(),
            &field(column),
            &sure(column),
            &reasons.join("; "),
        ]);
    }
    writeln!(out)?;
    table.print(out)
}

/// What a column stands for; empty where that is not known.
pub(super) fn field(column: &ColumnReport) -> String {
    match column.field() {
        TargetField::Unspecified => String::new(),
        field => enum_word(field.as_str_name(), "TARGET_FIELD_"),
    }
}

/// How sure its meaning is; empty where it has none.
pub(super) fn sure(column: &ColumnReport) -> String {
    match column.field() {
        TargetField::Unspecified => String::new(),
        _ => format!("{:.0} %", column.confidence * 100.0),
    }
}

fn profiles(out: Out<'_>, columns: &[ColumnReport]) -> io::Result<()> {
    if columns.is_empty() {
        return Ok(());
    }
    let mut table = Table::new()
        .left("column")
        .left("type")
        .right("missing")
        .right("distinct")
        .left("values")
        .right("sum")
        .left("over time");
    for column in columns {
        let is_number = column.r#type == "number";
        table.row([
            shorten(&column.name, 20).as_str(),
            &column.r#type,
            &percent(column.missing_share),
            &count(column.distinct.into()),
            &values(column),
            &if is_number {
                sum(column.sum)
            } else {
                String::new()
            },
            &sparkline(&column.sparkline, SPARK),
        ]);
    }
    writeln!(out)?;
    table.print(out)
}

/// The range of numbers and dates, the most frequent of other values.
fn values(column: &ColumnReport) -> String {
    if matches!(column.r#type.as_str(), "number" | "date") && !column.min.is_empty() {
        return format!(
            "{} to {}",
            shorten(&column.min, 12),
            shorten(&column.max, 12)
        );
    }
    let frequent: Vec<String> = column
        .frequent
        .iter()
        .map(|value| format!("{} ({})", shorten(&value.value, 14), value.count))
        .collect();
    shorten(&frequent.join(", "), 32)
}

/// With what a column of money shows, and no more digits than it has.
fn sum(sum: f64) -> String {
    let text = format!("{sum:.4}");
    match text.trim_end_matches('0').strip_suffix('.') {
        Some(whole) => whole.to_owned(),
        None => text.trim_end_matches('0').to_owned(),
    }
}

#[cfg(test)]
#[path = "preview_tests.rs"]
mod tests;
