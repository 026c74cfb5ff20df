//! Names with counters, and contents.

use super::*;
use proptest::prelude::*;

#[test]
fn the_rescue_shell_comes_last_and_decides_nothing() {
    let text = rescue(Slot::B, "Corbel 1.2", "/corbel/b/corbel.efi", "quiet corbel.slot=b");
    assert!(
        text.contains("sort-key rescue\n") && text.contains("options quiet corbel.slot=b rescue\n"),
        "{text}"
    );
    assert!(RESCUE_KEY > SORT_KEY);
    assert!(rescue_name(Slot::B).parse::<EntryName>().is_err());
}

#[test]
fn names_are_those_of_the_specification() {
    let counted = |left, done| EntryName {
        slot: Slot::B,
        counter: Some(Counter { left, done }),
    };
    for (text, name) in [
        ("corbel-a.conf", EntryName::plain(Slot::A)),
        ("corbel-b+3.conf", EntryName::trial(Slot::B, 3)),
        ("corbel-b+2-1.conf", counted(2, 1)),
        ("corbel-b+0-3.conf", counted(0, 3)),
    ] {
        assert_eq!(text.parse(), Ok(name));
        assert_eq!(name.to_string(), text);
    }
    assert_eq!("CORBEL-B+3-0.CONF".parse(), Ok(EntryName::trial(Slot::B, 3)));
    assert_eq!(counted(1, 2).counter.map(Counter::taken), counted(0, 3).counter);
}

#[test]
fn other_names_are_not_ours() {
    for name in [
        "corbel-c.conf",
        "corbel-a+.conf",
        "corbel-a+x.conf",
        "corbel-a+1-.conf",
        "corbel-a++1.conf",
        "corbel-a+4294967296.conf",
        "corbel-a.conf.tmp",
        "debian.conf",
        "",
    ] {
        assert!(name.parse::<EntryName>().is_err(), "{name}");
    }
}

#[test]
fn an_entry_comes_back() {
    let entry = LoaderEntry {
        title: "Corbel 1.2.0".to_owned(),
        generation: 7,
        efi: "/corbel/b/corbel.efi".to_owned(),
        words: "corbel.root=abcd quiet corbel.slot=b".to_owned(),
    };
    let text = entry.render();
    assert_eq!(
        text,
        "title Corbel 1.2.0\nversion 7\nsort-key corbel\nefi /corbel/b/corbel.efi\n\
         options corbel.root=abcd quiet corbel.slot=b\n"
    );
    assert_eq!(LoaderEntry::parse(&text), Ok(entry));
}

#[test]
fn an_entry_that_starts_nothing_is_refused() {
    let parse = |text| LoaderEntry::parse(text).map(|entry| entry.generation);
    assert_eq!(parse("title x\nversion 1\n"), Err(EntryError::Missing { key: "efi" }));
    assert_eq!(parse("efi /x\n"), Err(EntryError::Missing { key: "version" }));
    assert_eq!(
        parse("efi /x\nversion 1.2\n"),
        Err(EntryError::Version { text: "1.2".into() })
    );
    assert_eq!(parse("# note\nefi\t/x\nversion 1\noptions a\noptions b\n"), Ok(1));
}

proptest! {
    #[test]
    fn any_text_is_answered(text in ".{0,200}") {
        let _ = text.parse::<EntryName>();
        let _ = LoaderEntry::parse(&text);
    }
}
