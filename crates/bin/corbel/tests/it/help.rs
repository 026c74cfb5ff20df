//! The help, the man pages and the completions.

use insta::assert_snapshot;

use crate::program;

fn corbel(line: &str) -> program::Ran {
    let home = tempfile::tempdir().expect("a temporary folder");
    program::run(program::command(home.path()).args(line.split_whitespace()))
}

#[test]
fn help_is_whole() {
    assert_snapshot!("help", corbel("--help").expect(0));
    assert_snapshot!("help-vm", corbel("vm -h").expect(0));
    assert_snapshot!("help-vm-create", corbel("vm create --help").expect(0));
    assert_snapshot!("help-node-trust", corbel("node trust --help").expect(0));
}

#[test]
fn pages_are_written_for_every_command() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let ran = corbel(&format!("man --dir {}/man1", folder.path().display())).expect(0);
    assert!(ran.out.is_empty(), "{ran}");
    let page = |name: &str| std::fs::read_to_string(folder.path().join("man1").join(name)).expect(name);
    assert!(page("corbel.1").contains("EXIT STATUS"));
    assert!(page("corbel-vm-console.1").contains("until"));
    assert!(
        !folder.path().join("man1/corbel-settle.1").exists(),
        "hidden commands have no page"
    );
    assert_eq!(corbel("man").expect(0).out, page("corbel.1"));
}

#[test]
fn completions_are_for_three_shells() {
    for (shell, sign) in [
        ("bash", "complete -F"),
        ("zsh", "#compdef corbel"),
        ("fish", "complete -c corbel"),
    ] {
        let script = corbel(&format!("completions {shell}")).expect(0).out;
        assert!(script.contains(sign) && script.contains("force-off"), "{shell}");
        assert!(!script.is_empty());
    }
    corbel("completions tcsh").expect(2);
}
