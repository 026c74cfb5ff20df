//! Devices made of bytes, for tests of what decides.

use std::collections::BTreeMap;
use std::io;

use corbel_layout::ReadAt;

use crate::{BlockDevice, Devices};

/// Devices by name; `None` is a drive that fails when opened, as one without a medium does.
#[derive(Debug, Clone, Default)]
pub struct FakeDevices(pub BTreeMap<String, Option<Vec<u8>>>);

impl FakeDevices {
    /// Adds a device with these bytes.
    #[must_use]
    pub fn with(mut self, name: &str, bytes: Vec<u8>) -> Self {
        self.0.insert(name.to_owned(), Some(bytes));
        self
    }

    /// Adds a drive without a medium.
    #[must_use]
    pub fn with_empty(mut self, name: &str) -> Self {
        self.0.insert(name.to_owned(), None);
        self
    }
}

impl Devices for FakeDevices {
    fn list(&self) -> io::Result<Vec<BlockDevice>> {
        let devices = self.0.iter().zip(0..).map(|((name, bytes), minor)| BlockDevice {
            name: name.clone(),
            path: format!("/dev/{name}").into(),
            number: format!("8:{minor}"),
            size: bytes.as_ref().map_or(0, |b| b.len() as u64),
            removable: name.starts_with("sr"),
            // Partitions are named as the kernel names those of SCSI disks.
            partition: name.starts_with("sd") && name.ends_with(|c: char| c.is_ascii_digit()),
            sequence: 1,
        });
        Ok(devices.collect())
    }

    fn open(&self, device: &BlockDevice) -> io::Result<Box<dyn ReadAt>> {
        match self.0.get(&device.name) {
            Some(Some(bytes)) => Ok(Box::new(bytes.clone())),
            _ => Err(io::Error::from_raw_os_error(libc::ENOMEDIUM)),
        }
    }
}
