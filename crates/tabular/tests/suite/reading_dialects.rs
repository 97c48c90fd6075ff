//! Text in many dialects: what goes in comes out, or is asked.
//!
//! Not about what cells mean.
#![expect(clippy::unwrap_used, reason = "tests may panic")]

use proptest::prelude::*;
use tabular::{ReadError, ReadOptions, Sheet, read};

use crate::reading_files::{gzip, zip};

/// The upper half of code page 850, as far as the tests use it.
const CP850: [(char, u8); 17] = [
    ('ä', 0x84),
    ('ö', 0x94),
    ('ü', 0x81),
    ('ß', 0xE1),
    ('é', 0x82),
    ('è', 0x8A),
    ('ê', 0x88),
    ('à', 0x85),
    ('ç', 0x87),
    ('ñ', 0xA4),
    ('á', 0xA0),
    ('í', 0xA1),
    ('ó', 0xA2),
    ('ú', 0xA3),
    ('Ä', 0x8E),
    ('Ö', 0x99),
    ('Ü', 0x9A),
];

pub fn encode(text: &str, encoding: &str) -> Vec<u8> {
    let wide = |swap: bool| {
        let mark = std::iter::once(0xFEFF);
        let order = |unit: u16| {
            if swap {
                unit.to_be_bytes()
            } else {
                unit.to_le_bytes()
            }
        };
        mark.chain(text.encode_utf16()).flat_map(order).collect()
    };
    match encoding {
        "utf-8-bom" => [b"\xEF\xBB\xBF", text.as_bytes()].concat(),
        "utf-16le" => wide(false),
        "utf-16be" => wide(true),
        "cp850" => text
            .chars()
            .map(|c| match CP850.iter().find(|(known, _)| *known == c) {
                Some((_, byte)) => *byte,
                None => u8::try_from(c).unwrap(),
            })
            .collect(),
        label => {
            let encoding = encoding_rs::Encoding::for_label(label.as_bytes()).unwrap();
            let (bytes, _, lost) = encoding.encode(text);
            assert!(!lost, "{text}");
            bytes.into_owned()
        }
    }
}

fn read_plain(bytes: &[u8]) -> Result<Sheet, ReadError> {
    read(&bytes, &ReadOptions::default())
}

#[test]
fn encodings_are_found_and_stated() {
    let german = "Kunde;Ort\nMüller;Größenhain\nJäger;Übersee\nKöhler;Gütersloh\n";
    let polish = "Klient;Miasto\nŁukasz Wiśniewski;Łódź\nJędrzej Żak;Gdańsk\nMałgorzata;Poznań\n";
    let czech = "Firma;Město\nDvořák;Příbram\nNěmcová;Plzeň\nŠťastný;Kroměříž\nČerný;Břeclav\nKučera;Děčín\nŽižka;Třebíč\nŘehoř;Jičín\nHavlíček;Chrudim\nJirků;Kolín\nKříž;Vyškov\nNovotný;Zlín\nBureš;Tábor\n";
    let russian = "Клиент;Город\nИванов;Москва\nПетров;Казань\n";
    for (text, encoding, name) in [
        (german, "utf-8", "UTF-8"),
        (german, "utf-8-bom", "UTF-8"),
        (german, "utf-16le", "UTF-16LE"),
        (german, "utf-16be", "UTF-16BE"),
        (german, "windows-1252", "windows-1252"),
        (german, "cp850", "cp850"),
        (polish, "windows-1250", "windows-1250"),
        (polish, "iso-8859-2", "ISO-8859-2"),
        (czech, "windows-1250", "windows-1250"),
        (russian, "windows-1251", "windows-1251"),
    ] {
        let sheet = read_plain(&encode(text, encoding))
            .map_err(|e| format!("{name}: {e}"))
            .unwrap();
        assert_eq!(sheet.origin.encoding, name, "{text}");
        let expected = read_plain(text.as_bytes()).unwrap();
        assert_eq!(
            (sheet.headers, sheet.columns),
            (expected.headers, expected.columns),
            "{name}"
        );
    }
}

#[test]
fn doubtful_letters_are_asked_and_can_be_stated() {
    // One letter that is frequent in the West and in the East, and nothing else to go by.
    let bytes = encode("name;price\nHélène;1\n", "windows-1252");
    let error = read_plain(&bytes).unwrap_err();
    let ReadError::AmbiguousEncoding { candidates } = &error else {
        panic!("{error}");
    };
    let examples: Vec<&str> = candidates.iter().map(|c| c.example.as_str()).collect();
    assert!(
        examples.contains(&"Hélène") && examples.contains(&"Hélčne"),
        "{examples:?}"
    );
    assert!(error.to_string().contains("--encoding"));
    for candidate in candidates {
        let options = ReadOptions {
            encoding: Some(candidate.encoding.clone()),
            ..ReadOptions::default()
        };
        let sheet = read(&bytes, &options).unwrap();
        assert_eq!(sheet.cell(0, 0), candidate.example);
        assert!(sheet.origin.encoding_sure);
    }
    let options = ReadOptions {
        encoding: Some("klingon".to_owned()),
        ..ReadOptions::default()
    };
    assert!(matches!(
        read(&bytes, &options),
        Err(ReadError::UnknownEncoding { .. })
    ));
    let options = ReadOptions {
        encoding: Some("utf-8".to_owned()),
        ..ReadOptions::default()
    };
    assert!(matches!(
        read(&bytes, &options),
        Err(ReadError::BrokenEncoding { position: 12, .. })
    ));
}

#[test]
fn a_quote_never_closed_is_found_across_blocks() {
    let mut text = "a,b\n".to_owned();
    for row in 0..40_000 {
        text.push_str(&format!("{row},x\n"));
    }
    let rows = read_plain(text.as_bytes()).unwrap();
    assert_eq!(
        (rows.row_count(), rows.row_numbers.last()),
        (40_000, Some(&40_001))
    );
    text.push_str("\"7,x\n");
    let error = read_plain(text.as_bytes()).unwrap_err();
    assert_eq!(error, ReadError::UnclosedQuote { row: 40_002 });
}

const WORDS: [&str; 12] = [
    "Müller",
    "Größe",
    "Jäger",
    "Köhler",
    "Übersee",
    "plain",
    "x y",
    "17",
    "a\"b",
    "two\nlines",
    "semi;colon,comma",
    "pipe|tab\tend",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn what_goes_in_comes_out_or_is_asked(
        rows in proptest::collection::vec(proptest::collection::vec(0..WORDS.len(), 3), 1..12),
        delimiter in prop::sample::select(vec![',', ';', '\t', '|']),
        newline in prop::sample::select(vec!["\n", "\r\n", "\r"]),
        encoding in prop::sample::select(vec![
            "utf-8", "utf-8-bom", "utf-16le", "utf-16be", "windows-1252", "windows-1250", "cp850",
        ]),
        packing in 0..3,
        quote_all in any::<bool>(),
    ) {
        let cell = |text: &str| {
            let needed = text.contains(['"', '\n', '\r', ',', ';', '\t', '|']);
            if quote_all || needed {
                format!("\"{}\"", text.replace('"', "\"\""))
            } else {
                text.to_owned()
            }
        };
        let line = |cells: Vec<String>| cells.join(&delimiter.to_string()) + newline;
        let mut text = line(["first", "second", "third"].iter().map(|c| cell(c)).collect());
        for row in &rows {
            text.push_str(&line(row.iter().map(|word| cell(WORDS[*word])).collect()));
        }
        let bytes = encode(&text, encoding);
        let bytes = match packing {
            0 => bytes,
            1 => gzip(&bytes),
            _ => zip(&[("quotes.csv", &bytes)]),
        };
        match read_plain(&bytes) {
            Ok(sheet) => {
                prop_assert_eq!(sheet.delimiter(), delimiter);
                prop_assert_eq!(sheet.row_count(), rows.len());
                for (at, row) in rows.iter().enumerate() {
                    for (column, word) in row.iter().enumerate() {
                        prop_assert_eq!(sheet.cell(at, column), WORDS[*word], "{}", encoding);
                    }
                }
            }
            Err(ReadError::AmbiguousEncoding { candidates }) => {
                let right = candidates.iter().any(|candidate| {
                    let options = ReadOptions {
                        encoding: Some(candidate.encoding.clone()),
                        ..ReadOptions::default()
                    };
                    let sheet = read(&bytes, &options).unwrap();
                    rows.iter().enumerate().all(|(at, row)| {
                        let mut cells = row.iter().enumerate();
                        cells.all(|(column, word)| sheet.cell(at, column) == WORDS[*word])
                    })
                });
                prop_assert!(right, "{:?}", candidates);
            }
            Err(error) => prop_assert!(false, "{}", error),
        }
    }
}
