//! The files of a call, as uploads of the client.

use std::path::PathBuf;

use serde_json::Value;
use tower_telegram::types::{InputFile, Upload};

/// Puts files into the parameters, each where the call has it, and returns them as uploads.
///
/// frankenstein names a file by its parameter, whose value is then only a path; or, deeper in the parameters, by a text
/// `attach://NAME`.
pub(crate) fn attach(parameters: &mut Value, files: Vec<(&str, PathBuf)>) -> Vec<InputFile> {
    let mut uploads = Vec::with_capacity(files.len());
    for (name, path) in files {
        let upload = InputFile::path(path);
        let part = upload.as_upload().map(Upload::part_name);
        let reference = Value::String(format!("attach://{}", part.unwrap_or_default()));
        match parameters.get_mut(name) {
            Some(parameter) => *parameter = reference,
            None => replace(parameters, &format!("attach://{name}"), &reference),
        }
        uploads.push(upload);
    }
    uploads
}

/// Replaces a text wherever it is.
fn replace(value: &mut Value, text: &str, by: &Value) {
    match value {
        Value::String(found) if found == text => *value = by.clone(),
        Value::Array(list) => list.iter_mut().for_each(|item| replace(item, text, by)),
        Value::Object(object) => object.values_mut().for_each(|item| replace(item, text, by)),
        _ => {}
    }
}
