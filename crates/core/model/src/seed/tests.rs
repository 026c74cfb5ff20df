use super::*;
use proptest::prelude::*;

fn refused(text: &str) -> String {
    parse(text).expect_err(text).to_string()
}

#[test]
fn a_whole_document_is_read() {
    let seed = parse(include_str!("example.toml")).expect("the example");
    assert_eq!(seed.hostname.expect("given").as_str(), "node1.example.org");
    assert_eq!(
        (
            seed.network.interfaces.len(),
            seed.network.bonds.len(),
            seed.network.vlans.len()
        ),
        (3, 1, 1)
    );
    assert_eq!((seed.clients.len(), seed.tokens.len(), seed.ssh_keys.len()), (1, 1, 1));
    assert!(
        seed.network.interfaces[2].addressing.dhcp4,
        "nothing said means automatic"
    );
    assert!(
        !seed.network.interfaces[0].addressing.dhcp4,
        "an address said means nothing else"
    );
    assert!(seed.admin_password.is_some());
}

#[test]
fn a_mistake_has_its_line_and_its_key() {
    assert_eq!(
        refused("version = 1\nhostname = \"a_b\"\n"),
        "line 2, column 12 (hostname): host name \"a_b\" has '_' at position 2: labels of letters, digits and inner '-', 1 to 63 \
         characters each, joined by '.'"
    );
    let unknown = refused("version = 1\n\n[admin]\npasword_hash = \"x\"\n");
    assert!(
        unknown.starts_with("line 4, column 1 (admin.pasword_hash): unknown field `pasword_hash`"),
        "{unknown}"
    );
    assert!(unknown.ends_with("; did you mean `password_hash`?"), "{unknown}");
    let strange = refused("version = 1\n[ssh]\nzzzzzz = 1\n");
    assert_eq!(
        strange,
        "line 3, column 1 (ssh.zzzzzz): unknown field `zzzzzz`, expected `port` or `idle_timeout`"
    );
    let array = refused(
        "version = 1\n[[network.interface]]\nmatch = \"eno1\"\naddresses = [\n  \"192.0.2.1/24\",\n  \"192.0.2.2\",\n]\n",
    );
    assert!(
        array.starts_with("line 6, column 3 (network.interface.addresses): \"192.0.2.2\" is not an address"),
        "{array}"
    );
    let mtu = refused("version = 1\n[[network.interface]]\nmatch = \"eno1\"\nmtu = 10\n");
    assert!(
        mtu.starts_with("line 4, column 7 (network.interface.mtu): \"10\" is not an MTU"),
        "{mtu}"
    );
    assert!(refused("version = 1\nhostname = \n").starts_with("line 2, column "));
    assert!(refused("version = 1\n[[network.vlan]]\nid = 0\nparent = \"eno1\"\n").contains("not a VLAN number"));
    assert!(
        refused("version = 1\n[[network.bond]]\nname = \"bond0\"\nmembers = [\"a\"]\noptions = { mode = 9 }\n")
            .contains("bond mode")
    );
}

#[test]
fn keys_that_came_later_are_read() {
    let text = "version = 1\ntimezone = \"Europe/Berlin\"\n[ssh]\nport = 2222\n[[network.bridge]]\nname = \"br1\"\nports = [\"bond0.42\"]\n\
                [[network.interface]]\nmatch = \"eno1\"\nroutes = [{ to = \"10.0.0.0/8\", via = \"192.0.2.1\", metric = 5 }]\n";
    let seed = parse(text).expect("a document");
    assert_eq!(seed.ssh_port.map(crate::SshPort::number), Some(2222));
    assert_eq!(seed.network.bridges[0].ports.len(), 1);
    assert_eq!(seed.network.interfaces[0].addressing.routes[0].metric, Some(5));
    assert!(
        seed.network.interfaces[0].addressing.dhcp4,
        "a route says nothing of addresses"
    );
    assert!(refused("version = 1\n[ssh]\nport = 80\n").contains("not a port for SSH"));
    assert!(
        refused("version = 1\n[[network.interface]]\nmatch = \"eno1\"\nroutes = [{ to = \"10.0.0.1/8\" }]\n")
            .contains("not a network")
    );
}

#[test]
fn what_does_not_fit_together_is_refused() {
    let beside = |table: &str, lines: &str| refused(&format!("version = 1\n[{table}]\n{lines}"));
    let remote = |lines: &str| beside("[logging.remote]", &format!("server = \"logs\"\n{lines}"));
    for (said, problem) in [
        (
            remote("port = 0\n"),
            "line 4, column 8 (logging.remote.port): 0 is not a port: give 1 to 65535",
        ),
        (
            remote("protocol = \"relp\"\n"),
            "not a protocol of syslog: write udp, tcp or tls",
        ),
        (remote("protocol = \"tls\"\n"), "needs ca, the certificates"),
        (remote("priority = \"bad\"\n"), "not a priority: write emerg"),
        (remote("protocol = \"tls\"\nca = \"x\"\n"), "holds no certificate"),
        (
            beside("logging.journal", "max_size = \"1 MiB\"\n"),
            "no size for the journal: give 16 MiB to 16 GiB",
        ),
        (
            beside("logging.journal", "max_age = \"1 minute\"\n"),
            "out of range: give 1 hour to 3650 days",
        ),
        (
            beside("monitoring.collectd", "port = 1\n"),
            "port, security and user have a meaning beside server alone",
        ),
        (
            beside("monitoring.collectd", "server = \"a\"\nsecurity = \"sign\"\n"),
            "security needs user",
        ),
        (
            beside("monitoring.collectd", "interval = \"2 hours\"\n"),
            "out of range: give 1 second to 1 hour",
        ),
        (
            beside("firewall.api", "sources = [\"192.0.2.1/24\"]\n"),
            "neither an address nor a network",
        ),
        (
            beside("firewall.vnc", "sources = []\n"),
            "unknown field `vnc`, expected `ssh` or `api`",
        ),
        (
            beside("ssh", "idle_timeout = \"5 seconds\"\n"),
            "out of range: give 1 minute to 1 week",
        ),
    ] {
        assert!(said.contains(problem), "{said}");
        assert!(!said.contains('\n') && said.len() < 300, "one sentence: {said}");
    }
}

#[test]
fn another_version_is_told_from_a_broken_document() {
    assert!(is_of_another_version("version = 2\nsomething = 'new'\n"));
    assert!(
        !is_of_another_version("version = 1\n")
            && !is_of_another_version("versoin = 2\n[[")
            && !is_of_another_version("")
    );
}

#[test]
fn the_version_comes_first() {
    assert_eq!(
        refused(""),
        "line 1, column 1 (version): is missing: begin the document with version = 1"
    );
    assert_eq!(
        refused("version = 2\nnew_key = 1"),
        "line 1, column 1 (version): 2 is not known to this image: it reads version = 1"
    );
}

#[test]
fn a_client_needs_a_certificate_or_a_fingerprint() {
    let text = "version = 1\n[[api.client]]\nname = \"ops\"\n";
    assert!(
        refused(text).contains("certificate or fingerprint"),
        "{}",
        refused(text)
    );
}

proptest! {
    #[test]
    fn no_document_panics(text in "(\\PC|\n){0,200}") {
        let _ = parse(&format!("version = 1\n{text}"));
        let _ = parse(&text);
    }
    #[test]
    fn a_refused_hash_is_not_repeated(secret in "[A-Z]{12}", number: bool) {
        let quoted = if number { format!("[\"{secret}\"]") } else { format!("\"{secret}\"") };
        let error = parse(&format!("version = 1\n[admin]\npassword_hash = {quoted}\n")).expect_err("no hash");
        prop_assert!(!format!("{error:?} {error}").contains(&secret), "{error}");
    }
    #[test]
    fn a_refused_password_is_not_repeated(secret in 100_000_000_u32.., way in 0..4) {
        let text = match way {
            0 => format!("[monitoring.collectd]\npassword = {secret}\n"),
            1 => format!("[monitoring.collectd]\npassword = [{secret}]\n"),
            2 => format!("monitoring = {{ collectd = {{ password = {secret} }} }}\n"),
            _ => format!("[monitoring.collectd]\nserver = \"a\"\npassword = \"{secret} \"\n"),
        };
        let error = parse(&format!("version = 1\n{text}")).expect_err("no password");
        prop_assert!(!format!("{error:?} {error}").contains(&secret.to_string()), "{error}");
    }
}
