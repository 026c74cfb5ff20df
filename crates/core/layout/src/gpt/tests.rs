use super::*;
use proptest::prelude::*;

/// A table with one partition, `CORBEL-SEED`, of 4 sectors from sector 40.
fn medium(sector: usize) -> Vec<u8> {
    let mut disk = vec![0u8; 48 * sector];
    let mut entries = vec![0u8; 128 * 128];
    entries[..16].copy_from_slice(&[
        0xa2, 0xa0, 0xd0, 0xeb, 0xe5, 0xb9, 0x33, 0x44, 0x87, 0xc0, 0x68, 0xb6, 0xb7, 0x26, 0x99, 0xc7,
    ]);
    entries[32..40].copy_from_slice(&40u64.to_le_bytes());
    entries[40..48].copy_from_slice(&43u64.to_le_bytes());
    for (i, unit) in "CORBEL-SEED".encode_utf16().enumerate() {
        entries[56 + 2 * i..58 + 2 * i].copy_from_slice(&unit.to_le_bytes());
    }
    let mut header = vec![0u8; 92];
    header[..8].copy_from_slice(b"EFI PART");
    header[12..16].copy_from_slice(&92u32.to_le_bytes());
    header[24..32].copy_from_slice(&1u64.to_le_bytes());
    header[72..80].copy_from_slice(&2u64.to_le_bytes());
    header[80..84].copy_from_slice(&128u32.to_le_bytes());
    header[84..88].copy_from_slice(&128u32.to_le_bytes());
    header[88..92].copy_from_slice(&crc32(&entries).to_le_bytes());
    let crc = crc32(&header);
    header[16..20].copy_from_slice(&crc.to_le_bytes());
    disk[sector..sector + 92].copy_from_slice(&header);
    disk[2 * sector..2 * sector + entries.len()].copy_from_slice(&entries);
    disk
}

#[test]
fn the_checksum_is_the_standard_one() {
    assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
}

#[test]
fn an_identifier_is_read_as_it_is_shown() {
    let text = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b";
    let guid: Guid = text.parse().expect("a GUID");
    assert_eq!(guid.to_string(), text);
    assert_eq!(text.to_uppercase().parse(), Ok(guid));
    for wrong in [
        "",
        "3",
        "c12a7328f81f11d2ba4b00a0c93ec93b",
        "c12a7328-f81f-11d2-bb4b-00a0c93ec9+b",
    ] {
        assert_eq!(wrong.parse::<Guid>(), Err(NotGuid), "{wrong}");
    }
}

#[test]
fn both_sector_sizes_are_read() {
    for sector in [512usize, 4096] {
        let found = read(&medium(sector)).unwrap();
        assert_eq!(found.len(), 1);
        let seed = &found[0];
        assert_eq!((seed.number, seed.name.as_str()), (1, "CORBEL-SEED"));
        assert_eq!((seed.offset, seed.length), (40 * sector as u64, 4 * sector as u64));
        assert_eq!(seed.kind.to_string(), "ebd0a0a2-b9e5-4433-87c0-68b6b72699c7");
    }
}

#[test]
fn a_flipped_byte_is_noticed() {
    let mut disk = medium(512);
    disk[1024 + 57] ^= 1;
    assert_eq!(
        read(&disk).unwrap_err().to_string(),
        "the GUID partition table is damaged: its entry checksum is wrong"
    );
    let mut disk = medium(512);
    disk[512 + 40] ^= 1;
    assert!(matches!(
        read(&disk),
        Err(GptError::Damaged {
            what: "header checksum"
        })
    ));
    assert!(matches!(read(&vec![0u8; 9000]), Err(GptError::NotGpt)));
}

proptest! {
    #[test]
    fn arbitrary_entries_never_panic(entry in prop::collection::vec(any::<u8>(), 128)) {
        let _ = parse_entry(&entry, 1, 4096);
    }

    #[test]
    fn arbitrary_headers_never_panic(mut header in prop::collection::vec(any::<u8>(), 92), rest in any::<u8>()) {
        // The right signature, size and checksum, so that the fields behind them are reached.
        header[..8].copy_from_slice(b"EFI PART");
        header[12..16].copy_from_slice(&92u32.to_le_bytes());
        header[24..32].copy_from_slice(&1u64.to_le_bytes());
        header[16..20].fill(0);
        let crc = crc32(&header);
        header[16..20].copy_from_slice(&crc.to_le_bytes());
        let mut disk = vec![rest; 8192];
        disk[512..604].copy_from_slice(&header);
        let _ = read(&disk);
    }
}
