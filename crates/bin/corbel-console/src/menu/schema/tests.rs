use super::*;

fn node() -> Vec<Section> {
    sections(&corbel_model::seed::schema().to_string()).expect("the schema of the document")
}

fn field<'a>(sections: &'a [Section], title: &str, label: &str) -> &'a Field {
    let section = sections.iter().find(|section| section.title == title).expect(title);
    section.fields.iter().find(|field| field.label == label).expect(label)
}

#[test]
fn the_document_has_a_page_a_section() {
    let sections = node();
    let titles: Vec<_> = sections.iter().map(|section| section.title.as_str()).collect();
    assert_eq!(titles[..TITLES.len()], TITLES.map(|(_, title)| title));
    for section in &sections {
        assert!(!section.help.is_empty(), "{}", section.title);
        for field in section.fields.iter() {
            assert!(!field.help.is_empty(), "{}: {}", section.title, field.label);
            assert_ne!(field.kind, Kind::Other, "{}: {}", section.title, field.label);
        }
    }
}

#[test]
fn fields_know_what_they_hold() {
    let sections = node();
    let kind = |title, label| field(&sections, title, label).kind.clone();
    assert_eq!(kind("Interfaces", "dhcp4"), Kind::Bool);
    assert_eq!(kind("Interfaces", "addresses"), Kind::Texts);
    assert!(
        matches!(kind("Interfaces", "routes"), Kind::Tables(fields) if fields[0].label == "to" && fields[0].required)
    );
    assert_eq!(
        kind("VLANs", "id"),
        Kind::Number {
            min: Some(1),
            max: Some(4094)
        }
    );
    assert_eq!(kind("Admin", "password"), Kind::Password);
    let mode = field(&sections, "Bonds", "options mode");
    assert_eq!(mode.key, ["options", "mode"]);
    assert!(matches!(&mode.kind, Kind::Text(words) if words.len() == 7 && words[4] == "802.3ad"));
    assert!(matches!(kind("Bonds", "options lacp rate"), Kind::Text(words) if words == ["slow", "fast"]));
    assert!(matches!(kind("API tokens", "role"), Kind::Text(words) if words == ["admin", "operator", "viewer"]));
    assert_eq!(kind("Name and time", "hostname"), Kind::Text(vec![]));
    assert!(field(&sections, "Interfaces", "match").required);
    assert_eq!(sections[1].fields[0].label, "match", "what must be there comes first");
}

#[test]
fn a_section_that_nobody_knew_has_its_page() {
    let text = r##"{"properties": {
        "version": {"type": "integer"},
        "logging": {"$ref": "#/$defs/Logging", "description": "Where logs go."}
      }, "$defs": {"Logging": {"properties": {
        "level": {"type": "string", "enum": ["quiet", "all"], "description": "How much."},
        "kind": {"oneOf": [{"const": "a"}, {"const": "b"}], "description": "Which."},
        "remote": {"anyOf": [{"$ref": "#/$defs/Remote"}, {"type": "null"}]},
        "target": {"type": "array", "items": {"$ref": "#/$defs/Remote"}, "description": "Servers."}
      }}, "Remote": {"required": ["host"], "properties": {
        "host": {"type": "string", "description": "Its name."},
        "key": {"type": ["string", "null"], "writeOnly": true, "description": "A secret."}
      }}}}"##;
    let sections = sections(text).expect("a schema");
    let titles: Vec<_> = sections.iter().map(|section| section.title.as_str()).collect();
    assert_eq!(titles, ["Logging", "Logging target"]);
    assert!(sections[1].list);
    assert_eq!(field(&sections, "Logging", "remote key").kind, Kind::Secret);
    let words = |label| match &field(&sections, "Logging", label).kind {
        Kind::Text(words) => words.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        (words("level"), words("kind")),
        (vec!["quiet".into(), "all".into()], vec!["a".into(), "b".into()])
    );
}

#[test]
fn what_is_no_schema_is_refused_and_one_that_refers_to_itself_ends() {
    assert_eq!(sections("{"), Err(NoSchema));
    assert_eq!(sections("[]"), Err(NoSchema));
    let endless = r##"{"properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": {"properties": {"a": {"$ref": "#/$defs/A"}, "b": {"type": "boolean"}}}}}"##;
    assert!(sections(endless).is_ok());
    let itself = r##"{"properties": {"a": {"$ref": "#/properties/a"}}}"##;
    assert!(sections(itself).is_ok());
}

#[test]
fn lists_of_words_are_told_from_sentences() {
    assert_eq!(in_backticks("`a`, `b` or `c`. Left out, `a`."), ["a", "b", "c"]);
    assert_eq!(
        in_backticks("`slow` or `fast`, with the mode `802.3ad`."),
        ["slow", "fast"]
    );
    assert!(in_backticks("`false`, with neither of the other two, switches IPv6 off.").is_empty());
    assert!(in_backticks("The port of SSH: 22, or 1024 and above.").is_empty());
}
