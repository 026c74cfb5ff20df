//! What people see.

use insta::assert_snapshot;

use crate::node::Node;

#[test]
fn lists_are_tables() {
    let node = Node::start();
    let mut shown = String::new();
    for line in ["vm list", "volume list", "network list"] {
        shown.push_str(&format!("$ corbel {line}\n{}\n\n", node.corbel(line).expect(0)));
    }
    assert_snapshot!(shown);
}

#[test]
fn one_object_is_a_list_of_facts() {
    let node = Node::start();
    let mut shown = String::new();
    for line in [
        "vm show db",
        "vm show build",
        "vm stats web",
        "node show",
        "node health",
    ] {
        shown.push_str(&format!("$ corbel {line}\n{}\n\n", node.corbel(line).expect(0)));
    }
    let shown = shown.lines().map(|line| {
        if line.starts_with("Up ") {
            "Up              [TIME]"
        } else {
            line
        }
    });
    assert_snapshot!(shown.collect::<Vec<_>>().join("\n"));
}

#[test]
fn programs_get_one_json_document() {
    let node = Node::start();
    assert_snapshot!(node.corbel("vm list --json").expect(0));
    for line in [
        "vm show web",
        "vm stats web",
        "vm xml web",
        "volume list",
        "network list",
        "node show",
        "node health",
    ] {
        let ran = node.corbel(&format!("{line} --json")).expect(0);
        assert!(ran.json().is_object() && ran.err.is_empty(), "{line}\n{ran}");
    }
    let xml = node.corbel("vm xml web").expect(0);
    assert!(
        xml.out.starts_with("<domain") && xml.out.ends_with("</domain>\n"),
        "{xml}"
    );
}

#[test]
fn an_empty_list_is_said_and_not_printed() {
    let node = Node::start();
    node.corbel("vm force-off web").expect(0);
    node.corbel("vm force-off db").expect(0);
    for name in ["web", "db", "build"] {
        node.corbel(&format!("vm delete {name} --volumes --yes")).expect(0);
    }
    assert_snapshot!(node.corbel("vm list"), @r"
    2> There are no machines.
    status 0
    ");
    assert_eq!(
        node.corbel("vm list --json").expect(0).json(),
        serde_json::json!({"vms": []})
    );
    assert_eq!(
        node.corbel("volume list --json").expect(0).json(),
        serde_json::json!({"volumes": []})
    );
}

#[test]
fn colours_and_secrets_stay_off_pipes() {
    let node = Node::start();
    let ran = node.corbel("vm list -vvv").expect(0);
    assert!(!ran.out.contains('\x1b') && !ran.err.contains('\x1b'), "{ran}");
    let mut command = node.remote(&["vm", "list", "-vvv", "--fingerprint", &node.fingerprint]);
    let ran = crate::program::run(command.env("CORBEL_TOKEN", "a-token-that-is-wrong")).expect(5);
    assert!(!ran.err.contains("a-token"), "{ran}");
}

#[test]
fn what_the_node_reaches() {
    let node = Node::start();
    let mut shown = String::new();
    for (line, exit) in [
        ("node links", 0),
        ("node links identify eno1 --seconds 1", 0),
        ("node links identify eno2", 4),
        ("node links identify eno9", 3),
        ("node ping 192.0.2.1 --count 2", 0),
        ("node ping 192.0.2.2 --count 1", 1),
        ("node ping a_b", 4),
        ("node multipath", 0),
        ("node iscsi", 0),
        ("node iommu", 0),
        ("node plugins", 0),
    ] {
        let ran = node.corbel(line).expect(exit);
        shown.push_str(&format!("$ corbel {line}\n{ran}\n\n"));
    }
    assert_snapshot!(shown);
    for line in [
        "node ping gate --count 1",
        "node multipath",
        "node iscsi",
        "node iommu",
        "node plugins",
    ] {
        let ran = node.corbel(&format!("{line} --json")).expect(0);
        assert!(ran.json().is_object() && ran.err.is_empty(), "{line}\n{ran}");
    }
    node.corbel("node ping 192.0.2.1 --count 21").expect(2);
}
