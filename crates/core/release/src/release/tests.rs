//! Manifests, signatures made by minisign, and every refusal.

use super::*;

const KEY: &str = "untrusted comment: minisign public key: 216C7EAE25EC8A78\n\
                   RWR4iuwlrn5sIf5dHPDa09M6h7O6pBy/haZbXcazoFvBRARkflQjdRYw\n";
const OTHER_KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
const TEXT: &[u8] = b"{\"test\":1}\n";
const SIGNATURE: &str = "untrusted comment: signature\n\
    RUR4iuwlrn5sIWkll7D/Af0/6tjbb1lyzrCihv8YzpEh6UiSmNW/oe/wJImEuDA3i9Db+QpE9nByTBGDmhb6t+Gnlc8KDWNkYwk=\n\
    trusted comment: release\n\
    vTFIx9/fO4f+6KuikqaP2GzMNJDh+NyXrLWY6v1bq5pcO5n4mKKDBpTfSx6L7IljUBkqReaFA0H8xiUf4BekAw==\n";

fn keys(texts: &[(&str, &str)]) -> KeySet {
    let mut keys = KeySet::new();
    for (name, text) in texts {
        keys.add(name, text).expect("a key");
    }
    keys
}

fn release() -> Release {
    let root_hash = "ab".repeat(32);
    let part = |name: &str, bytes| ReleasePart {
        name: name.to_owned(),
        bytes,
        sha256: "cd".repeat(32),
    };
    Release {
        format: 1,
        name: "corbel".to_owned(),
        version: "1.2.0".to_owned(),
        architecture: "amd64".to_owned(),
        epoch: 1000,
        expires: Some(5000),
        words: format!("corbel.root={root_hash} quiet"),
        root_hash,
        parts: vec![part(ROOT_PART, 1 << 20), part(KERNEL_PART, 1 << 10)],
    }
}

fn json(change: impl FnOnce(&mut Release)) -> Vec<u8> {
    let mut release = release();
    change(&mut release);
    serde_json::to_vec(&release).expect("json")
}

#[test]
fn a_signature_of_minisign_is_verified() {
    let both = keys(&[("other.pub", OTHER_KEY), ("ours.pub", KEY)]);
    assert_eq!(signed(TEXT, Some(SIGNATURE), &both), Signed::By("ours.pub".to_owned()));
    assert_eq!(signed(TEXT, None, &both), Signed::Not);
    assert_eq!(signed(b"{\"test\":2}\n", Some(SIGNATURE), &both), Signed::Wrong);
    assert_eq!(
        signed(TEXT, Some(SIGNATURE), &keys(&[("other.pub", OTHER_KEY)])),
        Signed::Wrong
    );
    assert_eq!(signed(TEXT, Some("nonsense"), &both), Signed::Wrong);
    assert_eq!(signed(TEXT, Some(SIGNATURE), &KeySet::new()), Signed::Wrong);
    assert!(KeySet::new().add("x.pub", "nonsense").is_err());
}

#[test]
fn a_whole_manifest_comes_back_and_unknown_fields_are_no_matter() {
    assert_eq!(Release::parse(&json(|_| ())).expect("whole"), release());
    let text = String::from_utf8(json(|_| ())).expect("text");
    let more = text.replacen('{', "{\"later\":[1],", 1);
    assert_eq!(Release::parse(more.as_bytes()).expect("whole"), release());
}

#[test]
fn a_manifest_that_is_not_whole_says_why() {
    let error = |bytes: &[u8]| Release::parse(bytes).expect_err("refused").to_string();
    assert_eq!(error(b"{"), "the release manifest cannot be read");
    assert_eq!(
        error(b"{\"format\":2}"),
        "the release manifest has format 2, and this version reads 1"
    );
    assert_eq!(
        error(&json(|r| r.parts.truncate(1))),
        "the release manifest names no part corbel.efi"
    );
    assert_eq!(
        error(&json(|r| r.parts[0].sha256.truncate(63))),
        "the SHA-256 of part root.img is not 64 hexadecimal digits"
    );
    assert!(error(&json(|r| r.version = "one".into())).starts_with("\"one\" is not a version"));
    assert!(error(&json(|r| r.words = "quiet".into())).starts_with("the release's kernel words do not name"));
}

#[test]
fn every_reason_against_a_release_is_told() {
    let by = Signed::By("ours.pub".to_owned());
    let mut policy = Policy::strict(2000, "corbel", "amd64");
    policy.running = Some("1.1.0".parse().expect("a version"));
    policy.slot_bytes = Some(1 << 20);
    assert_eq!(check(&release(), &by, &policy), Ok(()));
    let refused = |change: &dyn Fn(&mut Release, &mut Policy)| {
        let (mut release, mut policy) = (release(), policy.clone());
        change(&mut release, &mut policy);
        check(&release, &by, &policy).expect_err("refused").kind()
    };
    assert_eq!(refused(&|r, _| r.name = "other".into()), "other-name");
    assert_eq!(refused(&|r, _| r.architecture = "arm64".into()), "other-architecture");
    assert_eq!(refused(&|_, p| p.now = 5001), "expired");
    assert_eq!(refused(&|r, _| r.version = "2.0".into()), "other-major");
    assert_eq!(
        refused(&|r, p| (r.version, p.allow_downgrade) = ("0.9".into(), true)),
        "other-major"
    );
    assert_eq!(refused(&|r, _| r.version = "1.1.0~rc1".into()), "older");
    assert_eq!(refused(&|r, _| r.version = "1.1.0".into()), "same");
    assert_eq!(refused(&|_, p| p.failed = vec!["1.2.0".into()]), "failed-before");
    assert_eq!(refused(&|_, p| p.slot_bytes = Some((1 << 20) - 1)), "too-large");
    for signed in [Signed::Not, Signed::Wrong] {
        let kind = check(&release(), &signed, &policy).expect_err("refused").kind();
        assert_eq!(kind == "unsigned", signed == Signed::Not);
    }
}

#[test]
fn what_the_operator_means_is_taken() {
    let mut policy = Policy::strict(0, "corbel", "amd64");
    policy.running = Some("1.3".parse().expect("a version"));
    policy.failed = vec!["1.2.0".to_owned()];
    policy.allow_unsigned = true;
    policy.allow_downgrade = true;
    policy.force = true;
    assert_eq!(check(&release(), &Signed::Not, &policy), Ok(()));
    policy.running = Some("1.2.0".parse().expect("a version"));
    assert_eq!(check(&release(), &Signed::Not, &policy), Ok(()));
    let mut old = release();
    old.expires = Some(900);
    assert_eq!(
        check(&old, &Signed::Not, &policy)
            .expect_err("made after its end")
            .kind(),
        "expired"
    );
}
