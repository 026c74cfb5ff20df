//! A disk as bytes that can be written, for partition tables, root images and boot code.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use corbel_layout::{Extent, ReadAt};
use rustix::fs::{Advice, FlockOperation, fadvise, flock};

/// Zeros are written in pieces of this many bytes.
const PIECE: u64 = 1 << 20;

/// A whole disk. What is read comes from the disk itself once [`RawDisk::flush`] has returned.
pub trait RawDisk: ReadAt + Send + Sync {
    /// Bytes.
    ///
    /// # Errors
    /// What the device reports.
    fn size(&self) -> io::Result<u64>;

    /// Writes all of `bytes` at `offset`.
    ///
    /// # Errors
    /// What the device reports.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Brings everything to the medium, past its own cache, and forgets what is cached of it here.
    ///
    /// # Errors
    /// What the device reports.
    fn flush(&self) -> io::Result<()>;
}

/// Writes zeros over `extent`.
///
/// # Errors
/// What the device reports.
pub fn zero(disk: &dyn RawDisk, extent: Extent) -> io::Result<()> {
    let zeros = vec![0; PIECE.min(extent.length) as usize];
    let mut done = 0;
    while done < extent.length {
        let count = (extent.length - done).min(PIECE);
        disk.write_at(extent.offset + done, &zeros[..count as usize])?;
        done += count;
    }
    Ok(())
}

/// A block device that is open for nobody else.
#[derive(Debug)]
pub struct BlockDisk(File);

impl BlockDisk {
    /// Opens it exclusively: the kernel refuses while it or a partition of it is mounted or in a set (open(2), O_EXCL on block
    /// devices). The lock keeps udev from looking at a disk that is half written (systemd, "Block device locking").
    ///
    /// # Errors
    /// As open(2) and flock(2).
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_EXCL)
            .open(path)?;
        flock(&file, FlockOperation::LockExclusive)?;
        Ok(Self(file))
    }

    /// Opens it although parts of it are in use: for the disk that the running system is removed from.
    ///
    /// # Errors
    /// As open(2).
    pub fn open_shared(path: &Path) -> io::Result<Self> {
        OpenOptions::new().read(true).write(true).open(path).map(Self)
    }
}

impl ReadAt for BlockDisk {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        self.0.read_exact_at(buf, offset)
    }
}

impl RawDisk for BlockDisk {
    fn size(&self) -> io::Result<u64> {
        (&self.0).seek(SeekFrom::End(0))
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn flush(&self) -> io::Result<()> {
        self.0.sync_all()?;
        // Only clean pages are dropped (posix_fadvise(2)), and after the flush all of them are.
        fadvise(&self.0, 0, None, Advice::DontNeed)?;
        Ok(())
    }
}
