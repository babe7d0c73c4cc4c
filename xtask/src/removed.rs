//! `schema/removed.json`: items that have left the Bot API, and stay in the generated code until the next major version.
//!
//! A bot that uses them still compiles, with a warning that names the replacement. Servers that still know them are
//! still understood.

use serde::Deserialize;

use crate::schema::{Field, Method, Schema, Type};

/// The file as it is written. `xtask/refresh_schema.py` adds to it, with empty notes.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Removed {
    types: Vec<Gone<Type>>,
    methods: Vec<Gone<Method>>,
    /// Fields of types that stayed, and parameters of methods that stayed.
    fields: Vec<Gone<Part<Field>>>,
    /// Members of unions that stayed.
    members: Vec<Gone<Part<Member>>>,
    /// Values of texts, in fields that stayed.
    values: Vec<Gone<Part<Value>>>,
}

/// An item that left, with the first version of the Bot API without it, and a note on its replacement.
#[derive(Debug, Deserialize)]
struct Gone<T> {
    removed: String,
    note: String,
    #[serde(flatten)]
    it: T,
}

/// A part of a type or method.
#[derive(Debug, Deserialize)]
struct Part<T> {
    of: String,
    #[serde(flatten)]
    it: T,
}

#[derive(Debug, Deserialize)]
struct Member {
    member: String,
}

#[derive(Debug, Deserialize)]
struct Value {
    field: String,
    value: String,
}

impl<T> Gone<T> {
    /// The text of the `deprecated` attribute.
    fn note(&self, name: &str) -> Result<String, String> {
        if self.note.trim().is_empty() {
            return Err(format!("{name}: the note must say what replaced it"));
        }
        let version = &self.removed;
        Ok(format!("not in Bot API {version} any more: {}", self.note))
    }
}

impl Removed {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        serde_json::from_str(text).map_err(|e| format!("schema/removed.json: {e}"))
    }

    /// Puts everything back into the schema, marked as deprecated.
    pub(crate) fn restore(self, schema: &mut Schema) -> Result<(), String> {
        self.restore_all(schema)
            .map_err(|why| format!("schema/removed.json: {why}"))
    }

    fn restore_all(self, schema: &mut Schema) -> Result<(), String> {
        self.types.into_iter().try_for_each(|t| t.restore(schema))?;
        let mut methods = self.methods.into_iter();
        methods.try_for_each(|method| method.restore(schema))?;
        let mut fields = self.fields.into_iter();
        fields.try_for_each(|field| field.restore(schema))?;
        let mut members = self.members.into_iter();
        members.try_for_each(|member| member.restore(schema))?;
        self.values.into_iter().try_for_each(|v| v.restore(schema))
    }
}

impl Gone<Type> {
    fn restore(self, schema: &mut Schema) -> Result<(), String> {
        let name = self.it.name.clone();
        let deprecated = Some(self.note(&name)?);
        is_absent(schema.types.iter().any(|t| t.name == name), &name)?;
        schema.types.push(Type {
            deprecated,
            ..self.it
        });
        Ok(())
    }
}

impl Gone<Method> {
    fn restore(self, schema: &mut Schema) -> Result<(), String> {
        let name = self.it.name.clone();
        let deprecated = Some(self.note(&name)?);
        is_absent(schema.methods.iter().any(|m| m.name == name), &name)?;
        schema.methods.push(Method {
            deprecated,
            ..self.it
        });
        Ok(())
    }
}

impl Gone<Part<Field>> {
    fn restore(self, schema: &mut Schema) -> Result<(), String> {
        let name = format!("{}.{}", self.it.of, self.it.it.name);
        let deprecated = Some(self.note(&name)?);
        let field = self.it.it;
        let of = schema.types.iter().find(|t| t.name == self.it.of);
        if of.is_some() && field.required && !has_default(&field.type_) {
            return Err(format!(
                "{name}: servers don't send it any more, and it has no default: write \"required\": false"
            ));
        }
        let fields = fields_of(schema, &self.it.of)?;
        is_absent(fields.iter().any(|f| f.name == field.name), &name)?;
        fields.push(Field {
            deprecated,
            ..field
        });
        Ok(())
    }
}

impl Gone<Part<Member>> {
    fn restore(self, schema: &mut Schema) -> Result<(), String> {
        let Part { of, it } = &self.it;
        let name = format!("{of}: {}", it.member);
        let note = self.note(&name)?;
        let mut types = schema.types.iter_mut();
        let Some(Type {
            one_of: Some(members),
            deprecated_members,
            ..
        }) = types.find(|t| t.name == *of)
        else {
            return Err(format!("{name}: the schema has no such union"));
        };
        is_absent(members.contains(&it.member), &name)?;
        members.push(it.member.clone());
        deprecated_members.insert(it.member.clone(), note);
        Ok(())
    }
}

impl Gone<Part<Value>> {
    fn restore(self, schema: &mut Schema) -> Result<(), String> {
        let Part { of, it } = &self.it;
        let name = format!("{of}.{}: {:?}", it.field, it.value);
        let note = self.note(&name)?;
        let field = fields_of(schema, of)?;
        let Some(field) = field.iter_mut().find(|f| f.name == it.field) else {
            return Err(format!("{name}: the schema has no such field"));
        };
        is_absent(field.values.iter().any(|v| *v == *it.value), &name)?;
        field.values.push(it.value.clone().into());
        field.deprecated_values.insert(it.value.clone(), note);
        Ok(())
    }
}

/// Whether there is a value that says nothing, for a member that isn't sent any more.
fn has_default(type_: &str) -> bool {
    ["Integer", "Float", "String", "Boolean", "True"].contains(&type_)
        || type_.starts_with("Array<")
}

fn is_absent(is_there: bool, name: &str) -> Result<(), String> {
    if is_there {
        return Err(format!("{name} is in the schema: delete its row"));
    }
    Ok(())
}

fn fields_of<'a>(schema: &'a mut Schema, of: &str) -> Result<&'a mut Vec<Field>, String> {
    let types = schema.types.iter_mut().map(|t| (&t.name, &mut t.fields));
    let methods = schema.methods.iter_mut().map(|m| (&m.name, &mut m.params));
    let found = types.chain(methods).find(|(name, _)| *name == of);
    let found = found.map(|(_, fields)| fields);
    found.ok_or_else(|| format!("{of}: the schema has no such type or method"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::{path::Path, process::Command};

    use super::*;
    use crate::{emit_methods, emit_parts::tests::squeezed, emit_types, model::Model};

    /// As Telegram's might be after `Film.length`, `sendFilm`, `Film.kind`'s value `silent` and a member of `Media` left.
    const SCHEMA: &str = r#"{"bot_api": "11.0",
        "types": [
            {"name": "Update", "section": "getting-updates", "fields": [
                {"name": "update_id", "required": true, "type": "Integer"},
                {"name": "film", "required": false, "type": "Film"}]},
            {"name": "Film", "section": "games", "fields": [
                {"name": "title", "required": true, "type": "String"},
                {"name": "kind", "required": true, "type": "String", "values": ["sound"]}]},
            {"name": "Media", "section": "games", "one_of": ["Film"]}],
        "methods": [
            {"name": "setFilm", "section": "games", "returns": "True", "params": [
                {"name": "film", "required": true, "type": "Film"},
                {"name": "media", "required": false, "type": "Media"}]}]}"#;

    const REMOVED: &str = r#"{
        "types": [{"name": "Slide", "section": "games", "fields": [], "removed": "11.0", "note": "Use `Film`."}],
        "methods": [{"name": "sendFilm", "section": "games", "returns": "True", "removed": "11.0",
            "note": "Use `setFilm`.", "params": [{"name": "reel", "required": true, "type": "Integer"}]}],
        "fields": [
            {"of": "Film", "name": "length", "required": true, "type": "Integer", "removed": "11.0", "note": "Use `title`."},
            {"of": "setFilm", "name": "reel", "required": false, "type": "Integer", "removed": "11.0", "note": "Ignored."}],
        "members": [{"of": "Media", "member": "Slide", "removed": "11.0", "note": "Use `Film`."}],
        "values": [{"of": "Film", "field": "kind", "value": "silent", "removed": "11.0", "note": "Use `sound`."}]}"#;

    fn restored(schema: &str, removed: &str) -> Result<Model, String> {
        let mut schema = serde_json::from_str(schema).unwrap();
        Removed::parse(removed)?.restore(&mut schema)?;
        Model::new(schema)
    }

    fn assert_has(code: &str, expected: &[&str]) {
        let code = squeezed(code);
        for expected in expected {
            assert!(code.contains(expected), "{expected}\nisn't in\n{code}");
        }
    }

    #[test]
    fn a_field_that_left_is_deprecated_and_still_read_and_sent() {
        let model = restored(SCHEMA, REMOVED).unwrap();
        assert_has(
            &emit_types::file(&model, "game"),
            &[
                "#[deprecated(note = \"not in Bot API 11.0 any more: Use `title`.\")] pub length: i64,",
                "pub fn new(title: impl Into<Str>, kind: impl Into<FilmKind>, length: i64) -> Self",
                "if key == b\"length\"",
                "r.field(&mut length, \"length\")?",
                // A server of 11.0 leaves it out.
                "length: length.unwrap_or_default(),",
                "map.serialize_entry(\"length\", &self.length)?;",
                // Nor may a union's member need it to be known.
                "first_that_fits(r, &[(&[\"title\", \"kind\"], |r|",
            ],
        );
        assert_has(
            &emit_methods::file(&model, "game"),
            &[
                "#[deprecated(note = \"not in Bot API 11.0 any more: Ignored.\")] pub reel: Option<i64>,",
                "#[deprecated(note = \"not in Bot API 11.0 any more: Ignored.\")] pub fn reel(mut self, reel: i64)",
                "map.serialize_entry(\"reel\", value)?;",
            ],
        );
    }

    #[test]
    fn a_method_that_left_is_deprecated_and_still_sent() {
        let model = restored(SCHEMA, REMOVED).unwrap();
        assert_has(
            &emit_methods::file(&model, "game"),
            &[
                "#[deprecated(note = \"not in Bot API 11.0 any more: Use `setFilm`.\")]",
                "pub struct SendFilm {",
                "impl Method for SendFilm { type Output = bool; const NAME: &'static str = \"sendFilm\";",
                "map.serialize_entry(\"reel\", &self.reel)?;",
            ],
        );
    }

    #[test]
    fn an_enums_value_that_left_is_deprecated_and_still_has_its_text() {
        let model = restored(SCHEMA, REMOVED).unwrap();
        assert_has(
            &emit_types::file(&model, "game"),
            &[
                "#[deprecated(note = \"not in Bot API 11.0 any more: Use `sound`.\")] Silent = \"silent\",",
            ],
        );
    }

    #[test]
    fn a_type_that_left_is_deprecated_and_still_a_member_of_its_union() {
        let model = restored(SCHEMA, REMOVED).unwrap();
        assert_has(
            &emit_types::file(&model, "game"),
            &[
                "#[deprecated(note = \"not in Bot API 11.0 any more: Use `Film`.\")] #[derive(Clone, Debug, PartialEq)] #[non_exhaustive] pub struct Slide",
                "#[deprecated(note = \"not in Bot API 11.0 any more: Use `Film`.\")] Slide(Slide),",
                "Self::Slide(value) => value.serialize(serializer),",
            ],
        );
    }

    #[test]
    fn a_row_needs_a_note_and_something_that_left() {
        let fault = |removed: &str| {
            let why = restored(SCHEMA, removed).err().unwrap();
            why.strip_prefix("schema/removed.json: ")
                .unwrap()
                .to_owned()
        };
        let row = |of: &str, more: &str, note: &str| {
            format!(
                r#"{{"fields": [{{"of": "{of}", {more}, "required": true, "removed": "11.0", "note": "{note}"}}]}}"#
            )
        };
        let length = r#""name": "length", "type": "Integer""#;
        assert_eq!(
            fault(&row("Film", length, " ")),
            "Film.length: the note must say what replaced it"
        );
        let title = r#""name": "title", "type": "String""#;
        assert_eq!(
            fault(&row("Film", title, "x")),
            "Film.title is in the schema: delete its row"
        );
        assert_eq!(
            fault(&row("Nope", length, "x")),
            "Nope: the schema has no such type or method"
        );
        let object = r#""name": "sequel", "type": "Film""#;
        assert_eq!(
            fault(&row("Film", object, "x")),
            "Film.sequel: servers don't send it any more, and it has no default: write \"required\": false"
        );
    }

    #[test]
    fn the_refresh_records_what_a_new_schema_has_lost() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let output = Command::new("python3")
            .args(["-m", "unittest", "test_refresh_schema"])
            .current_dir(folder)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}
