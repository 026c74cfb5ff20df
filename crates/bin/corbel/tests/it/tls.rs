//! From afar: who the node is, and who is asking.

use std::os::unix::fs::PermissionsExt;

use corbel_client::Fingerprint;
use insta::assert_snapshot;

use crate::node::Node;
use crate::program::{self, Ran, run};

/// SHA-256 of `secret`.
const TOKEN: &str = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";

fn with_token(node: &Node, role: &str) {
    node.file(
        "access.toml",
        &format!("[[token]]\nname = 'ci'\nsha256 = '{TOKEN}'\nrole = '{role}'\n"),
    );
}

fn remote(node: &Node, line: &str) -> Ran {
    let args: Vec<_> = line.split_whitespace().collect();
    node.tidy(run(node.remote(&args).env("CORBEL_TOKEN", "secret")))
}

#[test]
fn a_node_is_trusted_once_and_then_known() {
    let node = Node::start();
    with_token(&node, "viewer");
    let host = node.address.to_string();
    let mut told = String::new();
    for line in [
        "vm list".to_owned(),
        format!("node trust {host}"),
        format!("node trust {host} --yes"),
        format!("node trust {host}"),
        "vm list".to_owned(),
    ] {
        let ran = remote(&node, &line);
        told.push_str(&format!(
            "$ corbel {}\n{ran}\n\n",
            line.replace(&host, "127.0.0.1:[PORT]")
        ));
    }
    assert_snapshot!(told);
    let file = node.path(".config/corbel/nodes.toml");
    assert_eq!(
        std::fs::metadata(&file).expect("written").permissions().mode() & 0o777,
        0o600
    );
}

#[test]
fn another_certificate_is_refused() {
    let node = Node::start();
    with_token(&node, "viewer");
    let host = node.address.to_string();
    let wrong = Fingerprint::of_der(b"another").to_string();
    let known = format!("[nodes.'{host}']\nfingerprint = '{wrong}'\ntoken_file = '/t'\n");
    let file = node.file(".config/corbel/nodes.toml", &known);
    let mut told = String::new();
    for line in [
        "vm list".to_owned(),
        format!("node trust {host} --yes"),
        format!("node trust {host} --fingerprint {wrong}"),
        format!("node trust {host} --fingerprint {} --replace", node.fingerprint),
    ] {
        let ran = remote(&node, &line);
        let line = line
            .replace(&host, "127.0.0.1:[PORT]")
            .replace(&node.fingerprint, "[FINGERPRINT]");
        told.push_str(&format!("$ corbel {line}\n{ran}\n\n"));
    }
    assert_snapshot!(told);
    let text = std::fs::read_to_string(file).expect("kept");
    assert!(
        text.contains(&node.fingerprint) && text.contains("token_file"),
        "{text}"
    );
    remote(&node, "vm list").expect(0);
}

#[test]
fn who_is_asking_decides() {
    let node = Node::start();
    let pin = ["--fingerprint", &node.fingerprint];
    let anonymous = node.tidy(run(node.remote(&["vm", "list"]).args(pin))).expect(5);
    assert_snapshot!(anonymous);

    with_token(&node, "viewer");
    let token = node.file("token", "secret\n").display().to_string();
    let viewer = |args: &[&str]| run(node.remote(args).args(pin).args(["--token-file", &token]));
    viewer(&["vm", "list"]).expect(0);
    let refused = viewer(&["vm", "force-off", "web"]).expect(5);
    assert!(refused.err.contains("viewer"), "{refused}");
    run(node.remote(&["vm", "list"]).args(pin).env("CORBEL_TOKEN", "wrong")).expect(5);
    let password = node.file("password", "guess").display().to_string();
    run(node
        .remote(&["vm", "list"])
        .args(pin)
        .args(["--password-file", &password]))
    .expect(5);
}

#[test]
fn a_client_certificate_opens_the_node() {
    let node = Node::start();
    let made = rcgen::generate_simple_self_signed(["laptop".to_owned()]).expect("a certificate");
    let cert = node.file("client.pem", &made.cert.pem()).display().to_string();
    let key = node
        .file("client.key", &made.signing_key.serialize_pem())
        .display()
        .to_string();
    let identity = ["--cert", &cert, "--key", &key, "--fingerprint", &node.fingerprint];
    let unknown = run(node.remote(&["vm", "list"]).args(identity)).expect(5);
    assert!(unknown.err.contains("is not known to this node"), "{unknown}");

    let fingerprint = Fingerprint::of_der(made.cert.der());
    node.file(
        "access.toml",
        &format!("[[client]]\nname = 'laptop'\nfingerprint = '{fingerprint}'\nrole = 'admin'\n"),
    );
    run(node.remote(&["vm", "force-off", "web"]).args(identity)).expect(0);
    let mut console = node.remote(&["vm", "console", "db", "--until", "login:", "--timeout", "20"]);
    run(console.args(identity)).expect(0);

    let half = run(node
        .remote(&["vm", "list", "--cert", &cert])
        .args(["--fingerprint", &node.fingerprint]));
    assert_eq!(half.status, 2, "{half}");
    let swapped = ["--cert", &key, "--key", &cert, "--fingerprint", &node.fingerprint];
    let swapped = run(node.remote(&["vm", "list"]).args(swapped)).expect(1);
    assert!(swapped.err.contains("client certificate is not usable"), "{swapped}");
}

#[test]
fn an_authority_vouches_for_the_name() {
    let node = Node::start();
    with_token(&node, "viewer");
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let ca = node.file("ca.pem", &other.cert.pem()).display().to_string();
    let ran = node.tidy(run(node
        .remote(&["vm", "list", "--ca", &ca])
        .env("CORBEL_TOKEN", "secret")));
    assert_eq!(ran.status, 6, "{ran}");
    assert!(ran.err.contains("did not agree on a secure connection"), "{ran}");
}

#[test]
fn a_server_without_tls_is_said_so() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("bound");
    let host = listener.local_addr().expect("bound").to_string();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("it connects");
        let _ = std::io::Write::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    let ran = run(program::command(home.path()).args(["node", "trust", &host, "--yes"])).expect(6);
    server.join().expect("served");
    assert!(ran.err.contains("did not agree on a secure connection"), "{ran}");
}
