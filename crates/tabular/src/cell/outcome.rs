//! The words for won, lost and not yet decided, in five languages.
//!
//! Deliberately a closed list: an unknown word is reported, never guessed, as a wrong outcome
//! would teach the model the opposite.

const WON: [&str; 39] = [
    "won",
    "win",
    "wins",
    "winner",
    "yes",
    "y",
    "true",
    "t",
    "1",
    "1.0",
    "closed won",
    "accepted",
    "accept",
    "awarded",
    "ordered",
    "success",
    "successful",
    "converted",
    "sold",
    "positive",
    "gewonnen",
    "ja",
    "erfolg",
    "beauftragt",
    "angenommen",
    "wahr",
    "gagne",
    "gagne",
    "oui",
    "accepte",
    "vrai",
    "ganado",
    "ganada",
    "si",
    "aceptado",
    "wygrana",
    "wygrany",
    "tak",
    "zaakceptowana",
];

const LOST: [&str; 41] = [
    "lost",
    "loss",
    "lose",
    "losses",
    "no",
    "n",
    "false",
    "f",
    "0",
    "0.0",
    "closed lost",
    "rejected",
    "reject",
    "declined",
    "refused",
    "failed",
    "unsuccessful",
    "not won",
    "not awarded",
    "verloren",
    "nein",
    "abgelehnt",
    "absage",
    "falsch",
    "perdu",
    "perdue",
    "non",
    "refuse",
    "refuse",
    "faux",
    "perdido",
    "perdida",
    "rechazado",
    "przegrana",
    "przegrany",
    "nie",
    "odrzucona",
    "stracona",
    "dead",
    "not accepted",
    "not sold",
];

/// Words for not yet decided, the stages of usual sales programs among them.
const OPEN: &str = "open|pending|in progress|ongoing|undecided|quoted|sent|submitted|draft|new|waiting|\
    on hold|negotiation|in negotiation|offen|in arbeit|in verhandlung|en cours|en attente|\
    ouvert|abierto|abierta|pendiente|w toku|no decision yet|not decided|unentschieden|\
    angeboten|in pruefung|otwarty|oczekuje|en curso|proposal|qualification|prospecting|\
    active|otwarta|needs analysis|value proposition|id decision makers|\
    perception analysis|proposal price quote|negotiation review|appointment scheduled|\
    qualified to buy|presentation scheduled|decision maker bought in|contract sent|\
    demo scheduled|proposal sent|proposal made|quote sent|negotiations started|in review|\
    under review|verhandlung|angebot versendet|angebot gesendet|in bearbeitung|\
    negociacion|en negociacion|negociation|en negociation|devis envoye|negocjacje|\
    w trakcie|wyslana|brouillon|borrador|entwurf";

/// Phrases for won.
const WON_PHRASES: [&str; 32] = [
    "po received",
    "purchase order received",
    "order received",
    "order placed",
    "order confirmed",
    "contract signed",
    "signed",
    "bestellung erhalten",
    "auftrag erhalten",
    "auftrag erteilt",
    "auftrag gewonnen",
    "bestellt",
    "erteilt",
    "zuschlag",
    "zuschlag erhalten",
    "zugesagt",
    "gewonnene",
    "signe",
    "commande recue",
    "bon de commande recu",
    "acceptee",
    "conclu",
    "pedido recibido",
    "aceptada",
    "adjudicado",
    "adjudicada",
    "firmado",
    "zamowienie otrzymane",
    "wygrane",
    "wygrano",
    "zaakceptowany",
    "przyjeta",
];

/// Phrases for lost.
const LOST_PHRASES: [&str; 30] = [
    "auftrag verloren",
    "nicht gewonnen",
    "nicht erhalten",
    "keine bestellung",
    "kein zuschlag",
    "kein auftrag",
    "no order",
    "no decision",
    "lost to competitor",
    "no bid",
    "regretted",
    "perdus",
    "refusee",
    "non retenu",
    "sans suite",
    "rechazada",
    "no ganado",
    "no adjudicado",
    "desestimada",
    "przegrane",
    "odrzucony",
    "odrzucone",
    "stracone",
    "utracona",
    "nie wygrana",
    "abgesagt",
    "verlorene",
    "abgelehnte",
    "cerrado perdido",
    "cerrada perdida",
];

/// Words that say won inside a longer phrase.
const WON_STEMS: [&str; 14] = [
    "won",
    "gewonnen",
    "gewonnene",
    "gagne",
    "gagnee",
    "ganado",
    "ganada",
    "wygrana",
    "wygrany",
    "wygrane",
    "accepted",
    "angenommen",
    "beauftragt",
    "awarded",
];

/// Words that say lost inside a longer phrase.
const LOST_STEMS: [&str; 22] = [
    "lost",
    "loss",
    "verloren",
    "verlorene",
    "perdu",
    "perdue",
    "perdido",
    "perdida",
    "przegrana",
    "przegrany",
    "przegrane",
    "rejected",
    "declined",
    "abgelehnt",
    "refuse",
    "refusee",
    "rechazado",
    "rechazada",
    "odrzucona",
    "odrzucony",
    "utracona",
    "stracona",
];

/// Words that make a phrase say something else than its parts.
const DOUBTS: [&str; 19] = [
    "not",
    "no",
    "nicht",
    "non",
    "pas",
    "nie",
    "kein",
    "keine",
    "never",
    "noch",
    "yet",
    "maybe",
    "if",
    "or",
    "oder",
    "probably",
    "likely",
    "expected",
    "vielleicht",
];

/// Answers that mean what the name of their column asks.
const PLAIN: [&str; 23] = [
    "yes", "y", "true", "t", "1", "1.0", "no", "n", "false", "f", "0", "0.0", "ja", "nein", "oui",
    "non", "si", "tak", "nie", "wahr", "falsch", "vrai", "faux",
];

/// How a quote ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The customer bought.
    Won,
    /// The customer did not.
    Lost,
    /// Not decided yet: kept for prediction, left out of training.
    Open,
}

/// Whether a text says won (`true`) or lost (`false`); `None` where it says neither.
///
/// Case, accents, surrounding white space and punctuation make no difference. Besides the words of
/// the closed lists, phrases are read that contain a word of winning or losing and none of the
/// other kind and no negation: `Closed - Lost to competitor`.
pub fn parse_outcome(text: &str) -> Option<bool> {
    let word = normal(text)?;
    let listed = |list: &[&str]| list.iter().any(|entry| *entry == word);
    if listed(&WON) || listed(&WON_PHRASES) {
        Some(true)
    } else if listed(&LOST) || listed(&LOST_PHRASES) {
        Some(false)
    } else if is_open(&word) {
        None
    } else {
        phrase(&word)
    }
}

fn is_open(word: &str) -> bool {
    OPEN.split('|').any(|entry| entry == word)
}

/// A longer phrase with a word of winning or losing in it.
fn phrase(words: &str) -> Option<bool> {
    let has = |list: &[&str]| words.split(' ').any(|word| list.contains(&word));
    if has(&DOUBTS) || !words.contains(' ') {
        return None;
    }
    match (has(&WON_STEMS), has(&LOST_STEMS)) {
        (true, false) => Some(true),
        (false, true) => Some(false),
        _ => None,
    }
}

/// Whether a text says that the quote is not decided yet, such as `open` or `pending`.
pub fn is_open_outcome(text: &str) -> bool {
    normal(text).is_some_and(|word| is_open(&word))
}

/// Whether an outcome is said in words of winning and losing, not just 1/0 or yes/no.
pub(crate) fn is_telling_outcome(text: &str) -> bool {
    parse_outcome(text).is_some() && !is_plain_outcome(text)
}

/// Whether a text is a bare 1/0, yes/no or true/false, which means what its column's name says.
pub(crate) fn is_plain_outcome(text: &str) -> bool {
    normal(text).is_some_and(|word| PLAIN.contains(&word.as_str()))
}

/// Whether a column of this name (as words, lower case) says yes where the quote was lost.
pub(crate) fn flips(name: &str) -> bool {
    let has = |list: &[&str]| name.split(' ').any(|word| list.contains(&word));
    has(&LOST_STEMS) && !has(&WON_STEMS) && !has(&["win"]) && !has(&["not"])
}

/// Words only, lower case, without accents and punctuation: `P.O. received` is `po received`.
fn normal(text: &str) -> Option<String> {
    let text = text.trim();
    if text.is_empty() || text.len() > 80 {
        return None;
    }
    let mut word = String::with_capacity(text.len());
    for c in text.chars().flat_map(char::to_lowercase) {
        match c {
            'à' | 'á' | 'â' | 'ą' => word.push('a'),
            'è' | 'é' | 'ê' | 'ę' => word.push('e'),
            'í' | 'î' => word.push('i'),
            'ó' | 'ô' => word.push('o'),
            'ć' | 'ç' => word.push('c'),
            'ł' => word.push('l'),
            'ś' => word.push('s'),
            'ź' | 'ż' => word.push('z'),
            'ñ' | 'ń' => word.push('n'),
            'ä' => word.push_str("ae"),
            'ö' => word.push_str("oe"),
            'ü' => word.push_str("ue"),
            'ß' => word.push_str("ss"),
            '.' if !is_figures(text) => {}
            c if c.is_alphanumeric() || c == '.' => word.push(c),
            _ => word.push(' '),
        }
    }
    Some(word.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn is_figures(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit() || b == b'.')
}
