//! The names that columns of a quote history go by, in English, German, French, Spanish and Polish.
//!
//! Deliberately a table of phrases with weights: it can be read, checked and extended by anybody
//! who knows such files; the phrases are in `phrases`.

mod phrases;

use super::Field;
use phrases::Phrases;

/// A phrase that stands inside a longer name counts this much of its weight.
const PART_OF_NAME: f64 = 0.75;

/// Tokens that mark an identifier.
const ID_TOKENS: [&str; 17] = [
    "id",
    "ids",
    "no",
    "nr",
    "num",
    "number",
    "numero",
    "numer",
    "nummer",
    "uuid",
    "guid",
    "key",
    "ref",
    "reference",
    "index",
    "schlussel",
    "record",
];

/// Endings of German and Polish compounds that say what the whole is, with their weight.
const ENDINGS: [(Field, &str, f64); 18] = [
    (Field::Price, "preis", 0.8),
    (Field::Price, "betrag", 0.7),
    (Field::Price, "summe", 0.7),
    (Field::Price, "wert", 0.6),
    (Field::Price, "price", 0.8),
    (Field::Date, "datum", 0.75),
    (Field::Cost, "kosten", 0.85),
    (Field::Cost, "cost", 0.8),
    (Field::Quantity, "menge", 0.85),
    (Field::Quantity, "anzahl", 0.85),
    (Field::Discount, "rabatt", 0.85),
    (Field::Discount, "nachlass", 0.85),
    (Field::ListPrice, "listenpreis", 0.9),
    (Field::Customer, "kunde", 0.8),
    (Field::Product, "produkt", 0.8),
    (Field::Product, "artikel", 0.8),
    (Field::Region, "region", 0.8),
    (Field::Segment, "segment", 0.85),
];

/// Words that say nothing of their own beside the name of a person or thing.
const FILLERS: [&str; 24] = [
    "name",
    "id",
    "number",
    "code",
    "key",
    "the",
    "of",
    "de",
    "du",
    "del",
    "der",
    "des",
    "deal",
    "quote",
    "opportunity",
    "text",
    "label",
    "title",
    "sales",
    "angebots",
    "nazwa",
    "nom",
    "nombre",
    "bezeichnung",
];

fn phrases_of(field: Field) -> Phrases {
    match field {
        Field::Outcome => phrases::OUTCOME,
        Field::Price => phrases::PRICE,
        Field::Date => phrases::DATE,
        Field::Cost => phrases::COST,
        Field::ListPrice => phrases::LIST_PRICE,
        Field::Discount => phrases::DISCOUNT,
        Field::Quantity => phrases::QUANTITY,
        Field::QuoteId => phrases::QUOTE_ID,
        Field::Group => phrases::GROUP,
        Field::Currency => phrases::CURRENCY,
        Field::Customer => phrases::CUSTOMER,
        Field::Product => phrases::PRODUCT,
        Field::Region => phrases::REGION,
        Field::Owner => phrases::OWNER,
        Field::Segment => phrases::SEGMENT,
        Field::Revision => phrases::REVISION,
        Field::ValidUntil => phrases::VALID_UNTIL,
        Field::Personal => phrases::PERSONAL,
        Field::Feature | Field::Ignored => &[],
    }
}

/// Whether a phrase may stand among any other words; the names of people and things may stand only
/// among words that add nothing, since "client size" is no client.
fn stands_anywhere(field: Field) -> bool {
    matches!(
        field,
        Field::Outcome
            | Field::Price
            | Field::Date
            | Field::Cost
            | Field::ListPrice
            | Field::Discount
            | Field::Quantity
            | Field::QuoteId
            | Field::Group
            | Field::ValidUntil
    )
}

/// How well a name fits a field, 0 to 1, and the phrase that it fits.
pub(super) fn fit(field: Field, normal_name: &str) -> (f64, &'static str) {
    let name = canonical(normal_name);
    let padded = format!(" {name} ");
    let mut best = (0.0, "");
    // A phrase that is the whole name says all: the closing date is not just any date.
    for (weight, list) in phrases_of(field) {
        if let Some(phrase) = list.split('|').find(|phrase| canonical(phrase) == name) {
            return (*weight, phrase);
        }
    }
    for (weight, list) in phrases_of(field) {
        for phrase in list.split('|') {
            let wanted = canonical(phrase);
            let score = if let Some((before, after)) = padded.split_once(&format!(" {wanted} ")) {
                let mut rest = before.split_whitespace().chain(after.split_whitespace());
                let plain = stands_anywhere(field) || rest.all(|word| FILLERS.contains(&word));
                if plain { weight * PART_OF_NAME } else { 0.0 }
            } else {
                0.0
            };
            // Of two that fit alike the longer phrase says more.
            if score > best.0 || (score == best.0 && score > 0.0 && phrase.len() > best.1.len()) {
                best = (score, phrase);
            }
        }
    }
    for (of, ending, weight) in ENDINGS {
        let compound = |word: &str| word.len() > ending.len() && word.ends_with(ending);
        if of == field
            && best.0 < weight
            && normal_name.split(' ').next_back().is_some_and(compound)
        {
            best = (weight, ending);
        }
    }
    best
}

/// How well a name fits a field, 0 to 1.
pub(super) fn score(field: Field, normal_name: &str) -> f64 {
    fit(field, normal_name).0
}

/// Abbreviations written out and umlauts spelled ae, oe, ue made one with ä, ö, ü.
fn canonical(name: &str) -> String {
    let words = name.split(' ').map(|word| match word {
        "no" | "nr" | "num" | "numer" | "numero" | "nummer" | "n" => "number".to_owned(),
        "qty" | "qte" | "quant" => "quantity".to_owned(),
        "cust" => "customer".to_owned(),
        "amt" => "amount".to_owned(),
        "disc" => "discount".to_owned(),
        "dt" => "date".to_owned(),
        "opp" | "oppty" => "opportunity".to_owned(),
        "prod" => "product".to_owned(),
        "ang" | "angeb" | "angebots" => "angebot".to_owned(),
        "kd" => "kunde".to_owned(),
        "art" => "artikel".to_owned(),
        "pct" | "percentage" => "percent".to_owned(),
        "mngr" | "mgr" => "manager".to_owned(),
        "acct" => "account".to_owned(),
        "org" => "organization".to_owned(),
        "pos" => "position".to_owned(),
        other => other
            .replace("ae", "a")
            .replace("oe", "o")
            .replace("ue", "u"),
    });
    words.collect::<Vec<_>>().join(" ")
}

/// The currency that a header states, such as `Price (EUR)` or `Preis in €`.
pub(super) fn currency_in(header: &str) -> Option<&'static str> {
    let words = header.split(|c: char| c.is_whitespace() || "()[]{}/,;:_".contains(c));
    words
        .filter(|word| !word.is_empty() && word.chars().count() <= 3)
        .find_map(|word| {
            let code = crate::cell::currency_of(word)?;
            // "kr" and "TL" stand inside words; only whole codes and signs count.
            let whole = word.eq_ignore_ascii_case(code) || !word.is_ascii() || word == "$";
            (whole && (word.to_uppercase() == word || !word.is_ascii())).then_some(code)
        })
}

/// Whether a name says identifier.
pub(super) fn is_identifier(normal_name: &str) -> bool {
    normal_name
        .split(' ')
        .any(|token| ID_TOKENS.contains(&token))
}

/// A name as words: `UnitPrice`, `unit_price` and `Unit-Price` become `unit price`.
pub(super) fn normal(name: &str) -> String {
    let mut words = String::with_capacity(name.len());
    let mut before_lower = false;
    let mut chars = name.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '#' {
            words.push_str(" number ");
            continue;
        }
        if !c.is_alphanumeric() || matches!(c, 'º' | 'ª') {
            words.push(' ');
            before_lower = false;
            continue;
        }
        // ACVAmount is acv amount: the last capital before small letters begins a word.
        let before_small = chars.peek().is_some_and(|next| next.is_lowercase());
        let after_capital = words.ends_with(char::is_alphabetic) && !before_lower;
        if c.is_uppercase() && (before_lower || (after_capital && before_small)) {
            words.push(' ');
        }
        before_lower = c.is_lowercase();
        for lower in c.to_lowercase() {
            fold_accent(lower, &mut words);
        }
    }
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn fold_accent(c: char, into: &mut String) {
    let folded = match c {
        'à' | 'á' | 'â' | 'ä' | 'ã' | 'å' | 'ą' => 'a',
        'ç' | 'ć' | 'č' => 'c',
        'è' | 'é' | 'ê' | 'ë' | 'ę' => 'e',
        'ì' | 'í' | 'î' | 'ï' => 'i',
        'ł' => 'l',
        'ñ' | 'ń' => 'n',
        'ò' | 'ó' | 'ô' | 'ö' | 'õ' => 'o',
        'ś' | 'š' => 's',
        'ù' | 'ú' | 'û' | 'ü' => 'u',
        'ý' => 'y',
        'ź' | 'ż' | 'ž' => 'z',
        // Combining accents, as files from a Mac have them.
        '\u{300}'..='\u{36f}' => return,
        'ß' => {
            into.push('s');
            's'
        }
        other => other,
    };
    into.push(folded);
}
