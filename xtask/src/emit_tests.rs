//! The code that leads the tests to every method, and to every place for a file.

use std::fmt::Write as _;

use crate::{
    emit_parts::members,
    emit_types::{uploading, variants},
    model::{self, Model, pascal},
    schema::{Field, Method},
};

pub(crate) fn file(model: &Model, allow: &str) -> String {
    let mut out = String::from(
        "//! Every method and every type that can hold an upload, by name.\n\n\
         // Some have one such member, others many.\n#![allow(clippy::single_match)]\n\n\
         ",
    );
    let _ = writeln!(
        out,
        "{allow}\nuse tower_telegram::{{methods, types}};\n\nuse crate::client::typed::{{Attach, Files, Typed}};\n"
    );
    let _ = writeln!(
        out,
        "pub(crate) const METHODS: [Typed; {}] = [",
        model.schema.methods.len()
    );
    for method in &model.schema.methods {
        let of = match holders(model, &method.name, &method.params).as_slice() {
            [] => "of",
            _ if model::is_inline(method) => "uploading_in_replies",
            _ => "uploading",
        };
        let _ = writeln!(out, "Typed::{of}::<methods::{}>(),", pascal(&method.name));
    }
    out.push_str("];\n\n");
    for method in &model.schema.methods {
        attach_method(model, method, &mut out);
    }
    for name in model.types.keys() {
        if model.sent.contains(name) && model.uploading.contains(name) {
            attach_type(model, name, &mut out);
        }
    }
    out
}

fn holders<'a>(model: &Model, owner: &str, fields: &'a [Field]) -> Vec<&'a str> {
    uploading(model, &members(model, owner, fields, true))
}

fn attach_method(model: &Model, method: &Method, out: &mut String) {
    let holders = holders(model, &method.name, &method.params);
    if !holders.is_empty() {
        attach_fields(&format!("methods::{}", pascal(&method.name)), &holders, out);
    }
}

fn attach_type(model: &Model, name: &str, out: &mut String) {
    let Some(t) = model.get(name) else { return };
    let path = format!("types::{name}");
    let Some(union) = &t.one_of else {
        attach_fields(&path, &holders(model, name, &t.fields), out);
        return;
    };
    let _ = writeln!(
        out,
        "impl Attach for {path} {{\nfn attach(&mut self, files: &mut Files) {{\nmatch self {{"
    );
    for variant in variants(model, union) {
        if model.uploading.contains(&variant.member) {
            let _ = writeln!(out, "Self::{}(value) => value.attach(files),", variant.name);
        }
    }
    out.push_str("_ => {}\n}\n}\n}\n\n");
}

fn attach_fields(path: &str, holders: &[&str], out: &mut String) {
    let _ = writeln!(
        out,
        "impl Attach for {path} {{\nfn attach(&mut self, files: &mut Files) {{"
    );
    for holder in holders {
        let _ = writeln!(out, "self.{holder}.attach(files);");
    }
    out.push_str("}\n}\n\n");
}
