//! Read-only device-mapper devices (kernel: `include/uapi/linux/dm-ioctl.h`), made without libdevmapper.
//!
//! A device is created, given its table and resumed in one call; when a step fails, nothing is left behind. The node is
//! `/dev/dm-N`, which devtmpfs makes at once.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::PathBuf;

use crate::ioctl::ioctl;

const CONTROL: &str = "/dev/mapper/control";
/// `sizeof(struct dm_ioctl)`, and where its fields are.
const HEADER: usize = 312;
const DATA_SIZE: usize = 12;
const DATA_START: usize = 16;
const TARGET_COUNT: usize = 20;
const FLAGS: usize = 28;
const DEV: usize = 40;
const NAME: usize = 48;
const NAME_LENGTH: usize = 128;
/// `sizeof(struct dm_target_spec)`.
const SPEC: usize = 40;
const READ_ONLY: u32 = 1;

/// `_IOWR(0xfd, nr, struct dm_ioctl)`.
const fn request(nr: u32) -> u32 {
    (3 << 30) | ((HEADER as u32) << 16) | (0xfd << 8) | nr
}
const DEV_CREATE: u32 = request(3);
const DEV_REMOVE: u32 = request(4);
const DEV_SUSPEND: u32 = request(6);
const TABLE_LOAD: u32 = request(9);

/// Why a device could not be made.
#[derive(Debug, thiserror::Error)]
pub enum DeviceMapperError {
    /// The control node: the module `dm_mod` is not loaded, or no permission.
    #[error("opening {CONTROL}")]
    Open(#[source] io::Error),
    /// One of the steps.
    #[error("{step} the device-mapper device {name}")]
    Step {
        step: &'static str,
        name: String,
        source: io::Error,
    },
    /// A name that the kernel would cut.
    #[error("the device-mapper name {name:?} is empty or longer than 127 bytes")]
    Name { name: String },
}

/// What a device is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A run of another device; `start` and `sectors` in units of 512 bytes.
    Linear { device: String, start: u64, sectors: u64 },
    /// Verified data; `table` as [`corbel_layout::verity::Superblock::table_line`] makes it.
    Verity { table: String, sectors: u64 },
}

impl Target {
    fn spec(&self) -> (&'static str, u64, String) {
        match self {
            Self::Linear { device, start, sectors } => ("linear", *sectors, format!("{device} {start}")),
            Self::Verity { table, sectors } => ("verity", *sectors, table.clone()),
        }
    }
}

/// A device that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappedDevice {
    /// `/dev/dm-N`.
    pub path: PathBuf,
    /// `major:minor`, for use in further tables.
    pub number: String,
}

/// The control node.
#[derive(Debug)]
pub struct DeviceMapper(File);

impl DeviceMapper {
    /// Opens the control node.
    ///
    /// # Errors
    /// As open(2).
    pub fn open() -> Result<Self, DeviceMapperError> {
        OpenOptions::new()
            .read(true)
            .write(true)
            .open(CONTROL)
            .map(Self)
            .map_err(DeviceMapperError::Open)
    }

    /// Makes the read-only device `name` of one target, ready for use.
    ///
    /// # Errors
    /// The step that failed; the kernel's log says why a table was refused.
    pub fn create(&self, name: &str, target: &Target) -> Result<MappedDevice, DeviceMapperError> {
        if name.is_empty() || name.len() >= NAME_LENGTH {
            return Err(DeviceMapperError::Name { name: name.to_owned() });
        }
        self.call("creating", DEV_CREATE, name, header(name, 0))?;
        let made = self
            .call("loading the table of", TABLE_LOAD, name, table_request(name, target))
            // A suspend request without the suspend flag is a resume.
            .and_then(|_| self.call("resuming", DEV_SUSPEND, name, header(name, READ_ONLY)));
        match made {
            Ok(answer) => Ok(mapped(&answer)),
            Err(error) => {
                // The first error is the one worth telling; a device without a table does no harm if it stays.
                let _ = self.remove(name);
                Err(error)
            }
        }
    }

    /// Removes the device `name`.
    ///
    /// # Errors
    /// No such device, or it is in use.
    pub fn remove(&self, name: &str) -> Result<(), DeviceMapperError> {
        self.call("removing", DEV_REMOVE, name, header(name, 0)).map(|_| ())
    }

    fn call(
        &self,
        step: &'static str,
        request: u32,
        name: &str,
        mut buf: Vec<u8>,
    ) -> Result<Vec<u8>, DeviceMapperError> {
        let failed = |source| DeviceMapperError::Step {
            step,
            name: name.to_owned(),
            source,
        };
        ioctl(&self.0, request, &mut buf).map_err(failed)?;
        Ok(buf)
    }
}

/// `struct dm_ioctl` alone.
fn header(name: &str, flags: u32) -> Vec<u8> {
    let mut buf = vec![0u8; HEADER];
    put32(&mut buf, 0, 4); // interface version 4.0.0, which every kernel since 2.6 accepts
    put32(&mut buf, DATA_SIZE, HEADER as u32);
    put32(&mut buf, DATA_START, HEADER as u32);
    put32(&mut buf, FLAGS, flags);
    buf[NAME..NAME + name.len()].copy_from_slice(name.as_bytes());
    buf
}

/// `struct dm_ioctl`, one `struct dm_target_spec`, and its parameters as a C string padded to 8 bytes.
fn table_request(name: &str, target: &Target) -> Vec<u8> {
    let (kind, sectors, parameters) = target.spec();
    let mut buf = header(name, READ_ONLY);
    put32(&mut buf, TARGET_COUNT, 1);
    buf.resize(HEADER + SPEC, 0);
    buf[HEADER + 8..HEADER + 16].copy_from_slice(&sectors.to_ne_bytes());
    buf[HEADER + 24..HEADER + 24 + kind.len()].copy_from_slice(kind.as_bytes());
    buf.extend(parameters.as_bytes());
    buf.resize((buf.len() + 1).next_multiple_of(8), 0);
    let length = buf.len();
    put32(&mut buf, HEADER + 20, (length - HEADER) as u32);
    put32(&mut buf, DATA_SIZE, length as u32);
    buf
}

/// The device number in an answer, in the kernel's "huge" encoding.
fn mapped(answer: &[u8]) -> MappedDevice {
    let mut dev = [0; 8];
    dev.copy_from_slice(&answer[DEV..DEV + 8]);
    let dev = u64::from_ne_bytes(dev);
    let (major, minor) = ((dev >> 8) & 0xfff, (dev & 0xff) | ((dev >> 12) & 0xf_ff00));
    MappedDevice {
        path: format!("/dev/dm-{minor}").into(),
        number: format!("{major}:{minor}"),
    }
}

fn put32(buf: &mut [u8], at: usize, value: u32) {
    buf[at..at + 4].copy_from_slice(&value.to_ne_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_have_the_kernels_numbers() {
        assert_eq!((DEV_CREATE, TABLE_LOAD), (0xc138_fd03, 0xc138_fd09));
    }

    #[test]
    fn a_table_request_is_laid_out_as_the_kernel_reads_it() {
        let target = Target::Linear {
            device: "11:0".to_owned(),
            start: 64,
            sectors: 800,
        };
        let buf = table_request("x", &target);
        assert_eq!(buf.len(), 312 + 40 + 8);
        assert_eq!(&buf[312 + 40..], b"11:0 64\0");
        assert_eq!(buf[12..16], 360u32.to_ne_bytes());
        assert_eq!(buf[332..336], 48u32.to_ne_bytes());
        assert_eq!(&buf[336..343], b"linear\0");
        // Parameters that fill their last 8 bytes still get a NUL.
        let target = Target::Linear {
            device: "111:0".to_owned(),
            start: 64,
            sectors: 800,
        };
        assert_eq!(&table_request("x", &target)[352..], b"111:0 64\0\0\0\0\0\0\0\0");
    }

    #[test]
    fn device_numbers_are_decoded() {
        let mut answer = header("x", 0);
        answer[DEV..DEV + 8].copy_from_slice(&((253u64 << 8) | 3 | (1 << 20)).to_ne_bytes());
        let device = mapped(&answer);
        assert_eq!(
            (device.number.as_str(), device.path.to_str()),
            ("253:259", Some("/dev/dm-259"))
        );
    }
}
