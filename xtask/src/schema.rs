//! `schema/bot-api.json` as it is written, with the additions of the other files in `schema/`.

use std::collections::BTreeMap;

use serde::Deserialize;

#[derive(Debug, Deserialize)]
pub(crate) struct Schema {
    pub(crate) bot_api: String,
    pub(crate) types: Vec<Type>,
    pub(crate) methods: Vec<Method>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Type {
    pub(crate) name: String,
    pub(crate) section: String,
    #[serde(default)]
    pub(crate) fields: Vec<Field>,
    pub(crate) one_of: Option<Vec<String>>,
    pub(crate) tag: Option<String>,
    #[serde(skip)]
    pub(crate) doc: Option<String>,
    #[serde(skip)]
    pub(crate) example: Option<String>,
    /// Its replacement, if it has left the Bot API.
    #[serde(skip)]
    pub(crate) deprecated: Option<String>,
    /// The members of a union that have left it.
    #[serde(skip)]
    pub(crate) deprecated_members: Notes,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Method {
    pub(crate) name: String,
    pub(crate) section: String,
    pub(crate) params: Vec<Field>,
    pub(crate) returns: String,
    #[serde(skip)]
    pub(crate) doc: Option<String>,
    #[serde(skip)]
    pub(crate) example: Option<String>,
    /// Its replacement, if it has left the Bot API.
    #[serde(skip)]
    pub(crate) deprecated: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) required: bool,
    #[serde(rename = "type")]
    pub(crate) type_: String,
    #[serde(rename = "const")]
    pub(crate) constant: Option<String>,
    #[serde(default)]
    pub(crate) values: Vec<serde_json::Value>,
    #[serde(default)]
    pub(crate) unix_time: bool,
    #[serde(skip)]
    pub(crate) doc: Option<String>,
    #[serde(skip)]
    pub(crate) deprecated: Option<String>,
    /// The values that have left the Bot API.
    #[serde(skip)]
    pub(crate) deprecated_values: Notes,
}

/// Names of items that have left the Bot API → the notes on their replacements.
pub(crate) type Notes = BTreeMap<String, String>;
