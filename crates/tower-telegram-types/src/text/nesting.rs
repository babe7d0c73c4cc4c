//! Entities as markup can have them: each inside another or apart from it.
//!
//! The entities of Telegram's own messages nearly are. These are Telegram's rules, and the treatment of entities that
//! break them:
//!
//! 1. Quotations don't nest or overlap: the first is kept.
//! 2. Links, mentions, custom emoji, dates and code don't nest in or overlap each other, and don't
//!    reach beyond a quotation's edge: the first is kept.
//! 3. Styles, such as bold, are cut at the edges of both, and at each other's where they overlap.
//!    There are none in code.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    ops::Range,
};

use super::utf16::{Utf16Cursor, range};
use crate::types::{MessageEntity, MessageEntityType as Kind};

/// An entity over a range of bytes.
#[derive(Clone, Debug)]
pub(super) struct EntityMark<'a> {
    pub(super) range: Range<usize>,
    pub(super) entity: &'a MessageEntity,
}

/// A step through a text with marks that nest.
#[derive(Debug)]
pub(super) enum MarkupStep<'a> {
    Open(&'a MessageEntity, usize),
    Text(Range<usize>),
    Close(&'a MessageEntity, usize),
}

/// Marks by the rules that apply to them.
#[derive(Default)]
pub(super) struct MarkGroups<'a> {
    pub(super) quotes: Vec<EntityMark<'a>>,
    pub(super) solids: Vec<EntityMark<'a>>,
    styles: Vec<EntityMark<'a>>,
}

/// Whether there can be no style in an entity.
fn allows_no_style(entity: &MessageEntity) -> bool {
    matches!(entity.kind, Kind::Code | Kind::Pre | Kind::DateTime)
}

fn is_quote(entity: &MessageEntity) -> bool {
    matches!(entity.kind, Kind::Blockquote | Kind::ExpandableBlockquote)
}

fn is_style(entity: &MessageEntity) -> bool {
    matches!(
        entity.kind,
        Kind::Bold | Kind::Italic | Kind::Underline | Kind::Strikethrough | Kind::Spoiler
    )
}

/// Whether there is markup for an entity that is neither quotation nor style. Telegram finds mentions by name, hashtags
/// and addresses by itself.
fn is_solid(entity: &MessageEntity) -> bool {
    match entity.kind {
        Kind::Code | Kind::Pre => true,
        Kind::TextLink => entity.url.as_ref().is_some_and(|url| !url.is_empty()),
        Kind::TextMention => entity.user.is_some(),
        Kind::CustomEmoji => entity.custom_emoji_id.is_some(),
        Kind::DateTime => entity.unix_time.is_some(),
        _ => false,
    }
}

/// The entities over ranges of bytes, in their order, without those whose range the text doesn't
/// have or that are empty.
pub(super) fn marks<'a>(text: &str, entities: &'a [MessageEntity]) -> Vec<EntityMark<'a>> {
    let mut units: Vec<_> = entities.iter().filter_map(range).flatten().collect();
    units.sort_unstable();
    units.dedup();
    let mut cursor = Utf16Cursor::new(text);
    let bytes: BTreeMap<_, _> = units
        .into_iter()
        .filter_map(|unit| Some((unit, cursor.seek(unit)?)))
        .collect();
    let mark = |entity| {
        let [start, end] = range(entity)?;
        let range = *bytes.get(&start)?..*bytes.get(&end)?;
        (!range.is_empty()).then_some(EntityMark { range, entity })
    };
    entities.iter().filter_map(mark).collect()
}

impl<'a> MarkGroups<'a> {
    pub(super) fn new(text: &str, entities: &'a [MessageEntity]) -> Self {
        let mut groups = Self::default();
        for mark in marks(text, entities) {
            if is_quote(mark.entity) {
                groups.quotes.push(mark);
            } else if is_solid(mark.entity) {
                groups.solids.push(mark);
            } else if is_style(mark.entity) {
                groups.styles.push(mark);
            }
        }
        drop_overlapping(&mut groups.quotes);
        groups
    }

    /// Drops the marks that reach over an edge of a mark before them.
    pub(super) fn settle_solids(&mut self) {
        self.solids.retain(|solid| !solid.range.is_empty());
        drop_overlapping(&mut self.solids);
        let quotes = &self.quotes;
        self.solids.retain(|solid| {
            let Range { start, end } = solid.range;
            let next = quotes.partition_point(|quote| quote.range.end <= start);
            quotes.get(next).is_none_or(|quote| {
                end <= quote.range.start || (quote.range.start <= start && end <= quote.range.end)
            })
        });
    }

    /// The steps through the text. There are no styles over the `bare` ranges.
    pub(super) fn steps(self, length: usize, bare: &[Range<usize>]) -> Vec<MarkupStep<'a>> {
        let code = self
            .solids
            .iter()
            .filter(|solid| allows_no_style(solid.entity));
        let mut bare: Vec<_> = code
            .map(|code| code.range.clone())
            .chain(bare.iter().cloned())
            .collect();
        bare.sort_unstable_by_key(|range| range.start);
        let edges = self
            .quotes
            .iter()
            .chain(&self.solids)
            .map(|mark| &mark.range);
        let mut edges: Vec<_> = edges
            .chain(&bare)
            .flat_map(|range| [range.start, range.end])
            .collect();
        edges.sort_unstable();
        edges.dedup();
        let mut marks = self.quotes;
        marks.extend(self.solids);
        for style in join_same(self.styles) {
            cut(&style, &edges, |piece| {
                let next = bare.partition_point(|bare| bare.end <= piece.range.start);
                if bare
                    .get(next)
                    .is_none_or(|bare| piece.range.end <= bare.start)
                {
                    marks.push(piece);
                }
            });
        }
        steps(nest(&marks), length)
    }
}

/// Sorts the marks and keeps the first of those that overlap.
fn drop_overlapping(marks: &mut Vec<EntityMark<'_>>) {
    marks.sort_by_key(|mark| (mark.range.start, Reverse(mark.range.end)));
    let mut done = 0;
    marks.retain(|mark| {
        let is_free = mark.range.start >= done;
        if is_free {
            done = mark.range.end;
        }
        is_free
    });
}

/// Joins styles of one kind that overlap or touch.
fn join_same(mut styles: Vec<EntityMark<'_>>) -> Vec<EntityMark<'_>> {
    styles.sort_by_key(|mark| (order(mark.entity), mark.range.start));
    let mut joined: Vec<EntityMark<'_>> = Vec::new();
    for style in styles {
        match joined.last_mut() {
            Some(last)
                if last.entity.kind == style.entity.kind && style.range.start <= last.range.end =>
            {
                last.range.end = last.range.end.max(style.range.end);
            }
            _ => joined.push(style),
        }
    }
    joined
}

/// Gives the pieces of a mark between the edges.
fn cut<'a>(mark: &EntityMark<'a>, edges: &[usize], mut keep: impl FnMut(EntityMark<'a>)) {
    let Range { mut start, end } = mark.range;
    let first = edges.partition_point(|&edge| edge <= start);
    for &edge in edges.get(first..).unwrap_or_default() {
        if edge >= end {
            break;
        }
        keep(EntityMark {
            range: start..edge,
            entity: mark.entity,
        });
        start = edge;
    }
    keep(EntityMark {
        range: start..end,
        entity: mark.entity,
    });
}

/// Which is the outer of two marks over the same range: the lower one.
fn order(entity: &MessageEntity) -> u8 {
    match entity.kind {
        Kind::Blockquote | Kind::ExpandableBlockquote => 0,
        Kind::Bold => 2,
        Kind::Italic => 3,
        Kind::Underline => 4,
        Kind::Strikethrough => 5,
        Kind::Spoiler => 6,
        _ => 1,
    }
}

/// Cuts marks where they overlap, so that each is inside another or apart from it; sorted, with the
/// outer one first.
fn nest<'a>(marks: &[EntityMark<'a>]) -> Vec<EntityMark<'a>> {
    let key =
        |range: &Range<usize>, entity, at| (range.start, Reverse(range.end), order(entity), at);
    let mut rest: BinaryHeap<_> = marks
        .iter()
        .enumerate()
        .map(|(at, mark)| Reverse(key(&mark.range, mark.entity, at)))
        .collect();
    let mut open: Vec<usize> = Vec::new();
    let mut nested = Vec::new();
    while let Some(Reverse((start, Reverse(end), _, at))) = rest.pop() {
        let Some(EntityMark { entity, .. }) = marks.get(at) else {
            continue;
        };
        while open.pop_if(|outer| *outer <= start).is_some() {}
        let inner_end = open.last().map_or(end, |&outer| end.min(outer));
        if inner_end < end {
            rest.push(Reverse(key(&(inner_end..end), entity, at)));
        }
        open.push(inner_end);
        nested.push(EntityMark {
            range: start..inner_end,
            entity,
        });
    }
    nested
}

fn steps(marks: Vec<EntityMark<'_>>, length: usize) -> Vec<MarkupStep<'_>> {
    let mut steps = Vec::new();
    let mut open: Vec<EntityMark<'_>> = Vec::new();
    let mut done = 0;
    let text = |steps: &mut Vec<_>, done: &mut usize, to: usize| {
        if *done < to {
            steps.push(MarkupStep::Text(*done..to));
            *done = to;
        }
    };
    for mark in marks {
        while let Some(closed) = open.pop_if(|open| open.range.end <= mark.range.start) {
            text(&mut steps, &mut done, closed.range.end);
            steps.push(MarkupStep::Close(closed.entity, closed.range.end));
        }
        text(&mut steps, &mut done, mark.range.start);
        steps.push(MarkupStep::Open(mark.entity, mark.range.start));
        open.push(mark);
    }
    while let Some(closed) = open.pop() {
        text(&mut steps, &mut done, closed.range.end);
        steps.push(MarkupStep::Close(closed.entity, closed.range.end));
    }
    text(&mut steps, &mut done, length);
    steps
}
