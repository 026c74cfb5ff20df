//! A FAT12 volume made by hand; volumes made by another implementation are read in the tests of the seed.

use super::*;
use proptest::prelude::*;

/// 64 sectors: boot sector, one table, a root directory of 16 entries, data from sector 3 with clusters of one sector.
fn volume() -> Vec<u8> {
    let mut raw = vec![0u8; 64 * 512];
    raw[11..13].copy_from_slice(&512u16.to_le_bytes());
    (raw[13], raw[14], raw[16], raw[17], raw[19], raw[22]) = (1, 1, 1, 16, 64, 1);
    raw[43..54].copy_from_slice(b"NO NAME    ");
    raw[510..512].copy_from_slice(&[0x55, 0xaa]);
    // Cluster 2 → 3 → end: 0x003 and 0xfff share three bytes.
    raw[512 + 3..512 + 6].copy_from_slice(&[0x03, 0xf0, 0xff]);
    let root = 1024;
    raw[root..root + 12].copy_from_slice(b"CORBEL-SEED\x08");
    raw[root + 32..root + 44].copy_from_slice(b"WORDS   TXT\x20");
    raw[root + 32 + 12] = 0x08;
    raw[root + 32 + 26] = 2;
    raw[root + 32 + 28..root + 32 + 30].copy_from_slice(&600u16.to_le_bytes());
    raw[1536..1536 + 600].fill(b'w');
    raw
}

#[test]
fn names_labels_and_contents_are_read() {
    let raw = volume();
    let volume = read_volume(&raw).unwrap();
    assert_eq!(volume.label(&raw).unwrap(), "CORBEL-SEED");
    let entries = volume.root(&raw).unwrap();
    assert_eq!(entries.len(), 1);
    assert_eq!((entries[0].name.as_str(), entries[0].size), ("words.TXT", 600));
    assert_eq!(volume.read_file(&raw, &entries[0]).unwrap(), [b'w'; 600]);
}

#[test]
fn a_broken_chain_names_the_file() {
    let check = |at: usize, value: &[u8], expected: &str| {
        let mut raw = volume();
        raw[at..at + value.len()].copy_from_slice(value);
        let volume = read_volume(&raw).unwrap();
        let entries = volume.root(&raw).unwrap();
        assert_eq!(volume.read_file(&raw, &entries[0]).unwrap_err().to_string(), expected);
    };
    check(
        512 + 3,
        &[0xff, 0xff],
        "the FAT file system is damaged: words.TXT ends after 512 of 600 bytes",
    );
    check(
        512 + 3,
        &[0x01],
        "the FAT file system is damaged: cluster 1 is outside of the volume",
    );
    check(
        1024 + 32 + 26,
        &[99],
        "the FAT file system is damaged: cluster 99 is outside of the volume",
    );
}

#[test]
fn other_bytes_are_not_fat() {
    assert!(matches!(read_volume(&vec![0u8; 4096]), Err(FatError::NotFat)));
    assert!(matches!(read_volume(&vec![0u8; 20]), Err(FatError::NotFat)));
    let mut raw = volume();
    raw[20] = 0xff;
    assert!(matches!(read_volume(&raw), Err(FatError::Damaged { .. })));
}

proptest! {
    #[test]
    fn arbitrary_changes_never_panic(
        boot in prop::collection::vec((0usize..90, any::<u8>()), 0..6),
        rest in prop::collection::vec((512usize..2048, any::<u8>()), 0..60),
    ) {
        let mut raw = volume();
        for (at, value) in boot.into_iter().chain(rest) {
            raw[at] = value;
        }
        if let Ok(volume) = read_volume(&raw) {
            let _ = volume.label(&raw);
            for entry in volume.root(&raw).unwrap_or_default().iter().filter(|e| e.size < 1 << 20) {
                let _ = (volume.read_file(&raw, entry), volume.list(&raw, entry));
            }
        }
    }

    #[test]
    fn arbitrary_directories_never_panic(raw in prop::collection::vec(prop::collection::vec(any::<u8>(), 32), 0..20)) {
        // Every second entry is made part of a long name, so that its assembly is reached.
        let mut raw = raw;
        raw.iter_mut().step_by(2).for_each(|entry| entry[11] = 0x0f);
        let _ = parse_directory(&raw.concat());
    }
}
