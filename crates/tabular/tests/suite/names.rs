//! What columns stand for: names in five languages, outcome words, questions and memory.
//!
//! Not about the reading of cells; see `meaning.rs`.
#![expect(clippy::unwrap_used, reason = "tests may panic")]

use tabular::mapping::{parse_format, parse_outcome_word};
use tabular::{
    DateOrder, Decimal, Field, Mapping, Outcome, Stated, StatedFormat, fingerprint, map,
    parse_outcome, profile, profile_stated, questions,
};

use crate::common::{mapped, sheet};

/// A file with a header, `;` between cells and forty rows made by a function.
fn table(header: &str, row: impl Fn(usize) -> String) -> String {
    let rows: String = (0..40).map(|i| row(i) + "\n").collect();
    format!("{header}\n{rows}")
}

fn field_of(mapping: &Mapping, name: &str) -> Field {
    mapping
        .columns
        .iter()
        .find(|c| c.name == name)
        .unwrap()
        .field
}

#[test]
fn exports_of_real_systems() {
    let row = |i: usize| {
        let outcome = if i.is_multiple_of(3) {
            "Closed Won"
        } else {
            "Closed Lost"
        };
        (outcome, 1000 + i * 37 % 501, 1 + i % 28, i % 5)
    };
    let expected = [
        Field::QuoteId,
        Field::Customer,
        Field::Outcome,
        Field::Price,
        Field::Date,
        Field::Owner,
        Field::Product,
        Field::Segment,
        Field::Currency,
        Field::Personal,
    ];
    for (name, header) in [
        (
            "salesforce",
            "Opportunity ID;Account Name;Stage;Amount;Created Date;Opportunity Owner;Product Name;Industry;CurrencyIsoCode;Contact Email",
        ),
        (
            "pipedrive",
            "Deal - ID;Deal - Organization;Deal - Status;Deal - Value;Deal - Deal created;Deal - Owner;Deal - Product;Deal - Segment;Deal - Currency of Value;Person - Email",
        ),
        (
            "german",
            "Ang.-Nr.;Kd.-Name;Ergebnis;Nettobetrag;Angelegt am;Sachbearbeiter;Artikelbezeichnung;Branche;Waehrung;E-Mail",
        ),
        (
            "french",
            "N° devis;Nom du client;Résultat;Montant HT;Date du devis;Commercial;Produit;Secteur d'activité;Devise;Courriel",
        ),
        (
            "spanish",
            "Nº oferta;Cliente;Resultado;Importe;Fecha oferta;Comercial;Artículo;Sector;Moneda;Correo electrónico",
        ),
        (
            "polish",
            "Nr oferty;Kontrahent;Wynik;Kwota netto;Data oferty;Handlowiec;Towar;Branża;Waluta;Adres e-mail",
        ),
        (
            "english",
            "quoteNo;Cust.;WonLost;UnitPrice;QuoteDate;sales_rep;SKU;CustomerGroup;Ccy;phone",
        ),
    ] {
        let text = table(header, |i| {
            let (outcome, price, day, k) = row(i);
            format!(
                "Q{i:04};Firm {k};{outcome};{price}.25;2024-01-{day:02};Rep {k};P{k};S{k};EUR;a{i}@b.example"
            )
        });
        let sheet = sheet(&text);
        let (_, mapping) = mapped(&sheet, &[], &[]);
        let found: Vec<Field> = mapping.columns.iter().map(|c| c.field).collect();
        assert_eq!(found, expected, "{name}: {:#?}", mapping.columns);
    }
}

#[test]
fn numeric_fields_by_name() {
    let text = table(
        "Outcome;Price (EUR);Date;Listenpreis;Stückkosten;Rabatt %;Qty;Gültig bis;Rev.;Country;Client Size",
        |i| {
            let outcome = if i.is_multiple_of(2) { "won" } else { "lost" };
            let k = i % 9;
            format!(
                "{outcome};{k}9.50;2024-01-{:02};{k}9.75;{k}1.5;{k} %;{k};2024-03-{:02};{};DE{};{}",
                1 + i % 28,
                1 + i % 28,
                i % 3,
                i % 4,
                i % 6
            )
        },
    );
    let sheet = sheet(&text);
    let (profiles, mapping) = mapped(&sheet, &[], &[]);
    for (name, field) in [
        ("Price (EUR)", Field::Price),
        ("Listenpreis", Field::ListPrice),
        ("Stückkosten", Field::Cost),
        ("Rabatt %", Field::Discount),
        ("Qty", Field::Quantity),
        ("Gültig bis", Field::ValidUntil),
        ("Rev.", Field::Revision),
        ("Country", Field::Region),
        ("Client Size", Field::Feature),
    ] {
        assert_eq!(field_of(&mapping, name), field, "{name}");
    }
    assert!(
        mapping.columns[1].reason.contains("EUR"),
        "{}",
        mapping.columns[1].reason
    );
    assert_eq!(questions(&mapping, &profiles), []);
}

#[test]
fn outcome_words_and_phrases() {
    for text in [
        "P.O. received",
        "Bestellung erhalten",
        "Auftrag gewonnen",
        "Closed - Won",
        "Gagné",
        "sí",
    ] {
        assert_eq!(parse_outcome(text), Some(true), "{text}");
    }
    for text in [
        "Closed - Lost to competitor",
        "Auftrag verloren",
        "nicht gewonnen",
        "refusé",
        "no decision",
        "falsch",
    ] {
        assert_eq!(parse_outcome(text), Some(false), "{text}");
    }
    for text in [
        "not yet won",
        "won or lost",
        "probably won",
        "in stock",
        "no decision yet",
        "lost and won",
    ] {
        assert_eq!(parse_outcome(text), None, "{text}");
    }
}

#[test]
fn unknown_outcome_words_are_asked() {
    let text = table("Status;Price;Date", |i| {
        let word = ["Won", "Lost", "Zurückgestellt", "open"][i % 4];
        format!("{word};{}.5;2024-01-{:02}", 10 + i, 1 + i % 28)
    });
    let sheet = sheet(&text);
    let (profiles, mapping) = mapped(&sheet, &[], &[]);
    assert_eq!(mapping.outcomes.read(" WON "), Some(Outcome::Won));
    assert_eq!(mapping.outcomes.read("open"), Some(Outcome::Open));
    assert_eq!(
        mapping.unknown_outcomes,
        [("Zurückgestellt".to_owned(), 10)]
    );
    let problem = mapping.outcome_problem().unwrap();
    assert_eq!(
        (problem.rule, problem.column.as_str()),
        ("outcome_words", "Status")
    );
    assert!(problem.message.contains("\"Zurückgestellt\" (10)"));
    let asked = questions(&mapping, &profiles);
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].answers[0], "--outcome \"Zurückgestellt=won\"");
    let stated = Stated {
        outcome_words: vec![
            ("zurückgestellt".to_owned(), Outcome::Lost),
            ("Lost".to_owned(), Outcome::Open),
        ],
        ..Stated::default()
    };
    let mapping = map(&sheet, &profiles, &stated).unwrap();
    assert_eq!(mapping.outcomes.read("ZURÜCKGESTELLT"), Some(Outcome::Lost));
    assert_eq!(mapping.outcomes.read("Lost"), Some(Outcome::Open));
    assert_eq!(mapping.outcome_problem(), None);
}

#[test]
fn a_column_named_lost_says_yes_to_lost() {
    for (header, won) in [("Lost?", "0"), ("IsWon", "1"), ("Verloren", "0")] {
        let text = table(&format!("{header};Price;Date"), |i| {
            format!("{};{}.5;2024-01-{:02}", i % 2, 10 + i, 1 + i % 28)
        });
        let (_, mapping) = mapped(&sheet(&text), &[], &[]);
        assert_eq!(mapping.outcomes.read(won), Some(Outcome::Won), "{header}");
        assert_eq!(mapping.outcomes.words.len(), 2);
    }
}

#[test]
fn undecided_formats_are_asked_with_examples() {
    let text = table("Outcome;Price;Date", |i| {
        let outcome = if i.is_multiple_of(2) { "won" } else { "lost" };
        format!(
            "{outcome};{}.{};{:02}/{:02}/2024",
            1 + i,
            100 + i,
            1 + i % 12,
            1 + i % 11
        )
    });
    let sheet = sheet(&text);
    let (profiles, mapping) = mapped(&sheet, &[], &[]);
    let asked = questions(&mapping, &profiles);
    let rules: Vec<_> = asked.iter().map(|q| q.rule).collect();
    assert_eq!(rules, ["number_format", "date_order"]);
    assert_eq!(
        asked[0].answers[0],
        "--format \"Price=point\" (\"1.100\" is 1.1)"
    );
    assert_eq!(
        asked[0].answers[1],
        "--format \"Price=comma\" (\"1.100\" is 1100)"
    );
    assert_eq!(
        asked[1].answers[1],
        "--format \"Date=MDY\" (\"12/01/2024\" is 2024-12-01)"
    );
    let stated = Stated {
        formats: vec![
            (
                "price".to_owned(),
                StatedFormat {
                    decimal: Some(Decimal::Comma),
                    ..StatedFormat::default()
                },
            ),
            (
                "DATE".to_owned(),
                StatedFormat {
                    date: Some(DateOrder::Mdy),
                    ..StatedFormat::default()
                },
            ),
        ],
        ..Stated::default()
    };
    let profiles = profile_stated(&sheet, &stated.formats);
    let mapping = map(&sheet, &profiles, &stated).unwrap();
    assert_eq!(questions(&mapping, &profiles), []);
    assert_eq!(profiles[1].min, "1100");
    assert_eq!(mapping.columns[2].date_order, Some(DateOrder::Mdy));
}

#[test]
fn options_are_read_as_they_are_offered() {
    let (header, format) = parse_format("Date=DMY").unwrap();
    assert_eq!(
        (header.as_str(), format.date),
        ("Date", Some(DateOrder::Dmy))
    );
    let (header, format) = parse_format("a=b = comma").unwrap();
    assert_eq!(
        (header.as_str(), format.decimal),
        ("a=b", Some(Decimal::Comma))
    );
    let (_, format) = parse_format("Competitor=present:N/A").unwrap();
    assert_eq!(format.present, ["N/A"]);
    for wrong in ["Date", "=DMY", "Date=", "Date=YDM", "Date=missing:"] {
        assert_eq!(parse_format(wrong), None, "{wrong}");
    }
    let word = parse_outcome_word("P.O. received=Won").unwrap();
    assert_eq!(word, ("P.O. received".to_owned(), Outcome::Won));
    assert_eq!(parse_outcome_word("x=maybe"), None);
}

#[test]
fn personal_data_is_found_by_name_and_form() {
    let text = table(
        "Outcome;Price;Date;Ansprechpartner;Info;Konto;Tel.;Mobile;Firma",
        |i| {
            let outcome = if i.is_multiple_of(2) { "won" } else { "lost" };
            format!(
                "{outcome};{}.5;2024-01-{:02};Person {i};p{i}@firm.example;DE89 3704 0044 0532 0130 {i:02};+49 30 1234{i:02};{};F{}",
                10 + i,
                1 + i % 28,
                ["yes", "no"][i % 2],
                i % 4
            )
        },
    );
    let (_, mapping) = mapped(&sheet(&text), &[], &[]);
    for name in ["Ansprechpartner", "Info", "Konto", "Tel."] {
        assert_eq!(field_of(&mapping, name), Field::Personal, "{name}");
    }
    assert_eq!(field_of(&mapping, "Mobile"), Field::Feature);
    assert_eq!(field_of(&mapping, "Firma"), Field::Customer);
}

#[test]
fn remembered_meanings_forgive_columns_that_are_gone() {
    let text = table("Outcome;Price;Date;x", |i| {
        let outcome = if i.is_multiple_of(2) { "won" } else { "lost" };
        format!("{outcome};{}.5;2024-01-{:02};{}", 10 + i, 1 + i % 28, i % 3)
    });
    let sheet = sheet(&text);
    let profiles = profile(&sheet);
    let mut stated = Stated {
        fields: vec![
            (Field::Quantity, "x".to_owned()),
            (Field::Cost, "gone".to_owned()),
        ],
        formats: vec![("gone".to_owned(), StatedFormat::default())],
        remembered: true,
        ..Stated::default()
    };
    let mapping = map(&sheet, &profiles, &stated).unwrap();
    assert_eq!(field_of(&mapping, "x"), Field::Quantity);
    assert_eq!(mapping.columns[3].reason, "as in your last import");
    stated.remembered = false;
    let rules: Vec<_> = map(&sheet, &profiles, &stated)
        .unwrap_err()
        .iter()
        .map(|p| p.rule)
        .collect();
    assert_eq!(rules, ["column_unknown", "column_unknown"]);
}

#[test]
fn fingerprints_ignore_case_space_and_order() {
    let of =
        |names: &[&str]| fingerprint(&names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>());
    assert_eq!(of(&["Price", "Quote  Date "]), of(&["quote date", "PRICE"]));
    assert_ne!(of(&["ab", "c"]), of(&["a", "bc"]));
    assert_eq!(of(&["a"]).len(), 64);
}
