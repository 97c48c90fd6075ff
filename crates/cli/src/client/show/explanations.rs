//! Why two predictions differ, a quote at other prices, and what may be recommended to change. Deliberately the server's own
//! sentences.

use std::io::{self, Write};

use proto::prediction::{
    ChangeDirection, DifferenceCause, DifferencePart, ExplainDifferenceResponse, FieldPolicy,
    PolicyAmount, PriceCurveResponse, PricePoint, RecommendationPolicy, policy_amount::Amount,
};

use super::predictions::{list, points};
use crate::{
    table::{Table, print_facts},
    text::{moment, percent, shorten},
};

type Out<'a> = &'a mut dyn Write;

/// Columns shown of each cause.
const MOST_COLUMNS: usize = 6;

/// Why two predictions differ.
///
/// # Errors
/// Where the writer fails.
pub fn difference(out: Out<'_>, reply: &ExplainDifferenceResponse) -> io::Result<()> {
    let side = |p: Option<&proto::prediction::Prediction>| {
        p.map(|p| {
            format!(
                "{} by model {}, {}",
                percent(p.win_probability),
                p.model_id,
                moment(p.created_at.as_ref())
            )
        })
        .unwrap_or_default()
    };
    let total = reply.total.unwrap_or_default();
    print_facts(
        out,
        &[
            ("from", side(reply.from.as_ref())),
            ("to", side(reply.to.as_ref())),
            ("difference", format!("{} points", points(total.points))),
        ],
    )?;
    writeln!(out)?;
    let mut table = Table::new()
        .left("cause")
        .right("points")
        .right("log-odds")
        .flexible("of which");
    for (name, cause) in [
        ("data", &reply.data),
        ("time", &reply.time),
        ("model", &reply.model),
    ] {
        let Some(cause) = cause else { continue };
        let part = cause.total.unwrap_or_default();
        table.row([
            name,
            &points(part.points),
            &format!("{:+.4}", part.log_odds),
            &columns(cause),
        ]);
    }
    table.print(out)?;
    list(out, "notes", &reply.notes)
}

fn columns(cause: &DifferenceCause) -> String {
    let told = cause.columns.iter().take(MOST_COLUMNS).map(|column| {
        let part: DifferencePart = column.part.unwrap_or_default();
        let values = match (column.from_value.as_str(), column.to_value.as_str()) {
            (from, to) if from != to => format!(" ({from} to {to})"),
            _ => String::new(),
        };
        format!("{}{values} {}", column.column, points(part.points))
    });
    let told: Vec<String> = told.collect();
    told.join("; ")
}

/// A quote at other prices.
///
/// # Errors
/// Where the writer fails.
pub fn price_curve(out: Out<'_>, reply: &PriceCurveResponse) -> io::Result<()> {
    let name = if reply.objective == "expected_margin" {
        "expected margin"
    } else {
        "expected revenue"
    };
    let mut table = Table::new()
        .left("")
        .right("price")
        .right("win")
        .right("95 % interval")
        .right("expected revenue")
        .right("expected margin")
        .right("past quotes")
        .left("history");
    let named = [
        ("floor", &reply.floor),
        ("target", &reply.target),
        ("stretch", &reply.stretch),
    ];
    let mut points: Vec<(&str, &PricePoint)> = reply.points.iter().map(|p| ("", p)).collect();
    points.extend(reply.quoted.iter().map(|p| ("this quote", p)));
    points.extend(
        named
            .iter()
            .filter_map(|(name, p)| Some((*name, p.as_ref()?))),
    );
    points.sort_by(|a, b| a.1.price.total_cmp(&b.1.price));
    for (name, p) in points {
        let interval = p.interval.unwrap_or_default();
        table.row([
            name,
            &format!("{:.2}", p.price),
            &percent(p.win_probability),
            &format!("{} to {}", percent(interval.low), percent(interval.high)),
            &format!("{:.2}", p.expected_revenue),
            &p.expected_margin
                .map(|m| format!("{m:.2}"))
                .unwrap_or_default(),
            &format!("{} ({} won)", p.past_quotes, p.past_won),
            if p.supported { "" } else { "thin" },
        ]);
    }
    table.print(out)?;
    let said = match &reply.target {
        Some(target) => format!(
            "The target, {:.2}, has the highest {name}; floor and stretch keep 95 % of it.",
            target.price
        ),
        None => reply.no_target_reason.clone(),
    };
    list(out, "what follows", &[said])?;
    list(out, "warnings", &reply.warnings)
}

/// What may be recommended to change.
///
/// # Errors
/// Where the writer fails.
pub fn policy(out: Out<'_>, policy: &RecommendationPolicy) -> io::Result<()> {
    let set = match policy.version {
        0 => "never, so this applies until it is".to_owned(),
        _ => format!(
            "{} by {}",
            moment(policy.updated_at.as_ref()),
            policy.updated_by
        ),
    };
    print_facts(
        out,
        &[("version", policy.version.to_string()), ("set", set)],
    )?;
    writeln!(out)?;
    let mut table = Table::new()
        .left("column")
        .left("may change")
        .right("step")
        .right("min")
        .right("max")
        .flexible("only");
    for field in &policy.fields {
        table.row([
            shorten(&field.column, 30).as_str(),
            way(field),
            &amount(field.step.as_ref()),
            &amount(field.lower.as_ref()),
            &amount(field.upper.as_ref()),
            &field.allowed_values.join(" | "),
        ]);
    }
    table.print(out)
}

fn way(field: &FieldPolicy) -> &'static str {
    match (field.changeable, field.direction()) {
        (false, _) => "no",
        (true, ChangeDirection::Up) => "up",
        (true, ChangeDirection::Down) => "down",
        (true, ChangeDirection::Both | ChangeDirection::Unspecified) => "both ways",
    }
}

fn amount(amount: Option<&PolicyAmount>) -> String {
    match amount.and_then(|amount| amount.amount) {
        Some(Amount::Absolute(x)) => x.to_string(),
        Some(Amount::ShareOfValue(x)) => format!("{} %", 100.0 * x),
        None => String::new(),
    }
}
