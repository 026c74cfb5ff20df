//! Whether a node could read its configuration. The partition of a state is written to a file, its journal is replayed by
//! what a node does before it mounts it (`e2fsck -p`, and `e2fsck -y` where that is not enough), and the files are taken out by
//! `debugfs`. Parts that were not written since are not looked at twice.

use std::{
    collections::HashMap,
    fs::File,
    io,
    os::unix::{fs::FileExt as _, process::ExitStatusExt as _},
    path::Path,
    process::{Command, Stdio},
};

use anyhow::Context as _;
use corbel_layout::{Extent, ReadAt};
use corbel_model::seed;
use corbel_settle::store::ConfigStore;

use crate::state::{Identity, State};

/// What [`ConfigStore`] reads, from the top of the file system: files, and the folder of the documents that were.
const FILES: [&str; 4] = ["node.a.toml", "node.b.toml", "secrets.a.toml", "secrets.b.toml"];
const HISTORY: &str = "history";
/// A file system in memory that every Linux has.
const MEMORY: &str = "/dev/shm";
/// Exit status of e2fsck from which on something was left uncorrected (e2fsck(8)).
const UNCORRECTED: i32 = 4;

/// What a state's configuration says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Configuration {
    /// Of the document that counts.
    pub(super) generation: u64,
    /// The password of `admin` is known.
    pub(super) password: bool,
    /// Its file system needed more than its journal.
    pub(super) repaired: bool,
}

/// Looks at configurations and remembers what it saw.
#[derive(Debug)]
pub(super) struct Configurations {
    folder: tempfile::TempDir,
    known: HashMap<Identity, Result<Configuration, String>>,
}

impl Configurations {
    pub(super) fn new() -> io::Result<Self> {
        // In memory where that is possible: e2fsck waits until what it wrote is on the disk, thousands of times.
        let folder = tempfile::tempdir_in(MEMORY).or_else(|_| tempfile::tempdir())?;
        Ok(Self {
            folder,
            known: HashMap::new(),
        })
    }

    /// `Err` says why a node could not read it.
    pub(super) fn check(
        &mut self,
        state: &State<'_>,
        partition: Extent,
    ) -> anyhow::Result<Result<Configuration, String>> {
        let identity = state.identity(partition);
        if let Some(known) = self.known.get(&identity) {
            return Ok(known.clone());
        }
        let found = look(state, partition, self.folder.path())?;
        self.known.insert(identity, found.clone());
        Ok(found)
    }
}

fn look(state: &State<'_>, partition: Extent, folder: &Path) -> anyhow::Result<Result<Configuration, String>> {
    let image = folder.join("config.img");
    copy(state, partition, &image).context("cannot copy the configuration's partition")?;
    let mut repaired = false;
    let careful = tool("e2fsck", &["-p".as_ref(), image.as_os_str()], folder)?;
    if careful.status >= UNCORRECTED {
        repaired = true;
        let thorough = tool("e2fsck", &["-y".as_ref(), image.as_os_str()], folder)?;
        if thorough.status >= UNCORRECTED {
            return Ok(Err(format!("its file system cannot be mounted: {}", careful.said)));
        }
    }
    // There is none from the state before.
    let files = folder.join("config");
    let _ = std::fs::remove_dir_all(&files);
    std::fs::create_dir(&files).context("cannot make a folder")?;
    let mut requests = FILES.map(|name| format!("dump /{name} config/{name}\n")).concat();
    requests += &format!("rdump /{HISTORY} config\n");
    corbel_e2e::run::keep(&folder.join("requests"), &requests)?;
    let dumped = tool(
        "debugfs",
        &["-f".as_ref(), "requests".as_ref(), image.as_os_str()],
        folder,
    )?;
    // debugfs ends with 0 whatever happened; without the file in the image it makes none.
    if dumped.status != 0 {
        return Ok(Err(format!("its file system cannot be read: {}", dumped.said)));
    }
    Ok(read(&files, repaired))
}

fn read(files: &Path, repaired: bool) -> Result<Configuration, String> {
    match ConfigStore::new(files).current() {
        Ok(Some(current)) => match current.notes.first() {
            // A node would start, and would tell its owner that something was lost: a save must not come to that.
            Some(note) => Err(note.clone()),
            None => {
                let mut seed = seed::parse(&current.text).map_err(|error| error.to_string())?;
                seed.fill_secrets(&current.secrets);
                match seed.users.iter().find(|user| user.is_nobody()) {
                    Some(user) => Err(format!(
                        "the user {} has no password with generation {}",
                        user.name, current.generation
                    )),
                    None => Ok(Configuration {
                        generation: current.generation,
                        password: current.secrets.admin_password.is_some(),
                        repaired,
                    }),
                }
            }
        },
        Ok(None) => Err("there is no copy of it".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// The partition as a sparse file.
fn copy(state: &State<'_>, partition: Extent, image: &Path) -> io::Result<()> {
    let file = File::create(image)?;
    file.set_len(partition.length)?;
    let mut buffer = vec![0; 1 << 16];
    for range in state.content(partition)? {
        let mut at = range.start;
        while at < range.end {
            let piece = &mut buffer[..(range.end - at).min(1 << 16) as usize];
            state.read_at(at, piece)?;
            if piece.iter().any(|byte| *byte != 0) {
                file.write_all_at(piece, at - partition.offset)?;
            }
            at += piece.len() as u64;
        }
    }
    Ok(())
}

struct Ended {
    status: i32,
    said: String,
}

/// Not through a helper that takes every exit status but 0 for a failure: here the status is the answer.
fn tool(name: &str, arguments: &[&std::ffi::OsStr], folder: &Path) -> anyhow::Result<Ended> {
    let path = std::env::var("PATH").unwrap_or_default();
    #[allow(clippy::disallowed_methods)] // see above
    let output = Command::new(name)
        .args(arguments)
        .current_dir(folder)
        .env("PATH", format!("{path}:/usr/sbin:/sbin"))
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start {name}: `cargo xtask packages` installs it"))?;
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    let said = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join("; ");
    let status = output
        .status
        .code()
        .or(output.status.signal().map(|signal| 128 + signal));
    Ok(Ended {
        status: status.unwrap_or(UNCORRECTED),
        said,
    })
}
