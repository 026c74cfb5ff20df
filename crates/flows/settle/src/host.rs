//! The real machine, below a root that is `/` on a node and a folder in tests and dry runs.

mod access;
mod config;
mod machine;
mod state;
mod zone;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use corbel_disk::{MOST_FILE_BYTES, MOST_FILES, SysDevices, find_seed, read_found_seed};
use corbel_model::network::Interface;
use corbel_model::{HostName, TimeZone};
use corbel_net::{Wait, interfaces, wait_for_interfaces};
use corbel_plan::settle::Need;
use corbel_sys::{Cancel, Program, read_limited, wait_for_quiet_udev, write_atomic, write_value};
use serde::Deserialize;

use crate::facilities::{Facilities, FacilityError};
use crate::state::StateReport;
use crate::store::{ConfigStore, Current};

/// A driver that takes longer than this to show its interface is not waited for; the network comes up without. A machine
/// under emulation on a busy host was seen to take 26 s until udev had named its only interface; the unit's own limit is 60 s.
const INTERFACE_LIMIT: Duration = Duration::from_secs(40);
/// How long udev must have been idle, and how long that is waited for, before a boot from the network does without a disk with a seed.
const DISK_GRACE: Duration = Duration::from_secs(1);
const DISK_LIMIT: Duration = Duration::from_secs(30);
/// A kernel's command line is at most 2 KiB here, other files of interest are a few KiB.
const READ_LIMIT: u64 = 1 << 20;
/// Files of a netboot's initramfs, copied by corbel-init.
const NETBOOT_SEED: &str = "/run/corbel/seed";
/// Types of host keys that are made. RSA is left out: it takes seconds to make, and every client of the last ten years has the others.
const HOST_KEY_TYPES: [&str; 2] = ["ed25519", "ecdsa"];

/// What an installed node keeps about itself.
const CONFIG: &str = "/config";
/// Its SSH host keys: who connected once is not warned of a stranger after a reboot.
const KEPT_KEYS: &str = "/config/ssh";

/// Where the seed is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum SeedPlace {
    /// `/run/corbel/seed` if it is there, else the volume `CORBEL-SEED`.
    #[default]
    Found,
    /// This folder.
    Folder(PathBuf),
    /// Nowhere: a root that is not this machine's has no volumes.
    None,
}

/// This machine.
#[derive(Debug, Clone)]
pub struct Host {
    root: PathBuf,
    command_line: Option<String>,
    seed: SeedPlace,
    look_only: bool,
}

impl Default for Host {
    fn default() -> Self {
        Self {
            root: "/".into(),
            command_line: None,
            seed: SeedPlace::Found,
            look_only: false,
        }
    }
}

impl Host {
    /// A machine whose files are below `root`. With another root than `/` nothing outside of it is touched: no volume is searched and the
    /// running system keeps its name.
    pub fn below(root: impl Into<PathBuf>) -> Self {
        let root = root.into();
        let seed = if root == Path::new("/") {
            SeedPlace::Found
        } else {
            SeedPlace::None
        };
        Self {
            root,
            command_line: None,
            seed,
            look_only: false,
        }
    }

    /// Takes this instead of the kernel's command line.
    pub fn with_command_line(mut self, text: impl Into<String>) -> Self {
        self.command_line = Some(text.into());
        self
    }

    /// Takes the seed from there.
    pub fn with_seed(mut self, place: SeedPlace) -> Self {
        self.seed = place;
        self
    }

    /// Neither waits for interfaces nor sets them up: for a dry run.
    pub fn looking_only(mut self) -> Self {
        self.look_only = true;
        self
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    fn is_this_machine(&self) -> bool {
        self.root == Path::new("/")
    }

    /// The device that corbel-init booted from.
    fn medium(&self) -> Option<String> {
        #[derive(Deserialize)]
        struct Boot {
            medium: Option<String>,
        }
        let bytes = read_limited(&self.path("/run/corbel/boot.json"), READ_LIMIT).ok()?;
        serde_json::from_slice::<Boot>(&bytes).ok()?.medium
    }
}

/// The seed folder holds too much.
#[derive(Debug, thiserror::Error)]
#[error("{folder} holds more than {MOST_FILES} files")]
struct TooManyFiles {
    folder: PathBuf,
}

/// A file operation that is not one of `corbel-sys`.
#[derive(Debug, thiserror::Error)]
#[error("cannot {operation} {path}")]
struct FileProblem {
    operation: &'static str,
    path: PathBuf,
    source: io::Error,
}

fn problem(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> FileProblem {
    let path = path.to_owned();
    move |source| FileProblem {
        operation,
        path,
        source,
    }
}

fn make_key(kind: &str, path: &Path) -> Result<(), FacilityError> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(folder).map_err(problem("make", folder))?;
    Program::new("ssh-keygen")
        .args(["-q", "-t", kind, "-N", "", "-C", ""])
        .arg("-f")
        .arg(path)
        .deadline(Duration::from_secs(30))
        .run(&Cancel::new())?;
    Ok(())
}

/// ssh-keygen flushes nothing: a key that a client has seen must not be another one after a power cut.
fn sync_folder(folder: &Path) -> Result<(), FacilityError> {
    for entry in fs::read_dir(folder).map_err(problem("list", folder))? {
        let path = entry.map_err(problem("list", folder))?.path();
        fs::File::open(&path)
            .and_then(|file| file.sync_all())
            .map_err(problem("flush", &path))?;
    }
    fs::File::open(folder)
        .and_then(|file| file.sync_all())
        .map_err(problem("flush", folder))?;
    Ok(())
}

/// Files of a seed folder and of its folder `clients`, names in lower case as from the FAT volume.
fn read_folder(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>, FacilityError> {
    let mut files = BTreeMap::new();
    for (below, prefix) in [("", ""), ("clients", "clients/")] {
        let folder = folder.join(below);
        if !folder.is_dir() {
            continue;
        }
        for entry in fs::read_dir(&folder).map_err(problem("list", &folder))? {
            let path = entry.map_err(problem("list", &folder))?.path();
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .to_ascii_lowercase();
            if !path.is_file() || name.starts_with('.') {
                continue;
            }
            if files.len() >= MOST_FILES {
                return Err(TooManyFiles { folder }.into());
            }
            files.insert(format!("{prefix}{name}"), read_limited(&path, MOST_FILE_BYTES)?);
        }
    }
    Ok(files)
}

impl Facilities for Host {
    fn command_line(&self) -> Result<String, FacilityError> {
        if let Some(text) = &self.command_line {
            return Ok(text.clone());
        }
        let bytes = read_limited(&self.path("/proc/cmdline"), READ_LIMIT)?;
        // A byte that is not UTF-8 spoils its own word and no other.
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn seed(&self) -> Result<BTreeMap<String, Vec<u8>>, FacilityError> {
        match &self.seed {
            SeedPlace::None => Ok(BTreeMap::new()),
            SeedPlace::Folder(folder) => read_folder(folder),
            SeedPlace::Found => {
                let folder = self.path(NETBOOT_SEED);
                if folder.is_dir() {
                    return read_folder(&folder);
                }
                let devices = SysDevices::default();
                let medium = self.medium();
                let mut found = find_seed(&devices, medium.as_deref())?;
                // The medium's own area is there from the beginning; a disk that carries nothing but the seed may come late.
                if found.is_none() && !self.look_only {
                    wait_for_quiet_udev(&self.root, DISK_GRACE, DISK_LIMIT);
                    found = find_seed(&devices, medium.as_deref())?;
                }
                match found {
                    Some(found) => Ok(read_found_seed(&devices, &found)?),
                    None => Ok(BTreeMap::new()),
                }
            }
        }
    }

    fn interfaces(&self, need: Need) -> Result<Vec<Interface>, FacilityError> {
        // Another root's interfaces are a picture: nothing is waited for there.
        if self.look_only || !self.is_this_machine() {
            return Ok(interfaces(&self.root)?);
        }
        let wait = if need == Need::Carrier {
            Wait::Carrier
        } else {
            Wait::Names
        };
        Ok(wait_for_interfaces(&self.root, wait, INTERFACE_LIMIT)?)
    }

    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, FacilityError> {
        let path = self.path(path);
        if path.exists() {
            Ok(Some(read_limited(&path, READ_LIMIT)?))
        } else {
            Ok(None)
        }
    }

    fn write(&self, path: &str, content: &[u8], mode: u32) -> Result<(), FacilityError> {
        let path = self.path(path);
        // The new file is root's; shadow's group must stay, or unix_chkpwd cannot read it.
        let before = fs::metadata(&path).ok();
        write_atomic(&path, content, mode)?;
        if let Some(before) = before {
            let after = fs::metadata(&path).map_err(problem("look at", &path))?;
            if (before.uid(), before.gid()) != (after.uid(), after.gid()) {
                chown(&path, Some(before.uid()), Some(before.gid())).map_err(problem("set the owner of", &path))?;
            }
        }
        Ok(())
    }

    fn tell(&self, path: &str, value: &str) -> Result<(), FacilityError> {
        Ok(write_value(&self.path(path), value)?)
    }

    fn remove(&self, path: &str) -> Result<(), FacilityError> {
        let path = self.path(path);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(problem("remove", &path)(error).into()),
            _ => Ok(()),
        }
    }

    fn paths_from(&self, prefix: &str) -> Result<Vec<String>, FacilityError> {
        let (folder, beginning) = prefix.rsplit_once('/').unwrap_or(("", prefix));
        let below = self.path(folder);
        if !below.is_dir() {
            return Ok(Vec::new());
        }
        let mut found = Vec::new();
        for entry in fs::read_dir(&below).map_err(problem("list", &below))? {
            let name = entry.map_err(problem("list", &below))?.file_name();
            found.extend(
                name.to_str()
                    .filter(|name| name.starts_with(beginning))
                    .map(|name| format!("{folder}/{name}")),
            );
        }
        Ok(found)
    }

    fn set_hostname(&self, hostname: &HostName) -> Result<(), FacilityError> {
        if self.is_this_machine() {
            rustix::system::sethostname(hostname.as_str().as_bytes()).map_err(io::Error::from)?;
        }
        Ok(())
    }

    fn set_timezone(&self, zone: Option<&TimeZone>) -> Result<(), FacilityError> {
        zone::set(&self.root, zone)
    }

    fn installed(&self) -> bool {
        self.path(crate::state::INSTALLED_FLAG).exists()
    }

    fn state_report(&self) -> Result<Option<StateReport>, FacilityError> {
        match self.read(crate::state::STATE_FILE)? {
            Some(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
            None => Ok(None),
        }
    }

    fn document(&self) -> Result<Option<Current>, FacilityError> {
        Ok(ConfigStore::new(self.path(CONFIG)).current()?)
    }

    fn make_host_keys(&self, kept: bool) -> Result<(), FacilityError> {
        for kind in HOST_KEY_TYPES {
            let path = self.path(&format!("/etc/ssh/ssh_host_{kind}_key"));
            if path.exists() {
                continue;
            }
            if !kept {
                make_key(kind, &path)?;
                continue;
            }
            // Made where they stay; a half that a power cut left alone is made anew.
            let stays = self.path(&format!("{KEPT_KEYS}/ssh_host_{kind}_key"));
            let public = stays.with_extension("pub");
            if !(stays.is_file() && public.is_file()) {
                self.remove(&format!("{KEPT_KEYS}/ssh_host_{kind}_key"))?;
                make_key(kind, &stays)?;
                sync_folder(&self.path(KEPT_KEYS))?;
            }
            write_atomic(&path, &read_limited(&stays, READ_LIMIT)?, 0o600)?;
            write_atomic(&path.with_extension("pub"), &read_limited(&public, READ_LIMIT)?, 0o644)?;
        }
        Ok(())
    }
}
