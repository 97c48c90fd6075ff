//! `valutai bench quotes`: every filter of `quotes list`, every pair of them, in every order: the
//! first page and one far behind it, asked for at the gateway one after the other.

use std::{path::PathBuf, time::Instant};

use clap::Args;
use proto::ingestion::{
    ListQuotesRequest, ListQuotesResponse, Outcome, Quote, QuoteFilter, QuoteOrder,
};

use super::{
    figures::{Machine, PageTimes, QuotesFigures, quantile},
    history,
    import::{GENERATED, time_import, with_system},
    system::System,
};
use crate::{
    client::{datasets::ImportArgs, present},
    error::Result,
    output::Format,
    server::stack::ServerArgs,
};

/// Largest page, for getting far quickly.
const LARGEST_PAGE: u32 = 200;
/// Pages that are turned before the far one.
const PAGES_TURNED: usize = 25;
const ORDERS: [(QuoteOrder, &str); 5] = [
    (QuoteOrder::Newest, "newest"),
    (QuoteOrder::Oldest, "oldest"),
    (QuoteOrder::Dearest, "dearest"),
    (QuoteOrder::Cheapest, "cheapest"),
    (QuoteOrder::Row, "row"),
];

/// Options of `bench quotes`.
#[derive(Debug, Args)]
#[command(mut_arg("file", |arg| arg.required(false).default_value(GENERATED)))]
pub struct QuotesBench {
    /// The file and how it is read; `@generated` stands for generated quotes.
    #[command(flatten)]
    pub import: ImportArgs,
    /// Quotes to generate, where no file is given
    #[arg(long, value_name = "N", default_value_t = 500_000, value_parser = clap::value_parser!(u32).range(1000..=1_000_000))]
    pub rows: u32,
    /// Times that each page is asked for
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub repetitions: u32,
    /// Leave out the pages far behind the first
    #[arg(long)]
    pub first_only: bool,
    /// Quotes on a page
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=200))]
    pub page_size: u32,
    /// Where to find the servers.
    #[command(flatten)]
    pub servers: ServerArgs,
}

/// Runs `bench quotes`.
///
/// # Errors
/// Where a step fails; everything is stopped all the same.
pub async fn run(args: QuotesBench, format: Format) -> Result<()> {
    let figures = with_system(&args.servers, async |system| measure(&args, system).await).await?;
    figures.print(format)
}

async fn measure(args: &QuotesBench, system: &mut System) -> Result<QuotesFigures> {
    let path = file_of(args, system)?;
    eprintln!("importing");
    let imported = time_import(system, &args.import.header()?, &path).await?;
    system.store().await?.rest().await?;
    let reader = Reader {
        system,
        dataset: imported.dataset.to_string(),
    };
    let machine = Machine::look();
    let filters = filters(&reader.some_quote().await?);
    let mut pages = Vec::new();
    for (number, filter) in filters.iter().enumerate() {
        eprintln!("filter {} of {}: {}", number + 1, filters.len(), filter.0);
        for order in ORDERS {
            pages.push(reader.time(args, filter, order, "first", "").await?);
            if args.first_only {
                continue;
            }
            let far = reader.far_token(&filter.1, order.0).await?;
            if !far.is_empty() {
                pages.push(reader.time(args, filter, order, "far", &far).await?);
            }
        }
    }
    let worst = pages.iter().map(|page| page.p99_ms).fold(0.0, f64::max);
    let mut store = system.store().await?;
    Ok(QuotesFigures {
        machine: machine.until_now(),
        rows: store.count_quotes().await?,
        repetitions: args.repetitions as usize,
        pages,
        worst_p99_ms: worst,
    })
}

fn file_of(args: &QuotesBench, system: &System) -> Result<PathBuf> {
    if args.import.file != std::path::Path::new(GENERATED) {
        return Ok(args.import.file.clone());
    }
    let path = system.dir().join("generated.csv");
    history::write(&path, args.rows)?;
    Ok(path)
}

type Filter = (String, QuoteFilter);

/// Single filters around a quote that there is, and every pair of them.
fn filters(quote: &Quote) -> Vec<Filter> {
    let none = QuoteFilter::default;
    let around = (quote.price_minor / 100).abs();
    let month = quote.quoted_on.get(..7).unwrap_or_default();
    let prefix_end = quote.quote_ref.char_indices().nth_back(1);
    let prefix = prefix_end.map_or("", |(end, _)| &quote.quote_ref[..end]);
    let of_outcome = |outcome: Outcome| QuoteFilter {
        outcome: outcome.into(),
        ..none()
    };
    let singles = [
        ("won", of_outcome(Outcome::Won)),
        ("lost", of_outcome(Outcome::Lost)),
        ("open", of_outcome(Outcome::Open)),
        (
            "narrow price",
            QuoteFilter {
                price_minor_min: Some(quote.price_minor - around),
                price_minor_max: Some(quote.price_minor + around),
                ..none()
            },
        ),
        (
            "wide price",
            QuoteFilter {
                price_minor_min: Some(quote.price_minor / 2),
                ..none()
            },
        ),
        (
            "one day",
            QuoteFilter {
                quoted_from: quote.quoted_on.clone(),
                quoted_to: quote.quoted_on.clone(),
                ..none()
            },
        ),
        (
            "until month",
            QuoteFilter {
                quoted_to: format!("{month}-28"),
                ..none()
            },
        ),
        (
            "customer",
            QuoteFilter {
                customer: quote.customer.clone(),
                ..none()
            },
        ),
        (
            "product",
            QuoteFilter {
                product: quote.product.clone(),
                ..none()
            },
        ),
        (
            "prefix",
            QuoteFilter {
                quote_ref_prefix: prefix.to_owned(),
                ..none()
            },
        ),
    ];
    // A file without such a column has nothing to filter by.
    let singles: Vec<(&str, QuoteFilter)> = singles
        .into_iter()
        .filter(|(_, filter)| *filter != none())
        .collect();
    let mut all = vec![("all".to_owned(), none())];
    all.extend(
        singles
            .iter()
            .map(|(name, filter)| ((*name).to_owned(), filter.clone())),
    );
    for (at, (name, filter)) in singles.iter().enumerate() {
        for (other_name, other) in &singles[at + 1..] {
            if let Some(both) = both(filter, other) {
                all.push((format!("{name}, {other_name}"), both));
            }
        }
    }
    all
}

/// Both filters; `None` where they are about the same column.
fn both(one: &QuoteFilter, other: &QuoteFilter) -> Option<QuoteFilter> {
    let outcome = one.outcome != 0 && other.outcome != 0;
    let has_price =
        |filter: &QuoteFilter| filter.price_minor_min.is_some() || filter.price_minor_max.is_some();
    let has_day = |filter: &QuoteFilter| !filter.quoted_to.is_empty();
    if outcome || has_price(one) && has_price(other) || has_day(one) && has_day(other) {
        return None;
    }
    let text = |one: &String, other: &String| {
        if one.is_empty() {
            other.clone()
        } else {
            one.clone()
        }
    };
    Some(QuoteFilter {
        outcome: one.outcome.max(other.outcome),
        price_minor_min: one.price_minor_min.or(other.price_minor_min),
        price_minor_max: one.price_minor_max.or(other.price_minor_max),
        quoted_from: text(&one.quoted_from, &other.quoted_from),
        quoted_to: text(&one.quoted_to, &other.quoted_to),
        customer: text(&one.customer, &other.customer),
        product: text(&one.product, &other.product),
        quote_ref_prefix: text(&one.quote_ref_prefix, &other.quote_ref_prefix),
    })
}

/// Reads the pages of one dataset.
struct Reader<'a> {
    system: &'a System,
    dataset: String,
}

impl Reader<'_> {
    async fn page(
        &self,
        filter: &QuoteFilter,
        order: QuoteOrder,
        size: u32,
        token: &str,
    ) -> Result<ListQuotesResponse> {
        let request = ListQuotesRequest {
            dataset_id: self.dataset.clone(),
            page_size: size,
            page_token: token.to_owned(),
            filter: Some(filter.clone()),
            order: order.into(),
            include_personal: false,
        };
        let connection = &self.system.connection;
        let answer = connection
            .ingestion()
            .list_quotes(connection.request(request))
            .await?;
        Ok(answer.into_inner())
    }

    /// A quote from the middle of those that are decided last.
    async fn some_quote(&self) -> Result<Quote> {
        let won = QuoteFilter {
            outcome: Outcome::Won.into(),
            ..QuoteFilter::default()
        };
        let page = self
            .page(&won, QuoteOrder::Newest, LARGEST_PAGE, "")
            .await?;
        let middle = page.quotes.len() / 2;
        present(page.quotes.into_iter().nth(middle), "quotes")
    }

    /// The token of a page far behind the first, or of the last where there are not so many; empty
    /// where the first is the only one.
    async fn far_token(&self, filter: &QuoteFilter, order: QuoteOrder) -> Result<String> {
        let mut token = String::new();
        for _ in 0..PAGES_TURNED {
            let page = self.page(filter, order, LARGEST_PAGE, &token).await?;
            if page.next_page_token.is_empty() {
                break;
            }
            token = page.next_page_token;
        }
        Ok(token)
    }

    async fn time(
        &self,
        args: &QuotesBench,
        (name, filter): &Filter,
        (order, order_name): (QuoteOrder, &'static str),
        page: &'static str,
        token: &str,
    ) -> Result<PageTimes> {
        let mut times = Vec::new();
        let mut quotes = 0;
        for _ in 0..args.repetitions {
            let start = Instant::now();
            let answer = self.page(filter, order, args.page_size, token).await?;
            times.push(start.elapsed().as_secs_f64() * 1000.0);
            quotes = answer.quotes.len();
        }
        Ok(PageTimes {
            filter: name.clone(),
            order: order_name,
            page,
            quotes,
            p50_ms: quantile(times.clone(), 0.5),
            p99_ms: quantile(times, 0.99),
        })
    }
}
