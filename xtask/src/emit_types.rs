//! The code for the types.

use std::fmt::Write as _;

use crate::{
    emit_parts::{Member, deprecated, field_doc, item_doc, link, lookup, members},
    emit_update,
    model::{Model, Shape, StringEnum, derived},
    names,
    schema::{Field, Type},
};

/// Where a reverse implementation stands behind its feature.
fn gate(needed: bool) -> &'static str {
    if needed {
        ""
    } else {
        "#[cfg(feature = \"serde-all\")]\n"
    }
}

pub(crate) fn file(model: &Model, file: &str) -> String {
    let mut out = String::from("#[allow(clippy::wildcard_imports)]\nuse super::prelude::*;\n\n");
    for t in &model.schema.types {
        if names::type_file(&t.name, &t.section) == file {
            if t.name == "Update" {
                emit_update::kinds(model, t, &mut out);
            } else if t.one_of.is_some() {
                union(model, t, &mut out);
            } else {
                object(model, t, &mut out);
            }
        }
    }
    for e in model.enums.values().filter(|e| e.file == file) {
        string_enum(e, &mut out);
    }
    out
}

fn object(model: &Model, t: &Type, out: &mut String) {
    let name = &t.name;
    let members = members(model, name, &t.fields, true);
    let (received, sent) = (model.received.contains(name), model.sent.contains(name));
    let _ = writeln!(
        out,
        "{}{}#[derive({})]\n#[non_exhaustive]",
        item_doc(name, t.doc.as_deref(), t.example.as_deref()),
        deprecated(t.deprecated.as_deref()),
        derived(name)
    );
    let _ = writeln!(out, "pub struct {name} {{");
    fields(&members, sent, out);
    out.push_str("}\n\n");
    if sent {
        new_and_setters(model, name, &members, out);
    }
    let constants = t.fields.iter().filter(|f| f.constant.is_some());
    let object = ReadObject {
        name,
        members: &members,
        tag: constants.map(|f| &*f.name).next(),
        received,
        unsent: None,
    };
    object.emit(model, out);
    write_object(t, &members, gate(sent), out);
    if sent && model.uploading.contains(name) {
        collect(name, &uploading(model, &members), out);
    }
}

/// The fields of a struct, each with its doc.
pub(crate) fn fields(members: &[Member<'_>], sent: bool, out: &mut String) {
    for m in members {
        let _ = writeln!(
            out,
            "/// {}\n{}pub {}: {},",
            field_doc(m.field, sent),
            deprecated(m.field.deprecated.as_deref()),
            m.name,
            m.type_text()
        );
    }
}

/// How a setter or constructor takes its value: anything that turns into it. A list whose elements may be of several
/// types takes elements of one of these, too, which no `From` could do: a `Vec` is the standard library's.
fn argument(model: &Model, shape: &Shape) -> String {
    match shape {
        Shape::Integer | Shape::Float | Shape::Boolean | Shape::True => shape.to_string(),
        Shape::List(inner) if converts_elements(model, inner) => {
            format!("impl IntoIterator<Item: Into<{inner}>>")
        }
        _ => format!("impl Into<{shape}>"),
    }
}

fn converted(model: &Model, name: &str, shape: &Shape) -> String {
    match shape {
        Shape::Integer | Shape::Float | Shape::Boolean | Shape::True => name.into(),
        Shape::List(inner) if converts_elements(model, inner) => {
            format!("{name}.into_iter().map(Into::into).collect()")
        }
        _ => format!("{name}.into()"),
    }
}

fn converts_elements(model: &Model, element: &Shape) -> bool {
    match element {
        Shape::String => true,
        Shape::Named(name) => model.get(name).is_some_and(|t| t.one_of.is_some()),
        _ => false,
    }
}

/// A constructor: its name, its doc, and the members that it takes.
pub(crate) struct Constructor<'a> {
    pub(crate) name: &'static str,
    pub(crate) doc: &'static str,
    pub(crate) takes: Vec<&'a Member<'a>>,
}

/// `new(required…)` and a setter by value for each of the rest.
pub(crate) fn new_and_setters(model: &Model, name: &str, members: &[Member<'_>], out: &mut String) {
    let new = required_first(members);
    let optional = members.iter().filter(|m| !m.field.required);
    constructors(model, name, members, &[new], None, out);
    setters(model, optional, out);
    out.push_str("}\n\n");
}

pub(crate) fn required_first<'a>(members: &'a [Member<'a>]) -> Constructor<'a> {
    let takes: Vec<_> = members.iter().filter(|m| m.field.required).collect();
    let doc = if takes.is_empty() {
        "Creates it with no field set."
    } else {
        "Creates it with the required fields; setters add the rest."
    };
    Constructor {
        name: "new",
        doc,
        takes,
    }
}

/// The beginning of the type's `impl`, with its constructors. `unsent` is a field that is no parameter, if there is
/// one.
pub(crate) fn constructors(
    model: &Model,
    name: &str,
    members: &[Member<'_>],
    list: &[Constructor<'_>],
    unsent: Option<&str>,
    out: &mut String,
) {
    let _ = writeln!(out, "#[allow(clippy::new_without_default)]\nimpl {name} {{");
    for constructor in list {
        constructor.emit(model, members, unsent, out);
    }
}

impl Constructor<'_> {
    fn emit(&self, model: &Model, members: &[Member<'_>], unsent: Option<&str>, out: &mut String) {
        let arguments: Vec<String> = self
            .takes
            .iter()
            .map(|m| format!("{}: {}", m.name, argument(model, &m.shape)))
            .collect();
        let _ = writeln!(out, "/// {}", self.doc);
        if arguments.len() > 7 {
            out.push_str("#[allow(clippy::too_many_arguments)]\n");
        }
        let (name, arguments) = (self.name, arguments.join(", "));
        let _ = writeln!(out, "pub fn {name}({arguments}) -> Self {{\nSelf {{");
        for m in members {
            let is_taken = self.takes.iter().any(|taken| taken.name == m.name);
            let value = match (is_taken, m.is_plain()) {
                (true, true) => converted(model, m.name, &m.shape),
                (true, false) => format!("Some({})", converted(model, m.name, &m.shape)),
                (false, true) => "false".into(),
                (false, false) => "None".into(),
            };
            if value == m.name {
                let _ = writeln!(out, "{value},");
            } else {
                let _ = writeln!(out, "{}: {value},", m.name);
            }
        }
        set_unsent(unsent, out);
        out.push_str("}\n}\n\n");
    }
}

pub(crate) fn setters<'a>(
    model: &Model,
    members: impl Iterator<Item = &'a Member<'a>>,
    out: &mut String,
) {
    for m in members {
        let value = converted(model, m.name, &m.shape);
        let value = if m.boxed {
            format!("Box::new({value})")
        } else {
            value
        };
        let value = if m.is_plain() {
            value
        } else {
            format!("Some({value})")
        };
        let _ = writeln!(
            out,
            "/// Sets [`{n}`](Self#structfield.{n}).\n{}pub fn {n}(mut self, {n}: {}) -> Self {{\nself.{n} = {value};\nself\n}}\n",
            deprecated(m.field.deprecated.as_deref()),
            argument(model, &m.shape),
            n = m.name,
        );
    }
}

fn set_unsent(unsent: Option<&str>, out: &mut String) {
    if let Some(field) = unsent {
        let _ = writeln!(out, "{field}: false,");
    }
}

/// The reading of an object. A received one is read although members are missing or don't fit, as far as possible.
pub(crate) struct ReadObject<'a> {
    pub(crate) name: &'a str,
    pub(crate) members: &'a [Member<'a>],
    /// The field whose constant value tells the types of a union apart. It is no member.
    pub(crate) tag: Option<&'a str>,
    pub(crate) received: bool,
    /// A field that is no parameter, if there is one.
    pub(crate) unsent: Option<&'a str>,
}

impl ReadObject<'_> {
    pub(crate) fn emit(&self, model: &Model, out: &mut String) {
        let (name, gate) = (self.name, gate(self.received));
        let _ = writeln!(out, "{gate}impl FromJson for {name} {{");
        if self.received {
            out.push_str("const LEFT_OUT_OF_LISTS: bool = true;\n\n");
        }
        out.push_str("fn from_json(r: &mut Reader<'_>) -> Result<Self> {\n");
        if self.members.is_empty() && self.tag.is_none() {
            out.push_str("r.peek_object()?;\nr.compare_keys()?;\nOk(Self {})\n");
        } else {
            self.members(model, out);
            out.push_str("Ok(Self {\n");
            for m in self.members {
                let _ = writeln!(out, "{},", m.value_from_slot(model, self.received));
            }
            set_unsent(self.unsent, out);
            out.push_str("})\n");
        }
        let _ = writeln!(out, "}}\n}}\n\n{gate}impl_deserialize!({name});\n");
    }

    /// The slots of the members, and the loop that fills them.
    fn members(&self, model: &Model, out: &mut String) {
        let mut arms: Vec<(&str, String)> = Vec::new();
        for m in self.members {
            let _ = writeln!(out, "let mut {} = None;", m.name);
            arms.push((&m.field.name, m.read(model, self.received)));
        }
        if let Some(tag) = self.tag {
            out.push_str("let mut is_tagged = false;\n");
            arms.push((tag, format!("r.tag(&mut is_tagged, \"{tag}\")?")));
        }
        out.push_str("let mut more = r.open_object()?;\nwhile more {\n");
        let numbered = arms.iter().enumerate();
        let keys: Vec<_> = numbered
            .map(|(i, (key, _))| (*key, i.to_string()))
            .collect();
        let _ = writeln!(out, "match r.field_key(|key| {})? {{", lookup(&keys));
        for (i, (_, read)) in arms.iter().enumerate() {
            let _ = writeln!(out, "{i} => {read},");
        }
        out.push_str("_ => r.skip_unknown()?,\n}\nmore = r.next_member()?;\n}\n");
    }
}

fn write_object(t: &Type, members: &[Member<'_>], gate: &str, out: &mut String) {
    let constants: Vec<String> = t
        .fields
        .iter()
        .filter_map(|f| {
            f.constant
                .as_ref()
                .map(|value| format!("map.serialize_entry(\"{}\", \"{value}\")?;", f.name))
        })
        .collect();
    write_map(&t.name, &constants, members, gate, out);
}

pub(crate) fn write_map(
    name: &str,
    constants: &[String],
    members: &[Member<'_>],
    gate: &str,
    out: &mut String,
) {
    let _ = writeln!(
        out,
        "{gate}impl Serialize for {name} {{\nfn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {{"
    );
    if constants.is_empty() && members.is_empty() {
        out.push_str("serializer.serialize_map(Some(0))?.end()\n}\n}\n\n");
        return;
    }
    out.push_str("let mut map = serializer.serialize_map(None)?;\n");
    for constant in constants {
        let _ = writeln!(out, "{constant}");
    }
    for m in members {
        let (n, key) = (m.name, &m.field.name);
        let _ = match (m.field.required, &m.shape) {
            (true, Shape::Float) => writeln!(
                out,
                "map.serialize_entry(\"{key}\", &Finite(\"{key}\", self.{n}))?;"
            ),
            (true, _) => writeln!(out, "map.serialize_entry(\"{key}\", &self.{n})?;"),
            (false, Shape::Float) => writeln!(
                out,
                "if let Some(value) = self.{n} {{\nmap.serialize_entry(\"{key}\", &Finite(\"{key}\", value))?;\n}}"
            ),
            (false, Shape::True) => writeln!(
                out,
                "if self.{n} {{\nmap.serialize_entry(\"{key}\", &true)?;\n}}"
            ),
            (false, _) => writeln!(
                out,
                "if let Some(value) = &self.{n} {{\nmap.serialize_entry(\"{key}\", value)?;\n}}"
            ),
        };
    }
    out.push_str("map.end()\n}\n}\n\n");
}

/// The names of the members that can hold uploads.
pub(crate) fn uploading<'a>(model: &Model, members: &[Member<'a>]) -> Vec<&'a str> {
    let holds = |shape: &Shape| {
        crate::model::innermost(shape).is_some_and(|name| model.uploading.contains(name))
    };
    members
        .iter()
        .filter(|m| holds(&m.shape))
        .map(|m| m.name)
        .collect()
}

fn collect(name: &str, holders: &[&str], out: &mut String) {
    let _ = writeln!(
        out,
        "impl CollectUploads for {name} {{\nfn collect_uploads(&self, into: &mut Vec<Upload>) {{"
    );
    for holder in holders {
        let _ = writeln!(out, "self.{holder}.collect_uploads(into);");
    }
    out.push_str("}\n}\n\n");
}

pub(crate) struct Variant {
    pub(crate) name: String,
    /// The type of the variant's value.
    holds: String,
    pub(crate) member: String,
    boxed: bool,
}

pub(crate) fn variants(model: &Model, members: &[String]) -> Vec<Variant> {
    let objects: Vec<String> = members
        .iter()
        .filter(|m| model.get(m).is_some())
        .cloned()
        .collect();
    let mut out = Vec::new();
    for member in members {
        let (name, shape) = match member.as_str() {
            "String" => ("Plain".to_owned(), Shape::String),
            list if list.starts_with("Array<") => {
                ("List".to_owned(), crate::model::parse_shape(list))
            }
            object => {
                let at = objects.iter().position(|o| o == object).unwrap_or_default();
                (
                    names::union_variants(&objects)[at].clone(),
                    Shape::Named(object.to_owned()),
                )
            }
        };
        let boxed = model.is_boxed(&shape);
        let holds = if boxed {
            format!("Box<{shape}>")
        } else {
            shape.to_string()
        };
        out.push(Variant {
            name,
            holds,
            member: member.clone(),
            boxed,
        });
    }
    out
}

fn union(model: &Model, t: &Type, out: &mut String) {
    let name = &t.name;
    let members = t.one_of.as_deref().unwrap_or_default();
    let variants = variants(model, members);
    let doc = if names::choice(&members.join(" | ")) == Some(name) {
        "/// One of several types that a parameter takes.\n".to_owned()
    } else {
        item_doc(name, t.doc.as_deref(), t.example.as_deref())
    };
    let _ = writeln!(
        out,
        "{doc}{}#[derive(Clone, Debug, PartialEq)]\n#[non_exhaustive]\npub enum {name} {{",
        deprecated(t.deprecated.as_deref())
    );
    for v in &variants {
        let doc = match (&t.tag, v.member.as_str()) {
            (_, "String") => "Plain text.".to_owned(),
            (_, m) if m.starts_with("Array<") => "Several pieces, one after the other.".to_owned(),
            (Some(tag), m) => format!(
                "`{tag}` is `{}`.",
                model.tag_value(m, tag).unwrap_or_default()
            ),
            (None, m) => format!("{}.", link(m)),
        };
        let note = t.deprecated_members.get(&v.member);
        let attribute = deprecated(note.map(|note| &**note));
        let _ = writeln!(out, "/// {doc}\n{attribute}{}({}),", v.name, v.holds);
    }
    let _ = writeln!(
        out,
        "/// A type that is newer than this version, or a value that fits none of the types, with its text.\nUnknown(RawJson),\n}}\n"
    );
    for v in &variants {
        let value = if v.boxed { "Box::new(value)" } else { "value" };
        let from = if v.boxed {
            &v.holds[4..v.holds.len() - 1]
        } else {
            v.holds.as_str()
        };
        let _ = writeln!(
            out,
            "impl From<{from}> for {name} {{\nfn from(value: {from}) -> Self {{\nSelf::{}({value})\n}}\n}}\n",
            v.name
        );
    }
    let received = gate(model.received.contains(name));
    read_union(model, t, &variants, received, out);
    let _ = writeln!(out, "{received}impl_deserialize!({name});\n");
    write_union(name, &variants, gate(model.sent.contains(name)), out);
    if model.sent.contains(name) && model.uploading.contains(name) {
        collect_union(model, name, &variants, out);
    }
}

fn write_union(name: &str, variants: &[Variant], gate: &str, out: &mut String) {
    let _ = writeln!(
        out,
        "{gate}impl Serialize for {name} {{\nfn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {{\nmatch self {{"
    );
    for v in variants {
        let _ = writeln!(
            out,
            "Self::{}(value) => value.serialize(serializer),",
            v.name
        );
    }
    out.push_str("Self::Unknown(raw) => raw.serialize(serializer),\n}\n}\n}\n\n");
}

fn collect_union(model: &Model, name: &str, variants: &[Variant], out: &mut String) {
    let _ = writeln!(
        out,
        "impl CollectUploads for {name} {{\nfn collect_uploads(&self, into: &mut Vec<Upload>) {{\nmatch self {{"
    );
    for v in variants
        .iter()
        .filter(|v| model.uploading.contains(&v.member))
    {
        let _ = writeln!(
            out,
            "Self::{}(value) => value.collect_uploads(into),",
            v.name
        );
    }
    let rest = variants
        .iter()
        .filter(|v| !model.uploading.contains(&v.member));
    let mut rest: Vec<String> = rest.map(|v| format!("Self::{}(_)", v.name)).collect();
    rest.push("Self::Unknown(_)".into());
    let _ = writeln!(out, "{} => {{}}\n}}\n}}\n}}\n", rest.join(" | "));
}

fn read_union(model: &Model, t: &Type, variants: &[Variant], gate: &str, out: &mut String) {
    let name = &t.name;
    let _ = writeln!(
        out,
        "{gate}impl FromJson for {name} {{\nfn from_json(r: &mut Reader<'_>) -> Result<Self> {{"
    );
    if name == "MaybeInaccessibleMessage" {
        out.push_str(MAYBE_INACCESSIBLE);
    } else if let Some(tag) = &t.tag {
        read_tagged(model, tag, variants, out);
    } else {
        let _ = writeln!(
            out,
            "read_or_raw(r, Self::Unknown, |r| first_that_fits(r, &[{}]))",
            tries(model, variants.iter())
        );
    }
    out.push_str("}\n}\n\n");
}

/// For each variant, the keys that an object must have to be read as one, and the reading. The keys are named because a
/// missing member may be filled in. The variant with the most keys is first: a venue has all keys of a location.
fn tries<'a>(model: &Model, variants: impl Iterator<Item = &'a Variant>) -> String {
    let required = |v: &'a Variant| -> Vec<String> {
        let fields = model.get(&v.member).map_or(&[][..], |t| &t.fields);
        // A server doesn't send what has left the Bot API.
        let is_sent = |f: &&Field| f.constant.is_none() && f.deprecated.is_none();
        let fields = fields.iter().filter(|f| f.required).filter(is_sent);
        fields.map(|f| format!("\"{}\"", f.name)).collect()
    };
    let mut tries: Vec<_> = variants.map(|v| (required(v), &v.name)).collect();
    tries.sort_by_key(|(keys, _)| std::cmp::Reverse(keys.len()));
    let tries = tries.iter().map(|(keys, name)| {
        let keys = keys.join(", ");
        format!("(&[{keys}], |r| FromJson::from_json(r).map(Self::{name}))")
    });
    tries.collect::<Vec<_>>().join(", ")
}

/// An inaccessible message is one whose date is 0, and has only members of a message. It isn't read again: messages may be
/// inside one another.
const MAYBE_INACCESSIBLE: &str = "read_or_raw(r, Self::Unknown, |r| {
    let message = Box::<Message>::from_json(r)?;
    if message.date != 0 {
        return Ok(Self::Message(message));
    }
    Ok(Self::InaccessibleMessage(Box::new(InaccessibleMessage {
        chat: message.chat,
        message_id: message.message_id,
        date: message.date,
    })))
})
";

fn read_tagged(model: &Model, tag: &str, variants: &[Variant], out: &mut String) {
    out.push_str("read_or_raw(r, Self::Unknown, |r| {\n");
    for v in variants {
        let first = match v.member.as_str() {
            "String" => "b'\"'",
            m if m.starts_with("Array<") => "b'['",
            _ => continue,
        };
        let _ = writeln!(
            out,
            "if r.peek() == Some({first}) {{\nreturn FromJson::from_json(r).map(Self::{});\n}}",
            v.name
        );
    }
    let _ = writeln!(out, "match &*r.peek_tag(\"{tag}\")? {{");
    let tagged: Vec<(&str, &Variant)> = variants
        .iter()
        .filter_map(|v| Some((model.tag_value(&v.member, tag)?, v)))
        .collect();
    let mut done: Vec<&str> = Vec::new();
    for (value, _) in &tagged {
        if done.contains(value) {
            continue;
        }
        done.push(value);
        let same: Vec<&Variant> = tagged
            .iter()
            .filter(|(other, _)| other == value)
            .map(|(_, v)| *v)
            .collect();
        if let [only] = same[..] {
            let _ = writeln!(
                out,
                "\"{value}\" => FromJson::from_json(r).map(Self::{}),",
                only.name
            );
        } else {
            let tries = tries(model, same.into_iter());
            let _ = writeln!(out, "\"{value}\" => first_that_fits(r, &[{tries}]),");
        }
    }
    let _ = writeln!(out, "_ => r.unknown_tag(\"{tag}\"),\n}}\n}})");
}

fn string_enum(e: &StringEnum, out: &mut String) {
    let _ = writeln!(
        out,
        "string_enum! {{\n/// The known values of a text. A value that this version doesn't know is kept.\n{} {{",
        e.name
    );
    for value in &e.values {
        let _ = writeln!(
            out,
            "/// `{value}`\n{}{} = \"{value}\",",
            deprecated(e.deprecated.get(value).map(|note| &**note)),
            names::variant(value)
        );
    }
    out.push_str("}\n}\n\n");
}
