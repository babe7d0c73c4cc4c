//! Macros for code that is the same in every generated type.

/// `serde::Deserialize` for a type that has [`FromJson`](super::FromJson).
macro_rules! impl_deserialize {
    ($($name:ty),+ $(,)?) => {$(
        impl<'de> serde_core::Deserialize<'de> for $name {
            fn deserialize<D: serde_core::Deserializer<'de>>(
                deserializer: D,
            ) -> std::result::Result<Self, D::Error> {
                $crate::json::deserialize(deserializer)
            }
        }
    )+};
}

/// An enum over the known values of a text, which keeps a value that it doesn't know.
///
/// It has `as_str`, `From<&str>`, `Display`, and is read and written as the text. Attributes of a variant, such as
/// `#[deprecated]`, go before its name.
macro_rules! string_enum {
    (
        $(#[$meta:meta])*
        $name:ident {
            $($(#[$variant_meta:meta])* $variant:ident = $text:literal,)+
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$variant_meta])* $variant,)+
            /// A value that this version doesn't know, with its text.
            Unknown(Box<str>),
        }

        impl $name {
            /// The value as Telegram spells it.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)+
                    Self::Unknown(value) => value,
                }
            }
        }

        impl From<&str> for $name {
            fn from(value: &str) -> Self {
                match value {
                    $($text => Self::$variant,)+
                    _ => Self::Unknown(value.into()),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl $crate::json::FromJson for $name {
            fn from_json(r: &mut $crate::json::Reader<'_>) -> $crate::json::Result<Self> {
                r.text().map(|text| Self::from(&*text))
            }
        }

        $crate::json::impl_deserialize!($name);

        impl serde_core::Serialize for $name {
            fn serialize<S: serde_core::Serializer>(
                &self,
                serializer: S,
            ) -> std::result::Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
}

pub(crate) use {impl_deserialize, string_enum};
