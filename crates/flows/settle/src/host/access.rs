//! Servers of storage, as the network and the kernel show them.

use std::fs;
use std::io::Read as _;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use corbel_disk::iscsi_sessions;
use corbel_model::server::Server;
use corbel_plan::storage_access::SessionKey;

use super::Host;
use crate::access::AccessFacilities;
use crate::facilities::{Facilities as _, FacilityError};

/// Of one attempt; who waits for a network tries again.
const CONNECT_LIMIT: Duration = Duration::from_secs(3);

impl AccessFacilities for Host {
    fn resolve(&self, server: &Server, port: u16) -> Result<SocketAddr, FacilityError> {
        match server {
            Server::Address(address) => Ok(SocketAddr::new(*address, port)),
            Server::Name(name) => {
                let first = (name.as_str(), port).to_socket_addrs()?.next();
                first.ok_or_else(|| "the name has no address".into())
            }
        }
    }

    fn reach(&self, address: SocketAddr) -> Result<(), FacilityError> {
        TcpStream::connect_timeout(&address, CONNECT_LIMIT)?;
        Ok(())
    }

    fn sessions(&self) -> Result<Vec<SessionKey>, FacilityError> {
        let sessions = iscsi_sessions(&self.root)?.into_iter();
        let keys = sessions.filter(|session| session.is_logged_in()).filter_map(|session| {
            Some(SessionKey {
                target: session.target.parse().ok()?,
                portal: session.portal?,
            })
        });
        Ok(keys.collect())
    }

    fn is_mounted(&self, path: &str) -> Result<bool, FacilityError> {
        let table = self.read("/proc/self/mountinfo")?.unwrap_or_default();
        // proc_pid_mountinfo(5): the fifth field is where.
        let table = String::from_utf8_lossy(&table);
        Ok(table.lines().any(|line| line.split(' ').nth(4) == Some(path)))
    }

    fn random(&self) -> Result<[u8; 6], FacilityError> {
        let mut bytes = [0; 6];
        fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}
