//! The code for the kinds of update: `UpdateKind`, `UpdateType`, and where in each kind its message, chat and user are.

use std::fmt::Write as _;

use crate::{
    emit_parts::{deprecated, link, lookup, members},
    model::{Model, Shape},
    names,
    schema::{Field, Type},
};

/// A kind of update, which is a field of Telegram's `Update`.
struct Kind<'a> {
    field: &'a Field,
    /// Telegram's name.
    name: &'a str,
    variant: String,
    /// The type of its payload.
    shape: Shape,
    doc: String,
}

fn update_kinds(t: &Type) -> Vec<Kind<'_>> {
    let kinds = t.fields.iter().filter(|f| f.name != "update_id");
    kinds.map(update_kind).collect()
}

fn update_kind(field: &Field) -> Kind<'_> {
    let name = &*field.name;
    Kind {
        field,
        name,
        variant: names::pascal(name),
        shape: Model::shape("Update", field),
        doc: match &field.doc {
            Some(doc) => format!("{doc} Telegram calls it `{name}`."),
            None => format!("Telegram calls it `{name}`."),
        },
    }
}

/// The place of something in the payload of an update.
struct Place {
    /// The keys that lead to its id.
    path: Vec<&'static str>,
    /// The expression for it, as an `Option` of a reference, out of `it`.
    code: String,
}

/// The field of the kind's type with that name and type, as an `Option` of a reference.
fn member(model: &Model, kind: &Kind<'_>, name: &str, type_: &str) -> Option<String> {
    let Shape::Named(holds) = &kind.shape else {
        return None;
    };
    let members = members(model, holds, &model.get(holds)?.fields, true);
    let wanted = |m: &&crate::emit_parts::Member<'_>| m.name == name && m.field.type_ == type_;
    let found = members.iter().find(wanted)?;
    Some(match (found.is_plain(), found.boxed) {
        (true, _) => format!("Some(&it.{name})"),
        (false, true) => format!("it.{name}.as_deref()"),
        (false, false) => format!("it.{name}.as_ref()"),
    })
}

/// The chat of the update: the member `chat`, or that of the message whose button was pressed.
fn chat(model: &Model, kind: &Kind<'_>) -> Option<Place> {
    if let Some(code) = member(model, kind, "chat", "Chat") {
        let path = vec!["chat", "id"];
        return Some(Place { path, code });
    }
    if let Some(message) = member(model, kind, "message", "MaybeInaccessibleMessage") {
        return Some(Place {
            path: vec!["message", "chat", "id"],
            code: format!("{message}.and_then(MaybeInaccessibleMessage::chat)"),
        });
    }
    // The number of a private chat is there without the chat.
    member(model, kind, "user_chat_id", "Integer")?;
    Some(Place {
        path: vec!["user_chat_id"],
        code: "None".into(),
    })
}

/// The user who caused the update.
fn user(model: &Model, kind: &Kind<'_>) -> Option<Place> {
    ["from", "user"].into_iter().find_map(|name| {
        let code = member(model, kind, name, "User")?;
        let path = vec![name, "id"];
        Some(Place { path, code })
    })
}

/// The message of the update, whether it is what the update holds, or has the button that was pressed.
fn message(model: &Model, kind: &Kind<'_>) -> Option<Place> {
    let code = if kind.shape == Shape::Named("Message".into()) {
        "Some(it)".into()
    } else {
        let message = member(model, kind, "message", "MaybeInaccessibleMessage")?;
        format!("{message}.and_then(MaybeInaccessibleMessage::message)")
    };
    let path = Vec::new();
    Some(Place { path, code })
}

type FindPlace = fn(&Model, &Kind<'_>) -> Option<Place>;

pub(crate) fn kinds(model: &Model, t: &Type, out: &mut String) {
    let kinds = update_kinds(t);
    let _ = writeln!(
        out,
        "/// The contents of an update: Telegram's {}, whose optional fields are the kinds.\n#[derive(Clone, Debug, PartialEq)]\n#[non_exhaustive]\npub enum UpdateKind {{",
        link("Update")
    );
    for kind in &kinds {
        let _ = writeln!(
            out,
            "/// {}\n{}{}(Box<{}>),",
            kind.doc,
            deprecated(kind.field.deprecated.as_deref()),
            kind.variant,
            kind.shape
        );
    }
    out.push_str("/// A type of update that this version doesn't know, or a known one that doesn't fit.\nUnknown {\n/// The update type's name.\nname: Box<str>,\n/// The payload as it was received.\nraw: RawJson,\n},\n}\n\n");
    out.push_str("impl UpdateKind {\n/// The update's type.\npub fn update_type(&self) -> UpdateType {\nmatch self {\n");
    for Kind { variant, .. } in &kinds {
        let _ = writeln!(out, "Self::{variant}(_) => UpdateType::{variant},");
    }
    out.push_str("Self::Unknown { name, .. } => UpdateType::from_name(name.as_bytes()),\n}\n}\n\n");
    out.push_str("/// Telegram's name for the update's type, also for an unknown one.\npub fn name(&self) -> &str {\nmatch self {\nSelf::Unknown { name, .. } => name,\nknown => known.update_type().as_str(),\n}\n}\n\n");
    let found: [(&str, &str, FindPlace); 3] = [
        ("message", "Message", message),
        ("chat", "Chat", chat),
        ("user", "User", user),
    ];
    for (name, type_, find) in found {
        let _ = writeln!(
            out,
            "pub(crate) fn {name}(&self) -> Option<&{type_}> {{\nmatch self {{"
        );
        for kind in &kinds {
            let code = find(model, kind).map_or("None".into(), |place| place.code);
            let it = if code.contains("it") { "it" } else { "_" };
            let _ = writeln!(out, "Self::{}({it}) => {code},", kind.variant);
        }
        out.push_str("Self::Unknown { .. } => None,\n}\n}\n\n");
    }
    out.push_str("pub(crate) fn read(update_type: UpdateType, r: &mut Reader<'_>) -> Result<Self> {\nmatch update_type {\n");
    for Kind { variant, .. } in &kinds {
        let _ = writeln!(
            out,
            "UpdateType::{variant} => FromJson::from_json(r).map(Self::{variant}),"
        );
    }
    out.push_str("UpdateType::Unknown => r.mismatch(\"a known update type\"),\n}\n}\n\n");
    out.push_str("#[cfg(feature = \"serde-all\")]\npub(crate) fn write_entry<M: SerializeMap>(&self, map: &mut M) -> std::result::Result<(), M::Error> {\nlet name = self.name();\nmatch self {\n");
    for Kind { variant, .. } in &kinds {
        let _ = writeln!(
            out,
            "Self::{variant}(value) => map.serialize_entry(name, value),"
        );
    }
    out.push_str("Self::Unknown { raw, .. } => map.serialize_entry(name, raw),\n}\n}\n}\n\n");
}

/// The file of `UpdateType`. It has one of its own, because `AllowedUpdates` takes it, and is taken by the
/// other files.
pub(crate) fn types(model: &Model) -> String {
    let Some(t) = model.get("Update") else {
        return String::new();
    };
    let kinds = update_kinds(t);
    let mut out = String::new();
    let _ = writeln!(
        &mut out,
        "/// A type of update: the name of a field of Telegram's {}.\n#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]\n#[non_exhaustive]\npub enum UpdateType {{",
        link("Update")
    );
    for kind in &kinds {
        let attribute = deprecated(kind.field.deprecated.as_deref());
        let _ = writeln!(out, "/// {}\n{attribute}{},", kind.doc, kind.variant);
    }
    let _ = writeln!(
        &mut out,
        "/// One that this version doesn't know.\nUnknown,\n}}\n\nimpl UpdateType {{\n/// The types that have a name, in the order of Telegram's page.\npub const ALL: [Self; {}] = [",
        kinds.len()
    );
    for Kind { variant, .. } in &kinds {
        let _ = writeln!(out, "Self::{variant},");
    }
    out.push_str("];\n\n/// The name in Telegram's spelling; `unknown` for [`Unknown`](Self::Unknown).\npub const fn as_str(self) -> &'static str {\nmatch self {\n");
    for Kind { name, variant, .. } in &kinds {
        let _ = writeln!(out, "Self::{variant} => \"{name}\",");
    }
    out.push_str("Self::Unknown => \"unknown\",\n}\n}\n\n/// The type with this name; [`Unknown`](Self::Unknown) for any other.\n#[inline]\npub fn from_name(key: &[u8]) -> Self {\n");
    let keys: Vec<(&str, String)> = kinds
        .iter()
        .map(|kind| (kind.name, format!("Self::{}", kind.variant)))
        .collect();
    out.push_str(&lookup(&keys).replace("NO_FIELD", "Self::Unknown"));
    out.push_str("\n}\n\n");
    // An unknown type most likely has them where most types have them.
    let found: [(&str, &str, FindPlace); 2] = [
        ("chat_id_path", "[\"chat\", \"id\"]", chat),
        ("user_id_path", "[\"from\", \"id\"]", user),
    ];
    for (name, usual, find) in found {
        let _ = writeln!(
            out,
            "/// The keys that lead to the id in the payload; none where the type has none.\n#[doc(hidden)]\npub const fn {name}(self) -> &'static [&'static str] {{\nmatch self {{"
        );
        for kind in &kinds {
            let path = find(model, kind).map_or(Vec::new(), |place| place.path);
            let _ = writeln!(out, "Self::{} => &{path:?},", kind.variant);
        }
        let _ = writeln!(out, "Self::Unknown => &{usual},\n}}\n}}\n");
    }
    out.push_str("}\n\n");
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{kinds, types};
    use crate::{emit_parts::tests::squeezed, model::Model};

    #[test]
    fn a_new_kind_of_update_brings_its_message_chat_and_user() {
        let schema = r#"{"bot_api": "1.0", "methods": [], "types": [
            {"name": "Update", "section": "s", "fields": [
                {"name": "update_id", "required": true, "type": "Integer"},
                {"name": "message", "required": false, "type": "Message"},
                {"name": "planet_seen", "required": false, "type": "PlanetSeen"},
                {"name": "button", "required": false, "type": "Button"},
                {"name": "opened", "required": false, "type": "Opened"},
                {"name": "silence", "required": false, "type": "Silence"}]},
            {"name": "Message", "section": "s", "fields": [
                {"name": "chat", "required": true, "type": "Chat"},
                {"name": "from", "required": false, "type": "User"}]},
            {"name": "PlanetSeen", "section": "s", "fields": [
                {"name": "chat", "required": false, "type": "Chat"},
                {"name": "user", "required": true, "type": "User"}]},
            {"name": "Button", "section": "s", "fields": [
                {"name": "message", "required": false, "type": "MaybeInaccessibleMessage"}]},
            {"name": "Opened", "section": "s", "fields": [
                {"name": "user_chat_id", "required": true, "type": "Integer"}]},
            {"name": "Silence", "section": "s", "fields": []},
            {"name": "MaybeInaccessibleMessage", "section": "s", "one_of": ["Message"]},
            {"name": "Chat", "section": "s", "fields": []},
            {"name": "User", "section": "s", "fields": []}]}"#;
        let model = Model::new(serde_json::from_str(schema).unwrap()).unwrap();
        let mut code = String::new();
        kinds(&model, model.get("Update").unwrap(), &mut code);
        let code = squeezed(&code);
        for expected in [
            "fn message(&self) -> Option<&Message> { match self { Self::Message(it) => Some(it), \
             Self::PlanetSeen(_) => None, \
             Self::Button(it) => it.message.as_ref().and_then(MaybeInaccessibleMessage::message), \
             Self::Opened(_) => None, Self::Silence(_) => None, Self::Unknown { .. } => None, } }",
            "fn chat(&self) -> Option<&Chat> { match self { Self::Message(it) => Some(&it.chat), \
             Self::PlanetSeen(it) => it.chat.as_ref(), \
             Self::Button(it) => it.message.as_ref().and_then(MaybeInaccessibleMessage::chat), \
             Self::Opened(_) => None, Self::Silence(_) => None, Self::Unknown { .. } => None, } }",
            "fn user(&self) -> Option<&User> { match self { Self::Message(it) => it.from.as_ref(), \
             Self::PlanetSeen(it) => Some(&it.user), Self::Button(_) => None, \
             Self::Opened(_) => None, Self::Silence(_) => None, Self::Unknown { .. } => None, } }",
        ] {
            assert!(code.contains(expected), "{expected}\nisn't in\n{code}");
        }
        let code = squeezed(&types(&model));
        for expected in [
            "fn chat_id_path(self) -> &'static [&'static str] { match self { \
             Self::Message => &[\"chat\", \"id\"], Self::PlanetSeen => &[\"chat\", \"id\"], \
             Self::Button => &[\"message\", \"chat\", \"id\"], Self::Opened => &[\"user_chat_id\"], \
             Self::Silence => &[], Self::Unknown => &[\"chat\", \"id\"], } }",
            "fn user_id_path(self) -> &'static [&'static str] { match self { \
             Self::Message => &[\"from\", \"id\"], Self::PlanetSeen => &[\"user\", \"id\"], \
             Self::Button => &[], Self::Opened => &[], Self::Silence => &[], \
             Self::Unknown => &[\"from\", \"id\"], } }",
        ] {
            assert!(code.contains(expected), "{expected}\nisn't in\n{code}");
        }
    }
}
