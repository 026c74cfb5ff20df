use super::*;

const PIN: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn known() -> KnownNodes {
    let text = format!("[nodes.n]\nfingerprint = '{PIN}'\ncert = '/c'\nkey = '/k'\ntoken_file = '/t'\n");
    KnownNodes::parse(&text).expect("valid")
}

fn args(node: Option<&str>) -> ConnectionArgs {
    ConnectionArgs {
        node: node.map(|host| host.parse().expect("host")),
        ..Default::default()
    }
}

fn environment(node: Option<&str>, socket: Option<&str>, token: Option<&str>) -> Environment {
    Environment {
        node: node.map(Into::into),
        socket: socket.map(Into::into),
        token: token.map(Into::into),
        user: None,
    }
}

fn resolve(args: &ConnectionArgs, environment: Environment) -> Result<Meant, Failure> {
    args.resolve(|| Ok(known()), environment)
}

fn remote(meant: Result<Meant, Failure>) -> (String, Trust, Option<(PathBuf, PathBuf)>, Option<Secret>) {
    match meant.expect("meant") {
        Meant::Remote {
            remote,
            trust,
            identity,
            secret,
        } => (remote.host, trust, identity, secret),
        local => panic!("{local:?}"),
    }
}

#[test]
fn the_place_is_flag_before_environment_before_this_machine() {
    let local = |path: &str| Meant::Local(path.into());
    let with_socket = ConnectionArgs {
        socket: Some("/flag".into()),
        ..Default::default()
    };
    assert_eq!(
        resolve(&args(None), environment(None, None, None)).expect("local"),
        local("/run/corbel/api.sock")
    );
    assert_eq!(
        resolve(&args(None), environment(Some("n"), Some("/env"), None)).expect("local"),
        local("/env")
    );
    assert_eq!(
        resolve(&with_socket, environment(Some("n"), Some("/env"), None)).expect("local"),
        local("/flag")
    );
    assert_eq!(
        remote(resolve(&args(Some("n")), environment(None, Some("/env"), None))).0,
        "n"
    );
    assert_eq!(remote(resolve(&args(None), environment(Some("n"), None, None))).0, "n");
    let failure = resolve(&args(None), environment(Some("a b"), None, None)).expect_err("no host");
    assert_eq!(failure.exit, Exit::Usage);
    assert!(
        failure.message().expect("words").starts_with("CORBEL_NODE: "),
        "{failure:?}"
    );
}

#[test]
fn this_machine_needs_no_file_of_nodes() {
    let broken = || Err(Failure::say(Exit::Failed, "no home folder"));
    assert!(args(None).resolve(broken, Environment::default()).is_ok());
}

#[test]
fn what_is_known_of_a_node_fills_the_gaps() {
    let (_, trust, identity, secret) = remote(resolve(&args(Some("n")), Environment::default()));
    assert_eq!(trust, Trust::Pinned(PIN.parse().expect("pin")));
    assert_eq!(identity, Some(("/c".into(), "/k".into())));
    assert_eq!(secret, Some(Secret::TokenFile("/t".into())));

    let other = Fingerprint::of_der(b"other");
    let given = ConnectionArgs {
        fingerprint: Some(other),
        cert: Some("/c2".into()),
        key: Some("/k2".into()),
        password_file: Some("/p".into()),
        ..args(Some("n"))
    };
    let (_, trust, identity, secret) = remote(resolve(&given, environment(None, None, Some("t"))));
    assert_eq!(trust, Trust::Pinned(other));
    assert_eq!(identity, Some(("/c2".into(), "/k2".into())));
    let (user, file) = ("admin".into(), "/p".into());
    assert_eq!(secret, Some(Secret::PasswordFile { user, file }));

    // Who says whose password it is wants to be asked for it, also beside a variable.
    let given = ConnectionArgs {
        user: Some("ada".into()),
        ..args(Some("n"))
    };
    let said = Environment {
        user: Some("bob".into()),
        ..environment(None, None, Some("t"))
    };
    let (_, _, _, secret) = remote(resolve(&given, said));
    assert_eq!(secret, Some(Secret::AskPassword { user: "ada".into() }));

    let (_, _, _, secret) = remote(resolve(&args(Some("n")), environment(None, None, Some("t"))));
    assert_eq!(secret, Some(Secret::Token("t".into())));
}

#[test]
fn a_node_without_a_pin_is_refused_with_the_command_that_helps() {
    let failure = resolve(&args(Some("new:9000")), Environment::default()).expect_err("not trusted");
    assert_eq!(failure.exit, Exit::Unreachable);
    assert_eq!(failure.message().as_deref(), Some("new:9000 is not trusted yet"));
    assert_eq!(failure.advice(), Some("run: corbel node trust new:9000"));
}

#[test]
fn halves_are_refused() {
    let both = ConnectionArgs {
        fingerprint: Some(Fingerprint::of_der(b"")),
        ca: Some("/a".into()),
        ..args(Some("n"))
    };
    let half = ConnectionArgs {
        fingerprint: Some(Fingerprint::of_der(b"")),
        cert: Some("/c".into()),
        ..args(Some("other"))
    };
    for args in [both, half] {
        assert_eq!(
            resolve(&args, Environment::default()).expect_err("refused").exit,
            Exit::Usage
        );
    }
}
