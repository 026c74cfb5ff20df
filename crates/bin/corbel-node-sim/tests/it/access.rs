//! Who may do what: the role matrix of the route table, certificates, tokens, passwords.

use base64::Engine as _;
use corbel_node_api::{Access, ROUTES, Role};

use crate::node::{ClientCertificate, PASSWORD, Sim, write};

fn basic(user: &str, password: &str) -> String {
    format!(
        "Basic {}",
        base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"))
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_role_may_do_what_the_table_says() {
    let sim = Sim::start().await;
    for route in ROUTES {
        let path = route.operation.path("no-such");
        for (role, token) in [
            (Role::Viewer, "viewer"),
            (Role::Operator, "operator"),
            (Role::Admin, "admin"),
        ] {
            let bearer = format!("Bearer {token}");
            let answer = sim
                .ask_tls(None, route.method.as_str(), &path, &[("authorization", &bearer)])
                .await;
            let may = match route.access {
                Access::Anyone => true,
                Access::AtLeast(needed) => role >= needed,
            };
            let status = answer.status.as_u16();
            assert_ne!(status, 401, "{role} {:?}", route.operation);
            assert_eq!(status != 403, may, "{role} {:?}: {:?}", route.operation, answer.body);
            if !may {
                let sentence = answer.sentence();
                assert!(sentence.contains("this needs the role"), "{sentence}");
            }
        }
        let stranger = sim.ask_tls(None, route.method.as_str(), &path, &[]).await;
        assert_eq!(
            stranger.status == 401,
            route.access != Access::Anyone,
            "{:?}",
            route.operation
        );
        let socket = sim.ask(route.method.as_str(), &path, &[], "").await;
        assert!(![401, 403].contains(&socket.status.as_u16()), "{:?}", route.operation);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_counts_once_it_is_listed_and_no_longer_than_that() {
    let sim = Sim::start().await;
    let own = ClientCertificate::make();
    let ask = async || sim.ask_tls(Some(&own), "GET", "/v1/vms", &[]).await;
    let refused = ask().await;
    assert_eq!(refused.status, 401);
    assert!(
        refused.sentence().contains(&own.fingerprint()),
        "{}",
        refused.sentence()
    );
    let entry = format!(
        "[[client]]\nname = \"me\"\nfingerprint = \"{}\"\nrole = \"viewer\"\n",
        own.fingerprint()
    );
    write(&sim.access_file(), &entry);
    assert_eq!(ask().await.status, 200);
    assert_eq!(
        sim.ask_tls(Some(&own), "POST", "/v1/vms/web/start", &[]).await.status,
        403
    );
    // Somebody else's certificate is nothing, whatever is listed.
    let other = ClientCertificate::make();
    assert_eq!(sim.ask_tls(Some(&other), "GET", "/v1/vms", &[]).await.status, 401);
    write(&sim.access_file(), "# nobody is left\n");
    assert_eq!(ask().await.status, 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_works_and_guessing_is_slowed_down() {
    let sim = Sim::start().await;
    let ask = async |user: &str, password: &str| {
        sim.ask_tls(None, "GET", "/v1/node", &[("authorization", &basic(user, password))])
            .await
    };
    for _ in 0..8 {
        assert_eq!(ask("admin", PASSWORD).await.status, 200, "right ones are not counted");
    }
    assert_eq!(ask("root", PASSWORD).await.status, 401);
    for _ in 0..4 {
        let wrong = ask("admin", "guess").await;
        assert_eq!(wrong.status, 401);
        assert!(wrong.headers.contains_key("www-authenticate"));
    }
    let locked = ask("admin", PASSWORD).await;
    assert_eq!(locked.status, 429);
    assert!(locked.sentence().contains("wait 30 seconds"));
    // Tokens cannot be guessed, so they go on.
    assert_eq!(
        sim.ask_tls(None, "GET", "/v1/node", &[("authorization", "Bearer viewer")])
            .await
            .status,
        200
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_named_user_has_its_role_until_it_is_taken_out() {
    // The first of the examples in Drepper's specification: `Hello world!`.
    const HASH: &str =
        "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1";
    let sim = Sim::start().await;
    let ask = async |user: &str, password: &str, method: &str, path: &str| {
        let header = basic(user, password);
        let answer = sim.ask_tls(None, method, path, &[("authorization", &header)]).await;
        answer.status.as_u16()
    };
    let list = |role: &str| {
        let entry = format!("[[user]]\nname = \"ada\"\nrole = \"{role}\"\npassword_hash = \"{HASH}\"\n");
        write(&sim.access_file(), &entry);
    };
    let password = "Hello world!";
    for (role, starts, configures) in [
        ("viewer", false, false),
        ("operator", true, false),
        ("admin", true, true),
    ] {
        list(role);
        assert_eq!(ask("ada", password, "GET", "/v1/vms").await, 200, "{role}");
        let started = ask("ada", password, "POST", "/v1/vms/no-such/start").await;
        assert_eq!(started != 403, starts, "{role}: {started}");
        let configured = ask("ada", password, "PUT", "/v1/config").await;
        assert_eq!(configured != 403, configures, "{role}: {configured}");
    }
    assert_eq!(ask("admin", PASSWORD, "GET", "/v1/vms").await, 200, "admin is built in");
    for (user, guess) in [("ada", "Hello world"), ("bob", password), ("ada", "")] {
        assert_eq!(ask(user, guess, "GET", "/v1/vms").await, 401, "{user}");
    }
    write(&sim.access_file(), "# nobody is left\n");
    assert_eq!(ask("ada", password, "GET", "/v1/vms").await, 401);
    // The guesses at names that nobody has count as those at others.
    assert_eq!(ask("bob", password, "GET", "/v1/vms").await, 401);
    assert_eq!(ask("ada", password, "GET", "/v1/vms").await, 429);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_web_page_may_not_use_the_browsers_credentials() {
    let sim = Sim::start().await;
    let ours = [("authorization", "Bearer admin"), ("origin", "https://localhost")];
    assert_eq!(sim.ask_tls(None, "GET", "/v1/vms", &ours).await.status, 200);
    let foreign = [("authorization", "Bearer admin"), ("origin", "https://evil.example")];
    assert_eq!(
        sim.ask_tls(None, "POST", "/v1/vms/web/force-off", &foreign)
            .await
            .status,
        403
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_credentials_get_a_sentence() {
    let sim = Sim::start().await;
    for bad in [
        "",
        "Bearer",
        "Bearer nobody",
        "Basic",
        "Basic !!!!",
        "Digest a=b",
        "Basic YQ==",
        "\u{e4}",
    ] {
        let answer = sim.ask_tls(None, "GET", "/v1/vms", &[("authorization", bad)]).await;
        assert_eq!(answer.status, 401, "{bad:?}");
        answer.sentence();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_owners_certificate_is_shown_without_a_restart() {
    let sim = Sim::start().await;
    let shown = async || {
        let node = sim.get("/v1/node").await.json();
        node["certificate_fingerprint"]
            .as_str()
            .expect("a fingerprint")
            .to_owned()
    };
    assert_eq!(shown().await, sim.fingerprint);
    let owners = ClientCertificate::make();
    write(&sim.tls_file(), &owners.pem());
    assert_eq!(shown().await, owners.fingerprint());
    assert_eq!(sim.shown_fingerprint().await, owners.fingerprint());
    write(&sim.tls_file(), "nothing");
    assert_eq!(sim.shown_fingerprint().await, owners.fingerprint());
    std::fs::remove_file(sim.tls_file()).unwrap();
    assert_eq!(sim.shown_fingerprint().await, sim.fingerprint);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_was_shown_another_certificate_ends() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let sim = Sim::start().await;
    let mut stream = sim.connect_tls(None).await.unwrap();
    let mut buffer = vec![0; 1 << 16];
    let limit = std::time::Duration::from_secs(5);
    for _ in 0..2 {
        stream
            .write_all(b"GET /v1/health HTTP/1.1\r\nHost: node\r\n\r\n")
            .await
            .unwrap();
        let length = tokio::time::timeout(limit, stream.read(&mut buffer))
            .await
            .unwrap()
            .unwrap();
        assert!(buffer[..length].starts_with(b"HTTP/1.1 200"), "it stays open");
    }
    write(&sim.tls_file(), &ClientCertificate::make().pem());
    sim.shown_fingerprint().await;
    let end = tokio::time::timeout(limit, stream.read(&mut buffer))
        .await
        .expect("it ends");
    assert!(matches!(end, Ok(0) | Err(_)), "{end:?}");
}
