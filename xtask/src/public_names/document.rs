//! The part of rustdoc's JSON that names are read from.

use std::collections::HashMap;

use serde::{Deserialize, Deserializer, de::IgnoredAny};
use serde_json::Value;

/// The version of the format that is read here. For another one, see the changes of the crate `rustdoc-types`.
const FORMAT: u32 = 57;

/// An item's number in one document.
pub(super) type Id = u32;

/// A crate.
#[derive(Debug, Deserialize)]
pub(super) struct Document {
    pub(super) root: Id,
    /// The crate's own items that are documented.
    pub(super) index: HashMap<Id, DocItem>,
    /// Where items are defined, also those of other crates.
    pub(super) paths: HashMap<Id, Definition>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Definition {
    /// 0 is the document's own crate.
    pub(super) crate_id: u32,
    pub(super) path: Vec<String>,
    pub(super) kind: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct DocItem {
    /// `None` for imports and impls.
    pub(super) name: Option<String>,
    pub(super) inner: Inner,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Inner {
    Module {
        items: Vec<Id>,
    },
    Use(Use),
    Struct {
        #[serde(rename = "kind", deserialize_with = "fields")]
        fields: Vec<Id>,
        impls: Vec<Id>,
    },
    Union {
        fields: Vec<Id>,
        impls: Vec<Id>,
    },
    Enum {
        variants: Vec<Id>,
        impls: Vec<Id>,
    },
    Variant {
        #[serde(rename = "kind", deserialize_with = "fields")]
        fields: Vec<Id>,
    },
    StructField(IgnoredAny),
    Trait {
        items: Vec<Id>,
    },
    Impl(Impl),
    Function(IgnoredAny),
    Constant(IgnoredAny),
    Static(IgnoredAny),
    AssocConst(IgnoredAny),
    AssocType(IgnoredAny),
    TypeAlias(IgnoredAny),
    TraitAlias(IgnoredAny),
    Macro(IgnoredAny),
    ProcMacro(IgnoredAny),
    ExternCrate(IgnoredAny),
    ExternType(IgnoredAny),
    Primitive(IgnoredAny),
}

/// `pub use source as name;`
#[derive(Debug, Deserialize)]
pub(super) struct Use {
    pub(super) source: String,
    pub(super) name: String,
    /// `None` for a primitive type.
    pub(super) id: Option<Id>,
    pub(super) is_glob: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct Impl {
    /// `None` for the type's own functions.
    #[serde(rename = "trait")]
    of_trait: Option<IgnoredAny>,
    items: Vec<Id>,
}

impl Impl {
    /// The functions and constants that belong to the type itself.
    pub(super) fn own_items(&self) -> &[Id] {
        if self.of_trait.is_some() {
            &[]
        } else {
            &self.items
        }
    }
}

impl Inner {
    /// The word for the item in a list.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Module { .. } => "module",
            Self::Use(_) => "use",
            Self::Struct { .. } => "struct",
            Self::Union { .. } => "union",
            Self::Enum { .. } => "enum",
            Self::Variant { .. } => "variant",
            Self::StructField(_) => "field",
            Self::Trait { .. } => "trait",
            Self::Impl(_) => "impl",
            Self::Function(_) => "function",
            Self::Constant(_) | Self::AssocConst(_) => "constant",
            Self::Static(_) => "static",
            Self::AssocType(_) => "associated type",
            Self::TypeAlias(_) => "type alias",
            Self::TraitAlias(_) => "trait alias",
            Self::Macro(_) | Self::ProcMacro(_) => "macro",
            Self::ExternCrate(_) => "extern crate",
            Self::ExternType(_) => "extern type",
            Self::Primitive(_) => "primitive",
        }
    }
}

impl Document {
    pub(super) fn parse(json: &str) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Version {
            format_version: u32,
        }

        let version: Version = serde_json::from_str(json)
            .map_err(|error| format!("it isn't rustdoc's JSON: {error}"))?;
        if version.format_version != FORMAT {
            return Err(format!(
                "rustdoc wrote version {} of its JSON, and {FORMAT} is read: see FORMAT in \
                 xtask/src/public_names/document.rs, or choose a toolchain that writes {FORMAT} (RUSTUP_TOOLCHAIN)",
                version.format_version
            ));
        }
        serde_json::from_str(json).map_err(|error| error.to_string())
    }
}

/// The public fields of a struct or variant: `"unit"`, `"plain"`, `{"tuple": [id, null]}`, `{"plain": {"fields": [id]}}`
/// or `{"struct": {"fields": [id]}}`.
fn fields<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Id>, D::Error> {
    let kind = Value::deserialize(deserializer)?;
    let named = || {
        kind.pointer("/plain/fields")
            .or_else(|| kind.pointer("/struct/fields"))
    };
    let list = kind.get("tuple").or_else(named).and_then(Value::as_array);
    let numbers = list.into_iter().flatten().filter_map(Value::as_u64);
    Ok(numbers.filter_map(|id| Id::try_from(id).ok()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_version_of_the_format_is_an_error_that_says_so() {
        let error = Document::parse(r#"{"format_version": 58}"#).unwrap_err();
        assert!(
            error.starts_with("rustdoc wrote version 58 of its JSON, and 57 is read"),
            "{error}"
        );
        let error = Document::parse("[]").unwrap_err();
        assert!(error.starts_with("it isn't rustdoc's JSON: "), "{error}");
    }
}
