//! EFI_LOAD_OPTION: the content of a firmware variable `Boot####` (UEFI specification 2.10 and later, sections 3.1.3 and 10.3).

use crate::bytes::{le16, le32};

/// LOAD_OPTION_ACTIVE.
const ACTIVE: u32 = 1;

/// A partition as a device path names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HardDrive {
    /// Number of the partition, from 1.
    pub number: u32,
    /// First block, in blocks of the disk.
    pub first: u64,
    /// Blocks.
    pub blocks: u64,
    /// The partition's own GUID as it lies in the GPT.
    pub guid: [u8; 16],
}

/// A load option that starts the file `path` (with `\`) of a partition, under the name `label`.
pub fn render(label: &str, drive: &HardDrive, path: &str) -> Vec<u8> {
    let wide = |text: &str| -> Vec<u8> {
        let units = text.encode_utf16().chain([0]);
        units.flat_map(u16::to_le_bytes).collect()
    };
    let node = |kind: u8, sub: u8, body: &[u8]| -> Vec<u8> {
        let length = (body.len() + 4) as u16;
        [&[kind, sub], &length.to_le_bytes()[..], body].concat()
    };
    let hard_drive = [
        &drive.number.to_le_bytes()[..],
        &drive.first.to_le_bytes(),
        &drive.blocks.to_le_bytes(),
        &drive.guid,
        // GPT; the signature is a GUID.
        &[2, 2],
    ]
    .concat();
    let device = [node(4, 1, &hard_drive), node(4, 4, &wide(path)), node(0x7f, 0xff, &[])].concat();
    [
        &ACTIVE.to_le_bytes()[..],
        &(device.len() as u16).to_le_bytes(),
        &wide(label),
        &device,
    ]
    .concat()
}

/// The label of a load option, and the GUID of the partition that it starts from, if its device path has one.
pub fn parse(option: &[u8]) -> Option<(String, Option<[u8; 16]>)> {
    option.get(..6)?;
    let (_, device_bytes) = (le32(option, 0), le16(option, 4));
    let mut units = Vec::new();
    let mut at = 6;
    loop {
        let unit = u16::from_le_bytes(option.get(at..at + 2)?.try_into().ok()?);
        at += 2;
        match unit {
            0 => break,
            unit => units.push(unit),
        }
    }
    let mut device = option.get(at..at + usize::from(device_bytes))?;
    let mut guid = None;
    while let [kind, sub, ..] = device
        && *kind != 0x7f
    {
        let length = usize::from(le16(device, 2));
        let node = device.get(..length).filter(|node| node.len() >= 4)?;
        if (*kind, *sub, length) == (4, 1, 42) && node[40..] == [2, 2] {
            guid = node[24..40].try_into().ok();
        }
        device = &device[length..];
    }
    Some((String::from_utf16_lossy(&units), guid))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn option() -> Vec<u8> {
        let drive = HardDrive {
            number: 1,
            first: 2048,
            blocks: 1 << 20,
            guid: [7; 16],
        };
        render("Corbel", &drive, "\\EFI\\systemd\\systemd-bootx64.efi")
    }

    #[test]
    fn the_bytes_are_those_of_the_specification() {
        let option = option();
        assert_eq!(option[..4], [1, 0, 0, 0]);
        assert_eq!(option[6..20], *b"C\0o\0r\0b\0e\0l\0\0\0");
        assert_eq!(option[20..24], [4, 1, 42, 0]);
        assert_eq!(option[24..28], [1, 0, 0, 0]);
        assert_eq!(option[28..36], 2048_u64.to_le_bytes());
        assert_eq!(option[60..62], [2, 2]);
        assert_eq!(option[62..64], [4, 4]);
        assert!(option.ends_with(&[0x7f, 0xff, 4, 0]));
        assert_eq!(usize::from(le16(&option, 4)), option.len() - 20);
        assert_eq!(parse(&option), Some(("Corbel".to_owned(), Some([7; 16]))));
    }

    proptest! {
        #[test]
        fn arbitrary_changes_never_panic(changes in prop::collection::vec((0usize..130, any::<u8>()), 0..20), end in 0usize..200) {
            let mut option = option();
            for (at, value) in changes {
                if let Some(byte) = option.get_mut(at) {
                    *byte = value;
                }
            }
            option.truncate(end);
            let _ = parse(&option);
        }
    }
}
