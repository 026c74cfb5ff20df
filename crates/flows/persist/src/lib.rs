//! What an owner keeps beyond the configuration: files, directories and symbolic links of `/etc` and `/var`, which are new at each
//! boot otherwise.
//!
//! ```text
//! persist PATH ─▶ rules ─▶ copy to /config/persist/items/N ─▶ flush ─▶ list (two copies) names N ─▶ the older copy goes
//! boot         ─▶ list  ─▶ each item is laid over the image's own, before anything reads it
//! ```
//!
//! Copies, no bind mounts: an editor may replace a file, and the node's own programs may. A change is kept when somebody says so
//! again; until then the list shows it. A power cut leaves the older or the newer copy, whole: the list decides which one counts, and
//! what it does not name is removed at the next boot.

mod folder;
mod places;
mod rules;
mod store;
mod tree;

use std::path::PathBuf;

pub use places::Places;
pub use rules::{MOST_BYTES, MOST_FILES, RESERVE};
pub use store::{Entry, State, Store};

/// Why something is not kept, or could not be. Each is one sentence that names the path.
#[derive(Debug, thiserror::Error)]
pub enum PersistError {
    /// Nowhere to keep it.
    #[error(
        "this node runs without an installed disk, so nothing can be kept: install it, or say what you need in its words or its seed"
    )]
    Stateless,
    /// The path is not one that can be kept.
    #[error("{path}: {problem}")]
    Refused { path: String, problem: String },
    /// It is not kept.
    #[error("{path} is not persisted")]
    NotPersisted { path: String },
    /// `/config` is full, or nearly.
    #[error("{path}: {needed} KiB are needed on /config and {free} KiB are free, of which {RESERVE_KIB} KiB stay for the node's own configuration", RESERVE_KIB = RESERVE / 1024)]
    NoRoom { path: String, needed: u64, free: u64 },
    /// The list is that of a version that knows more.
    #[error("the list of persisted files was written by a newer version of Corbel: start that one to change it")]
    Newer,
    #[error("{}: the list of persisted files cannot be read: {problem}", folder.display())]
    List { folder: PathBuf, problem: String },
    #[error("cannot {operation} {}", path.display())]
    Io {
        operation: &'static str,
        path: PathBuf,
        source: std::io::Error,
    },
    #[error(transparent)]
    Program(#[from] corbel_sys::ProgramError),
    #[error(transparent)]
    Ledger(#[from] corbel_sys::ledger::LedgerError),
}

impl PersistError {
    fn io(operation: &'static str, path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io {
            operation,
            path,
            source,
        }
    }
}

#[cfg(test)]
mod tests;
