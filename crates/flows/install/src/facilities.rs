//! What installation and removal need from the machine, on one page. [`crate::Machine`] is the real one; tests put their own in its
//! place, which lose power after any write.

use std::error::Error;

use corbel_boot::{Esp, HardDrive};
use corbel_disk::RawDisk;
use corbel_layout::disk::{DiskLayout, FileSystem};
use corbel_sys::Cancel;

/// Something could not be had or done. What it was about is in the error.
pub type FacilityError = Box<dyn Error + Send + Sync>;

/// What a new node finds in its /config.
#[derive(Clone, Copy)]
pub struct ConfigFiles<'a> {
    /// The document, for both copies of node.toml; it holds password hashes.
    pub document: Option<&'a str>,
    /// The owner's kernel words, for the file `words`.
    pub words: &'a [String],
    /// Which data partition is mounted where, for the file `data-partitions`.
    pub places: &'a str,
}

impl std::fmt::Debug for ConfigFiles<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConfigFiles")
            .field("document", &self.document.is_some())
            .field("words", &self.words)
            .field("places", &self.places)
            .finish()
    }
}

/// The machine. Disks and partitions are named by their device nodes; whatever a method wrote is on the disk when it returns.
pub trait Facilities: Send + Sync {
    /// Opens a disk that nobody else uses.
    fn disk(&self, disk: &str) -> Result<Box<dyn RawDisk>, FacilityError>;
    /// Opens a disk for a removal: the running system may be on it.
    fn disk_in_use(&self, disk: &str) -> Result<Box<dyn RawDisk>, FacilityError>;
    /// Makes the kernel see the partitions of `layout`.
    fn reread(&self, disk: &str, layout: &DiskLayout) -> Result<(), FacilityError>;
    /// Makes a file system in a partition of a disk with sectors of so many bytes.
    fn format(
        &self,
        partition: &str,
        sector: u64,
        file_system: FileSystem,
        label: &str,
        cancel: &Cancel,
    ) -> Result<(), FacilityError>;
    /// Lets `work` have the files of an EFI partition.
    fn with_esp(
        &self,
        partition: &str,
        work: &mut dyn FnMut(&dyn Esp) -> Result<(), FacilityError>,
    ) -> Result<(), FacilityError>;
    /// Writes into the partition of the configuration.
    fn write_config(&self, partition: &str, files: ConfigFiles<'_>) -> Result<(), FacilityError>;
    /// Puts an entry for this EFI partition first in the firmware's order.
    fn add_boot_entry(&self, drive: &HardDrive) -> Result<(), FacilityError>;
    /// Removes all our entries; does nothing where the firmware has none.
    fn remove_boot_entries(&self) -> Result<(), FacilityError>;
}
