//! The password of `admin` of a system on a disk: whether there is one, and who is let in without it.

use std::path::{Path, PathBuf};

use corbel_agent::{Secret, SystemError, verify_sha512_crypt};
use corbel_layout::disk::Role;
use corbel_machine::EspMount;
use corbel_model::access::PasswordHash;
use corbel_model::install::Action;
use corbel_model::words::Words;
use corbel_plan::install::Disk;
use corbel_plan::settle::WORDS_FILE;
use corbel_settle::store::{ConfigStore, StoreError};
use corbel_sys::ledger::LedgerError;
use corbel_sys::read_limited;

use super::{LIMIT, failed, refused};

/// The configuration of the system that runs.
const OWN: &str = "/config";

/// The hash in a configuration. One of which nothing whole is left has none: there is nothing that an answer could be compared with,
/// and a node that lost its configuration is one that wants to be upgraded.
fn hash(config: &Path) -> Result<Option<PasswordHash>, StoreError> {
    let current = match ConfigStore::new(config).current() {
        Err(StoreError::Ledger(LedgerError::Damaged { .. })) => None,
        other => other?,
    };
    Ok(current.and_then(|current| current.secrets.admin_password))
}

/// Where the configuration of a disk's system can be looked at.
#[derive(Debug, PartialEq)]
enum Place {
    Folder(PathBuf),
    /// Not mounted.
    Partition(PathBuf),
}

/// `own` is the disk that this system runs from. What somebody else has mounted or holds is not mounted a second time.
fn place(disk: &Disk, own: Option<&str>) -> Option<Place> {
    if own == Some(disk.path.as_str()) {
        return Some(Place::Folder(PathBuf::from(OWN)));
    }
    let taken = !disk.mounts.is_empty() || disk.multipath.is_some() || disk.failing.is_some();
    let part = disk.partitions.iter().find(|part| part.name == Role::Config.name());
    part.filter(|_| !taken)
        .map(|part| Place::Partition(PathBuf::from(&part.path)))
}

/// Whether a disk's system has a password, without changing anything on it. What cannot be read has none, as for [`check`].
pub(super) fn is_set(disk: &Disk, own: Option<&str>) -> bool {
    let looked = match place(disk, own) {
        None => return false,
        Some(Place::Folder(folder)) => hash(&folder),
        Some(Place::Partition(device)) => match EspMount::of_config_to_read(&device) {
            Ok(mount) => hash(mount.folder()),
            Err(error) => {
                tracing::warn!(disk = disk.path, %error, "the configuration of this disk cannot be looked at");
                return false;
            }
        },
    };
    looked.is_ok_and(|hash| hash.is_some())
}

/// Whether kernel words or seed of this boot ask for an upgrade without a person.
pub(super) fn boot_asks_for_upgrade() -> bool {
    // Without the file nobody asked for anything.
    let words = read_limited(Path::new(WORDS_FILE), LIMIT).unwrap_or_default();
    asks_for_upgrade(&String::from_utf8_lossy(&words))
}

fn asks_for_upgrade(words: &str) -> bool {
    let words = Words::parse([words]);
    words.install.action() == Some(Action::Upgrade) && words.stateless != Some(true) && !words.rescue
}

/// Who stands at the machine with a medium is not yet who may change the node on its disk. Who says the words of its boot is: the same
/// words could have been `reinstall` or another `init`, so a word that asks for the upgrade stands for the password. One that is
/// given all the same must be right.
pub(super) fn check(config: &Path, given: Option<&Secret>, boot_asks: bool) -> Result<(), SystemError> {
    let wrong = |problem: &str| SystemError::Invalid {
        field: "current_password".to_owned(),
        problem: problem.to_owned(),
    };
    let hash = hash(config).map_err(|error| failed("reading the configuration of the installed system", &error))?;
    let Some(hash) = hash else {
        return Ok(());
    };
    let given = match given {
        Some(given) => given,
        None if boot_asks => return Ok(()),
        None => return Err(wrong("is missing: the installed node has a password for admin")),
    };
    match verify_sha512_crypt(given.0.as_bytes(), hash.expose()) {
        Some(true) => Ok(()),
        Some(false) => Err(wrong("is not the password of admin of the installed node")),
        None => Err(refused(
            "the password of the installed node is hashed by a method that cannot be checked here: upgrade the node while it runs",
        )),
    }
}

#[cfg(test)]
mod tests {
    use corbel_plan::install::DiskPartition;
    use corbel_sys::ledger::Ledger;

    use super::*;

    /// Of `secret`.
    const HASH: &str =
        "$6$saltsalt$TVLlQcbpFVof5W3Yz4DTP6gRstiNuHwwTt6GLc1E5n0U0aDehy0S5knV8wiOQSpT0Y77vwPZN.Pq.H91p5hVO1";

    fn config(document: Option<&str>) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        if let Some(document) = document {
            Ledger::new(folder.path(), "node", "toml").save(document).unwrap();
        }
        folder
    }

    fn with_password() -> tempfile::TempDir {
        config(Some(&format!("version = 1\n[admin]\npassword_hash = '{HASH}'\n")))
    }

    fn damaged() -> tempfile::TempDir {
        let folder = with_password();
        let copy = folder.path().join("node.a.toml");
        corbel_sys::write_atomic(&copy, b"# corbel generation=1 sha256=00\nnothing", 0o600).unwrap();
        folder
    }

    #[test]
    fn what_the_list_says_is_what_the_check_asks_for() {
        for (config, set) in [
            (with_password(), true),
            (config(Some("version = 1\nhostname = 'a'\n")), false),
            (config(Some("versions = 1\n")), false),
            (config(None), false),
            (damaged(), false),
        ] {
            assert_eq!(hash(config.path()).unwrap().is_some(), set);
            assert_eq!(check(config.path(), None, false).is_err(), set);
        }
    }

    #[test]
    fn a_password_is_right_or_wrong_and_the_words_of_the_boot_stand_for_one_that_is_not_given() {
        let config = with_password();
        let ask = |given: Option<&str>, boot_asks| {
            let given = given.map(|text| Secret(text.to_owned()));
            check(config.path(), given.as_ref(), boot_asks).map_err(|error| error.to_string())
        };
        for boot_asks in [false, true] {
            assert_eq!(ask(Some("secret"), boot_asks), Ok(()));
            let error = ask(Some("wrong"), boot_asks).unwrap_err();
            assert!(error.starts_with("current_password: is not the password"), "{error}");
        }
        assert_eq!(ask(None, true), Ok(()));
        let error = ask(None, false).unwrap_err();
        assert!(error.starts_with("current_password: is missing"), "{error}");
    }

    #[test]
    fn only_a_word_that_leads_to_an_upgrade_stands_for_a_password() {
        for words in ["upgrade", "local_boot=1", "quiet\novirt_upgrade\ninstall"] {
            assert!(asks_for_upgrade(words), "{words}");
        }
        for words in [
            "",
            "install",
            "upgrade=no",
            "upgrade reinstall",
            "uninstall upgrade",
            "upgrade stateless",
            "upgrade rescue",
        ] {
            assert!(!asks_for_upgrade(words), "{words}");
        }
    }

    #[test]
    fn what_is_in_use_is_not_mounted_once_more() {
        let disk = Disk {
            path: "/dev/sda".to_owned(),
            partitions: vec![DiskPartition {
                name: "corbel-config".to_owned(),
                path: "/dev/sda5".to_owned(),
                ..DiskPartition::default()
            }],
            ..Disk::default()
        };
        let device = Place::Partition(PathBuf::from("/dev/sda5"));
        assert_eq!(place(&disk, None), Some(device));
        let mounted = Disk {
            mounts: vec!["/config".to_owned()],
            ..disk.clone()
        };
        assert_eq!(place(&mounted, Some("/dev/sdb")), None);
        let own = Place::Folder(PathBuf::from("/config"));
        assert_eq!(place(&mounted, Some("/dev/sda")), Some(own));
        let failing = Disk {
            failing: Some("it cannot be read".to_owned()),
            ..disk.clone()
        };
        assert_eq!(place(&failing, None), None);
        assert_eq!(place(&Disk::default(), None), None);
        let member = Disk {
            multipath: Some("dm-0".to_owned()),
            ..disk
        };
        assert_eq!(place(&member, None), None);
    }
}
