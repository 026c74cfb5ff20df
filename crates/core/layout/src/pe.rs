//! Sections of a PE image (Microsoft PE/COFF specification), which is what a unified kernel image is made of.
//!
//! Only headers are read, so that an image of 100 MB costs a few KiB. A multi-profile image has several sections of the
//! same name; they are listed in file order.

use std::io;

use crate::bytes::{le16, le32, read_array};
use crate::{Extent, ReadAt};

/// The specification's own limit for images is 96; PE loaders of firmware accept more, but no UKI comes near.
const MOST_SECTIONS: u16 = 256;

/// Why the bytes are not a PE image.
#[derive(Debug, thiserror::Error)]
pub enum PeError {
    /// No `MZ` or `PE` signature.
    #[error("not a PE image")]
    NotPe,
    /// A field that contradicts the specification.
    #[error("the PE image is damaged: {what}")]
    Damaged { what: String },
    /// The medium itself failed.
    #[error("reading the PE image at byte {offset}")]
    Io { offset: u64, source: io::Error },
}

/// One section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// For example `.linux`.
    pub name: String,
    /// First byte in the file.
    pub offset: u64,
    /// Bytes in the file, padded to the image's file alignment.
    pub size: u64,
    /// Bytes that mean something; the file holds padding behind them.
    pub virtual_size: u64,
}

impl Section {
    /// The meaningful bytes of the section in the file.
    pub fn content(&self) -> Extent {
        Extent {
            offset: self.offset,
            length: self.virtual_size.min(self.size),
        }
    }
}

/// Lists the sections of an image of `length` bytes, in file order of their headers.
///
/// # Errors
/// Not a PE image, a section that leaves the file, or a failing medium.
pub fn sections(src: &(impl ReadAt + ?Sized), length: u64) -> Result<Vec<Section>, PeError> {
    let dos: [u8; 64] = read(src, 0)?;
    if &dos[..2] != b"MZ" {
        return Err(PeError::NotPe);
    }
    let at = u64::from(le32(&dos, 60));
    let header: [u8; 24] = read(src, at)?;
    if &header[..4] != b"PE\0\0" {
        return Err(PeError::NotPe);
    }
    let count = le16(&header, 6);
    if count > MOST_SECTIONS {
        return Err(PeError::Damaged {
            what: format!("{count} sections, expected at most {MOST_SECTIONS}"),
        });
    }
    let table = at + 24 + u64::from(le16(&header, 20));
    (0..u64::from(count))
        .map(|n| section(&read::<40>(src, table + 40 * n)?, length))
        .collect()
}

fn section(header: &[u8; 40], length: u64) -> Result<Section, PeError> {
    let name = header[..8].split(|b| *b == 0).next().unwrap_or_default();
    let section = Section {
        name: String::from_utf8_lossy(name).into_owned(),
        virtual_size: u64::from(le32(header, 8)),
        size: u64::from(le32(header, 16)),
        offset: u64::from(le32(header, 20)),
    };
    if section.size > 0 && section.offset + section.size > length {
        let Section { name, offset, size, .. } = section;
        let what = format!("section {name} ({size} bytes from byte {offset}) ends behind the file ({length} bytes)");
        return Err(PeError::Damaged { what });
    }
    Ok(section)
}

fn read<const N: usize>(src: &(impl ReadAt + ?Sized), offset: u64) -> Result<[u8; N], PeError> {
    read_array(src, offset).map_err(|source| match source.kind() {
        io::ErrorKind::UnexpectedEof => PeError::NotPe,
        _ => PeError::Io { offset, source },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn image(sections: &[(&str, u32, u32, u32)]) -> Vec<u8> {
        let mut pe = vec![0u8; 4096];
        pe[..2].copy_from_slice(b"MZ");
        pe[60] = 128;
        pe[128..132].copy_from_slice(b"PE\0\0");
        pe[134] = sections.len() as u8;
        pe[148] = 16;
        for (n, (name, virtual_size, size, offset)) in sections.iter().enumerate() {
            let header = &mut pe[168 + 40 * n..208 + 40 * n];
            header[..name.len()].copy_from_slice(name.as_bytes());
            header[8..12].copy_from_slice(&virtual_size.to_le_bytes());
            header[16..20].copy_from_slice(&size.to_le_bytes());
            header[20..24].copy_from_slice(&offset.to_le_bytes());
        }
        pe
    }

    #[test]
    fn sections_keep_their_order_and_repeat() {
        let pe = image(&[
            (".linux", 1000, 1024, 512),
            (".profile", 9, 512, 1536),
            (".profile", 700, 512, 2048),
        ]);
        let found = sections(&pe, 4096).unwrap();
        let names: Vec<_> = found.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(names, [".linux", ".profile", ".profile"]);
        assert_eq!(
            found[0].content(),
            Extent {
                offset: 512,
                length: 1000
            }
        );
        assert_eq!(
            found[2].content(),
            Extent {
                offset: 2048,
                length: 512
            }
        );
    }

    #[test]
    fn a_section_must_lie_in_the_file() {
        let pe = image(&[(".initrd", 10, 512, 4000)]);
        let text = sections(&pe, 4096).unwrap_err().to_string();
        assert!(
            text.ends_with("section .initrd (512 bytes from byte 4000) ends behind the file (4096 bytes)"),
            "{text}"
        );
        assert!(matches!(sections(&vec![0u8; 4096], 4096), Err(PeError::NotPe)));
        assert!(matches!(sections(&b"MZ"[..], 2), Err(PeError::NotPe)));
    }

    proptest! {
        #[test]
        fn arbitrary_changes_never_panic(changes in prop::collection::vec((0usize..400, any::<u8>()), 0..40)) {
            let mut pe = image(&[(".linux", 1000, 1024, 512), (".initrd", 9, 512, 1536)]);
            for (at, value) in changes {
                pe[at] = value;
            }
            let _ = sections(&pe, 4096).map(|found| found.iter().map(Section::content).collect::<Vec<_>>());
        }
    }
}
