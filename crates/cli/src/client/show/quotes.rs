//! Quotes in one line each. Deliberately no free columns: JSON has them.

use proto::ingestion::{Outcome, Quote};

use crate::{
    table::Table,
    text::{amount, enum_word},
};

/// Quotes in the order given; with a column for personal data where some was asked for.
#[must_use]
pub fn quotes(quotes: &[Quote], include_personal: bool) -> Table {
    let mut table = Table::new()
        .left("quote")
        .left("date")
        .left("outcome")
        .right("price")
        .left("")
        .left("customer")
        .left("product")
        .right("row");
    if include_personal {
        table = table.flexible("personal");
    }
    for quote in quotes {
        table.row([
            quote.quote_ref.as_str(),
            &quote.quoted_on,
            &outcome(quote),
            &amount(quote.price_minor),
            &quote.currency,
            &quote.customer,
            &quote.product,
            &quote.row.to_string(),
            &quote.personal_json,
        ]);
    }
    table
}

fn outcome(quote: &Quote) -> String {
    match quote.outcome() {
        Outcome::Unspecified => String::new(),
        outcome => enum_word(outcome.as_str_name(), "OUTCOME_"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{table::PAGE_WIDTH, text::width};

    #[test]
    fn a_quote_fits_a_line_and_personal_data_is_shown_when_asked_for() {
        let quote = Quote {
            row: 78_025,
            quoted_on: "2024-02-29".into(),
            price_minor: 123_456_789,
            outcome: Outcome::Open.into(),
            quote_ref: "Q-2024-000123".into(),
            currency: "EUR".into(),
            customer: "A customer with quite a long name Ltd".into(),
            product: "A product with quite a long name".into(),
            personal_json: r#"{"contact":"Jane"}"#.into(),
            ..Quote::default()
        };
        for include_personal in [false, true] {
            let mut out = Vec::new();
            quotes(std::slice::from_ref(&quote), include_personal)
                .print(&mut out)
                .expect("prints");
            let text = String::from_utf8(out).expect("is text");
            assert!(text.lines().all(|line| width(line) <= PAGE_WIDTH), "{text}");
            for part in [
                "Q-2024-000123",
                "2024-02-29",
                "open",
                "1,234,567.89",
                "78025",
            ] {
                assert!(text.contains(part), "{part} in {text}");
            }
            assert_eq!(text.contains("Jane"), include_personal, "{text}");
        }
    }
}
