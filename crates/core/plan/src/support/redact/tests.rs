//! Every place that a secret is known to stand in, and what must stay.

use proptest::prelude::*;

use super::*;

const CANARY: &str = "Canary7Bird";

/// Texts with the canary in them, as they stand in files, logs and answers.
fn places(canary: &str) -> Vec<String> {
    let key = format!("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA{canary}\n-----END OPENSSH PRIVATE KEY-----");
    vec![
        format!("admin:$6$salt${canary}:20000:0:99999:7:::"),
        format!("admin:$y$j9T$salt${canary}:20000"),
        format!("quiet adminpw=$6$rounds=5000$salt${canary} ip=dhcp"),
        format!("set words=\"adminpw=\\$6\\$salt\\${canary}\""),
        format!("password_hash = \"$2b$12${canary}{canary}\""),
        format!("BOOT_IMAGE=/x rootpw={canary} quiet"),
        format!("chap_password = \"{canary}\""),
        format!("  Password \"{canary}\""),
        format!("node.session.auth.password = {canary}"),
        format!("{{\"name\": \"x\", \"password\": \"{canary}\", \"b\": 1}}"),
        format!("{{\\\"password\\\":\\\"{canary}\\\"}}"),
        format!("password: Some(\"{canary}\"),"),
        format!("fetching https://user:{canary}@host.example/x.iso failed"),
        format!("fetching https://{canary}@host.example/x.iso failed"),
        format!("fetching http://user:a/{canary}@host/x"),
        format!("PUT https://host/x?X-Amz-Signature={canary}&a=b"),
        format!("GET https://host/x?token={canary}&a=b"),
        format!("Authorization: Basic {canary}=="),
        format!("> authorization: Bearer {canary}"),
        format!("curl -H 'Bearer {canary}'"),
        format!("<graphics type='vnc' port='-1' passwd='{canary}'>"),
        format!("<password>{canary}</password>"),
        format!("-object secret,id=vnc0,data={canary},format=raw"),
        format!("-object '{{\"qom-type\":\"secret\",\"id\":\"a\",\"data\":\"{canary}\"}}'"),
        format!("iscsiadm --password {canary} --login"),
        format!("iscsiadm --password={canary} --login"),
        format!("#cloud-config\nchpasswd:\n  list: |\n    root:{canary}\n"),
        format!("<entry name='opt/data'>#cloud-config\nusers: [{canary}]</entry>"),
        format!("a: 1\npassword: |\n  {canary}\n  b\nnext: 1\n"),
        format!("ssh_key = \"\"\"\n{key}\n\"\"\""),
        format!(
            "Nov 26 node x[1]: -----BEGIN PRIVATE KEY-----\nNov 26 node x[1]: {canary}\nNov 26 node x[1]: -----END PRIVATE KEY-----"
        ),
        format!("{{\"key\":\"-----BEGIN EC PRIVATE KEY-----\\n{canary}\\n-----END EC PRIVATE KEY-----\\n\"}}"),
        // What was cut off at its beginning or its end.
        format!("{canary}\n-----END RSA PRIVATE KEY-----\n"),
        format!("-----BEGIN RSA PRIVATE KEY-----\n{canary}"),
        format!("api_token: {canary}"),
        format!("SECRET={canary}"),
    ]
}

#[test]
fn no_known_place_keeps_its_secret() {
    for text in places(CANARY) {
        let clean = redact(&text, &[]);
        assert!(!clean.contains(CANARY), "{text}\n{clean}");
        assert!(clean.contains(TAKEN_OUT), "{text}\n{clean}");
        assert_eq!(redact(&clean, &[]), clean, "a second time changes nothing");
    }
}

#[test]
fn what_is_around_a_secret_stays() {
    let clean = redact("quiet adminpw=$6$salt$hashhash ip=dhcp\nnext line", &[]);
    assert_eq!(clean, "quiet adminpw=[redacted] ip=dhcp\nnext line");
    let clean = redact("<graphics type='vnc' passwd='x1' port='-1'/>", &[]);
    assert_eq!(clean, "<graphics type='vnc' passwd='[redacted]' port='-1'/>");
    let clean = redact("see https://me:you@host.example/a?b=c now", &[]);
    assert_eq!(clean, "see https://[redacted]@host.example/a?b=c now");
    let clean = redact("a\n-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----\nb", &[]);
    assert_eq!(clean, "a\n[redacted]\nb");
}

#[test]
fn what_is_no_secret_stays() {
    for text in [
        "admin_password_set: true, password_login = false",
        "PasswordAuthentication no",
        "password=on, password: none",
        "the price is $5 or $HOME/bin and $1$",
        "basic functionality of a bearer of news",
        "https://host.example:8443/path@2x.png and ssh://host/x",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
        "eno1: link is down\nsystemd[1]: Started ssh.service - OpenBSD Secure Shell server.",
        "root_hash=5f5f5f5f sha256: abcd secret agents know tokens",
    ] {
        assert_eq!(redact(text, &[]), text);
    }
}

#[test]
fn known_values_go_wherever_they_stand() {
    let known = [
        "s3cr#t<of>beam".to_owned(),
        "s3cr#t".to_owned(),
        "abc".to_owned(),
        "two\nlinesofkey".to_owned(),
    ];
    let clean = redact(
        "x s3cr#t<of>beam y s3cr#t&lt;of&gt;beam z s3cr#t abc linesofkey",
        &known,
    );
    assert_eq!(clean, "x [redacted] y [redacted] z [redacted] abc [redacted]");
}

proptest! {
    #[test]
    fn nothing_breaks_it(text in any::<String>(), known in prop::collection::vec(any::<String>(), 0..3)) {
        redact(&text, &known);
    }

    #[test]
    fn pieces_of_secrets_do_not_break_it(pieces in prop::collection::vec(prop::sample::select(vec![
        "-----BEGIN ", "PRIVATE KEY-----", "-----END ", "$6$", "\\$", "password", "=", ": ", "\"", "'", "\"\"\"", "://", "@", "ä", "\n", "<", "|", " ", "Bearer ",
        "basic ", "abcdefgh1", "#cloud-config", "secret,data", "\\\"", "--", "Some(",
    ]), 0..30)) {
        redact(&pieces.concat(), &["abcdefgh1".to_owned()]);
    }

    #[test]
    fn no_surroundings_save_a_secret(
        canary in "[A-Za-z0-9]{12,30}", number in any::<prop::sample::Index>(), before in "[a-z \n]{0,40}", after in "[a-z \n]{0,40}",
    ) {
        let places = places(&canary);
        let text = format!("{before}\n{}\n{after}", places[number.index(places.len())]);
        let clean = redact(&text, &[]);
        prop_assert!(!clean.contains(&canary), "{}\n{}", text, clean);
    }

    #[test]
    fn a_known_value_never_stays(canary in "[!-~]{8,40}", before in ".{0,40}", after in ".{0,40}") {
        prop_assume!(!TAKEN_OUT.contains(&canary) && !canary.starts_with("-----"));
        let clean = redact(&format!("{before} {canary} {after}"), std::slice::from_ref(&canary));
        prop_assert!(!clean.contains(&canary), "{}", clean);
    }
}
