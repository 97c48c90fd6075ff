//! Outcomes and the track record. Deliberately with their intervals: a share of few quotes says little.

use std::{
    fmt,
    io::{self, Write},
};

use proto::{
    common::Interval,
    prediction::{
        AdviceFollowed, Figure, GetOutcomeResponse, Outcome, OutcomeSource, RecordEffect,
        RecordOutcomesResponse, RecordScores, TrackRecordResponse,
    },
};

use crate::{
    table::{Table, print_facts},
    text::{count, enum_word, moment, percent},
};

type Out<'a> = &'a mut dyn Write;

/// What recording did, over all requests.
#[derive(Debug, Default)]
pub struct RecordTally {
    /// Rows without an outcome.
    open: u64,
    recorded: u64,
    corrected: u64,
    unchanged: u64,
    joined: u64,
}

impl RecordTally {
    /// Nothing yet, of a file with so many rows without an outcome.
    #[must_use]
    pub fn new(open: u64) -> Self {
        Self {
            open,
            ..Self::default()
        }
    }

    /// Counts a reply.
    pub fn add(&mut self, reply: &RecordOutcomesResponse) {
        for recorded in &reply.recorded {
            match recorded.effect() {
                RecordEffect::Recorded => self.recorded += 1,
                RecordEffect::Corrected => self.corrected += 1,
                RecordEffect::Unchanged | RecordEffect::Unspecified => self.unchanged += 1,
            }
            self.joined += u64::from(!recorded.predictions.is_empty());
        }
    }
}

impl fmt::Display for RecordTally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} recorded, {} corrected, {} unchanged; {} had been predicted",
            count(self.recorded),
            count(self.corrected),
            count(self.unchanged),
            count(self.joined)
        )?;
        if self.open > 0 {
            write!(
                f,
                "; {} rows without an outcome were left out",
                count(self.open)
            )?;
        }
        Ok(())
    }
}

fn ended(outcome: &Outcome) -> String {
    enum_word(outcome.outcome().as_str_name(), "QUOTE_OUTCOME_")
}

fn told_by(outcome: &Outcome) -> String {
    match outcome.source() {
        OutcomeSource::Import => format!("import of dataset {}", outcome.dataset_id),
        _ => format!("user {}", outcome.recorded_by),
    }
}

fn followed(followed: AdviceFollowed) -> String {
    enum_word(followed.as_str_name(), "ADVICE_FOLLOWED_")
}

/// The outcome of a quote.
///
/// # Errors
/// Where the writer fails.
pub fn outcome(out: Out<'_>, reply: &GetOutcomeResponse) -> io::Result<()> {
    let known = reply.outcome.clone().unwrap_or_default();
    let mut facts = vec![
        ("quote", known.quote_ref.clone()),
        ("outcome", ended(&known)),
        ("decided", moment(known.decided_at.as_ref())),
        ("recorded", moment(known.recorded_at.as_ref())),
        ("told by", told_by(&known)),
    ];
    if let Some(estimate) = &reply.estimate {
        let when = moment(estimate.estimated_at.as_ref());
        facts.push((
            "a person's estimate",
            format!("{} on {when}", percent(estimate.win_probability)),
        ));
    }
    if let Some(advice) = &reply.advice {
        facts.push(("recommended", advice.statement.clone()));
        facts.push(("followed", followed(advice.followed())));
    }
    print_facts(out, &facts)?;
    if !reply.predictions.is_empty() {
        writeln!(out)?;
        let mut table = Table::new()
            .left("prediction")
            .right("win")
            .right("95 % interval")
            .left("made")
            .left("counts");
        for p in &reply.predictions {
            let (low, high) = (
                percent(p.win_probability_low),
                percent(p.win_probability_high),
            );
            table.row([
                p.prediction_id.clone(),
                percent(p.win_probability),
                format!("{low} to {high}"),
                moment(p.predicted_at.as_ref()),
                if p.counts { "yes" } else { "no" }.to_owned(),
            ]);
        }
        table.print(out)?;
    }
    if !reply.history.is_empty() {
        writeln!(out)?;
        let mut table = Table::new()
            .right("version")
            .left("was")
            .left("recorded")
            .flexible("told by");
        for before in &reply.history {
            table.row([
                before.version.to_string(),
                ended(before),
                moment(before.recorded_at.as_ref()),
                told_by(before),
            ]);
        }
        table.print(out)?;
    }
    Ok(())
}

fn score(figure: Option<&Figure>) -> String {
    figure.map_or_else(
        || "-".to_owned(),
        |of| {
            format!(
                "{:.4}{}",
                of.value,
                within(of.interval.as_ref(), |end| format!("{end:.4}"))
            )
        },
    )
}

fn within(interval: Option<&Interval>, end: impl Fn(f64) -> String) -> String {
    interval.map_or_else(String::new, |of| {
        format!(" ({} to {})", end(of.low), end(of.high))
    })
}

fn rate(figure: Option<&Figure>) -> String {
    figure.map_or_else(
        || "-".to_owned(),
        |of| {
            format!(
                "{}{}",
                percent(of.value),
                within(of.interval.as_ref(), percent)
            )
        },
    )
}

fn scores(out: Out<'_>, of: &RecordScores) -> io::Result<()> {
    let figure = |of: &Option<Figure>| score(of.as_ref());
    print_facts(
        out,
        &[
            ("quotes", format!("{}, of which {} won", of.quotes, of.won)),
            ("won", rate(of.win_rate.as_ref())),
            ("predicted on average", percent(of.mean_predicted)),
            (
                "Brier score",
                format!(
                    "{}; base rate {}",
                    figure(&of.brier),
                    figure(&of.base_brier)
                ),
            ),
            (
                "log loss",
                format!(
                    "{}; base rate {}",
                    figure(&of.log_loss),
                    figure(&of.base_log_loss)
                ),
            ),
            ("better than base rate by", figure(&of.gain_over_base)),
            ("area under ROC curve", figure(&of.auc)),
            (
                "calibration error",
                format!(
                    "{}; chance alone {:.4}",
                    figure(&of.calibration_error),
                    of.calibration_noise
                ),
            ),
        ],
    )?;
    writeln!(out)?;
    let mut table = Table::new()
        .right("we said")
        .right("from")
        .right("to")
        .right("quotes")
        .right("won")
        .left("that is");
    for row in &of.reliability {
        table.row([
            percent(row.predicted),
            percent(row.from),
            percent(row.to),
            row.quotes.to_string(),
            row.won.to_string(),
            rate(row.observed.as_ref()),
        ]);
    }
    table.print(out)
}

/// The track record.
///
/// # Errors
/// Where the writer fails.
pub fn track_record(out: Out<'_>, reply: &TrackRecordResponse) -> io::Result<()> {
    if let Some(of) = &reply.scores {
        scores(out, of)?;
    }
    if reply.models.len() > 1 {
        writeln!(out)?;
        let mut table = Table::new()
            .left("model")
            .right("quotes")
            .right("won")
            .left("log loss")
            .left("area");
        for model in &reply.models {
            let of = model.scores.clone().unwrap_or_default();
            table.row([
                model.model_id.clone(),
                of.quotes.to_string(),
                of.won.to_string(),
                score(of.log_loss.as_ref()),
                of.auc
                    .map_or_else(|| "-".to_owned(), |auc| format!("{:.3}", auc.value)),
            ]);
        }
        table.print(out)?;
    }
    if !reply.segments.is_empty() {
        writeln!(out)?;
        let mut table = Table::new()
            .left("segment")
            .right("quotes")
            .right("predicted")
            .left("won")
            .left("better than base rate by");
        for of in &reply.segments {
            table.row([
                of.label.clone(),
                of.quotes.to_string(),
                percent(of.mean_predicted),
                rate(of.win_rate.as_ref()),
                score(of.gain_over_base.as_ref()),
            ]);
        }
        table.print(out)?;
    }
    if let Some(of) = &reply.estimates {
        writeln!(out)?;
        let facts = [
            ("people", of.statement.clone()),
            ("log loss of the model", score(of.model_log_loss.as_ref())),
            ("log loss of people", score(of.person_log_loss.as_ref())),
            ("difference", score(of.difference.as_ref())),
        ];
        print_facts(out, &facts)?;
    }
    if !reply.advice.is_empty() {
        writeln!(out)?;
        let mut table = Table::new()
            .left("advice followed")
            .right("quotes")
            .left("won")
            .right("predicted")
            .right("promised");
        for of in &reply.advice {
            table.row([
                followed(of.followed()),
                of.quotes.to_string(),
                rate(of.win_rate.as_ref()),
                percent(of.mean_before),
                percent(of.mean_promised),
            ]);
        }
        table.print(out)?;
    }
    if reply.unjoined_outcomes > 0 {
        if reply.scores.is_some() {
            writeln!(out)?;
        }
        writeln!(
            out,
            "{} outcomes had no prediction before them",
            reply.unjoined_outcomes
        )?;
    }
    for note in &reply.notes {
        writeln!(out, "{note}")?;
    }
    Ok(())
}
