//! The names that columns of a quote history go by, in English, German, French, Spanish and Polish.
//!
//! Deliberately a table of phrases with weights: it can be read, checked and extended by anybody
//! who knows such files. Phrases are written as [`normal`] leaves them: lower case, no accents.

use super::Field;

/// A phrase that stands inside a longer name counts this much of its weight.
const PART_OF_NAME: f64 = 0.75;

const OUTCOME: &[(&str, f64)] = &[
    ("outcome", 0.97),
    ("result", 0.95),
    ("win", 0.95),
    ("won", 0.95),
    ("is won", 0.97),
    ("status", 0.85),
    ("won lost", 0.97),
    ("win loss", 0.97),
    ("stage", 0.7),
    ("awarded", 0.9),
    ("accepted", 0.9),
    ("ergebnis", 0.95),
    ("gewonnen", 0.95),
    ("zuschlag", 0.9),
    ("ausgang", 0.9),
    ("resultat", 0.95),
    ("gagne", 0.95),
    ("issue", 0.6),
    ("statut", 0.85),
    ("resultado", 0.95),
    ("ganado", 0.95),
    ("estado", 0.85),
    ("wynik", 0.95),
    ("rezultat", 0.95),
    ("wygrana", 0.95),
];

const PRICE: &[(&str, f64)] = &[
    ("price", 0.95),
    ("unit price", 0.95),
    ("quote price", 0.97),
    ("quoted price", 0.97),
    ("offer price", 0.97),
    ("bid amount", 0.97),
    ("bid price", 0.97),
    ("sale price", 0.93),
    ("sales price", 0.93),
    ("selling price", 0.95),
    ("net price", 0.93),
    ("total price", 0.85),
    ("quote amount", 0.95),
    ("quote value", 0.9),
    ("offer amount", 0.95),
    ("deal amount", 0.93),
    ("deal value", 0.9),
    ("deal size", 0.8),
    ("amount", 0.85),
    ("total amount", 0.85),
    ("value", 0.6),
    ("preis", 0.95),
    ("angebotspreis", 0.97),
    ("verkaufspreis", 0.95),
    ("stuckpreis", 0.93),
    ("nettopreis", 0.93),
    ("gesamtpreis", 0.85),
    ("angebotssumme", 0.95),
    ("angebotswert", 0.93),
    ("betrag", 0.85),
    ("prix", 0.95),
    ("prix unitaire", 0.95),
    ("prix de vente", 0.95),
    ("montant", 0.85),
    ("montant ht", 0.9),
    ("precio", 0.95),
    ("precio unitario", 0.95),
    ("precio de venta", 0.95),
    ("importe", 0.85),
    ("monto", 0.85),
    ("cena", 0.95),
    ("cena netto", 0.93),
    ("cena ofertowa", 0.97),
    ("kwota", 0.85),
    ("wartosc", 0.7),
];

const DATE: &[(&str, f64)] = &[
    ("date", 0.95),
    ("quote date", 0.97),
    ("quoted on", 0.97),
    ("quoted at", 0.97),
    ("offer date", 0.97),
    ("bid date", 0.97),
    ("let date", 0.95),
    ("order date", 0.8),
    ("created", 0.8),
    ("created at", 0.85),
    ("created date", 0.85),
    ("creation date", 0.85),
    ("datum", 0.95),
    ("angebotsdatum", 0.97),
    ("erstellt", 0.8),
    ("erstellt am", 0.85),
    ("date du devis", 0.97),
    ("date devis", 0.97),
    ("date offre", 0.97),
    ("fecha", 0.95),
    ("fecha de oferta", 0.97),
    ("fecha oferta", 0.97),
    ("data", 0.9),
    ("data oferty", 0.97),
    ("data utworzenia", 0.85),
];

const COST: &[(&str, f64)] = &[
    ("cost", 0.95),
    ("costs", 0.95),
    ("unit cost", 0.97),
    ("total cost", 0.85),
    ("cogs", 0.95),
    ("kosten", 0.95),
    ("selbstkosten", 0.97),
    ("stuckkosten", 0.95),
    ("einkaufspreis", 0.95),
    ("herstellkosten", 0.95),
    ("cout", 0.95),
    ("cout unitaire", 0.97),
    ("prix d achat", 0.95),
    ("prix de revient", 0.97),
    ("coste", 0.95),
    ("costo", 0.95),
    ("coste unitario", 0.97),
    ("koszt", 0.95),
    ("koszty", 0.95),
    ("cena zakupu", 0.97),
];

const LIST_PRICE: &[(&str, f64)] = &[
    ("msrp", 0.97),
    ("rrp", 0.97),
    ("list price", 0.98),
    ("catalog price", 0.97),
    ("catalogue price", 0.97),
    ("listenpreis", 0.97),
    ("uvp", 0.95),
    ("katalogpreis", 0.97),
    ("prix catalogue", 0.97),
    ("prix public", 0.95),
    ("precio de lista", 0.98),
    ("precio de catalogo", 0.97),
    ("cena katalogowa", 0.98),
    ("cena cennikowa", 0.98),
];

const DISCOUNT: &[(&str, f64)] = &[
    ("discount", 0.95),
    ("discounts", 0.95),
    ("discount percent", 0.97),
    ("rebate", 0.9),
    ("rabatt", 0.95),
    ("nachlass", 0.95),
    ("remise", 0.95),
    ("rabais", 0.95),
    ("descuento", 0.95),
    ("rabat", 0.95),
    ("upust", 0.95),
];

const QUANTITY: &[(&str, f64)] = &[
    ("quantity", 0.97),
    ("qty", 0.97),
    ("units", 0.93),
    ("units sold", 0.85),
    ("pieces", 0.9),
    ("volume", 0.7),
    ("menge", 0.97),
    ("anzahl", 0.93),
    ("stuckzahl", 0.97),
    ("quantite", 0.97),
    ("qte", 0.97),
    ("cantidad", 0.97),
    ("unidades", 0.93),
    ("ilosc", 0.97),
    ("liczba sztuk", 0.97),
];

const QUOTE_ID: &[(&str, f64)] = &[
    ("quote id", 0.97),
    ("quote no", 0.97),
    ("quote nr", 0.97),
    ("quote number", 0.97),
    ("bid no", 0.97),
    ("bid id", 0.97),
    ("bid number", 0.97),
    ("offer id", 0.97),
    ("offer no", 0.97),
    ("offer number", 0.97),
    ("opportunity number", 0.97),
    ("opportunity id", 0.97),
    ("deal id", 0.97),
    ("id", 0.85),
    ("angebotsnummer", 0.97),
    ("angebotsnr", 0.97),
    ("angebots nr", 0.97),
    ("angebot nr", 0.97),
    ("no devis", 0.97),
    ("numero de devis", 0.97),
    ("numero devis", 0.97),
    ("numero de oferta", 0.97),
    ("numero oferta", 0.97),
    ("nr oferty", 0.97),
    ("numer oferty", 0.97),
];

const GROUP: &[(&str, f64)] = &[
    ("project", 0.9),
    ("project id", 0.95),
    ("tender", 0.95),
    ("tender id", 0.97),
    ("rfq", 0.95),
    ("rfp", 0.95),
    ("auction", 0.9),
    ("projekt", 0.9),
    ("ausschreibung", 0.95),
    ("projet", 0.9),
    ("appel d offres", 0.95),
    ("proyecto", 0.9),
    ("licitacion", 0.95),
    ("przetarg", 0.95),
    ("zapytanie", 0.9),
];

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

/// How well a name fits a field, 0 to 1.
pub(super) fn score(field: Field, normal_name: &str) -> f64 {
    let phrases = match field {
        Field::Outcome => OUTCOME,
        Field::Price => PRICE,
        Field::Date => DATE,
        Field::Cost => COST,
        Field::ListPrice => LIST_PRICE,
        Field::Discount => DISCOUNT,
        Field::Quantity => QUANTITY,
        Field::QuoteId => QUOTE_ID,
        Field::Group => GROUP,
        Field::Feature | Field::Ignored => &[],
    };
    let padded = format!(" {normal_name} ");
    let fit = |(phrase, weight): &(&str, f64)| {
        if *phrase == normal_name {
            *weight
        } else if padded.contains(&format!(" {phrase} ")) {
            weight * PART_OF_NAME
        } else {
            0.0
        }
    };
    phrases.iter().map(fit).fold(0.0, f64::max)
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
    for c in name.chars() {
        if !c.is_alphanumeric() {
            words.push(' ');
            before_lower = false;
            continue;
        }
        if c.is_uppercase() && before_lower {
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
