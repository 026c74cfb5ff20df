//! Support bundles and the look at security, as commands.

use corbel_agent::Destination;

use crate::node::Node;

/// The first bytes of every file of xz(1).
const MAGIC: &[u8] = b"\xfd7zXZ\0";

#[test]
fn a_bundle_is_made_and_fetched() {
    let node = Node::installed();
    let file = node.dir.path().join("bundle.tar.xz");
    let ran = node
        .corbel(&format!("node support-bundle {}", file.display()))
        .expect(0);
    let bytes = std::fs::read(&file).expect("it is there");
    assert!(bytes.starts_with(MAGIC));
    let said = format!("with {} bytes is in [DIR]/bundle.tar.xz", bytes.len());
    assert!(ran.err.contains(&said), "{ran}");
    assert!(ran.err.contains("Write the bundle: done"), "{ran}");
    let ran = node.corbel("node support-bundle -").expect(0);
    assert!(ran.out.contains("7zXZ"), "{}", ran.err);
}

#[test]
fn a_bundle_goes_to_a_disk_of_the_node_or_to_a_url() {
    let node = Node::installed();
    let ran = node.corbel("node support-bundle --disk /dev/sde1").expect(0);
    assert!(ran.err.contains("is in /dev/sde1 (STICK)"), "{ran}");
    node.corbel("node support-bundle --url https://me:you@host.example/x")
        .expect(0);
    let went: Vec<_> = node.system.delivered().into_iter().map(|(to, _)| to).collect();
    assert_eq!(went[0], Destination::Disk("/dev/sde1".to_owned()));
    assert!(matches!(&went[1], Destination::Url(url) if url.ends_with("host.example/x")));
    node.corbel("node support-bundle --keep").expect(0);
    let ran = node.corbel("node support-bundle --disk /dev/sdz1").expect(3);
    assert!(ran.err.contains("/dev/sdz1 does not exist"), "{ran}");
    for line in [
        "node support-bundle",
        "node support-bundle x --keep",
        "node support-bundle --disk /dev/sde1 --url http://x",
    ] {
        node.corbel(line).expect(2);
    }
}

#[test]
fn security_is_one_line_and_what_stands_behind_it() {
    let node = Node::installed();
    let ran = node.corbel("node security").expect(0);
    let mut lines = ran.out.lines();
    assert!(
        lines
            .next()
            .is_some_and(|line| line.contains("are as good as they can be; could be better: Secure Boot")),
        "{ran}"
    );
    for said in [
        "weak   Secure Boot: off",
        "good   TPM: version 2",
        "Switch Secure Boot on",
        "Certificate: made by the node, until",
    ] {
        assert!(ran.out.contains(said), "{said}\n{ran}");
    }
    let told = node.corbel("node security --json").expect(0).json();
    assert_eq!(told["findings"][0]["id"], "secure-boot");
    assert_eq!(told["findings"][0]["grade"], "weak");
}
