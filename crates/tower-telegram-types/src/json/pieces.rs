//! Strings of one text that share their memory.
//!
//! A keyboard can have hundreds of strings that are too long to be kept in place, and a block of its own
//! for each would be most of what the update allocates. From the [`OWN`]th on they are parts of pieces
//! that are copied whole. A piece is small, as each of its strings keeps all of it in memory.

use std::{ops::Range, sync::Arc};

use crate::types::Str;

/// So many long strings of a text have a block of their own each: an update without a keyboard has fewer.
const OWN: u8 = 16;

/// How many bytes are copied at once.
const PIECE: usize = 1 << 10;

/// A longer string has a block of its own.
const LONGEST: usize = 256;

#[derive(Debug, Default)]
pub(super) struct Pieces {
    own: u8,
    /// The last piece, and where in the text it starts.
    last: Option<(usize, Arc<Box<str>>)>,
}

impl Pieces {
    /// The string that stands at `at`.
    #[inline]
    pub(super) fn string(&mut self, text: &str, at: Range<usize>) -> Str {
        if at.len() <= Str::IN_PLACE {
            return Str::from(&text[at]);
        }
        self.long_string(text, at)
    }

    fn long_string(&mut self, text: &str, at: Range<usize>) -> Str {
        if self.own < OWN || at.len() > LONGEST {
            self.own = self.own.saturating_add(1);
            return Str::from(&text[at]);
        }
        let (start, piece) = match &self.last {
            Some((start, piece)) if *start <= at.start && at.end <= start + piece.len() => {
                (*start, piece)
            }
            _ => {
                let piece = Arc::new(piece(&text[at.start..]).into());
                (at.start, &self.last.insert((at.start, piece)).1)
            }
        };
        Str::part(piece, at.start - start..at.end - start)
    }
}

/// What is copied of a text.
fn piece(text: &str) -> &str {
    let mut end = PIECE.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{LONGEST, OWN, PIECE, Pieces};
    use crate::{json, types::Str};

    #[test]
    fn many_strings_are_read_as_they_were_written() {
        let strings: Vec<String> = (0..300)
            .map(|n| match n % 5 {
                0 => "ü".repeat(n % 200),
                1 => format!("\"{}\\", "x".repeat(40)),
                2 => "😀".repeat(n % 90),
                3 => "a".repeat(n),
                _ => format!("{n:060}"),
            })
            .collect();
        let text = serde_json::to_string(&strings).unwrap();
        let read: Vec<Str> = json::from_str(&text).unwrap();
        assert_eq!(read, strings);
        let copied: Vec<String> = read.into_iter().map(String::from).collect();
        assert_eq!(copied, strings);
    }

    #[test]
    fn strings_share_a_piece_from_a_certain_number_on() {
        let text = "x".repeat(PIECE + 100);
        let mut pieces = Pieces::default();
        for _ in 0..OWN {
            drop(pieces.string(&text, 0..100));
        }
        assert!(pieces.last.is_none());
        let kept = [
            pieces.string(&text, 0..100),
            pieces.string(&text, PIECE - 100..PIECE),
        ];
        let (_, first) = pieces.last.clone().unwrap();
        // This place, the one in `pieces`, and the two strings'.
        assert_eq!(Arc::strong_count(&first), 4);
        assert_eq!(pieces.string(&text, PIECE - 99..PIECE + 1).len(), 100);
        // The text is read again from further up.
        assert_eq!(pieces.string(&text, 0..100).len(), 100);
        assert_eq!(Arc::strong_count(&first), 3);
        assert_eq!(pieces.string(&text, 0..LONGEST + 1).len(), LONGEST + 1);
        drop(kept);
        assert_eq!(Arc::strong_count(&first), 1);
    }
}
