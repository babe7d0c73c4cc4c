//! The sentences of `schema/docs.toml`: assigns them to the items of the schema, and checks that none is missing.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::schema::{Field, Schema};

/// Field or parameter → its sentence.
type Rows = BTreeMap<String, String>;

/// The row that describes the type or method itself, and the one with Rust code that shows it.
const ITEM: &str = "_";
const EXAMPLE: &str = "_example";

/// `schema/docs.toml` as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Docs {
    main: Main,
    fields: Rows,
    parameters: Rows,
    types: BTreeMap<String, Rows>,
    methods: BTreeMap<String, Rows>,
}

/// The types and methods that are documented whole.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Main {
    types: Vec<String>,
    methods: Vec<String>,
}

/// A type or method, with the parts that have sentences.
struct Item<'a> {
    kind: &'static str,
    name: &'a str,
    doc: &'a mut Option<String>,
    example: &'a mut Option<String>,
    fields: &'a mut [Field],
}

/// How many fields and parameters have which kind of sentence.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Count {
    all: usize,
    restating: usize,
    main: usize,
}

impl Docs {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|e| format!("schema/docs.toml: {e}"))
    }

    /// Gives each item of the schema its sentence.
    ///
    /// Fails, with all faults at once, on a row that matches nothing, a number without a row, and a field of a main
    /// type or method whose sentence only says its name.
    pub(crate) fn apply(&self, schema: &mut Schema) -> Result<Count, String> {
        let mut faults = Vec::new();
        let mut taken: BTreeSet<(&str, &str)> = BTreeSet::new();
        let mut count = Count::default();
        self.find_missing_items(schema, &mut faults);
        for mut item in items(schema) {
            self.describe(&mut item, &mut taken, &mut count, &mut faults);
        }
        for (table, rows) in [("fields", &self.fields), ("parameters", &self.parameters)] {
            let unused = rows
                .keys()
                .filter(|name| !taken.contains(&(table, &***name)));
            faults.extend(unused.map(|name| format!("[{table}] {name}: nothing takes this row")));
        }
        if faults.is_empty() {
            return Ok(count);
        }
        Err(format!("schema/docs.toml:\n  {}", faults.join("\n  ")))
    }

    /// The tables and the names under `[main]` that the schema has no item for.
    fn find_missing_items(&self, schema: &Schema, faults: &mut Vec<String>) {
        let types: BTreeSet<&str> = schema.types.iter().map(|t| &*t.name).collect();
        let methods: BTreeSet<&str> = schema.methods.iter().map(|m| &*m.name).collect();
        for (kind, known, tables, main) in [
            ("types", types, &self.types, &self.main.types),
            ("methods", methods, &self.methods, &self.main.methods),
        ] {
            let missing = tables.keys().filter(|name| !known.contains(&***name));
            faults.extend(missing.map(|name| format!("[{kind}.{name}]: the schema has none")));
            let missing = main.iter().filter(|name| !known.contains(&***name));
            faults.extend(missing.map(|name| format!("[main] {kind}: the schema has no {name}")));
        }
    }

    fn describe<'d>(
        &'d self,
        item: &mut Item<'_>,
        taken: &mut BTreeSet<(&'static str, &'d str)>,
        count: &mut Count,
        faults: &mut Vec<String>,
    ) {
        let (kind, name) = (item.kind, item.name);
        let (tables, main) = match kind {
            "types" => (&self.types, &self.main.types),
            _ => (&self.methods, &self.main.methods),
        };
        let is_main = main.iter().any(|main| main == name);
        let rows = tables.get(name);
        let row = |field: &str| rows.and_then(|rows| rows.get(field));
        *item.doc = row(ITEM).cloned();
        *item.example = row(EXAMPLE).cloned();
        for unknown in rows.into_iter().flat_map(Rows::keys) {
            let is_item = [ITEM, EXAMPLE].contains(&&**unknown);
            if !is_item && item.fields.iter().all(|field| field.name != *unknown) {
                faults.push(format!("[{kind}.{name}] {unknown}: the schema has none"));
            }
        }
        // A constant is no field of the generated type.
        for field in item.fields.iter_mut().filter(|f| f.constant.is_none()) {
            let shared = [("parameters", &self.parameters), ("fields", &self.fields)];
            let shared = shared
                .into_iter()
                .skip(usize::from(kind == "types"))
                .find_map(|(table, rows)| Some((table, rows.get_key_value(&field.name)?)));
            field.doc = row(&field.name).cloned();
            if let (None, Some((table, (key, doc)))) = (&field.doc, shared) {
                taken.insert((table, key));
                field.doc = Some(doc.clone());
            }
            let at = format!("{name}.{}", field.name);
            if field.doc.is_none() && needs_unit(field) {
                faults.push(format!("{at}: a number needs a row with its unit or range"));
            }
            let restates = restates(field);
            count.all += 1;
            count.restating += usize::from(restates);
            count.main += usize::from(is_main);
            if is_main && restates {
                faults.push(format!("{at}: its sentence says no more than its name"));
            }
        }
    }
}

fn items(schema: &mut Schema) -> impl Iterator<Item = Item<'_>> {
    let types = schema.types.iter_mut().map(|t| Item {
        kind: "types",
        name: &t.name,
        doc: &mut t.doc,
        example: &mut t.example,
        fields: &mut t.fields,
    });
    let methods = schema.methods.iter_mut().map(|m| Item {
        kind: "methods",
        name: &m.name,
        doc: &mut m.doc,
        example: &mut m.example,
        fields: &mut m.params,
    });
    types.chain(methods)
}

/// A number, unless it is an id, one of a few listed values, or a Unix time, whose unit the generator adds.
fn needs_unit(field: &Field) -> bool {
    let type_ = field
        .type_
        .trim_start_matches("Array<")
        .trim_end_matches('>');
    let is_number = ["Integer", "Float"].contains(&type_);
    let is_id = field.name == "id" || field.name.ends_with("_id") || field.name.ends_with("_ids");
    is_number && !is_id && !field.unix_time
}

/// Whether the sentence has no word beside those of the field's name and those that say nothing.
fn restates(field: &Field) -> bool {
    const EMPTY: [&str; 16] = [
        "a",
        "an",
        "the",
        "of",
        "in",
        "is",
        "are",
        "to",
        "for",
        "this",
        "that",
        "its",
        "whether",
        "identifier",
        "unique",
        "optional",
    ];
    let Some(doc) = &field.doc else {
        return true;
    };
    let stem = |word: &str| word.to_lowercase().trim_end_matches('s').to_owned();
    let name: BTreeSet<String> = field.name.split('_').map(stem).collect();
    let words = doc.split(|c: char| !c.is_alphanumeric());
    words
        .filter(|word| !word.is_empty() && !EMPTY.contains(&&*word.to_lowercase()))
        .all(|word| name.contains(&stem(word)))
}

impl std::fmt::Display for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "docs: {} fields and parameters; {} have a sentence, {} only their name; of the {} in main types and \
             methods, each has one",
            self.all,
            self.all - self.restating,
            self.restating,
            self.main,
        )
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const SCHEMA: &str = r#"{"bot_api": "1.0",
        "types": [{"name": "Film", "section": "s", "fields": [
            {"name": "title", "required": true, "type": "String"},
            {"name": "file_id", "required": true, "type": "String"},
            {"name": "owner_id", "required": true, "type": "Integer"},
            {"name": "date", "required": true, "type": "Integer", "unix_time": true},
            {"name": "duration", "required": true, "type": "Integer"}]}],
        "methods": [{"name": "sendFilm", "section": "s", "returns": "True", "params": [
            {"name": "chat_id", "required": true, "type": "Integer"},
            {"name": "duration", "required": false, "type": "Integer"}]}]}"#;

    /// The schema with these sentences.
    fn applied(docs: &str) -> Result<(Schema, Count), String> {
        let mut schema: Schema = serde_json::from_str(SCHEMA).unwrap();
        let count = Docs::parse(docs)?.apply(&mut schema)?;
        Ok((schema, count))
    }

    fn fault(docs: &str) -> String {
        let error = applied(docs).unwrap_err();
        error
            .strip_prefix("schema/docs.toml:\n  ")
            .unwrap()
            .to_owned()
    }

    const WHOLE: &str =
        "[fields]\nduration = 'How long it is, in seconds.'\n[parameters]\nchat_id = 'Where to.'\n";

    #[test]
    fn a_row_of_one_item_goes_before_those_of_all() {
        let own = "[types.Film]\n_ = 'A film.'\n_example = 'x();'\nduration = 'In minutes.'\n";
        let (schema, count) = applied(&format!("{WHOLE}{own}")).unwrap();
        let (film, method) = (&schema.types[0], &schema.methods[0]);
        assert_eq!(film.doc.as_deref(), Some("A film."));
        assert_eq!(film.example.as_deref(), Some("x();"));
        assert_eq!(film.fields[4].doc.as_deref(), Some("In minutes."));
        assert_eq!(film.fields[0].doc, None);
        let docs = method.params.iter().map(|p| p.doc.as_deref());
        let expected = ["Where to.", "How long it is, in seconds."].map(Some);
        assert_eq!(docs.collect::<Vec<_>>(), expected);
        assert_eq!((count.all, count.restating, count.main), (7, 4, 0));
    }

    #[test]
    fn a_row_that_matches_nothing_is_a_fault() {
        for (rows, expected) in [
            ("[types.Nope]\n_ = 'x'", "[types.Nope]: the schema has none"),
            (
                "[methods.Film]\n_ = 'x'",
                "[methods.Film]: the schema has none",
            ),
            (
                "[types.Film]\nnope = 'x'",
                "[types.Film] nope: the schema has none",
            ),
            (
                "[main]\ntypes = ['Nope']",
                "[main] types: the schema has no Nope",
            ),
            (
                "[main]\nmethods = ['Film']",
                "[main] methods: the schema has no Film",
            ),
        ] {
            assert_eq!(fault(&format!("{WHOLE}{rows}")), expected);
        }
        let unused = WHOLE.replace("[parameters]\n", "nope = 'x'\n[parameters]\ntitle = 'x'\n");
        assert_eq!(
            fault(&unused),
            "[fields] nope: nothing takes this row\n  [parameters] title: nothing takes this row"
        );
        let hidden = format!("{WHOLE}[methods.sendFilm]\nchat_id = 'x'");
        assert_eq!(
            fault(&hidden),
            "[parameters] chat_id: nothing takes this row"
        );
    }

    #[test]
    fn a_number_needs_a_sentence_unless_it_is_an_id_or_a_time() {
        let without = "[parameters]\nduration = 'In seconds.'";
        assert_eq!(
            fault(without),
            "Film.duration: a number needs a row with its unit or range"
        );
    }

    #[test]
    fn a_main_type_needs_sentences_that_say_more_than_the_name() {
        let main = format!("{WHOLE}[main]\ntypes = ['Film']\n[types.Film]\n");
        let rows = "date = 'When it came out.'\nowner_id = 'Whose it is.'\n";
        for title in ["The title.", "A title of this.", "Titles"] {
            let own = format!("{main}{rows}file_id = 'Its copy.'\ntitle = '{title}'");
            assert_eq!(
                fault(&own),
                "Film.title: its sentence says no more than its name"
            );
        }
        let own = format!("{main}{rows}title = 'What it is called.'");
        assert_eq!(
            fault(&own),
            "Film.file_id: its sentence says no more than its name"
        );
        let (_, count) = applied(&format!("{own}\nfile_id = 'For downloads.'")).unwrap();
        assert_eq!((count.main, count.restating), (5, 0));
    }
}
