//! Targets and exports that exist only as notes: whatever is asked for is there, unless a test broke it.

use std::net::SocketAddr;

use corbel_model::server::Server;
use corbel_plan::storage_access::SessionKey;

use super::FakeNode;
use crate::access::{AccessFacilities, access_storage, sentence};
use crate::facilities::{Facilities as _, FacilityError};

/// What the world beyond the node has.
#[derive(Debug, Default)]
pub(super) struct Storage {
    sessions: Vec<SessionKey>,
    mounts: Vec<String>,
    made: u8,
    /// So many records are made before iscsid has come up, without its options.
    starting: u8,
}

impl FakeNode {
    /// A session that somebody else made.
    pub fn log_in(&self, session: SessionKey) {
        self.world().storage.sessions.push(session);
    }

    /// iscsid takes longer to start than iscsiadm waits, so many times.
    pub fn start_iscsid_slowly(&self, times: u8) {
        self.world().storage.starting = times;
    }

    /// What a reboot forgets: sessions, mounts, and the note of them.
    pub fn forget_storage(&self) {
        self.world().storage.sessions.clear();
        self.world().storage.mounts.clear();
        // What is not there is as good as removed.
        let _ = self.remove("/run/corbel/storage-access.json");
    }

    /// The part of iscsiadm, mount and the program that calls them.
    pub(super) fn storage(&self, command: &[&str]) -> Result<(), FacilityError> {
        match command {
            [.., "storage-access"] => {
                access_storage(self).map_err(|error| FacilityError::from(sentence(error)))?;
            }
            ["iscsiadm", _, _, _, target, _, portal, verb] => {
                let session = SessionKey {
                    target: target.parse()?,
                    portal: portal.parse()?,
                };
                let sessions = &mut self.world().storage.sessions;
                sessions.retain(|other| *other != session);
                if *verb == "--login" {
                    sessions.push(session);
                }
            }
            ["iscsiadm", _, _, _, target, _, portal, "--op", "new"] => {
                let starting = self.world().storage.starting;
                self.world().storage.starting = starting.saturating_sub(1);
                let portal: SocketAddr = portal.parse()?;
                let record = format!("/var/lib/iscsi/nodes/{target}/{},{}", portal.ip(), portal.port());
                let options = match starting {
                    0 => self.read("/etc/iscsi/iscsid.conf")?.unwrap_or_default(),
                    _ => b"node.session.auth.authmethod = None\n".to_vec(),
                };
                self.write(&record, &options, 0o600)?;
            }
            ["mount", .., path] => self.world().storage.mounts.push((*path).to_owned()),
            ["umount", path] => self.world().storage.mounts.retain(|mounted| mounted != path),
            _ => {}
        }
        Ok(())
    }
}

impl AccessFacilities for FakeNode {
    fn resolve(&self, server: &Server, port: u16) -> Result<SocketAddr, FacilityError> {
        self.check(&format!("resolve {server}"))?;
        match server {
            Server::Address(address) => Ok(SocketAddr::new(*address, port)),
            Server::Name(_) => Ok(SocketAddr::from(([198, 51, 100, 1], port))),
        }
    }
    fn reach(&self, address: SocketAddr) -> Result<(), FacilityError> {
        self.check(&format!("reach {address}"))
    }
    fn sessions(&self) -> Result<Vec<SessionKey>, FacilityError> {
        Ok(self.world().storage.sessions.clone())
    }
    fn is_mounted(&self, path: &str) -> Result<bool, FacilityError> {
        Ok(self.world().storage.mounts.iter().any(|mounted| mounted == path))
    }
    fn random(&self) -> Result<[u8; 6], FacilityError> {
        let storage = &mut self.world().storage;
        storage.made += 1;
        Ok([1, 2, 3, 4, 5, storage.made])
    }
}
