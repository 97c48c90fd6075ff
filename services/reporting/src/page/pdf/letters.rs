//! The letters of Helvetica: their codes in Windows-1252 and their widths, as Adobe's metrics of the font state them.
//!
//! Deliberately without kerning.

/// Widths of the codes 32 to 126 in thousandths of the size.
const ASCII: [u16; 95] = [
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556,
    556, 556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667,
    611, 778, 722, 278, 500, 667, 556, 833, 722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667,
    667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500,
    222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
];
/// Bold letters are wider by about so much.
const BOLD: f64 = 1.07;
/// What of Windows-1252 is not where Unicode has it: the codes 128 to 159.
const WINDOWS: [(char, u8); 27] = [
    ('€', 128),
    ('‚', 130),
    ('ƒ', 131),
    ('„', 132),
    ('…', 133),
    ('†', 134),
    ('‡', 135),
    ('ˆ', 136),
    ('‰', 137),
    ('Š', 138),
    ('‹', 139),
    ('Œ', 140),
    ('Ž', 142),
    ('‘', 145),
    ('’', 146),
    ('“', 147),
    ('”', 148),
    ('•', 149),
    ('–', 150),
    ('—', 151),
    ('˜', 152),
    ('™', 153),
    ('š', 154),
    ('›', 155),
    ('œ', 156),
    ('ž', 158),
    ('Ÿ', 159),
];
/// Letters of Latin scripts that are not in it, by the letter that they are written with here.
const PLAIN: [(&str, char); 30] = [
    ("ĀĂĄ", 'A'),
    ("āăą", 'a'),
    ("ĆĈĊČ", 'C'),
    ("ćĉċč", 'c'),
    ("ĎĐ", 'D'),
    ("ďđ", 'd'),
    ("ĒĔĖĘĚ", 'E'),
    ("ēĕėęě", 'e'),
    ("ĜĞĠĢ", 'G'),
    ("ĝğġģ", 'g'),
    ("ĤĦ", 'H'),
    ("ĥħ", 'h'),
    ("ĨĪĬĮİ", 'I'),
    ("ĩīĭįı", 'i'),
    ("ĹĻĽŁ", 'L'),
    ("ĺļľł", 'l'),
    ("ŃŅŇ", 'N'),
    ("ńņň", 'n'),
    ("ŌŎŐ", 'O'),
    ("ōŏő", 'o'),
    ("ŔŖŘ", 'R'),
    ("ŕŗř", 'r'),
    ("ŚŜŞȘ", 'S'),
    ("śŝşș", 's'),
    ("ŢŤȚ", 'T'),
    ("ţťț", 't'),
    ("ŨŪŬŮŰŲ", 'U'),
    ("ũūŭůűų", 'u'),
    ("ŹŻ", 'Z'),
    ("źż", 'z'),
];

/// The code of a letter, and whether it is that letter indeed.
fn code(letter: char) -> (u8, bool) {
    match letter {
        '\u{a0}' => return (b' ', true),
        ' '..='~' | '\u{a1}'..='ÿ' => {
            return (u8::try_from(u32::from(letter)).unwrap_or(b'?'), true);
        }
        c if c.is_whitespace() || c.is_control() => return (b' ', true),
        '−' => return (b'-', true),
        _ => {}
    }
    if let Some((_, code)) = WINDOWS.iter().find(|(of, _)| *of == letter) {
        return (*code, true);
    }
    let plain = PLAIN.iter().find(|(of, _)| of.contains(letter));
    let plain = plain.and_then(|(_, plain)| u8::try_from(u32::from(*plain)).ok());
    (plain.unwrap_or(b'?'), false)
}

/// A text in the font's codes, and whether it has all of its letters.
pub(super) fn encoded(text: &str) -> (Vec<u8>, bool) {
    let codes: Vec<(u8, bool)> = text.chars().map(code).collect();
    let whole = codes.iter().all(|(_, same)| *same);
    (codes.into_iter().map(|(code, _)| code).collect(), whole)
}

/// Width of a text at size one.
pub(super) fn width(text: &str, bold: bool) -> f64 {
    let (codes, _) = encoded(text);
    let thousandths: f64 = codes.iter().map(|code| f64::from(of(*code))).sum();
    thousandths / 1000.0 * if bold { BOLD } else { 1.0 }
}

fn of(code: u8) -> u16 {
    match code {
        32..=126 => ASCII[usize::from(code - 32)],
        133 | 137 | 140 | 151 | 153 | 198 => 1000,
        156 => 944,
        230 => 889,
        130 | 139 | 145 | 146 | 155 | 161 => 333,
        132 | 147 | 148 => 333,
        149 => 350,
        150 => 556,
        192..=197 | 200..=203 | 138 | 159 | 221 | 222 => 667,
        199 | 208 | 209 | 217..=220 => 722,
        204..=207 | 236..=239 => 278,
        210..=214 | 216 => 778,
        215 | 247 => 584,
        142 | 223 | 248 => 611,
        231 | 154 | 158 | 253 | 255 => 500,
        _ => 556,
    }
}

/// A text in lines of at most a width at a size; words that are longer are cut, and a percent sign stays with its number.
pub(super) fn lines(text: &str, bold: bool, size: f64, room: f64) -> Vec<String> {
    let fits = |line: &str| width(line, bold) * size <= room;
    let mut lines = Vec::new();
    let mut line = String::new();
    let text = text.replace(" %", "\u{a0}%");
    let blank = |letter: char| letter.is_whitespace() && letter != '\u{a0}';
    for word in text.split(blank).filter(|word| !word.is_empty()) {
        let longer = match line.as_str() {
            "" => word.to_owned(),
            line => format!("{line} {word}"),
        };
        if fits(&longer) {
            line = longer;
            continue;
        }
        if !line.is_empty() {
            lines.push(std::mem::take(&mut line));
        }
        for letter in word.chars() {
            line.push(letter);
            if !fits(&line) && line.chars().count() > 1 {
                line.pop();
                lines.push(std::mem::take(&mut line));
                line.push(letter);
            }
        }
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_written_or_told_of() {
        assert_eq!(
            encoded("Zürich – 5 €"),
            (b"Z\xfcrich \x96 5 \x80".to_vec(), true)
        );
        assert_eq!(encoded("Łódź"), (b"L\xf3dz".to_vec(), false));
        assert_eq!(encoded("日本"), (b"??".to_vec(), false));
    }

    #[test]
    fn lines_fit_and_lose_nothing() {
        let text = "Some words and averyveryverylongwordthatdoesnotfitanywhere at all";
        let found = lines(text, false, 10.0, 80.0);
        assert!(
            found.iter().all(|line| width(line, false) * 10.0 <= 80.0),
            "{found:?}"
        );
        let letters = |text: &str| text.replace(' ', "");
        assert_eq!(letters(&found.concat()), letters(text));
        assert_eq!(lines("", true, 8.0, 50.0), [""]);
        assert_eq!(
            lines("up to 12.5 %", false, 10.0, 52.0),
            ["up to", "12.5\u{a0}%"]
        );
    }
}
