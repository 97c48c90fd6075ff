//! `valutai policy`: what may be recommended to change. Deliberately whole: what is set replaces what was set before.

use clap::Subcommand;
use proto::prediction::{
    ChangeDirection, FieldPolicy, GetRecommendationPolicyRequest, PolicyAmount,
    SetRecommendationPolicyRequest, policy_amount::Amount,
};

use super::{connect, present, show};
use crate::{args::Global, error::Result, output};

/// Commands of `valutai policy`.
#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Show what may be recommended to change
    Show,
    /// Set what may be recommended to change, in place of what was set before
    ///
    /// COLUMN is a header, or @price for the price. RULES, separated by commas: up, down or both; step=AMOUNT; min=AMOUNT;
    /// max=AMOUNT, where an amount such as 90% is of the quote's own value; for categories only=A|B|C, in an order that up
    /// and down follow; fixed for a field that stays as it is. Without --allow nothing may be changed.
    #[command(verbatim_doc_comment)]
    Set {
        /// A field that may be changed, such as "@price=down,step=10,min=90%"; repeatable
        #[arg(long = "allow", value_name = "COLUMN[=RULES]", value_parser = field)]
        allow: Vec<FieldPolicy>,
        /// Only where this version is in force
        #[arg(long, value_name = "VERSION")]
        if_version: Option<u64>,
    },
}

/// Reads `COLUMN=RULES`.
///
/// # Errors
/// Where a rule is none, naming it.
pub fn field(text: &str) -> Result<FieldPolicy, String> {
    let (column, rules) = text.split_once('=').unwrap_or((text, ""));
    let mut field = FieldPolicy {
        column: column.to_owned(),
        changeable: true,
        direction: ChangeDirection::Both as i32,
        ..FieldPolicy::default()
    };
    for rule in rules
        .split(',')
        .map(str::trim)
        .filter(|rule| !rule.is_empty())
    {
        match rule.split_once('=') {
            None => match rule {
                "up" => field.direction = ChangeDirection::Up as i32,
                "down" => field.direction = ChangeDirection::Down as i32,
                "both" => field.direction = ChangeDirection::Both as i32,
                "fixed" => field.changeable = false,
                _ => return Err(unknown(rule)),
            },
            Some(("step", text)) => field.step = Some(amount(text)?),
            Some(("min", text)) => field.lower = Some(amount(text)?),
            Some(("max", text)) => field.upper = Some(amount(text)?),
            Some(("only", text)) => {
                field.allowed_values = text
                    .split('|')
                    .map(|value| value.trim().to_owned())
                    .collect();
            }
            Some(_) => return Err(unknown(rule)),
        }
    }
    Ok(field)
}

fn unknown(rule: &str) -> String {
    format!("{rule:?} is no rule: write up, down, both, fixed, step=, min=, max= or only=A|B")
}

fn amount(text: &str) -> Result<PolicyAmount, String> {
    let (digits, percent) = match text.trim().strip_suffix('%') {
        Some(digits) => (digits.trim(), true),
        None => (text.trim(), false),
    };
    let number: f64 = digits
        .parse()
        .map_err(|_| format!("{text:?} is no amount: write it like 10 or 90%"))?;
    Ok(PolicyAmount {
        amount: Some(if percent {
            Amount::ShareOfValue(number / 100.0)
        } else {
            Amount::Absolute(number)
        }),
    })
}

/// Runs a command of `valutai policy`.
///
/// # Errors
/// Whatever the command could not do.
pub async fn run(command: PolicyCommand, global: &Global) -> Result<()> {
    let connection = connect(global).await?;
    match command {
        PolicyCommand::Show => {
            let request = connection.request(GetRecommendationPolicyRequest {});
            let mut prediction = connection.prediction();
            let reply = prediction
                .get_recommendation_policy(request)
                .await?
                .into_inner();
            let policy = present(reply.policy.as_ref(), "policy")?;
            output::reply(global.output, &reply, |out| show::policy(out, policy))
        }
        PolicyCommand::Set { allow, if_version } => {
            let request = connection.request(SetRecommendationPolicyRequest {
                fields: allow,
                expected_version: if_version,
            });
            let mut prediction = connection.prediction();
            let reply = prediction
                .set_recommendation_policy(request)
                .await?
                .into_inner();
            let policy = present(reply.policy.as_ref(), "policy")?;
            for note in &reply.notes {
                eprintln!("note: {note}");
            }
            output::reply(global.output, &reply, |out| show::policy(out, policy))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read() {
        let read = field("@price=down, step=10, min=90%,max=1200").expect("is one");
        assert_eq!(read.column, "@price");
        assert_eq!(read.direction(), ChangeDirection::Down);
        let amount = |amount: Option<PolicyAmount>| amount.and_then(|a| a.amount);
        assert_eq!(amount(read.step), Some(Amount::Absolute(10.0)));
        assert_eq!(amount(read.lower), Some(Amount::ShareOfValue(0.9)));
        assert_eq!(amount(read.upper), Some(Amount::Absolute(1200.0)));
        let terms = field("Terms=only=14 days|30 days,up").expect("is one");
        assert_eq!(terms.allowed_values, ["14 days", "30 days"]);
        assert!(terms.changeable && !field("Region=fixed").expect("is one").changeable);
        assert!(field("Region").expect("is one").changeable);
        assert!(
            field("x=sideways")
                .expect_err("is none")
                .contains("sideways")
        );
        assert!(
            field("x=step=much")
                .expect_err("is none")
                .contains("10 or 90%")
        );
    }
}
