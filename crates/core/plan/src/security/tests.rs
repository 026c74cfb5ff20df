//! Each state of each look.

use super::*;

fn all_good() -> Facts {
    Facts {
        uefi: true,
        secure_boot: Some(true),
        setup_mode: Some(false),
        tpm: Some(2),
        root_hash: Some("5f".into()),
        signer: None,
        lockdown: Some(Lockdown::Integrity),
        admin_password: Some(true),
        ssh: Some(Ssh::Keys),
        certificate: Some(Certificate {
            own: true,
            days_left: 300,
            ends: "2027-09-22".into(),
        }),
    }
}

fn look(id: &str, change: impl FnOnce(&mut Facts)) -> (String, Grade, bool) {
    let mut facts = all_good();
    change(&mut facts);
    let level = judge(&facts);
    let found = level.findings.into_iter().find(|finding| finding.id == id).expect(id);
    (found.state, found.grade, found.raise.is_some())
}

#[test]
fn a_node_that_has_all_needs_nothing() {
    let level = judge(&all_good());
    assert_eq!(level.summary, "7 of 7 are as good as they can be");
    assert!(
        level
            .findings
            .iter()
            .all(|finding| finding.grade == Grade::Good && finding.raise.is_none())
    );
}

#[test]
fn what_is_weak_has_a_way_up_and_what_is_not_known_is_said() {
    use Grade::{Good, Unknown, Weak};
    let case = |id: &str, change: fn(&mut Facts), state: &str, grade| {
        assert_eq!(
            look(id, change),
            (state.to_owned(), grade, grade == Weak),
            "{id} {state}"
        );
    };
    case("secure-boot", |f| f.uefi = false, "not UEFI", Weak);
    case("secure-boot", |f| f.secure_boot = Some(false), "off", Weak);
    case(
        "secure-boot",
        |f| (f.secure_boot, f.setup_mode) = (Some(false), Some(true)),
        "setup mode",
        Weak,
    );
    case("secure-boot", |f| f.secure_boot = None, "not known", Unknown);
    case("tpm", |f| f.tpm = None, "none", Weak);
    case("tpm", |f| f.tpm = Some(1), "version 1", Weak);
    case("verified-root", |f| f.root_hash = None, "no", Weak);
    case(
        "verified-root",
        |f| f.signer = Some(Signer::Nobody),
        "root hash 5f, the medium is not signed by a key of the image",
        Weak,
    );
    case(
        "verified-root",
        |f| f.signer = Some(Signer::Key("owner.pub".into())),
        "root hash 5f, the medium is signed by owner.pub",
        Good,
    );
    case("lockdown", |f| f.lockdown = Some(Lockdown::None), "none", Weak);
    case(
        "lockdown",
        |f| f.lockdown = Some(Lockdown::Confidentiality),
        "confidentiality",
        Good,
    );
    case("lockdown", |f| f.lockdown = None, "not known", Unknown);
    case("admin-password", |f| f.admin_password = Some(false), "not set", Weak);
    case("admin-password", |f| f.admin_password = None, "not known", Unknown);
    case("ssh", |f| f.ssh = Some(Ssh::Off), "off", Good);
    case("ssh", |f| f.ssh = Some(Ssh::Passwords), "with password", Weak);
    case("ssh", |f| f.ssh = None, "not known", Unknown);
    case("certificate", |f| f.certificate = None, "none is shown", Good);
    let ends = |own, days_left| {
        look("certificate", |f| {
            f.certificate = Some(Certificate {
                own,
                days_left,
                ends: "2027-01-01".into(),
            })
        })
    };
    assert_eq!(
        ends(false, 3000),
        ("made by the node, until 2027-01-01".into(), Weak, true)
    );
    assert_eq!(ends(true, 30), ("your own, until 2027-01-01".into(), Good, false));
    assert_eq!(ends(true, 29), ("your own, until 2027-01-01".into(), Weak, true));
    assert_eq!(ends(true, -1), ("your own, ended at 2027-01-01".into(), Weak, true));
}

#[test]
fn the_line_names_what_could_be_better() {
    let facts = Facts {
        uefi: true,
        lockdown: None,
        ..all_good()
    };
    let summary = judge(&Facts { tpm: None, ..facts }).summary;
    assert_eq!(
        summary,
        "5 of 7 are as good as they can be; could be better: TPM; not known: Kernel lockdown"
    );
}

#[test]
fn variables_and_lockdown_are_read_as_the_kernel_writes_them() {
    assert_eq!(parse_efi_flag(&[6, 0, 0, 0, 1]), Some(true));
    assert_eq!(parse_efi_flag(&[6, 0, 0, 0, 0]), Some(false));
    for bad in [&[][..], &[1], &[6, 0, 0, 0], &[6, 0, 0, 0, 2], &[6, 0, 0, 0, 1, 1]] {
        assert_eq!(parse_efi_flag(bad), None);
    }
    assert_eq!(
        parse_lockdown("[none] integrity confidentiality\n"),
        Some(Lockdown::None)
    );
    assert_eq!(
        parse_lockdown("none [integrity] confidentiality\n"),
        Some(Lockdown::Integrity)
    );
    assert_eq!(
        parse_lockdown("none integrity [confidentiality]\n"),
        Some(Lockdown::Confidentiality)
    );
    for bad in ["", "none", "[", "[x]"] {
        assert_eq!(parse_lockdown(bad), None);
    }
}
