//! Images that are taken, and those that are not.

use super::*;

#[test]
fn what_is_wrong_with_an_image_is_said_before_anything_is_written() {
    let node = FakeNode::installed(Firmware::Uefi);
    let before = (node.esp.files(), node.slots[1].bytes());
    let wrong = |change: &dyn Fn(&mut Parts)| {
        let mut parts = parts("1.1");
        change(&mut parts);
        match open(&parts) {
            Err(error) => error.to_string(),
            Ok(release) => upgrade(&node, &release, &silent, &Cancel::new())
                .expect_err("refused")
                .to_string(),
        }
    };
    assert_eq!(
        wrong(&|p| {
            p.root.pop();
        }),
        "root.img has 19199 bytes, and its manifest says 19200"
    );
    assert!(wrong(&|p| p.root[7] ^= 1).starts_with("root.img is not what its manifest says: SHA-256 "));
    assert!(wrong(&|p| p.kernel[3000] ^= 1).starts_with("corbel.efi is not what its manifest says"));
    assert!(wrong(&|p| p.kernel.push(0)).starts_with("corbel.efi has 4097 bytes"));
    assert!(wrong(&|p| p.manifest.version = "2.0".into()).contains("another major number"));
    let large = wrong(&|p| {
        p.root = vec![0; SLOT_BYTES + 1];
        p.manifest.parts[0].bytes = p.root.len() as u64;
    });
    assert_eq!(large, "the root image has 65537 bytes, and slot b has room for 65536");
    let none: Source = Arc::new(vec![0u8; 1 << 16]);
    let error = Release::open(none, &KeySet::new(), &policy()).expect_err("no ISO");
    assert_eq!(error.to_string(), "the image is no ISO of Corbel");
    let strict = Policy {
        allow_unsigned: false,
        ..policy()
    };
    for (signature, expected) in [(None, "is not signed"), (Some("nonsense"), "is by none of the keys")] {
        let parts = parts("1.1");
        let image = parts.iso(&parts.text(), signature);
        let error = Release::open(image, &KeySet::new(), &strict).expect_err("refused");
        assert!(error.to_string().contains(expected), "{error}");
    }
    assert_eq!((node.esp.files(), node.slots[1].bytes()), before);
}

/// `signed/` holds the manifest of the fake release 1.1, signed with a key that was made for it and thrown away.
#[test]
fn a_signed_release_is_taken_and_a_changed_one_is_not() {
    let text = include_str!("signed/release.json");
    let signature = include_str!("signed/release.sig");
    let folder = tempfile::tempdir().expect("a folder");
    assert!(load_keys(&folder.path().join("none")).expect("no keys").is_empty());
    let key = folder.path().join("owner.pub");
    write_atomic(&key, include_bytes!("signed/key.pub"), 0o644).expect("written");
    let keys = load_keys(folder.path()).expect("a key");
    let strict = Policy {
        allow_unsigned: false,
        ..policy()
    };
    let open = |text: &str| Release::open(parts("1.1").iso(text.as_bytes(), Some(signature)), &keys, &strict);
    let release = open(text).expect("signed by the owner");
    assert_eq!(release.signed(), &Signed::By("owner.pub".to_owned()));
    let mut node = FakeNode::installed(Firmware::Bios);
    upgrade(&node, &release, &silent, &Cancel::new()).expect("upgraded");
    assert_eq!(node.boot(), Slot::B);
    let changed = open(&text.replace("\"expires\": 5000", "\"expires\": 9000")).expect_err("changed");
    assert!(changed.to_string().contains("is by none of the keys"), "{changed}");
    write_atomic(&key, b"nonsense", 0o644).expect("written");
    load_keys(folder.path()).expect_err("a key that cannot be read is told");
}
