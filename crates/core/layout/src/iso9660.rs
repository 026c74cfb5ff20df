//! ISO 9660 (ECMA-119): the primary volume's name, and where a file lies. Rock Ridge and Joliet are not needed and not
//! read.

use std::io;

use crate::bytes::{le32, read_array};
use crate::{Extent, ReadAt};

const SECTOR: u64 = 2048;
/// Volume descriptors start at sector 16 (ECMA-119 6.2.1); a set longer than this is damage.
const FIRST_DESCRIPTOR: u64 = 16;
const MOST_DESCRIPTORS: u64 = 32;
/// A directory of our media is one sector; a megabyte is generous and bounds the memory.
const MOST_DIRECTORY_BYTES: u64 = 1 << 20;

/// Why a medium could not be read as ISO 9660.
#[derive(Debug, thiserror::Error)]
pub enum IsoError {
    /// No primary volume descriptor: another format, or an empty drive.
    #[error("no ISO 9660 file system")]
    NotIso,
    /// A field that contradicts the standard.
    #[error("the ISO 9660 {what} at byte {offset} is damaged")]
    Damaged { what: &'static str, offset: u64 },
    /// No such file.
    #[error("no file {path} on the ISO 9660 volume")]
    NotFound { path: String },
    /// The medium itself failed.
    #[error("reading the ISO 9660 file system at byte {offset}")]
    Io { offset: u64, source: io::Error },
}

/// A primary volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// Volume identifier without its padding, for example `CORBEL`.
    pub id: String,
    /// Bytes that the volume occupies (ECMA-119 8.4.8), without what follows it on the medium.
    pub length: u64,
    root: Extent,
}

/// Finds the primary volume descriptor.
///
/// # Errors
/// [`IsoError::NotIso`] when there is none, else what is damaged or could not be read.
pub fn read_volume(src: &(impl ReadAt + ?Sized)) -> Result<Volume, IsoError> {
    for sector in FIRST_DESCRIPTOR..FIRST_DESCRIPTOR + MOST_DESCRIPTORS {
        let offset = sector * SECTOR;
        let descriptor: [u8; SECTOR as usize] = match read_array(src, offset) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Err(IsoError::NotIso),
            Err(source) => return Err(IsoError::Io { offset, source }),
        };
        if &descriptor[1..6] != b"CD001" {
            return Err(IsoError::NotIso);
        }
        match descriptor[0] {
            1 => return parse_primary(&descriptor, offset),
            255 => return Err(IsoError::NotIso),
            _ => {}
        }
    }
    Err(IsoError::NotIso)
}

fn parse_primary(descriptor: &[u8], offset: u64) -> Result<Volume, IsoError> {
    let damaged = |what| IsoError::Damaged { what, offset };
    let block = u64::from(le32(descriptor, 128) & 0xffff);
    if block != SECTOR {
        return Err(damaged("logical block size"));
    }
    let id = String::from_utf8_lossy(&descriptor[40..72])
        .trim_end_matches([' ', '\0'])
        .to_owned();
    let record = Record::parse(&descriptor[156..190]).ok_or_else(|| damaged("root directory record"))?;
    let length = u64::from(le32(descriptor, 80)) * SECTOR;
    Ok(Volume {
        id,
        length,
        root: record.extent,
    })
}

/// Where the file at `path` lies (`CORBEL/ROOT.IMG`; case and `;1` do not matter).
///
/// # Errors
/// [`IsoError::NotFound`], or what is damaged or could not be read. A file in several extents (4 GiB and more) is damage.
pub fn find(src: &(impl ReadAt + ?Sized), volume: &Volume, path: &str) -> Result<Extent, IsoError> {
    let mut at = Record {
        extent: volume.root,
        directory: true,
        split: false,
        name: Vec::new(),
    };
    for part in path.split('/').filter(|p| !p.is_empty()) {
        let not_found = || IsoError::NotFound { path: path.to_owned() };
        if !at.directory {
            return Err(not_found());
        }
        at = entries(src, at.extent)?
            .into_iter()
            .find(|r| same_name(&r.name, part))
            .ok_or_else(not_found)?;
    }
    if at.directory {
        return Err(IsoError::NotFound { path: path.to_owned() });
    }
    if at.split {
        return Err(IsoError::Damaged {
            what: "file extent",
            offset: at.extent.offset,
        });
    }
    Ok(at.extent)
}

/// One directory record (ECMA-119 9.1).
struct Record {
    extent: Extent,
    directory: bool,
    /// Interleaved, or continued in a further record: not one run of bytes.
    split: bool,
    name: Vec<u8>,
}

impl Record {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let name_length = usize::from(*bytes.get(32)?);
        let name = bytes.get(33..33 + name_length)?.to_vec();
        // The extent begins behind its extended attribute record, whose length is counted in blocks.
        let block = u64::from(le32(bytes, 2)) + u64::from(bytes[1]);
        let extent = Extent {
            offset: block * SECTOR,
            length: u64::from(le32(bytes, 10)),
        };
        let flags = bytes[25];
        let split = flags & 0x80 != 0 || bytes[26] != 0;
        Some(Self {
            extent,
            directory: flags & 2 != 0,
            split,
            name,
        })
    }
}

fn entries(src: &(impl ReadAt + ?Sized), directory: Extent) -> Result<Vec<Record>, IsoError> {
    if directory.length > MOST_DIRECTORY_BYTES {
        return Err(IsoError::Damaged {
            what: "directory length",
            offset: directory.offset,
        });
    }
    let mut found = Vec::new();
    for start in (0..directory.length).step_by(SECTOR as usize) {
        let offset = directory.offset + start;
        let sector: [u8; SECTOR as usize] =
            read_array(src, offset).map_err(|source| IsoError::Io { offset, source })?;
        let mut rest = &sector[..];
        // Records never cross a sector; a zero length says that the rest of this one is empty.
        while let Some(length) = rest.first().map(|l| usize::from(*l)).filter(|l| *l > 0) {
            let damaged = || IsoError::Damaged {
                what: "directory record",
                offset,
            };
            let (record, after) = rest.split_at_checked(length).ok_or_else(damaged)?;
            found.push(Record::parse(record).ok_or_else(damaged)?);
            rest = after;
        }
    }
    Ok(found)
}

fn same_name(recorded: &[u8], wanted: &str) -> bool {
    let plain = recorded.split(|b| *b == b';').next().unwrap_or(recorded);
    let plain = plain.strip_suffix(b".").unwrap_or(plain);
    plain.eq_ignore_ascii_case(wanted.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn record(name: &[u8], block: u32, length: u32, flags: u8) -> Vec<u8> {
        let mut r = vec![0u8; 33 + name.len() + (name.len() + 1) % 2];
        r[0] = r.len() as u8;
        r[2..6].copy_from_slice(&block.to_le_bytes());
        r[10..14].copy_from_slice(&length.to_le_bytes());
        r[25] = flags;
        r[32] = name.len() as u8;
        r[33..33 + name.len()].copy_from_slice(name);
        r
    }

    /// A volume whose root (sector 20) holds `CORBEL` (sector 21), which holds `ROOT.IMG;1`.
    fn volume() -> Vec<u8> {
        let mut iso = vec![0u8; 30 * 2048];
        let put = |iso: &mut Vec<u8>, at: usize, bytes: &[u8]| iso[at..at + bytes.len()].copy_from_slice(bytes);
        let pvd = 16 * 2048;
        put(&mut iso, pvd, b"\x01CD001\x01");
        put(&mut iso, pvd + 40, b"CORBEL                          ");
        put(&mut iso, pvd + 80, &30u32.to_le_bytes());
        put(&mut iso, pvd + 128, &[0, 8, 8, 0]);
        put(&mut iso, pvd + 156, &record(b"\0", 20, 2048, 2));
        put(&mut iso, 17 * 2048, b"\xffCD001\x01");
        let root = [
            record(b"\0", 20, 2048, 2),
            record(b"\x01", 20, 2048, 2),
            record(b"CORBEL", 21, 4096, 2),
        ]
        .concat();
        put(&mut iso, 20 * 2048, &root);
        put(&mut iso, 21 * 2048, &record(b"\0", 21, 4096, 2));
        put(&mut iso, 22 * 2048, &record(b"ROOT.IMG;1", 25, 5000, 0));
        iso
    }

    #[test]
    fn a_file_is_found_by_its_path_in_any_case() {
        let iso = volume();
        let volume = read_volume(&iso).unwrap();
        assert_eq!((volume.id.as_str(), volume.length), ("CORBEL", 30 * 2048));
        let expected = Extent {
            offset: 25 * 2048,
            length: 5000,
        };
        assert_eq!(find(&iso, &volume, "CORBEL/ROOT.IMG").unwrap(), expected);
        assert_eq!(find(&iso, &volume, "/corbel/root.img").unwrap(), expected);
        for absent in ["CORBEL/OTHER.IMG", "ROOT.IMG", "CORBEL", "CORBEL/ROOT.IMG/X", ""] {
            assert!(
                matches!(find(&iso, &volume, absent), Err(IsoError::NotFound { .. })),
                "{absent}"
            );
        }
    }

    #[test]
    fn a_record_that_leaves_its_sector_is_damage() {
        let mut iso = volume();
        iso[22 * 2048 - 1] = 200;
        iso[21 * 2048] = 0;
        let volume = read_volume(&iso).unwrap();
        assert!(find(&iso, &volume, "CORBEL/ROOT.IMG").is_ok());
        iso[22 * 2048] = 3;
        assert!(matches!(
            find(&iso, &volume, "CORBEL/ROOT.IMG"),
            Err(IsoError::Damaged { .. })
        ));
    }

    #[test]
    fn other_media_are_not_iso() {
        assert!(matches!(read_volume(&vec![0u8; 100]), Err(IsoError::NotIso)));
        assert!(matches!(read_volume(&vec![0u8; 1 << 20]), Err(IsoError::NotIso)));
    }

    proptest! {
        #[test]
        fn arbitrary_changes_never_panic(changes in prop::collection::vec((16 * 2048usize..23 * 2048, any::<u8>()), 0..40)) {
            let mut iso = volume();
            for (at, value) in changes {
                iso[at] = value;
            }
            if let Ok(volume) = read_volume(&iso) {
                let _ = find(&iso, &volume, "CORBEL/ROOT.IMG");
            }
        }
    }
}
