//! The set of update types that a bot wants.

use std::fmt;

use serde_core::{Serialize, Serializer, ser::SerializeSeq};

use crate::{
    json::{FromJson, Reader, Result, impl_deserialize},
    types::UpdateType,
};

/// The types of update that a bot wants.
///
/// One value serves as the parameter of `setWebhook` and `getUpdates`, and as the filter of `AllowedUpdatesLayer` in
/// `tower-telegram`.
///
/// For `setWebhook` there are three cases: without a value, the setting stays as it was; [`DEFAULT`](Self::DEFAULT),
/// which is the empty list, is Telegram's own choice; any other list, also [`ALL`](Self::ALL), is exactly that list.
///
/// ```
/// use tower_telegram::types::{AllowedUpdates, UpdateType};
///
/// let wanted = AllowedUpdates::from([UpdateType::Message, UpdateType::CallbackQuery]);
/// assert!(wanted.contains(UpdateType::Message));
/// assert!(!wanted.contains(UpdateType::Poll));
/// assert_eq!(serde_json::to_string(&wanted).unwrap(), r#"["message","callback_query"]"#);
///
/// assert!(AllowedUpdates::DEFAULT.contains(UpdateType::Poll));
/// assert!(!AllowedUpdates::DEFAULT.contains(UpdateType::ChatMember));
/// assert_eq!(serde_json::to_string(&AllowedUpdates::DEFAULT).unwrap(), "[]");
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct AllowedUpdates(u64);

/// The types that Telegram sends only if they are listed.
const ON_REQUEST: u64 = bit(UpdateType::ChatMember)
    | bit(UpdateType::MessageReaction)
    | bit(UpdateType::MessageReactionCount);

const fn bit(update_type: UpdateType) -> u64 {
    1 << update_type as u32
}

impl AllowedUpdates {
    /// Telegram's own choice, which is the empty list: all types, also those that are newer than this version, without
    /// `chat_member`, `message_reaction` and `message_reaction_count`.
    pub const DEFAULT: Self = Self(0);

    /// Every type that this version knows, and [`UpdateType::Unknown`].
    pub const ALL: Self = Self(u64::MAX >> (63 - UpdateType::Unknown as u32));

    /// Whether updates of the type are wanted.
    #[inline]
    pub const fn contains(self, update_type: UpdateType) -> bool {
        let set = if self.0 == 0 { !ON_REQUEST } else { self.0 };
        set & bit(update_type) != 0
    }

    /// The list with one more type.
    ///
    /// [`UpdateType::Unknown`] makes a filter pass unknown types. It isn't sent to Telegram, because it has no name there.
    #[must_use]
    pub const fn with(self, update_type: UpdateType) -> Self {
        Self(self.0 | bit(update_type))
    }

    /// All types that one of both contains. It is the default if both are within that and one of them is the default.
    ///
    /// ```
    /// use tower_telegram_types::types::{AllowedUpdates, UpdateType};
    ///
    /// let all = AllowedUpdates::from([UpdateType::Message]).union([UpdateType::Poll].into());
    /// assert_eq!(all, [UpdateType::Message, UpdateType::Poll].into());
    ///
    /// assert_eq!(AllowedUpdates::DEFAULT.union(all), AllowedUpdates::DEFAULT);
    /// let more = AllowedUpdates::DEFAULT.union([UpdateType::ChatMember].into());
    /// assert!(more.contains(UpdateType::ChatMember) && more.contains(UpdateType::Message));
    /// ```
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        if self != Self::DEFAULT && other != Self::DEFAULT {
            return Self(self.0 | other.0);
        }
        let contained = |of: &UpdateType| self.contains(*of) || other.contains(*of);
        let known = UpdateType::ALL.into_iter().chain([UpdateType::Unknown]);
        let types = known.filter(contained);
        if types.clone().all(|of| Self::DEFAULT.contains(of)) {
            return Self::DEFAULT;
        }
        types.collect()
    }

    /// The types that are listed; none for [`DEFAULT`](Self::DEFAULT).
    pub fn iter(self) -> impl Iterator<Item = UpdateType> {
        UpdateType::ALL
            .into_iter()
            .chain([UpdateType::Unknown])
            .filter(move |update_type| self.0 & bit(*update_type) != 0)
    }

    fn names(self) -> impl Iterator<Item = &'static str> {
        self.iter()
            .filter(|update_type| *update_type != UpdateType::Unknown)
            .map(UpdateType::as_str)
    }
}

impl<const N: usize> From<[UpdateType; N]> for AllowedUpdates {
    fn from(types: [UpdateType; N]) -> Self {
        types.into_iter().collect()
    }
}

impl FromIterator<UpdateType> for AllowedUpdates {
    fn from_iter<I: IntoIterator<Item = UpdateType>>(types: I) -> Self {
        types.into_iter().fold(Self::DEFAULT, Self::with)
    }
}

impl Extend<UpdateType> for AllowedUpdates {
    fn extend<I: IntoIterator<Item = UpdateType>>(&mut self, types: I) {
        *self = types.into_iter().fold(*self, Self::with);
    }
}

impl fmt::Debug for AllowedUpdates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl Serialize for AllowedUpdates {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        for name in self.names() {
            list.serialize_element(name)?;
        }
        list.end()
    }
}

impl FromJson for AllowedUpdates {
    fn from_json(r: &mut Reader<'_>) -> Result<Self> {
        let mut types = Self::DEFAULT;
        let mut more = r.open_array()?;
        while more {
            types = types.with(UpdateType::from_name(r.text()?.as_bytes()));
            more = r.next_element()?;
        }
        Ok(types)
    }
}

impl_deserialize!(AllowedUpdates);

#[cfg(test)]
mod tests {
    use super::AllowedUpdates;
    use crate::types::UpdateType;

    #[test]
    fn c2_the_default_set_is_all_but_three_and_the_unknown_pass() {
        let left_out: Vec<_> = UpdateType::ALL
            .into_iter()
            .filter(|t| !AllowedUpdates::DEFAULT.contains(*t))
            .map(UpdateType::as_str)
            .collect();
        assert_eq!(
            left_out,
            ["message_reaction", "message_reaction_count", "chat_member"]
        );
        assert!(AllowedUpdates::DEFAULT.contains(UpdateType::Unknown));
    }

    #[test]
    fn c3_as_an_argument_empty_and_all_stay_distinct_and_come_back() {
        let json = |set: AllowedUpdates| serde_json::to_string(&set).unwrap();
        assert_eq!(json(AllowedUpdates::DEFAULT), "[]");
        let all: Vec<String> = serde_json::from_str(&json(AllowedUpdates::ALL)).unwrap();
        assert_eq!(all, UpdateType::ALL.map(UpdateType::as_str));
        for set in [
            AllowedUpdates::DEFAULT,
            AllowedUpdates::from([UpdateType::Poll, UpdateType::Message]),
        ] {
            assert_eq!(
                serde_json::from_str::<AllowedUpdates>(&json(set)).unwrap(),
                set
            );
        }
    }

    #[test]
    fn all_holds_each_type_and_the_unknown() {
        assert_eq!(
            AllowedUpdates::ALL.iter().count(),
            UpdateType::ALL.len() + 1
        );
        assert_eq!(AllowedUpdates::ALL, AllowedUpdates::ALL.iter().collect());
    }
}
