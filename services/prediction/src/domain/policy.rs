//! What a tenant lets be recommended to change: read from the contract, checked, and handed to the learning core as rules.
//! Deliberately no opinion on what is worth changing.

use ml::{Amount, Direction, FieldRule};
use proto::prediction::{ChangeDirection, FieldPolicy, PolicyAmount, policy_amount};

use crate::{Error, domain::fields::Fields};

/// Stands for the price, whatever its header.
pub const PRICE: &str = "@price";
/// Most fields of a policy.
const FIELDS_MAX: usize = 50;
/// Most categories of a field.
const VALUES_MAX: usize = 100;
/// Longest name or category, in characters.
const TEXT_MAX: usize = 200;

/// The policy of a tenant.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// Its version; 0 for the one that applies until another is set.
    pub version: u64,
    /// Rules by header, or by [`PRICE`].
    rules: Vec<(String, FieldRule)>,
}

impl Default for Policy {
    /// The price may be changed both ways, and nothing else.
    fn default() -> Self {
        Self {
            version: 0,
            rules: vec![(PRICE.to_owned(), FieldRule::default())],
        }
    }
}

/// The fields of the policy that applies until another is set.
#[must_use]
pub fn default_fields() -> Vec<FieldPolicy> {
    vec![FieldPolicy {
        column: PRICE.to_owned(),
        changeable: true,
        direction: ChangeDirection::Both as i32,
        ..FieldPolicy::default()
    }]
}

impl Policy {
    /// Reads and checks the fields of a policy.
    ///
    /// # Errors
    /// `Policy`, naming the field and what is wrong with it.
    pub fn new(version: u64, fields: &[FieldPolicy]) -> Result<Self, Error> {
        if fields.len() > FIELDS_MAX {
            return Err(Error::Policy(format!(
                "it has {} fields: name at most {FIELDS_MAX}",
                fields.len()
            )));
        }
        let mut rules: Vec<(String, FieldRule)> = Vec::with_capacity(fields.len());
        for field in fields {
            let rule = rule(field)?;
            if rules.iter().any(|(column, _)| *column == field.column) {
                return Err(problem(field, "it is named twice: name it once"));
            }
            rules.push((field.column.clone(), rule));
        }
        Ok(Self { version, rules })
    }

    /// The rules for a model's own columns: what callers can state, and of two rules for the price the one by header.
    #[must_use]
    pub fn rules(&self, fields: &Fields) -> Vec<(String, FieldRule)> {
        let named = |name: &str| self.rules.iter().any(|(column, _)| column == name);
        let of_model = |(column, rule): &(String, FieldRule)| match column.as_str() {
            PRICE => fields
                .price_column()
                .filter(|price| !named(price))
                .map(|price| (price.to_owned(), rule.clone())),
            column => fields
                .is_stated(column)
                .then(|| (column.to_owned(), rule.clone())),
        };
        self.rules.iter().filter_map(of_model).collect()
    }

    /// The rule for the price of a model; one that leaves it as it is where there is none.
    #[must_use]
    pub fn price_rule(&self, fields: &Fields) -> FieldRule {
        let rules = self.rules(fields);
        let of_price =
            |(column, _): &&(String, FieldRule)| fields.price_column() == Some(column.as_str());
        rules.iter().find(of_price).map_or(
            FieldRule {
                changeable: false,
                ..FieldRule::default()
            },
            |(_, rule)| rule.clone(),
        )
    }

    /// The headers that it names.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        let columns = self.rules.iter().map(|(column, _)| column.as_str());
        columns.filter(|column| *column != PRICE)
    }
}

fn problem(field: &FieldPolicy, what: &str) -> Error {
    let column: String = field.column.chars().take(TEXT_MAX).collect();
    Error::Policy(format!("the field \"{column}\": {what}"))
}

fn rule(field: &FieldPolicy) -> Result<FieldRule, Error> {
    let text_fits = |text: &str| {
        let length = text.chars().count();
        (1..=TEXT_MAX).contains(&length) && !text.contains('\0')
    };
    if !text_fits(&field.column) {
        return Err(problem(field, "name a column, in at most 200 characters"));
    }
    let direction = match ChangeDirection::try_from(field.direction) {
        Ok(ChangeDirection::Unspecified | ChangeDirection::Both) => Direction::Both,
        Ok(ChangeDirection::Up) => Direction::Up,
        Ok(ChangeDirection::Down) => Direction::Down,
        Err(_) => {
            return Err(problem(
                field,
                "its direction is unknown: send UP, DOWN or BOTH",
            ));
        }
    };
    let allowed = &field.allowed_values;
    if allowed.len() > VALUES_MAX || !allowed.iter().all(|value| text_fits(value)) {
        return Err(problem(
            field,
            "its allowed values are more than 100, empty, or longer than 200 characters",
        ));
    }
    let numeric = field.step.is_some() || field.lower.is_some() || field.upper.is_some();
    if numeric && !allowed.is_empty() {
        return Err(problem(
            field,
            "numbers have a step and limits, categories have allowed values: give one or the other",
        ));
    }
    let rule = FieldRule {
        changeable: field.changeable,
        direction,
        step: amount(field, field.step.as_ref(), "step")?,
        lower: amount(field, field.lower.as_ref(), "lower limit")?,
        upper: amount(field, field.upper.as_ref(), "upper limit")?,
        allowed: allowed.clone(),
    };
    check_step(field, &rule)?;
    check_limits(field, &rule)?;
    Ok(rule)
}

fn check_step(field: &FieldPolicy, rule: &FieldRule) -> Result<(), Error> {
    match rule.step {
        Some(Amount::Absolute(step) | Amount::OfValue(step)) if step <= 0.0 => Err(problem(
            field,
            "its step is not above zero: send a positive one",
        )),
        _ => Ok(()),
    }
}

fn check_limits(field: &FieldPolicy, rule: &FieldRule) -> Result<(), Error> {
    match (rule.lower, rule.upper) {
        (Some(Amount::Absolute(low)), Some(Amount::Absolute(high)))
        | (Some(Amount::OfValue(low)), Some(Amount::OfValue(high)))
            if low > high =>
        {
            Err(problem(
                field,
                "its lower limit is above its upper one: exchange them",
            ))
        }
        _ => Ok(()),
    }
}

fn amount(
    field: &FieldPolicy,
    sent: Option<&PolicyAmount>,
    what: &str,
) -> Result<Option<Amount>, Error> {
    let Some(sent) = sent else { return Ok(None) };
    let amount = match sent.amount {
        Some(policy_amount::Amount::Absolute(x)) if x.is_finite() => Amount::Absolute(x),
        Some(policy_amount::Amount::ShareOfValue(x)) if x.is_finite() && x >= 0.0 => {
            Amount::OfValue(x)
        }
        _ => {
            let expected = format!(
                "its {what} is no amount: send absolute as a finite number, or share_of_value from 0 on"
            );
            return Err(problem(field, &expected));
        }
    };
    Ok(Some(amount))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn absolute(x: f64) -> Option<PolicyAmount> {
        Some(PolicyAmount {
            amount: Some(policy_amount::Amount::Absolute(x)),
        })
    }

    fn field(column: &str) -> FieldPolicy {
        FieldPolicy {
            column: column.to_owned(),
            changeable: true,
            ..FieldPolicy::default()
        }
    }

    fn refusal(field: FieldPolicy) -> String {
        Policy::new(1, &[field]).unwrap_err().to_string()
    }

    #[test]
    fn the_default_lets_the_price_move() {
        let default = Policy::new(0, &default_fields()).unwrap();
        assert_eq!(default, Policy::default());
        assert_eq!(default.columns().count(), 0);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let refused = Policy::new(1, &[field("Terms"), field("Terms")]).unwrap_err();
        assert!(refused.to_string().contains("\"Terms\": it is named twice"));
        assert!(refusal(field("")).contains("name a column"));
        let mut wrong = field("Price");
        wrong.direction = 77;
        assert!(refusal(wrong).contains("direction"));
        let mut wrong = field("Price");
        wrong.step = absolute(0.0);
        assert!(refusal(wrong.clone()).contains("step is not above zero"));
        wrong.step = absolute(f64::NAN);
        assert!(refusal(wrong.clone()).contains("step is no amount"));
        wrong.step = Some(PolicyAmount::default());
        assert!(refusal(wrong).contains("step is no amount"));
        let mut wrong = field("Price");
        (wrong.lower, wrong.upper) = (absolute(2.0), absolute(1.0));
        assert!(refusal(wrong.clone()).contains("exchange them"));
        wrong.allowed_values = vec!["a".to_owned()];
        assert!(refusal(wrong).contains("one or the other"));
        let mut wrong = field("Terms");
        wrong.allowed_values = vec![String::new()];
        assert!(refusal(wrong).contains("allowed values"));
        let many = vec![field("x"); FIELDS_MAX + 1];
        assert!(
            Policy::new(1, &many)
                .unwrap_err()
                .to_string()
                .contains("51 fields")
        );
    }
}
