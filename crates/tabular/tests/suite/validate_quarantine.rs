//! Rows that break a rule: nothing is accepted without consent, the good rows with it.
//!
//! Not about single rules; those are in `rules.rs`.

use crate::common::{day, history, mapped, row, rules, sheet, total, with_decimals};
use proptest::prelude::*;
use tabular::validate::MANY_ZEROS;
use tabular::{Field, Outcome, Rules, Sheet, Validated, validate};

fn run(sheet: &Sheet, given: &[(Field, &str)], rules: &Rules) -> Validated {
    let (profiles, mapping) = mapped(sheet, given, &[]);
    validate(sheet, &mapping, &profiles, rules)
}

fn consenting() -> Rules {
    Rules {
        leave_bad_rows_aside: true,
        ..rules()
    }
}

const FIELDS: [(Field, &str); 3] = [
    (Field::Outcome, "outcome"),
    (Field::Price, "price"),
    (Field::Date, "date"),
];

#[test]
fn a_bad_row_is_listed_once_with_all_its_problems() {
    let text = format!("{}Q-9,maybe,-5,1950-01-01,north,1\n", history(300));
    let sheet = sheet(&text);
    let refused = run(&sheet, &FIELDS, &rules());
    assert_eq!(refused.frame, None);
    let result = run(&sheet, &FIELDS, &consenting());
    assert_eq!(result.frame.unwrap().len(), 300);
    assert_eq!((result.bad_rows.total(), result.bad_rows.kept()), (1, 1));
    let row = result.bad_rows.iter().next().unwrap();
    let problems = row.problems(&sheet);
    let found: Vec<_> = problems
        .iter()
        .map(|p| (p.rule, p.row, p.column.as_str(), p.value.as_str()))
        .collect();
    assert_eq!(
        found,
        [
            ("outcome_words", 302, "outcome", "maybe"),
            ("price_positive", 302, "price", "-5"),
            ("date_not_old", 302, "date", "1950-01-01"),
        ]
    );
    assert_eq!(result.report.errors, problems);
    let asked = &refused.report.errors;
    assert!(asked[0].suggestion.contains("--outcome \"maybe=won\""));
    assert!(asked[1].suggestion.contains("--allow-any-price"));
    assert!(
        asked
            .iter()
            .all(|p| p.suggestion.ends_with("--leave-bad-rows-aside"))
    );
}

#[test]
fn many_prices_of_zero_are_values_and_few_are_slips() {
    let with_zeros = |zeros: usize| {
        let rows = (0..zeros).map(|i| row(100 + i, "0", &day(i)));
        sheet(&(history(100) + &rows.collect::<String>()))
    };
    let few = run(&with_zeros(19), &FIELDS, &rules());
    assert_eq!((few.frame, few.report.bad_rows), (None, 19));
    let many = run(&with_zeros(20), &FIELDS, &rules());
    assert_eq!(
        (many.report.bad_rows, total(&many.report, "price_positive")),
        (0, 20)
    );
    assert_eq!(many.frame.unwrap().len(), 120);
    let mut below = history(100);
    for i in 0..30 {
        below.push_str(&row(100 + i, "-3", &day(i)));
    }
    assert_eq!(run(&sheet(&below), &FIELDS, &rules()).report.bad_rows, 30);
}

#[test]
fn a_price_that_can_be_read_twice_is_asked_for() {
    let mut text = history(0).replace("cost", "units");
    for i in 0..40 {
        text.push_str(&row(
            i,
            &format!("\"{}.{:03}\"", 1 + i % 9, 100 + i),
            &day(i),
        ));
    }
    let ambiguous = sheet(&text);
    let result = run(&ambiguous, &FIELDS, &rules());
    assert_eq!(result.frame, None);
    let problem = &result.report.errors[0];
    assert_eq!(
        (problem.rule, problem.column.as_str()),
        ("number_format", "price")
    );
    for answer in ["--format \"price=point\"", "--format \"price=comma\""] {
        assert!(
            problem.suggestion.contains(answer),
            "{}",
            problem.suggestion
        );
    }
    let stated = tabular::mapping::parse_format("price=comma").unwrap();
    let profiles = tabular::profile_stated(&ambiguous, &[stated]);
    let mapping = tabular::map(&ambiguous, &profiles, &tabular::Stated::default()).unwrap();
    let frame = validate(&ambiguous, &mapping, &profiles, &rules())
        .frame
        .unwrap();
    assert!((frame.prices[0] - 1100.0).abs() < 1e-9);
}

#[test]
fn what_ails_the_whole_file_blocks_even_with_consent() {
    let mut text = history(60);
    for i in 0..40 {
        text.push_str(&row(60 + i, "100", &day(i)).replace(",won,", ",maybe,"));
    }
    let few_unknown = run(&sheet(&text), &FIELDS, &consenting());
    assert!(few_unknown.frame.is_some());
    let text = text.replace("won", "perhaps");
    let unknown = run(&sheet(&text), &FIELDS, &consenting());
    assert_eq!(unknown.frame, None);
    assert_eq!(unknown.report.errors[0].row, 0);
    let unread = unknown.report.bad_rows;
    assert_eq!(total(&unknown.report, "outcome_words"), u64::from(unread));
}

#[test]
fn fixes_are_proposed() {
    let cases = [
        ("price", "\"1.234,5\"", Some("1234.5")),
        ("price", "1O0", Some("100")),
        ("price", "1200 pcs", Some("1200")),
        ("price", "abc", None),
        ("date", "31/13/2024", None),
        ("date", "2023-05-06 (about)", Some("2023-05-06")),
        ("date", "2023-02-29", None),
        ("outcome", "wonn", Some("won")),
        ("outcome", "lostt", Some("lost")),
        ("outcome", "banana", None),
        ("price", "12\u{1}", Some("12")),
    ];
    for (column, cell, fix) in cases {
        let good = "Q-1,won,100.5,2023-01-01,north,1\n";
        let bad = match column {
            "price" => good.replace("100.5", cell),
            "date" => good.replace("2023-01-01", cell),
            _ => good.replace("won", cell),
        };
        let sheet = sheet(&format!("{}{bad}", with_decimals(300)));
        let report = run(&sheet, &FIELDS, &rules()).report;
        let problem = report.errors.iter().find(|p| p.column == column);
        let problem = problem.unwrap_or_else(|| panic!("{column} {cell}: {report:?}"));
        assert_eq!(problem.fix.as_deref(), fix, "{column} {cell}");
    }
}

#[test]
fn stated_words_decide() {
    let text = history(60)
        .replace("won", "PO received")
        .replace("lost", "2");
    let sheet = sheet(&text);
    let (profiles, mut mapping) = mapped(&sheet, &FIELDS, &[]);
    let words = [
        ("po received", Outcome::Won),
        ("2 ", Outcome::Lost),
        ("later", Outcome::Open),
    ];
    mapping.outcomes.words = words
        .map(|(word, outcome)| (word.to_owned(), outcome))
        .into();
    let frame = validate(&sheet, &mapping, &profiles, &rules())
        .frame
        .unwrap();
    assert_eq!((frame.won(), frame.lost(), frame.open()), (20, 40, 0));
}

#[test]
fn any_price_may_be_allowed() {
    let text = history(40) + &row(40, "0", &day(1)) + &row(41, "(5.50)", &day(2));
    let allowed = Rules {
        allow_any_price: true,
        joins_history: false,
        ..rules()
    };
    let frame = run(&sheet(&text), &FIELDS, &allowed).frame.unwrap();
    assert!(frame.prices[40] == 0.0 && frame.prices[41] == -5.5);
    let text = text + &row(42, "1e200", &day(1));
    let beyond = run(&sheet(&text), &FIELDS, &allowed);
    assert_eq!(
        (beyond.frame, total(&beyond.report, "price_range")),
        (None, 1)
    );
}

#[test]
fn one_identifier_is_one_quote() {
    let twice = history(40) + "Q-00007,won,1,2023-01-01,north,1\n";
    // What only might name quotes does not, as it cannot tell the two apart; where it surely does, or
    // is said to, the later row is wrong.
    let deals = twice.replacen("quote_id", "deal_id", 1);
    let guessed = run(&sheet(&deals), &[], &rules());
    assert_eq!(total(&guessed.report, "quote_id_shared"), 1);
    assert!(
        guessed.report.warnings[0]
            .message
            .contains("--map quote_id=\"deal_id\"")
    );
    let frame = guessed.frame.unwrap();
    assert_eq!((frame.len(), frame.quote_id_column), (41, None));
    let named = run(&sheet(&twice), &[], &rules());
    assert_eq!(total(&named.report, "quote_id_unique"), 1);
    let result = run(&sheet(&twice), &[(Field::QuoteId, "quote_id")], &rules());
    assert_eq!(result.frame, None);
    let problem = &result.report.errors[0];
    assert!(problem.suggestion.ends_with("--leave-bad-rows-aside"));
    assert_eq!((problem.rule, problem.row), ("quote_id_unique", 42));
    assert!(problem.message.contains("row 9"), "{}", problem.message);

    let again = history(40) + &row(7, "149", &day(7));
    let result = run(&sheet(&again), &[], &rules());
    assert_eq!(result.frame.unwrap().len(), 40);
    let report = &result.report;
    assert_eq!((report.repeated_rows, report.left_out_rows), (1, 1));
    assert_eq!(total(report, "row_repeated"), 1);

    let nameless = sheet(&again);
    let (profiles, mapping) = mapped(&nameless, &FIELDS, &["quote_id"]);
    let result = validate(&nameless, &mapping, &profiles, &rules());
    assert_eq!(
        (result.frame.unwrap().len(), result.report.left_out_rows),
        (41, 0)
    );
}

#[test]
fn revisions_tell_rows_of_one_quote_apart() {
    let text = history(40).replace("cost\n", "rev\n");
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for (i, line) in lines.iter_mut().enumerate().skip(1) {
        let cells = line.rsplit_once(',').unwrap().0;
        *line = format!("{cells},{}", ["1", "v2", "", "C"][i % 4]);
    }
    lines.push("Q-00000,won,5,2023-01-01,north,Rev. 3".to_owned());
    let given = [(Field::Revision, "rev"), (Field::QuoteId, "quote_id")];
    let good = sheet(&lines.join("\n"));
    let frame = run(&good, &given, &rules()).frame.unwrap();
    assert_eq!(frame.revisions.as_ref().unwrap()[..4], [2, 0, 3, 1]);
    assert_eq!(
        (frame.revision(40), frame.quote_id(&good, 40)),
        (3, Some("Q-00000"))
    );
    lines.push("Q-00000,won,6,2023-01-01,north,3".to_owned());
    lines.push("Q-1,won,6,2023-01-01,north,latest".to_owned());
    let report = run(&sheet(&lines.join("\n")), &given, &rules()).report;
    let found: Vec<_> = report.errors.iter().map(|p| (p.rule, p.row)).collect();
    assert_eq!(found, [("revision_number", 44), ("quote_id_unique", 43)]);
}

#[test]
fn personal_columns_are_named_but_not_read() {
    let sheet = sheet(&history(40));
    let given = [(Field::Personal, "region")];
    let frame = run(&sheet, &given, &rules()).frame.unwrap();
    assert_eq!(frame.personal, [4]);
    assert!(frame.columns.iter().all(|column| column.name != "region"));
    assert!(
        frame
            .record(&sheet, 0)
            .all(|(header, _)| header != "region")
    );
    assert_eq!(frame.record(&sheet, 0).count(), 5);
}

#[test]
fn fields_are_found_by_name() {
    let sheet = sheet(&history(40));
    let given = [(Field::Customer, "region")];
    let frame = run(&sheet, &given, &rules()).frame.unwrap();
    assert_eq!(frame.text(4, Field::Customer), Some("None"));
    assert_eq!(frame.number(3, Field::Cost), Some(53.0));
    assert_eq!(frame.day(0, Field::Date), Some(19_358));
    assert_eq!(frame.text(4, Field::Product), None);
    assert_eq!(frame.column_of(Field::Customer).unwrap().column, 4);
}

#[test]
fn a_quote_that_ends_before_it_begins_is_mentioned() {
    let mut text = history(40).replace("cost\n", "valid until\n");
    for i in 50..62 {
        text = text.replace(&format!(",{i}\n"), ",2023-12-31\n");
    }
    let text = text.replacen("2023-12-31", "2022-12-31", 1);
    let given = [(Field::ValidUntil, "valid until")];
    let result = run(&sheet(&text), &given, &rules());
    assert_eq!(total(&result.report, "valid_until_order"), 1);
    assert!(result.frame.is_some());
}

fn cells() -> impl Strategy<Value = Vec<(usize, usize, usize)>> {
    proptest::collection::vec((0..8usize, 0..8usize, 0..8usize), 0..60)
}

proptest! {
    #[test]
    fn every_row_is_accepted_or_listed(odd in cells(), gaps in 0..3usize, consent: bool) {
        // More would be values of the column.
        prop_assume!(odd.iter().filter(|(_, price, _)| *price == 6).count() < MANY_ZEROS);
        let mut text = history(50);
        for (i, (outcome, price, date)) in odd.iter().enumerate() {
            let outcome = ["won", "lost", "open", "won", "", "hm", "won", "lost"][*outcome];
            let price = ["1", "2.5", "3", "x", "", "-1", "0", "1e99"][*price];
            let date = ["2023-01-01", "2023-02-30", "", "1980-01-01", "2099-01-01",
                "2023-05-05", "2023-06-06", "2023-07-07"][*date];
            let tail = if i % 9 == 8 { ",more,cells" } else { "" };
            text.push_str(&format!("Z-{},{outcome},{price},{date},north,1{tail}\n", i / 2));
            text.push_str(&",,,,,\n".repeat(gaps));
        }
        let sheet = sheet(&text);
        let rules = Rules { leave_bad_rows_aside: consent, ..rules() };
        let stated = [FIELDS.as_slice(), &[(Field::QuoteId, "quote_id")]].concat();
        let result = run(&sheet, &stated, &rules);
        let report = &result.report;
        prop_assert_eq!(sheet.row_count() + sheet.empty_rows as usize, 50 + odd.len() * (1 + gaps));
        let listed: u64 = result.bad_rows.iter().map(|row| row.findings().count() as u64).sum();
        let wide = report.errors.iter().filter(|p| p.row == 0).count() as u64;
        let warned: u64 = ["outcome_open", "row_repeated", "cell_unreadable", "leak_suspected",
            "leak_possible", "number_format"].iter().map(|rule| total(report, rule)).sum();
        let counted: u64 = report.totals.iter().map(|(_, count)| count).sum();
        // The word problem of the whole file stands for problems that are counted by row.
        let stands_for = report.errors.iter().any(|p| p.row == 0 && p.rule == "outcome_words");
        prop_assert_eq!(counted, listed + wide - u64::from(stands_for) + warned);
        prop_assert_eq!(result.bad_rows.total(), u64::from(report.bad_rows));
        let mut rows: Vec<usize> = result.bad_rows.iter().map(|row| row.index).collect();
        rows.dedup();
        prop_assert_eq!(rows.len() as u64, result.bad_rows.total());
        match result.frame {
            None => prop_assert!(wide > 0 || (!consent && !report.errors.is_empty())),
            Some(frame) => {
                prop_assert!(consent || report.errors.is_empty());
                prop_assert_eq!(wide, 0);
                let all = frame.len() + rows.len() + report.left_out_rows as usize;
                prop_assert_eq!(all, sheet.row_count());
                prop_assert!(frame.prices.iter().all(|price| *price > 0.0 && *price < 1e17));
                let days = frame.dates.as_ref().unwrap();
                prop_assert!(days.iter().all(|day| (7_305..=20_271).contains(day)));
                for at in 0..frame.len() {
                    let word = sheet.cell(frame.sheet_row(&sheet, at).unwrap(), 1);
                    let said = match frame.outcomes[at] {
                        Outcome::Won => "won",
                        Outcome::Lost => "lost",
                        Outcome::Open => "open",
                    };
                    prop_assert_eq!(word, said);
                }
            }
        }
    }
}
