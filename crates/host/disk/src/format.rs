//! Making file systems, by the programs that their authors wrote for it.

use std::time::Duration;

use corbel_layout::disk::{FileSystem, Role};
use corbel_sys::{Cancel, Program, ProgramError};

/// A large disk behind a slow controller takes a minute; nothing takes ten.
const LIMIT: Duration = Duration::from_secs(600);

/// Bytes of the smallest block of ext4, and of its superblock.
const SMALL_BLOCK: u64 = 1024;

/// A file system that could not be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot make {file_system} in {partition}")]
pub struct FormatError {
    pub file_system: FileSystem,
    pub partition: String,
    pub source: ProgramError,
}

/// Makes a file system with a label in a partition of a disk with sectors of so many bytes, over whatever is there.
///
/// # Errors
/// The program is missing, failed, or was cancelled.
pub fn format(
    partition: &str,
    sector: u64,
    file_system: FileSystem,
    label: &str,
    cancel: &Cancel,
) -> Result<(), FormatError> {
    let program = match file_system {
        FileSystem::Fat32 => Program::new("mkfs.vfat").args(["-F", "32", "-n", label]),
        // Blocks that were never used are made at the first mount, in the background, and not now: an installation is
        // as fast as its bytes. A journal that is flushed is what a power cut needs, and ext4 has it without being asked.
        FileSystem::Ext4 => {
            let program = Program::new("mkfs.ext4").args(["-q", "-F", "-m", "0", "-L", label]);
            if label == Role::Config.name() && sector <= SMALL_BLOCK {
                // With larger blocks the whole partition is one block group, which has no second superblock: a power cut
                // between two sectors of the first would be beyond repair (e2fsck(8), "-b"). Where a sector holds the whole
                // superblock, no cut tears it, and blocks cannot be smaller than sectors.
                program.args(["-b", &SMALL_BLOCK.to_string()])
            } else {
                program
            }
        }
        FileSystem::Swap => Program::new("mkswap").args(["-f", "-L", label]),
    };
    let run = program.arg(partition).deadline(LIMIT).run(cancel);
    run.map(drop).map_err(|source| FormatError {
        file_system,
        partition: partition.to_owned(),
        source,
    })
}
