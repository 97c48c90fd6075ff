//! A check for drift. Deliberately the columns that are flagged first, and no more than a page of them.

use std::io::{self, Write};

use proto::prediction::{DriftReport, ExpectedScores, Figure, RecordScores};

use crate::{
    table::{Table, print_facts},
    text::{moment, shorten},
};

type Out<'a> = &'a mut dyn Write;

/// Columns shown.
const MOST_COLUMNS: usize = 20;

fn figure(figure: Option<&Figure>) -> String {
    figure.map_or_else(
        || "-".to_owned(),
        |of| match &of.interval {
            Some(within) => format!("{:.4} ({:.4} to {:.4})", of.value, within.low, within.high),
            None => format!("{:.4}", of.value),
        },
    )
}

fn scores(
    table: &mut Table,
    what: &str,
    expected: Option<&ExpectedScores>,
    realised: Option<&RecordScores>,
) {
    if let Some(of) = expected {
        table.row([
            format!("{what}, expected"),
            of.quotes.to_string(),
            figure(of.log_loss.as_ref()),
            figure(of.brier.as_ref()),
            of.auc
                .map_or_else(|| "-".to_owned(), |auc| format!("{auc:.3}")),
        ]);
    }
    if let Some(of) = realised {
        table.row([
            format!("{what}, realised"),
            of.quotes.to_string(),
            figure(of.log_loss.as_ref()),
            figure(of.brier.as_ref()),
            of.auc
                .as_ref()
                .map_or_else(|| "-".to_owned(), |auc| format!("{:.3}", auc.value)),
        ]);
    }
}

/// A check of a model.
///
/// # Errors
/// Where the writer fails.
pub fn drift(out: Out<'_>, report: &DriftReport) -> io::Result<()> {
    let state = match report.drifting {
        true => format!("since {}", moment(report.drifting_since.as_ref())),
        false => "no".to_owned(),
    };
    print_facts(
        out,
        &[
            ("model", report.model_id.clone()),
            ("checked", moment(report.checked_at.as_ref())),
            ("drifts", state),
            (
                "compared",
                format!(
                    "{} recent quotes with {} that were learned from",
                    report.recent_quotes, report.past_quotes
                ),
            ),
        ],
    )?;
    if !report.shifts.is_empty() {
        writeln!(out)?;
        let mut table = Table::new()
            .left("column")
            .left("flagged")
            .right("p")
            .right("PSI")
            .right("from")
            .flexible("largest change");
        for shift in report.shifts.iter().take(MOST_COLUMNS) {
            let column = match shift.column.as_str() {
                "" => "(answers)".to_owned(),
                column => shorten(column, 24),
            };
            table.row([
                column,
                if shift.drifted { "yes" } else { "no" }.to_owned(),
                format!("{:.4}", shift.adjusted_p_value),
                format!("{:.3}", shift.psi),
                format!("{:.3}", shift.psi_threshold),
                shift.statement.clone(),
            ]);
        }
        table.print(out)?;
    }
    writeln!(out)?;
    let mut table = Table::new()
        .left("answers")
        .right("quotes")
        .left("log loss")
        .left("Brier score")
        .left("area");
    scores(&mut table, "recent", report.expected.as_ref(), None);
    scores(
        &mut table,
        "decided",
        report.expected_of_decided.as_ref(),
        report.realised.as_ref(),
    );
    table.print(out)?;
    for note in &report.notes {
        writeln!(out, "{note}")?;
    }
    Ok(())
}
