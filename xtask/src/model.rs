//! The schema with everything decided that the emitted code needs: roles, sizes, boxes, enums.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::{
    names,
    schema::{Field, Method, Notes, Schema, Type},
};

/// Above this many bytes an optional object or a variant is kept in a box, so that the objects
/// that hold it stay small; most of them are absent most of the time.
const BOX_ABOVE: usize = 64;

/// A type as the schema writes it, taken apart.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Shape {
    Integer,
    Float,
    String,
    Boolean,
    True,
    List(Box<Shape>),
    /// A string enum, a choice, a building block of ours or a type of the schema.
    Named(String),
}

pub(crate) struct StringEnum {
    pub(crate) name: String,
    pub(crate) values: Vec<String>,
    pub(crate) deprecated: Notes,
    pub(crate) file: &'static str,
}

impl StringEnum {
    /// A value is deprecated as long as each field that has it has lost it.
    fn add(&mut self, field: &Field) {
        for value in field.values.iter().filter_map(|value| value.as_str()) {
            let note = field.deprecated_values.get(value);
            let is_new = self.values.iter().all(|known| known != value);
            match note {
                Some(note) if is_new => {
                    self.deprecated.insert(value.into(), note.clone());
                }
                Some(_) => {}
                None => {
                    self.deprecated.remove(value);
                }
            }
            if is_new {
                self.values.push(value.into());
            }
        }
    }
}

pub(crate) struct Model {
    pub(crate) schema: Schema,
    pub(crate) types: BTreeMap<String, usize>,
    pub(crate) enums: BTreeMap<String, StringEnum>,
    pub(crate) received: HashSet<String>,
    pub(crate) sent: HashSet<String>,
    pub(crate) uploading: HashSet<String>,
}

/// Types that are written by hand, so that the generator doesn't emit them.
const BY_HAND: [&str; 5] = [
    "ChatId",
    "InputFile",
    "AllowedUpdates",
    "ProviderToken",
    "SecretToken",
];

impl Model {
    pub(crate) fn new(mut schema: Schema) -> Result<Self, String> {
        for (name, alternatives) in names::CHOICES {
            let members: Vec<String> = alternatives.split(" | ").map(Into::into).collect();
            let tagged = name != "ReplyMarkup";
            schema.types.push(Type {
                name: name.into(),
                section: "available-types".into(),
                fields: Vec::new(),
                one_of: Some(members),
                tag: tagged.then(|| "type".into()),
                doc: None,
                example: None,
                deprecated: None,
                deprecated_members: Notes::new(),
            });
        }
        let types = schema
            .types
            .iter()
            .enumerate()
            .map(|(i, t)| (t.name.clone(), i))
            .collect();
        let mut model = Self {
            schema,
            types,
            enums: BTreeMap::new(),
            received: HashSet::new(),
            sent: HashSet::new(),
            uploading: HashSet::new(),
        };
        model.collect_enums();
        model.check()?;
        model.collect_roles();
        model.open_constants();
        model.collect_uploading();
        Ok(model)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Type> {
        self.types.get(name).map(|&i| &self.schema.types[i])
    }

    /// The shape of a field or parameter of `owner`.
    pub(crate) fn shape(owner: &str, field: &Field) -> Shape {
        if field.type_ == "Array<UpdateType>" {
            return Shape::Named("AllowedUpdates".into());
        }
        if (owner, &*field.name) == ("setWebhook", "secret_token") {
            // It must never be printed, and is checked before it is sent.
            return Shape::Named("SecretToken".into());
        }
        if field.name == "provider_token" {
            return Shape::Named("ProviderToken".into());
        }
        if field.type_ == "String" && !field.values.is_empty() {
            return Shape::Named(names::string_enum(owner, &field.name));
        }
        parse_shape(&field.type_)
    }

    fn collect_enums(&mut self) {
        let mut found: Vec<(String, &Field, &'static str)> = Vec::new();
        let mut add = |owner: &str, field, file| found.push((owner.to_owned(), field, file));
        for t in &self.schema.types {
            for f in &t.fields {
                add(&t.name, f, names::type_file(&t.name, &t.section));
            }
        }
        for m in &self.schema.methods {
            for p in &m.params {
                let file = match m.section.as_str() {
                    "stickers" => "sticker",
                    _ => "chat",
                };
                add(&m.name, p, file);
            }
        }
        found.retain(|(_, field, _)| field.type_ == "String" && !field.values.is_empty());
        for (owner, field, file) in found {
            let name = names::string_enum(&owner, &field.name);
            let known = self.enums.entry(name.clone()).or_insert(StringEnum {
                name,
                values: Vec::new(),
                deprecated: Notes::new(),
                file,
            });
            known.add(field);
        }
    }

    /// Reports what the generator can't handle, before it writes code that doesn't build.
    fn check(&self) -> Result<(), String> {
        let fields = self.schema.types.iter().map(|t| (&t.name, &t.fields));
        let params = self.schema.methods.iter().map(|m| (&m.name, &m.params));
        for (owner, list) in fields.chain(params) {
            for field in list {
                let shape = Self::shape(owner, field);
                let name = innermost(&shape);
                let known = name.is_none_or(|n| {
                    self.types.contains_key(n) || self.enums.contains_key(n) || BY_HAND.contains(&n)
                });
                if !known {
                    return Err(format!(
                        "{owner}.{}: no type for `{}`",
                        field.name, field.type_
                    ));
                }
            }
        }
        let clash = self
            .enums
            .keys()
            .find(|name| self.types.contains_key(*name));
        clash.map_or(Ok(()), |name| {
            Err(format!("`{name}` is both a type and an enum"))
        })
    }

    /// Removes the fixed values of fields that are received: Telegram may send another value one day. The tag of a union
    /// keeps its value, because it names the type.
    fn open_constants(&mut self) {
        let tags: HashSet<(String, String)> = self
            .schema
            .types
            .iter()
            .filter_map(|union| Some((union.tag.as_ref()?, union.one_of.as_ref()?)))
            .flat_map(|(tag, members)| members.iter().map(|m| (m.clone(), tag.clone())))
            .collect();
        for t in &mut self.schema.types {
            if self.sent.contains(&t.name) {
                continue;
            }
            for field in &mut t.fields {
                if !tags.contains(&(t.name.clone(), field.name.clone())) {
                    field.constant = None;
                }
            }
        }
    }

    fn collect_roles(&mut self) {
        let mut received = HashSet::new();
        let mut sent = HashSet::new();
        self.reach("Update", &mut received);
        // A part of every response.
        self.reach("ResponseParameters", &mut received);
        for method in &self.schema.methods {
            for name in method.returns.split(" | ") {
                if let Some(name) = innermost(&parse_shape(name)) {
                    self.reach(name, &mut received);
                }
            }
            for param in &method.params {
                if let Some(name) = innermost(&Self::shape(&method.name, param)) {
                    self.reach(name, &mut sent);
                }
            }
        }
        self.received = received;
        self.sent = sent;
    }

    fn reach(&self, name: &str, seen: &mut HashSet<String>) {
        let Some(t) = self.get(name) else { return };
        if !seen.insert(name.to_owned()) {
            return;
        }
        for part in Self::parts(t) {
            self.reach(&part, seen);
        }
    }

    /// The named types that a type is made of.
    fn parts(t: &Type) -> Vec<String> {
        let members = t.one_of.iter().flatten().cloned();
        let fields = t
            .fields
            .iter()
            .filter_map(|f| innermost(&Self::shape(&t.name, f)).map(Into::into));
        members.chain(fields).collect()
    }

    fn collect_uploading(&mut self) {
        let mut uploading: HashSet<String> = ["InputFile".to_owned()].into();
        loop {
            let before = uploading.len();
            for t in &self.schema.types {
                if Self::parts(t).iter().any(|part| uploading.contains(part)) {
                    uploading.insert(t.name.clone());
                }
            }
            if uploading.len() == before {
                break;
            }
        }
        self.uploading = uploading;
    }

    /// About how many bytes a value takes in place.
    fn size(&self, shape: &Shape, depth: usize) -> usize {
        match shape {
            Shape::Integer | Shape::Float => 8,
            Shape::Boolean | Shape::True => 1,
            Shape::String | Shape::List(_) => 24,
            Shape::Named(name) => match self.get(name) {
                _ if depth > 8 => BOX_ABOVE + 1,
                None => 24,
                Some(t) if t.one_of.is_some() => 24,
                Some(t) => t
                    .fields
                    .iter()
                    .filter(|f| f.constant.is_none())
                    .map(|f| self.field_size(t, f, depth + 1))
                    .sum(),
            },
        }
    }

    fn field_size(&self, owner: &Type, field: &Field, depth: usize) -> usize {
        let shape = Self::shape(&owner.name, field);
        match (&shape, field.required) {
            (Shape::Integer | Shape::Float, false) => 16,
            (Shape::Named(_), false) => self.size(&shape, depth).min(BOX_ABOVE),
            _ => self.size(&shape, depth),
        }
    }

    /// Whether a value of the type is worth a box of its own where it may be absent.
    pub(crate) fn is_boxed(&self, shape: &Shape) -> bool {
        let Shape::Named(name) = shape else {
            return false;
        };
        let Some(t) = self.get(name) else {
            return false;
        };
        // A union's variants are boxed, so the union is small.
        t.one_of.is_none() && (self.holds_itself(t) || self.size(shape, 0) > BOX_ABOVE)
    }

    fn holds_itself(&self, t: &Type) -> bool {
        let mut seen = HashSet::new();
        for part in Self::parts(t) {
            self.reach(&part, &mut seen);
        }
        seen.contains(&t.name)
    }

    /// Whether there is anything that has left the Bot API, so that the generated code needs to use what it deprecates.
    pub(crate) fn has_deprecated(&self) -> bool {
        let mut types = self.schema.types.iter();
        let mut methods = self.schema.methods.iter();
        let any = |fields: &[Field]| fields.iter().any(|f| f.deprecated.is_some());
        types.any(|t| t.deprecated.is_some() || !t.deprecated_members.is_empty() || any(&t.fields))
            || methods.any(|m| m.deprecated.is_some() || any(&m.params))
            || self.enums.values().any(|e| !e.deprecated.is_empty())
    }

    /// The tag's value for a member of a tagged union.
    pub(crate) fn tag_value(&self, member: &str, tag: &str) -> Option<&str> {
        self.get(member)?
            .fields
            .iter()
            .find(|f| f.name == tag)?
            .constant
            .as_deref()
    }

    pub(crate) fn type_files(&self) -> BTreeSet<&'static str> {
        let types = self.schema.types.iter();
        types
            .map(|t| names::type_file(&t.name, &t.section))
            .chain(self.enums.values().map(|e| e.file))
            .collect()
    }

    pub(crate) fn method_files(&self) -> BTreeSet<&'static str> {
        let methods = self.schema.methods.iter();
        methods.map(method_file).collect()
    }
}

pub(crate) fn method_file(m: &Method) -> &'static str {
    names::method_file(&m.name, &m.section)
}

pub(crate) fn parse_shape(text: &str) -> Shape {
    if let Some(inner) = text
        .strip_prefix("Array<")
        .and_then(|t| t.strip_suffix('>'))
    {
        return Shape::List(Box::new(parse_shape(inner)));
    }
    match text {
        "Integer" => Shape::Integer,
        "Float" => Shape::Float,
        "String" => Shape::String,
        "Boolean" => Shape::Boolean,
        "True" => Shape::True,
        other => Shape::Named(names::choice(other).unwrap_or(other).into()),
    }
}

/// The name at the bottom of nested lists.
pub(crate) fn innermost(shape: &Shape) -> Option<&str> {
    match shape {
        Shape::List(inner) => innermost(inner),
        Shape::Named(name) => Some(name),
        _ => None,
    }
}

/// Whether a method only reads, or has the same effect when it is called twice, so that it may be repeated when it is
/// unknown whether it arrived.
pub(crate) fn is_idempotent(method: &str) -> bool {
    const SAFE: [&str; 24] = [
        "get", "set", "delete", "edit", "ban", "unban", "restrict", "promote", "pin", "unpin",
        "close", "reopen", "hide", "unhide", "approve", "decline", "remove", "leave", "revoke",
        "read", "verify", "answer", "logOut", "stop",
    ];
    // These post a message, hand out stars, or count.
    const EXCEPT: [&str; 3] = ["answerWebAppQuery", "answerGuestQuery", "setGameScore"];
    SAFE.iter().any(|prefix| method.starts_with(prefix)) && !EXCEPT.contains(&method)
}

/// The parameter that the method can't do without, though the schema calls it optional, since another can take its
/// place.
pub(crate) fn subject(method: &str) -> Option<&'static str> {
    (method == "editMessageText").then_some("text")
}

/// The parameter that says for how many seconds the server may keep the method waiting, if it has one.
pub(crate) fn server_wait(method: &str) -> Option<&'static str> {
    (method == "getUpdates").then_some("timeout")
}

/// Whether the method has a hand-written `check` for parameters that the server would refuse.
pub(crate) fn is_checked(method: &str) -> bool {
    method == "setWebhook"
}

/// The traits that a method or type derives. `Debug` is written by hand where a URL may hold a password.
pub(crate) fn derived(name: &str) -> &'static str {
    if ["setWebhook", "WebhookInfo"].contains(&name) {
        "Clone, PartialEq"
    } else {
        "Clone, Debug, PartialEq"
    }
}

/// A switch of the method that is no parameter, and its doc. Off unless code by hand turns it on.
pub(crate) fn unsent(method: &str) -> Option<(&'static str, &'static str)> {
    let doc = "Whether the server is in local mode. Not sent.";
    (method == "setWebhook").then_some(("is_for_local_server", doc))
}

/// Whether the server carries the method out when it comes in a webhook's reply, and nothing is
/// lost by not seeing its result (telegram-bot-api `WebhookActor`: what begins with `get`, and four
/// more, is passed over in silence).
pub(crate) fn is_inline(method: &Method) -> bool {
    let refused = ["setWebhook", "deleteWebhook", "close", "logOut"];
    matches!(
        method.returns.as_str(),
        "Message" | "True" | "Message | True"
    ) && !method.name.starts_with("get")
        && !refused.contains(&method.name.as_str())
}

pub(crate) use names::pascal;

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Integer => f.write_str("i64"),
            Self::Float => f.write_str("f64"),
            Self::String => f.write_str("Str"),
            Self::Boolean | Self::True => f.write_str("bool"),
            Self::List(inner) => write!(f, "Vec<{inner}>"),
            Self::Named(name) => f.write_str(name),
        }
    }
}
