//! Parts of the code that several emitters write: fields, docs, and the lookup of keys.

use std::fmt::Write as _;

use crate::{
    missing::{self, Missing},
    model::{Model, Shape},
    names,
    schema::Field,
};

const PAGE: &str = "https://core.telegram.org/bots/api";

/// A field as the code has it.
pub(crate) struct Member<'a> {
    pub(crate) field: &'a Field,
    pub(crate) name: &'a str,
    pub(crate) shape: Shape,
    pub(crate) boxed: bool,
}

impl Member<'_> {
    pub(crate) fn type_text(&self) -> String {
        let inner = if self.boxed {
            format!("Box<{}>", self.shape)
        } else {
            self.shape.to_string()
        };
        if self.is_plain() {
            inner
        } else {
            format!("Option<{inner}>")
        }
    }

    /// Always there: required, or a flag that is only ever true.
    pub(crate) fn is_plain(&self) -> bool {
        self.field.required || self.shape == Shape::True
    }

    /// The field of an object, from the slot into which its value was read.
    pub(crate) fn value_from_slot(&self, model: &Model, received: bool) -> String {
        let (name, key) = (self.name, &self.field.name);
        if !self.is_plain() {
            return name.into();
        }
        let value = match Missing::of(model, self.field, &self.shape, received) {
            Missing::Default => "unwrap_or_default()",
            Missing::NoText => "unwrap_or_else(|| \"\".into())",
            Missing::EmptyObject => {
                return format!("{name}: r.required_object({name}, \"{key}\")?");
            }
            Missing::Error => return format!("{name}: r.required({name}, \"{key}\")?"),
        };
        format!("{name}: {name}.{value}")
    }

    /// The reading of the field's value into its place.
    pub(crate) fn read(&self, model: &Model, received: bool) -> String {
        let goes_without =
            !self.field.required && missing::is_left_out(model, &self.shape, received);
        let read = if goes_without { "optional" } else { "field" };
        format!("r.{read}(&mut {}, \"{}\")?", self.name, self.field.name)
    }
}

pub(crate) fn members<'a>(
    model: &Model,
    owner: &str,
    fields: &'a [Field],
    may_box: bool,
) -> Vec<Member<'a>> {
    let of = |field: &'a Field| {
        let shape = Model::shape(owner, field);
        let boxed = may_box && !field.required && model.is_boxed(&shape);
        Member {
            field,
            name: names::field(&field.name),
            shape,
            boxed,
        }
    };
    fields
        .iter()
        .filter(|f| f.constant.is_none())
        .map(of)
        .collect()
}

/// The doc comment of a type or method: its sentence, a link to Telegram's page, and an example.
pub(crate) fn item_doc(name: &str, doc: Option<&str>, example: Option<&str>) -> String {
    let mut text = String::new();
    if let Some(doc) = doc {
        let _ = writeln!(text, "{doc}\n");
    }
    let _ = writeln!(text, "Telegram's {}.", link(name));
    if let Some(example) = example {
        let _ = writeln!(text, "\n```\n{}\n```", example.trim());
    }
    text.lines().fold(String::new(), |mut out, line| {
        let _ = writeln!(out, "/// {line}");
        out
    })
}

/// The attribute of an item that has left the Bot API.
pub(crate) fn deprecated(note: Option<&str>) -> String {
    note.map_or(String::new(), |note| {
        format!("#[deprecated(note = {note:?})]\n")
    })
}

/// The doc of a field or parameter: its sentence, or its name where it has none.
pub(crate) fn field_doc(field: &Field, sent: bool) -> String {
    let mut doc = match &field.doc {
        Some(doc) => doc.clone(),
        None => names::sentence(&field.name) + ".",
    };
    if field.unix_time {
        doc += " Unix time, in seconds.";
    }
    if field.type_ == "Integer" && !field.values.is_empty() {
        let values: Vec<String> = field.values.iter().map(ToString::to_string).collect();
        let _ = write!(doc, " Known values: {}.", values.join(", "));
    }
    if sent && !field.required {
        doc += " Optional.";
    }
    if names::field(&field.name) != field.name {
        let _ = write!(doc, " Telegram calls it `{}`.", field.name);
    }
    doc
}

pub(crate) fn link(name: &str) -> String {
    format!("[`{name}`]({PAGE}#{})", name.to_lowercase())
}

/// The places of the keys. A key of known length is compared a word at a time, so each is a guard of
/// its own, and not a pattern, which would be compared a byte at a time.
pub(crate) fn lookup(keys: &[(&str, String)]) -> String {
    let mut keys: Vec<_> = keys.iter().collect();
    keys.sort_by_key(|(key, _)| key.len());
    let mut out = String::from("match key.len() {\n");
    for (key, value) in keys {
        let _ = writeln!(out, "{} if key == b\"{key}\" => {value},", key.len());
    }
    out.push_str("_ => NO_FIELD,\n}");
    out
}

#[cfg(test)]
pub(crate) mod tests {
    /// The code with one space between words, as `rustfmt` would break its lines elsewhere.
    pub(crate) fn squeezed(code: &str) -> String {
        code.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}
