//! That the document says what routes and types do.

use super::*;

#[test]
fn every_reference_in_the_document_leads_somewhere() {
    let document = serde_json::to_value(openapi()).unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let mut stack = vec![&document];
    while let Some(value) = stack.pop() {
        if let Some(reference) = value.get("$ref").and_then(|r| r.as_str()) {
            let pointer = reference.trim_start_matches('#');
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
        match value {
            serde_json::Value::Object(map) => stack.extend(map.values()),
            serde_json::Value::Array(list) => stack.extend(list),
            _ => {}
        }
    }
    let schemas = document["components"]["schemas"].as_object().unwrap();
    for name in ["VmSummary", "Volume", "Network", "Size", "DiskSpec"] {
        assert!(schemas.contains_key(name), "{name}");
    }
}

#[test]
fn only_health_and_the_document_are_open() {
    let document = serde_json::to_value(openapi()).unwrap();
    for route in ROUTES {
        let operation = &document["paths"][route.path][route.method.as_str().to_ascii_lowercase()];
        let open = operation["security"].as_array().unwrap().is_empty();
        assert_eq!(open, route.access == Access::Anyone, "{}", route.path);
    }
}
