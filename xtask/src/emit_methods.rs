//! The code for the methods.

use std::fmt::Write as _;

use crate::{
    emit_parts::{Member, deprecated, item_doc, members},
    emit_types::{
        Constructor, ReadObject, constructors, fields, required_first, setters, uploading,
        write_map,
    },
    model::{self, Model, Shape, parse_shape, pascal},
    schema::Method,
};

pub(crate) fn file(model: &Model, file: &str) -> String {
    let mut out = String::from("#[allow(clippy::wildcard_imports)]\nuse super::prelude::*;\n\n");
    for method in &model.schema.methods {
        if model::method_file(method) == file {
            emit(model, method, &mut out);
        }
    }
    out
}

fn output(returns: &str) -> String {
    match parse_shape(returns) {
        Shape::True => "bool".into(),
        other => other.to_string(),
    }
}

fn emit(model: &Model, method: &Method, out: &mut String) {
    let name = pascal(&method.name);
    let members = members(model, &method.name, &method.params, false);
    let derived = model::derived(&method.name);
    let _ = writeln!(
        out,
        "{}{}#[derive({derived})]\n#[must_use = \"a method has no effect before it is sent\"]\n#[non_exhaustive]\npub struct {name} {{",
        item_doc(
            &method.name,
            method.doc.as_deref(),
            method.example.as_deref()
        ),
        deprecated(method.deprecated.as_deref()),
    );
    fields(&members, true, out);
    let unsent = model::unsent(&method.name);
    if let Some((field, doc)) = unsent {
        let _ = writeln!(out, "/// {doc}\npub(crate) {field}: bool,");
    }
    let unsent = unsent.map(|(field, _)| field);
    out.push_str("}\n\n");
    let made_by = method_constructors(&method.name, &members);
    constructors(model, &name, &members, &made_by, unsent, out);
    let optional = members.iter().filter(|m| !m.field.required);
    setters(model, optional.filter(|m| !is_place(&made_by, m)), out);
    out.push_str("}\n\n");
    if made_by.iter().all(|c| c.takes.is_empty()) {
        let _ = writeln!(
            out,
            "impl Default for {name} {{\nfn default() -> Self {{\nSelf::new()\n}}\n}}\n"
        );
    }
    write_map(&name, &[], &members, "", out);
    let object = ReadObject {
        name: &name,
        members: &members,
        tag: None,
        received: false,
        unsent,
    };
    object.emit(model, out);
    emit_method(model, method, &name, &members, out);
    if model::is_inline(method) {
        let _ = writeln!(out, "impl InlineMethod for {name} {{}}\n");
    }
}

/// The implementation of the trait `Method`.
fn emit_method(
    model: &Model,
    method: &Method,
    name: &str,
    members: &[Member<'_>],
    out: &mut String,
) {
    let _ = writeln!(
        out,
        "impl Method for {name} {{\ntype Output = {};\nconst NAME: &'static str = \"{}\";\nconst IDEMPOTENT: bool = {};\nconst DECODES_ONE_VALUE: bool = true;\n",
        output(&method.returns),
        method.name,
        model::is_idempotent(&method.name),
    );
    if let Some(m) = members
        .iter()
        .find(|m| m.name == "chat_id" && m.shape == Shape::Named("ChatId".into()))
    {
        let value = if m.is_plain() {
            "Some(&self.chat_id)"
        } else {
            "self.chat_id.as_ref()"
        };
        let _ = writeln!(
            out,
            "fn chat_id(&self) -> Option<&ChatId> {{\n{value}\n}}\n"
        );
    }
    let holders = uploading(model, members);
    if !holders.is_empty() {
        out.push_str("fn uploads(&self) -> Vec<Upload> {\nlet mut uploads = Vec::new();\n");
        for holder in holders {
            let _ = writeln!(out, "self.{holder}.collect_uploads(&mut uploads);");
        }
        out.push_str("uploads\n}\n\n");
    }
    if let Some(wait) = model::server_wait(&method.name) {
        let _ = writeln!(
            out,
            "fn server_wait(&self) -> Duration {{\nlet seconds = self.{wait}.unwrap_or_default();\nDuration::from_secs(seconds.try_into().unwrap_or_default())\n}}\n"
        );
    }
    if model::is_checked(&method.name) {
        let _ = writeln!(
            out,
            "fn validate(&self) -> std::result::Result<(), Box<dyn std::error::Error + Send + Sync>> {{\nOk(self.check()?)\n}}\n"
        );
    }
    out.push_str("fn decode(result: &str) -> std::result::Result<Self::Output, ParseError> {\ncrate::json::from_str(result)\n}\n}\n\n");
}

/// The parameters that mean a message of a chat, and the one that means a message sent through inline mode.
const IN_A_CHAT: [&str; 2] = ["chat_id", "message_id"];
const INLINE: &str = "inline_message_id";

/// `new` takes the parameters that the method needs. A method that needs either a message of a chat or one sent through
/// inline mode has `new` for the former and `inline` for the latter.
fn method_constructors<'a>(method: &str, members: &'a [Member<'a>]) -> Vec<Constructor<'a>> {
    let named = |name: &str| members.iter().find(|m| m.name == name && !m.field.required);
    let [Some(chat), Some(message), Some(inline)] = [IN_A_CHAT[0], IN_A_CHAT[1], INLINE].map(named)
    else {
        return vec![required_first(members)];
    };
    let subject = model::subject(method).and_then(named);
    let required = members.iter().filter(|m| m.field.required);
    let needed: Vec<_> = subject.into_iter().chain(required).collect();
    let with = |place: &[&'a Member<'a>]| {
        place
            .iter()
            .copied()
            .chain(needed.iter().copied())
            .collect()
    };
    vec![
        Constructor {
            name: "new",
            doc: "Creates the call for a message in a chat.",
            takes: with(&[chat, message]),
        },
        Constructor {
            name: "inline",
            doc: "Creates the call for a message that was sent through the bot's inline mode.",
            takes: with(&[inline]),
        },
    ]
}

/// Whether one of several constructors takes the member as the place of a message, so that it needs no setter.
fn is_place(made_by: &[Constructor<'_>], member: &Member<'_>) -> bool {
    made_by.len() > 1 && (IN_A_CHAT.contains(&member.name) || member.name == INLINE)
}
