//! Splitting of a text that is too long for one message.

use std::ops::Range;

use super::{
    FormattedText,
    boundaries::{Boundary, CutPlace, boundaries, is_blank, is_space},
    nesting::{EntityMark, marks},
    utf16,
};
use crate::types::{MessageEntity, MessageEntityType as Kind};

/// The most UTF-16 code units that the text of a message may have.
pub const MAX_MESSAGE: usize = 4096;

/// The most UTF-16 code units that a caption may have.
pub const MAX_CAPTION: usize = 1024;

/// Splits a text with its entities into parts of at most `limit` UTF-16 code units, such as
/// [`MAX_MESSAGE`] or [`MAX_CAPTION`].
///
/// A part ends with a paragraph, if there is one that ends within the limit; else with a line; else
/// with a word; else with a character. It is as long as it can be then.
///
/// - **Entities** aren't cut: the part ends before a link, a mention or bold text that it can't
///   hold. One that is over the limit by itself is cut as text is. A code block or a quotation over
///   the limit is cut at a line, or in the line if that is over the limit, and goes on in the next
///   part, with its language. If entities overlap so that no other place is left, they are cut too.
///   An entity whose range the text doesn't have is left out.
/// - **White space** at a part's ends is left out, as Telegram does; a line of code keeps its
///   indentation. Nothing else is left out. No part is only white space, which Telegram refuses; of a
///   text that is, there is no part.
/// - **Characters** are kept whole, with their combining marks, and so are emoji of several parts,
///   unless one is over the limit. A single `char` always goes into a part, even if `limit` is 0 or
///   1.
///
/// ```
/// use tower_telegram::text::{Builder, split};
///
/// let text = Builder::new().text("Some words, ").link("a link", "https://example.org").build();
/// let parts = split(&text.text, &text.entities, 15);
/// let texts: Vec<_> = parts.iter().map(|part| part.text.as_str()).collect();
/// assert_eq!(texts, ["Some words,", "a link"]);
/// assert_eq!((parts[1].entities[0].offset, parts[1].entities[0].length), (0, 6));
/// ```
pub fn split(text: &str, entities: &[MessageEntity], limit: usize) -> Vec<FormattedText> {
    let marks = marks(text, entities);
    let splitter = TextSplitter::new(text, &marks, limit);
    let parts = splitter.parts().into_iter();
    parts.map(|part| splitter.part(&part, &marks)).collect()
}

/// Splits a text without entities into parts of at most `limit` UTF-16 code units.
///
/// As with [`split`], which says where it's cut.
///
/// ```
/// use tower_telegram::text::split_plain;
///
/// assert_eq!(split_plain("One.\n\nTwo and three.", 10), ["One.", "Two and", "three."]);
/// ```
pub fn split_plain(text: &str, limit: usize) -> Vec<&str> {
    let parts = TextSplitter::new(text, &[], limit).parts().into_iter();
    parts.filter_map(|part| text.get(part)).collect()
}

impl FormattedText {
    /// The text in parts of at most `limit` UTF-16 code units. See [`split`].
    ///
    /// ```
    /// use tower_telegram::{text::{Builder, MAX_MESSAGE}, types::ChatId};
    ///
    /// let log = "GET / 200\n".repeat(1000);
    /// let text = Builder::new().bold("Log").newline().pre(log, "").build();
    /// let messages = text.split(MAX_MESSAGE).into_iter().map(|part| part.into_message(7));
    /// assert_eq!(messages.count(), 3);
    /// ```
    pub fn split(&self, limit: usize) -> Vec<Self> {
        split(&self.text, &self.entities, limit)
    }
}

struct TextSplitter<'a> {
    text: &'a str,
    limit: usize,
    boundaries: Vec<Boundary>,
    /// For each boundary, the harm of a cut there.
    harms: Vec<CutHarm>,
    /// The code, whose indentation is kept.
    code: Vec<Range<usize>>,
}

/// The harm that a cut does to entities, from none to the worst.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum CutHarm {
    None,
    CutsLine,
    CutsEntity,
}

impl<'a> TextSplitter<'a> {
    fn new(text: &'a str, marks: &[EntityMark<'_>], limit: usize) -> Self {
        let boundaries = boundaries(text);
        let shown: Vec<_> = marks.iter().map(|mark| shown(text, mark)).collect();
        let harms = harms(&boundaries, &shown, limit);
        let code = shown.iter().filter(|mark| is_code(mark.entity));
        let mut code: Vec<_> = code.map(|mark| mark.range.clone()).collect();
        code.sort_unstable_by_key(|range| range.start);
        Self {
            text,
            limit,
            boundaries,
            harms,
            code: disjoint(code),
        }
    }

    fn parts(&self) -> Vec<Range<usize>> {
        let mut parts = Vec::new();
        let mut at = 0;
        let length = self.text.trim_end_matches(is_space).len();
        while let Some(start) = self.start_after(at).filter(|&start| start < length) {
            let cut = self.cut_after(start, length);
            let part = self.text.get(start..cut).unwrap_or_default();
            let end = start + part.trim_end_matches(is_space).len();
            if !is_blank(part) {
                parts.push(start..end);
            }
            // From the end of this part, because the next start depends on all the white space.
            at = if end > start { end } else { cut };
        }
        parts
    }

    /// Where the next part starts: after the white space at `at`, but before the indentation of a
    /// line of code.
    fn start_after(&self, at: usize) -> Option<usize> {
        let mut start = at;
        let mut is_indentation = self.text.get(..at)?.ends_with('\n');
        for (byte, char) in self.text.get(at..)?.char_indices() {
            let here = at + byte;
            if !is_space(char) {
                break;
            }
            let code = self.code_at(here);
            is_indentation |= code.is_some_and(|code| code.start == here);
            if char == '\n' || code.is_none() || !is_indentation {
                start = here + char.len_utf8();
            }
            is_indentation |= char == '\n';
        }
        Some(start)
    }

    fn code_at(&self, byte: usize) -> Option<&Range<usize>> {
        let next = self.code.partition_point(|code| code.end <= byte);
        self.code.get(next).filter(|code| code.start <= byte)
    }

    fn index(&self, byte: usize) -> usize {
        self.boundaries
            .partition_point(|boundary| boundary.byte < byte)
    }

    fn unit(&self, byte: usize) -> usize {
        self.boundaries
            .get(self.index(byte))
            .map_or(0, |boundary| boundary.unit)
    }

    /// Where the part that starts there is cut: after it, and at most at the text's `length`.
    fn cut_after(&self, start: usize, length: usize) -> usize {
        let most = self.unit(start).saturating_add(self.limit);
        let fits = self
            .boundaries
            .partition_point(|boundary| boundary.unit <= most);
        let byte = |at: usize| {
            self.boundaries
                .get(at)
                .map_or(length, |boundary| boundary.byte)
        };
        if fits > 0 && byte(fits - 1) >= length {
            return length;
        }
        // A cut in the indentation would leave nothing before it.
        let rest = self.text.get(start..).unwrap_or_default();
        let visible = start + rest.len() - rest.trim_start_matches(is_space).len();
        let best = (self.index(visible) + 1..fits).rev().min_by_key(|&at| {
            let place = self.boundaries.get(at).map(|boundary| boundary.place);
            (self.harms.get(at), place)
        });
        let next = self.index(start) + 1;
        byte(best.unwrap_or_else(|| next.max(fits.saturating_sub(1))))
    }

    fn part(&self, part: &Range<usize>, marks: &[EntityMark<'_>]) -> FormattedText {
        let offset = self.unit(part.start);
        let entities = marks.iter().filter_map(|mark| {
            let start = mark.range.start.max(part.start);
            let end = mark.range.end.min(part.end);
            if start >= end {
                return None;
            }
            let (start, end) = (self.unit(start), self.unit(end));
            let mut entity = mark.entity.clone();
            entity.offset = utf16::units(start - offset);
            entity.length = utf16::units(end - start);
            Some(entity)
        });
        let text = self.text.get(part.clone()).unwrap_or_default();
        FormattedText::new(text, entities.collect::<Vec<_>>())
    }
}

fn is_code(entity: &MessageEntity) -> bool {
    matches!(entity.kind, Kind::Code | Kind::Pre)
}

/// A mark without the white space at its ends, which a part may lose.
fn shown<'a>(text: &str, mark: &EntityMark<'a>) -> EntityMark<'a> {
    let all = text.get(mark.range.clone()).unwrap_or_default();
    let mut shown = all.trim_end_matches(is_space);
    let end = mark.range.start + shown.len();
    if !is_code(mark.entity) {
        shown = shown.trim_start_matches(is_space);
    }
    EntityMark {
        range: end - shown.len()..end,
        entity: mark.entity,
    }
}

/// The harm of a cut at each boundary.
fn harms(boundaries: &[Boundary], marks: &[EntityMark<'_>], limit: usize) -> Vec<CutHarm> {
    // By how much the number of entities around a boundary differs from that of the one before.
    let mut whole = vec![0_i64; boundaries.len() + 1];
    let mut by_line = whole.clone();
    let index = |byte| boundaries.partition_point(|boundary| boundary.byte < byte);
    for mark in marks.iter().filter(|mark| !mark.range.is_empty()) {
        let (start, end) = (index(mark.range.start), index(mark.range.end));
        let is_over = boundaries[end].unit - boundaries[start].unit > limit;
        let is_block = matches!(
            mark.entity.kind,
            Kind::Pre | Kind::Blockquote | Kind::ExpandableBlockquote
        );
        let around = match (is_over, is_block) {
            (false, _) => &mut whole,
            (true, true) => &mut by_line,
            (true, false) => continue,
        };
        around[start + 1] += 1;
        around[end] -= 1;
    }
    let (mut in_whole, mut in_block) = (0, 0);
    let each = boundaries.iter().zip(whole.iter().zip(&by_line));
    each.map(|(boundary, (whole, by_line))| {
        in_whole += whole;
        in_block += by_line;
        if in_whole > 0 {
            CutHarm::CutsEntity
        } else if in_block > 0 && boundary.place > CutPlace::Lines {
            CutHarm::CutsLine
        } else {
            CutHarm::None
        }
    })
    .collect()
}

/// Joins sorted ranges that overlap.
fn disjoint(ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    let mut joined: Vec<Range<usize>> = Vec::new();
    for range in ranges {
        match joined.last_mut() {
            Some(last) if range.start < last.end => last.end = last.end.max(range.end),
            _ => joined.push(range),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entity(kind: Kind, range: &Range<usize>) -> MessageEntity {
        MessageEntity::new(kind, utf16::units(range.start), utf16::units(range.len()))
    }

    fn texts(parts: &[FormattedText]) -> Vec<&str> {
        parts.iter().map(|part| part.text.as_str()).collect()
    }

    #[test]
    fn the_best_place_for_a_cut_is_taken() {
        for (text, limit, expected) in [
            ("", 5, vec![]),
            ("abc", 3, vec!["abc"]),
            ("  abc \n", 3, vec!["abc"]),
            ("a\n\nb\nc d", 6, vec!["a", "b\nc d"]),
            ("a\nb c d", 6, vec!["a", "b c d"]),
            ("a b cdef", 6, vec!["a b", "cdef"]),
            ("abc def", 3, vec!["abc", "def"]),
            ("abc    def", 3, vec!["abc", "def"]),
            ("abcdefg", 3, vec!["abc", "def", "g"]),
            ("a\n\nb\n\nc", 5, vec!["a\n\nb", "c"]),
            ("ab😀", 3, vec!["ab", "😀"]),
            ("abe\u{301}", 3, vec!["ab", "e\u{301}"]),
            ("e\u{301}\u{301}", 2, vec!["e\u{301}", "\u{301}"]),
            ("a👩\u{200d}👧", 5, vec!["a", "👩\u{200d}👧"]),
            ("a🇺🇳🇺🇳", 6, vec!["a🇺🇳", "🇺🇳"]),
            ("😀a", 1, vec!["😀", "a"]),
            ("😀a", 0, vec!["😀", "a"]),
            ("a\u{a0}\u{a0}\u{a0}b", 1, vec!["a", "b"]),
            (" \n\t ", 1, vec![]),
            ("a                b", 2, vec!["a", "b"]),
        ] {
            assert_eq!(split_plain(text, limit), expected, "{text:?} {limit}");
            assert_eq!(
                texts(&split(text, &[], limit)),
                expected,
                "{text:?} {limit}"
            );
        }
    }

    #[test]
    fn entities_are_cut_only_where_they_may_be() {
        use Kind::{Blockquote, Bold, Code, Pre};
        for (text, kind, range, limit, expected) in [
            ("ab cd ef", Bold, 3..8, 6, vec!["ab", "cd ef"]),
            ("ab cd ef", Bold, 2..6, 5, vec!["ab cd", "ef"]),
            ("abcd", Bold, 1..3, 2, vec!["a", "bc", "d"]),
            ("ab cd ef", Bold, 0..8, 5, vec!["ab cd", "ef"]),
            ("x a b\nc d", Pre, 2..9, 6, vec!["x a b", "c d"]),
            ("x a b\nc d", Blockquote, 2..9, 6, vec!["x a b", "c d"]),
            ("x\na\nb", Pre, 2..5, 4, vec!["x", "a\nb"]),
            ("a\n  b\n\n  c", Pre, 0..10, 4, vec!["a", "  b", "  c"]),
            ("a\n  b\n\n  c", Blockquote, 0..10, 4, vec!["a", "b", "c"]),
            ("a \n b", Code, 3..5, 2, vec!["a", " b"]),
            ("abc def", Pre, 0..7, 3, vec!["abc", "def"]),
            ("abcd", Pre, 0..4, 3, vec!["abc", "d"]),
            ("a     b", Pre, 0..7, 2, vec!["a", "b"]),
        ] {
            let parts = split(text, &[entity(kind.clone(), &range)], limit);
            assert_eq!(texts(&parts), expected, "{text:?} {kind} {range:?} {limit}");
        }
    }

    #[test]
    fn what_goes_on_in_the_next_part_has_the_same_entity() {
        let pre = entity(Kind::Pre, &(3..8)).language("rust");
        let parts = split("😀 a\nb\nc", &[pre], 3);
        assert_eq!(texts(&parts), ["😀", "a\nb", "c"]);
        let entities: Vec<_> = parts.into_iter().map(|part| part.entities).collect();
        let pre = |length| entity(Kind::Pre, &(0..length)).language("rust");
        assert_eq!(entities, [vec![], vec![pre(3)], vec![pre(1)]]);
    }

    #[test]
    fn telegrams_limits_hold_for_a_long_text() {
        let text = "Word 😀 and words.\n".repeat(2000);
        for limit in [MAX_CAPTION, MAX_MESSAGE] {
            let parts = split_plain(&text, limit);
            assert!(parts.iter().all(|part| utf16::length(part) <= limit));
            assert!(
                parts
                    .iter()
                    .rev()
                    .skip(1)
                    .all(|part| utf16::length(part) > limit - 40)
            );
            assert_eq!(parts.join("\n"), text.trim_end());
        }
    }

    /// All texts of so many characters.
    fn all_texts(length: u32) -> impl Iterator<Item = String> {
        const CHARS: [char; 4] = ['a', ' ', '\n', '😀'];
        (0..4_usize.pow(length)).map(move |number| {
            (0..length)
                .map(|at| CHARS[number / 4_usize.pow(at) % 4])
                .collect()
        })
    }

    /// All ranges of a text, in UTF-16 code units, that aren't empty.
    fn all_ranges(text: &str) -> Vec<Range<usize>> {
        let units: Vec<_> = boundaries(text)
            .iter()
            .map(|boundary| boundary.unit)
            .collect();
        let from = units.iter().enumerate();
        from.flat_map(|(at, &start)| units[at + 1..].iter().map(move |&end| start..end))
            .collect()
    }

    /// Each visible character, with the number of entities of each kind over it.
    fn visible(text: &str, entities: &[MessageEntity]) -> Vec<(char, Vec<Kind>)> {
        let mut unit = 0;
        let mut visible = Vec::new();
        for char in text.chars() {
            let over = entities.iter().filter(|entity| {
                let [start, end] = utf16::range(entity).unwrap();
                start <= unit && unit < end
            });
            if !is_space(char) {
                visible.push((char, over.map(|entity| entity.kind.clone()).collect()));
            }
            unit += char.len_utf16();
        }
        visible
    }

    fn check(text: &str, entities: &[MessageEntity], limit: usize) -> Vec<FormattedText> {
        let parts = split(text, entities, limit);
        let context = || format!("{text:?} {entities:?} {limit}: {parts:?}");
        for part in &parts {
            let is_one = part.text.chars().count() == 1;
            assert!(part.units() <= limit || is_one, "{}", context());
            assert!(!part.text.trim().is_empty(), "{}", context());
            assert_eq!(part.text, part.text.trim_end(), "{}", context());
            for entity in &part.entities {
                let slice = entity.slice(&part.text);
                assert!(
                    slice.is_some_and(|slice| !slice.is_empty()),
                    "{}",
                    context()
                );
            }
            let starts_in_code = part
                .entities
                .iter()
                .any(|entity| entity.kind == Kind::Pre && entity.offset == 0);
            assert!(
                starts_in_code || part.text == part.text.trim_start(),
                "{}",
                context()
            );
        }
        let together = parts
            .iter()
            .flat_map(|part| visible(&part.text, &part.entities));
        assert_eq!(
            together.collect::<Vec<_>>(),
            visible(text, entities),
            "{}",
            context()
        );
        parts
    }

    #[test]
    fn every_short_text_with_every_entity_is_split_well() {
        for text in (0..=5).flat_map(all_texts) {
            for range in all_ranges(&text) {
                for kind in [Kind::Bold, Kind::Pre] {
                    let entity = entity(kind.clone(), &range);
                    let inner = entity.slice(&text).unwrap();
                    for limit in 0..=8 {
                        let parts = check(&text, std::slice::from_ref(&entity), limit);
                        let with = parts
                            .iter()
                            .filter(|part| !part.entities.is_empty())
                            .count();
                        let is_cut = with > 1;
                        let fits = utf16::length(inner) <= limit;
                        assert!(
                            !is_cut || !fits,
                            "{text:?} {kind} {range:?} {limit}: {parts:?}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn every_short_text_with_every_two_entities_is_split_well() {
        for text in (0..=4).flat_map(all_texts) {
            for first in all_ranges(&text) {
                for second in all_ranges(&text) {
                    let entities = [entity(Kind::Bold, &first), entity(Kind::Pre, &second)];
                    for limit in [0, 1, 2, 3, 5] {
                        check(&text, &entities, limit);
                    }
                }
            }
        }
    }

    #[test]
    fn code_is_cut_at_its_lines_where_these_fit() {
        for text in (0..=6).flat_map(all_texts) {
            let pre = entity(Kind::Pre, &(0..utf16::length(&text)));
            for limit in 1..=8 {
                if text.lines().any(|line| utf16::length(line) > limit) {
                    continue;
                }
                let parts = check(&text, std::slice::from_ref(&pre), limit);
                let lines = parts
                    .iter()
                    .flat_map(|part| part.text.lines().map(str::trim_end));
                let lines: Vec<_> = lines.filter(|line| !line.is_empty()).collect();
                let all = text
                    .lines()
                    .map(str::trim_end)
                    .filter(|line| !line.is_empty());
                assert_eq!(lines, all.collect::<Vec<_>>(), "{text:?} {limit} {parts:?}");
            }
        }
    }

    #[test]
    fn entities_that_the_text_does_not_have_are_left_out() {
        let wrong = [
            (-1, 2),
            (0, 9),
            (1, 1),
            (2, 0),
            (i64::MAX, 1),
            (i64::MIN, i64::MIN),
        ];
        let wrong = wrong.map(|(offset, length)| MessageEntity::new(Kind::Bold, offset, length));
        assert_eq!(split("😀ab", &wrong, 3), split("😀ab", &[], 3));
    }
}
