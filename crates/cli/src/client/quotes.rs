//! `valutai quotes`: the quotes of a dataset that count, filtered and sorted. Deliberately no search
//! in free columns: what can be asked is what an index answers.

use chrono::NaiveDate;
use clap::{Args, Subcommand, ValueEnum};
use proto::ingestion::{ListQuotesRequest, Outcome, QuoteFilter, QuoteOrder};

use super::{connect, show, tell_next_page};
use crate::{
    args::{Global, PageArgs},
    error::Result,
    output,
};

/// Commands of `valutai quotes`.
#[derive(Debug, Subcommand)]
pub enum QuotesCommand {
    /// List quotes
    List(Box<ListArgs>),
}

/// Options of `valutai quotes list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Id of the dataset
    pub dataset: String,
    /// Only quotes that ended so
    #[arg(long, value_enum)]
    pub outcome: Option<Ended>,
    /// Only quotes of at least this price
    #[arg(long, value_name = "AMOUNT", value_parser = minor, allow_negative_numbers = true)]
    pub price_min: Option<i64>,
    /// Only quotes of at most this price
    #[arg(long, value_name = "AMOUNT", value_parser = minor, allow_negative_numbers = true)]
    pub price_max: Option<i64>,
    /// Only quotes of this day or later
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
    pub from: Option<NaiveDate>,
    /// Only quotes of this day or earlier
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
    pub to: Option<NaiveDate>,
    /// Only quotes for this customer, exactly as in the file
    #[arg(long, default_value = "", hide_default_value = true)]
    pub customer: String,
    /// Only quotes of this product, exactly as in the file
    #[arg(long, default_value = "", hide_default_value = true)]
    pub product: String,
    /// Only quotes whose identifier begins with this
    #[arg(
        long = "ref",
        value_name = "PREFIX",
        default_value = "",
        hide_default_value = true
    )]
    pub reference: String,
    /// In which order
    #[arg(long, value_enum, default_value = "newest")]
    pub sort: Sort,
    /// Show personal columns too; this is recorded in the audit trail
    #[arg(long)]
    pub include_personal: bool,
    /// Which page.
    #[command(flatten)]
    pub page: PageArgs,
}

/// How a quote ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Ended {
    /// The customer bought
    Won,
    /// The customer did not
    Lost,
    /// Not decided yet
    Open,
}

/// The order of quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Sort {
    /// By date, newest first
    Newest,
    /// By date, oldest first
    Oldest,
    /// By price, dearest first
    Dearest,
    /// By price, cheapest first
    Cheapest,
    /// By row in the file
    Row,
}

impl ListArgs {
    fn request(self) -> ListQuotesRequest {
        let outcome = match self.outcome {
            None => Outcome::Unspecified,
            Some(Ended::Won) => Outcome::Won,
            Some(Ended::Lost) => Outcome::Lost,
            Some(Ended::Open) => Outcome::Open,
        };
        let order = match self.sort {
            Sort::Newest => QuoteOrder::Newest,
            Sort::Oldest => QuoteOrder::Oldest,
            Sort::Dearest => QuoteOrder::Dearest,
            Sort::Cheapest => QuoteOrder::Cheapest,
            Sort::Row => QuoteOrder::Row,
        };
        let text = |date: Option<NaiveDate>| date.map(|date| date.to_string()).unwrap_or_default();
        ListQuotesRequest {
            dataset_id: self.dataset,
            page_size: self.page.page_size,
            page_token: self.page.page_token,
            filter: Some(QuoteFilter {
                outcome: outcome.into(),
                price_minor_min: self.price_min,
                price_minor_max: self.price_max,
                quoted_from: text(self.from),
                quoted_to: text(self.to),
                customer: self.customer,
                product: self.product,
                quote_ref_prefix: self.reference,
            }),
            order: order.into(),
            include_personal: self.include_personal,
        }
    }
}

/// Runs a command of `valutai quotes`.
///
/// # Errors
/// Whatever the command could not do.
pub async fn run(command: QuotesCommand, global: &Global) -> Result<()> {
    let QuotesCommand::List(args) = command;
    let include_personal = args.include_personal;
    let connection = connect(global).await?;
    let request = connection.request(args.request());
    let reply = connection
        .ingestion()
        .list_quotes(request)
        .await?
        .into_inner();
    output::reply(global.output, &reply, |out| {
        show::quotes(&reply.quotes, include_personal).print(out)
    })?;
    tell_next_page(&reply.next_page_token);
    Ok(())
}

/// An amount in currency units, in hundredths of them.
fn minor(text: &str) -> Result<i64, String> {
    let wrong = || format!("{text:?} is no amount: write it as 1234 or 1234.50");
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (units, hundredths) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !is_number(units) || !is_number(hundredths) || hundredths.len() > 2 {
        return Err(wrong());
    }
    let units: i64 = units.parse().map_err(|_| wrong())?;
    let hundredths: i64 = format!("{hundredths:0<2}").parse().map_err(|_| wrong())?;
    units
        .checked_mul(100)
        .and_then(|minor| minor.checked_add(hundredths))
        .map(|minor| sign * minor)
        .ok_or_else(wrong)
}

fn day(text: &str) -> Result<NaiveDate, String> {
    NaiveDate::parse_from_str(text, "%Y-%m-%d")
        .map_err(|_| format!("{text:?} is no day: write it as 2024-12-31"))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(subcommand)]
        command: QuotesCommand,
    }

    fn parse(line: &str) -> Result<ListQuotesRequest, clap::Error> {
        let Line {
            command: QuotesCommand::List(args),
        } = Line::try_parse_from(line.split_whitespace())?;
        Ok(args.request())
    }

    #[test]
    fn every_filter_is_handed_on() {
        let request = parse(
            "quotes list d1 --outcome open --price-min 1000.5 --price-max 2000 --from 2024-01-31 \
             --to 2024-12-31 --customer C --product P --ref Q-2 --sort dearest --include-personal \
             --page-size 7 --page-token t",
        )
        .expect("parses");
        let filter = request.filter.clone().expect("is there");
        assert_eq!(filter.outcome(), Outcome::Open);
        assert_eq!(
            (filter.price_minor_min, filter.price_minor_max),
            (Some(100_050), Some(200_000))
        );
        assert_eq!(filter.quoted_from, "2024-01-31");
        assert_eq!(filter.quoted_to, "2024-12-31");
        assert_eq!(
            (filter.customer.as_str(), filter.product.as_str()),
            ("C", "P")
        );
        assert_eq!(filter.quote_ref_prefix, "Q-2");
        assert_eq!(request.order(), QuoteOrder::Dearest);
        assert!(request.include_personal);
        assert_eq!((request.page_size, request.page_token.as_str()), (7, "t"));
    }

    #[test]
    fn without_filters_nothing_is_left_out() {
        let request = parse("quotes list d1").expect("parses");
        assert_eq!(request.filter, Some(QuoteFilter::default()));
        assert_eq!(request.order(), QuoteOrder::Newest);
    }

    #[test]
    fn amounts_and_days_are_read_exactly() {
        for (text, wanted) in [("12", 1200), ("12.3", 1230), ("-0.05", -5), ("0", 0)] {
            assert_eq!(minor(text), Ok(wanted), "{text}");
        }
        for wrong in [
            "",
            "1.234",
            "1,5",
            ".5",
            "1.",
            "1e3",
            "x",
            "99999999999999999999",
        ] {
            assert!(minor(wrong).is_err(), "{wrong}");
        }
        for line in [
            "--from 2024-02-30",
            "--to 31.12.2024",
            "--sort price",
            "--outcome maybe",
        ] {
            assert!(parse(&format!("quotes list d1 {line}")).is_err(), "{line}");
        }
    }
}
