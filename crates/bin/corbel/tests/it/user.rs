//! Named users from the command line.

use insta::assert_snapshot;

use crate::node::Node;
use crate::program::run;

#[test]
fn users_are_made_listed_changed_and_deleted() {
    let node = Node::installed();
    let password = node.file("password", "plum-Tr3e!\n");
    let weak = node.file("weak", "Password1!\n");
    let mut told = String::new();
    for line in [
        "user list",
        "user add ada --role operator --password-from password --dry-run",
        "user add ada --role operator --password-from password",
        "user add ada --role viewer",
        "user add bob --role viewer --password-from weak",
        "user list",
        "user list --json",
        "user set ada --role viewer",
        "user set ada",
        "user set eve --role viewer",
        "user set ada --role king",
        "user add admin --role viewer",
        "user add carl --role viewer",
        "user delete eve",
        "user delete ada",
        "user list",
        "config get users",
    ] {
        let given = line
            .replace("from password", &format!("from {}", password.display()))
            .replace("from weak", &format!("from {}", weak.display()));
        told.push_str(&format!("$ corbel {line}\n{}\n\n", node.corbel(&given)));
    }
    assert!(!told.contains("plum") && !told.contains("$6$"), "{told}");
    assert_snapshot!(told);
}

#[test]
fn a_token_is_told_once_and_its_hash_is_kept() {
    let node = Node::installed();
    let made = node.corbel("user add ci --role operator --make-token").expect(0);
    let token = made.out.trim();
    assert!(
        token.len() == 64 && token.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "{token}"
    );
    let document = node.corbel("config get").expect(0).out;
    assert!(
        document.contains("token_sha256 = ") && !document.contains(token),
        "{document}"
    );

    let again = node.corbel("user set ci --make-token --json").expect(0).json();
    assert!(
        again["token"]
            .as_str()
            .is_some_and(|new| new.len() == 64 && new != token)
    );
    let dry = node.corbel("user set ci --make-token --dry-run").expect(0);
    assert!(dry.out.lines().all(|line| line.len() < 64), "{}", dry.out);

    let certificate = rcgen::generate_simple_self_signed(["ada".to_owned()]).expect("made");
    let file = node.file("ada.pem", &certificate.cert.pem());
    node.corbel(&format!("user set ci --certificate {}", file.display()))
        .expect(0);
    let listed = node.corbel("user list").expect(0);
    assert!(listed.out.contains("certificate, token"), "{}", listed.out);
}

#[test]
fn the_user_whose_password_is_given_is_said_by_flag_or_environment() {
    // The first of the examples in Drepper's specification: `Hello world!`.
    const HASH: &str =
        "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1";
    let node = Node::installed();
    let entry = format!("[[user]]\nname = \"ada\"\nrole = \"viewer\"\npassword_hash = \"{HASH}\"\n");
    node.file("access.toml", &entry);
    let password = node.file("password", "Hello world!\n").display().to_string();
    let pin = ["--fingerprint", &node.fingerprint, "--password-file", &password];
    run(node.remote(&["vm", "list", "--user", "ada"]).args(pin)).expect(0);
    run(node.remote(&["vm", "list"]).args(pin).env("CORBEL_USER", "ada")).expect(0);
    run(node.remote(&["vm", "start", "db", "--user", "ada"]).args(pin)).expect(5);
    run(node.remote(&["vm", "list"]).args(pin)).expect(5);
}
