//! Random updates, parameters and results that are valid by `schema/bot-api.json`.

use std::collections::{BTreeMap, HashSet};

use fastrand::Rng;
use serde_json::{Map, Value, json};

/// The prefix of members that this version doesn't know.
const NEW: &str = "__new_";
/// The prefix of members that an older server leaves out.
const GONE: &str = "__gone_";

/// A member of a type, a member of a union, or a value of a string enum.
pub(crate) type Part<'a> = (&'a str, &'a str, &'a str);

/// The Bot API as data.
#[derive(Debug)]
pub(crate) struct Schema {
    types: BTreeMap<String, Value>,
}

impl Schema {
    pub(crate) fn new() -> Self {
        let schema = include_str!("../../schema/bot-api.json");
        let schema: Value = serde_json::from_str(schema).expect("the schema is JSON");
        let types = schema["types"].as_array().expect("types").iter();
        let methods = schema["methods"].as_array().expect("methods").iter();
        // A method counts as the type of its parameters. Their names don't collide.
        let methods = methods.map(|method| {
            let mut method = method.clone();
            method["fields"] = method["params"].take();
            method
        });
        Self {
            types: types
                .cloned()
                .chain(methods)
                .map(|t| (text(&t["name"]).to_owned(), t))
                .collect(),
        }
    }

    /// Whether a member is a file.
    pub(crate) fn is_place(&self, owner: &str, key: &str) -> bool {
        let mut fields = self.fields(owner).iter();
        fields.any(|field| field["name"] == key && is_file(text(&field["type"])))
    }

    /// The names of the methods.
    pub(crate) fn methods(&self) -> impl Iterator<Item = &str> {
        let named = self.types.iter();
        let methods = named.filter(|(_, t)| t["returns"].is_string());
        methods.map(|(name, _)| &**name)
    }

    /// The type of a method's result.
    pub(crate) fn returned_by(&self, method: &str) -> &str {
        text(&self.types[method]["returns"])
    }

    /// The names of the types of update.
    pub(crate) fn kinds(&self) -> Vec<&str> {
        let names = self.fields("Update").iter().map(|f| text(&f["name"]));
        names.filter(|name| *name != "update_id").collect()
    }

    /// The type of the payload of an update type.
    pub(crate) fn payload(&self, kind: &str) -> &str {
        let mut fields = self.fields("Update").iter();
        let field = fields.find(|field| field["name"] == kind);
        text(&field.expect("a type of update")["type"])
    }

    pub(crate) fn is_required(&self, owner: &str, key: &str) -> bool {
        let mut fields = self.fields(owner).iter();
        fields.any(|field| field["name"] == key && field["required"] == true)
    }

    fn fields(&self, name: &str) -> &[Value] {
        let fields = self.types.get(name).and_then(|t| t["fields"].as_array());
        fields.map_or(&[], Vec::as_slice)
    }

    /// The members of a union.
    fn members<'a>(&'a self, name: &'a str) -> Option<Vec<&'a str>> {
        let Some(type_) = self.types.get(name) else {
            // A choice that is spelled out in a field's type.
            let spelled: Vec<_> = name.split(" | ").collect();
            return (spelled.len() > 1 && list_of(name).is_none()).then_some(spelled);
        };
        let members = type_["one_of"].as_array()?;
        Some(members.iter().map(text).collect())
    }

    /// All parts of updates.
    pub(crate) fn everything(&self) -> HashSet<Part<'_>> {
        let mut all = self.parts_of(["Update"]);
        // Every update has its number.
        all.remove(&("Update", "update_id", ""));
        all
    }

    /// The parts of these types and methods.
    pub(crate) fn parts_of<'a>(
        &'a self,
        roots: impl IntoIterator<Item = &'a str>,
    ) -> HashSet<Part<'a>> {
        let mut all = HashSet::new();
        let mut open: Vec<_> = roots.into_iter().collect();
        while let Some(name) = open.pop() {
            if let Some(inner) = list_of(name) {
                open.push(inner);
                continue;
            }
            if is_file(name) {
                continue;
            }
            for member in self.members(name).unwrap_or_default() {
                if all.insert((name, member, "")) {
                    open.push(member);
                }
            }
            for field in self.fields(name) {
                let key = text(&field["name"]);
                if all.insert((name, key, "")) {
                    open.push(text(&field["type"]));
                }
                let values = field["values"].as_array().into_iter().flatten();
                let values = values.filter_map(Value::as_str);
                all.extend(values.map(|value| (name, key, value)));
            }
        }
        all
    }
}

/// Whether the type is an upload, or refers to one.
pub(crate) fn is_file(type_: &str) -> bool {
    matches!(type_, "InputFile" | "InputFile | String")
}

/// A required member of an object inside a value.
#[derive(Clone, Debug)]
pub(crate) struct Required<'a> {
    /// The path of the object: keys and list positions.
    pub(crate) path: String,
    pub(crate) owner: &'a str,
    pub(crate) field: &'a str,
    /// Whether all objects around it need it: no list, no union, and no optional member is in between.
    pub(crate) is_needed: bool,
}

impl Required<'_> {
    /// The value without this member.
    pub(crate) fn removed_from(&self, value: &Value) -> Value {
        let mut value = value.clone();
        let object = value.pointer_mut(&self.path).expect("an object");
        let object = object.as_object_mut().expect("an object");
        object.remove(self.field).expect("a member");
        value
    }
}

impl Schema {
    /// The required members that a value of a type has.
    pub(crate) fn required<'a>(&'a self, type_: &'a str, value: &Value) -> Vec<Required<'a>> {
        let mut found = Vec::new();
        self.find_required(type_, value, (String::new(), true), &mut found);
        found
    }

    fn find_required<'a>(
        &'a self,
        type_: &'a str,
        value: &Value,
        (path, is_needed): (String, bool),
        found: &mut Vec<Required<'a>>,
    ) {
        if let Some(inner) = list_of(type_) {
            let items = value.as_array().into_iter().flatten();
            for (i, item) in items.enumerate() {
                self.find_required(inner, item, (format!("{path}/{i}"), false), found);
            }
            return;
        }
        if let Some(members) = self.members(type_) {
            // A union of the schema keeps values that don't fit; a choice that is spelled out can't.
            let is_needed = is_needed && !self.types.contains_key(type_);
            if let Some(member) = self.member_of(type_, &members, value) {
                self.find_required(member, value, (path, is_needed), found);
            }
            return;
        }
        for field in self.fields(type_) {
            let (key, required) = (text(&field["name"]), field["required"] == true);
            let Some(value) = value.get(key) else {
                continue;
            };
            if required {
                found.push(Required {
                    path: path.clone(),
                    owner: type_,
                    field: key,
                    is_needed,
                });
            }
            let inner = (format!("{path}/{key}"), is_needed && required);
            self.find_required(text(&field["type"]), value, inner, found);
        }
    }

    /// The member of a union that the value is.
    fn member_of<'a>(&self, union: &str, members: &[&'a str], value: &Value) -> Option<&'a str> {
        let tag = self.types.get(union).and_then(|t| t["tag"].as_str());
        let is_it = |member: &&&str| match (value, tag) {
            (Value::String(_), _) => **member == "String",
            (Value::Array(_), _) => list_of(member).is_some(),
            (Value::Bool(_), _) => **member == "True",
            (_, Some(tag)) => {
                let mut fields = self.fields(member).iter();
                fields.any(|f| f["name"] == tag && f["const"] == value[tag])
            }
            (_, None) => {
                // An inaccessible message differs by its date.
                let accessible = value["date"] != 0;
                self.types.contains_key(**member) && (**member == "Message") == accessible
            }
        };
        members.iter().find(is_it).copied()
    }
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a string")
}

fn list_of(type_: &str) -> Option<&str> {
    type_.strip_prefix("Array<")?.strip_suffix('>')
}

/// The value that a missing required member is read as, if there is one for its type.
fn filled(field: &Value) -> Option<Value> {
    let is_identity = matches!(text(&field["name"]), "id" | "file_id" | "poll_id");
    match text(&field["type"]) {
        "Boolean" => Some(json!(false)),
        "String" if !is_identity && field["values"].is_null() && field["const"].is_null() => {
            Some(json!(""))
        }
        list => list_of(list).map(|_| json!([])),
    }
}

/// How many of the optional members are present.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fill {
    Minimal,
    Random,
    /// All members of the payload and of objects right below it; further down like `Random`.
    Full,
}

/// The generator of random values.
#[derive(Debug)]
pub(crate) struct Generator<'a> {
    pub(crate) schema: &'a Schema,
    pub(crate) rng: Rng,
    pub(crate) fill: Fill,
    /// The percentage of places with a member that only a newer server has.
    pub(crate) new: u8,
    /// The percentage of booleans, lists and texts that are left out, like by an older server.
    pub(crate) gone: u8,
    /// The parts of [`Schema::everything`] that were generated.
    pub(crate) seen: HashSet<Part<'a>>,
    /// The places with a file, once for each file.
    pub(crate) files: Vec<Part<'a>>,
    /// Whether there can be a certificate, which must be an upload.
    pub(crate) certificates: bool,
    /// How many values may still be generated before only required ones are.
    left: usize,
}

impl<'a> Generator<'a> {
    pub(crate) fn new(schema: &'a Schema, seed: u64) -> Self {
        Self {
            schema,
            rng: Rng::with_seed(seed),
            fill: Fill::Random,
            new: 0,
            gone: 0,
            seen: HashSet::new(),
            files: Vec::new(),
            certificates: false,
            left: 0,
        }
    }

    /// An update of a type.
    pub(crate) fn update(&mut self, kind: &str) -> Value {
        self.left = 200;
        let fields = self.schema.fields("Update").iter();
        let field = fields.clone().find(|f| f["name"] == kind);
        let field = field.expect("a type of update");
        self.see(("Update", text(&field["name"]), ""));
        let payload = self.object(text(&field["type"]), 0);
        let id = self.rng.i64(0..=i64::MAX);
        let id = *self
            .rng
            .choice(&[0, 1, 123_456_789, id, i64::MAX])
            .unwrap_or(&0);
        json!({"update_id": id, kind: payload})
    }

    /// The parameters of a method.
    pub(crate) fn parameters(&mut self, method: &'a str) -> Value {
        self.left = 200;
        self.object(method, 0)
    }

    /// A result of a method.
    pub(crate) fn result(&mut self, method: &str) -> Value {
        self.left = 200;
        self.value(self.schema.returned_by(method), 0)
    }

    fn see(&mut self, part: Part<'a>) {
        self.seen.insert(part);
    }

    /// One of several, with a preference for those that weren't generated yet.
    fn choose(&mut self, owner: &'a str, key: Option<&'a str>, of: &[&'a str]) -> &'a str {
        let part = |one: &'a str| key.map_or((owner, one, ""), |key| (owner, key, one));
        let unseen = of.iter().filter(|one| !self.seen.contains(&part(one)));
        let unseen: Vec<_> = unseen.copied().collect();
        let from = if unseen.is_empty() { of } else { &unseen };
        let one = self.rng.choice(from).copied().unwrap_or(from[0]);
        self.see(part(one));
        one
    }

    fn of_a_hundred(&mut self, some: u8) -> bool {
        self.rng.u8(..100) < some
    }

    fn object(&mut self, name: &'a str, depth: usize) -> Value {
        let schema = self.schema;
        let mut object = Map::new();
        for field in schema.fields(name) {
            let key = text(&field["name"]);
            let required = field["required"] == true;
            let wanted = match self.fill {
                _ if required => true,
                Fill::Minimal => false,
                Fill::Full if depth < 2 => true,
                _ if self.left == 0 || depth > 12 => false,
                _ => !self.seen.contains(&(name, key, "")) || self.rng.u8(..4) == 0,
            };
            if !wanted || (key == "certificate" && !self.certificates) {
                continue;
            }
            self.left = self.left.saturating_sub(1);
            self.see((name, key, ""));
            let filled = filled(field).filter(|_| required);
            if filled.is_some() && self.of_a_hundred(self.gone) {
                object.insert(format!("{GONE}{key}"), filled.unwrap_or_default());
            } else {
                let value = self.field(name, field, depth);
                object.insert(key.to_owned(), value);
            }
        }
        if self.of_a_hundred(self.new) {
            object.insert(format!("{NEW}member"), self.anything(3));
        }
        Value::Object(object)
    }

    fn field(&mut self, owner: &'a str, field: &'a Value, depth: usize) -> Value {
        if let Some(constant) = field["const"].as_str() {
            return json!(constant);
        }
        if is_file(text(&field["type"])) {
            self.files.push((owner, text(&field["name"]), ""));
        }
        if owner == "setWebhook"
            && let Some(value) = self.webhook_setting(text(&field["name"]))
        {
            return value;
        }
        if field["type"] == "String"
            && let Some(values) = field["values"].as_array()
        {
            if self.of_a_hundred(self.new) {
                return json!("brand_new");
            }
            let values: Vec<_> = values.iter().map(text).collect();
            return json!(self.choose(owner, Some(text(&field["name"])), &values));
        }
        // The two types differ only in this.
        if owner == "InaccessibleMessage" && field["name"] == "date" {
            return json!(0);
        }
        if field["unix_time"] == true {
            return json!(self.rng.i64(1..1 << 33));
        }
        self.value(text(&field["type"]), depth)
    }

    /// Settings that are checked before they are sent.
    fn webhook_setting(&mut self, name: &str) -> Option<Value> {
        match name {
            "url" => Some(json!("https://bot.example.com:8443/hook?x=1")),
            "ip_address" => Some(json!("8.8.8.8")),
            "max_connections" => Some(json!(self.rng.i64(1..=100))),
            "secret_token" => {
                let length = self.rng.usize(1..=256);
                let token: String = (0..length).map(|_| self.rng.alphanumeric()).collect();
                Some(json!(token))
            }
            _ => None,
        }
    }

    /// Each type at most once, in the schema's order.
    fn update_types(&mut self) -> Value {
        let kinds = self.schema.kinds().into_iter();
        kinds.filter(|_| self.rng.u8(..3) == 0).collect()
    }

    fn value(&mut self, type_: &'a str, depth: usize) -> Value {
        match type_ {
            "Array<UpdateType>" => return self.update_types(),
            // An update has only one of many members.
            "Update" => {
                let left = self.left;
                let kinds = self.schema.kinds();
                let kind = self.choose("Update", None, &kinds);
                let update = self.update(kind);
                self.left = left;
                return update;
            }
            _ if is_file(type_) => return json!(format!("file{}", self.rng.u32(..))),
            _ => {}
        }
        if let Some(inner) = list_of(type_) {
            let most = match self.left {
                0 => 0,
                _ if depth > 12 => 0,
                _ => 3,
            };
            let length = self.rng.usize(..=most);
            return (0..length).map(|_| self.value(inner, depth + 1)).collect();
        }
        match type_ {
            "Integer" => json!(self.integer()),
            "Float" => json!(self.float()),
            "Boolean" => json!(self.rng.bool()),
            "True" => json!(true),
            "String" => json!(self.string()),
            _ => match self.schema.members(type_) {
                Some(members) => self.union(type_, &members, depth),
                None => self.object(type_, depth + 1),
            },
        }
    }

    fn union(&mut self, name: &'a str, members: &[&'a str], depth: usize) -> Value {
        if let Some(tag) = self.schema.types.get(name).and_then(|t| t["tag"].as_str())
            && self.of_a_hundred(self.new)
        {
            return json!({"about": self.anything(3), tag: "brand_new"});
        }
        // A rich text can always be plain, so that nested texts come to an end.
        let ends = members.contains(&"String") && (self.left == 0 || depth > 12);
        let members = if ends { &["String"] } else { members };
        let member = self.choose(name, None, members);
        if member == "String" && members.contains(&"Integer") {
            // A text of digits is the number.
            return json!(format!("@{}", self.string()));
        }
        self.value(member, depth)
    }

    fn integer(&mut self) -> i64 {
        let any = self.rng.i64(..);
        let usual = self.rng.i64(-1000..1_000_000_000);
        let all = [usual, any, 0, -1, i64::MAX, i64::MIN, -1_001_234_567_890];
        *self.rng.choice(&all).unwrap_or(&0)
    }

    fn float(&mut self) -> f64 {
        let unit = self.rng.f64();
        let all = [unit, -180.0 * unit, 0.0, 1.0, 1e-7, -1.5e300, 48.858_370_1];
        *self.rng.choice(&all).unwrap_or(&0.0)
    }

    fn string(&mut self) -> String {
        const SOME: [&str; 16] = [
            "",
            "a",
            "Ada",
            "exactly twenty-four bytes",
            "\"quoted\" \\ / back",
            "line\nfeed\ttab\r\u{0}\u{1f}\u{7f}",
            "\u{e9}\u{df}\u{3a9}",
            "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}",
            "\u{5e9}\u{5dc}\u{5d5}\u{5dd}",
            "\u{2028}\u{feff}\u{fffd}\u{10ffff}",
            "https://example.com/?a=b&c=%20#d",
            "null",
            "{\"update_id\":1}",
            "</script>",
            "brand_new",
            "%s{}$0",
        ];
        match self.rng.u8(..50) {
            0 => "\u{1f600}x".repeat(self.rng.usize(..500)),
            1 => (0..self.rng.usize(..40))
                .map(|_| self.rng.char(..))
                .collect(),
            2..20 => (0..self.rng.usize(..40))
                .map(|_| self.rng.alphanumeric())
                .collect(),
            _ => (*self.rng.choice(&SOME).unwrap_or(&"")).to_owned(),
        }
    }

    /// Any JSON.
    fn anything(&mut self, depth: usize) -> Value {
        match self.rng.u8(..if depth == 0 { 5 } else { 7 }) {
            0 => Value::Null,
            1 => json!(self.rng.bool()),
            2 => json!(self.integer()),
            3 => json!(0.5),
            4 => json!(self.string()),
            5 => (0..self.rng.usize(..3))
                .map(|_| self.anything(depth - 1))
                .collect(),
            _ => json!({"date": self.anything(depth - 1), "x": self.anything(depth - 1)}),
        }
    }
}

/// The value on the wire: without the members that an older server leaves out.
pub(crate) fn sent(value: &Value) -> Value {
    rename(value, |key| (!key.starts_with(GONE)).then_some(key))
}

/// The value that must be written back: without unknown members, and with the defaults of missing ones.
pub(crate) fn kept(value: &Value) -> Value {
    rename(value, |key| {
        let key = key.strip_prefix(GONE).unwrap_or(key);
        (!key.starts_with(NEW)).then_some(key)
    })
}

fn rename(value: &Value, by: fn(&str) -> Option<&str>) -> Value {
    match value {
        Value::Array(items) => items.iter().map(|item| rename(item, by)).collect(),
        Value::Object(members) => {
            let renamed = members.iter();
            let renamed = renamed.filter_map(|(k, v)| Some((by(k)?.to_owned(), rename(v, by))));
            Value::Object(renamed.collect())
        }
        other => other.clone(),
    }
}

/// The path to where two values first differ. Numbers are equal when they have the same value.
#[cfg(any(feature = "serde-all", feature = "client"))]
pub(crate) fn difference(a: &Value, b: &Value) -> Option<String> {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            a.keys()
                .chain(b.keys())
                .find_map(|key| match (a.get(key), b.get(key)) {
                    (Some(a), Some(b)) => difference(a, b).map(|rest| format!(".{key}{rest}")),
                    (a, b) => Some(format!(".{key}: {a:?} and {b:?}")),
                })
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            let mut pairs = a.iter().zip(b).enumerate();
            pairs.find_map(|(i, (a, b))| difference(a, b).map(|rest| format!("[{i}]{rest}")))
        }
        (Value::Number(x), Value::Number(y)) if x.as_i64().is_none() || y.as_i64().is_none() => {
            (x.as_f64() != y.as_f64()).then(|| format!(": {x} and {y}"))
        }
        _ => (a != b).then(|| format!(": {a} and {b}")),
    }
}
