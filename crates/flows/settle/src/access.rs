//! Logs in at iSCSI targets and out of them, and mounts exports of NFS as storage pools: what `corbel storage-access` does at each boot
//! and whenever the configuration of it changes.
//!
//! ```text
//! /etc/corbel/storage-access.toml ─ wanted ─┐
//! /run/corbel/storage-access.json ─ done ───┼─▶ plan_access ─▶ iscsiadm, mount, virsh ─▶ looked at again ─▶ done
//! /sys, /proc/self/mountinfo ────── seen ───┘
//! ```
//! Nothing is changed before every server that is new has answered. What fails is one sentence; whoever asked writes the file that was
//! there before and asks again, which takes all of it back.

mod note;
mod tools;

use std::net::SocketAddr;
use std::time::Duration;

use corbel_model::seed;
use corbel_model::server::Server;
use corbel_model::storage_access::{IscsiName, NfsMount, Portal, StorageAccess};
use corbel_plan::settle::STORAGE_ACCESS_FILE;
use corbel_plan::storage_access::{Access, AccessStep, Login, SessionKey, plan_access};

use crate::configure::ConfigFacilities;
use crate::facilities::{FacilityError, chain};
use crate::gather;

/// Where exports are mounted: nobody can make a folder on the root.
pub const NFS_FOLDER: &str = "/run/corbel/nfs";
/// The name of the initiator that the node made, on an installed node for good.
const KEPT_NAME: &str = "/config/iscsi-initiator";
/// The same on a node that keeps nothing.
const NAME_OF_THIS_BOOT: &str = "/run/corbel/iscsi-initiator";
/// The port of NFSv4 (RFC 8881, section 2.9).
const NFS_PORT: u16 = 2049;
/// How long a server may take to answer: a network that was changed just now is still coming up.
const REACH_LIMIT: Duration = Duration::from_secs(8);
/// How long a session may take until the kernel calls it one.
const LOGIN_LIMIT: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(250);

/// What this needs from the machine besides what a change of the configuration needs.
pub trait AccessFacilities: ConfigFacilities {
    /// The address of a name.
    fn resolve(&self, server: &Server, port: u16) -> Result<SocketAddr, FacilityError>;
    /// Connects, and hangs up.
    fn reach(&self, address: SocketAddr) -> Result<(), FacilityError>;
    /// Sessions of the kernel that are logged in.
    fn sessions(&self) -> Result<Vec<SessionKey>, FacilityError>;
    /// Whether something is mounted there.
    fn is_mounted(&self, path: &str) -> Result<bool, FacilityError>;
    /// Bytes that nobody can guess.
    fn random(&self) -> Result<[u8; 6], FacilityError>;
}

/// Why storage cannot be reached.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    #[error("{STORAGE_ACCESS_FILE} cannot be read: {0}")]
    File(String),
    #[error("{what} cannot be reached: {server} has no address")]
    Resolve {
        what: String,
        server: String,
        source: FacilityError,
    },
    #[error("{what} cannot be reached")]
    Reach { what: String, source: FacilityError },
    #[error("the target {session} does not let the node in: {why}")]
    LogIn {
        session: Box<SessionKey>,
        why: &'static str,
        source: FacilityError,
    },
    #[error("the session with {session} cannot be ended: {why}")]
    LogOut {
        session: Box<SessionKey>,
        why: &'static str,
        source: FacilityError,
    },
    #[error("after all is done there is no session with {0}")]
    NoSession(Box<SessionKey>),
    #[error("the export of {pool} cannot be mounted")]
    Mount { pool: String, source: FacilityError },
    #[error("the export of {pool} cannot be unmounted; is it in use by a machine?")]
    Unmount { pool: String, source: FacilityError },
    #[error(transparent)]
    Facility(#[from] FacilityError),
}

/// Makes the node what its file says, and gives what was done, a line each.
///
/// # Errors
/// Each a sentence about the server or the pool.
pub fn access_storage(node: &dyn AccessFacilities) -> Result<Vec<String>, AccessError> {
    let file = read_file(node)?;
    let done = note::read(node);
    if file == StorageAccess::default() && done == Access::default() {
        return Ok(Vec::new());
    }
    let wanted = wanted(node, &file, done.initiator.as_ref())?;
    let steps = plan_access(&wanted, &done, &node.sessions()?, &mounted(node, &[&wanted, &done])?);
    for step in &steps {
        match step {
            AccessStep::Reach(session) => reach(node, &format!("the portal {}", session.portal), session.portal)?,
            AccessStep::Mount(mount) => {
                let what = format!("the NFS server {}", mount.server);
                let address = resolve(node, &what, &mount.server, NFS_PORT)?;
                reach(node, &what, address)?;
            }
            _ => {}
        }
    }
    if steps.iter().any(|step| !step.only_looks()) {
        // From here on anything of both may be ours.
        note::write(node, &done.and(&wanted))?;
    }
    let outcome = steps.iter().try_for_each(|step| tools::one(node, step));
    // No password stays where the next login would take it for its own.
    tools::write_options(node, None)?;
    outcome?;
    verify(node, &wanted)?;
    note::write(node, &wanted)?;
    Ok(steps
        .iter()
        .filter(|step| !step.only_looks())
        .map(ToString::to_string)
        .collect())
}

/// What the file says; nothing when it is absent.
fn read_file(node: &dyn AccessFacilities) -> Result<StorageAccess, AccessError> {
    let Some(bytes) = node.read(STORAGE_ACCESS_FILE)? else {
        return Ok(StorageAccess::default());
    };
    let document = seed::parse(&String::from_utf8_lossy(&bytes));
    let document = document.map_err(|error| AccessError::File(error.to_string()))?;
    Ok(document.storage_access)
}

fn wanted(
    node: &dyn AccessFacilities,
    file: &StorageAccess,
    before: Option<&IscsiName>,
) -> Result<Access, AccessError> {
    let mut logins = Vec::new();
    for target in &file.iscsi.targets {
        for portal in &target.portals {
            let Portal { server, port } = portal;
            let session = SessionKey {
                target: target.name.clone(),
                portal: resolve(node, &format!("the portal {portal}"), server, *port)?,
            };
            let chap = target.chap_user.clone().zip(target.chap_password.clone());
            logins.push(Login { session, chap });
        }
    }
    let initiator = match &file.iscsi.initiator {
        Some(name) => Some(name.clone()),
        None if !logins.is_empty() => Some(own_name(node)?),
        // Whom nobody needs keeps the name that it has.
        None => before.cloned(),
    };
    Ok(Access {
        initiator,
        logins,
        mounts: file.nfs.mounts.clone(),
    })
}

fn resolve(node: &dyn AccessFacilities, what: &str, server: &Server, port: u16) -> Result<SocketAddr, AccessError> {
    let failed = |source| AccessError::Resolve {
        what: what.to_owned(),
        server: server.to_string(),
        source,
    };
    patiently(node, || node.resolve(server, port)).map_err(failed)
}

fn reach(node: &dyn AccessFacilities, what: &str, address: SocketAddr) -> Result<(), AccessError> {
    let failed = |source| AccessError::Reach {
        what: what.to_owned(),
        source,
    };
    patiently(node, || node.reach(address)).map_err(failed)
}

fn patiently<T>(
    node: &dyn AccessFacilities,
    mut attempt: impl FnMut() -> Result<T, FacilityError>,
) -> Result<T, FacilityError> {
    let start = node.now();
    loop {
        match attempt() {
            Err(error) if node.now().saturating_sub(start) >= REACH_LIMIT => return Err(error),
            Err(_) => node.pause(LOOK),
            good => return good,
        }
    }
}

/// The name that the node made itself, now or once.
fn own_name(node: &dyn AccessFacilities) -> Result<IscsiName, AccessError> {
    let path = match node.installed() && gather::keeps(node.settled()) {
        true => KEPT_NAME,
        false => NAME_OF_THIS_BOOT,
    };
    let kept = node.read(path)?;
    let kept = kept.and_then(|bytes| String::from_utf8_lossy(&bytes).trim().parse().ok());
    if let Some(name) = kept {
        return Ok(name);
    }
    let random = node.random()?;
    // Under the authority that open-iscsi of Debian takes for its own names.
    let digits: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    let name: IscsiName = format!("iqn.1993-08.org.debian:01:{digits}")
        .parse()
        .map_err(|error| AccessError::Facility(Box::new(error)))?;
    node.write(path, format!("{name}\n").as_bytes(), 0o644)?;
    Ok(name)
}

/// Pools of these whose export is mounted.
fn mounted(node: &dyn AccessFacilities, of: &[&Access]) -> Result<Vec<String>, AccessError> {
    let mut names = Vec::new();
    for mount in of.iter().flat_map(|access| &access.mounts) {
        if node.is_mounted(&folder(mount))? {
            names.push(mount.name.to_string());
        }
    }
    Ok(names)
}

fn folder(mount: &NfsMount) -> String {
    format!("{NFS_FOLDER}/{}", mount.name)
}

/// Reads the sessions back until all are there.
fn verify(node: &dyn AccessFacilities, wanted: &Access) -> Result<(), AccessError> {
    let start = node.now();
    loop {
        let seen = node.sessions()?;
        let missing = wanted.logins.iter().find(|login| !seen.contains(&login.session));
        match missing {
            None => return Ok(()),
            Some(login) if node.now().saturating_sub(start) >= LOGIN_LIMIT => {
                return Err(AccessError::NoSession(Box::new(login.session.clone())));
            }
            Some(_) => node.pause(LOOK),
        }
    }
}

/// An error with all its causes as one sentence.
pub fn sentence(error: AccessError) -> String {
    chain(&(Box::new(error) as FacilityError))
}

#[cfg(test)]
mod tests;
