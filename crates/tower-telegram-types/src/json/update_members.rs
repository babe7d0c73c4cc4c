//! The outer object of an update: its number, and the one member that holds the rest.
//!
//! `Update` and `RawUpdate` of `tower-telegram` read it with the same function, so that they agree on the type of every
//! update.

use std::{borrow::Cow, collections::BTreeSet};

use super::{Mark, Reader, Result};
use crate::types::UpdateType;

/// A member of an update besides its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UpdateMember<'a> {
    /// A member named like a known type of update.
    Known(UpdateType),
    /// A member of any other name.
    Unknown(Cow<'a, str>),
}

impl UpdateMember<'_> {
    fn is_known(&self) -> bool {
        matches!(self, Self::Known(_))
    }
}

/// Reads an update: returns its number, and puts the result of `read` for its payload into `found`.
///
/// 1. The payload is the value of the one member that is named like a known type of update. If there is none, it is the
///    first member of another name, because a newer server may write more members beside it.
/// 2. A member that is null counts as absent, as in every other object.
/// 3. If all members are null, the first of a known type counts, or else the first. An update with a number can then
///    be handled and confirmed; as an error it would be sent again for a day.
/// 4. A key that occurs twice is an error, null or not.
///
/// The payload goes into `found` instead of the result, so that a large value isn't moved.
#[inline]
pub fn read_update<'a, T>(
    r: &mut Reader<'a>,
    found: &mut Option<T>,
    read: impl FnMut(&mut Reader<'a>, UpdateMember<'a>) -> Result<T>,
) -> Result<i64> {
    let update_id = read_members(r, found, read);
    r.set_update_id(None);
    update_id
}

#[inline]
fn read_members<'a, T>(
    r: &mut Reader<'a>,
    found: &mut Option<T>,
    mut read: impl FnMut(&mut Reader<'a>, UpdateMember<'a>) -> Result<T>,
) -> Result<i64> {
    let mut keys = UpdateKeys::default();
    let mut update_id = None;
    let mut has_known = false;
    let mut null = None;
    let mut more = r.open_object()?;
    while more {
        match keys.next(r)? {
            None => {
                r.field(&mut update_id, "update_id")?;
                r.set_update_id(update_id);
            }
            Some(member) if r.peek() == Some(b'n') => record_null(r, &mut null, member)?,
            Some(member) if member.is_known() => {
                if has_known {
                    return r.syntax("an update of two types");
                }
                has_known = true;
                *found = Some(read(r, member)?);
            }
            Some(member) => {
                let value = read(r, member)?;
                found.get_or_insert(value);
            }
        }
        more = r.next_member()?;
    }
    if let (None, Some((member, start))) = (&found, null) {
        let end = r.mark();
        r.rewind(start);
        *found = Some(read(r, member)?);
        r.rewind(end);
    }
    let update_id = r.required(update_id, "update_id")?;
    if found.is_none() {
        return r.mismatch("a member that says what the update is about");
    }
    Ok(update_id)
}

/// Remembers a member that is null, if it has precedence over the one remembered before: a known type over an unknown.
#[cold]
fn record_null<'a>(
    r: &mut Reader<'a>,
    recorded: &mut Option<(UpdateMember<'a>, Mark)>,
    member: UpdateMember<'a>,
) -> Result<()> {
    let start = r.mark();
    r.literal("null")?;
    if recorded
        .as_ref()
        .is_none_or(|(first, _)| member.is_known() && !first.is_known())
    {
        *recorded = Some((member, start));
    }
    Ok(())
}

/// The keys that were read so far, to notice one that occurs twice.
#[derive(Default)]
struct UpdateKeys<'a> {
    /// A bit for each type of update, and one for the number.
    known: u64,
    unknown: Option<BTreeSet<Cow<'a, str>>>,
}

const UPDATE_ID: u32 = 63;

impl<'a> UpdateKeys<'a> {
    /// Reads a key. `None` is the key of the update's number.
    #[inline]
    fn next(&mut self, r: &mut Reader<'a>) -> Result<Option<UpdateMember<'a>>> {
        let start = r.mark();
        match r.key(|key| (key == b"update_id", UpdateType::from_name(key)))? {
            (true, _) => self.add(r, UPDATE_ID, "update_id").map(|()| None),
            (false, UpdateType::Unknown) => {
                r.rewind(start);
                self.next_unknown(r).map(Some)
            }
            (false, known) => {
                self.add(r, known as u32, known.as_str())?;
                Ok(Some(UpdateMember::Known(known)))
            }
        }
    }

    /// Records a known key.
    #[inline]
    fn add(&mut self, r: &mut Reader<'_>, bit: u32, name: &'static str) -> Result<()> {
        let bit = 1 << bit;
        if self.known & bit != 0 {
            return r.duplicate(name);
        }
        self.known |= bit;
        Ok(())
    }

    /// Reads a key that is no known type of update.
    #[cold]
    fn next_unknown(&mut self, r: &mut Reader<'a>) -> Result<UpdateMember<'a>> {
        let name = r.key_text()?;
        let names = self.unknown.get_or_insert_default();
        if !names.insert(name.clone()) {
            return r.duplicate("");
        }
        Ok(UpdateMember::Unknown(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_of_update_has_a_bit_of_its_own() {
        for (at, kind) in (0..).zip(UpdateType::ALL) {
            assert_eq!(kind as u32, at);
        }
        assert!((UpdateType::Unknown as u32) < UPDATE_ID);
    }
}
