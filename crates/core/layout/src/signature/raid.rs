//! Members of RAID sets: those of Linux, and those that a firmware or a controller's BIOS made.

use std::io;

use super::{Device, Signature, text};
use crate::ReadAt;
use crate::bytes::le32;

/// `MD_SB_MAGIC` of include/uapi/linux/raid/md_p.h.
const MD_MAGIC: [u8; 4] = [0xfc, 0x4e, 0x2b, 0xa9];

/// Linux software RAID (md(4)).
pub(super) fn md<T: ReadAt + ?Sized>(device: &Device<'_, T>) -> io::Result<Option<Signature>> {
    const ALIGNMENT: u64 = 64 << 10;
    let aligned = device.length / ALIGNMENT * ALIGNMENT;
    let end = device.length / 512 * 512;
    // Version 1.0 lies at least 8 KiB before the end, at a multiple of 4 KiB.
    let near_end = end.checked_sub(8 << 10).map(|at| at / 4096 * 4096);
    let places = [("1.1", Some(0)), ("1.2", Some(4096)), ("1.0", near_end)];
    for (version, place) in places {
        let Some(block) = place.map(|at| device.bytes(at, 256)).transpose()?.flatten() else {
            continue;
        };
        if block[..4] == MD_MAGIC && le32(&block, 4) == 1 {
            return Ok(Some(Signature::Md {
                version,
                set: hex(&block[16..32]),
                name: text(&block[32..64]),
            }));
        }
    }
    let Some(place) = aligned.checked_sub(ALIGNMENT) else {
        return Ok(None);
    };
    let Some(block) = device.bytes(place, 256)? else {
        return Ok(None);
    };
    if block[..4] == MD_MAGIC && le32(&block, 4) == 0 {
        // The identifier is in four words, the first of them apart from the others.
        let set = [&block[20..24], &block[52..64]].concat();
        return Ok(Some(Signature::Md {
            version: "0.90",
            set: hex(&set),
            name: None,
        }));
    }
    Ok(None)
}

/// What dmraid calls ATARAID: formats by their place from the end, in sectors of 512 bytes, and their magic (dmraid, `lib/format`;
/// DDF: SNIA Common RAID Disk Data Format 2.0, 4.2.2).
pub(super) fn firmware<T: ReadAt + ?Sized>(device: &Device<'_, T>) -> io::Result<Vec<Signature>> {
    struct Format {
        name: &'static str,
        /// Sectors before the end.
        sectors: &'static [u64],
        /// Bytes into that sector.
        at: usize,
        magic: &'static [u8],
    }
    const FORMATS: [Format; 6] = [
        Format {
            name: "isw",
            sectors: &[2],
            at: 0,
            magic: b"Intel Raid ISM Cfg Sig. ",
        },
        Format {
            name: "ddf",
            sectors: &[1, 257],
            at: 0,
            magic: &[0xde, 0x11, 0xde, 0x11],
        },
        Format {
            name: "ddf",
            sectors: &[1, 257],
            at: 0,
            magic: &[0x11, 0xde, 0x11, 0xde],
        },
        Format {
            name: "promise",
            sectors: &[63, 255, 256, 16, 399, 591, 675, 735, 911, 974, 991, 951, 3087],
            at: 0,
            magic: b"Promise Technology, Inc.",
        },
        Format {
            name: "nvidia",
            sectors: &[2],
            at: 0,
            magic: b"NVIDIA",
        },
        Format {
            name: "lsi",
            sectors: &[1],
            at: 0,
            magic: b"$XIDE$",
        },
    ];
    const SECTOR: u64 = 512;
    let end = device.length / SECTOR;
    let mut found: Vec<Signature> = Vec::new();
    for format in FORMATS {
        for sectors in format.sectors {
            let Some(at) = end.checked_sub(*sectors) else { continue };
            let signature = Signature::FakeRaid { format: format.name };
            if device.has(at * SECTOR + format.at as u64, format.magic)? && !found.contains(&signature) {
                found.push(signature);
            }
        }
    }
    Ok(found)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
