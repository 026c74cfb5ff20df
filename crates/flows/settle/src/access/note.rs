//! What was done in this boot, so that a later turn knows what is its own. For root alone, as passwords are in it.

use std::net::SocketAddr;

use corbel_model::seed::{self, Seed, render};
use corbel_model::storage_access::{Nfs, StorageAccess};
use corbel_plan::storage_access::{Access, Login, SessionKey};
use serde::{Deserialize, Serialize};

use super::{AccessError, AccessFacilities};

pub(super) const NOTE: &str = "/run/corbel/storage-access.json";

#[derive(Serialize, Deserialize, Default)]
struct Note {
    initiator: Option<String>,
    logins: Vec<NotedLogin>,
    /// As a document of that section alone.
    mounts: String,
}

#[derive(Serialize, Deserialize)]
struct NotedLogin {
    target: String,
    portal: SocketAddr,
    user: Option<String>,
    password: Option<String>,
}

/// Nothing where nothing was done. What cannot be read was not ours.
pub(super) fn read(node: &dyn AccessFacilities) -> Access {
    let bytes = node.read(NOTE).ok().flatten().unwrap_or_default();
    let note: Note = serde_json::from_slice(&bytes).unwrap_or_default();
    let login = |login: NotedLogin| {
        let user = login.user.and_then(|user| user.parse().ok());
        let password = login.password.and_then(|password| password.parse().ok());
        Some(Login {
            session: SessionKey {
                target: login.target.parse().ok()?,
                portal: login.portal,
            },
            chap: user.zip(password),
        })
    };
    let document = seed::parse(&note.mounts).unwrap_or_default();
    Access {
        initiator: note.initiator.and_then(|name| name.parse().ok()),
        logins: note.logins.into_iter().filter_map(login).collect(),
        mounts: document.storage_access.nfs.mounts,
    }
}

pub(super) fn write(node: &dyn AccessFacilities, access: &Access) -> Result<(), AccessError> {
    let login = |login: &Login| NotedLogin {
        target: login.session.target.to_string(),
        portal: login.session.portal,
        user: login.chap.as_ref().map(|(user, _)| user.to_string()),
        password: login.chap.as_ref().map(|(_, password)| password.expose().to_owned()),
    };
    let nfs = Nfs {
        domain: None,
        mounts: access.mounts.clone(),
    };
    let note = Note {
        initiator: access.initiator.as_ref().map(ToString::to_string),
        logins: access.logins.iter().map(login).collect(),
        mounts: render(&Seed {
            storage_access: StorageAccess {
                nfs,
                ..StorageAccess::default()
            },
            ..Seed::default()
        }),
    };
    let bytes = serde_json::to_vec(&note).map_err(|error| AccessError::Facility(error.into()))?;
    Ok(node.write(NOTE, &bytes, 0o600)?)
}
