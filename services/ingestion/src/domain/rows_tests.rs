//! What goes over the wire to Postgres, field by field.

use platform::config::Key;
use tabular::{Field, ReadOptions, Stated};

use super::*;
use crate::domain::{inspect, plan, reading::Reading};

const FILE: &str = "Quote,Outcome,Price,Date,Customer,E-mail,Note\n";

/// 60 quotes of two customers with a personal column.
fn content() -> FileContent {
    let mut text = FILE.to_owned();
    for row in 0..60 {
        text.push_str(&format!(
            "Q{row},{},{}.5,2024-01-{:02},{},a{row}@example.com,\"say \"\"{row}\"\"\"\n",
            ["won", "lost", "open"][row % 3],
            row + 1,
            row % 28 + 1,
            ["ACME", "Bolt"][row % 2],
        ));
    }
    let fields = [
        (Field::QuoteId, "Quote"),
        (Field::Customer, "Customer"),
        (Field::Personal, "E-mail"),
        (Field::Feature, "Note"),
    ];
    let stated = Stated {
        fields: fields
            .map(|(field, name)| (field, name.to_owned()))
            .to_vec(),
        ..Stated::default()
    };
    let sheet = tabular::read(&text.as_bytes(), &ReadOptions::default()).unwrap();
    let today = NaiveDate::from_ymd_opt(2025, 1, 1).unwrap();
    let inspection = inspect::inspect(sheet, &stated, &Reading::default(), false, today);
    let told = crate::domain::report::of(&inspection);
    let content = inspection.into_content();
    content.unwrap_or_else(|| panic!("{:?}", told.problems)).0
}

fn planned(content: &FileContent) -> Plan {
    let keys = (0..content.frame.len()).map(|row| (content.quote_ref(row), 0));
    plan::plan(keys, &plan::Known::new(), Default::default(), |_| [0; 16])
}

/// The fields of every row of a binary COPY.
fn fields(copy: &[u8]) -> Vec<Vec<Option<Vec<u8>>>> {
    let mut rest = copy.strip_prefix(SIGNATURE).unwrap().get(8..).unwrap();
    let mut take = |count: usize| {
        let (front, behind) = rest.split_at(count);
        rest = behind;
        front.to_vec()
    };
    let mut rows = Vec::new();
    loop {
        let count = i16::from_be_bytes(take(2).try_into().unwrap());
        if count == -1 {
            return rows;
        }
        let row = (0..count).map(|_| {
            let length = i32::from_be_bytes(take(4).try_into().unwrap());
            usize::try_from(length).ok().map(&mut take)
        });
        rows.push(row.collect());
    }
}

fn written(content: &FileContent, key: &Key, plan: &Plan) -> Vec<Portion> {
    let history = History::build((0..content.frame.len()).map(|row| content.facts(row)));
    let storing = Storing {
        tenant: Uuid::nil(),
        key,
        uploaded_on: NaiveDate::default(),
        plan,
        history: Some(&history),
    };
    let mut portions = Vec::new();
    write_portions(content, &storing, |portion| {
        portions.push(portion);
        true
    })
    .unwrap();
    portions
}

fn text_of(field: &Option<Vec<u8>>) -> String {
    String::from_utf8(field.clone().unwrap()).unwrap()
}

fn json_of(field: &Option<Vec<u8>>) -> serde_json::Value {
    serde_json::from_slice(&field.as_ref().unwrap()[1..]).unwrap()
}

#[test]
fn every_field_is_written_in_the_order_of_the_staging_table() {
    let (content, key) = (content(), Key::generate());
    let plan = planned(&content);
    let portions = written(&content, &key, &plan);
    let [portion] = portions.as_slice() else {
        panic!("one portion");
    };
    let rows = fields(&portion.copy);
    assert_eq!((rows.len(), portion.rows), (60, 60));
    let row = &rows[1];
    let days = i32::from_be_bytes(row[0].clone().unwrap().try_into().unwrap());
    assert_eq!(
        days,
        day_number(NaiveDate::from_ymd_opt(2024, 1, 2).unwrap()) - POSTGRES_EPOCH
    );
    assert_eq!(
        row[2].as_deref(),
        Some(&3_i32.to_be_bytes()[..]),
        "row of the file"
    );
    assert_eq!(row[3].as_deref(), Some(&[0][..]), "lost");
    assert_eq!(rows[2][3], None, "open");
    assert_eq!(row[4].as_deref(), Some(&250_i64.to_be_bytes()[..]));
    assert_eq!(text_of(&row[5]), "Q1");
    assert_eq!(text_of(&row[10]), "Bolt");
    assert_eq!(row[19].as_deref(), Some(&[1][..]), "counts");
    let raw = json_of(&row[20]);
    assert_eq!(raw["Note"], "say \"1\"");
    assert!(
        raw.get("E-mail").is_none(),
        "personal cells are not in clear"
    );
    let derived = json_of(&row[21]);
    assert_eq!(derived["Price"], 2.5);
    assert_eq!(derived["Date"], "2024-01-02");
    assert!(derived["derived.log_price"].is_f64());
}

#[test]
fn personal_columns_open_with_the_key_and_the_row_only() {
    let (content, key) = (content(), Key::generate());
    let rows = fields(&written(&content, &key, &planned(&content))[0].copy);
    let id = Uuid::from_slice(rows[3][1].as_ref().unwrap()).unwrap();
    let sealed = rows[3][18].as_ref().unwrap();
    let context = personal_context(Uuid::nil(), id);
    let plain = crypto::open(&key, &context, sealed, "x").unwrap();
    let cells: serde_json::Value = serde_json::from_slice(&plain).unwrap();
    assert_eq!(cells["E-mail"], "a3@example.com");
    let other = Uuid::from_slice(rows[4][1].as_ref().unwrap()).unwrap();
    let context = personal_context(Uuid::nil(), other);
    assert!(crypto::open(&key, &context, sealed, "x").is_err());
}

#[test]
fn what_the_plan_leaves_out_is_not_written() {
    let content = content();
    let mut plan = planned(&content);
    plan.actions[0] = Action::Unchanged;
    plan.actions[1] = Action::Skip;
    plan.actions[2] = Action::Write { is_current: false };
    let rows = fields(&written(&content, &Key::generate(), &plan)[0].copy);
    assert_eq!(rows.len(), 58);
    assert_eq!(rows[0][19].as_deref(), Some(&[0][..]));
}

#[test]
fn rows_that_say_the_same_have_the_same_fingerprint() {
    let (one, other) = (content(), content());
    let of = |content: &FileContent, row| fingerprint(content, row).unwrap();
    assert_eq!(of(&one, 5), of(&other, 5));
    assert_ne!(of(&one, 5), of(&one, 6));
}

#[test]
fn amounts_are_stored_in_hundredths_where_they_fit() {
    assert_eq!(minor(12.345), Some(1235));
    assert_eq!(minor(-0.004), Some(0));
    assert_eq!(minor(1e300), None);
    assert_eq!(minor(f64::NAN), None);
}

#[test]
fn years_without_gaps_become_one_run() {
    let mut content = content();
    let day = |year| day_number(NaiveDate::from_ymd_opt(year, 5, 5).unwrap());
    let years = [1980, 1999, 2001, 2000, 2010, 2150];
    let days = (0..60).map(|row| day(years[row % years.len()])).collect();
    content.frame.dates = Some(days);
    let runs = year_runs(&content.frame, NaiveDate::default());
    assert_eq!(runs, [1999..=2001, 2010..=2010]);
    content.frame.dates = None;
    let today = NaiveDate::from_ymd_opt(2026, 1, 1).unwrap();
    assert_eq!(year_runs(&content.frame, today), [2026..=2026]);
}
