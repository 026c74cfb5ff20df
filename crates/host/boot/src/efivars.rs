//! The firmware's own list of what it starts: variables `Boot####` and `BootOrder` in efivarfs.
//!
//! A file there is four bytes of attributes and the content (kernel, `filesystems/efivarfs.rst`); it is written in one piece.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use corbel_layout::load_option;
use corbel_plan::slots::Firmware;
use rustix::fs::{IFlags, ioctl_getflags, ioctl_setflags};

pub use corbel_layout::load_option::HardDrive;

/// How our entry is called in the firmware's menu.
pub const LABEL: &str = "Corbel";
/// EFI_GLOBAL_VARIABLE.
const GLOBAL: &str = "8be4df61-93ca-11d2-aa0d-00e098032b8c";
/// The vendor of systemd-boot's variables (systemd, "Boot Loader Interface").
const LOADER: &str = "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";
/// NON_VOLATILE, BOOTSERVICE_ACCESS, RUNTIME_ACCESS.
const ATTRIBUTES: u32 = 7;
/// systemd-boot under its own name, so that a repaired or foreign BOOTX64.EFI does not matter.
const PATH: &str = "\\EFI\\systemd\\systemd-bootx64.efi";

/// A variable that could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum EfiVarsError {
    #[error("cannot {operation} the firmware variable {name}")]
    Io {
        operation: &'static str,
        name: String,
        source: io::Error,
    },
    #[error("the firmware has no free boot entry")]
    Full,
}

/// A boot entry that is there.
#[derive(Debug)]
struct Known {
    number: u16,
    label: String,
    /// Of the partition that it starts from.
    guid: Option<[u8; 16]>,
}

/// The firmware that started this system: UEFI has left `firmware/efi` below `/sys`, the argument.
pub fn firmware(sys: &Path) -> Firmware {
    match sys.join("firmware/efi").is_dir() {
        true => Firmware::Uefi,
        false => Firmware::Bios,
    }
}

/// The variables, where efivarfs is mounted.
#[derive(Debug, Clone)]
pub struct EfiVariables {
    folder: PathBuf,
}

impl EfiVariables {
    /// Usually `/sys/firmware/efi/efivars`.
    pub fn new(folder: impl AsRef<Path>) -> Self {
        Self {
            folder: folder.as_ref().to_owned(),
        }
    }

    /// Makes our entry for this EFI partition, or renews the one that is there, and puts it first. Gives its number.
    ///
    /// # Errors
    /// A variable that cannot be read or written, or a firmware that is full.
    pub fn add(&self, drive: &HardDrive) -> Result<u16, EfiVarsError> {
        let known = self.entries()?;
        let same = |known: &&Known| known.label == LABEL && known.guid == Some(drive.guid);
        let number = match known.iter().find(same) {
            Some(same) => same.number,
            None => (0..=u16::MAX)
                .find(|number| known.iter().all(|known| known.number != *number))
                .ok_or(EfiVarsError::Full)?,
        };
        self.write(&boot_name(number), &load_option::render(LABEL, drive, PATH))?;
        let mut order = self.order()?;
        order.retain(|other| *other != number);
        order.insert(0, number);
        self.write_order(&order)?;
        Ok(number)
    }

    /// Removes all entries of ours, or only those of one EFI partition, from the order and then themselves. Gives their numbers.
    ///
    /// # Errors
    /// A variable that cannot be read, written or removed.
    pub fn remove(&self, only: Option<[u8; 16]>) -> Result<Vec<u16>, EfiVarsError> {
        let known = self.entries()?;
        let ours = known
            .iter()
            .filter(|known| known.label == LABEL && (only.is_none() || only == known.guid));
        let numbers: Vec<u16> = ours.map(|known| known.number).collect();
        let mut order = self.order()?;
        let before = order.len();
        order.retain(|number| !numbers.contains(number));
        if order.len() != before {
            self.write_order(&order)?;
        }
        for number in &numbers {
            self.delete(&boot_name(*number))?;
        }
        Ok(numbers)
    }

    /// Forgets what somebody chose with `d` in systemd-boot's menu: that choice would win over every counter.
    ///
    /// # Errors
    /// A variable that is there and cannot be removed.
    pub fn forget_default(&self) -> Result<(), EfiVarsError> {
        self.delete(&format!("LoaderEntryDefault-{LOADER}"))
    }

    /// Numbers, labels and partitions of the boot entries.
    fn entries(&self) -> Result<Vec<Known>, EfiVarsError> {
        let io = |source| EfiVarsError::Io {
            operation: "list",
            name: "Boot####".to_owned(),
            source,
        };
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(io)? {
            let name = entry.map_err(io)?.file_name().to_string_lossy().into_owned();
            let Some(number) = boot_number(&name) else { continue };
            let content = self.read(&name)?.unwrap_or_default();
            let (label, guid) = load_option::parse(&content).unwrap_or_default();
            found.push(Known { number, label, guid });
        }
        found.sort_by_key(|known| known.number);
        Ok(found)
    }

    fn order(&self) -> Result<Vec<u16>, EfiVarsError> {
        let content = self.read(&order_name())?.unwrap_or_default();
        Ok(content
            .chunks_exact(2)
            .map(|two| u16::from_le_bytes([two[0], two[1]]))
            .collect())
    }

    fn write_order(&self, order: &[u16]) -> Result<(), EfiVarsError> {
        let content: Vec<u8> = order.iter().flat_map(|number| number.to_le_bytes()).collect();
        // A variable without content is none.
        match content.is_empty() {
            true => self.delete(&order_name()),
            false => self.write(&order_name(), &content),
        }
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, EfiVarsError> {
        match fs::read(self.folder.join(name)) {
            Ok(bytes) => Ok(Some(bytes.get(4..).unwrap_or_default().to_vec())),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(failed("read", name)(source)),
        }
    }

    fn write(&self, name: &str, content: &[u8]) -> Result<(), EfiVarsError> {
        self.unlock(name);
        let bytes = [&ATTRIBUTES.to_le_bytes()[..], content].concat();
        let path = self.folder.join(name);
        let write = || -> io::Result<()> {
            let mut file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
            file.write_all(&bytes)?;
            // efivarfs has the new size by now; a folder of a test has not.
            if file.metadata()?.len() != bytes.len() as u64 {
                file.set_len(bytes.len() as u64)?;
            }
            Ok(())
        };
        write().map_err(failed("write", name))
    }

    fn delete(&self, name: &str) -> Result<(), EfiVarsError> {
        self.unlock(name);
        match fs::remove_file(self.folder.join(name)) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(failed("remove", name)(e)),
            _ => Ok(()),
        }
    }

    /// The kernel marks most variables immutable, so that nobody removes them by accident. What cannot be unmarked fails when it is written.
    fn unlock(&self, name: &str) {
        let Ok(file) = File::open(self.folder.join(name)) else {
            return;
        };
        if let Ok(flags) = ioctl_getflags(&file)
            && flags.contains(IFlags::IMMUTABLE)
        {
            let _ = ioctl_setflags(&file, flags - IFlags::IMMUTABLE);
        }
    }
}

fn failed(operation: &'static str, name: &str) -> impl FnOnce(io::Error) -> EfiVarsError {
    let name = name.to_owned();
    move |source| EfiVarsError::Io {
        operation,
        name,
        source,
    }
}

fn boot_name(number: u16) -> String {
    format!("Boot{number:04X}-{GLOBAL}")
}

fn order_name() -> String {
    format!("BootOrder-{GLOBAL}")
}

fn boot_number(name: &str) -> Option<u16> {
    let digits = name.strip_prefix("Boot")?.strip_suffix(GLOBAL)?.strip_suffix('-')?;
    (digits.len() == 4)
        .then(|| u16::from_str_radix(digits, 16).ok())
        .flatten()
}
