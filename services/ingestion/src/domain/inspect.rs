//! From the bytes of a file to what can be said of it, and to its rows where it is accepted.
//! Deliberately no rule of its own but one: what `tabular` reads has to fit into the database.

use chrono::NaiveDate;
use proto::ingestion as pb;
use tabular::{
    Field, Frame, Limits, MAX_PROBLEMS, Mapping, Problem, Profile, ReadError, Report, Sheet,
};

use super::{meaning, rows};

/// What was found in a file.
#[derive(Debug)]
pub struct Inspection {
    /// What is told of it.
    pub report: pb::ImportReport,
    /// Its content; `None` where it is refused.
    pub accepted: Option<Accepted>,
}

/// The content of an accepted file.
#[derive(Debug)]
pub struct Accepted {
    /// The cells as they stood.
    pub sheet: Sheet,
    /// The usable rows.
    pub frame: Frame,
    /// What every column stands for.
    pub mapping: Mapping,
}

/// Reads a file and checks it. Takes seconds for large files: run it off the async threads.
#[must_use]
pub fn inspect(
    bytes: &[u8],
    given: &[(Field, String)],
    ignored: &[String],
    today: NaiveDate,
) -> Inspection {
    let sheet = match tabular::read(bytes, &Limits::default()) {
        Ok(sheet) => sheet,
        Err(error) => return refused(report_of_unreadable(&error)),
    };
    let profiles = tabular::profile(&sheet);
    let mapping = match tabular::map(&sheet, &profiles, given, ignored) {
        Ok(mapping) => mapping,
        Err(problems) => return refused(report_of_unmapped(&sheet, &profiles, &problems)),
    };
    let validated = tabular::validate(&sheet, &mapping, &profiles, today);
    let mut report = report_of(&validated.report, &profiles, &mapping);
    let Some(frame) = validated.frame else {
        return refused(report);
    };
    let unstorable = unstorable_prices(&sheet, &frame, &mapping);
    if !unstorable.is_empty() {
        report.problems = problems(&unstorable);
        return refused(report);
    }
    Inspection {
        report,
        accepted: Some(Accepted {
            sheet,
            frame,
            mapping,
        }),
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
            "; there are {at_least}{more} more problems, see them with --dry-run"
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

fn refused(report: pb::ImportReport) -> Inspection {
    Inspection {
        report,
        accepted: None,
    }
}

fn report_of_unreadable(error: &ReadError) -> pb::ImportReport {
    // The errors of reading say what is wrong and, behind a colon, what to do.
    let text = error.to_string();
    let (message, suggestion) = text.split_once(": ").unwrap_or((&text, ""));
    let rule = match error {
        ReadError::NotText { .. } => "file_type",
        ReadError::Empty => "file_empty",
        ReadError::Utf16 | ReadError::BrokenUtf8 { .. } => "file_encoding",
        ReadError::TooLarge { .. }
        | ReadError::TooManyRows { .. }
        | ReadError::TooManyColumns { .. }
        | ReadError::CellTooLong { .. } => "file_size",
        ReadError::DuplicateHeader { .. } | ReadError::NoHeader => "file_header",
        ReadError::UnclosedQuote { .. } | ReadError::Broken { .. } => "file_structure",
    };
    let problem = Problem::error(rule, message.to_owned(), suggestion.to_owned());
    pb::ImportReport {
        problems: problems(&[problem]),
        ..pb::ImportReport::default()
    }
}

fn report_of_unmapped(sheet: &Sheet, profiles: &[Profile], found: &[Problem]) -> pb::ImportReport {
    pb::ImportReport {
        row_count: count(sheet.row_count()),
        column_count: count(sheet.headers.len()),
        columns: profiles
            .iter()
            .map(|profile| meaning::column_report(profile, None))
            .collect(),
        problems: problems(found),
        ..pb::ImportReport::default()
    }
}

fn report_of(report: &Report, profiles: &[Profile], mapping: &Mapping) -> pb::ImportReport {
    pb::ImportReport {
        row_count: report.row_count,
        column_count: report.column_count,
        usable_row_count: report.usable_rows,
        won_count: report.won,
        lost_count: report.lost,
        columns: profiles
            .iter()
            .zip(&mapping.columns)
            .map(|(profile, mapped)| meaning::column_report(profile, Some(mapped)))
            .collect(),
        problems: problems(&report.errors),
        warnings: problems(&report.warnings),
    }
}

/// Prices beyond what the database can hold in hundredths.
fn unstorable_prices(sheet: &Sheet, frame: &Frame, mapping: &Mapping) -> Vec<Problem> {
    let column = mapping.column_of(Field::Price).unwrap_or_default();
    let header = sheet.headers.get(column).map_or("", String::as_str);
    frame
        .prices
        .iter()
        .zip(&frame.rows)
        .filter(|(price, _)| rows::minor(**price).is_none())
        .take(MAX_PROBLEMS)
        .map(|(_, row)| {
            let cell = sheet.index_of(*row).map_or("", |at| sheet.cell(at, column));
            Problem::error(
                "price_range",
                "the price is larger than can be stored".to_owned(),
                "correct the price or leave the row out".to_owned(),
            )
            .at(*row, header)
            .with_value(cell)
        })
        .collect()
}

fn problems(found: &[Problem]) -> Vec<pb::Problem> {
    let problem = |problem: &Problem| pb::Problem {
        rule: problem.rule.to_owned(),
        row: problem.row,
        column: problem.column.clone(),
        value: problem.value.clone(),
        message: problem.message.clone(),
        suggestion: problem.suggestion.clone(),
    };
    found.iter().take(MAX_PROBLEMS).map(problem).collect()
}

fn count(rows: usize) -> u32 {
    u32::try_from(rows).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(price: &str) -> String {
        let mut text = "Won,Price,Date,Region\n".to_owned();
        for row in 0..40 {
            let won = ["won", "lost"][row % 2];
            text.push_str(&format!("{won},{price},2024-01-{:02},EU\n", row % 28 + 1));
        }
        text
    }

    fn look(text: &str, given: &[(Field, String)]) -> Inspection {
        let today = NaiveDate::from_ymd_opt(2025, 1, 1).unwrap();
        inspect(text.as_bytes(), given, &[], today)
    }

    #[test]
    fn a_good_file_is_accepted_and_read_again_alike() {
        let first = look(&file("12.50"), &[]);
        let accepted = first.accepted.unwrap();
        assert_eq!(accepted.frame.len(), 40);
        assert_eq!((first.report.won_count, first.report.lost_count), (20, 20));
        let meanings = meaning::stored(&accepted.mapping);
        let again = look(&file("12.50"), &meaning::restored(&meanings));
        assert_eq!(again.accepted.unwrap().frame, accepted.frame);
    }

    #[test]
    fn the_import_date_survives_storage() {
        let text = file("12.50").replace("Date", "When");
        let given = [
            (Field::Date, "@import".to_owned()),
            (Field::Ignored, "When".to_owned()),
        ];
        let accepted = look(&text, &given).accepted.unwrap();
        assert_eq!(accepted.frame.dates, None);
        let meanings = meaning::stored(&accepted.mapping);
        let again = look(&text, &meaning::restored(&meanings));
        assert_eq!(again.accepted.unwrap().frame, accepted.frame);
    }

    #[test]
    fn prices_beyond_the_database_are_refused_by_row() {
        let found = look(&file("1e300"), &[]);
        assert!(found.accepted.is_none());
        assert_eq!(rules(&found.report), ["price_range"]);
        let sentence = refusal(&found.report);
        assert!(
            sentence.starts_with("row 2, column \"Price\": the price is larger"),
            "{sentence}"
        );
        assert!(sentence.contains("39 more problems"), "{sentence}");
    }

    #[test]
    fn what_is_no_table_is_refused_in_a_sentence() {
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
        let today = NaiveDate::default();
        let found = inspect(&png, &[], &[], today);
        assert_eq!(rules(&found.report), ["file_type"]);
        assert!(refusal(&found.report).contains("export the quotes as CSV"));
        assert_eq!(rules(&inspect(b"", &[], &[], today).report), ["file_empty"]);
    }

    #[test]
    fn an_unknown_column_is_refused_with_the_columns_shown() {
        let found = look(&file("1"), &[(Field::Price, "Prise".to_owned())]);
        assert_eq!(rules(&found.report), ["column_unknown"]);
        assert_eq!(found.report.columns.len(), 4);
        assert!(refusal(&found.report).contains("did you mean \"Price\""));
    }
}
