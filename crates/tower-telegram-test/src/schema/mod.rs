//! The Bot API's schema: methods, their parameters, and types, for checking and answering calls.

pub(super) mod files;
mod make;
mod read;

use std::{collections::HashMap, sync::LazyLock};

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema::parse(include_str!("schema.txt")));

/// The schema from which the crate was made.
pub(super) fn get() -> &'static Schema {
    &SCHEMA
}

/// All types and methods.
#[derive(Debug, Default)]
pub(super) struct Schema {
    types: HashMap<&'static str, TypeSchema>,
    /// By their names in lower case.
    methods: HashMap<String, MethodSchema>,
}

/// A type: an object with its fields, or a union with its members.
#[derive(Debug)]
enum TypeSchema {
    Object(Vec<FieldSchema>),
    Union {
        tag: Option<&'static str>,
        members: Vec<&'static str>,
    },
}

/// A method with its parameters.
#[derive(Debug)]
pub(super) struct MethodSchema {
    pub(super) name: &'static str,
    pub(super) returns: &'static str,
    pub(super) params: Vec<FieldSchema>,
}

/// A field of a type, or a parameter of a method.
#[derive(Debug)]
pub(super) struct FieldSchema {
    pub(super) name: &'static str,
    pub(super) type_: &'static str,
    pub(super) is_required: bool,
    /// The only value that it may have, or the first of several.
    value: Option<&'static str>,
}

impl Schema {
    /// Parses `schema.txt`, which the generator has written.
    fn parse(text: &'static str) -> Self {
        let mut schema = Self::default();
        for line in text.lines() {
            let mut words = line.split(' ');
            let (Some(kind), Some(name)) = (words.next(), words.next()) else {
                continue;
            };
            match kind {
                "T" => {
                    let fields = words.filter_map(FieldSchema::parse).collect();
                    schema.types.insert(name, TypeSchema::Object(fields));
                }
                "U" => {
                    let tag = words.next().filter(|tag| *tag != "-");
                    let members = words.collect();
                    schema
                        .types
                        .insert(name, TypeSchema::Union { tag, members });
                }
                "M" => {
                    let method = MethodSchema {
                        name,
                        returns: words.next().unwrap_or_default(),
                        params: words.filter_map(FieldSchema::parse).collect(),
                    };
                    schema.methods.insert(name.to_ascii_lowercase(), method);
                }
                _ => {}
            }
        }
        schema
    }

    /// The method of that name, in any case.
    pub(super) fn method(&self, name: &str) -> Option<&MethodSchema> {
        self.methods.get(&name.to_ascii_lowercase())
    }

    /// All methods, in no particular order.
    #[cfg(test)]
    pub(super) fn methods(&self) -> impl Iterator<Item = &MethodSchema> {
        self.methods.values()
    }

    /// The fields of an object type.
    fn fields(&self, type_: &str) -> Option<&[FieldSchema]> {
        match self.types.get(type_)? {
            TypeSchema::Object(fields) => Some(fields),
            TypeSchema::Union { .. } => None,
        }
    }

    /// Whether an object type has the field.
    pub(super) fn has_field(&self, type_: &str, name: &str) -> bool {
        let fields = self.fields(type_).unwrap_or_default();
        fields.iter().any(|field| field.name == name)
    }

    /// The tag and the members of a union, with or without a name.
    fn union(&self, type_: &'static str) -> Option<(Option<&'static str>, Vec<&'static str>)> {
        match self.types.get(type_) {
            Some(TypeSchema::Union { tag, members }) => Some((*tag, members.clone())),
            Some(TypeSchema::Object(_)) => None,
            None if list_of(type_).is_some() => None,
            None => type_
                .contains('|')
                .then(|| (None, type_.split('|').collect())),
        }
    }
}

impl FieldSchema {
    /// Parses `name=type`, or `?name=type` for an optional field. A colon and the only allowed value can follow.
    fn parse(word: &'static str) -> Option<Self> {
        let (name, type_) = word.split_once('=')?;
        let (type_, value) = match type_.split_once(':') {
            Some((type_, value)) => (type_, Some(value)),
            None => (type_, None),
        };
        Some(Self {
            name: name.trim_start_matches('?'),
            type_,
            is_required: !name.starts_with('?'),
            value,
        })
    }
}

/// The type of the items of a list.
fn list_of(type_: &'static str) -> Option<&'static str> {
    type_.strip_prefix("Array<")?.strip_suffix('>')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_that_is_named_is_there() {
        let schema = get();
        assert_eq!(schema.methods.len(), 185);
        let known = |mut type_: &'static str| {
            while let Some(inner) = list_of(type_) {
                type_ = inner;
            }
            let plain = [
                "Integer",
                "Float",
                "String",
                "Boolean",
                "True",
                "Time",
                "InputFile",
                "UpdateType",
            ];
            type_.split('|').all(|name| {
                list_of(name).is_some() || plain.contains(&name) || schema.types.contains_key(name)
            })
        };
        for method in schema.methods.values() {
            assert!(known(method.returns), "{}", method.name);
            for param in &method.params {
                assert!(known(param.type_), "{} {}", method.name, param.name);
            }
        }
        for (name, type_) in &schema.types {
            match type_ {
                TypeSchema::Object(fields) => {
                    assert!(fields.iter().all(|field| known(field.type_)), "{name}");
                }
                TypeSchema::Union { members, .. } => {
                    assert!(members.iter().all(|member| known(member)), "{name}");
                }
            }
        }
    }
}
