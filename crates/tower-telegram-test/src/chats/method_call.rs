//! A call of a known method, with arguments that fit its parameters.

use serde_json::{Map, Value};

use crate::{
    bot_api::{answer::Answer, args::Args, files::Files, uploaded_file::UploadedFile},
    schema::MethodSchema,
};

/// The result of a call, or the answer that refuses it.
pub(super) type MethodResult = Result<Value, Answer>;

/// A call whose arguments have been checked against the schema.
pub(super) struct MethodCall<'a> {
    pub(super) files: &'a Files,
    pub(super) method: &'a MethodSchema,
    /// The arguments in the schema's types, without unknown ones.
    pub(super) params: Map<String, Value>,
    pub(super) args: &'a Args,
}

impl MethodCall<'_> {
    /// Whether the argument is given.
    pub(super) fn has(&self, name: &str) -> bool {
        self.params.contains_key(name)
    }

    /// An argument as JSON.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.params.get(name)
    }

    /// A text argument. Empty if it isn't given.
    pub(super) fn text(&self, name: &str) -> &str {
        self.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// An integer argument.
    pub(super) fn integer(&self, name: &str) -> Option<i64> {
        self.get(name)?.as_i64()
    }

    /// A boolean argument. False if it isn't given.
    pub(super) fn is(&self, name: &str) -> bool {
        self.get(name) == Some(&Value::Bool(true))
    }

    /// The numbers of a list argument.
    pub(super) fn integers(&self, name: &str) -> Vec<i64> {
        let list = self.get(name).and_then(Value::as_array);
        list.into_iter()
            .flatten()
            .filter_map(Value::as_i64)
            .collect()
    }

    /// The upload that a value such as `attach://photo` refers to.
    pub(super) fn upload(&self, value: &str) -> Option<&UploadedFile> {
        let name = value.strip_prefix("attach://")?;
        self.args.files.iter().find(|file| file.field == name)
    }
}

/// A 400 with the server's text, whose first letter is made lower case unless it begins a code in capitals.
pub(super) fn bad(text: &str) -> Answer {
    let mut chars = text.chars();
    let first = chars.next().unwrap_or_default();
    let is_code = chars
        .clone()
        .next()
        .is_some_and(|c| c == '_' || c.is_ascii_uppercase());
    if is_code {
        return Answer::error(400, format!("Bad Request: {text}"));
    }
    let first = first.to_ascii_lowercase();
    Answer::error(400, format!("Bad Request: {first}{}", chars.as_str()))
}

/// A 403 with the server's text.
pub(super) fn forbidden(text: &str) -> Answer {
    Answer::error(403, format!("Forbidden: {text}"))
}
