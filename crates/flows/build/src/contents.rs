//! What a finished layer holds, so that a damaged one is noticed before it is used: `.contents`, one line a file.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use corbel_sys::{FileError, hash_file, read_limited, write_atomic};

const NAME: &str = ".contents";
/// A list longer than this is not one of ours.
const LIST_LIMIT: u64 = 16 << 20;
/// Files at the top of a layer up to this size are known by checksum, others by size: reading a whole tree would cost more
/// than a warm build takes.
const HASHED: u64 = 256 << 20;

/// Write the list for the layer in `folder`.
pub(crate) fn write(folder: &Path) -> Result<(), FileError> {
    let mut text = String::new();
    for (path, size) in files(folder)? {
        let sum = sum(folder, &path, size)?;
        text.push_str(&format!("{sum} {size} {path}\n"));
    }
    write_atomic(&folder.join(NAME), text.as_bytes(), 0o644)
}

/// What is wrong with the layer in `folder`, if anything is.
pub(crate) fn problem(folder: &Path) -> Option<String> {
    let text = match read_limited(&folder.join(NAME), LIST_LIMIT) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(_) => return Some("its list of files cannot be read".into()),
    };
    let Ok(found) = files(folder) else {
        return Some("it cannot be read".into());
    };
    let recorded = parse(&text);
    for (path, (sum_then, size_then)) in &recorded {
        match found.get(path) {
            None => return Some(format!("{path} is missing")),
            Some(size) if size != size_then => {
                return Some(format!("{path} has {size} bytes, not {size_then}"));
            }
            Some(size) => match sum(folder, path, *size) {
                Ok(sum) if sum == *sum_then => {}
                _ => return Some(format!("{path} has changed")),
            },
        }
    }
    (recorded.is_empty() && !found.is_empty()).then(|| "its list of files is empty".into())
}

/// `SHA256|- SIZE PATH` lines; others are passed over, and what they stood for is then not checked.
fn parse(text: &str) -> BTreeMap<String, (String, u64)> {
    text.lines()
        .filter_map(|line| {
            let mut words = line.splitn(3, ' ');
            let (sum, size, path) = (words.next()?, words.next()?, words.next()?);
            Some((path.to_owned(), (sum.to_owned(), size.parse().ok()?)))
        })
        .collect()
}

fn sum(folder: &Path, path: &str, size: u64) -> Result<String, FileError> {
    if path.contains('/') || size > HASHED {
        Ok("-".into())
    } else {
        hash_file(&folder.join(path))
    }
}

/// Regular files below `folder` with their sizes, but for the list itself.
fn files(folder: &Path) -> Result<BTreeMap<String, u64>, FileError> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(current) = folders.pop() {
        let failed = |source| FileError::Io {
            operation: "read",
            path: current.clone(),
            source,
        };
        for entry in fs::read_dir(&current).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let meta = entry.metadata().map_err(failed)?;
            if meta.is_dir() {
                folders.push(entry.path());
            } else if meta.is_file() {
                let path = entry.path();
                let name = path
                    .strip_prefix(folder)
                    .unwrap_or(&path)
                    .to_string_lossy()
                    .into_owned();
                if name != NAME {
                    found.insert(name, meta.len());
                }
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn damage_is_named() {
        let dir = tempfile::tempdir().expect("a folder");
        let put = |name: &str, bytes: &[u8]| write_atomic(&dir.path().join(name), bytes, 0o644).expect("written");
        put("base.squashfs", b"root");
        put("modules/a b.ko", b"module");
        assert_eq!(problem(dir.path()).as_deref(), Some("its list of files cannot be read"));
        write(dir.path()).expect("written");
        assert_eq!(problem(dir.path()), None);
        put("base.squashfs", b"r00t");
        assert_eq!(problem(dir.path()).as_deref(), Some("base.squashfs has changed"));
        put("base.squashfs", b"ro");
        assert_eq!(problem(dir.path()).as_deref(), Some("base.squashfs has 2 bytes, not 4"));
        put("base.squashfs", b"root");
        fs::remove_file(dir.path().join("modules/a b.ko")).expect("removed");
        assert_eq!(problem(dir.path()).as_deref(), Some("modules/a b.ko is missing"));
        put(NAME, b"");
        assert_eq!(problem(dir.path()).as_deref(), Some("its list of files is empty"));
    }

    proptest! {
        #[test]
        fn any_list_is_read(text in "\\PC{0,200}") {
            parse(&text);
        }
        #[test]
        fn a_list_is_read_as_written(size: u64, path in "[a-z][a-z /.]{0,20}[a-z]") {
            let line = format!("- {size} {path}\n");
            let expected = ("-".to_owned(), size);
            prop_assert_eq!(parse(&line).remove(&path), Some(expected));
        }
    }
}
