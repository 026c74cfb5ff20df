use super::*;

fn login(target: &str, portal: &str, password: Option<&str>) -> Login {
    Login {
        session: SessionKey {
            target: format!("iqn.2004-10.org.example:{target}").parse().expect("a name"),
            portal: format!("192.0.2.{portal}:3260").parse().expect("an address"),
        },
        chap: password.map(|password| ("node1".parse().expect("a user"), password.parse().expect("a password"))),
    }
}

fn access(logins: &[Login]) -> Access {
    Access {
        initiator: "iqn.2004-10.org.example:node1".parse().ok(),
        logins: logins.to_vec(),
        mounts: Vec::new(),
    }
}

fn keys(logins: &[Login]) -> Vec<SessionKey> {
    logins.iter().map(|login| login.session.clone()).collect()
}

#[track_caller]
fn check(wanted: &Access, done: &Access, seen: &[Login], expected: &[&str]) {
    let steps = plan_access(wanted, done, &keys(seen), &[]);
    let told: Vec<String> = steps
        .iter()
        .map(|step| step.to_string().replace("iqn.2004-10.org.example:", ""))
        .collect();
    assert_eq!(told, expected);
}

#[test]
fn a_boot_logs_in_everywhere() {
    let (a, b) = (login("a", "1", None), login("a", "2", None));
    check(
        &access(&[a.clone(), b.clone()]),
        &Access::default(),
        &[],
        &[
            "reach a at 192.0.2.1:3260",
            "reach a at 192.0.2.2:3260",
            "be node1",
            "log in at a at 192.0.2.1:3260",
            "log in at a at 192.0.2.2:3260",
        ],
    );
    // Again: nothing, and what was lost alone.
    check(
        &access(&[a.clone(), b.clone()]),
        &access(&[a.clone(), b.clone()]),
        &[a.clone(), b.clone()],
        &[],
    );
    check(
        &access(&[a.clone(), b.clone()]),
        &access(&[a.clone(), b]),
        &[a],
        &["reach a at 192.0.2.2:3260", "be node1", "log in at a at 192.0.2.2:3260"],
    );
}

#[test]
fn the_new_one_comes_before_the_old_one_goes() {
    let (old, new) = (login("old", "1", None), login("new", "2", None));
    check(
        &access(std::slice::from_ref(&new)),
        &access(std::slice::from_ref(&old)),
        std::slice::from_ref(&old),
        &[
            "reach new at 192.0.2.2:3260",
            "be node1",
            "log in at new at 192.0.2.2:3260",
            "log out of old at 192.0.2.1:3260",
        ],
    );
}

#[test]
fn sessions_of_others_stay() {
    let (ours, theirs) = (login("ours", "1", None), login("theirs", "2", None));
    let seen = [ours.clone(), theirs];
    check(
        &access(&[]),
        &access(&[ours]),
        &seen,
        &["log out of ours at 192.0.2.1:3260", "stop iscsid"],
    );
    check(
        &access(&[]),
        &Access {
            initiator: None,
            ..access(&[])
        },
        &seen,
        &["be node1"],
    );
}

#[test]
fn another_password_or_name_logs_in_again() {
    let (old, new) = (
        login("a", "1", Some("old-password")),
        login("a", "1", Some("new-password")),
    );
    check(
        &access(std::slice::from_ref(&new)),
        &access(std::slice::from_ref(&old)),
        std::slice::from_ref(&old),
        &[
            "reach a at 192.0.2.1:3260",
            "log out of a at 192.0.2.1:3260",
            "be node1",
            "log in at a at 192.0.2.1:3260",
        ],
    );
    let named = Access {
        initiator: "iqn.2004-10.org.example:other".parse().ok(),
        ..access(std::slice::from_ref(&old))
    };
    check(
        &named,
        &access(std::slice::from_ref(&old)),
        std::slice::from_ref(&old),
        &[
            "reach a at 192.0.2.1:3260",
            "log out of a at 192.0.2.1:3260",
            "stop iscsid",
            "be other",
            "log in at a at 192.0.2.1:3260",
        ],
    );
}

#[test]
fn a_failed_change_knows_what_may_be_its_own() {
    let (old, new) = (login("old", "1", None), login("new", "2", None));
    let between = access(std::slice::from_ref(&old)).and(&access(std::slice::from_ref(&new)));
    // Back, after the new one was logged in already.
    check(
        &access(std::slice::from_ref(&old)),
        &between,
        &[old.clone(), new],
        &["log out of new at 192.0.2.2:3260"],
    );
}

#[test]
fn exports_come_and_go() {
    let mount = |name: &str, path: &str| NfsMount {
        name: name.parse().expect("a name"),
        server: "nas".parse().expect("a server"),
        path: path.parse().expect("a path"),
        version: Default::default(),
        options: Vec::new(),
    };
    let with = |mounts: &[NfsMount]| Access {
        mounts: mounts.to_vec(),
        ..Access::default()
    };
    let (a, b, other) = (mount("a", "/a"), mount("b", "/b"), mount("a", "/other"));
    let plan = |wanted: &[NfsMount], done: &[NfsMount], mounted: &[&str]| {
        let mounted: Vec<String> = mounted.iter().map(ToString::to_string).collect();
        plan_access(&with(wanted), &with(done), &[], &mounted)
    };
    let (one, two) = (std::slice::from_ref(&a), [a.clone(), b.clone()]);
    assert_eq!(plan(one, &[], &[]), [AccessStep::Mount(a.clone())]);
    assert_eq!(plan(one, one, &["a"]), []);
    assert_eq!(plan(one, one, &[]), [AccessStep::Mount(a.clone())]);
    assert_eq!(
        plan(std::slice::from_ref(&other), &two, &["a", "b"]),
        [
            AccessStep::Unmount(a.clone()),
            AccessStep::Unmount(b.clone()),
            AccessStep::Mount(other.clone()),
        ]
    );
}
