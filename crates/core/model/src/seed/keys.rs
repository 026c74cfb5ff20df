//! The keys of the document one by one, read from its schema, and the reference page that is made of them.

use serde_json::Value;

use super::schema;

/// One key that may stand in a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// With its tables, such as `network.interface[].mtu`: `[]` stands behind what may be there several times.
    pub path: String,
    /// For people: text, number, `true` or `false`, list of texts, table.
    pub kind: String,
    /// One sentence or more.
    pub meaning: String,
    /// A value as TOML.
    pub example: Option<String>,
    /// Without it the table around it is refused.
    pub required: bool,
}

/// Every key, sorted by table.
pub fn keys() -> Vec<Key> {
    let schema = schema();
    let mut found = Vec::new();
    walk(&schema, &schema, "", &mut found);
    found
}

/// The schema behind a `$ref`, or the first alternative that is more than `null`.
fn resolve<'a>(root: &'a Value, mut value: &'a Value) -> &'a Value {
    // Each step goes down, and eight are more than the types are deep.
    for _ in 0..8 {
        let reference = value.get("$ref").and_then(Value::as_str);
        let chosen = value.get("anyOf").and_then(Value::as_array).and_then(|any| {
            let table = any.iter().find(|one| resolve_is_table(root, one));
            table.or_else(|| any.iter().find(|one| one.get("type") != Some(&Value::from("null"))))
        });
        let next = match (reference, chosen) {
            (Some(reference), _) => root.pointer(reference.trim_start_matches('#')),
            (None, chosen) => chosen,
        };
        match next {
            Some(next) => value = next,
            None => break,
        }
    }
    value
}

fn resolve_is_table(root: &Value, one: &Value) -> bool {
    let reference = one.get("$ref").and_then(Value::as_str);
    let target = reference.and_then(|reference| root.pointer(reference.trim_start_matches('#')));
    target.unwrap_or(one).get("properties").is_some()
}

fn walk(root: &Value, table: &Value, prefix: &str, found: &mut Vec<Key>) {
    let Some(properties) = table.get("properties").and_then(Value::as_object) else {
        return;
    };
    let required = table.get("required").and_then(Value::as_array);
    for (name, given) in properties {
        let value = resolve(root, given);
        let text = |key: &str| given.get(key).or_else(|| value.get(key));
        let items = value.get("items").map(|items| resolve(root, items));
        let path = format!("{prefix}{name}");
        let inner = items.filter(|items| items.get("properties").is_some());
        let several = if inner.is_some() { "[]" } else { "" };
        found.push(Key {
            path: format!("{path}{several}"),
            kind: kind(value, items),
            meaning: text("description")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned(),
            example: text("examples").and_then(|all| all.get(0)).map(toml_of),
            required: required.is_some_and(|list| list.iter().any(|one| one == name.as_str())),
        });
        let below = inner.unwrap_or(value);
        walk(root, below, &format!("{path}{several}."), found);
    }
}

fn kind(value: &Value, items: Option<&Value>) -> String {
    let name = |value: &Value| {
        let kind = value.get("type");
        let first = kind.and_then(Value::as_array).and_then(|list| list.first()).or(kind);
        match first.and_then(Value::as_str) {
            _ if value.get("properties").is_some() => "table",
            Some("string") => "text",
            Some("integer") => "number",
            Some("boolean") => "true or false",
            _ => "value",
        }
    };
    match items {
        Some(items) if items.get("properties").is_some() => "tables".to_owned(),
        Some(items) => format!("list of {}s", name(items)),
        None => name(value).to_owned(),
    }
}

/// As it stands behind the key.
fn toml_of(value: &Value) -> String {
    toml::Value::try_from(value)
        .map(|value| value.to_string())
        .unwrap_or_default()
}

/// The reference page.
pub fn keys_markdown() -> String {
    let mut text = String::from(
        "# node.toml, key by key\n\n\
         Made from the types that read the document; `cargo xtask generate` renews it. How it is changed, and what wins over it, is in\n\
         [configuration.md](configuration.md).\n\
         The same keys stand in the seed's `corbel.toml`. A key that is not listed here is refused.\n\
         `[]` marks a table that may stand several times: `network.interface[].mtu` is the `mtu` below a `[[network.interface]]`.\n\n\
         | key | value | meaning |\n|---|---|---|\n",
    );
    for key in keys() {
        let example = key
            .example
            .map(|example| format!(" Example: `{}`.", example.replace('|', "\\|")));
        let required = if key.required { " Required." } else { "" };
        let meaning = key.meaning.replace('\n', " ").replace('|', "\\|");
        text.push_str(&format!(
            "| `{}` | {} | {meaning}{required}{} |\n",
            key.path,
            key.kind,
            example.unwrap_or_default()
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_says_what_it_is_for() {
        let keys = keys();
        for key in &keys {
            assert!(key.meaning.ends_with('.'), "{key:?}");
            assert_ne!(key.kind, "value", "{key:?}");
        }
        let paths: Vec<_> = keys.iter().map(|key| key.path.as_str()).collect();
        for path in [
            "version",
            "hostname",
            "timezone",
            "admin.password_hash",
            "ssh.port",
            "network.interface[]",
            "network.interface[].routes[].to",
            "network.bond[].options.mode",
            "network.bridge[].ports",
            "api.client[].fingerprint",
            "install.boot",
            "install.sizes.data",
        ] {
            assert!(paths.contains(&path), "{path} is missing in {paths:?}");
        }
    }
}
