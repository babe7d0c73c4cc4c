//! Conversion of a call's arguments to the schema's types, with the server's error messages.

use serde_json::{Map, Value, json};

use super::{FieldSchema, MethodSchema, Schema, list_of};
use crate::bot_api::{args, uploaded_file::UploadedFile};

/// The server's description of a wrong value.
type Problem = String;

impl Schema {
    /// The arguments of a call in the JSON types of the schema, without unknown ones and `null`. A file
    /// that was uploaded in the field of its argument becomes an `attach://` reference.
    pub(crate) fn read(
        &self,
        method: &MethodSchema,
        params: &Map<String, Value>,
        files: &[UploadedFile],
    ) -> Result<Map<String, Value>, Problem> {
        let mut read = Map::new();
        for param in &method.params {
            let value = params.get(param.name);
            match value.filter(|value| !is_nothing(value)) {
                Some(value) => {
                    let value = self.read_argument(param, value)?;
                    read.insert(param.name.to_owned(), value);
                }
                None if files.iter().any(|file| file.field == param.name) => {
                    let value = format!("attach://{}", param.name);
                    read.insert(param.name.to_owned(), value.into());
                }
                None if param.is_required => return Err(missing(method, param)),
                None => {}
            }
        }
        Ok(read)
    }

    /// Reads an argument like the server: from JSON, from a string with JSON in it, and numbers from
    /// strings.
    fn read_argument(&self, param: &FieldSchema, value: &Value) -> Result<Value, Problem> {
        let text = args::text(value);
        match param.type_ {
            "Boolean" | "True" => Ok(args::is_true(&text).into()),
            "String" | "InputFile" | "InputFile|String" => Ok(text.into()),
            "Integer" | "Time" | "Float" | "Integer|String" => {
                self.read_value(param.type_, param.name, value)
            }
            type_ => {
                let parsed = serde_json::from_str(&text);
                let parsed = parsed.map_err(|_| cannot_parse(type_, "it is not JSON"))?;
                self.read_value(type_, param.name, &parsed)
            }
        }
    }

    /// Converts a value to a type of the schema.
    fn read_value(&self, type_: &'static str, name: &str, value: &Value) -> Result<Value, Problem> {
        if let Some(inner) = list_of(type_) {
            let items = value
                .as_array()
                .ok_or_else(|| format!("expected an Array of {inner}"))?;
            let items = items.iter().map(|item| self.read_value(inner, name, item));
            return items.collect();
        }
        let must_be = |what: &str| format!("Field \"{name}\" must be of type {what}");
        match type_ {
            "Integer" | "Time" => integer(value).ok_or_else(|| must_be("Number")),
            "Float" => float(value).ok_or_else(|| must_be("Number")),
            "Integer|String" => Ok(integer(value).unwrap_or_else(|| args::text(value).into())),
            "Boolean" | "True" if value.is_boolean() => Ok(value.clone()),
            "Boolean" | "True" => Err(must_be("Boolean")),
            "String" | "InputFile" | "InputFile|String" | "UpdateType" => match value {
                Value::String(_) => Ok(value.clone()),
                Value::Number(number) => Ok(number.to_string().into()),
                _ => Err(must_be("String")),
            },
            _ => self.read_object(type_, name, value),
        }
    }

    /// Converts an object, whose unknown members are dropped.
    fn read_object(
        &self,
        type_: &'static str,
        name: &str,
        value: &Value,
    ) -> Result<Value, Problem> {
        if let Some((tag, members)) = self.union(type_) {
            let member = self.member(tag, &members, value);
            let member = member.ok_or_else(|| {
                let wrong = tag.map_or_else(
                    || "it is none of them".to_owned(),
                    |tag| format!("Field \"{tag}\" has no known value"),
                );
                cannot_parse(type_, &wrong)
            })?;
            return self.read_value(member, name, value);
        }
        let Some(fields) = self.fields(type_) else {
            return Ok(value.clone());
        };
        if value.is_string() && ["KeyboardButton", "InputPollOption"].contains(&type_) {
            return Ok(json!({"text": value}));
        }
        let object = value
            .as_object()
            .ok_or_else(|| cannot_parse(type_, "it is not an Object"))?;
        let mut read = object.clone();
        for field in fields {
            match object.get(field.name).filter(|value| !value.is_null()) {
                Some(value) => {
                    let value = self.read_value(field.type_, field.name, value);
                    let value = value.map_err(|problem| within(type_, problem))?;
                    read.insert(field.name.to_owned(), value);
                }
                None if field.is_required && field.type_ != "Boolean" => {
                    let missing = format!("Can't find field \"{}\"", field.name);
                    return Err(cannot_parse(type_, &missing));
                }
                None => {
                    read.remove(field.name);
                }
            }
        }
        Ok(read.into())
    }

    /// The member of a union for a value: by its tag, or the first one whose required fields are present.
    pub(super) fn member(
        &self,
        tag: Option<&str>,
        members: &[&'static str],
        value: &Value,
    ) -> Option<&'static str> {
        let fits = |member: &&&'static str| match (self.fields(member), list_of(member)) {
            (Some(fields), _) => fields.iter().all(|field| {
                let given = &value[field.name];
                let is_tag = tag.is_some_and(|tag| tag == field.name)
                    || (field.name == "type" && field.value.is_some());
                if is_tag {
                    given.as_str() == field.value
                } else {
                    tag.is_some() || !field.is_required || !given.is_null()
                }
            }),
            (None, Some(_)) => value.is_array(),
            (None, None) if **member == "String" => value.is_string(),
            (None, None) => self
                .union(member)
                .is_some_and(|(tag, members)| self.member(tag, &members, value).is_some()),
        };
        members.iter().find(fits).copied()
    }
}

/// Adds the type to a problem, of which the innermost type is named.
fn within(type_: &str, problem: Problem) -> Problem {
    if problem.starts_with("can't parse") || problem.starts_with("expected") {
        return problem;
    }
    cannot_parse(type_, &problem)
}

/// The server's message for a value that isn't of the type.
fn cannot_parse(type_: &str, problem: &str) -> Problem {
    format!("can't parse {}: {problem}", words(type_))
}

/// `InlineKeyboardButton` as `inline keyboard button`.
fn words(type_: &str) -> String {
    if type_.contains('|') {
        return "reply markup".to_owned();
    }
    let mut words = String::new();
    for c in type_.chars() {
        if c.is_ascii_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.push(c.to_ascii_lowercase());
    }
    words
}

/// The server's message for a missing argument, which often names the thing and not the argument.
fn missing(method: &MethodSchema, param: &FieldSchema) -> Problem {
    let text = match param.name {
        "chat_id" => "chat_id is empty",
        "user_id" => "invalid user_id specified",
        "message_id" => "message identifier is not specified",
        "message_ids" => "message identifiers are not specified",
        "file_id" => "invalid file_id specified",
        "text" if method.name == "sendMessage" => "message text is empty",
        "media" if param.type_.starts_with("Array") => "there are no messages to send",
        name if param.type_.starts_with("InputFile") => {
            return format!("there is no {} in the request", name.replace('_', " "));
        }
        name => return format!("parameter \"{name}\" is required"),
    };
    text.to_owned()
}

/// Whether an argument counts as missing: an empty string or `null`.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

/// An integer, from a number or from a string.
fn integer(value: &Value) -> Option<Value> {
    match value {
        Value::Number(number) if number.is_i64() => Some(value.clone()),
        Value::String(text) => text.trim().parse::<i64>().ok().map(Value::from),
        _ => None,
    }
}

/// A number, from a number or from a string.
fn float(value: &Value) -> Option<Value> {
    match value {
        Value::Number(_) => Some(value.clone()),
        Value::String(text) => text.trim().parse::<f64>().ok().map(Value::from),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{super::get, *};

    fn read(method: &str, params: Value) -> Result<Value, Problem> {
        let Value::Object(params) = params else {
            panic!("not an object")
        };
        let schema = get();
        let method = schema.method(method).unwrap();
        schema.read(method, &params, &[]).map(Value::Object)
    }

    #[test]
    fn forms_and_json_read_the_same() {
        let keyboard = json!({"inline_keyboard": [[{"text": "Yes", "callback_data": "y"}]]});
        let expected = json!({"chat_id": 7, "text": "12", "disable_notification": true, "reply_markup": keyboard});
        for params in [
            json!({"chat_id": 7, "text": 12, "disable_notification": true, "reply_markup": keyboard, "what": 1}),
            json!({"chat_id": "7", "text": "12", "disable_notification": "True", "reply_markup": keyboard.to_string(), "parse_mode": ""}),
        ] {
            assert_eq!(read("SENDmessage", params), Ok(expected.clone()));
        }
        let named = read("sendMessage", json!({"chat_id": "@engines", "text": "a"}));
        assert_eq!(named.unwrap()["chat_id"], "@engines");
    }

    #[test]
    fn missing_arguments_are_named_like_the_server_does() {
        for (method, params, expected) in [
            ("sendMessage", json!({"text": "a"}), "chat_id is empty"),
            (
                "sendMessage",
                json!({"chat_id": 7, "text": ""}),
                "message text is empty",
            ),
            (
                "sendPhoto",
                json!({"chat_id": 7}),
                "there is no photo in the request",
            ),
            (
                "sendVideoNote",
                json!({"chat_id": 7}),
                "there is no video note in the request",
            ),
            (
                "banChatMember",
                json!({"chat_id": 7}),
                "invalid user_id specified",
            ),
            (
                "deleteMessage",
                json!({"chat_id": 7}),
                "message identifier is not specified",
            ),
            (
                "sendPoll",
                json!({"chat_id": 7}),
                "parameter \"question\" is required",
            ),
        ] {
            assert_eq!(read(method, params), Err(expected.to_owned()), "{method}");
        }
    }

    #[test]
    fn what_does_not_fit_is_named_with_its_innermost_type() {
        let markup = |markup: Value| {
            read(
                "sendMessage",
                json!({"chat_id": 7, "text": "a", "reply_markup": markup}),
            )
            .unwrap_err()
        };
        assert_eq!(
            markup(json!({"inline_keyboard": [[{"callback_data": "y"}]]})),
            "can't parse inline keyboard button: Can't find field \"text\""
        );
        assert_eq!(
            markup(json!({"inline_keyboard": [[{"text": [], "callback_data": "y"}]]})),
            "can't parse inline keyboard button: Field \"text\" must be of type String"
        );
        assert_eq!(
            markup(json!({"inline_keyboard": [{"text": "a"}]})),
            "expected an Array of InlineKeyboardButton"
        );
        assert_eq!(
            markup(json!("{")),
            "can't parse reply markup: it is not JSON"
        );
        assert_eq!(
            read("banChatMember", json!({"chat_id": 7, "user_id": "Ada"})).unwrap_err(),
            "Field \"user_id\" must be of type Number"
        );
        let media = json!([{"type": "story", "media": "a"}]);
        let album = read("sendMediaGroup", json!({"chat_id": 7, "media": media}));
        assert!(album.unwrap_err().starts_with("can't parse"));
    }
}
