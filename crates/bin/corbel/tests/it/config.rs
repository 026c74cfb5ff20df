//! The configuration from the command line.

use insta::assert_snapshot;

use crate::node::Node;
use crate::program::run_with_input;

const OTHER: &str =
    "version = 1\nhostname = \"sim\"\n\n[[network.interface]]\nmatch = \"eno2\"\naddresses = [\"192.0.2.9/24\"]\n";

#[test]
fn one_value_is_looked_at_set_and_taken_back() {
    let node = Node::installed();
    let mut told = String::new();
    for line in [
        "config get",
        "config get hostname",
        "config get ntp",
        "config set hostname b --dry-run",
        "config set hostname b --comment moved",
        "config set ssh.port 80",
        "config set hostnam c",
        "config unset timezone",
        "config diff --generation 1",
        "config rollback",
        "config get hostname",
        "config get hostname --generation 2",
        "config rollback 99",
    ] {
        told.push_str(&format!("$ corbel {line}\n{}\n\n", node.corbel(line)));
    }
    assert_snapshot!(told);
}

#[test]
fn a_change_of_the_network_is_confirmed_or_taken_back() {
    let node = Node::installed();
    let file = node.file("other.toml", OTHER);
    let apply = |more: &str| node.corbel(&format!("config apply {} {more}", file.display()));
    let dry = apply("--dry-run").expect(0);
    assert!(dry.out.ends_with("this change waits to be confirmed\n"), "{}", dry.out);
    let applied = apply("").expect(0);
    assert!(
        applied.err.contains("unless you run: corbel config confirm"),
        "{}",
        applied.err
    );
    assert!(
        node.corbel("config get")
            .expect(0)
            .err
            .contains("waits to be confirmed")
    );
    apply("").expect(4);
    node.corbel("config undo").expect(0);
    assert_snapshot!(node.corbel("config undo"), @r"
    2> error: no change waits to be confirmed
    status 4
    ");
    let applied = apply("--confirm").expect(0);
    assert!(
        applied.err.contains("the node answers; kept as generation 2"),
        "{}",
        applied.err
    );
    assert_eq!(
        node.corbel("config get network.interface[eno2].addresses")
            .expect(0)
            .out,
        "[\"192.0.2.9/24\"]\n"
    );
    apply("--base 1").expect(4);
    let kept = node
        .corbel("config set network.interface[eno2].mtu 9000 --confirm-seconds 0 --json")
        .expect(0)
        .json();
    assert_eq!(
        (&kept["generation"], &kept["pending"]),
        (&3.into(), &serde_json::Value::Null)
    );
    let history = node.corbel("config history --json").expect(0).json();
    assert_eq!(history["entries"].as_array().map(Vec::len), Some(3));
    let shown = node.corbel("config history").expect(0).out;
    assert!(shown.starts_with("GENERATION"), "{shown}");
}

#[test]
fn a_file_is_checked_without_a_node() {
    let node = Node::start();
    let good = node.file("good.toml", OTHER);
    node.corbel(&format!("config validate {}", good.display())).expect(0);
    let typo = node.file("typo.toml", "version = 1\n[network]\ninterfaces = []\n");
    assert_snapshot!(node.corbel(&format!("config validate {}", typo.display())));
    let circle = node.file(
        "circle.toml",
        "version = 1\n[[network.bridge]]\nname = 'br0'\nports = ['br0.7']\n[[network.vlan]]\nid = 7\nparent = 'br0'\n",
    );
    assert_snapshot!(node.corbel(&format!("config validate {}", circle.display())));
    assert_snapshot!(node.corbel(&format!("config apply {}", good.display())));
    let input = run_with_input(&mut node.command(&["config", "validate", "-"]), OTHER.as_bytes());
    input.expect(0);
}

#[test]
fn an_editor_changes_the_document() {
    let node = Node::installed();
    let edit = |editor: &str| {
        let mut command = node.command(&["config", "edit"]);
        command.env("EDITOR", editor).env_remove("VISUAL");
        node.tidy(crate::program::run(&mut command))
    };
    assert_snapshot!(edit("true"));
    assert_snapshot!(edit("false"));
    assert_snapshot!(edit("sed -i s/sim/edited/"));
    assert_eq!(node.corbel("config get hostname").expect(0).out, "\"edited\"\n");
    let broken = edit("sed -i s/hostname/hostnam/").expect(4);
    assert!(
        broken.err.contains("did you mean `hostname`?") && broken.err.contains("is kept in "),
        "{}",
        broken.err
    );
    let kept = broken
        .err
        .split("is kept in ")
        .nth(1)
        .and_then(|rest| rest.split(':').next())
        .expect("a path");
    std::fs::remove_file(kept).expect("it is there");
}

#[test]
fn a_secret_comes_by_standard_input_and_is_not_shown() {
    const HASH: &str = "$6$saltsalt$1qXgV2tY7Kk0n3oFjQ9m4bWcR8eZ5xLpD6sHvTuN2aMiEyGfC";
    let node = Node::installed();
    run_with_input(
        &mut node.command(&["config", "set", "admin.password_hash", "-"]),
        HASH.as_bytes(),
    )
    .expect(0);
    let shown = node.corbel("config get --json").expect(0);
    assert!(
        !shown.out.contains("saltsalt") && shown.json()["password_set"] == true,
        "{}",
        shown.out
    );
    node.corbel("config get admin.password_hash").expect(3);
}

#[test]
fn a_password_is_taken_from_a_file_and_a_weak_one_is_told() {
    let node = Node::installed();
    for (password, said) in [
        ("Password1!", "tried first"),
        ("short", "fewer than 8"),
        ("plum-Tr3e!", ""),
    ] {
        let file = node.file("password", &format!("{password}\n"));
        let set = node
            .corbel(&format!("config password --file {}", file.display()))
            .expect(0);
        let told = format!("{} {}", set.out, set.err);
        assert_eq!(told.contains("admin_password: Weak"), !said.is_empty(), "{told}");
        assert!(told.contains(said) && !told.contains(password), "{told}");
    }
    let asked = node.corbel("config password").expect(2);
    assert!(asked.err.contains("--file FILE"), "{}", asked.err);
}

#[test]
fn a_server_of_figures_and_one_of_logs_are_set_value_by_value() {
    let node = Node::installed();
    let set = |path: &str, value: &str| {
        let mut command = node.command(&["config", "set", path, "-"]);
        run_with_input(&mut command, value.as_bytes())
    };
    for (path, value) in [
        ("monitoring.collectd.server", "figures.example.org"),
        ("monitoring.collectd.user", "node1"),
        // It looks like a number and is none.
        ("monitoring.collectd.password", "12345678"),
        ("monitoring.collectd.security", "encrypt"),
        ("logging.remote[192.0.2.14].certificate_name", "logs.example.org"),
        ("logging.remote[192.0.2.14].ca", &certificate()),
        ("logging.remote[192.0.2.14].protocol", "tls"),
    ] {
        set(path, value).expect(0);
    }
    let shown = node.corbel("config get").expect(0);
    assert!(
        !format!("{} {}", shown.out, shown.err).contains("12345678"),
        "{}",
        shown.out
    );
    node.corbel("config get monitoring.collectd.password").expect(3);
    assert_eq!(
        node.corbel("config get logging.remote[192.0.2.14].protocol")
            .expect(0)
            .out
            .trim(),
        "\"tls\""
    );
    assert!(shown.out.contains("security = \"encrypt\""), "{}", shown.out);
    let metrics = node.corbel("node metrics").expect(0);
    assert!(metrics.out.ends_with("# EOF\n"), "{}", metrics.out);
}

fn certificate() -> String {
    let body = "MIIB".to_owned() + &"A".repeat(96);
    format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n")
}

#[test]
fn a_certificate_is_brought_with_its_key_and_taken_back() {
    let node = Node::installed();
    let made = rcgen::generate_simple_self_signed(["node1.example.org".to_owned()]).expect("made");
    let other = rcgen::generate_simple_self_signed(["node1.example.org".to_owned()]).expect("made");
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        corbel_sys::write_atomic(&path, text.as_bytes(), 0o600).expect("written");
        path.display().to_string()
    };
    let certificate = file("node.pem", &made.cert.pem());
    let key = file("node.key", &made.signing_key.serialize_pem());
    let foreign = file("other.key", &other.signing_key.serialize_pem());
    let told = node.corbel(&format!("config certificate {certificate}")).to_string();
    assert!(told.contains("tls.private_key: is not set"), "{told}");
    let told = node
        .corbel(&format!("config certificate {certificate} {foreign}"))
        .to_string();
    assert!(
        told.contains("tls.private_key: is not the key of the first certificate"),
        "{told}"
    );
    let told = node
        .corbel(&format!("config certificate {certificate} {key} --confirm-seconds 0"))
        .to_string();
    assert!(told.contains("show the certificate sha256:"), "{told}");
    let document = node.corbel("config get").to_string();
    assert!(
        document.contains("BEGIN CERTIFICATE") && !document.contains("PRIVATE KEY"),
        "{document}"
    );
    let told = node.corbel("config certificate --own --dry-run").to_string();
    assert!(
        told.contains("show the certificate that the node makes itself"),
        "{told}"
    );
}
