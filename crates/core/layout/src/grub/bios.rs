//! The two images with which a BIOS starts GRUB from a disk, as `grub-bios-setup` leaves them there.
//!
//! `boot.img` is sector 0 and names the first sector of `core.img`; that sector (GRUB's `diskboot.img`) holds a list of where
//! the rest is. Offsets are those of GRUB's `include/grub/i386/pc/boot.h` (GRUB_BOOT_MACHINE_*) and `grub-core/boot/i386/pc`;
//! what is written is what `util/setup.c` writes. Only disks with sectors of 512 bytes: a BIOS starts no other.

use crate::bytes::le64;

/// Bytes of a sector.
pub const SECTOR: usize = 512;

/// GRUB_BOOT_MACHINE_BPB_START and _END: the parameter block of a DOS volume, kept from the disk.
const PARAMETERS: std::ops::Range<usize> = 0x3..0x5a;
/// GRUB_BOOT_MACHINE_KERNEL_SECTOR: first sector of core.img, u64.
const KERNEL_SECTOR: usize = 0x5c;
/// GRUB_BOOT_MACHINE_BOOT_DRIVE: 0xff is the drive that the BIOS started.
const BOOT_DRIVE: usize = 0x64;
/// GRUB_BOOT_MACHINE_DRIVE_CHECK: a jump that setup.c replaces by two `nop` on hard disks, so that a wrong drive number is corrected.
const DRIVE_CHECK: usize = 0x66;
/// The end of code: from here sector 0 holds the disk's number and the partition table (0x1b8, GRUB_BOOT_MACHINE_WINDOWS_NT_MAGIC).
pub const CODE_BYTES: usize = 440;
/// GRUB_BOOT_MACHINE_SIGNATURE 0xaa55 at its place.
const SIGNATURE: (usize, [u8; 2]) = (510, [0x55, 0xaa]);
/// The first entry of the list in diskboot.img: SECTOR - GRUB_BOOT_MACHINE_LIST_SIZE (u64 start, u16 sectors, u16 segment).
const LIST: usize = 0x1f4;
/// GRUB_BOOT_I386_PC_KERNEL_SEG (0x800) + SECTOR / 16.
const SEGMENT: u16 = 0x820;

/// Why the images do not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BiosError {
    #[error("GRUB's boot.img has {found} bytes, expected {SECTOR}")]
    BootSize { found: usize },
    #[error("GRUB's boot.img does not end with the boot signature")]
    NoSignature,
    #[error("GRUB's core.img needs {needed} sectors, and the BIOS boot partition has {there}")]
    TooLarge { needed: u64, there: u64 },
    #[error("GRUB's core.img has {found} bytes, which is less than its first two sectors")]
    CoreSize { found: usize },
}

/// What goes onto the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskImages {
    /// Sector 0, with the partition table that was there.
    pub first_sector: [u8; SECTOR],
    /// From the first sector of the BIOS boot partition; whole sectors.
    pub core: Vec<u8>,
}

/// Patches `boot` (boot.img) and `core` (core.img) for a disk whose sector 0 is `sector0` and whose BIOS boot partition has
/// `sectors` sectors (of 512 bytes) from sector `first`.
///
/// # Errors
/// Images of another shape, or a partition that is too small.
pub fn for_disk(
    boot: &[u8],
    core: &[u8],
    sector0: &[u8; SECTOR],
    first: u64,
    sectors: u64,
) -> Result<DiskImages, BiosError> {
    let mut out: [u8; SECTOR] = boot.try_into().map_err(|_| BiosError::BootSize { found: boot.len() })?;
    if out[SIGNATURE.0..] != SIGNATURE.1 {
        return Err(BiosError::NoSignature);
    }
    if core.len() <= SECTOR {
        return Err(BiosError::CoreSize { found: core.len() });
    }
    let needed = core.len().div_ceil(SECTOR) as u64;
    let rest = u16::try_from(needed - 1).map_err(|_| BiosError::TooLarge { needed, there: sectors })?;
    if needed > sectors {
        return Err(BiosError::TooLarge { needed, there: sectors });
    }
    out[PARAMETERS].copy_from_slice(&sector0[PARAMETERS]);
    out[KERNEL_SECTOR..KERNEL_SECTOR + 8].copy_from_slice(&first.to_le_bytes());
    out[BOOT_DRIVE] = 0xff;
    out[DRIVE_CHECK..DRIVE_CHECK + 2].copy_from_slice(&[0x90, 0x90]);
    out[CODE_BYTES..].copy_from_slice(&sector0[CODE_BYTES..]);
    // A disk that never had a table has no signature either, and without it a BIOS starts nothing.
    out[SIGNATURE.0..].copy_from_slice(&SIGNATURE.1);
    let mut core = core.to_vec();
    core.resize(needed as usize * SECTOR, 0);
    core[LIST..LIST + 8].copy_from_slice(&(first + 1).to_le_bytes());
    core[LIST + 8..LIST + 10].copy_from_slice(&rest.to_le_bytes());
    core[LIST + 10..LIST + 12].copy_from_slice(&SEGMENT.to_le_bytes());
    Ok(DiskImages {
        first_sector: out,
        core,
    })
}

/// Where a sector 0 that [`for_disk`] made expects core.img; `None` when it is no boot sector of GRUB's with that shape.
pub fn core_sector(sector0: &[u8; SECTOR]) -> Option<u64> {
    let ours = sector0[SIGNATURE.0..] == SIGNATURE.1
        && sector0[BOOT_DRIVE] == 0xff
        && sector0[DRIVE_CHECK..DRIVE_CHECK + 2] == [0x90, 0x90];
    ours.then(|| le64(sector0, KERNEL_SECTOR))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn images() -> (Vec<u8>, Vec<u8>, [u8; SECTOR]) {
        let mut boot = vec![0xb0; SECTOR];
        boot[510..].copy_from_slice(&[0x55, 0xaa]);
        let mut sector0 = [0xd0; SECTOR];
        sector0[510..].copy_from_slice(&[0x55, 0xaa]);
        (boot, vec![0xc0; 3 * SECTOR + 1], sector0)
    }

    #[test]
    fn the_chain_of_sectors_is_that_of_grub_bios_setup() {
        let (boot, core, sector0) = images();
        let disk = for_disk(&boot, &core, &sector0, 0x11_2233, 2048).expect("fits");
        let first = disk.first_sector;
        assert_eq!(first[0x5c..0x64], [0x33, 0x22, 0x11, 0, 0, 0, 0, 0]);
        assert_eq!((first[0x64], &first[0x66..0x68]), (0xff, &[0x90, 0x90][..]));
        assert_eq!((first[0], first[0x5a], first[0x5b]), (0xb0, 0xb0, 0xb0));
        assert_eq!(first[3..0x5a], sector0[3..0x5a], "the parameter block is the disk's");
        assert_eq!(first[440..], sector0[440..], "the partition table is the disk's");
        assert_eq!(disk.core.len(), 4 * SECTOR);
        assert_eq!(disk.core[0x1f4..0x1fc], 0x11_2234_u64.to_le_bytes());
        assert_eq!(disk.core[0x1fc..0x200], [3, 0, 0x20, 0x08]);
        assert_eq!(disk.core[0x200], 0xc0);
        assert_eq!(core_sector(&first), Some(0x11_2233));
        assert_eq!(core_sector(&sector0), None);
    }

    #[test]
    fn images_that_do_not_fit_are_refused() {
        let (boot, core, sector0) = images();
        assert_eq!(
            for_disk(&boot, &core, &sector0, 34, 3),
            Err(BiosError::TooLarge { needed: 4, there: 3 })
        );
        assert_eq!(
            for_disk(&boot[1..], &core, &sector0, 34, 9),
            Err(BiosError::BootSize { found: 511 })
        );
        assert_eq!(
            for_disk(&[0; SECTOR], &core, &sector0, 34, 9),
            Err(BiosError::NoSignature)
        );
        assert_eq!(
            for_disk(&boot, &core[..SECTOR], &sector0, 34, 9),
            Err(BiosError::CoreSize { found: SECTOR })
        );
    }
}
