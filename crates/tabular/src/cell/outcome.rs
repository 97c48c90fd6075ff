//! The words for won, lost and not yet decided, in five languages.
//!
//! Deliberately a closed list: an unknown word is reported, never guessed, as a wrong outcome
//! would teach the model the opposite.

const WON: [&str; 38] = [
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
    "gewonnen",
    "ja",
    "erfolg",
    "beauftragt",
    "angenommen",
    "wahr",
    "gagné",
    "gagne",
    "oui",
    "accepté",
    "vrai",
    "ganado",
    "ganada",
    "sí",
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
    "refusé",
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

const OPEN: [&str; 25] = [
    "open",
    "pending",
    "in progress",
    "ongoing",
    "undecided",
    "quoted",
    "sent",
    "submitted",
    "draft",
    "new",
    "waiting",
    "on hold",
    "negotiation",
    "in negotiation",
    "offen",
    "in arbeit",
    "in verhandlung",
    "en cours",
    "en attente",
    "ouvert",
    "abierto",
    "abierta",
    "pendiente",
    "w toku",
    "otwarta",
];

/// Whether a text says won (`true`) or lost (`false`); `None` where it says neither.
///
/// Case, surrounding white space, and `_` or `-` for a space make no difference.
pub fn parse_outcome(text: &str) -> Option<bool> {
    let word = normal(text)?;
    if WON.contains(&word.as_str()) {
        Some(true)
    } else if LOST.contains(&word.as_str()) {
        Some(false)
    } else {
        None
    }
}

/// Whether a text says that the quote is not decided yet, such as `open` or `pending`.
pub fn is_open_outcome(text: &str) -> bool {
    normal(text).is_some_and(|word| OPEN.contains(&word.as_str()))
}

/// Whether an outcome is said in words of winning and losing, not just 1/0 or yes/no.
pub(crate) fn is_telling_outcome(text: &str) -> bool {
    const PLAIN: [&str; 20] = [
        "yes", "y", "true", "t", "1", "1.0", "no", "n", "false", "f", "0", "0.0", "ja", "nein",
        "oui", "non", "sí", "tak", "nie", "wahr",
    ];
    parse_outcome(text).is_some()
        && normal(text).is_some_and(|word| !PLAIN.contains(&word.as_str()))
}

fn normal(text: &str) -> Option<String> {
    let text = text.trim();
    if text.is_empty() || text.len() > 24 {
        return None;
    }
    let words = text.to_lowercase().replace(['_', '-'], " ");
    Some(words.split_whitespace().collect::<Vec<_>>().join(" "))
}
