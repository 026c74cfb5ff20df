use super::*;

const TEXT: &str = "version = 1 # ours\n\n# the uplink\n[[network.interface]]\nmatch = \"eno1\"\nmtu = 9000 # jumbo\n";

fn path(text: &str) -> Path {
    let step = |part: &str| part.parse().map_or_else(|_| Step::Key(part.to_owned()), Step::At);
    text.split('.').map(step).collect()
}

fn changed(text: &str, changes: Vec<Change>) -> Document {
    let mut document = Document::parse(text).expect("TOML");
    for change in changes {
        assert!(document.apply(change.clone()), "{change:?}");
    }
    document
}

#[test]
fn comments_and_neighbours_stay() {
    let document = changed(
        TEXT,
        vec![
            Change::Set(path("network.interface.0.mtu"), 1500.into()),
            Change::Set(path("ssh.port"), 2222.into()),
            Change::Add(path("network.vlan")),
            Change::Set(path("network.vlan.0.id"), 42.into()),
            Change::Set(path("network.interface.0.dns"), texts("192.0.2.1, \"a,b\",")),
        ],
    );
    let text = document.text();
    assert!(
        text.contains("mtu = 1500 # jumbo") && text.contains("# the uplink") && text.contains("[ssh]\nport = 2222"),
        "{text}"
    );
    assert!(text.contains("[[network.vlan]]\nid = 42"), "{text}");
    assert_eq!(document.count(&path("network.interface.0.dns")), 2);
    assert!(document.is_changed());
}

#[test]
fn what_is_taken_away_leaves_nothing_empty() {
    let document = changed(
        TEXT,
        vec![
            Change::Set(path("ssh.port"), 2222.into()),
            Change::Unset(path("ssh.port")),
            Change::Add(path("network.interface.0.routes")),
            Change::Set(path("network.interface.0.routes.0.to"), "10.0.0.0/8".into()),
            Change::Remove(path("network.interface.0.routes.0")),
        ],
    );
    assert_eq!(document.text(), TEXT);
    assert!(!document.is_changed());
    let mut document = document;
    for change in [
        Change::Unset(path("hostname")),
        Change::Remove(path("network.interface.7")),
        Change::Set(path("version.x"), 1.into()),
        Change::Set(path("network.interface.9.mtu"), 1.into()),
    ] {
        assert!(!document.apply(change.clone()), "{change:?}");
    }
}

#[test]
fn inline_tables_are_entries_too() {
    let text = "routes = [{to = \"10.0.0.0/8\"}]\n";
    let document = changed(
        text,
        vec![
            Change::Add(path("routes")),
            Change::Set(path("routes.1.to"), "10.1.0.0/16".into()),
            Change::Remove(path("routes.0")),
        ],
    );
    assert_eq!(document.name(&path("routes.0")).as_deref(), Some("10.1.0.0/16"));
}

#[test]
fn changes_are_made_again_on_a_newer_document() {
    let document = changed(
        TEXT,
        vec![
            Change::Set(path("network.interface.0.mtu"), 1500.into()),
            Change::Add(path("network.bond")),
            Change::Set(path("network.bond.0.name"), "bond0".into()),
            Change::Set(path("network.bond.0.members"), texts("eno2, eno3")),
        ],
    );
    // Somebody else put an interface and a bond before ours.
    let newer = "version = 1\n[[network.interface]]\nmatch = \"eno0\"\n[[network.interface]]\nmatch = \"eno1\"\n\
                 [[network.bond]]\nname = \"other\"\nmembers = [\"eno9\"]\n";
    let (moved, lost) = document.moved_to(newer).expect("TOML");
    assert_eq!(lost, 0);
    assert_eq!(
        moved.get(&path("network.interface.1.mtu")).map(shown).as_deref(),
        Some("1500")
    );
    assert_eq!(moved.name(&path("network.bond.1")).as_deref(), Some("bond0"));
    assert_eq!(
        moved.get(&path("network.bond.0.members")).map(shown).as_deref(),
        Some("eno9")
    );
    let (_, lost) = document.moved_to("version = 1\n").expect("TOML");
    assert_eq!(lost, 1, "the interface is gone, the bond is not");
}
