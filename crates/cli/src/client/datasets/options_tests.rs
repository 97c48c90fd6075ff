//! Tests of the import's options and of the header that they become. Deliberately no file is read.

use clap::Parser;

use super::*;

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    args: ImportArgs,
}

fn parse(words: &[&str]) -> Result<ImportArgs, clap::Error> {
    let words = ["import", "dir/q.csv"]
        .into_iter()
        .chain(words.iter().copied());
    Line::try_parse_from(words).map(|line| line.args)
}

fn header(words: &[&str]) -> UploadHeader {
    let args = parse(words).unwrap_or_else(|error| panic!("{error}"));
    args.header().expect("nothing contradicts")
}

#[test]
fn mappings_name_a_field_and_a_column() {
    let found = mapping("list_price=List = Price").expect("is one");
    assert_eq!(found.field(), TargetField::ListPrice);
    assert_eq!(found.column, "List = Price");
    for field in FIELDS.replace(" or ", ", ").split(", ") {
        assert!(mapping(&format!("{field}=a")).is_ok(), "{field}");
    }
    for wrong in ["price", "price=", "unspecified=a", "=a", "derived=a", "x=a"] {
        assert!(mapping(wrong).is_err(), "{wrong}");
    }
    let hint = mapping("personal=Contact").expect_err("has an option of its own");
    assert!(hint.contains("--personal"), "{hint}");
}

/// What the help lists is what is taken.
#[test]
fn every_field_of_the_contract_is_offered_or_has_its_reason() {
    let offered: Vec<String> = FIELDS
        .replace(" or ", ", ")
        .split(", ")
        .map(str::to_owned)
        .collect();
    let hidden = [0, 11, 20, 21, 22];
    for number in 0..100 {
        let Ok(field) = TargetField::try_from(number) else {
            continue;
        };
        let name = field.as_str_name().trim_start_matches("TARGET_FIELD_");
        let is_offered = offered.contains(&name.to_ascii_lowercase());
        assert_eq!(is_offered, !hidden.contains(&number), "{name}");
    }
}

#[test]
fn what_is_said_about_a_column_is_gathered() {
    let header = header(&[
        "--format",
        "Quoted on=dmy",
        "--format",
        "Won (1=yes)=,",
        "--missing",
        "Quoted on=tbd",
        "--missing",
        "Quoted on=unknown",
        "--present",
        "Option=None",
    ]);
    let [date, number, option] = header.formats.as_slice() else {
        panic!("{:?}", header.formats);
    };
    assert_eq!(
        (date.column.as_str(), date.date_order.as_str()),
        ("Quoted on", "DMY")
    );
    assert_eq!(date.missing_words, ["tbd", "unknown"]);
    assert_eq!(
        (number.column.as_str(), number.decimal_separator.as_str()),
        ("Won (1=yes)", ",")
    );
    assert_eq!(option.present_words, ["None"]);
}

#[test]
fn contradictions_are_refused_and_repetitions_are_not() {
    let twice = parse(&["--format", "A=DMY", "--format", "A=MDY"]).expect("parses");
    let error = twice.header().expect_err("contradicts itself");
    assert_eq!(error.exit_code(), 2);
    assert!(error.to_string().contains("DMY"), "{error}");
    assert_eq!(
        header(&[
            "--format", "A=DMY", "--format", "A=DMY", "--format", "A=point"
        ])
        .formats
        .len(),
        1
    );
}

#[test]
fn words_of_the_outcome_keep_their_spelling() {
    let header = header(&["--outcome", "P.O. received=won", "--outcome", "a=b=Open"]);
    let words: Vec<_> = header
        .outcome_words
        .iter()
        .map(|word| (word.word.as_str(), word.outcome()))
        .collect();
    assert_eq!(
        words,
        [("P.O. received", Outcome::Won), ("a=b", Outcome::Open)]
    );
    assert!(parse(&["--outcome", "x=maybe"]).is_err());
}

#[test]
fn defaults_say_what_is_usual() {
    let header = header(&[]);
    assert_eq!(header.file_name, "q.csv");
    assert_eq!(header.mode(), ImportMode::Upsert);
    assert_eq!(header.blank_cells(), BlankCells::Keep);
    assert_eq!(header.errors_format(), ErrorsFormat::Unspecified);
    assert!(!header.dry_run && !header.forget_mapping && header.name.is_empty());
}

#[test]
fn the_rest_is_handed_on() {
    let header = header(&[
        "--into",
        "d1",
        "--mode",
        "insert-only",
        "--blank",
        "unknown",
        "--personal",
        "Contact",
        "--ignore",
        "Notes",
        "--sheet",
        "Q1",
        "--encoding",
        "cp850",
        "--leave-bad-rows-aside",
        "--allow-any-price",
        "--forget-mapping",
    ]);
    assert_eq!(header.dataset_id, "d1");
    assert_eq!(header.mode(), ImportMode::InsertOnly);
    assert_eq!(header.blank_cells(), BlankCells::Unknown);
    assert_eq!(header.personal_columns, ["Contact"]);
    assert_eq!(header.ignored_columns, ["Notes"]);
    assert_eq!(
        (header.sheet.as_str(), header.encoding.as_str()),
        ("Q1", "cp850")
    );
    assert!(header.leave_bad_rows_aside && header.allow_any_price && header.forget_mapping);
}

#[test]
fn an_errors_file_means_a_dry_run_of_its_format() {
    for (file, format) in [("e.csv", ErrorsFormat::Csv), ("e.XLSX", ErrorsFormat::Xlsx)] {
        let header = header(&["--errors-out", file]);
        assert!(header.dry_run);
        assert_eq!(header.errors_format(), format);
    }
    for wrong in [
        ["--errors-out", "e.txt"].as_slice(),
        &["--errors-out", "e.csv", "--wait"],
        &["--dry-run", "--wait"],
        &["--into", "d1", "--name", "n"],
        &["--format", "A=weekly"],
        &["--format", "A"],
        &["--mode", "replace"],
    ] {
        assert!(parse(wrong).is_err(), "{wrong:?}");
    }
}
