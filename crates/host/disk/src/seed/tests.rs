//! Volumes are made in memory by fatfs, an implementation that is not ours (and that panics on some damaged volumes,
//! which is why it only writes here).

use std::io::{Cursor, Write};

use proptest::prelude::*;

use super::*;
use crate::FakeDevices;

const SIZE: usize = 4 << 20;

fn volume(label: &[u8; 11], files: &[(&str, &[u8])]) -> Vec<u8> {
    volume_of(SIZE, fatfs::FatType::Fat16, label, files)
}

fn volume_of(size: usize, kind: fatfs::FatType, label: &[u8; 11], files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = vec![0u8; size];
    let options = fatfs::FormatVolumeOptions::new()
        .volume_label(*label)
        .fat_type(kind)
        .bytes_per_cluster(512);
    fatfs::format_volume(Cursor::new(&mut bytes), options).unwrap();
    {
        let fs = fatfs::FileSystem::new(Cursor::new(&mut bytes), fatfs::FsOptions::new()).unwrap();
        for (path, content) in files {
            for (at, _) in path.match_indices('/') {
                fs.root_dir().create_dir(&path[..at]).unwrap();
            }
            fs.root_dir().create_file(path).unwrap().write_all(content).unwrap();
        }
    }
    bytes
}

fn whole(bytes: &[u8]) -> Extent {
    Extent {
        offset: 0,
        length: bytes.len() as u64,
    }
}

#[test]
fn files_come_with_their_paths_in_lower_case() {
    let big = vec![7u8; 100_000];
    let bytes = volume(
        b"CORBEL-SEED",
        &[
            ("Corbel.toml", b"version = 1\n"),
            ("WORDS", b"a b"),
            ("clients/Alice.pem", &big),
            (".Trashes", b"x"),
        ],
    );
    let files = read_seed(&bytes, whole(&bytes)).unwrap();
    let names: Vec<_> = files.keys().map(String::as_str).collect();
    assert_eq!(names, ["clients/alice.pem", "corbel.toml", "words"]);
    assert_eq!(
        (files["clients/alice.pem"].as_slice(), files["words"].as_slice()),
        (&big[..], &b"a b"[..])
    );
}

#[test]
fn all_three_widths_are_read() {
    let big: Vec<u8> = (0..100_000u32).map(|n| (n / 7) as u8).collect();
    for (size, kind) in [
        (1 << 20, fatfs::FatType::Fat12),
        (4 << 20, fatfs::FatType::Fat16),
        (36 << 20, fatfs::FatType::Fat32),
    ] {
        // Many names, so that the directory itself takes several clusters.
        let names: Vec<_> = (0..40)
            .map(|n| format!("a rather long name of a file {n:02}.text"))
            .collect();
        let mut files: Vec<_> = names.iter().map(|n| (n.as_str(), n.as_bytes())).collect();
        files.extend([("d/big", &big[..]), ("d/e/SHORT.TXT", &b"x"[..])].iter().copied());
        let bytes = volume_of(size, kind, b"CORBEL-SEED", &files);
        let found = read_seed(&bytes, whole(&bytes)).unwrap();
        assert_eq!(found.len(), 42, "{kind:?}");
        assert_eq!((&found["d/big"], found["d/e/short.txt"].as_slice()), (&big, &b"x"[..]));
        assert!(names.iter().all(|n| found[n.as_str()] == n.as_bytes()));
        assert!(has_label(&bytes, whole(&bytes)));
    }
}

#[test]
fn limits_name_the_file() {
    let check = |files: &[(&str, &[u8])], expected: &str| {
        let bytes = volume(b"CORBEL-SEED", files);
        assert_eq!(read_seed(&bytes, whole(&bytes)).unwrap_err().to_string(), expected);
    };
    let big = vec![0; (1 << 20) + 1];
    check(
        &[("big.bin", &big)],
        "big.bin of the seed volume has 1048577 bytes, expected at most 1048576",
    );
    let names: Vec<_> = (0..65).map(|n| format!("file{n:02}")).collect();
    let many: Vec<_> = names.iter().map(|n| (n.as_str(), &b""[..])).collect();
    check(
        &many,
        "the seed volume holds too much at file64: at most 64 files, 8388608 bytes in all",
    );
}

#[test]
fn the_images_own_empty_seed_hides_no_other() {
    let (empty, full) = (volume(b"CORBEL-SEED", &[]), volume(b"CORBEL-SEED", &[("words", b"a")]));
    let devices = FakeDevices::default()
        .with("sda", medium_with_partition(&empty))
        .with("sda3", empty)
        .with("vdb", full.clone());
    let name = |devices: &FakeDevices| find_seed(devices, Some("/dev/sda")).unwrap().unwrap().device.name;
    assert_eq!(name(&devices), "vdb");
    assert_eq!(name(&devices.with("sda", medium_with_partition(&full))), "sda");
}

#[test]
fn the_booted_medium_comes_first_then_a_label() {
    let seed = volume(b"CORBEL-SEED", &[]);
    let devices = FakeDevices::default()
        .with_empty("sr0")
        .with("sda", volume(b"OTHER DISK ", &[]))
        .with("sdb1", seed.clone())
        .with("vdc", medium_with_partition(&seed));
    let found = |medium| {
        find_seed(&devices, medium)
            .unwrap()
            .map(|s| (s.device.name, s.extent.offset))
    };
    assert_eq!(found(None), Some(("sdb1".to_owned(), 0)));
    assert_eq!(found(Some("/dev/sr0")), Some(("sdb1".to_owned(), 0)));
    assert_eq!(found(Some("/dev/vdc")), Some(("vdc".to_owned(), 64 * 512)));
    assert_eq!(
        find_seed(&FakeDevices::default().with_empty("sr0"), None).unwrap(),
        None
    );
}

#[test]
fn a_partition_is_read_from_a_whole_image() {
    let image = medium_with_partition(&volume(b"CORBEL-SEED", &[("words", b"rescue")]));
    assert_eq!(read_seed_partition(&image).unwrap().unwrap()["words"], b"rescue");
    assert!(read_seed_partition(&vec![0u8; 4096]).unwrap().is_none());
}

#[test]
fn a_partition_of_another_name_is_known_by_its_label() {
    let check = |label, found: bool| {
        let image = medium_named("Appended2", &volume(label, &[]));
        assert_eq!(read_seed_partition(&image).unwrap().is_some(), found);
    };
    check(b"CORBEL-SEED", true);
    check(b"ANOTHER    ", false);
}

fn medium_with_partition(volume: &[u8]) -> Vec<u8> {
    medium_named(LABEL, volume)
}

/// A GPT medium whose one partition (from sector 64) is `volume`.
fn medium_named(name: &str, volume: &[u8]) -> Vec<u8> {
    let crc32 = |data: &[u8]| {
        let step = |c: u32, _| if c & 1 == 1 { (c >> 1) ^ 0xedb8_8320 } else { c >> 1 };
        !data.iter().fold(!0u32, |c, b| (0..8).fold(c ^ u32::from(*b), step))
    };
    let mut entries = vec![0u8; 128 * 4];
    entries[0] = 1;
    entries[32] = 64;
    entries[40..48].copy_from_slice(&(63 + volume.len() as u64 / 512).to_le_bytes());
    name.bytes().enumerate().for_each(|(i, b)| entries[56 + 2 * i] = b);
    let mut header = vec![0u8; 92];
    header[..8].copy_from_slice(b"EFI PART");
    for (at, value) in [(12, 92u32), (24, 1), (72, 2), (80, 4), (84, 128), (88, crc32(&entries))] {
        header[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }
    let crc = crc32(&header);
    header[16..20].copy_from_slice(&crc.to_le_bytes());
    let mut medium = vec![0u8; 64 * 512];
    medium[512..604].copy_from_slice(&header);
    medium[1024..1024 + entries.len()].copy_from_slice(&entries);
    medium.extend(volume);
    medium
}

#[test]
fn other_bytes_are_no_seed() {
    for bytes in [vec![0u8; 4096], vec![0xff; 4096], Vec::new()] {
        let error = read_seed(&bytes, whole(&bytes)).unwrap_err();
        assert!(matches!(error, SeedError::Volume(FatError::NotFat)), "{error:?}");
    }
}

proptest! {
    #[test]
    fn arbitrary_changes_never_panic_and_always_end(
        boot in prop::collection::vec((0usize..62, any::<u8>()), 0..4),
        rest in prop::collection::vec((512usize..80_000, any::<u8>()), 0..400),
    ) {
        thread_local! {
            static GOOD: Vec<u8> = volume(b"CORBEL-SEED", &[("corbel.toml", &[b'x'; 3000]), ("clients/alice.pem", b"x")]);
        }
        let mut bytes = GOOD.with(Clone::clone);
        for (at, value) in boot.into_iter().chain(rest) {
            bytes[at] = value;
        }
        let _ = (read_seed(&bytes, whole(&bytes)), has_label(&bytes, whole(&bytes)));
    }
}
