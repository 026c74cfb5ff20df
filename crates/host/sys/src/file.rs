//! Files: atomic replacement, bounded reads, checksums.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// A file operation that failed, with the path it was about.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("cannot {operation} {path}")]
    Io {
        operation: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("{path} is larger than {limit} bytes")]
    TooLarge { path: PathBuf, limit: u64 },
}

impl FileError {
    fn at(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io {
            operation,
            path,
            source,
        }
    }
}

/// What [`write_atomic`] calls a file until it is whole.
const TEMPORARY: &str = ".corbel-";

/// Whether a file with this name is one that [`write_atomic`] writes, or did when the power failed.
pub fn is_temporary(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(TEMPORARY.as_bytes())
}

/// Replace `path` with `bytes` and `mode`: a temporary file in the same folder, flushed, renamed over it, folder flushed
/// (rename(2), fsync(2)). After a power cut the old or the new content is there, never a part. Makes missing folders.
pub fn write_atomic(path: &Path, bytes: &[u8], mode: u32) -> Result<(), FileError> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    fs::create_dir_all(folder).map_err(FileError::at("make folder", folder))?;
    let mut temporary = tempfile::Builder::new()
        .prefix(TEMPORARY)
        .permissions(fs::Permissions::from_mode(mode))
        .tempfile_in(folder)
        .map_err(FileError::at("write in", folder))?;
    temporary.write_all(bytes).map_err(FileError::at("write", path))?;
    // The process's umask may have taken bits away.
    temporary
        .as_file()
        .set_permissions(fs::Permissions::from_mode(mode))
        .map_err(FileError::at("set the mode of", path))?;
    temporary.as_file().sync_all().map_err(FileError::at("flush", path))?;
    temporary
        .persist(path)
        .map_err(|e| FileError::at("replace", path)(e.error))?;
    File::open(folder)
        .and_then(|f| f.sync_all())
        .map_err(FileError::at("flush", folder))
}

/// Tells the kernel a value by one of its files below `/sys` or `/proc`: written in its place by one call, because a value is no value in parts.
pub fn write_value(path: &Path, value: &str) -> Result<(), FileError> {
    let mut file = fs::OpenOptions::new()
        .write(true)
        .truncate(true)
        .open(path)
        .map_err(FileError::at("open", path))?;
    file.write_all(value.as_bytes()).map_err(FileError::at("write", path))
}

/// Read a whole file of at most `limit` bytes.
pub fn read_limited(path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
    let file = File::open(path).map_err(FileError::at("open", path))?;
    let mut bytes = Vec::new();
    file.take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(FileError::at("read", path))?;
    if bytes.len() as u64 > limit {
        return Err(FileError::TooLarge {
            path: path.to_owned(),
            limit,
        });
    }
    Ok(bytes)
}

/// SHA-256 of a file as 64 lower-case hex digits.
pub fn hash_file(path: &Path) -> Result<String, FileError> {
    let mut file = File::open(path).map_err(FileError::at("open", path))?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let n = file.read(&mut buffer).map_err(FileError::at("read", path))?;
        if n == 0 {
            break;
        }
        hasher.update(&buffer[..n]);
    }
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_replace_whole_and_keep_the_mode() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("a/b.conf");
        write_atomic(&path, b"old", 0o644).expect("first write");
        write_atomic(&path, b"new", 0o600).expect("second write");
        assert_eq!(read_limited(&path, 10).expect("read"), b"new");
        assert_eq!(fs::metadata(&path).expect("stat").permissions().mode() & 0o777, 0o600);
        assert_eq!(
            fs::read_dir(dir.path().join("a")).expect("list").count(),
            1,
            "no temporary file stays"
        );
        assert!(matches!(read_limited(&path, 2), Err(FileError::TooLarge { .. })));
        assert_eq!(hash_file(&path).expect("hash")[..8], *"11507a0e");
    }

    #[test]
    fn errors_name_the_path() {
        let error = write_atomic(Path::new("/proc/no/such"), b"", 0o600).expect_err("procfs takes no files");
        assert!(error.to_string().contains("/proc/no"), "{error}");
    }
}
