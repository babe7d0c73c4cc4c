//! A text with its entities.

use serde_json::Value;

use super::{
    detect::detect,
    entity::{range, utf16_length},
};

/// A text with its entities.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Formatted {
    pub(crate) text: String,
    pub(crate) entities: Vec<Value>,
}

impl Formatted {
    /// Removes white space from both ends like the server: at the start only before the first entity, so
    /// that code keeps its indentation.
    pub(super) fn trim(&mut self) {
        let first = self.entities.iter().map(|entity| range(entity).0).min();
        let mut units = 0;
        let trimmed = self.text.trim_start_matches(|c: char| {
            let is_before = first.is_none_or(|first| units < first);
            units += c.len_utf16();
            is_before && c.is_whitespace()
        });
        let skipped = self.text.len() - trimmed.len();
        let trimmed = trimmed.trim_end();
        if trimmed.len() == self.text.len() {
            return;
        }
        let start = &self.text[..skipped];
        let (skipped, end) = (utf16_length(start), utf16_length(trimmed));
        self.entities = std::mem::take(&mut self.entities)
            .into_iter()
            .filter_map(|mut entity| {
                let (from, to) = range(&entity);
                let from = from.max(skipped) - skipped;
                let to = to.max(skipped).min(skipped + end) - skipped;
                entity["offset"] = from.into();
                entity["length"] = to.checked_sub(from).filter(|&length| length > 0)?.into();
                Some(entity)
            })
            .collect();
        self.text = trimmed.to_owned();
    }

    /// Adds the entities that the server detects where there are none yet.
    pub(super) fn add_detected(&mut self) {
        for entity in detect(&self.text) {
            let (from, to) = range(&entity);
            let is_free = self.entities.iter().all(|other| {
                let (other_from, other_to) = range(other);
                let is_inside = [
                    "bold",
                    "italic",
                    "underline",
                    "strikethrough",
                    "spoiler",
                    "blockquote",
                ]
                .iter()
                .any(|kind| other["type"] == *kind);
                is_inside || to <= other_from || other_to <= from
            });
            if is_free {
                self.entities.push(entity);
            }
        }
        self.entities.sort_by_key(|entity| {
            let (from, to) = range(entity);
            (from, usize::MAX - to)
        });
    }
}
