//! The code pages of DOS that old programs in Europe and America still export.
//!
//! Deliberately three small tables: `encoding_rs` knows what browsers know, and these are not of it.

/// A code page of one byte per character; the lower half is ASCII.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct CodePage {
    /// Its name, as it can be stated.
    pub(super) name: &'static str,
    /// The 128 characters of the upper half.
    high: &'static str,
}

/// America.
pub(super) static CP437: CodePage = CodePage {
    name: "cp437",
    high: concat!(
        "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒ",
        "áíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐",
        "└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀",
        "αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}",
    ),
};

/// Western Europe.
pub(super) static CP850: CodePage = CodePage {
    name: "cp850",
    high: concat!(
        "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜø£Ø×ƒ",
        "áíóúñÑªº¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐",
        "└┴┬├─┼ãÃ╚╔╩╦╠═╬¤ðÐÊËÈıÍÎÏ┘┌█▄¦Ì▀",
        "ÓßÔÒõÕµþÞÚÛÙýÝ¯´\u{ad}±‗¾¶§÷¸°¨·¹³²■\u{a0}",
    ),
};

/// Central Europe.
pub(super) static CP852: CodePage = CodePage {
    name: "cp852",
    high: concat!(
        "ÇüéâäůćçłëŐőîŹÄĆÉĹĺôöĽľŚśÖÜŤťŁ×č",
        "áíóúĄąŽžĘę¬źČş«»░▒▓│┤ÁÂĚŞ╣║╗╝Żż┐",
        "└┴┬├─┼Ăă╚╔╩╦╠═╬¤đĐĎËďŇÍÎě┘┌█▄ŢŮ▀",
        "ÓßÔŃńňŠšŔÚŕŰýÝţ´\u{ad}˝˛ˇ˘§÷¸°¨˙űŘř■\u{a0}",
    ),
};

/// The code page of a label such as `cp850`, `IBM850`, `dos-850` or `850`.
pub(super) fn of_label(label: &str) -> Option<&'static CodePage> {
    let label = label.trim().to_ascii_lowercase();
    let number = ["cp", "ibm", "dos", "oem"]
        .iter()
        .find_map(|prefix| label.strip_prefix(prefix))
        .unwrap_or(&label);
    [&CP437, &CP850, &CP852].into_iter().find(|page| {
        page.name.strip_prefix("cp") == Some(number.trim_start_matches(['-', '_', ' ']))
    })
}

impl CodePage {
    /// The character of a byte.
    pub(super) fn char_of(&self, byte: u8) -> char {
        match byte.checked_sub(128) {
            None => char::from(byte),
            Some(place) => self
                .high
                .chars()
                .nth(usize::from(place))
                .unwrap_or('\u{fffd}'),
        }
    }

    /// Appends bytes as UTF-8.
    pub(super) fn decode(&self, bytes: &[u8], output: &mut Vec<u8>) {
        let mut table = ['\u{fffd}'; 128];
        for (place, found) in table.iter_mut().zip(self.high.chars()) {
            *place = found;
        }
        for byte in bytes {
            match byte.checked_sub(128) {
                None => output.push(*byte),
                Some(place) => {
                    let found = table.get(usize::from(place)).copied().unwrap_or('\u{fffd}');
                    output.extend_from_slice(found.encode_utf8(&mut [0; 4]).as_bytes());
                }
            }
        }
    }
}
