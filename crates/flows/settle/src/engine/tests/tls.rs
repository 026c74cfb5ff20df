//! A certificate of the owner: shown, refused, not confirmed in time, its key apart.

use super::*;

const SHOWN: &str = "/etc/corbel/tls.pem";

/// A certificate and its key.
fn made() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(vec!["node1.example.org".to_owned()]).expect("made");
    (made.cert.pem(), made.signing_key.serialize_pem())
}

fn document(certificate: &str, key: Option<&str>) -> String {
    let key = key.map(|key| format!("private_key = \"\"\"\n{key}\"\"\"\n"));
    format!(
        "[tls]\ncertificate = \"\"\"\n{certificate}\"\"\"\n{}",
        key.unwrap_or_default()
    )
}

#[test]
fn it_waits_to_be_confirmed_and_its_key_is_nowhere_to_be_seen() {
    let (node, engine) = node("");
    let (certificate, key) = made();
    let secret = key.lines().nth(1).expect("a line of the key");
    let applied = engine
        .apply(with_countdown(&document(&certificate, Some(&key))))
        .expect("applied");
    assert!(
        applied.change.network && applied.pending.is_some(),
        "clients may be cut off"
    );
    let plan = applied.change.to_string();
    assert!(
        plan.contains("show the certificate sha256:") && plan.contains("the new one: sha256:"),
        "{plan}"
    );
    assert!(!format!("{applied:?}{plan}").contains(secret));
    assert!(node.text(SHOWN).expect("written").contains(secret));
    node.pass(Duration::from_secs(60));
    assert!(engine.tick().expect("taken back"));
    assert_eq!(node.text(SHOWN), None);

    engine
        .apply(with_countdown(&document(&certificate, Some(&key))))
        .expect("applied");
    engine.confirm().expect("confirmed");
    node.reboot();
    assert!(node.text(SHOWN).expect("written at the boot").contains(secret));
    let view = engine.view().expect("a view");
    assert!(view.text.contains("BEGIN CERTIFICATE") && !format!("{view:?}").contains(secret));
    assert!(!engine.text(2).expect("kept").contains(secret));
    assert!(!node.text(crate::REPORT_FILE).expect("a report").contains(secret));
    // What is shown can be given back, and the key stays.
    let text = view.text.trim_start_matches("version = 1\n").to_owned();
    let again = engine.apply(asked(&text)).expect("applied");
    assert_eq!(again.change.steps, []);
    let applied = engine.apply(asked("")).expect("applied");
    assert!(applied.change.to_string().contains("that the node makes itself"));
    assert_eq!(node.text(SHOWN), None);
}

#[test]
fn one_that_cannot_be_shown_is_refused_with_the_key_of_the_document() {
    let (node, engine) = node("");
    let ((certificate, key), (_, other)) = (made(), made());
    for (document, begins) in [
        (
            document(&certificate, Some(&other)),
            "tls.private_key: is not the key of",
        ),
        (document(&certificate, None), "tls.private_key: is not set"),
    ] {
        let error = engine.apply(asked(&document)).expect_err(begins).to_string();
        assert!(error.starts_with(begins), "{error}");
        assert!(!error.contains('\n') && !error.contains("BEGIN"), "{error}");
    }
    assert_eq!(node.text(SHOWN), None);
    // A later certificate does not go with the key that is kept.
    engine
        .apply(asked(&document(&certificate, Some(&key))))
        .expect("applied");
    let error = engine
        .apply(asked(&document(&made().0, None)))
        .expect_err("another")
        .to_string();
    assert!(error.starts_with("tls.private_key: is not the key of"), "{error}");
}
