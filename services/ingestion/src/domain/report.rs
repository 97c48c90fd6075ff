//! What was found in a file, in the words of the contract. Deliberately no finding of its own.

use proto::ingestion as pb;
use tabular::{
    ColumnKind, MAX_PROBLEMS, Mapping, Problem, Profile, Question, Sheet,
    preview::{RowPreview, Tier},
};

use super::{
    inspect::{Inspection, Unreadable},
    meaning::{column_kind, target_field},
    plan::Effect,
};

/// What is told of a file that cannot be read.
#[must_use]
pub fn of_unreadable(found: &Unreadable) -> pb::ImportReport {
    pb::ImportReport {
        problems: problems(std::slice::from_ref(&found.problem)),
        questions: questions(found.question.as_slice()),
        ..pb::ImportReport::default()
    }
}

/// What is told of an inspected file. Where meanings are missing, rows are not judged.
#[must_use]
pub fn of(inspection: &Inspection) -> pb::ImportReport {
    let Inspection {
        sheet,
        profiles,
        mapping,
        missing,
        validated,
        questions: asked,
    } = inspection;
    let told = &validated.report;
    let report = pb::ImportReport {
        row_count: count(sheet.row_count()),
        column_count: count(sheet.headers.len()),
        origin: Some(origin(sheet)),
        columns: columns(profiles, mapping),
        questions: questions(asked),
        ..pb::ImportReport::default()
    };
    if !missing.is_empty() {
        return pb::ImportReport {
            problems: problems(missing),
            ..report
        };
    }
    pb::ImportReport {
        usable_row_count: told.usable_rows,
        won_count: told.won,
        lost_count: told.lost,
        open_row_count: told.open_rows,
        refused_row_count: told.bad_rows,
        problems: problems(&told.errors),
        warnings: problems(&told.warnings),
        totals: totals(&told.totals),
        ..report
    }
}

/// What an import of an inspected file would do.
#[must_use]
pub fn preview(inspection: &Inspection, effect: Effect) -> pb::Preview {
    let report = of(inspection);
    let preview = pb::Preview {
        row_count: report.row_count,
        column_count: report.column_count,
        columns: report.columns,
        origin: report.origin,
        accepted: inspection.is_accepted(),
        usable_row_count: report.usable_row_count,
        won_count: report.won_count,
        lost_count: report.lost_count,
        open_row_count: report.open_row_count,
        effect: Some(effect_message(&effect)),
        questions: report.questions,
        problems: report.problems,
        warnings: report.warnings,
        totals: report.totals,
        ..pb::Preview::default()
    };
    with_values(preview, inspection)
}

/// What is told of a file that cannot be read, as a preview.
#[must_use]
pub fn preview_of_unreadable(found: &Unreadable) -> pb::Preview {
    pb::Preview {
        problems: problems(std::slice::from_ref(&found.problem)),
        questions: questions(found.question.as_slice()),
        tier: pb::Tier::Refused as i32,
        tier_reason: "the file cannot be read".to_owned(),
        ..pb::Preview::default()
    }
}

/// Adds what takes a look at the values.
fn with_values(mut told: pb::Preview, inspection: &Inspection) -> pb::Preview {
    let mapping = &inspection.mapping;
    let seen = tabular::preview(
        &inspection.sheet,
        &inspection.profiles,
        mapping,
        &inspection.validated,
    );
    for (column, seen) in told.columns.iter_mut().zip(seen.columns) {
        column.mean = seen.mean.unwrap_or_default();
        column.sum = seen.sum.unwrap_or_default();
        (column.min, column.max) = (seen.min, seen.max);
        column.frequent = seen
            .frequent
            .into_iter()
            .take(5)
            .map(|(value, count)| pb::ValueCount { value, count })
            .collect();
        let values = seen.sparkline.into_iter();
        column.sparkline = values.map(|value| value.unwrap_or(f64::NAN)).collect();
    }
    told.rows = seen.first_rows.into_iter().map(row_message).collect();
    told.outcome_words = outcome_words(mapping);
    if !inspection.missing.is_empty() {
        told.tier = pb::Tier::Refused as i32;
        told.tier_reason = "what the columns stand for has to be told first".to_owned();
        return told;
    }
    told.periods = seen
        .months
        .iter()
        .map(|month| pb::PreviewPeriod {
            month: format!("{:04}-{:02}", month.year, month.month),
            quote_count: month.won + month.lost,
            won_count: month.won,
        })
        .collect();
    told.tier = match seen.claim.tier {
        Tier::Refused => pb::Tier::Refused,
        Tier::Indicative => pb::Tier::Indicative,
        Tier::Usable => pb::Tier::Usable,
        Tier::Solid => pb::Tier::Solid,
    } as i32;
    told.tier_reason = seen.claim.reason;
    told
}

fn row_message(row: RowPreview) -> pb::PreviewRow {
    let cells = row.cells.into_iter();
    let read = cells.map(|cell| (cell.raw, cell.value.unwrap_or_default()));
    let (cells, values) = read.unzip();
    pb::PreviewRow {
        row: row.row,
        cells,
        values,
    }
}

/// The effect of an import in the contract.
#[must_use]
pub fn effect_message(effect: &Effect) -> pb::ImportEffect {
    pb::ImportEffect {
        created: effect.created,
        updated: effect.updated,
        unchanged: effect.unchanged,
        refused: effect.refused,
        skipped: effect.skipped,
    }
}

/// Why a file is refused: the most important problem, and how many more there are.
#[must_use]
pub fn refusal(report: &pb::ImportReport) -> String {
    let Some(first) = report.problems.first() else {
        return "the file cannot be used: run `valutai datasets import --dry-run` to see why"
            .to_owned();
    };
    let mut text = String::new();
    if first.row > 0 {
        text.push_str(&format!("row {}", first.row));
        if !first.column.is_empty() {
            text.push_str(&format!(", column \"{}\"", first.column));
        }
        text.push_str(": ");
    }
    text.push_str(&first.message);
    if first.row > 0 && !first.value.is_empty() {
        text.push_str(&format!(" (it says \"{}\")", first.value));
    }
    if !first.suggestion.is_empty() {
        text.push_str(": ");
        text.push_str(&first.suggestion);
    }
    let more = report.problems.len() - 1;
    let at_least = if report.problems.len() >= MAX_PROBLEMS {
        "at least "
    } else {
        ""
    };
    match more {
        0 => {}
        1 => text.push_str("; there is 1 more problem, see both with --dry-run"),
        _ => text.push_str(&format!(
            "; there are {at_least}{more} more problems, see them with --dry-run, or get them as a file to mend with --errors-out FILE.xlsx"
        )),
    }
    text
}

/// The names of the rules that a file broke, each once.
#[must_use]
pub fn rules(report: &pb::ImportReport) -> Vec<String> {
    let mut rules: Vec<String> = report.problems.iter().map(|p| p.rule.clone()).collect();
    rules.sort();
    rules.dedup();
    rules
}

/// Problems in the contract.
#[must_use]
pub fn problems(found: &[Problem]) -> Vec<pb::Problem> {
    let problem = |problem: &Problem| pb::Problem {
        rule: problem.rule.to_owned(),
        row: problem.row,
        column: problem.column.clone(),
        value: problem.value.clone(),
        message: problem.message.clone(),
        suggestion: problem.suggestion.clone(),
        fix: problem.fix.clone().unwrap_or_default(),
    };
    found.iter().take(MAX_PROBLEMS).map(problem).collect()
}

fn columns(profiles: &[Profile], mapping: &Mapping) -> Vec<pb::ColumnReport> {
    profiles
        .iter()
        .zip(&mapping.columns)
        .map(|(profile, mapped)| column(profile, mapped))
        .collect()
}

/// A column of the report.
fn column(profile: &Profile, mapped: &tabular::ColumnMapping) -> pb::ColumnReport {
    let kind = mapped.reading(profile).0;
    let rows = profile.filled + profile.missing;
    pb::ColumnReport {
        name: profile.name.clone(),
        field: target_field(mapped.field) as i32,
        confidence: mapped.confidence,
        reason: mapped.reason.clone(),
        kind: column_kind(kind) as i32,
        missing: profile.missing,
        distinct: profile.distinct,
        min: profile.min.clone(),
        max: profile.max.clone(),
        // JSON, in which this is kept, has no infinity.
        sum: if profile.sum.is_finite() {
            profile.sum
        } else {
            0.0
        },
        r#type: match kind {
            ColumnKind::Number => "number",
            ColumnKind::Date => "date",
            ColumnKind::Category if profile.boolean => "boolean",
            ColumnKind::Category => "text",
        }
        .to_owned(),
        missing_share: f64::from(profile.missing) / f64::from(rows.max(1)),
        format: format_text(kind, profile, mapped),
        ..pb::ColumnReport::default()
    }
}

/// How the cells of a column are read, in words.
fn format_text(kind: ColumnKind, profile: &Profile, mapped: &tabular::ColumnMapping) -> String {
    match kind {
        ColumnKind::Number if profile.format.decimal_separator() == "," => {
            "decimal comma".to_owned()
        }
        ColumnKind::Number => "decimal point".to_owned(),
        ColumnKind::Date => {
            let stated = mapped.date_order;
            let order = stated.or(profile.date_order);
            let order = order.map_or("", tabular::DateOrder::as_str);
            match (stated, profile.date_reason.as_str()) {
                (Some(_), _) | (_, "") => order.to_owned(),
                (None, reason) => format!("{order}: {reason}"),
            }
        }
        ColumnKind::Category => String::new(),
    }
}

fn origin(sheet: &Sheet) -> pb::FileOrigin {
    let origin = &sheet.origin;
    pb::FileOrigin {
        format: origin.format.as_str().to_owned(),
        archive: origin
            .archive
            .map_or_else(String::new, |archive| archive.as_str().to_owned()),
        encoding: origin.encoding.clone(),
        delimiter: origin.delimiter.map(String::from).unwrap_or_default(),
        sheet: origin.sheet.clone(),
        sheets: origin
            .sheets
            .iter()
            .map(|sheet| pb::SheetInfo {
                name: sheet.name.clone(),
                row_count: sheet.rows,
                column_count: sheet.columns,
            })
            .collect(),
        skipped_rows: origin.skipped_rows,
        empty_rows: sheet.empty_rows,
        header_row: origin.header_row,
        left_out: sheet
            .left_out
            .iter()
            .map(|row| pb::LeftOutRow {
                row: row.row,
                kind: row.kind.as_str().to_owned(),
                text: row.text.clone(),
            })
            .collect(),
        left_out_rows: sheet.left_out_rows,
    }
}

fn outcome_words(mapping: &Mapping) -> Vec<pb::OutcomeWord> {
    let words = mapping.outcomes.words.iter();
    words
        .map(|(word, outcome)| pb::OutcomeWord {
            word: word.clone(),
            outcome: match outcome {
                tabular::Outcome::Won => pb::Outcome::Won,
                tabular::Outcome::Lost => pb::Outcome::Lost,
                tabular::Outcome::Open => pb::Outcome::Open,
            } as i32,
        })
        .collect()
}

fn totals(totals: &[(&'static str, u64)]) -> Vec<pb::RuleTotal> {
    let total = |(rule, count): &(&str, u64)| pb::RuleTotal {
        rule: (*rule).to_owned(),
        count: *count,
    };
    totals.iter().map(total).collect()
}

fn questions(questions: &[Question]) -> Vec<pb::Question> {
    let question = |question: &Question| pb::Question {
        column: question.column.clone(),
        rule: question.rule.to_owned(),
        text: question.text.clone(),
        answers: question.answers.clone(),
    };
    questions.iter().map(question).collect()
}

fn count(rows: usize) -> u32 {
    u32::try_from(rows).unwrap_or(u32::MAX)
}
