//! Predictions and the reasons behind them. Deliberately careful wording: a recommendation is
//! shown with the server's own sentence.

use std::io::{self, Write};

use proto::prediction::{
    Contribution, ContributionGroup, Evidence, EvidenceStatus, Grade, Prediction, SimilarQuote,
};

use crate::{
    table::{PAGE_WIDTH, Table, print_facts},
    text::{clean, enum_word, moment, percent, shorten, wrap},
};

const MOST_CONTRIBUTIONS: usize = 12;
const TOP_REASONS: usize = 3;

type Out<'a> = &'a mut dyn Write;

/// How much history stands behind a prediction: `indicative`, `usable` or `solid`.
#[must_use]
pub fn evidence(evidence: Evidence) -> String {
    match evidence {
        Evidence::Unspecified => String::new(),
        known => enum_word(known.as_str_name(), "EVIDENCE_"),
    }
}

/// The three largest reasons in one line, such as `Region=West +4.2 pts; Price=1200 -3.0 pts`.
#[must_use]
pub fn top_reasons(contributions: &[Contribution]) -> String {
    let reasons: Vec<String> = contributions
        .iter()
        .take(TOP_REASONS)
        .map(|c| {
            let (column, value) = (clean(&c.column), clean(&c.value));
            format!("{column}={value} {} pts", points(c.points))
        })
        .collect();
    reasons.join("; ")
}

/// The letter of a grade; empty where there is none.
#[must_use]
pub fn grade(grade: Grade) -> String {
    match grade {
        Grade::Unspecified => String::new(),
        known => known.as_str_name().replace("GRADE_", ""),
    }
}

/// A grade, with those that the interval allows where they are others.
fn grades(p: &Prediction) -> String {
    let [of, best, worst] = [p.grade(), p.best_grade(), p.worst_grade()].map(grade);
    if best == worst {
        return of;
    }
    format!("{of} ({worst} to {best} within the interval)")
}

/// Points with a sign.
#[must_use]
pub fn points(points: f64) -> String {
    let rounded = format!("{:+.1}", points * 100.0);
    if rounded == "-0.0" {
        return "+0.0".to_owned();
    }
    rounded
}

/// Predictions in one line each.
#[must_use]
pub fn predictions(predictions: &[Prediction]) -> Table {
    let mut table = Table::new()
        .left("id")
        .left("quote")
        .right("win")
        .right("95 % interval")
        .left("evidence")
        .left("made");
    for p in predictions {
        table.row([
            p.id.as_str(),
            &shorten(&p.quote_ref, 20),
            &percent(p.win_probability),
            &range(p.win_probability_low, p.win_probability_high),
            &evidence(p.evidence()),
            &moment(p.created_at.as_ref()),
        ]);
    }
    table
}

fn range(low: f64, high: f64) -> String {
    format!("{} to {}", percent(low), percent(high))
}

/// A prediction in full.
///
/// # Errors
/// Where the writer fails.
pub fn prediction(out: Out<'_>, p: &Prediction) -> io::Result<()> {
    let mut facts = vec![("prediction", p.id.clone())];
    if !p.quote_ref.is_empty() {
        facts.push(("quote", p.quote_ref.clone()));
    }
    facts.extend([
        ("model", p.model_id.clone()),
        ("win probability", percent(p.win_probability)),
        (
            "95 % interval",
            range(p.win_probability_low, p.win_probability_high),
        ),
    ]);
    if p.grade() != Grade::Unspecified {
        facts.push(("grade", grades(p)));
    }
    facts.push(("evidence", evidence(p.evidence())));
    if p.evidence_status() == EvidenceStatus::LowEvidence {
        let reasons: Vec<&str> = p.evidence_reasons.iter().map(|r| r.text.as_str()).collect();
        facts.push(("low evidence", reasons.join(" ")));
    }
    facts.push(("made", moment(p.created_at.as_ref())));
    match &p.price_recommendation {
        Some(recommended) => {
            facts.push(("recommended price", format!("{:.2}", recommended.price)));
            facts.push(("because", recommended.statement.clone()));
        }
        None if !p.no_recommendation_reason.is_empty() => {
            facts.push(("recommended price", p.no_recommendation_reason.clone()));
        }
        None => {}
    }
    for recommended in p.recommendations.iter().chain(&p.pair_recommendation) {
        facts.push(("recommended", recommended.statement.clone()));
    }
    if !p.no_change_reason.is_empty() {
        facts.push(("recommended", p.no_change_reason.clone()));
    }
    print_facts(out, &facts)?;
    if !p.contribution_groups.is_empty() {
        writeln!(out)?;
        groups(&p.contribution_groups).print(out)?;
        let more = p
            .contribution_groups
            .len()
            .saturating_sub(MOST_CONTRIBUTIONS);
        if more > 0 {
            writeln!(out, "and {more} more")?;
        }
    } else if !p.contributions.is_empty() {
        writeln!(out)?;
        contributions(&p.contributions).print(out)?;
        let more = p.contributions.len().saturating_sub(MOST_CONTRIBUTIONS);
        if more > 0 {
            writeln!(out, "and {more} more")?;
        }
    }
    if !p.similar_quotes.is_empty() {
        writeln!(out, "\nsimilar past quotes")?;
        similar(&p.similar_quotes).print(out)?;
    }
    list(out, "warnings", &p.warnings)
}

/// Sentences under a title; nothing where there are none.
///
/// # Errors
/// Where the writer fails.
pub fn list(out: Out<'_>, title: &str, sentences: &[String]) -> io::Result<()> {
    if !sentences.is_empty() {
        writeln!(out, "\n{title}")?;
    }
    for sentence in sentences {
        for (index, line) in wrap(&clean(sentence), PAGE_WIDTH - 2).iter().enumerate() {
            writeln!(out, "{}{line}", if index == 0 { "- " } else { "  " })?;
        }
    }
    Ok(())
}

fn groups(groups: &[ContributionGroup]) -> Table {
    let mut table = Table::new()
        .left("column")
        .right("points")
        .right("log-odds")
        .flexible("why");
    for group in groups.iter().take(MOST_CONTRIBUTIONS) {
        let why = group.sentence.rsplit_once(": ");
        table.row([
            shorten(&group.column, 30).as_str(),
            &points(group.points),
            &format!("{:+.3}", group.log_odds),
            why.map_or(group.sentence.as_str(), |(why, _)| why),
        ]);
    }
    table
}

fn similar(quotes: &[SimilarQuote]) -> Table {
    let mut table = Table::new()
        .left("quote")
        .left("outcome")
        .left("date")
        .right("price")
        .flexible("differs in");
    for quote in quotes {
        let differs: Vec<String> = quote
            .differences
            .iter()
            .map(|d| format!("{} {} (here {})", d.column, d.past_value, d.value))
            .collect();
        table.row([
            shorten(&quote.quote_id, 20).as_str(),
            if quote.won { "won" } else { "lost" },
            &quote.date,
            &quote
                .price
                .map(|price| format!("{price:.2}"))
                .unwrap_or_default(),
            &if differs.is_empty() {
                "nothing".to_owned()
            } else {
                differs.join("; ")
            },
        ]);
    }
    table
}

fn contributions(contributions: &[Contribution]) -> Table {
    let mut table = Table::new()
        .left("column")
        .left("value")
        .right("points")
        .right("log-odds");
    for c in contributions.iter().take(MOST_CONTRIBUTIONS) {
        table.row([
            shorten(&c.column, 30).as_str(),
            &shorten(&c.value, 40),
            &points(c.points),
            &format!("{:+.3}", c.log_odds),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(column: &str, value: &str, points: f64) -> Contribution {
        Contribution {
            column: column.into(),
            value: value.into(),
            points,
            log_odds: points * 4.0,
            ..Contribution::default()
        }
    }

    #[test]
    fn top_reasons_are_the_first_three() {
        let all = [
            reason("Region", "West", 0.042),
            reason("Price", "1200", -0.03),
            reason("Note", "a\nb", -0.0001),
            reason("Rest", "x", 0.0),
        ];
        assert_eq!(
            top_reasons(&all),
            "Region=West +4.2 pts; Price=1200 -3.0 pts; Note=a b +0.0 pts"
        );
        assert_eq!(top_reasons(&[]), "");
    }

    #[test]
    fn evidence_is_a_word() {
        assert_eq!(evidence(Evidence::Indicative), "indicative");
        assert_eq!(evidence(Evidence::Usable), "usable");
        assert_eq!(evidence(Evidence::Solid), "solid");
    }
}
