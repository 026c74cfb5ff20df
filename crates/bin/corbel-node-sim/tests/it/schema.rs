//! Checks a JSON value against a schema of the OpenAPI document (JSON Schema 2020-12), as far as ours uses it. A keyword
//! that it does not know is an error, so that nothing is passed over in silence.

use serde_json::Value;

/// The first thing that is wrong, with its path.
pub(crate) fn check(document: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    walk(document, schema, value, "$")
}

fn walk(document: &Value, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    let Some(keywords) = schema.as_object() else {
        return Err(format!("{at}: the schema is no object: {schema}"));
    };
    for (keyword, rule) in keywords {
        match keyword.as_str() {
            "$ref" => {
                let pointer = rule.as_str().unwrap_or_default().trim_start_matches('#');
                let target = document
                    .pointer(pointer)
                    .ok_or_else(|| format!("{at}: {rule} leads nowhere"))?;
                walk(document, target, value, at)?;
            }
            "type" => check_type(rule, value, at)?,
            "enum" => {
                let words = rule.as_array().cloned().unwrap_or_default();
                if !words.contains(value) {
                    return Err(format!("{at}: {value} is not one of {rule}"));
                }
            }
            "const" if rule != value => return Err(format!("{at}: {value} is not {rule}")),
            "required" => {
                for name in rule.as_array().into_iter().flatten().filter_map(Value::as_str) {
                    if value.is_object() && value.get(name).is_none() {
                        return Err(format!("{at}.{name}: is missing"));
                    }
                }
            }
            "properties" => {
                for (name, schema) in rule.as_object().into_iter().flatten() {
                    if let Some(value) = value.get(name) {
                        walk(document, schema, value, &format!("{at}.{name}"))?;
                    }
                }
            }
            "additionalProperties" => {
                if *rule != Value::Bool(false) {
                    return Err(format!("{at}: only additionalProperties: false is known here"));
                }
                let known = keywords.get("properties").and_then(Value::as_object);
                for name in value.as_object().into_iter().flat_map(|object| object.keys()) {
                    if !known.is_some_and(|known| known.contains_key(name)) {
                        return Err(format!("{at}.{name}: is not in the schema"));
                    }
                }
            }
            "items" => {
                for (i, value) in value.as_array().into_iter().flatten().enumerate() {
                    walk(document, rule, value, &format!("{at}[{i}]"))?;
                }
            }
            "minItems" | "maxItems" => {
                let (count, limit) = (value.as_array().map_or(0, Vec::len) as u64, rule.as_u64().unwrap_or(0));
                let right = if keyword == "minItems" {
                    count >= limit
                } else {
                    count <= limit
                };
                if value.is_array() && !right {
                    return Err(format!("{at}: has {count} items against {keyword} {limit}"));
                }
            }
            "minimum" | "maximum" => {
                let (Some(number), Some(limit)) = (value.as_f64(), rule.as_f64()) else {
                    continue;
                };
                let right = if keyword == "minimum" {
                    number >= limit
                } else {
                    number <= limit
                };
                if !right {
                    return Err(format!("{at}: {number} is against {keyword} {limit}"));
                }
            }
            "oneOf" | "anyOf" | "allOf" => {
                let all = rule.as_array().cloned().unwrap_or_default();
                let problems: Vec<_> = all.iter().filter_map(|s| walk(document, s, value, at).err()).collect();
                let fits = all.len() - problems.len();
                let right = match keyword.as_str() {
                    "oneOf" => fits == 1,
                    "anyOf" => fits > 0,
                    _ => fits == all.len(),
                };
                if !right {
                    return Err(format!("{at}: fits {fits} of {keyword}: {}", problems.join("; ")));
                }
            }
            // Words for people, and rules about requests that the server holds itself.
            "description" | "title" | "example" | "examples" | "default" | "format" | "pattern" | "const"
            | "writeOnly" => {}
            other => return Err(format!("{at}: the keyword {other} is not known here")),
        }
    }
    Ok(())
}

fn check_type(rule: &Value, value: &Value, at: &str) -> Result<(), String> {
    let fits = |name: &Value| match name.as_str() {
        Some("null") => value.is_null(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_u64() || value.is_i64(),
        Some("number") => value.is_number(),
        Some("string") => value.is_string(),
        Some("array") => value.is_array(),
        Some("object") => value.is_object(),
        _ => false,
    };
    let right = rule
        .as_array()
        .map_or_else(|| fits(rule), |names| names.iter().any(fits));
    if right {
        Ok(())
    } else {
        Err(format!("{at}: {value} is not of type {rule}"))
    }
}

#[test]
fn the_walker_finds_what_is_wrong() {
    use serde_json::json;
    let document = json!({"s": {"type": "string", "enum": ["a"]}});
    let schema = json!({
        "type": "object", "required": ["x"], "additionalProperties": false,
        "properties": {"x": {"oneOf": [{"type": "null"}, {"$ref": "#/s"}]}, "y": {"type": "array", "items": {"type": ["integer", "null"], "minimum": 1}}}
    });
    let check = |value: Value| check(&document, &schema, &value);
    assert_eq!(check(json!({"x": "a", "y": [1, null]})), Ok(()));
    assert_eq!(check(json!({"x": null})), Ok(()));
    for bad in [
        json!([]),
        json!({}),
        json!({"x": "b"}),
        json!({"x": 1}),
        json!({"x": "a", "y": [0]}),
        json!({"x": "a", "z": 1}),
    ] {
        assert!(check(bad.clone()).is_err(), "{bad}");
    }
    assert!(super::schema::check(&document, &json!({"if": {}}), &json!(1)).is_err());
}
