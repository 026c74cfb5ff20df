//! What tests of case folders share: each case has its files, and `expected/` below it has what must come out.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// The case folders below `name` of this crate, sorted.
pub(crate) fn cases(name: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    let entries = fs::read_dir(&root).expect("the cases");
    let mut cases: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    cases.sort();
    cases
}

/// Holds each case's `expected/` against what `outcome` makes of it: texts by their path below that folder. With `UPDATE_CASES` they are
/// written instead.
pub(crate) fn hold(cases: Vec<PathBuf>, outcome: impl Fn(&Path) -> BTreeMap<String, String>) {
    let mut wrong = String::new();
    for case in cases {
        let found = outcome(&case);
        let folder = case.join("expected");
        if std::env::var_os("UPDATE_CASES").is_some() {
            let _ = fs::remove_dir_all(&folder);
            for (path, text) in &found {
                let path = folder.join(path);
                fs::create_dir_all(path.parent().expect("below the case")).expect("a folder");
                fs::File::create(path)
                    .and_then(|mut file| file.write_all(text.as_bytes()))
                    .expect("written");
            }
            continue;
        }
        let mut wanted = BTreeMap::new();
        expected(&folder, Path::new(""), &mut wanted);
        for path in found
            .keys()
            .chain(wanted.keys().filter(|path| !found.contains_key(*path)))
        {
            if found.get(path) != wanted.get(path) {
                let text = |all: &BTreeMap<String, String>| all.get(path).cloned().unwrap_or("(absent)\n".into());
                wrong += &format!(
                    "--- {}/{path}\nexpected:\n{}found:\n{}",
                    case.display(),
                    text(&wanted),
                    text(&found)
                );
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

fn expected(folder: &Path, below: &Path, found: &mut BTreeMap<String, String>) {
    let Ok(entries) = fs::read_dir(folder.join(below)) else {
        return;
    };
    for entry in entries {
        let below = below.join(entry.expect("an entry").file_name());
        let path = folder.join(&below);
        if path.is_dir() {
            expected(folder, &below, found);
        } else {
            let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            found.insert(below.to_string_lossy().into_owned(), text);
        }
    }
}
