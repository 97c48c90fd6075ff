//! What a preview says of a file.
//!
//! Not about what the store would do with it.
#![expect(clippy::unwrap_used, reason = "tests may panic")]

use proptest::prelude::*;
use tabular::preview::{Claim, ColumnPreview};
use tabular::{ColumnKind, Field, Preview, Tier, preview, validate};

use crate::common::{history, mapped, row, rules, sheet};

fn look(text: &str, given: &[(Field, &str)]) -> Preview {
    let sheet = sheet(text);
    let (profiles, mapping) = mapped(&sheet, given, &[]);
    let validated = validate(&sheet, &mapping, &profiles, &rules());
    preview(&sheet, &profiles, &mapping, &validated)
}

fn column<'a>(preview: &'a Preview, name: &str) -> &'a ColumnPreview {
    preview.columns.iter().find(|c| c.name == name).unwrap()
}

#[test]
fn a_column_at_a_glance() {
    let text = history(60) + "Q-9,open,1234.50,2023-12-30,,n.a.\n";
    let found = look(&text, &[]);
    assert_eq!(
        (found.row_count, found.accepted_rows, found.refused_rows),
        (61, 61, 0)
    );
    assert_eq!((found.won, found.lost, found.open), (20, 40, 1));
    let price = column(&found, "price");
    let expected: u32 = (0..60).map(|i| 100 + i * 7 % 50).sum();
    let sum = f64::from(expected) + 1234.5;
    assert_eq!(
        (price.kind, price.field),
        (ColumnKind::Number, Field::Price)
    );
    assert_eq!((price.sum, price.mean), (Some(sum), Some(sum / 61.0)));
    assert_eq!((price.min.as_str(), price.max.as_str()), ("100", "1234.5"));
    assert_eq!(
        (price.distinct, price.frequent[0].clone()),
        (51, ("100".to_owned(), 2))
    );
    assert_eq!(price.sparkline.len(), 24);
    let cost = column(&found, "cost");
    assert_eq!((cost.missing, cost.filled), (1, 60));
    assert!((cost.missing_share - 1.0 / 61.0).abs() < 1e-12);
    let region = column(&found, "region");
    assert_eq!((region.sum, region.mean), (None, None));
    assert_eq!(region.frequent.iter().map(|f| f.1).sum::<u32>(), 60);
    assert_eq!(region.sparkline.last().unwrap(), &Some(2.0 / 3.0));
    let first = &found.first_rows[0];
    assert_eq!((found.first_rows.len(), first.row), (20, 2));
    let cells: Vec<_> = first.cells.iter().map(|c| c.value.as_deref()).collect();
    let expected = ["Q-00000", "won", "100", "2023-01-01", "north", "50"];
    assert_eq!(cells, expected.map(Some));
}

#[test]
fn months_have_their_win_rates() {
    let found = look(&history(60), &[]);
    assert_eq!(found.months.len(), 12);
    let january = &found.months[0];
    assert_eq!(
        (january.year, january.month, january.won, january.lost),
        (2023, 1, 5, 0)
    );
    assert_eq!(january.win_rate(), Some(1.0));
    assert_eq!(look(&history(60), &[(Field::Date, "@import")]).months, []);
}

#[test]
fn a_refused_file_is_shown_all_the_same() {
    let text = history(60) + &row(60, "x", "2023-01-01");
    let found = look(&text, &[(Field::Price, "price")]);
    assert_eq!(
        (found.accepted_rows, found.refused_rows, found.won),
        (0, 61, 20)
    );
    let price = column(&found, "price");
    assert_eq!((price.unreadable, price.filled), (1, 61));
}

#[test]
fn personal_values_are_not_shown() {
    let found = look(&history(60), &[(Field::Personal, "region")]);
    let region = column(&found, "region");
    assert_eq!(
        (region.min.as_str(), region.frequent.len(), region.distinct),
        ("", 0, 3)
    );
    assert_eq!(found.first_rows[0].cells[4].raw, "");
}

#[test]
fn parts_of_the_file_stand_in_for_time() {
    let found = look(
        &history(48),
        &[(Field::Date, "@import"), (Field::Feature, "date")],
    );
    let line = &column(&found, "price").sparkline;
    assert_eq!(line.len(), 24);
    assert_eq!(line[0], Some(103.5));
}

#[test]
fn claims_grow_with_the_smaller_class() {
    for (won, lost, tier, needs, rows) in [
        (0, 500, Tier::Refused, 1, 1),
        (10, 10, Tier::Refused, 0, 10),
        (10, 500, Tier::Indicative, 5, 5),
        (40, 39, Tier::Indicative, 0, 1),
        (40, 40, Tier::Usable, 160, 320),
        (900, 199, Tier::Usable, 1, 1),
        (200, 200, Tier::Solid, 0, 0),
    ] {
        let claim = Claim::of(won, lost);
        let found = (claim.tier, claim.smaller_class_needs, claim.rows_needed);
        assert_eq!(found, (tier, needs, rows), "{won} {lost}");
        assert!(claim.reason.contains(&won.to_string()));
    }
}

#[test]
fn many_cents_add_up() {
    let mut text = "outcome,price,date\n".to_owned();
    let mut cents = 0i64;
    for i in 0..200_000i64 {
        let price = 1 + i * 7_919_777 % 99_999_999;
        cents += price;
        text.push_str(&format!(
            "{},{}.{:02},2023-01-0{}\n",
            if i % 2 == 0 { "won" } else { "lost" },
            price / 100,
            price % 100,
            1 + i % 9
        ));
    }
    let sum = column(&look(&text, &[]), "price").sum.unwrap();
    assert_eq!(
        format!("{sum:.2}"),
        format!("{}.{:02}", cents / 100, cents % 100)
    );
}

proptest! {
    #[test]
    fn sums_are_those_of_the_cents(cents in proptest::collection::vec(1..10_000_000_000i64, 40..120)) {
        let mut text = "outcome,price,date\n".to_owned();
        for (i, price) in cents.iter().enumerate() {
            let outcome = if i % 2 == 0 { "won" } else { "lost" };
            text.push_str(&format!("{outcome},{}.{:02},2023-01-01\n", price / 100, price % 100));
        }
        let found = look(&text, &[(Field::Price, "price"), (Field::Date, "date")]);
        let total: i64 = cents.iter().sum();
        prop_assert_eq!(column(&found, "price").sum, Some(total as f64 / 100.0));
    }
}
