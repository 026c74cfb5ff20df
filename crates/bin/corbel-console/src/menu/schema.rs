//! The JSON schema of a document as pages: which sections there are, which fields each has, and what a person is told of a field. A
//! section that the document gets later has its page without a line of code here.

use std::sync::Arc;

use serde_json::{Map, Value};

/// Tables in tables in tables; a schema that refers to itself ends here.
const DEPTH: usize = 6;

/// Known sections in the order of the menu, with their titles. Whatever is not here follows, under a title made from its key.
const TITLES: [(&str, &str); 11] = [
    ("", "Name and time"),
    ("network.interface", "Interfaces"),
    ("network.bond", "Bonds"),
    ("network.vlan", "VLANs"),
    ("network.bridge", "Bridges"),
    ("ssh", "SSH"),
    ("admin", "Admin"),
    ("users", "Users"),
    ("api.client", "API clients"),
    ("api.token", "API tokens"),
    ("tls", "TLS certificate"),
];

/// What no page is for: the version is written by programs, and an installed node takes no notice of answers for an installation.
const HIDDEN: [&str; 2] = ["version", "install"];

/// One page.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Section {
    /// Keys from the top of the document; none for what stands at the top itself.
    pub(crate) path: Vec<String>,
    pub(crate) title: String,
    pub(crate) help: String,
    /// Several tables of these fields instead of one.
    pub(crate) list: bool,
    pub(crate) fields: Arc<[Field]>,
}

/// One value that can be set.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Field {
    /// Keys from its table on.
    pub(crate) key: Vec<String>,
    pub(crate) label: String,
    pub(crate) help: String,
    pub(crate) example: Option<String>,
    pub(crate) required: bool,
    pub(crate) kind: Kind,
}

/// What a field holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    /// With words that are offered; others can be typed, and the node says what it thinks of them.
    Text(Vec<String>),
    /// Never shown.
    Secret,
    /// A password that the node makes a hash of.
    Password,
    Bool,
    Number {
        min: Option<i64>,
        max: Option<i64>,
    },
    /// Several texts.
    Texts,
    /// Several tables.
    Tables(Arc<[Field]>),
    /// Something that only the document itself can say.
    Other,
}

/// The schema is not one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NoSchema;

/// The pages of a schema.
pub(crate) fn sections(text: &str) -> Result<Vec<Section>, NoSchema> {
    let root: Value = serde_json::from_str(text).map_err(|_| NoSchema)?;
    let top = root.get("properties").and_then(Value::as_object).ok_or(NoSchema)?;
    let mut found = Vec::new();
    let reader = Reader { root: &root };
    let mut plain = Map::new();
    for (key, node) in top.iter().filter(|(key, _)| !HIDDEN.contains(&key.as_str())) {
        match reader.shape(node) {
            Shape::Table(_) | Shape::Tables(_) => reader.section(&mut found, vec![key.clone()], node, DEPTH),
            _ => {
                plain.insert(key.clone(), node.clone());
            }
        }
    }
    if !plain.is_empty() {
        let table = serde_json::json!({"properties": plain, "required": root.get("required")});
        let help = "Who the node is and what time it has.".to_owned();
        found.push(Section {
            path: Vec::new(),
            title: title(&[]),
            help,
            list: false,
            fields: reader.fields(&table, DEPTH).into(),
        });
    }
    let rank = |section: &Section| {
        let path = section.path.join(".");
        TITLES
            .iter()
            .position(|(known, _)| *known == path)
            .unwrap_or(TITLES.len())
    };
    found.sort_by_key(|section| (rank(section), section.path.clone()));
    Ok(found)
}

fn title(path: &[String]) -> String {
    let joined = path.join(".");
    if let Some((_, title)) = TITLES.iter().find(|(known, _)| *known == joined) {
        return (*title).to_owned();
    }
    let text = path.iter().map(|key| words(key)).collect::<Vec<_>>().join(" ");
    let mut letters = text.chars();
    letters
        .next()
        .map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

fn words(key: &str) -> String {
    key.replace('_', " ")
}

/// What a node of the schema describes.
enum Shape<'a> {
    Table(&'a Value),
    Tables(&'a Value),
    Value(Kind),
}

struct Reader<'a> {
    root: &'a Value,
}

impl<'a> Reader<'a> {
    /// Behind references, and behind "this or null".
    fn resolve(&self, node: &'a Value) -> &'a Value {
        let mut node = node;
        for _ in 0..DEPTH {
            let reference = node.get("$ref").and_then(Value::as_str);
            let named = reference
                .and_then(|text| text.strip_prefix('#'))
                .and_then(|at| self.root.pointer(at));
            let several = node
                .get("anyOf")
                .or_else(|| node.get("oneOf"))
                .and_then(Value::as_array);
            let real = several.map(|all| all.iter().filter(|one| one.get("type") != Some(&Value::from("null"))));
            let only = real.and_then(|mut real| real.next().filter(|_| real.next().is_none()));
            match named.or(only) {
                Some(next) => node = next,
                None => break,
            }
        }
        node
    }

    fn shape(&self, node: &'a Value) -> Shape<'a> {
        let secret = node.get("writeOnly") == Some(&Value::Bool(true));
        let about = node;
        let node = self.resolve(node);
        if node.get("properties").is_some() {
            return Shape::Table(node);
        }
        let number = |key: &str| node.get(key).or_else(|| about.get(key)).and_then(Value::as_i64);
        let choices = self.choices(about, node);
        Shape::Value(match kind_word(node) {
            Some("string") if secret => Kind::Secret,
            Some("string") => Kind::Text(choices),
            _ if !choices.is_empty() => Kind::Text(choices),
            Some("boolean") => Kind::Bool,
            Some("integer") => Kind::Number {
                min: number("minimum"),
                max: number("maximum"),
            },
            Some("array") => {
                let Some(items) = node.get("items").map(|items| self.resolve(items)) else {
                    return Shape::Value(Kind::Other);
                };
                match kind_word(items) {
                    _ if items.get("properties").is_some() => return Shape::Tables(items),
                    Some("string") => Kind::Texts,
                    _ => Kind::Other,
                }
            }
            _ => Kind::Other,
        })
    }

    /// Words that the schema lists, and those that begin a description as a list in backticks.
    fn choices(&self, about: &Value, node: &Value) -> Vec<String> {
        let listed = node.get("enum").and_then(Value::as_array).cloned().or_else(|| {
            let several = node.get("oneOf").or_else(|| node.get("anyOf"))?.as_array()?;
            several.iter().map(|one| one.get("const").cloned()).collect()
        });
        let words: Vec<String> = listed
            .iter()
            .flatten()
            .filter_map(|word| word.as_str().map(str::to_owned))
            .collect();
        if !words.is_empty() {
            return words;
        }
        let help = about.get("description").and_then(Value::as_str).unwrap_or_default();
        in_backticks(help)
    }

    fn section(&self, found: &mut Vec<Section>, path: Vec<String>, node: &'a Value, depth: usize) {
        let Some(depth) = depth.checked_sub(1) else { return };
        let (table, list) = match self.shape(node) {
            Shape::Table(table) => (table, false),
            Shape::Tables(table) => (table, true),
            Shape::Value(_) => return,
        };
        let mut fields = self.fields(table, depth);
        if !list {
            // Tables of a table are pages of their own: an operator looks for "Bonds", not for "Network, bond".
            for (key, node) in properties(table) {
                if matches!(self.shape(node), Shape::Tables(_)) {
                    let path = path.iter().chain([key]).cloned().collect();
                    self.section(found, path, node, depth);
                }
            }
            fields.retain(|field| !matches!(field.kind, Kind::Tables(_)) || field.key.len() > 1);
        }
        if !fields.is_empty() {
            found.push(Section {
                title: title(&path),
                path,
                help: description(node, table),
                list,
                fields: fields.into(),
            });
        }
    }

    /// Those that must be there first.
    fn fields(&self, table: &'a Value, depth: usize) -> Vec<Field> {
        let Some(depth) = depth.checked_sub(1) else {
            return Vec::new();
        };
        let required = table.get("required").and_then(Value::as_array);
        let is_required = |key: &str| required.is_some_and(|all| all.iter().any(|one| one.as_str() == Some(key)));
        let mut fields = Vec::new();
        for (key, node) in properties(table) {
            let field = |kind| Field {
                key: vec![key.clone()],
                label: words(key),
                help: description(node, self.resolve(node)),
                example: example(node),
                required: is_required(key),
                kind,
            };
            // What people type is a password, of which the API makes the hash that the document has.
            let password = node.get("x-password").and_then(Value::as_str);
            match self.shape(node) {
                Shape::Value(Kind::Secret) if let Some(help) = password => fields.push(Field {
                    label: "password".to_owned(),
                    help: help.to_owned(),
                    ..field(Kind::Password)
                }),
                Shape::Value(kind) => fields.push(field(kind)),
                Shape::Tables(items) => fields.push(field(Kind::Tables(self.fields(items, depth).into()))),
                Shape::Table(inner) => fields.extend(self.fields(inner, depth).into_iter().map(|mut inner| {
                    inner.key.insert(0, key.clone());
                    inner.label = format!("{} {}", words(key), inner.label);
                    inner.required = false;
                    inner
                })),
            }
        }
        // What an entry is called by is asked first.
        let names = |field: &Field| matches!(field.label.as_str(), "name" | "id" | "match" | "server");
        fields.sort_by_key(|field| (!field.required, !names(field)));
        fields
    }
}

fn properties(table: &Value) -> impl Iterator<Item = (&String, &Value)> {
    table.get("properties").and_then(Value::as_object).into_iter().flatten()
}

/// The type, whether or not null is one, too.
fn kind_word(node: &Value) -> Option<&str> {
    match node.get("type")? {
        Value::String(word) => Some(word),
        Value::Array(words) => words.iter().filter_map(Value::as_str).find(|word| *word != "null"),
        _ => None,
    }
}

fn description(node: &Value, resolved: &Value) -> String {
    let text = node.get("description").or_else(|| resolved.get("description"));
    text.and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn example(node: &Value) -> Option<String> {
    let first = node.get("examples")?.as_array()?.first()?;
    Some(match first {
        Value::String(text) => text.clone(),
        Value::Array(all) => {
            let texts: Option<Vec<&str>> = all.iter().map(Value::as_str).collect();
            texts?.join(", ")
        }
        Value::Number(number) => number.to_string(),
        _ => return None,
    })
}

/// `a`, `b` or `c` at the beginning of a sentence that has nothing else.
fn in_backticks(help: &str) -> Vec<String> {
    let sentence = help.split(". ").next().unwrap_or_default().trim_end_matches('.');
    let mut words = Vec::new();
    for (at, part) in sentence.split('`').enumerate() {
        if at % 2 == 1 {
            words.push(part.to_owned());
        } else if !matches!(part.trim(), "" | "," | "or" | ", or") {
            // "`slow` or `fast`, with the mode …" is still a list with a remark behind it.
            let remark = words.len() > 1 && part.starts_with(',');
            return if remark { words } else { Vec::new() };
        }
    }
    if words.len() > 1 { words } else { Vec::new() }
}

#[cfg(test)]
mod tests;
