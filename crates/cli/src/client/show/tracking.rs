//! What made models, two of them side by side, and the names they are asked by. Deliberately apart from the
//! scores of a single model.

use std::io::{self, Write};

use chrono::{DateTime, Days};
use proto::training::{
    CompareModelsResponse, LossComparison, LossVerdict, Model, ModelAlias, OpenQuoteComparison,
    RetrainingPolicy, ShadowComparison,
};

use crate::{
    table::{PAGE_WIDTH, Table, print_facts},
    text::{clean, count, moment, percent, score, shorten, wrap},
};

const MOST_COLUMNS: usize = 12;

type Out<'a> = &'a mut dyn Write;

/// What a model was made of and by, by whom and why, and how it became the champion.
///
/// # Errors
/// Where the writer fails.
pub fn provenance(out: Out<'_>, model: &Model) -> io::Result<()> {
    let by = |id: &str| if id.is_empty() { "the system" } else { id }.to_owned();
    let mut facts = vec![("asked for by", by(&model.created_by))];
    let mut tell = |name, value: &str| {
        if !value.is_empty() {
            facts.push((name, value.to_owned()));
        }
    };
    tell("why", &model.reason);
    tell("cancelled by", &model.cancelled_by);
    if model.attempts > 1 {
        tell(
            "workers",
            &format!("{}, because others died over it", model.attempts),
        );
    }
    if let Some(data) = &model.data {
        let (rows, columns) = (count(data.row_count.into()), data.column_count);
        tell(
            "data",
            &format!(
                "{rows} quotes in {columns} columns{}",
                span(data.first_day, data.last_day)
            ),
        );
        tell("SHA-256 of the data", &hex(&data.sha256));
    }
    let columns: Vec<String> = model
        .features
        .iter()
        .map(|column| format!("{} ({})", column.name, column.kind))
        .collect();
    tell("reads", &columns.join(", "));
    let mut versions: Vec<_> = model.versions.iter().collect();
    versions.sort();
    let versions: Vec<String> = versions
        .into_iter()
        .map(|(name, version)| format!("{name} {version}"))
        .collect();
    tell("made with", &versions.join(", "));
    tell("aliases", &model.aliases.join(", "));
    if model.promoted_at.is_some() {
        tell("became champion", &moment(model.promoted_at.as_ref()));
        tell("by", &by(&model.promoted_by));
        tell("because", &model.promotion_reason);
    }
    writeln!(out, "\nhow it came about")?;
    print_facts(out, &facts)?;
    match &model.gate {
        Some(gate) => losses(out, gate, &[]),
        None => Ok(()),
    }
}

/// How a candidate compares with another model on the same quotes; `sides` are ids with what they are
/// called here.
///
/// # Errors
/// Where the writer fails.
pub fn losses(out: Out<'_>, found: &LossComparison, sides: &[(&str, &str)]) -> io::Result<()> {
    writeln!(out)?;
    let called = |id: &str, otherwise: &str| {
        let side = sides.iter().find(|(known, _)| *known == id);
        side.map_or_else(|| otherwise.to_owned(), |(_, called)| (*called).to_owned())
    };
    let candidate = called(&found.candidate_model_id, "candidate");
    let champion = called(&found.champion_model_id, "champion");
    if let Some(interval) = &found.interval {
        let mut table = Table::new()
            .left("on the same quotes")
            .right("log loss")
            .right("95 % interval");
        table.row([
            candidate.as_str(),
            &score(Some(found.candidate_log_loss)),
            "",
        ]);
        table.row([champion.as_str(), &score(Some(found.champion_log_loss)), ""]);
        let range = format!("{:+.4} to {:+.4}", interval.low, interval.high);
        let name = format!("{candidate} minus {champion}");
        table.row([name.as_str(), &format!("{:+.4}", found.difference), &range]);
        table.print(out)?;
    }
    let verdict = match found.verdict() {
        LossVerdict::Better => "better, and not by chance",
        LossVerdict::NotWorse => "not worse",
        LossVerdict::Doubtful => "worse by more than 0.5 %, although chance may explain it",
        LossVerdict::Worse => "worse, and not by chance",
        LossVerdict::NotComparable | LossVerdict::Unspecified => "not comparable",
    };
    paragraph(out, &format!("{candidate} is {verdict}: {}", found.basis))?;
    for remark in &found.remarks {
        paragraph(out, remark)?;
    }
    Ok(())
}

/// Two models side by side.
///
/// # Errors
/// Where the writer fails.
pub fn comparison(out: Out<'_>, found: &CompareModelsResponse) -> io::Result<()> {
    let none = Model::default();
    let a = found.model_a.as_ref().unwrap_or(&none);
    let b = found.model_b.as_ref().unwrap_or(&none);
    sides(a, b).print(out)?;
    if let Some(comparison) = &found.comparison {
        losses(out, comparison, &[(&a.id, "A"), (&b.id, "B")])?;
    }
    if !found.parameters.is_empty() {
        writeln!(out)?;
        let mut table = Table::new().left("parameter").left("A").flexible("B");
        for parameter in &found.parameters {
            let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
            table.row([
                parameter.name.as_str(),
                &shorten(&value(&parameter.value_a), 40),
                &value(&parameter.value_b),
            ]);
        }
        table.print(out)?;
    }
    if !found.importances.is_empty() {
        writeln!(out)?;
        importances(found).print(out)?;
        let more = found.importances.len().saturating_sub(MOST_COLUMNS);
        if more > 0 {
            writeln!(out, "and {more} more")?;
        }
    }
    if let Some(quotes) = &found.open_quotes {
        writeln!(out)?;
        open_quotes(out, quotes)?;
    }
    match &found.shadow {
        Some(shadow) => self::shadow(out, shadow),
        None => Ok(()),
    }
}

fn sides(a: &Model, b: &Model) -> Table {
    let mut table = Table::new().left("").left("A").left("B");
    let mut row = |name: &str, of: &dyn Fn(&Model) -> String| table.row([name, &of(a), &of(b)]);
    let scores = |model: &Model| model.scores.clone().unwrap_or_default();
    let data = |model: &Model| model.data.clone().unwrap_or_default();
    row("model", &|m| m.id.clone());
    row("aliases", &|m| m.aliases.join(", "));
    row("asked for", &|m| moment(m.created_at.as_ref()));
    row("dataset", &|m| m.dataset_id.clone());
    row("data", &|m| {
        let data = data(m);
        format!(
            "{} quotes, {} columns",
            count(data.row_count.into()),
            data.column_count
        )
    });
    row("SHA-256", &|m| shorten(&hex(&data(m).sha256), 13));
    row("AUC-ROC, own test", &|m| score(scores(m).auc_roc));
    row("log loss, own test", &|m| score(Some(scores(m).log_loss)));
    row("its base rate", &|m| {
        score(Some(scores(m).base_rate_log_loss))
    });
    row("Brier, own test", &|m| score(Some(scores(m).brier)));
    row("F1 at 0.5, own test", &|m| score(scores(m).f1));
    table
}

fn importances(found: &CompareModelsResponse) -> Table {
    let mut table = Table::new()
        .flexible("log loss without the column")
        .right("A")
        .right("B");
    for column in found.importances.iter().take(MOST_COLUMNS) {
        let worth =
            |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |v| format!("{v:+.4}"));
        table.row([
            column.column.as_str(),
            &worth(column.permutation_a),
            &worth(column.permutation_b),
        ]);
    }
    table
}

fn open_quotes(out: Out<'_>, found: &OpenQuoteComparison) -> io::Result<()> {
    if !found.problem.is_empty() {
        return paragraph(out, &format!("open quotes: {}", found.problem));
    }
    writeln!(
        out,
        "{} of {} open quotes move by {:.1} points or more, all of them by {:.1} on average",
        count(found.moved_count.into()),
        count(found.open_count.into()),
        found.threshold * 100.0,
        found.mean_absolute_difference * 100.0
    )?;
    if found.moved.is_empty() {
        return Ok(());
    }
    let mut table = Table::new()
        .flexible("quote")
        .left("date")
        .right("price")
        .right("A")
        .right("B")
        .right("points");
    for quote in &found.moved {
        let name = if quote.quote_ref.is_empty() {
            "-"
        } else {
            &quote.quote_ref
        };
        table.row([
            name,
            &quote.day.map_or_else(String::new, date),
            &format!("{:.2}", quote.price),
            &percent(quote.probability_a),
            &percent(quote.probability_b),
            &format!(
                "{:+.1}",
                (quote.probability_b - quote.probability_a) * 100.0
            ),
        ]);
    }
    table.print(out)?;
    let more = found.moved_count as usize - found.moved.len().min(found.moved_count as usize);
    if more > 0 {
        writeln!(out, "and {more} more")?;
    }
    Ok(())
}

fn shadow(out: Out<'_>, found: &ShadowComparison) -> io::Result<()> {
    if !found.problem.is_empty() {
        return paragraph(out, &format!("in the shadow: {}", found.problem));
    }
    if found.prediction_count == 0 {
        return Ok(());
    }
    writeln!(
        out,
        "\nboth answered {} questions between {} and {}, one in the shadow of the other:",
        count(found.prediction_count),
        moment(found.first_at.as_ref()),
        moment(found.last_at.as_ref())
    )?;
    writeln!(
        out,
        "{} of the answers were {:.1} points or more apart; {:.1} on average, {:.1} at most, B {:+.1}",
        count(found.moved_count),
        found.threshold * 100.0,
        found.mean_absolute_difference * 100.0,
        found.largest_difference * 100.0,
        found.mean_difference * 100.0
    )
}

/// Names with their models.
#[must_use]
pub fn aliases(aliases: &[ModelAlias]) -> Table {
    let mut table = Table::new()
        .left("alias")
        .left("model")
        .left("since")
        .flexible("why");
    for alias in aliases {
        table.row([
            alias.alias.as_str(),
            &alias.model_id,
            &moment(alias.set_at.as_ref()),
            &clean(&alias.reason),
        ]);
    }
    table
}

/// When a dataset is trained on again.
///
/// # Errors
/// Where the writer fails.
pub fn retraining(out: Out<'_>, policy: &RetrainingPolicy) -> io::Result<()> {
    let mut facts = vec![
        ("dataset", policy.dataset_id.clone()),
        (
            "trains again",
            if policy.enabled {
                "without being asked"
            } else {
                "only when asked"
            }
            .to_owned(),
        ),
    ];
    if policy.set_at.is_some() {
        let new = format!("{} or more", count(policy.least_new_outcomes.into()));
        facts.push(("new outcomes needed", new));
        facts.push(("days between", policy.least_days_between.to_string()));
        let then = if policy.promote_automatically {
            "champion where it passes the gate, else challenger"
        } else {
            "challenger"
        };
        facts.push(("the model becomes", then.to_owned()));
        facts.push(("new outcomes now", count(policy.new_outcomes.into())));
        if policy.last_trained_at.is_some() {
            facts.push(("last trained", moment(policy.last_trained_at.as_ref())));
        }
        facts.push(("set", moment(policy.set_at.as_ref())));
        facts.push(("by", policy.set_by.clone()));
    }
    print_facts(out, &facts)
}

fn paragraph(out: Out<'_>, text: &str) -> io::Result<()> {
    for line in wrap(&clean(text), PAGE_WIDTH) {
        writeln!(out, "{line}")?;
    }
    Ok(())
}

fn span(first: Option<i32>, last: Option<i32>) -> String {
    match (first, last) {
        (Some(first), Some(last)) => format!(", {} to {}", date(first), date(last)),
        _ => String::new(),
    }
}

fn date(day: i32) -> String {
    let epoch = DateTime::UNIX_EPOCH.date_naive();
    let days = Days::new(day.unsigned_abs().into());
    let date = if day < 0 {
        epoch.checked_sub_days(days)
    } else {
        epoch.checked_add_days(days)
    };
    date.map(|date| date.to_string()).unwrap_or_default()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
#[path = "tracking_tests.rs"]
mod tests;
