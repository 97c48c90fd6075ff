//! Writes sample quotes as CSV. Deliberately without the truth, which has a file of its own: a
//! model must not see it.

use std::io::Write;

use super::SampleQuote;

const COLUMNS: [&str; 14] = [
    "quote_id",
    "quote_date",
    "customer",
    "region",
    "segment",
    "product",
    "quantity",
    "list_price",
    "unit_cost",
    "price",
    "discount_percent",
    "delivery_days",
    "competitors",
    "outcome",
];

/// Writes the history as a seller would export it.
///
/// # Errors
/// Where the writer fails.
pub fn write_history(out: impl Write, quotes: &[SampleQuote]) -> csv::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(COLUMNS)?;
    for quote in quotes {
        writer.write_record([
            quote.quote_id.as_str(),
            &quote.quote_date.format("%Y-%m-%d").to_string(),
            &quote.customer,
            quote.region,
            quote.segment,
            quote.product,
            &quote.quantity.to_string(),
            &money(quote.list_price_cents),
            &money(quote.unit_cost_cents),
            &money(quote.price_cents),
            &format!("{:.1}", quote.discount_percent()),
            &quote.delivery_days.to_string(),
            &quote.competitors.to_string(),
            if quote.won { "won" } else { "lost" },
        ])?;
    }
    Ok(writer.flush()?)
}

/// Writes the probability that each outcome was drawn with.
///
/// # Errors
/// Where the writer fails.
pub fn write_truth(out: impl Write, quotes: &[SampleQuote]) -> csv::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(["quote_id", "true_probability"])?;
    for quote in quotes {
        writer.write_record([
            quote.quote_id.as_str(),
            &format!("{:.6}", quote.true_probability),
        ])?;
    }
    Ok(writer.flush()?)
}

fn money(cents: i64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_have_a_row_for_each_quote() {
        let quotes = super::super::generate(50, 1);
        let (mut history, mut truth) = (Vec::new(), Vec::new());
        write_history(&mut history, &quotes).expect("writes");
        write_truth(&mut truth, &quotes).expect("writes");
        let history = String::from_utf8(history).expect("is text");
        let truth = String::from_utf8(truth).expect("is text");
        assert_eq!(history.lines().count(), 51);
        assert_eq!(truth.lines().count(), 51);
        assert!(history.starts_with("quote_id,quote_date,customer,region,segment,product,"));
        assert!(truth.starts_with("quote_id,true_probability\nQ-000001,0."));
        assert!(!history.contains("probability"));
        assert_eq!(money(123_405), "1234.05");
    }
}
