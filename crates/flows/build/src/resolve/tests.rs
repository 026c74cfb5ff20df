//! What apt prints becomes a lock; a lock that does not fit is refused with what to do.

use proptest::prelude::*;

use super::*;

fn mirrors() -> Mirrors {
    Mirrors {
        main: "http://m.example/debian/".into(),
        security: Some("http://m.example/debian-security/".into()),
    }
}

#[test]
fn release_dates_are_read() {
    assert_eq!(parse_date("Thu, 01 Jan 1970 00:01:00 UTC"), Some(60));
    assert_eq!(parse_date("yesterday"), None);
}

#[test]
fn what_apt_prints_is_locked_by_archive() {
    let printed = "Reading package lists...\n\
        'http://m.example/debian/pool/main/v/vim/vim_2%3a9.1_amd64.deb' vim_2%3a9.1_amd64.deb 7 SHA256:aa\n\
        'http://m.example/debian-security/pool/main/b/bash_5_amd64.deb' bash_5_amd64.deb 5 SHA256:bb\n";
    let locked = locked(printed, &mirrors()).expect("locked");
    let told: Vec<_> = locked
        .iter()
        .map(|p| (p.name.as_str(), p.version.as_str(), p.archive, p.path.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ("bash", "5", Archive::Security, "pool/main/b/bash_5_amd64.deb"),
            ("vim", "2:9.1", Archive::Main, "pool/main/v/vim/vim_2%3a9.1_amd64.deb"),
        ]
    );
}

#[test]
fn what_cannot_be_locked_is_told() {
    let refused = |printed: &str| locked(printed, &mirrors()).expect_err("refused");
    assert_eq!(
        refused("'http://other.example/x_1_amd64.deb' x_1_amd64.deb 1 SHA256:aa\n"),
        "apt would fetch x_1_amd64.deb from an archive that was not given"
    );
    assert_eq!(
        refused("'http://m.example/debian/x' x 1 SHA256:aa\n"),
        "\"x\" is not the file name of a package"
    );
    assert_eq!(refused("nothing to do\n"), "apt chose no package at all");
}

#[test]
fn a_lock_must_fit_suite_and_recipe() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("trixie.lock");
    let lock = Lock {
        version: 1,
        suite: "trixie".into(),
        architecture: "amd64".into(),
        epoch: 1,
        request: "asked".into(),
        image: Vec::new(),
        tools: Vec::new(),
    };
    write_atomic(&path, render_lock(&lock).as_bytes(), 0o644).expect("written");
    assert_eq!(load(&path, "trixie", "asked").expect("fits"), lock);
    let refused = |suite: &str, wanted: &str| load(&path, suite, wanted).expect_err("refused").to_string();
    assert!(refused("bookworm", "asked").ends_with("is for suite \"trixie\", but \"bookworm\" is to be built"));
    assert!(refused("trixie", "other").ends_with("build once without --lock and --offline to renew it"));
}

#[test]
fn apt_is_told_of_no_folder_but_ours() {
    let text = options(Path::new("/c/apt/trixie"));
    for line in text
        .lines()
        .filter(|line| line.starts_with("Dir::") && line.contains('/'))
    {
        assert!(line.contains("\"/c/apt/trixie/"), "{line}");
    }
}

#[test]
fn the_release_that_the_host_prefers_is_not_ours() {
    let text = options(Path::new("/c/apt/trixie"));
    assert!(
        text.lines().any(|line| line == "APT::Default-Release \"\";"),
        "apt would refuse sources without the host's release: {text}"
    );
}

proptest! {
    #[test]
    fn any_output_is_answered(text in "\\PC{0,200}", file in "[a-z_%0-9.]{0,12}") {
        let _ = locked(&text, &mirrors());
        let _ = locked(&format!("'http://m.example/debian/{file}' {file} 1 SHA256:{text}"), &mirrors());
        let _ = parse_date(&text);
    }
}
