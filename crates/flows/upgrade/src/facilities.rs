//! What an upgrade needs from the machine, on one page. [`Installed`] is the real one; tests put their own in its place.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use corbel_boot::{EfiVariables, EfiVarsError, Esp, MountedEsp};
use corbel_layout::ReadAt;
use corbel_layout::slot::Slot;
use corbel_plan::slots::{Firmware, Running};
use corbel_release::release::{KeyError, KeySet};
use corbel_sys::{Cancel, FileError, Program, ProgramError, read_limited};

/// Where the kernel shows the firmware's variables.
const EFI_VARIABLES: &str = "/sys/firmware/efi/efivars";

/// A root partition. What is read comes from the device once [`SlotDevice::flush`] has returned.
pub trait SlotDevice: ReadAt {
    /// Room in bytes.
    ///
    /// # Errors
    /// What the device reports.
    fn size(&self) -> io::Result<u64>;
    /// Writes all of `bytes` at `offset`.
    ///
    /// # Errors
    /// What the device reports.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;
    /// Brings everything to the device and forgets what is cached of it.
    ///
    /// # Errors
    /// What the device reports.
    fn flush(&self) -> io::Result<()>;
}

/// The installed node.
pub trait Facilities: Send + Sync {
    /// The slot that runs and who started it.
    fn running(&self) -> Running;
    /// The version that runs.
    fn version(&self) -> &str;
    /// The EFI partition, writable.
    fn esp(&self) -> &dyn Esp;
    /// The root partition of a slot, writable.
    ///
    /// # Errors
    /// What the device reports.
    fn slot(&self, slot: Slot) -> io::Result<Box<dyn SlotDevice>>;
    /// Folder of the configuration, `/config`.
    fn config(&self) -> &Path;
    /// Seconds since 1970.
    fn now(&self) -> u64;
    /// Forgets the entry that somebody made the default one in the loader's menu: it would win over every trial.
    ///
    /// # Errors
    /// A variable of the firmware that cannot be removed.
    fn forget_default_entry(&self) -> Result<(), EfiVarsError>;
    /// Restarts the machine; returns at once.
    ///
    /// # Errors
    /// A restart that was refused.
    fn reboot(&self) -> Result<(), ProgramError>;

    /// The owner's own kernel words, from `words` in the configuration; none when there are none.
    fn words(&self) -> String {
        let text = read_limited(&self.config().join("words"), 64 * 1024).unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
        lines.collect::<Vec<_>>().join(" ")
    }
}

/// A root partition by the path of its device.
#[derive(Debug)]
pub struct BlockSlot(File);

impl BlockSlot {
    /// Opens a partition for writing.
    ///
    /// # Errors
    /// What the system reports.
    pub fn open(path: &Path) -> io::Result<Self> {
        OpenOptions::new().read(true).write(true).open(path).map(Self)
    }
}

impl ReadAt for BlockSlot {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        self.0.read_exact_at(buf, offset)
    }
}

impl SlotDevice for BlockSlot {
    fn size(&self) -> io::Result<u64> {
        (&self.0).seek(SeekFrom::End(0))
    }
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }
    fn flush(&self) -> io::Result<()> {
        self.0.sync_all()?;
        // Clean pages only are dropped (posix_fadvise(2)), and after the flush all of them are.
        rustix::fs::fadvise(&self.0, 0, None, rustix::fs::Advice::DontNeed)?;
        Ok(())
    }
}

/// The real node.
#[derive(Debug, Clone)]
pub struct Installed {
    /// What runs.
    pub running: Running,
    /// Its version.
    pub version: String,
    /// Where the EFI partition is mounted.
    pub esp: MountedEsp,
    /// Devices of the root partitions: a, b. Those of the disk that was booted, not just any with their names.
    pub slots: [PathBuf; 2],
    /// `/config`.
    pub config: PathBuf,
}

impl Facilities for Installed {
    fn running(&self) -> Running {
        self.running
    }
    fn version(&self) -> &str {
        &self.version
    }
    fn esp(&self) -> &dyn Esp {
        &self.esp
    }
    fn slot(&self, slot: Slot) -> io::Result<Box<dyn SlotDevice>> {
        Ok(Box::new(BlockSlot::open(&self.slots[slot as usize])?))
    }
    fn config(&self) -> &Path {
        &self.config
    }
    fn now(&self) -> u64 {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |time| time.as_secs())
    }
    fn forget_default_entry(&self) -> Result<(), EfiVarsError> {
        match self.running.firmware {
            // GRUB's menu of ours remembers nothing.
            Firmware::Bios => Ok(()),
            Firmware::Uefi => EfiVariables::new(EFI_VARIABLES).forget_default(),
        }
    }
    fn reboot(&self) -> Result<(), ProgramError> {
        Program::new("systemctl")
            .args(["--no-block", "reboot"])
            .run(&Cancel::new())
            .map(|_| ())
    }
}

/// Keys that could not be read.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    #[error("cannot list the keys in {folder}")]
    List { folder: PathBuf, source: io::Error },
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// The keys that the node trusts: files `*.pub` of a folder, usually `/usr/share/corbel/keys`. A missing folder has none.
///
/// # Errors
/// A file that cannot be read or is no key: a node must not trust less than its image says without saying so.
pub fn load_keys(folder: &Path) -> Result<KeySet, KeysError> {
    let list = |source| KeysError::List {
        folder: folder.to_owned(),
        source,
    };
    let mut keys = KeySet::new();
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(keys),
        Err(source) => return Err(list(source)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(list)?.path();
        if path.extension().is_some_and(|extension| extension == "pub") {
            paths.push(path);
        }
    }
    paths.sort();
    for path in paths {
        let text = read_limited(&path, 4096)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        keys.add(&name, &String::from_utf8_lossy(&text))?;
    }
    Ok(keys)
}
