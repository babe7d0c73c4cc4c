//! Minimal values of the schema's types, always the same ones.
//!
//! They are the results of methods that the server doesn't imitate.

use serde_json::{Map, Value, json};

use super::{FieldSchema, Schema, list_of};

/// A function from a field's type and name to a better value than the schema alone gives.
pub(crate) type Given<'a> = &'a dyn Fn(&str, &str) -> Option<Value>;

impl Schema {
    /// A minimal value of that type.
    pub(crate) fn make(&self, type_: &'static str, given: Given<'_>) -> Value {
        self.make_named(type_, "", given)
    }

    /// A value of that type for a field of that name.
    pub(crate) fn make_named(&self, type_: &'static str, name: &str, given: Given<'_>) -> Value {
        if let Some(value) = given(type_, name) {
            return value;
        }
        match type_ {
            "Integer" => json!(1),
            "Time" => json!(1_700_000_000),
            "Float" => json!(1.0),
            "Boolean" => false.into(),
            "True" => true.into(),
            "String" | "InputFile" | "UpdateType" => name.into(),
            _ if list_of(type_).is_some() => json!([]),
            _ => self.make_object(type_, name, given),
        }
    }

    /// An object with its required fields.
    fn make_object(&self, type_: &'static str, name: &str, given: Given<'_>) -> Value {
        if let Some((_, members)) = self.union(type_) {
            let first = members.first().copied().unwrap_or("String");
            return self.make_named(first, name, given);
        }
        let fields = self.fields(type_).unwrap_or_default();
        let required = fields.iter().filter(|field| field.is_required);
        let made = required.map(|field| (field.name.to_owned(), self.make_field(field, given)));
        Value::Object(made.collect::<Map<_, _>>())
    }

    /// The value of a field: its only allowed one, a given one, or a minimal one.
    fn make_field(&self, field: &FieldSchema, given: Given<'_>) -> Value {
        match field.value {
            Some(value) if field.type_ == "Integer" => {
                value.parse::<i64>().map_or(json!(1), Value::from)
            }
            Some(value) => value.into(),
            None => self.make_named(field.type_, field.name, given),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::get;
    use super::*;

    #[test]
    fn only_required_fields_are_made() {
        let none = |_: &str, _: &str| None;
        assert_eq!(
            get().make("User", &none),
            json!({"id": 1, "is_bot": false, "first_name": "first_name"})
        );
        assert_eq!(
            get().make("ChatMember", &none)["status"],
            "creator",
            "the first of a union"
        );
        assert_eq!(get().make("Array<Message>", &none), json!([]));
    }

    #[test]
    fn given_values_are_used() {
        let given = |type_: &str, name: &str| match (type_, name) {
            ("User", _) => Some(json!({"id": 42})),
            (_, "name") => Some("Ada".into()),
            _ => None,
        };
        let link = get().make("ChatInviteLink", &given);
        assert_eq!(link["creator"], json!({"id": 42}));
        assert_eq!(get().make("BotName", &given), json!({"name": "Ada"}));
    }
}
