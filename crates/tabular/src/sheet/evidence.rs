//! Which encoding makes sense of bytes that are not UTF-8, and whether several do.
//!
//! Deliberately asks where two readings are equally plausible and give different letters. Each
//! candidate is judged by what stands around its letters: `ö` inside a word makes sense, a closing
//! quotation mark or a piece of a frame there does not.

use std::collections::HashSet;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};

use super::decode::TextEncoding;
use super::error::EncodingCandidate;
use super::{ReadError, dos};

/// How much worse than the best a candidate may be (penalty per byte above ASCII) and still count.
const MARGIN: f64 = 0.15;

/// How much less likely a code page of DOS or of old Macintoshes is from the start; less than the margin, so that it
/// orders the answers but never answers a question alone.
const DOS_PENALTY: f64 = 0.1;

/// How many different words with letters that differ let the detector of browsers decide.
const ENOUGH_WORDS: usize = 12;

/// How many different words are kept, and how long each may be in bytes.
const MAX_WORDS: usize = 2_000;
const MAX_WORD_BYTES: usize = 64;

/// Accented letters that are frequent in the languages of Western Europe, and of Central Europe.
const WESTERN: &str = "äöüßéèêëàâçîïôûùåæøœñáíóúãìòÄÖÜÉÈÀÇÅÆØÑÁÍÓÚÊÔÎ";
const CENTRAL: &str = "ąćęłńóśźżáčďéěíňřšťúůýžäöüßőűôľăâîşţșțđĄĆĘŁŃÓŚŹŻÁČĎÉÍŇŘŠŤÚÝŽÄÖÜŐŰĐĽŞŢ";

/// How much less likely a reading is for each language that its letters need beyond one, as most
/// files are of one country.
const LANGUAGE_PENALTY: f64 = 0.2;

/// Most languages that a reading is told apart by.
const MAX_LANGUAGES: usize = 3;

/// The letters that languages have beyond ASCII.
const LANGUAGES: [&str; 13] = [
    "äöüß",
    "àâçéèêëîïôùûüÿœæ",
    "áéíñóúü",
    "áàâãçéêíóôõú",
    "àèéìòù",
    "åäö",
    "æøå",
    "ąćęłńóśźż",
    "áčďéěíňóřšťúůýž",
    "áäčďéíĺľňóôŕšťúýž",
    "áéíóöőúüű",
    "ăâîşţșț",
    "čćđšž",
];

/// How many languages it takes to have all the letters of the words, 1 to [`MAX_LANGUAGES`].
fn languages(words: &[String]) -> usize {
    let mut letters: Vec<char> = words
        .iter()
        .flat_map(|word| word.chars())
        .filter(|c| !c.is_ascii() && c.is_alphabetic())
        .flat_map(char::to_lowercase)
        .collect();
    letters.sort_unstable();
    letters.dedup();
    for count in 1..MAX_LANGUAGES {
        // The language that has most of what is left, again and again.
        let mut left = letters.clone();
        for _ in 0..count {
            let best = LANGUAGES
                .iter()
                .max_by_key(|alphabet| left.iter().filter(|c| alphabet.contains(**c)).count())
                .copied()
                .unwrap_or_default();
            left.retain(|c| !best.contains(*c));
        }
        if left.is_empty() {
            return count;
        }
    }
    MAX_LANGUAGES
}

/// What was seen of the bytes above ASCII.
pub(super) struct Evidence {
    detector: EncodingDetector,
    words: HashSet<Vec<u8>>,
    /// Words in order of appearance.
    order: Vec<Vec<u8>>,
    open: Vec<u8>,
}

impl Default for Evidence {
    fn default() -> Self {
        Self {
            detector: EncodingDetector::new(Iso2022JpDetection::Deny),
            words: HashSet::new(),
            order: Vec::new(),
            open: Vec::new(),
        }
    }
}

impl Evidence {
    /// Looks at the next block of the stream.
    pub(super) fn add(&mut self, block: &[u8]) {
        if block.is_ascii() && self.open.is_ascii() {
            self.open.clear();
            return;
        }
        self.detector.feed(block, false);
        for byte in block {
            if matches!(byte, b',' | b';' | b'\t' | b'|' | b'"' | b'\n' | b'\r') {
                self.end_word();
            } else if self.open.len() < MAX_WORD_BYTES {
                self.open.push(*byte);
            }
        }
    }

    /// Keeps a cell that holds bytes above ASCII.
    fn end_word(&mut self) {
        if !self.open.is_ascii() && self.order.len() < MAX_WORDS && !self.words.contains(&self.open)
        {
            self.words.insert(self.open.clone());
            self.order.push(self.open.clone());
        }
        self.open.clear();
    }

    /// The encoding, and whether it is the only plausible one.
    pub(super) fn decide(mut self) -> Result<(TextEncoding, bool), ReadError> {
        self.end_word();
        self.detector.feed(&[], true);
        let guess = self.detector.guess(None, Utf8Detection::Deny);
        let mut readings: Vec<Reading> = candidates(guess)
            .into_iter()
            .map(|encoding| Reading::new(encoding, &self.order))
            .collect();
        // Stable, so the order of the candidates decides between equals.
        readings.sort_by(|a, b| a.penalty.total_cmp(&b.penalty));
        let best = readings.first().map_or(0.0, |reading| reading.penalty);
        let near = |reading: &&Reading| reading.penalty <= best + MARGIN + DOS_PENALTY;
        let read_alike =
            |reading: &Reading| readings.first().is_some_and(|f| f.words == reading.words);
        let sure = readings.iter().filter(near).all(read_alike);
        readings.retain(|reading| reading.penalty <= best + MARGIN);
        let Some(first) = readings.first() else {
            return Ok((TextEncoding::Web(guess), false));
        };
        let differing: Vec<&Reading> = readings
            .iter()
            .filter(|reading| reading.words != first.words)
            .collect();
        if differing.is_empty() {
            return Ok((first.encoding, sure));
        }
        let guessed = readings
            .iter()
            .find(|reading| reading.encoding == TextEncoding::Web(guess));
        let differing_words = (0..self.order.len())
            .filter(|at| {
                differing
                    .iter()
                    .any(|r| r.words.get(*at) != first.words.get(*at))
            })
            .count();
        match guessed {
            Some(reading) if differing_words >= ENOUGH_WORDS => Ok((reading.encoding, false)),
            _ => Err(ask(&readings)),
        }
    }
}

/// The encodings that are tried: those of spreadsheets and old programs, and what the detector says.
fn candidates(guess: &'static encoding_rs::Encoding) -> Vec<TextEncoding> {
    let mut all: Vec<TextEncoding> = [
        encoding_rs::WINDOWS_1252,
        encoding_rs::WINDOWS_1250,
        encoding_rs::ISO_8859_2,
        encoding_rs::WINDOWS_1251,
        encoding_rs::MACINTOSH,
    ]
    .into_iter()
    .map(TextEncoding::Web)
    .collect();
    all.extend([&dos::CP850, &dos::CP437, &dos::CP852].map(TextEncoding::Dos));
    if !all.contains(&TextEncoding::Web(guess)) {
        all.push(TextEncoding::Web(guess));
    }
    all
}

/// The words as they read in one encoding.
struct Reading {
    encoding: TextEncoding,
    words: Vec<String>,
    /// How little sense they make, per letter above ASCII.
    penalty: f64,
}

impl Reading {
    fn new(encoding: TextEncoding, words: &[Vec<u8>]) -> Self {
        let words: Vec<String> = words.iter().map(|w| encoding.decode_lossy(w)).collect();
        let common = match encoding {
            TextEncoding::Web(e)
                if e == encoding_rs::WINDOWS_1252 || e == encoding_rs::MACINTOSH =>
            {
                WESTERN
            }
            TextEncoding::Dos(page) if page.name != dos::CP852.name => WESTERN,
            TextEncoding::Web(e)
                if e == encoding_rs::WINDOWS_1250 || e == encoding_rs::ISO_8859_2 =>
            {
                CENTRAL
            }
            TextEncoding::Dos(_) => CENTRAL,
            TextEncoding::Web(_) => "",
        };
        let from_start = match encoding {
            TextEncoding::Dos(_) => DOS_PENALTY,
            TextEncoding::Web(e) if e == encoding_rs::MACINTOSH => DOS_PENALTY,
            TextEncoding::Web(_) => 0.0,
        };
        let (mut penalty, mut letters) = (0.0, 0_u32);
        for word in &words {
            let chars: Vec<char> = word.chars().collect();
            for (at, found) in chars.iter().enumerate() {
                if !found.is_ascii() {
                    let before = at.checked_sub(1).and_then(|at| chars.get(at)).copied();
                    penalty += oddness(*found, before, chars.get(at + 1).copied(), common);
                    letters += 1;
                }
            }
        }
        let latin = words
            .iter()
            .all(|word| word.chars().all(|c| (c as u32) < 0x370));
        let more = if latin { languages(&words) - 1 } else { 0 };
        Self {
            encoding,
            words,
            penalty: penalty / f64::from(letters.max(1))
                + from_start
                + LANGUAGE_PENALTY * more as f64,
        }
    }
}

/// How odd a character is between its neighbours, from 0 (natural) to 10 (never in a table).
fn oddness(found: char, before: Option<char>, after: Option<char>, common: &str) -> f64 {
    let is_letter = |c: Option<char>| c.is_some_and(char::is_alphabetic);
    let between = is_letter(before) && is_letter(after);
    match found {
        '\u{80}'..='\u{9f}' | '\u{fffd}' | '\u{2320}'..='\u{2321}' | '\u{2500}'..='\u{25ff}' => {
            10.0
        }
        'ª' | 'º' if !between => 0.1,
        'ˆ' | 'ƒ' | 'ª' | 'º' => 3.0,
        _ if found.is_alphabetic() => letter_oddness(found, before, after, common),
        '’' | '\'' | '·' | '–' | '\u{ad}' | '\u{a0}' => 0.0,
        '€' | '£' | '°' | '§' | '…' | '—' | '«' | '»' | '“' | '”' | '„' | '‘' | '‚' | '®' | '©'
        | '™' | '²' | '³' | '±' | 'µ' | '½' | '¼' | '¾' | '×' | '•' | '‰' | '‹' | '›' | '¿'
        | '¡' => {
            if between {
                5.0
            } else {
                0.1
            }
        }
        _ if between => 5.0,
        _ => 2.0,
    }
}

fn letter_oddness(found: char, before: Option<char>, after: Option<char>, common: &str) -> f64 {
    let neighbours = [before, after];
    let letters = || neighbours.iter().flatten().filter(|c| c.is_alphabetic());
    let is_latin = |c: char| (c as u32) < 0x250;
    if letters().any(|c| is_latin(*c) != is_latin(found)) {
        return 5.0;
    }
    if !is_latin(found) {
        return if letters().count() == 0 { 1.0 } else { 0.0 };
    }
    let mut oddness = if common.is_empty() || common.contains(found) {
        0.0
    } else {
        0.6
    };
    if letters().count() == 0 {
        // Few letters stand alone, as in "à Paris" or "Łódź i Kraków".
        oddness += if "àáéèóíúyöÀÉÁÓ".contains(found) {
            0.3
        } else {
            1.5
        };
    }
    if found.is_uppercase() && before.is_some_and(char::is_lowercase) {
        oddness += 2.0;
    }
    if found.is_lowercase()
        && found != 'ß'
        && before.is_some_and(char::is_uppercase)
        && after.is_some_and(char::is_uppercase)
    {
        oddness += 1.0;
    }
    if before.is_some_and(|c| !c.is_ascii() && c.is_alphabetic()) {
        oddness += 0.3;
    }
    oddness
}

/// The question which of the readings is right, by a cell that shows the difference.
fn ask(readings: &[Reading]) -> ReadError {
    let mut told: Vec<&Reading> = Vec::new();
    for reading in readings {
        if told.iter().all(|other| other.words != reading.words) {
            told.push(reading);
        }
    }
    let count = readings.first().map_or(0, |reading| reading.words.len());
    let word = |reading: &Reading, at: usize| reading.words.get(at).cloned().unwrap_or_default();
    let different = |at: usize| {
        let mut seen: Vec<String> = told.iter().map(|reading| word(reading, at)).collect();
        seen.sort();
        seen.dedup();
        seen.len()
    };
    // The first of the cells that tell most readings apart.
    let best = (0..count).max_by_key(|at| (different(*at), std::cmp::Reverse(*at)));
    let candidates = told
        .iter()
        .take(4)
        .map(|reading| EncodingCandidate {
            encoding: reading.encoding.name(),
            example: word(reading, best.unwrap_or(0)).trim().to_owned(),
        })
        .collect();
    ReadError::AmbiguousEncoding { candidates }
}
