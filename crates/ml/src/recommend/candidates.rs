//! The values that a rule allows and history supports, field by field.
//!
//! Deliberately without the model: what they would bring is asked later.

use super::support::{Alike, about_price};
use super::{Change, FieldRule, NewValue, Question};
use crate::encode::number_text;
use crate::price::{Near, rounded};
use crate::table::{MISSING_CODE, Role, Values};

/// Most values that are tried of a field of numbers.
const MOST_VALUES: usize = 21;

/// A value to try.
pub(super) struct Candidate {
    pub change: Change,
    /// The past quotes that stand behind it.
    pub alike: Option<Alike>,
}

/// The candidates of every field that has some, those nearest to the quote (of categories, the most frequent) first.
pub(super) fn candidates(question: &Question<'_>, near: Option<&Near<'_>>) -> Vec<Vec<Candidate>> {
    let rules = question.rules.iter().filter(|(_, rule)| rule.changeable);
    let fields = rules.map(|(column, rule)| of_field(question, near, column, rule));
    fields.filter(|field| !field.is_empty()).collect()
}

fn of_field(
    question: &Question<'_>,
    near: Option<&Near<'_>>,
    name: &str,
    rule: &FieldRule,
) -> Vec<Candidate> {
    let Some(column) = question.row.column(name) else {
        return Vec::new();
    };
    match &column.values {
        Values::Number(v) if column.role == Role::Price => {
            near.map_or_else(Vec::new, |near| prices(near, name, v[0], rule))
        }
        Values::Number(v) => numbers(question, name, v[0], rule),
        Values::Category { codes, levels } => {
            let own = (codes[0] != MISSING_CODE).then(|| levels[codes[0] as usize].as_str());
            categories(question, name, own, rule)
        }
        Values::Date(_) => Vec::new(),
    }
}

fn prices(near: &Near<'_>, name: &str, own: f64, rule: &FieldRule) -> Vec<Candidate> {
    let values = spread(rule, own, near.ends(), false, &|x| near.supports(x));
    let candidate = |x: f64| Candidate {
        change: change(name, number_text(own), NewValue::Number(x)),
        alike: about_price(near, x),
    };
    values.into_iter().map(candidate).collect()
}

fn numbers(question: &Question<'_>, name: &str, own: f64, rule: &FieldRule) -> Vec<Candidate> {
    let Some((_, support)) = question.past else {
        return Vec::new();
    };
    let Some((history, whole)) = support.numbers(name).filter(|_| own.is_finite()) else {
        return Vec::new();
    };
    let [_, low, high, _] = history.quantiles;
    let values = spread(rule, own, (low, high), whole, &|x| history.supports(x));
    let candidate = |x: f64| Candidate {
        change: change(name, number_text(own), NewValue::Number(x)),
        alike: support.about(name, x),
    };
    values.into_iter().map(candidate).collect()
}

fn categories(
    question: &Question<'_>,
    name: &str,
    own: Option<&str>,
    rule: &FieldRule,
) -> Vec<Candidate> {
    let Some((_, support)) = question.past else {
        return Vec::new();
    };
    let from = own.unwrap_or("(missing)");
    let allowed = support
        .levels(name)
        .filter(|level| rule.allows_text(own, level));
    let candidate = |level: &str| Candidate {
        change: change(name, from.to_owned(), NewValue::Text(level.to_owned())),
        alike: Some(Alike::Level(name.to_owned(), level.to_owned())),
    };
    allowed.map(candidate).collect()
}

fn change(column: &str, from: String, to: NewValue) -> Change {
    Change {
        column: column.to_owned(),
        from,
        to,
    }
}

/// At most 21 supported and allowed numbers between two ends, nearest to the quote's own first.
fn spread(
    rule: &FieldRule,
    own: f64,
    (low, high): (f64, f64),
    whole: bool,
    supports: &dyn Fn(f64) -> bool,
) -> Vec<f64> {
    let mut values = rule.steps_within(own, low, high).unwrap_or_else(|| {
        let (low, high) = rule.range(own, low, high);
        let last = (MOST_VALUES - 1) as f64;
        let at = |k: usize| low + (high - low) * k as f64 / last;
        let tidy = |x: f64| if whole { x.round() } else { rounded(x) };
        let all = (0..MOST_VALUES).map(|k| tidy(at(k)));
        all.filter(|_| low <= high).collect()
    });
    values.retain(|&x| rule.allows_number(own, x) && supports(x));
    values.sort_by(f64::total_cmp);
    values.dedup();
    if values.len() > MOST_VALUES {
        let last = values.len() - 1;
        values = (0..MOST_VALUES)
            .map(|k| values[k * last / (MOST_VALUES - 1)])
            .collect();
    }
    values.sort_by(|a, b| (a - own).abs().total_cmp(&(b - own).abs()));
    values
}
