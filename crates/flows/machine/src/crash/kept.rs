//! The dumps that the node knows of: a folder each on the data partition, with what was noted of it. Of one that went to a server only the
//! note is here.

use std::fs;
use std::path::{Path, PathBuf};

use corbel_model::ByteSize;
use corbel_plan::dump::{Marker, is_name, surplus};
use corbel_sys::{FileError, read_limited, write_atomic};

/// Where they lie.
pub(super) const FOLDER: &str = "/data/dumps";
pub(super) const CORE: &str = "vmcore";
pub(super) const MESSAGES: &str = "dmesg.txt";
const MARKER: &str = "dump.json";
const LIMIT: u64 = 1 << 20;

/// A dump, or the note of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dump {
    pub name: String,
    pub marker: Marker,
}

/// What the node has, the newest first. A folder without a note is of a node that lost its power while it saved.
pub fn list() -> Vec<Dump> {
    list_in(Path::new(FOLDER))
}

fn list_in(folder: &Path) -> Vec<Dump> {
    let mut found: Vec<Dump> = names(folder)
        .into_iter()
        .map(|name| {
            let at = folder.join(&name);
            let bytes = read_limited(&at.join(MARKER), LIMIT).ok();
            let marker = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
            let marker = marker.unwrap_or_else(|| Marker {
                at: 0,
                reason: "not known".to_owned(),
                place: "this node".to_owned(),
                bytes: size(&at),
                problem: Some("the node lost its power while it was saved".to_owned()),
            });
            Dump { name, marker }
        })
        .collect();
    found.sort_by(|a, b| b.name.cmp(&a.name));
    found
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let named = entries.filter_map(|entry| entry.file_name().into_string().ok());
    named.filter(|name| is_name(name)).collect()
}

/// Of the files in a folder.
pub(super) fn size(folder: &Path) -> u64 {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    files
        .filter_map(|file| file.metadata().ok())
        .map(|data| data.len())
        .sum()
}

/// Writes the note of a dump.
pub(super) fn note(folder: &Path, name: &str, marker: &Marker) -> Result<(), FileError> {
    let json = serde_json::to_vec_pretty(marker).expect("texts and numbers are always JSON");
    write_atomic(&folder.join(name).join(MARKER), &json, 0o600)
}

/// Takes away what is beyond the bounds, and leaves room for `coming` more. Gives what could not be taken away.
pub(super) fn prune(folder: &Path, keep: u8, max_size: ByteSize) -> Vec<PathBuf> {
    let mut all: Vec<(String, u64)> = names(folder)
        .into_iter()
        .map(|name| {
            let bytes = size(&folder.join(&name));
            (name, bytes)
        })
        .collect();
    all.sort_by(|a, b| b.0.cmp(&a.0));
    let gone = surplus(&all, keep, max_size).into_iter().map(|name| folder.join(name));
    gone.filter(|path| fs::remove_dir_all(path).is_err()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_come_first_and_the_oldest_go() {
        let folder = tempfile::tempdir().expect("a folder");
        let marker = |at| Marker {
            at,
            reason: "sysrq triggered crash".to_owned(),
            place: "this node".to_owned(),
            bytes: 7,
            problem: None,
        };
        for (name, at) in [("20261126T181530Z", 2), ("20261125T000000Z", 1)] {
            note(folder.path(), name, &marker(at)).expect("noted");
        }
        write_atomic(&folder.path().join("20261127T000000Z/vmcore"), b"KDUMP", 0o600).expect("written");
        write_atomic(&folder.path().join("lost+found/x"), b"", 0o600).expect("written");
        let found: Vec<_> = list_in(folder.path())
            .into_iter()
            .map(|dump| (dump.name, dump.marker.at, dump.marker.problem.is_some()))
            .collect();
        let expected = [
            ("20261127T000000Z", 0, true),
            ("20261126T181530Z", 2, false),
            ("20261125T000000Z", 1, false),
        ];
        assert_eq!(
            found,
            expected.map(|(name, at, problem)| (name.to_owned(), at, problem))
        );
        assert!(prune(folder.path(), 2, ByteSize::gib(1)).is_empty());
        assert_eq!(list_in(folder.path()).len(), 2);
        assert!(folder.path().join("lost+found").is_dir());
        assert!(list_in(Path::new("/nowhere")).is_empty());
    }
}
