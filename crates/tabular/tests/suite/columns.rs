//! Profiles and mappings: what columns hold and what they stand for.
//!
//! Not about the rules that rows must keep; see `rules.rs`.

use crate::common::{history, mapped, sheet, try_map};
use tabular::{ColumnKind, DateOrder, DateSource, Decimal, Field, Mapping, Profile, profile};

/// A sheet of one column besides a filler.
fn column(cells: &[&str]) -> Profile {
    let mut text = "filler\tcolumn\n".to_owned();
    for cell in cells {
        text.push_str(&format!("x\t{cell}\n"));
    }
    profile(&sheet(&text)).remove(1)
}

fn fields(mapping: &Mapping) -> Vec<(&str, Field)> {
    let pair = |c| -> (&str, Field) {
        let c: &tabular::ColumnMapping = c;
        (c.name.as_str(), c.field)
    };
    mapping.columns.iter().map(pair).collect()
}

#[test]
fn numbers_and_their_separator() {
    let point = column(&["1,234.50", "7", "", "-3.25"]);
    assert_eq!(
        (point.kind, point.format.number.decimal),
        (ColumnKind::Number, Decimal::Point)
    );
    assert_eq!(
        (point.missing, point.distinct, point.integers),
        (1, 3, false)
    );
    assert_eq!(
        (point.min.as_str(), point.max.as_str()),
        ("-3.25", "1234.5")
    );
    assert!((point.sum - 1238.25).abs() < 1e-9);
    let comma = column(&["1.234,50", "7", "0,578"]);
    assert_eq!(
        (comma.kind, comma.format.number.decimal),
        (ColumnKind::Number, Decimal::Comma)
    );
    assert!(!comma.number_ambiguous);
    let open = column(&["1.234", "2.345"]);
    assert!(open.number_ambiguous);
    assert_eq!(open.format.number.decimal, Decimal::Point);
}

#[test]
fn other_columns_settle_an_open_separator() {
    let profiles = profile(&sheet("a;b\n1,5;1.234\n2,75;2.345\n"));
    assert_eq!(profiles[1].format.number.decimal, Decimal::Comma);
    assert!((profiles[1].sum - 3579.0).abs() < 1e-9);
    assert!(!profiles[1].number_ambiguous);
    let plain = profile(&sheet("a;b\n1,5;10\n2,75;20\n"));
    assert_eq!(plain[1].format.number.decimal, Decimal::Comma);
}

#[test]
fn categories() {
    let codes = column(&["00123", "00456", "12345"]);
    assert_eq!(
        (codes.kind, codes.min.as_str()),
        (ColumnKind::Category, "00123")
    );
    let words = column(&[" None ", "Known", "NA", "None"]);
    assert_eq!(
        (words.kind, words.missing, words.distinct),
        (ColumnKind::Category, 1, 2)
    );
    let empty = column(&["", "NA"]);
    assert_eq!(
        (empty.missing, empty.distinct, empty.min.as_str()),
        (2, 0, "")
    );
}

#[test]
fn one_odd_cell_in_a_hundred_is_forgiven() {
    let mut cells = vec!["1"; 199];
    cells.push("odd");
    let most = column(&cells);
    assert_eq!((most.kind, most.unreadable), (ColumnKind::Number, 1));
    cells.extend(["odd"; 2]);
    assert_eq!(column(&cells).kind, ColumnKind::Category);
}

#[test]
fn dates_and_their_order() {
    for (cells, order, ambiguous) in [
        (["2024-01-02", "2024-03-04"], DateOrder::Ymd, false),
        (["13/01/2024", "01/02/2024"], DateOrder::Dmy, false),
        (["1/13/2024", "1/2/2024"], DateOrder::Mdy, false),
        (["01/02/2024", "03/04/2024"], DateOrder::Dmy, true),
        (["05.05.2024", "06.06.2024"], DateOrder::Dmy, false),
    ] {
        let found = column(&cells);
        assert_eq!(found.kind, ColumnKind::Date, "{cells:?}");
        assert_eq!(found.format.date, Some(order), "{cells:?}");
        assert_eq!(found.date_ambiguous, ambiguous, "{cells:?}");
    }
    let ends = column(&["1/13/2024", "1/2/2024"]);
    assert_eq!(
        (ends.min.as_str(), ends.max.as_str()),
        ("2024-01-02", "2024-01-13")
    );
}

#[test]
fn a_plain_history_needs_no_help() {
    let sheet = sheet(&history(40));
    let (_, mapping) = mapped(&sheet, &[], &[]);
    let expected = [
        ("quote_id", Field::QuoteId),
        ("outcome", Field::Outcome),
        ("price", Field::Price),
        ("date", Field::Date),
        ("region", Field::Region),
        ("cost", Field::Cost),
    ];
    assert_eq!(fields(&mapping), expected);
    assert_eq!(mapping.date, DateSource::Column(3));
    assert!(
        mapping
            .columns
            .iter()
            .all(|c| c.confidence <= 1.0 && !c.reason.is_empty())
    );
}

#[test]
fn names_of_five_languages() {
    for header in [
        "Angebotsnummer;Ergebnis;Angebotspreis;Angebotsdatum;Region;Selbstkosten",
        "N° devis;Résultat;Prix unitaire;Date du devis;Région;Coût",
        "Número de oferta;Resultado;Precio;Fecha;Zona;Coste",
        "Nr oferty;Wynik;Cena;Data;Region;Koszt",
        "BidNo;WinLoss;UnitPrice;BidDate;Region;UnitCost",
    ] {
        let mut text = format!("{header}\n");
        for (i, line) in history(40).lines().skip(1).enumerate() {
            let outcome = if i % 2 == 0 { ";ja;" } else { ";nein;" };
            let line = line.replace(',', ";");
            text.push_str(&line.replace(";won;", outcome).replace(";lost;", outcome));
            text.push('\n');
        }
        let sheet = sheet(&text);
        let (profiles, given) = (profile(&sheet), []);
        let mapping = try_map(&sheet, &profiles, &given, &[]);
        let mapping = mapping.unwrap_or_else(|problems| panic!("{header}: {problems:?}"));
        let fields: Vec<Field> = mapping.columns.iter().skip(1).map(|c| c.field).collect();
        let expected = [
            Field::Outcome,
            Field::Price,
            Field::Date,
            Field::Region,
            Field::Cost,
        ];
        assert_eq!(fields, expected, "{header}");
        assert!(!mapping.columns[0].field.is_learnt_from(), "{header}");
    }
}

#[test]
fn given_meanings_win() {
    let sheet = sheet(&history(40));
    let given = [
        (Field::Price, " COST "),
        (Field::Feature, "price"),
        (Field::Date, "@import"),
    ];
    let (_, mapping) = mapped(&sheet, &given, &["Region", "date"]);
    let expected = [
        Field::QuoteId,
        Field::Outcome,
        Field::Feature,
        Field::Ignored,
        Field::Ignored,
        Field::Price,
    ];
    let fields: Vec<Field> = mapping.columns.iter().map(|c| c.field).collect();
    assert_eq!(fields, expected);
    assert_eq!(mapping.date, DateSource::Import);
    assert_eq!(
        (
            mapping.columns[5].confidence,
            mapping.columns[5].reason.as_str()
        ),
        (1.0, "you said so")
    );
    let (_, ordered) = mapped(&sheet, &[(Field::Date, "date:ymd")], &[]);
    assert_eq!(ordered.columns[3].date_order, Some(DateOrder::Ymd));
}

#[test]
fn unknown_and_contradictory_names_are_explained() {
    let sheet = sheet(&history(40));
    let profiles = profile(&sheet);
    let problems = try_map(&sheet, &profiles, &[(Field::Price, "prize")], &["regoin"]).unwrap_err();
    let rules: Vec<_> = problems.iter().map(|p| p.rule).collect();
    assert_eq!(rules, ["column_unknown", "column_unknown"]);
    assert!(
        problems[0].suggestion.contains("--map price=\"price\""),
        "{:?}",
        problems[0]
    );
    assert!(
        problems[1].suggestion.contains("--ignore \"region\""),
        "{:?}",
        problems[1]
    );
    for (given, ignored) in [
        (
            vec![(Field::Price, "price"), (Field::Price, "cost")],
            vec![],
        ),
        (vec![(Field::Price, "price")], vec!["price"]),
        (
            vec![(Field::Date, "@import"), (Field::Date, "date")],
            vec![],
        ),
    ] {
        let problems = try_map(&sheet, &profiles, &given, &ignored).unwrap_err();
        assert_eq!(problems[0].rule, "mapping_conflict", "{given:?}");
    }
}

#[test]
fn missing_fields_come_with_candidates() {
    let text = history(40).replace("outcome,price,date", "a,b,c");
    let text = text
        .replace("won", "x")
        .replace("lost", "y")
        .replace("2023-", "0300-");
    let sheet = sheet(&text);
    let problems = try_map(&sheet, &profile(&sheet), &[], &[]).unwrap_err();
    let rules: Vec<_> = problems.iter().map(|p| p.rule).collect();
    assert_eq!(rules, ["outcome_mapped", "price_mapped", "date_mapped"]);
    assert!(problems[0].suggestion.contains("--map outcome=COLUMN"));
    assert!(
        problems[0].suggestion.contains("\"a\""),
        "{:?}",
        problems[0]
    );
    assert!(
        problems[1].suggestion.contains("\"b\""),
        "{:?}",
        problems[1]
    );
    assert!(
        problems[2].suggestion.contains("--map date=@import"),
        "{:?}",
        problems[2]
    );
}

#[test]
fn identifiers_never_become_features() {
    let mut text = "serial,customer key,status,flag,amount,date,note\n".to_owned();
    for i in 0..60 {
        let outcome = if i % 4 == 0 { "Won" } else { "Lost" };
        let amount = 1000 + (i * 7919) % 9000;
        text.push_str(&format!(
            "{},{},{outcome},{},{amount},2024-01-{:02},text {i}\n",
            i + 1,
            900 - i * 3,
            i % 2,
            1 + i % 28
        ));
    }
    let sheet = sheet(&text);
    let (_, mapping) = mapped(&sheet, &[], &[]);
    let expected = [
        ("serial", Field::Ignored),
        ("customer key", Field::Ignored),
        ("status", Field::Outcome),
        ("flag", Field::Feature),
        ("amount", Field::Price),
        ("date", Field::Date),
        ("note", Field::Ignored),
    ];
    assert_eq!(fields(&mapping), expected);
    assert!(
        mapping.columns[0]
            .reason
            .contains("different in almost every row")
    );
}

#[test]
fn tenders_are_found_as_groups() {
    let mut text = "project,bidder,result,bid_amount,let_date\n".to_owned();
    for i in 0..120 {
        let outcome = if i % 3 == 1 { "Won" } else { "Lost" };
        text.push_str(&format!(
            "P{},B{},{outcome},{},2024-01-{:02}\n",
            i / 3,
            i % 7,
            500 + i % 13,
            1 + i / 3 % 28
        ));
    }
    let (_, mapping) = mapped(&sheet(&text), &[], &[]);
    assert_eq!(mapping.columns[0].field, Field::Group);
    assert!(mapping.columns[0].reason.contains("one winner per value"));
    assert_eq!(mapping.columns[1].field, Field::Feature);
}

#[test]
fn field_names_round_trip() {
    for field in Field::ALL {
        assert_eq!(Field::parse(field.as_str()), Some(field));
    }
    assert_eq!(Field::parse("List-Price"), Some(Field::ListPrice));
    assert_eq!(Field::parse("prices"), None);
}
