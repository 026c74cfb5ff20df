//! Making the kernel see a new partition table, and the nodes of partitions.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use corbel_layout::disk::DiskLayout;
use corbel_sys::wait_for_quiet_udev;

use crate::ioctl::ioctl;

/// include/uapi/linux/fs.h.
const BLKRRPART: u32 = 0x125f;
const PAUSE: Duration = Duration::from_millis(20);
/// udev and whatever it starts look at a disk for a moment after every write; longer than this is a fault.
const LIMIT: Duration = Duration::from_secs(30);
const GRACE: Duration = Duration::from_millis(100);

/// Why the partitions of a disk cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PartitionError {
    #[error("cannot make the kernel read the partition table of {disk}")]
    Reread { disk: PathBuf, source: io::Error },
    #[error("the partition {partition} did not appear within {} s", LIMIT.as_secs())]
    Missing { partition: String },
}

/// The node of a partition: `/dev/sda1`, `/dev/nvme0n1p1`, `/dev/mapper/mpatha-part1`.
pub fn partition_path(disk: &str, number: u32) -> String {
    if disk.starts_with("/dev/mapper/") {
        return format!("{disk}-part{number}");
    }
    let between = if disk.ends_with(|c: char| c.is_ascii_digit()) {
        "p"
    } else {
        ""
    };
    format!("{disk}{between}{number}")
}

/// Makes the kernel read the table of `disk`, and waits until every partition of `layout` is there with its size. `root` is `/` on a node.
///
/// # Errors
/// A partition that is in use, or one that does not appear.
pub fn reread_partitions(root: &Path, disk: &str, layout: &DiskLayout) -> Result<(), PartitionError> {
    let end = Instant::now() + LIMIT;
    wait_for_quiet_udev(root, GRACE, LIMIT);
    let reread = || File::open(disk).and_then(|file| ioctl(&file, BLKRRPART, &mut []));
    loop {
        match reread() {
            Ok(_) => break,
            // Somebody has a partition open only to look at it.
            Err(e) if e.raw_os_error() == Some(libc::EBUSY) && Instant::now() < end => thread::sleep(PAUSE),
            Err(source) => {
                let disk = disk.into();
                return Err(PartitionError::Reread { disk, source });
            }
        }
    }
    wait_for_quiet_udev(root, GRACE, LIMIT);
    for laid_out in &layout.partitions {
        let partition = partition_path(disk, laid_out.number);
        while !has_size(&partition, laid_out.extent.length) {
            if Instant::now() >= end {
                return Err(PartitionError::Missing { partition });
            }
            thread::sleep(PAUSE);
        }
    }
    Ok(())
}

fn has_size(partition: &str, bytes: u64) -> bool {
    use std::io::{Seek, SeekFrom};
    File::open(partition)
        .and_then(|mut file| file.seek(SeekFrom::End(0)))
        .is_ok_and(|size| size == bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_have_the_kernels_names() {
        assert_eq!(partition_path("/dev/sda", 3), "/dev/sda3");
        assert_eq!(partition_path("/dev/nvme0n1", 3), "/dev/nvme0n1p3");
        assert_eq!(partition_path("/dev/mapper/mpatha", 3), "/dev/mapper/mpatha-part3");
    }
}
