//! The JSON schema of the document (draft 2020-12), for editors, for the pages of the console, and as the source of the reference page.

use serde_json::{Value, json};

use super::tables::Document;

/// The schema as JSON. It says less than [`parse`](super::parse) checks: what a text may hold stands in the key's description.
pub fn schema() -> Value {
    let mut schema = schemars::schema_for!(Document).to_value();
    if let Some(top) = schema.as_object_mut() {
        top.insert("title".into(), json!("node.toml"));
        top.insert("$id".into(), json!("https://corbel.invalid/schemas/node-v1.json"));
    }
    schema
}
