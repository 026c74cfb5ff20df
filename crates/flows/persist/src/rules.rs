//! Which paths can be kept. Pure: the words of a path, and what is kept already.

use crate::PersistError;
use crate::tree::Size;

/// What one path may hold, all its files together. Keys, certificates and settings are far below; logs and images have other places.
pub const MOST_BYTES: u64 = 16 << 20;
/// Files, directories and links below one path.
pub const MOST_FILES: usize = 4096;
/// Stays free on `/config`, so that the node can always save its own configuration.
pub const RESERVE: u64 = 8 << 20;

/// What a file takes beside its bytes: a block of the file system and an inode.
const PER_FILE: u64 = 4096;

/// Only these are new at each boot, and writable.
const KEPT_FROM: [&str; 2] = ["/etc", "/var"];

/// What settle writes at each boot, or another place keeps; with the way to change it.
const OWN: &[(&str, &str)] = &[
    (
        "/etc/hostname",
        "it is written at each boot from the configuration's hostname",
    ),
    (
        "/etc/hosts",
        "it is written at each boot from the configuration's hostname",
    ),
    ("/etc/machine-id", "the node keeps it on its own"),
    ("/etc/corbel", "it is written at each boot from the configuration"),
    ("/etc/ssh/keys", "the keys of admin are the configuration's"),
    (
        "/etc/shadow",
        "the password of admin is the configuration's, and other users come with the image",
    ),
    (
        "/etc/passwd",
        "users come with the image, and a newer image may have others",
    ),
    (
        "/etc/group",
        "groups come with the image, and a newer image may have others",
    ),
    (
        "/etc/gshadow",
        "groups come with the image, and a newer image may have others",
    ),
    ("/etc/libvirt", "definitions of VMs are kept on /data"),
    ("/etc/vconsole.conf", "the keyboard's layout is the configuration's"),
    ("/etc/localtime", "the time zone is the configuration's"),
    ("/etc/multipath.conf", "multipath is the configuration's"),
    ("/etc/idmapd.conf", "the domain of NFSv4 is the configuration's"),
    (
        "/etc/iscsi/initiatorname.iscsi",
        "the name of the iSCSI initiator is the configuration's",
    ),
    (
        "/etc/iscsi/iscsid.conf",
        "the passwords of iSCSI are the configuration's",
    ),
    ("/var/log", "logs have a partition of their own and are kept"),
    ("/var/lib/corbel", "the node keeps it on its own"),
    (
        "/var/lib/libvirt",
        "definitions of VMs and their state are kept on /data",
    ),
    ("/var/run", "it is empty after each boot, as its programs expect"),
    ("/var/lock", "it is empty after each boot, as its programs expect"),
    ("/var/tmp", "it is for files that nobody keeps"),
];

/// How files of settle begin that stand among others: networks, options of services, and the host keys that `/config` keeps.
const OWN_NAMES: [(&str, &str); 2] = [
    ("10-corbel", "is written at each boot from the configuration"),
    ("ssh_host_", "is kept by the node on its own"),
];

/// Checks the words of a path, and whether it and what is kept are in each other.
///
/// # Errors
/// [`PersistError::Refused`] with what would be right.
pub(crate) fn check<'a>(path: &str, kept: impl IntoIterator<Item = &'a str>) -> Result<(), PersistError> {
    let refused = |problem: String| {
        Err(PersistError::Refused {
            path: path.to_owned(),
            problem,
        })
    };
    let Some(words) = path.strip_prefix('/') else {
        return refused("is not absolute: write it from / on".into());
    };
    if path.chars().any(char::is_control) {
        return refused("has a control character in it".into());
    }
    if words.split('/').any(|word| matches!(word, "" | "." | "..")) {
        return refused("has an empty part, \".\" or \"..\" in it: write it without".into());
    }
    if KEPT_FROM.contains(&path) {
        return refused("is all of it, and a newer image would never show: name the files that are yours".into());
    }
    if !KEPT_FROM.iter().any(|top| is_in(path, top)) {
        return refused(match words.split('/').next().unwrap_or_default() {
            "config" | "data" => "is kept as it is".into(),
            top if top.starts_with("data") => "is kept as it is".into(),
            "run" | "tmp" | "dev" | "proc" | "sys" => {
                "exists only as long as the node runs, and that is its purpose".into()
            }
            _ => "is part of the image, which is read-only: only what is below /etc and /var can be kept".into(),
        });
    }
    for (own, reason) in OWN {
        if is_in(path, own) {
            return refused(format!("cannot be kept: {reason}"));
        }
        if is_in(own, path) {
            return refused(format!(
                "holds {own}, which the node writes itself: name the files in it that are yours"
            ));
        }
    }
    if let Some(reason) = words.split('/').find_map(own_name) {
        return refused(reason.into());
    }
    for other in kept.into_iter().filter(|other| *other != path) {
        if is_in(path, other) {
            return refused(format!("is in {other}, which is persisted: persist that one again"));
        }
        if is_in(other, path) {
            return refused(format!("holds {other}, which is persisted: unpersist that one first"));
        }
    }
    Ok(())
}

/// Checks that a copy fits into the bytes that are free on `/config`, and leaves the reserve.
///
/// # Errors
/// [`PersistError::NoRoom`] with both numbers.
pub(crate) fn check_room(path: &str, size: Size, free: u64) -> Result<(), PersistError> {
    let needed = size.bytes + PER_FILE * size.files as u64;
    if needed + RESERVE > free {
        return Err(PersistError::NoRoom {
            path: path.to_owned(),
            needed: needed.div_ceil(1024),
            free: free / 1024,
        });
    }
    Ok(())
}

/// Checks the names of what is below a path: settle's files would come back older than it writes them.
///
/// # Errors
/// [`PersistError::Refused`] with the name.
pub(crate) fn check_names<'a>(path: &str, names: impl IntoIterator<Item = &'a str>) -> Result<(), PersistError> {
    let own = names.into_iter().find(|name| own_name(name).is_some());
    own.map_or(Ok(()), |name| {
        Err(PersistError::Refused {
            path: path.to_owned(),
            problem: format!("holds {name}, which the node writes itself: name the files in it that are yours"),
        })
    })
}

/// Why a file of that name is the node's.
fn own_name(name: &str) -> Option<&'static str> {
    let own = OWN_NAMES.iter().find(|(begin, _)| name.starts_with(begin));
    own.map(|(_, reason)| *reason)
}

/// Whether `path` is `top` or below it.
fn is_in(path: &str, top: &str) -> bool {
    path.strip_prefix(top)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn problem(path: &str, kept: &[&str]) -> Option<String> {
        check(path, kept.iter().copied()).err().map(|error| error.to_string())
    }

    #[test]
    fn what_settle_writes_cannot_be_kept() {
        let own = corbel_plan::settle::FILES.into_iter();
        for path in own.filter(|path| !path.starts_with("/run/")) {
            assert!(problem(path, &[]).is_some(), "{path}");
        }
    }

    #[test]
    fn files_of_etc_and_var_can_be_kept() {
        for path in [
            "/etc/motd",
            "/etc/collectd/collectd.conf.d/x",
            "/var/lib/iscsi",
            "/etc/a..b",
            "/etc/hosts.allow",
        ] {
            assert_eq!(problem(path, &[path, "/etc/motd2"]), None);
        }
    }

    #[test]
    fn each_refusal_names_the_path_and_says_what_would_be_right() {
        for (path, why) in [
            ("motd", "is not absolute"),
            ("", "is not absolute"),
            ("/etc/../usr/x", "\"..\""),
            ("/etc//x", "an empty part"),
            ("/etc/x\n", "control character"),
            ("/", "an empty part"),
            ("/etc", "name the files"),
            ("/usr/bin/x", "read-only"),
            ("/etcetera", "read-only"),
            ("/config/node.a.toml", "is kept as it is"),
            ("/data2/images/x", "is kept as it is"),
            ("/run/x", "as long as the node runs"),
            ("/etc/hostname", "hostname"),
            ("/etc/ssh", "holds /etc/ssh/keys"),
            ("/etc/ssh/ssh_host_ed25519_key", "kept by the node"),
            (
                "/etc/systemd/network/10-corbel-01-eth.network",
                "from the configuration",
            ),
            ("/var/log/audit", "of their own"),
        ] {
            let problem = problem(path, &[]).expect(path);
            assert!(problem.starts_with(path) && problem.contains(why), "{problem}");
        }
        let inside = problem("/etc/a/b", &["/etc/a"]).expect("in another");
        assert_eq!(
            inside,
            "/etc/a/b: is in /etc/a, which is persisted: persist that one again"
        );
        let around = problem("/etc/a", &["/etc/a/b"]).expect("around another");
        assert_eq!(
            around,
            "/etc/a: holds /etc/a/b, which is persisted: unpersist that one first"
        );
    }

    #[test]
    fn the_reserve_stays_free() {
        let size = Size { bytes: 1000, files: 2 };
        let enough = RESERVE + 1000 + 2 * PER_FILE;
        assert!(check_room("/etc/x", size, enough).is_ok());
        let error = check_room("/etc/x", size, enough - 1).expect_err("one byte is missing");
        assert_eq!(
            error.to_string(),
            "/etc/x: 9 KiB are needed on /config and 8200 KiB are free, of which 8192 KiB stay for the node's own configuration"
        );
    }

    proptest! {
        #[test]
        fn what_is_taken_stays_below_etc_and_var(path in "(/(etc|var|usr|a|\\.|\\.\\.|[a-z/]{0,4})){0,5}") {
            if check(&path, []).is_ok() {
                prop_assert!(path.starts_with("/etc/") || path.starts_with("/var/"));
                prop_assert!(!path.contains("/../") && !path.ends_with("/.."));
            }
        }
    }
}
