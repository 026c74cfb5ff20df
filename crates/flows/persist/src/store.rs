//! The copies on `/config` and the list that names them.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use corbel_sys::ledger::Ledger;
use corbel_sys::{Cancel, Program, ProgramError, chain, read_limited};
use serde::{Deserialize, Serialize};

use crate::folder::Folder;
use crate::places::Places;
use crate::tree::{self, Size};
use crate::{PersistError, rules};

const VERSION: u32 = 1;
/// A difference beyond this is cut off.
const MOST_DIFFERENCE: u64 = 1 << 20;

/// What is kept, compared with what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Both are the same.
    Kept,
    /// What is there was changed: the next boot brings the copy back unless it is persisted again.
    Changed,
    /// It was removed; the next boot brings it back.
    Missing,
}

/// One path that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub path: String,
    pub state: State,
    /// Bytes of the copy.
    pub bytes: u64,
    /// Files, directories and links of the copy.
    pub files: usize,
    /// The image's own differs from the one of the image that it was persisted on: that file of a newer version is not seen.
    pub image_changed: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct List {
    version: u32,
    /// The highest number that was ever given.
    #[serde(default)]
    last: u64,
    entries: Vec<Kept>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Kept {
    path: String,
    /// Its folder in `items`; never used twice.
    item: u64,
    /// Of the image's own at that time; `None` when the image had none.
    #[serde(default)]
    image: Option<String>,
    /// The folders above it from below `/etc` or `/var` on, for an image that lacks them; the outermost first.
    #[serde(default)]
    above: Vec<Folder>,
}

/// Keeps and brings back. One caller at a time.
#[derive(Debug, Clone)]
pub struct Store {
    places: Places,
}

impl Store {
    /// Touches nothing yet.
    pub fn new(places: Places) -> Self {
        Self { places }
    }

    fn config(&self) -> Result<&Path, PersistError> {
        self.places.config.as_deref().ok_or(PersistError::Stateless)
    }

    fn ledger(&self) -> Result<Ledger, PersistError> {
        Ok(Ledger::new(self.config()?, "list", "json"))
    }

    fn items(&self) -> Result<PathBuf, PersistError> {
        Ok(self.config()?.join("items"))
    }

    fn copy_of(&self, kept: &Kept) -> Result<PathBuf, PersistError> {
        Ok(self.items()?.join(kept.item.to_string()).join("content"))
    }

    fn load(&self) -> Result<List, PersistError> {
        let Some(version) = self.ledger()?.load()? else {
            return Ok(List {
                version: VERSION,
                last: 0,
                entries: vec![],
            });
        };
        #[derive(Deserialize)]
        struct Head {
            version: u32,
        }
        let damaged = |error: serde_json::Error| PersistError::List {
            folder: self.places.config.clone().unwrap_or_default(),
            problem: error.to_string(),
        };
        let head: Head = serde_json::from_str(&version.text).map_err(damaged)?;
        if head.version > VERSION {
            return Err(PersistError::Newer);
        }
        serde_json::from_str(&version.text).map_err(damaged)
    }

    fn save(&self, list: &List) -> Result<(), PersistError> {
        let text = serde_json::to_string_pretty(list).map_err(|error| PersistError::List {
            folder: self.places.config.clone().unwrap_or_default(),
            problem: error.to_string(),
        })?;
        self.ledger()?.save(&(text + "\n"))?;
        Ok(())
    }

    /// All that is kept, by path: on a stateless node nothing.
    ///
    /// # Errors
    /// A list that cannot be read.
    pub fn list(&self) -> Result<Vec<Entry>, PersistError> {
        if self.places.config.is_none() {
            return Ok(vec![]);
        }
        self.load()?.entries.iter().map(|kept| self.entry(kept)).collect()
    }

    fn entry(&self, kept: &Kept) -> Result<Entry, PersistError> {
        let (copy, live) = (self.copy_of(kept)?, self.places.live(&kept.path));
        let Size { bytes, files } =
            tree::walk(&copy, &kept.path).map_or(Size { bytes: 0, files: 0 }, |all| tree::size(&all));
        let state = match fs::symlink_metadata(&live) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => State::Missing,
            _ => match (tree::digest(&live), tree::digest(&copy)) {
                (Some(live), Some(copy)) if live == copy => State::Kept,
                _ => State::Changed,
            },
        };
        Ok(Entry {
            path: kept.path.clone(),
            state,
            bytes,
            files,
            image_changed: tree::digest(&self.places.shipped(&kept.path)) != kept.image,
        })
    }

    /// Keeps what is at the path now; what was kept of it before is replaced, or stays whole when this fails.
    ///
    /// # Errors
    /// Each reason not to: see [`PersistError`].
    pub fn persist(&self, path: &str) -> Result<Entry, PersistError> {
        let mut list = self.load()?;
        rules::check(path, list.entries.iter().map(|kept| kept.path.as_str()))?;
        let live = self.places.live(path);
        self.check_parents(path, &live)?;
        let found = tree::walk(&live, path)?;
        rules::check_names(path, found.iter().filter_map(|(at, _)| at.file_name()?.to_str()))?;
        let size = tree::size(&found);
        let items = self.items()?;
        fs::create_dir_all(&items).map_err(PersistError::io("make", &items))?;
        self.check_room(path, &items, size)?;

        let used = list.entries.iter().map(|kept| kept.item).max().unwrap_or(0);
        list.last = used.max(list.last) + 1;
        let kept = Kept {
            path: path.to_owned(),
            item: list.last,
            image: tree::digest(&self.places.shipped(path)),
            above: self
                .above(path)
                .map(|above| Folder::of(&above))
                .collect::<Result<_, _>>()?,
        };
        let folder = items.join(kept.item.to_string());
        // Of a try that was broken off.
        tree::remove(&folder)?;
        if let Err(error) = self.fill(&folder, &live) {
            let _ = tree::remove(&folder);
            return Err(error);
        }
        let older = list.entries.iter().position(|other| other.path == path);
        let older = older.map(|at| list.entries.remove(at));
        list.entries.push(kept.clone());
        list.entries.sort_by(|a, b| a.path.cmp(&b.path));
        self.save(&list)?;
        if let Some(older) = older {
            // The newer one counts already; what stays of the older one goes at the next boot.
            let _ = tree::remove(&items.join(older.item.to_string()));
        }
        self.entry(&kept)
    }

    /// The folders above a path, from below `/etc` or `/var` on.
    fn above(&self, path: &str) -> impl Iterator<Item = PathBuf> {
        let ends = path.match_indices('/').map(|(at, _)| &path[..at]);
        // The first is the root, the second /etc or /var, which every image has.
        ends.skip(2).map(|above| self.places.live(above))
    }

    /// The copy is whole and safe when this returns.
    fn fill(&self, folder: &Path, live: &Path) -> Result<(), PersistError> {
        fs::create_dir(folder).map_err(PersistError::io("make", folder))?;
        tree::copy(live, &folder.join("content"))?;
        let flushed = File::open(folder).and_then(|open| Ok(rustix::fs::syncfs(open)?));
        flushed.map_err(PersistError::io("flush", folder))
    }

    /// A path through a link would come back at another place than where it was.
    fn check_parents(&self, path: &str, live: &Path) -> Result<(), PersistError> {
        let parent = live.parent().unwrap_or(&self.places.root);
        let refused = |problem: String| PersistError::Refused {
            path: path.to_owned(),
            problem,
        };
        let real = match fs::canonicalize(parent) {
            Ok(real) => real,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(refused("does not exist".into())),
            Err(error) => return Err(PersistError::io("read", parent)(error)),
        };
        let root = fs::canonicalize(&self.places.root).map_err(PersistError::io("read", &self.places.root))?;
        if real == root.join(parent.strip_prefix(&self.places.root).unwrap_or(parent)) {
            return Ok(());
        }
        let real = real
            .strip_prefix(&root)
            .map_or(real.clone(), |below| Path::new("/").join(below));
        let name = live.file_name().unwrap_or(OsStr::new(""));
        Err(refused(format!(
            "goes through a symbolic link: it is {}",
            real.join(name).display()
        )))
    }

    fn check_room(&self, path: &str, items: &Path, size: Size) -> Result<(), PersistError> {
        let room = rustix::fs::statvfs(items).map_err(|error| PersistError::io("look at", items)(error.into()))?;
        rules::check_room(path, size, room.f_bavail.saturating_mul(room.f_frsize))
    }

    /// Keeps it no more. What is at the path stays until the next boot, which brings the image's own.
    ///
    /// # Errors
    /// A path that is not kept, a stateless node, a list that cannot be read or written.
    pub fn unpersist(&self, path: &str) -> Result<(), PersistError> {
        let mut list = self.load()?;
        let Some(at) = list.entries.iter().position(|kept| kept.path == path) else {
            return Err(PersistError::NotPersisted { path: path.to_owned() });
        };
        let kept = list.entries.remove(at);
        list.last = list.last.max(kept.item);
        self.save(&list)?;
        tree::remove(&self.items()?.join(kept.item.to_string()))
    }

    /// What the copy has in another way than the image, as diff(1) writes it; empty when they are the same.
    ///
    /// # Errors
    /// A path that is not kept, or a program that fails.
    pub fn difference(&self, path: &str) -> Result<String, PersistError> {
        let missing = || PersistError::NotPersisted { path: path.to_owned() };
        if self.places.config.is_none() {
            return Err(missing());
        }
        let list = self.load()?;
        let kept = list.entries.iter().find(|kept| kept.path == path).ok_or_else(missing)?;
        let said = self.places.scratch.join(format!("persist-difference-{}", kept.item));
        let compared = Program::new("diff")
            .args(["--unified", "--recursive", "--new-file", "--no-dereference"])
            .args(["--label", "image", "--label", path, "--"])
            .arg(self.places.shipped(path))
            .arg(self.copy_of(kept)?)
            .stdout_file(&said)
            .deadline(Duration::from_secs(30))
            .run(&Cancel::new());
        let text = read_limited(&said, MOST_DIFFERENCE);
        tree::remove(&said)?;
        match compared {
            // diff(1): 1 says that they differ.
            Err(ProgramError::Failed { status, .. }) if status.code() == Some(1) => {}
            other => drop(other?),
        }
        Ok(text.map_or_else(
            |_| format!("the difference is larger than {} KiB\n", MOST_DIFFERENCE / 1024),
            |bytes| String::from_utf8_lossy(&bytes).into_owned(),
        ))
    }

    /// Lays all that is kept over the image's own, and removes what a power cut left half done. Gives what could not be brought back,
    /// a sentence each: one bad file keeps no other from its place.
    pub fn restore(&self) -> Vec<String> {
        let list = match self.load() {
            Ok(list) => list,
            Err(PersistError::Stateless) => return vec![],
            Err(error) => return vec![format!("persisted files are not in their places: {}", chain(&error))],
        };
        let mut problems: Vec<String> = list
            .entries
            .iter()
            .filter_map(|kept| {
                let error = self.bring_back(kept).err()?;
                Some(format!(
                    "persisted {} is not in its place: {}",
                    kept.path,
                    chain(&error)
                ))
            })
            .collect();
        if let Err(error) = self.tidy(&list) {
            problems.push(format!("old copies of persisted files stay: {}", chain(&error)));
        }
        problems
    }

    fn bring_back(&self, kept: &Kept) -> Result<(), PersistError> {
        // The list may come from a version that took what this one does not.
        rules::check(&kept.path, [])?;
        let (copy, live) = (self.copy_of(kept)?, self.places.live(&kept.path));
        let parent = live.parent().unwrap_or(&self.places.root);
        self.make_above(kept)?;
        self.check_parents(&kept.path, &live)?;
        let ready = parent.join(format!(".corbel-persist-{}", kept.item));
        tree::remove(&ready)?;
        tree::copy(&copy, &ready)?;
        // A rename does not replace a folder that has something in it (rename(2)).
        if ready.is_dir() || live.is_dir() {
            tree::remove(&live)?;
        }
        fs::rename(&ready, &live).map_err(PersistError::io("put back", &live))
    }

    fn make_above(&self, kept: &Kept) -> Result<(), PersistError> {
        // An older list does not say.
        let usual = Folder {
            mode: 0o755,
            uid: 0,
            gid: 0,
        };
        for (at, path) in self.above(&kept.path).enumerate() {
            // What is there and no folder is found by whoever goes through it.
            if fs::symlink_metadata(&path).is_err() {
                let folder = kept.above.get(at).unwrap_or(&usual);
                folder.make(&path).map_err(PersistError::io("make", &path))?;
            }
        }
        Ok(())
    }

    fn tidy(&self, list: &List) -> Result<(), PersistError> {
        let items = self.items()?;
        let Ok(folders) = fs::read_dir(&items) else {
            return Ok(());
        };
        for folder in folders.flatten() {
            let name = folder.file_name();
            let named = |kept: &Kept| OsStr::new(&kept.item.to_string()) == name;
            if !list.entries.iter().any(named) {
                tree::remove(&folder.path())?;
            }
        }
        Ok(())
    }
}
