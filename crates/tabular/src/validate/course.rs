//! Names of columns that tell of the course of a sale, which is known in full only at its end.
//!
//! Deliberately only a hint: a name alone proves nothing, so it counts together with numbers.

/// Words for durations, stages, ends and reasons in English, German, French, Spanish and Polish.
const WORDS: [&str; 36] = [
    "elapsed",
    "days",
    "duration",
    "stage",
    "stages",
    "closing",
    "closed",
    "close",
    "reason",
    "tage",
    "dauer",
    "phase",
    "phasen",
    "abschluss",
    "abschlussdatum",
    "grund",
    "verlustgrund",
    "jours",
    "durée",
    "duree",
    "étape",
    "etape",
    "clôture",
    "cloture",
    "motif",
    "días",
    "dias",
    "duración",
    "duracion",
    "etapa",
    "cierre",
    "motivo",
    "dni",
    "etap",
    "zamknięcia",
    "powód",
];

/// Words of durations that are agreed on when quoting.
const AGREED: [&str; 16] = [
    "delivery",
    "payment",
    "lead",
    "warranty",
    "terms",
    "valid",
    "validity",
    "lieferung",
    "zahlung",
    "lieferzeit",
    "livraison",
    "paiement",
    "entrega",
    "pago",
    "dostawy",
    "płatności",
];

/// The word of a header that tells of the course of the sale.
pub(super) fn word(header: &str) -> Option<&'static str> {
    let lower = header.to_lowercase();
    let mut parts = lower.split(|c: char| !c.is_alphanumeric());
    if parts.clone().any(|part| AGREED.contains(&part)) {
        return None;
    }
    parts.find_map(|part| WORDS.into_iter().find(|word| *word == part))
}
