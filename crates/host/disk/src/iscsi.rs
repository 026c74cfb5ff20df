//! Sessions of the iSCSI initiator, as the kernel shows them in `/sys/class/iscsi_session` and `/sys/class/iscsi_connection`
//! (`drivers/scsi/scsi_transport_iscsi.c`), below a root that tests replace.

use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

/// The folder of the sessions cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot list {path}")]
pub struct IscsiListError {
    pub path: PathBuf,
    pub source: io::Error,
}

/// A session, whoever made it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IscsiSession {
    pub target: String,
    /// As it was asked for, not where the target sent us on to.
    pub portal: Option<SocketAddr>,
    /// The name that the node has there.
    pub initiator: Option<String>,
    /// The kernel's word, such as `LOGGED_IN` or `FAILED`.
    pub state: String,
    /// Nodes of its disks, such as `/dev/sdb`.
    pub disks: Vec<String>,
}

impl IscsiSession {
    pub fn is_logged_in(&self) -> bool {
        self.state == "LOGGED_IN"
    }
}

/// All sessions by target and portal; none where the kernel has no iSCSI loaded.
///
/// # Errors
/// A folder that is there and cannot be read.
pub fn iscsi_sessions(root: &Path) -> Result<Vec<IscsiSession>, IscsiListError> {
    let folder = root.join("sys/class/iscsi_session");
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let failed = |source| IscsiListError {
        path: folder.clone(),
        source,
    };
    let mut found = Vec::new();
    for entry in fs::read_dir(&folder).map_err(failed)? {
        let own = entry.map_err(failed)?.path();
        let Some(number) = own.file_name().and_then(|name| name.to_str()?.strip_prefix("session")) else {
            continue;
        };
        let connection = root.join(format!("sys/class/iscsi_connection/connection{number}:0"));
        let Some(target) = text(&own.join("targetname")) else {
            // One that goes away at this moment.
            continue;
        };
        found.push(IscsiSession {
            target,
            portal: portal(&connection),
            initiator: text(&own.join("initiatorname")),
            state: text(&own.join("state")).unwrap_or_default(),
            disks: disks(&own.join("device")),
        });
    }
    found.sort_by(|a, b| (&a.target, a.portal).cmp(&(&b.target, b.portal)));
    Ok(found)
}

fn text(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?.trim().to_owned();
    // What the kernel does not know is this word.
    (!text.is_empty() && text != "(null)").then_some(text)
}

fn portal(connection: &Path) -> Option<SocketAddr> {
    let address = text(&connection.join("persistent_address"))?;
    let address: IpAddr = address.trim_matches(['[', ']']).parse().ok()?;
    let port = text(&connection.join("persistent_port"))?.parse().ok()?;
    Some(SocketAddr::new(address, port))
}

/// `device/targetH:B:T/H:B:T:L/block/sdX`.
fn disks(device: &Path) -> Vec<String> {
    let below = |folder: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect()
    };
    let named = |path: &PathBuf, start: &str| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name.starts_with(start))
    };
    let targets = below(device).into_iter().filter(|path| named(path, "target"));
    let units = targets.flat_map(|target| below(&target));
    let blocks = units.flat_map(|unit| below(&unit.join("block")));
    let mut nodes: Vec<String> = blocks
        .filter_map(|block| Some(format!("/dev/{}", block.file_name()?.to_str()?)))
        .collect();
    nodes.sort();
    nodes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_have_portals_and_disks() {
        let root = tempfile::tempdir().expect("a folder");
        assert_eq!(iscsi_sessions(root.path()).expect("a list"), []);
        let put = |path: &str, text: &str| {
            let path = root.path().join("sys/class").join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            corbel_sys::write_atomic(&path, text.as_bytes(), 0o644).expect("a file");
        };
        for (number, address, state) in [(1, "192.0.2.5", "LOGGED_IN"), (2, "2001:db8::5", "FAILED")] {
            put(
                &format!("iscsi_session/session{number}/targetname"),
                "iqn.2004-10.org.example:disks\n",
            );
            put(&format!("iscsi_session/session{number}/initiatorname"), "(null)\n");
            put(&format!("iscsi_session/session{number}/state"), &format!("{state}\n"));
            put(
                &format!("iscsi_connection/connection{number}:0/persistent_address"),
                &format!("{address}\n"),
            );
            put(
                &format!("iscsi_connection/connection{number}:0/persistent_port"),
                "3260\n",
            );
        }
        put(
            "iscsi_session/session1/device/target3:0:0/3:0:0:1/block/sdb/size",
            "1\n",
        );
        put("iscsi_session/session1/device/power/control", "auto\n");
        let found = iscsi_sessions(root.path()).expect("a list");
        let expected = |portal: &str, state: &str, disks: &[&str]| IscsiSession {
            target: "iqn.2004-10.org.example:disks".into(),
            portal: portal.parse().ok(),
            initiator: None,
            state: state.into(),
            disks: disks.iter().map(ToString::to_string).collect(),
        };
        assert_eq!(
            found,
            [
                expected("192.0.2.5:3260", "LOGGED_IN", &["/dev/sdb"]),
                expected("[2001:db8::5]:3260", "FAILED", &[]),
            ]
        );
        assert!(found[0].is_logged_in() && !found[1].is_logged_in());
    }
}
