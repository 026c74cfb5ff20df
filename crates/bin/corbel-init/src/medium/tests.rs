//! Media are made of bytes: an ISO 9660 volume with one file whose content is a small verified image.

use super::*;
use corbel_disk::FakeDevices;
use corbel_layout::verity::RootHash;

const BLOCK: usize = 4096;

/// A one-block "squashfs" with its verity superblock, and its root hash (the hash of a single block is the root).
fn image() -> (Vec<u8>, RootHash) {
    let mut bytes = vec![0u8; 2 * BLOCK];
    bytes[..4].copy_from_slice(b"hsqs");
    bytes[28] = 4;
    bytes[40] = 200;
    let verity = BLOCK;
    bytes[verity..verity + 6].copy_from_slice(b"verity");
    bytes[verity + 8] = 1;
    bytes[verity + 12] = 1;
    bytes[verity + 32..verity + 38].copy_from_slice(b"sha256");
    bytes[verity + 65] = 16;
    bytes[verity + 69] = 16;
    bytes[verity + 72] = 1;
    // sha256 of the first 4096 bytes.
    let hash = "ea5ee724889e421f93a39237502bc830c32bcc07ef2bd9ba377d0e7236a44139";
    (bytes, hash.parse().unwrap())
}

fn iso(name: &str, image: &[u8]) -> Vec<u8> {
    let record = |name: &[u8], block: u8, length: u32, flags: u8| {
        let mut r = vec![0u8; 33 + name.len()];
        (r[0], r[2], r[25], r[32]) = (r.len() as u8, block, flags, name.len() as u8);
        r[10..14].copy_from_slice(&length.to_le_bytes());
        r[33..].copy_from_slice(name);
        r
    };
    let mut iso = vec![0u8; 22 * 2048];
    let mut put = |at: usize, bytes: &[u8]| iso[at..at + bytes.len()].copy_from_slice(bytes);
    put(16 * 2048, b"\x01CD001\x01");
    put(16 * 2048 + 40, format!("{name:32}").as_bytes());
    put(16 * 2048 + 129, &[8]);
    put(16 * 2048 + 156, &record(b"\0", 20, 2048, 2));
    put(20 * 2048, &record(b"CORBEL", 21, 2048, 2));
    put(21 * 2048, &record(b"ROOT.IMG;1", 22, image.len() as u32, 0));
    iso.extend(image);
    iso
}

#[test]
fn the_medium_is_found_by_its_volume_and_hash() {
    let (image, hash) = image();
    let good = iso("CORBEL", &image);
    let devices = FakeDevices::default()
        .with("sda", vec![0; 100_000])
        .with("sdb", good.clone())
        .with("sdb1", good)
        .with_empty("sr0");
    let mut search = Search::default();
    let found = search.look(&devices, &Place::Volume, &hash).unwrap();
    assert_eq!((found.device.name.as_str(), found.extent.offset), ("sdb", 22 * 2048));
    assert_eq!(found.image.verity.data_blocks, 1);
    assert!(
        search
            .report()
            .iter()
            .any(|l| l.starts_with("/dev/sr0 (0 MiB): ") && l.contains("medium")),
        "{search:?}"
    );
}

#[test]
fn a_drive_that_gets_its_medium_later_is_looked_at_again() {
    let (image, hash) = image();
    let mut search = Search::default();
    assert!(
        search
            .look(&FakeDevices::default().with_empty("sr0"), &Place::Volume, &hash)
            .is_none()
    );
    assert!(
        search
            .look(
                &FakeDevices::default().with("sr0", iso("OTHER", &image)),
                &Place::Volume,
                &hash
            )
            .is_none()
    );
    assert_eq!(
        search.report(),
        ["/dev/sr0 (0 MiB): an ISO 9660 volume of another name"]
    );
    let longer = [iso("CORBEL", &image), vec![0; 2048]].concat();
    assert!(
        search
            .look(&FakeDevices::default().with("sr0", longer), &Place::Volume, &hash)
            .is_some()
    );
}

#[test]
fn another_or_damaged_image_is_refused_and_named() {
    let (image, hash) = image();
    let check = |image: &[u8], expected: &str| {
        let devices = FakeDevices::default().with("sr0", iso("CORBEL", image));
        let mut search = Search::default();
        assert!(search.look(&devices, &Place::Volume, &hash).is_none());
        let (name, why) = search.damaged().unwrap();
        assert_eq!(name, "sr0");
        assert!(why.contains(expected), "{why}");
    };
    let mut flipped = image.clone();
    flipped[1000] ^= 1;
    check(&flipped, "block at byte 0 is damaged");
    check(&image[..BLOCK], "no dm-verity superblock");
    check(b"", "not a squashfs");
    let good = iso("CORBEL", &image);
    let mut search = Search::default();
    let both = FakeDevices::default()
        .with("sr0", iso("CORBEL", &flipped))
        .with("sda", good);
    assert_eq!(search.look(&both, &Place::Volume, &hash).unwrap().device.name, "sda");
}

#[test]
fn a_slot_is_the_partition_of_its_name_and_nothing_else_is_read() {
    let (image, hash) = image();
    let slots = |bytes: &[u8]| {
        FakeDevices::default()
            .with("sda", iso("CORBEL", &image))
            .with("sda2", image.clone())
            .with("sda3", [bytes, &[0; BLOCK]].concat())
    };
    let name_of = |device: &str| match device {
        "sda2" => Some("corbel-root-a".to_owned()),
        "sda3" => Some("corbel-root-b".to_owned()),
        _ => None,
    };
    let place = Place::Partition {
        name: "corbel-root-b",
        name_of: &name_of,
    };
    let found = Search::default().look(&slots(&image), &place, &hash).unwrap();
    assert_eq!(
        (found.device.name.as_str(), found.extent.offset, found.extent.length),
        ("sda3", 0, image.len() as u64)
    );
    // The other slot has this very image; it is another system's all the same.
    let mut flipped = image.clone();
    flipped[1000] ^= 1;
    let mut search = Search::default();
    assert!(search.look(&slots(&flipped), &place, &hash).is_none());
    assert_eq!(search.damaged().unwrap().0, "sda3");
    assert!(
        search
            .report()
            .contains(&"/dev/sda2 (0 MiB): not a partition of this name".to_owned()),
        "{search:?}"
    );
}
