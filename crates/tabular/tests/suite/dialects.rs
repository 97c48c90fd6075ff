//! Quote histories as people of many countries export them: every outcome, price and date that goes in
//! comes out, or is asked for, and then the true answer is among those that are offered.
//!
//! Not about files that are wrong, and not about the text of cells alone; that is in
//! `reading_dialects.rs`.
#![expect(clippy::unwrap_used, reason = "tests may panic")]

use chrono::{Datelike, Days, NaiveDate};
use proptest::prelude::*;
use tabular::{
    Decimal, LeftOutKind, Outcome, Question, ReadError, ReadOptions, Sheet, Stated, profile_stated,
    questions, read, suggest, validate,
};

use crate::common::rules;
use crate::reading_dialects::encode;

/// A quote as it went in.
#[derive(Debug, Clone)]
struct Quote {
    outcome: Outcome,
    cents: i64,
    date: NaiveDate,
}

/// How a country writes.
#[derive(Debug, Clone, Copy)]
struct Country {
    headers: [&'static str; 5],
    won: &'static str,
    lost: &'static str,
    open: &'static str,
    sum: &'static str,
    customers: [&'static str; 3],
}

const COUNTRIES: [Country; 5] = [
    Country {
        headers: [
            "Quote No",
            "Quote Date",
            "Customer",
            "Result",
            "Quote Amount",
        ],
        won: "Won",
        lost: "Lost",
        open: "Pending",
        sum: "Grand Total",
        customers: ["ACME", "Bolt & Co", "Total"],
    },
    Country {
        headers: [
            "Angebotsnr.",
            "Angebotsdatum",
            "Kunde",
            "Status",
            "Angebotssumme",
        ],
        won: "gewonnen",
        lost: "verloren",
        open: "offen",
        sum: "Summe:",
        customers: ["Müller", "Jäger", "Größe"],
    },
    Country {
        headers: [
            "N. devis",
            "Date du devis",
            "Client",
            "Statut",
            "Montant HT",
        ],
        won: "Gagné",
        lost: "Perdu",
        open: "En cours",
        sum: "Total général",
        customers: ["Hélène", "Bâtir", "Forêt"],
    },
    Country {
        headers: [
            "Numero oferta",
            "Fecha oferta",
            "Cliente",
            "Estado",
            "Importe",
        ],
        won: "Ganada",
        lost: "Perdida",
        open: "Abierta",
        sum: "Suma",
        customers: ["Núñez", "Peña", "García"],
    },
    Country {
        headers: ["Nr oferty", "Data oferty", "Klient", "Wynik", "Cena oferty"],
        won: "Wygrana",
        lost: "Przegrana",
        open: "W toku",
        sum: "Razem",
        customers: ["Zak", "Bud", "Dom"],
    },
];

/// Groups and decimal separator.
const NUMBERS: [(&str, &str); 8] = [
    ("", "."),
    (",", "."),
    ("", ","),
    (".", ","),
    (" ", ","),
    ("\u{a0}", ","),
    ("'", "."),
    ("indian", "."),
];

/// What stands around a price.
const AROUND: [(&str, &str); 5] = [("", ""), ("$", ""), ("", " EUR"), ("CHF ", ""), (" ", " ")];

/// How dates are written, and the order to state where asked.
const DATES: [(&str, &str); 9] = [
    ("%Y-%m-%d", "YMD"),
    ("%d.%m.%Y", "DMY"),
    ("%d/%m/%Y", "DMY"),
    ("%m/%d/%Y", "MDY"),
    ("%d-%m-%Y", "DMY"),
    ("%d.%m.%y", "DMY"),
    ("%d %B %Y", "DMY"),
    ("%Y%m%d", "YMD"),
    ("%Y-%m-%dT08:15:00Z", "YMD"),
];

#[derive(Debug, Clone)]
struct Dialect {
    country: usize,
    delimiter: char,
    newline: &'static str,
    encoding: &'static str,
    quote_all: bool,
    number: usize,
    places: usize,
    around: usize,
    date: usize,
    says_delimiter: bool,
    titles: usize,
    sum: bool,
    note: bool,
}

fn dialects() -> impl Strategy<Value = Dialect> {
    let text = (
        0..COUNTRIES.len(),
        prop::sample::select(vec![',', ';', '\t', '|']),
        prop::sample::select(vec!["\n", "\r\n", "\r"]),
        prop::sample::select(vec![
            "utf-8",
            "utf-8-bom",
            "utf-16le",
            "utf-16be",
            "windows-1252",
            "cp850",
        ]),
        any::<bool>(),
    );
    let values = (0..NUMBERS.len(), 0..3usize, 0..AROUND.len(), 0..DATES.len());
    let frame = (any::<bool>(), 0..3usize, any::<bool>(), any::<bool>());
    (text, values, frame).prop_map(|(text, values, frame)| Dialect {
        country: text.0,
        delimiter: text.1,
        newline: text.2,
        encoding: text.3,
        quote_all: text.4,
        // The code page of the tests has no space without a break.
        number: if text.3 == "cp850" && values.0 == 5 {
            4
        } else {
            values.0
        },
        places: values.1,
        around: values.2,
        date: values.3,
        says_delimiter: frame.0,
        titles: frame.1,
        sum: frame.2,
        note: frame.3,
    })
}

fn quotes() -> impl Strategy<Value = Vec<Quote>> {
    let quote = (0..5u8, 1..90_000_000i64, 0..1_200u64).prop_map(|(outcome, cents, day)| Quote {
        outcome: [
            Outcome::Won,
            Outcome::Won,
            Outcome::Lost,
            Outcome::Lost,
            Outcome::Open,
        ][usize::from(outcome)],
        cents,
        date: NaiveDate::from_ymd_opt(2021, 1, 1).unwrap() + Days::new(day),
    });
    prop::collection::vec(quote, 40..70)
}

impl Dialect {
    fn country(&self) -> Country {
        COUNTRIES[self.country]
    }

    /// Hundredths that the number of decimal places leaves.
    fn kept(&self, cents: i64) -> i64 {
        let unit = [100, 10, 1][self.places];
        (cents / unit).max(1) * unit
    }

    fn price(&self, cents: i64) -> String {
        let (group, decimal) = NUMBERS[self.number];
        let (whole, rest) = (cents / 100, cents % 100);
        let digits = whole.to_string();
        let mut grouped = String::new();
        for (at, digit) in digits.chars().enumerate() {
            let left = digits.len() - at;
            let gap = match group {
                "indian" => left == 3 || (left > 3 && left % 2 == 1),
                _ => left.is_multiple_of(3),
            };
            if at > 0 && gap {
                grouped.push_str(if group == "indian" { "," } else { group });
            }
            grouped.push(digit);
        }
        let fraction = match self.places {
            0 => String::new(),
            1 => format!("{decimal}{}", rest / 10),
            _ => format!("{decimal}{rest:02}"),
        };
        let (before, behind) = AROUND[self.around];
        format!("{before}{grouped}{fraction}{behind}")
    }

    fn line(&self, cells: &[String]) -> String {
        let cell = |text: &String| {
            if self.quote_all || text.contains([self.delimiter, '"', '\n', '\r']) {
                format!("\"{}\"", text.replace('"', "\"\""))
            } else {
                text.clone()
            }
        };
        let cells: Vec<String> = cells.iter().map(cell).collect();
        cells.join(&self.delimiter.to_string()) + self.newline
    }

    fn file(&self, quotes: &[Quote]) -> Vec<u8> {
        let country = self.country();
        let mut text = String::new();
        if self.says_delimiter {
            text.push_str(&format!("sep={}{}", self.delimiter, self.newline));
        }
        for title in ["Report of 2024", "made by sales"].iter().take(self.titles) {
            text.push_str(title);
            text.push_str(self.newline);
        }
        text.push_str(&self.line(&country.headers.map(str::to_owned)));
        for (at, quote) in quotes.iter().enumerate() {
            let outcome = match quote.outcome {
                Outcome::Won => country.won,
                Outcome::Lost => country.lost,
                Outcome::Open => country.open,
            };
            text.push_str(&self.line(&[
                format!("Q-{at:04}"),
                quote.date.format(DATES[self.date].0).to_string(),
                country.customers[at % 3].to_owned(),
                outcome.to_owned(),
                self.price(quote.cents),
            ]));
        }
        if self.sum {
            let sum = quotes.iter().map(|quote| quote.cents).sum();
            let mut cells = vec![String::new(); 5];
            country.sum.clone_into(&mut cells[0]);
            cells[4] = self.price(sum);
            text.push_str(&self.line(&cells));
        }
        if self.note {
            text.push_str(&format!("{0}Source: our CRM{0}", self.newline));
        }
        encode(&text, self.encoding)
    }

    /// The option that truly answers a question.
    fn answer(&self, question: &Question, stated: &mut Stated) -> Result<(), TestCaseError> {
        let (group, decimal) = NUMBERS[self.number];
        let truth = match question.rule {
            "date_order" => DATES[self.date].1.to_owned(),
            "number_format" if decimal == "," || group == "." => "comma".to_owned(),
            "number_format" => "point".to_owned(),
            other => {
                return Err(TestCaseError::fail(format!(
                    "{other} is asked: {question:?}"
                )));
            }
        };
        let option = format!("{}={truth}", question.column);
        let offered = question
            .answers
            .iter()
            .any(|answer| answer.contains(&option));
        prop_assert!(offered, "{option} is not offered: {question:?}");
        stated
            .formats
            .push(tabular::mapping::parse_format(&option).unwrap());
        Ok(())
    }
}

/// Reads a file; where its letters are in doubt, with the true encoding, which must be offered.
fn sheet_of(bytes: &[u8], dialect: &Dialect) -> Result<Sheet, TestCaseError> {
    match read(bytes, &ReadOptions::default()) {
        Ok(sheet) => Ok(sheet),
        Err(ReadError::AmbiguousEncoding { candidates }) => {
            let is_right = |candidate: &tabular::EncodingCandidate| {
                let options = ReadOptions {
                    encoding: Some(candidate.encoding.clone()),
                    ..ReadOptions::default()
                };
                let sheet = read(&bytes, &options).ok()?;
                let customers = dialect.country().customers;
                let mut rows = 0..sheet.row_count();
                rows.all(|row| sheet.cell(row, 2) == customers[row % 3])
                    .then_some(sheet)
            };
            let found = candidates.iter().find_map(is_right);
            found.ok_or_else(|| TestCaseError::fail(format!("{candidates:?}")))
        }
        Err(error) => Err(TestCaseError::fail(error.to_string())),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn histories_of_any_country_come_out_as_they_went_in_or_are_asked(
        dialect in dialects(),
        quotes in quotes(),
    ) {
        let quotes: Vec<Quote> = quotes
            .into_iter()
            .map(|quote| Quote { cents: dialect.kept(quote.cents), ..quote })
            .collect();
        prop_assume!([Outcome::Won, Outcome::Lost].iter().all(|wanted| {
            quotes.iter().filter(|quote| quote.outcome == *wanted).count() >= 10
        }));
        prop_assume!(quotes.iter().filter(|quote| quote.outcome != Outcome::Open).count() >= 30);
        let bytes = dialect.file(&quotes);
        let sheet = sheet_of(&bytes, &dialect)?;
        prop_assert_eq!(sheet.delimiter(), dialect.delimiter);
        prop_assert_eq!(&sheet.headers, &dialect.country().headers);
        prop_assert_eq!(sheet.row_count(), quotes.len());
        let told = |kind| sheet.left_out.iter().filter(|row| row.kind == kind).count();
        prop_assert_eq!(told(LeftOutKind::AboveHeader), dialect.titles);
        prop_assert_eq!(told(LeftOutKind::Sum), usize::from(dialect.sum));
        prop_assert_eq!(told(LeftOutKind::BelowTable), usize::from(dialect.note));

        let mut stated = Stated::default();
        let profiles = profile_stated(&sheet, &stated.formats);
        let (mapping, missing) = suggest(&sheet, &profiles, &stated);
        prop_assert_eq!(missing, []);
        for question in questions(&mapping, &profiles) {
            dialect.answer(&question, &mut stated)?;
        }
        let profiles = profile_stated(&sheet, &stated.formats);
        let (mapping, _) = suggest(&sheet, &profiles, &stated);
        prop_assert_eq!(questions(&mapping, &profiles), []);
        let result = validate(&sheet, &mapping, &profiles, &rules());
        prop_assert_eq!(&result.report.errors, &[]);
        let frame = result.frame.unwrap();
        let days: Vec<i32> = quotes.iter().map(|quote| {
            quote.date.num_days_from_ce() - NaiveDate::default().num_days_from_ce()
        }).collect();
        prop_assert_eq!(frame.dates.unwrap(), days);
        let prices: Vec<f64> = quotes.iter().map(|quote| quote.cents as f64 / 100.0).collect();
        prop_assert_eq!(frame.prices, prices);
        let outcomes: Vec<Outcome> = quotes.iter().map(|quote| quote.outcome).collect();
        prop_assert_eq!(frame.outcomes, outcomes);
        let price = profiles.iter().zip(&mapping.columns).find(|(_, column)| {
            column.field == tabular::Field::Price
        });
        // A separator that stands in every number is decided by it.
        if dialect.places == 2 && dialect.number >= 2 && NUMBERS[dialect.number].1 == "," {
            prop_assert_eq!(price.unwrap().0.format.number.decimal, Decimal::Comma);
        }
    }
}
