//! Read-only loop devices (loop(4)).

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use crate::ioctl::ioctl;

const CONTROL: &str = "/dev/loop-control";
const GET_FREE: u32 = 0x4c82;
const CONFIGURE: u32 = 0x4c0a;
/// `sizeof(struct loop_config)`, and where `info.lo_flags` is.
const CONFIG: usize = 304;
const CONFIG_FLAGS: usize = 60;
const READ_ONLY: u32 = 1;

/// Why a file could not be attached.
#[derive(Debug, thiserror::Error)]
pub enum LoopError {
    /// The control node: the module `loop` is not loaded, or no permission.
    #[error("asking {CONTROL} for a free loop device")]
    Control(#[source] io::Error),
    /// The file or the device.
    #[error("attaching {file} to {device}")]
    Attach {
        file: PathBuf,
        device: PathBuf,
        source: io::Error,
    },
}

/// Attaches `file` to a free loop device and returns its node. It stays attached until the machine goes down.
///
/// # Errors
/// No free device, or the file cannot be read.
pub fn attach_loop(file: &Path) -> Result<PathBuf, LoopError> {
    loop {
        let control = OpenOptions::new()
            .read(true)
            .write(true)
            .open(CONTROL)
            .map_err(LoopError::Control)?;
        let number = ioctl(&control, GET_FREE, &mut []).map_err(LoopError::Control)?;
        let device = PathBuf::from(format!("/dev/loop{number}"));
        match configure(file, &device) {
            // Somebody else took the free device first: ask again.
            Err(e) if e.raw_os_error() == Some(libc::EBUSY) => {}
            Err(source) => {
                return Err(LoopError::Attach {
                    file: file.to_owned(),
                    device,
                    source,
                });
            }
            Ok(()) => return Ok(device),
        }
    }
}

fn configure(file: &Path, device: &Path) -> io::Result<()> {
    let file = File::open(file)?;
    // The flag makes the loop device read-only; its node is opened for writing only where that is allowed.
    let node = OpenOptions::new()
        .read(true)
        .write(true)
        .open(device)
        .or_else(|_| File::open(device))?;
    let mut config = [0u8; CONFIG];
    config[..4].copy_from_slice(&file.as_raw_fd().to_ne_bytes());
    config[CONFIG_FLAGS..CONFIG_FLAGS + 4].copy_from_slice(&READ_ONLY.to_ne_bytes());
    ioctl(&node, CONFIGURE, &mut config).map(|_| ())
}
