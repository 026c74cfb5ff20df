//! What an owner keeps beyond the configuration, for the API.

use corbel_agent::{Persisted, PersistedState, SystemError};
use corbel_model::ByteSize;
use corbel_persist::{Entry, PersistError, Places, State, Store};

use super::{disks, failed};

fn store() -> Store {
    Store::new(Places::node(disks::boot().installed_on().is_some()))
}

fn told(entry: Entry) -> Persisted {
    Persisted {
        path: entry.path,
        state: match entry.state {
            State::Kept => PersistedState::Kept,
            State::Changed => PersistedState::Changed,
            State::Missing => PersistedState::Missing,
        },
        size: ByteSize(entry.bytes),
        files: entry.files,
        image_changed: entry.image_changed,
    }
}

fn refused(error: PersistError) -> SystemError {
    match error {
        PersistError::Refused { path, problem } => SystemError::Invalid {
            field: "path".to_owned(),
            problem: format!("{path} {problem}"),
        },
        error @ PersistError::NotPersisted { .. } => SystemError::NotFound(error.to_string()),
        error @ PersistError::NoRoom { .. } => SystemError::NoRoom(error.to_string()),
        error @ (PersistError::Stateless | PersistError::Newer) => SystemError::Refused(error.to_string()),
        error => failed("keeping files", &error),
    }
}

pub(super) fn list() -> Result<Vec<Persisted>, SystemError> {
    Ok(store().list().map_err(refused)?.into_iter().map(told).collect())
}

pub(super) fn persist(path: &str) -> Result<Persisted, SystemError> {
    store().persist(path).map(told).map_err(refused)
}

pub(super) fn unpersist(path: &str) -> Result<(), SystemError> {
    store().unpersist(path).map_err(refused)
}

pub(super) fn difference(path: &str) -> Result<String, SystemError> {
    store().difference(path).map_err(refused)
}
