//! The places at which a text can be cut.

/// The units of text that a cut would divide. The first is the best place to cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum CutPlace {
    Paragraphs,
    Lines,
    Words,
    Characters,
    /// A letter and its marks, or the parts of an emoji.
    OneCharacter,
}

/// A boundary between two `char`s, or an end of the text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Boundary {
    pub(super) byte: usize,
    /// The same in UTF-16 code units.
    pub(super) unit: usize,
    pub(super) place: CutPlace,
}

/// All boundaries of a text, from its start to its end.
pub(super) fn boundaries(text: &str) -> Vec<Boundary> {
    let mut all = vec![Boundary {
        byte: 0,
        unit: 0,
        place: CutPlace::Characters,
    }];
    let (mut unit, mut space) = (0, None);
    let mut last = LastChar::default();
    for (byte, char) in text.char_indices() {
        if is_space(char) {
            let (_, line_breaks) = space.get_or_insert((all.len() - 1, 0));
            *line_breaks += u32::from(char == '\n');
        } else if let Some((from, line_breaks)) = space.take() {
            set_place(&mut all, from, line_breaks);
        } else if last.belongs_with(char)
            && let Some(before) = all.last_mut()
        {
            before.place = CutPlace::OneCharacter;
        }
        last.pass(char);
        unit += char.len_utf16();
        all.push(Boundary {
            byte: byte + char.len_utf8(),
            unit,
            place: CutPlace::Characters,
        });
    }
    if let Some((from, line_breaks)) = space {
        set_place(&mut all, from, line_breaks);
    }
    all
}

/// Sets one place for all boundaries in and around a run of white space, because none of it is kept.
fn set_place(all: &mut [Boundary], from: usize, line_breaks: u32) {
    let place = match line_breaks {
        0 => CutPlace::Words,
        1 => CutPlace::Lines,
        _ => CutPlace::Paragraphs,
    };
    for boundary in all.iter_mut().skip(from) {
        boundary.place = place;
    }
}

/// White space at which a text may be cut: not that which keeps words together.
pub(super) fn is_space(char: char) -> bool {
    // Telegram makes spaces of control characters.
    char <= ' ' || char.is_whitespace() && !matches!(char, '\u{a0}' | '\u{2007}' | '\u{202f}')
}

/// Whether there is nothing to be seen in a text, so that Telegram refuses it.
pub(super) fn is_blank(text: &str) -> bool {
    text.chars().all(|char| {
        is_space(char)
            || matches!(
                char,
                '\u{a0}' | '\u{ad}' | '\u{180e}' | '\u{2007}' | '\u{200b}'..='\u{200f}'
                    | '\u{202a}'..='\u{202f}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{feff}'
                    | '\u{fffc}' | '\u{e0000}'..='\u{e007f}'
            )
    })
}

/// The properties of the character before a boundary that decide whether the next one belongs to it.
#[derive(Default)]
struct LastChar {
    is_joiner: bool,
    /// Whether it is the first of the two letters of a flag.
    begins_flag: bool,
}

impl LastChar {
    fn belongs_with(&self, next: char) -> bool {
        self.is_joiner || extends(next) || self.begins_flag && is_flag_letter(next)
    }

    fn pass(&mut self, char: char) {
        self.is_joiner = char == JOINER;
        self.begins_flag = is_flag_letter(char) && !self.begins_flag;
    }
}

const JOINER: char = '\u{200d}';

fn is_flag_letter(char: char) -> bool {
    matches!(char, '\u{1f1e6}'..='\u{1f1ff}')
}

/// Whether the character is shown as one with the one before it. These are the marks of scripts in
/// wide use and those of emoji, not all of Unicode's.
fn extends(char: char) -> bool {
    matches!(
        char,
        '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{591}'..='\u{5bd}' | '\u{5bf}'
            | '\u{5c1}'..='\u{5c2}' | '\u{5c4}'..='\u{5c5}' | '\u{5c7}' | '\u{610}'..='\u{61a}'
            | '\u{64b}'..='\u{65f}' | '\u{670}' | '\u{6d6}'..='\u{6dc}' | '\u{6df}'..='\u{6e4}'
            | '\u{6e7}'..='\u{6e8}' | '\u{6ea}'..='\u{6ed}' | '\u{900}'..='\u{903}'
            | '\u{93a}'..='\u{93c}' | '\u{93e}'..='\u{94f}' | '\u{951}'..='\u{957}' | '\u{e31}'
            | '\u{e34}'..='\u{e3a}' | '\u{e47}'..='\u{e4e}' | '\u{1ab0}'..='\u{1aff}'
            | '\u{1dc0}'..='\u{1dff}' | JOINER | '\u{20d0}'..='\u{20ff}' | '\u{3099}'..='\u{309a}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{fe20}'..='\u{fe2f}' | '\u{1f3fb}'..='\u{1f3ff}'
            | '\u{e0020}'..='\u{e007f}' | '\u{e0100}'..='\u{e01ef}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_boundary_says_what_a_cut_there_divides() {
        for (text, expected) in [
            ("", "c"),
            ("ab", "ccc"),
            ("a b", "cwwc"),
            ("a \nb", "clllc"),
            ("a\n \nb", "cppppc"),
            ("a\t\u{3000}b", "cwwwc"),
            ("a\u{a0}b", "cccc"),
            ("e\u{301}x", "c1cc"),
            ("👩\u{200d}👧", "c11c"),
            ("👍🏽", "c1c"),
            ("🇺🇳🇺🇳🇺", "c1c1cc"),
            ("☺\u{fe0f}", "c1c"),
            ("a ", "cww"),
        ] {
            let places: String = boundaries(text)
                .iter()
                .map(|boundary| match boundary.place {
                    CutPlace::Paragraphs => 'p',
                    CutPlace::Lines => 'l',
                    CutPlace::Words => 'w',
                    CutPlace::Characters => 'c',
                    CutPlace::OneCharacter => '1',
                })
                .collect();
            assert_eq!(places, expected, "{text:?}");
        }
    }

    #[test]
    fn what_cannot_be_seen_is_blank() {
        for text in [
            "",
            " \n\t",
            "\u{a0}",
            "\u{200b}\u{feff}",
            "\u{2800}\u{3000}",
        ] {
            assert!(is_blank(text), "{text:?}");
        }
        for text in ["a", " . ", "\u{200b}a", "😀"] {
            assert!(!is_blank(text), "{text:?}");
        }
    }
}
