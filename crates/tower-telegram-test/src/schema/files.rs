//! The file arguments of a call.

use serde_json::{Map, Value};

use super::{MethodSchema, Schema, list_of};

/// A value that refers to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileArgument<'a> {
    /// An upload, a URL or a file ID.
    Input(&'a str),
    /// A file ID.
    Id(&'a str),
}

impl Schema {
    /// The files in arguments from [`Self::read`], without thumbnails, because the server ignores
    /// thumbnails that aren't uploads.
    pub(crate) fn files<'a>(
        &self,
        method: &MethodSchema,
        params: &'a Map<String, Value>,
    ) -> Vec<FileArgument<'a>> {
        let mut files = Vec::new();
        for param in &method.params {
            if let Some(value) = params.get(param.name) {
                self.find_files(param.type_, param.name, value, &mut files);
            }
        }
        files
    }

    /// Adds the files of a value by its type.
    fn find_files<'a>(
        &self,
        type_: &'static str,
        name: &str,
        value: &'a Value,
        found: &mut Vec<FileArgument<'a>>,
    ) {
        match (type_, value) {
            ("InputFile" | "InputFile|String", Value::String(file)) if name != "thumbnail" => {
                found.push(FileArgument::Input(file));
            }
            ("String", Value::String(id)) if name.ends_with("_file_id") => {
                found.push(FileArgument::Id(id));
            }
            (_, Value::Array(items)) => {
                for item in items {
                    self.find_files(list_of(type_).unwrap_or(type_), name, item, found);
                }
            }
            (_, Value::Object(object)) => {
                let member = self
                    .union(type_)
                    .and_then(|(tag, members)| self.member(tag, &members, value));
                for field in self.fields(member.unwrap_or(type_)).unwrap_or_default() {
                    if let Some(value) = object.get(field.name) {
                        self.find_files(field.type_, field.name, value, found);
                    }
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::get, *};

    fn files(method: &str, params: &Value) -> Vec<String> {
        let files = get().files(get().method(method).unwrap(), params.as_object().unwrap());
        files.iter().map(|file| format!("{file:?}")).collect()
    }

    #[test]
    fn they_are_found_wherever_they_are() {
        let photo = json!({"chat_id": 1, "photo": "a", "caption": "b"});
        assert_eq!(files("sendPhoto", &photo), [r#"Input("a")"#]);
        let album = json!({"media": [
            {"type": "photo", "media": "a"},
            {"type": "video", "media": "b", "cover": "c", "thumbnail": "d"},
        ]});
        assert_eq!(
            files("sendMediaGroup", &album),
            [r#"Input("a")"#, r#"Input("b")"#, r#"Input("c")"#]
        );
        let results = json!({"results": [
            {"type": "photo", "id": "1", "photo_file_id": "a"},
            {"type": "article", "id": "2", "title": "b", "input_message_content": {"message_text": "c"}},
        ]});
        assert_eq!(files("answerInlineQuery", &results), [r#"Id("a")"#]);
        let stickers =
            json!({"stickers": [{"sticker": "a", "format": "static", "emoji_list": ["🧵"]}]});
        assert_eq!(files("createNewStickerSet", &stickers), [r#"Input("a")"#]);
    }
}
