//! Block devices as the kernel lists them in `/sys/class/block` (sysfs(5)), and reading from them.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use corbel_layout::ReadAt;

/// One block device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockDevice {
    /// Kernel name, for example `sr0` or `sda1`.
    pub name: String,
    /// Device node.
    pub path: PathBuf,
    /// `major:minor`, which device-mapper tables accept even where no node exists.
    pub number: String,
    /// Bytes; 0 for a drive without a medium.
    pub size: u64,
    /// As the kernel says: CD drives and most USB sticks.
    pub removable: bool,
    /// A partition, not a whole disk.
    pub partition: bool,
    /// Rises whenever another medium appears under the same name; 0 where the kernel has none.
    pub sequence: u64,
}

impl BlockDevice {
    /// An optical drive.
    pub fn is_cd(&self) -> bool {
        self.name.starts_with("sr")
    }
}

/// What reading needs from the operating system.
pub trait Devices {
    /// All block devices, sorted by name.
    ///
    /// # Errors
    /// When the kernel's list cannot be read.
    fn list(&self) -> io::Result<Vec<BlockDevice>>;

    /// Opens a device for reading.
    ///
    /// # Errors
    /// No such device, no medium in it, or no permission.
    fn open(&self, device: &BlockDevice) -> io::Result<Box<dyn ReadAt>>;
}

/// The devices of this machine.
#[derive(Debug, Clone)]
pub struct SysDevices {
    sys: PathBuf,
    dev: PathBuf,
}

impl Default for SysDevices {
    fn default() -> Self {
        Self {
            sys: "/sys/class/block".into(),
            dev: "/dev".into(),
        }
    }
}

impl Devices for SysDevices {
    fn list(&self) -> io::Result<Vec<BlockDevice>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.sys)? {
            // A device may go away between the listing and the look at it; that is no error.
            found.extend(self.describe(&entry?.path()));
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    fn open(&self, device: &BlockDevice) -> io::Result<Box<dyn ReadAt>> {
        Ok(Box::new(FileMedium::open(&device.path)?))
    }
}

impl SysDevices {
    fn describe(&self, directory: &Path) -> Option<BlockDevice> {
        let attribute = |name: &str| {
            fs::read_to_string(directory.join(name))
                .ok()
                .map(|t| t.trim().to_owned())
        };
        let number = |name: &str| attribute(name).and_then(|t| t.parse::<u64>().ok());
        let name = directory.file_name()?.to_str()?.to_owned();
        Some(BlockDevice {
            path: self.dev.join(name.replace('!', "/")),
            number: attribute("dev")?,
            // The kernel counts in units of 512 bytes whatever the sectors of the device.
            size: number("size")?.checked_mul(512)?,
            removable: number("removable") == Some(1),
            partition: directory.join("partition").exists(),
            sequence: number("diskseq").unwrap_or(0),
            name,
        })
    }
}

/// A file or a block device as a medium.
#[derive(Debug)]
pub struct FileMedium(File);

impl FileMedium {
    /// Opens it for reading.
    ///
    /// # Errors
    /// As open(2).
    pub fn open(path: &Path) -> io::Result<Self> {
        File::open(path).map(Self)
    }
}

impl From<File> for FileMedium {
    fn from(file: File) -> Self {
        Self(file)
    }
}

impl ReadAt for FileMedium {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        self.0.read_exact_at(buf, offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_read_from_sysfs() {
        let root = tempfile::tempdir().unwrap();
        let put = |name: &str, files: &[(&str, &str)]| {
            fs::create_dir(root.path().join(name)).unwrap();
            for (file, text) in files {
                corbel_test_write(&root.path().join(name).join(file), text);
            }
        };
        put(
            "sr0",
            &[
                ("dev", "11:0\n"),
                ("size", "2048\n"),
                ("removable", "1\n"),
                ("diskseq", "7\n"),
            ],
        );
        put("sda1", &[("dev", "8:1\n"), ("size", "16\n"), ("partition", "1\n")]);
        put(
            "cciss!c0d0",
            &[("dev", "104:0\n"), ("size", "8\n"), ("removable", "0\n")],
        );
        put("going", &[]);
        let devices = SysDevices {
            sys: root.path().into(),
            dev: "/dev".into(),
        };
        let found = devices.list().unwrap();
        let names: Vec<_> = found.iter().map(|d| d.name.as_str()).collect();
        assert_eq!(names, ["cciss!c0d0", "sda1", "sr0"]);
        assert_eq!(found[0].path, Path::new("/dev/cciss/c0d0"));
        assert!(found[1].partition && !found[1].removable && found[1].size == 8192);
        assert!(found[2].is_cd() && found[2].removable && found[2].sequence == 7 && found[2].number == "11:0");
    }

    fn corbel_test_write(path: &Path, text: &str) {
        use std::io::Write;
        File::create(path).unwrap().write_all(text.as_bytes()).unwrap();
    }
}
