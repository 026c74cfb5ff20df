//! A file, a directory with all that is in it, or a link: how large it is, whether two are the same, and copies.

use std::fmt::Write as _;
use std::fs::{self, FileType, Metadata};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use corbel_sys::{Cancel, Program, hash_file};
use rustix::buffer::spare_capacity;
use rustix::io::Errno;
use sha2::{Digest, Sha256};

use crate::{MOST_BYTES, MOST_FILES, PersistError};

/// The kernel gives no more at once: XATTR_LIST_MAX and XATTR_SIZE_MAX of linux/limits.h.
const MOST_ATTRIBUTES: usize = 64 << 10;
/// Of one copy: it has at most [`MOST_BYTES`].
const LIMIT: Duration = Duration::from_secs(60);

/// What stands at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) bytes: u64,
    pub(crate) files: usize,
}

/// All of it in a fixed order, the top first. `told` is the path in sentences.
///
/// # Errors
/// Nothing there, too much of it, or a file that is none.
pub(crate) fn walk(path: &Path, told: &str) -> Result<Vec<(PathBuf, Metadata)>, PersistError> {
    let refused = |path: &Path, top: &Path, problem: String| {
        let below = path.strip_prefix(top).unwrap_or(Path::new("")).display().to_string();
        let path = if below.is_empty() {
            told.to_owned()
        } else {
            format!("{told}/{below}")
        };
        PersistError::Refused { path, problem }
    };
    let mut found = Vec::new();
    let mut next = vec![path.to_owned()];
    let mut bytes = 0_u64;
    while let Some(at) = next.pop() {
        let metadata = match fs::symlink_metadata(&at) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound && at == path => {
                return Err(refused(&at, path, "does not exist".into()));
            }
            Err(error) => return Err(PersistError::io("read", &at)(error)),
        };
        let kind = metadata.file_type();
        if let Some(special) = special(kind) {
            let problem = format!("is {special}: only files, directories and symbolic links can be kept");
            return Err(refused(&at, path, problem));
        }
        if kind.is_dir() {
            let entries = fs::read_dir(&at).map_err(PersistError::io("read", &at))?;
            let mut below = entries
                .map(|entry| entry.map(|entry| entry.path()))
                .collect::<Result<Vec<_>, _>>()
                .map_err(PersistError::io("read", &at))?;
            below.sort_unstable_by(|a, b| b.cmp(a));
            next.extend(below);
        }
        bytes += metadata.len();
        found.push((at, metadata));
        if found.len() + next.len() > MOST_FILES {
            return Err(refused(
                path,
                path,
                format!("holds more than {MOST_FILES} files: name those that you need"),
            ));
        }
        if bytes > MOST_BYTES {
            let limit = MOST_BYTES >> 20;
            return Err(refused(
                path,
                path,
                format!("is larger than {limit} MiB: what is large belongs on /data"),
            ));
        }
    }
    Ok(found)
}

fn special(kind: FileType) -> Option<&'static str> {
    if kind.is_socket() {
        Some("a socket")
    } else if kind.is_fifo() {
        Some("a named pipe")
    } else if kind.is_block_device() || kind.is_char_device() {
        Some("a device")
    } else {
        None
    }
}

/// Bytes and files of what [`walk`] found.
pub(crate) fn size(found: &[(PathBuf, Metadata)]) -> Size {
    Size {
        bytes: found.iter().map(|(_, metadata)| metadata.len()).sum(),
        files: found.len(),
    }
}

/// Extended attributes by name, POSIX ACLs among them (xattr(7)). A file system without them has none.
fn attributes(path: &Path) -> io::Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let mut names = Vec::with_capacity(MOST_ATTRIBUTES);
    match rustix::fs::llistxattr(path, spare_capacity(&mut names)) {
        Ok(_) => {}
        Err(Errno::OPNOTSUPP) => return Ok(vec![]),
        Err(error) => return Err(error.into()),
    }
    let mut names: Vec<&[u8]> = names.split(|byte| *byte == 0).filter(|name| !name.is_empty()).collect();
    names.sort_unstable();
    let value = |name: &[u8]| {
        let mut value = Vec::with_capacity(MOST_ATTRIBUTES);
        rustix::fs::lgetxattr(path, name, spare_capacity(&mut value))?;
        Ok((name.to_vec(), value))
    };
    names.into_iter().map(value).collect()
}

/// A checksum of names, kinds, owners, modes, extended attributes and contents; `None` when nothing is there or it cannot be kept.
pub(crate) fn digest(path: &Path) -> Option<String> {
    let mut hash = Sha256::new();
    for (at, metadata) in walk(path, "").ok()? {
        let below = at.strip_prefix(path).ok()?;
        let owner = (metadata.uid(), metadata.gid());
        hash.update(format!("{below:?} {owner:?} {:o} ", metadata.mode()));
        for (name, value) in attributes(&at).ok()? {
            hash.update(format!("{name:?}={value:?} "));
        }
        if metadata.is_symlink() {
            hash.update(format!("{:?}", fs::read_link(&at).ok()?));
        } else if metadata.is_file() {
            hash.update(hash_file(&at).ok()?);
        }
        hash.update("\n");
    }
    let mut text = String::new();
    for byte in hash.finalize() {
        let _ = write!(text, "{byte:02x}");
    }
    Some(text)
}

/// Copies with owners, modes, times, links and extended attributes (cp(1), `--archive`). The folder of `to` is there, `to` is not.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<(), PersistError> {
    Program::new("cp")
        .args(["--archive", "--no-target-directory", "--"])
        .arg(from)
        .arg(to)
        .deadline(LIMIT)
        .run(&Cancel::new())?;
    Ok(())
}

/// Whatever is there is no more. Nothing there is fine.
pub(crate) fn remove(path: &Path) -> Result<(), PersistError> {
    let removed = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    };
    removed.map_err(PersistError::io("remove", path))
}
