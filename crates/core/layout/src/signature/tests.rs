use super::*;
use proptest::prelude::*;

const MIB: usize = 1 << 20;

fn disk(places: &[(usize, &[u8])]) -> Vec<u8> {
    let mut disk = vec![0; 4 * MIB];
    for (at, bytes) in places {
        disk[*at..*at + bytes.len()].copy_from_slice(bytes);
    }
    disk
}

fn found(places: &[(usize, &[u8])]) -> Vec<Signature> {
    let disk = disk(places);
    read(&disk, disk.len() as u64).expect("a disk in memory")
}

fn file_system(name: &'static str, label: Option<&str>) -> Vec<Signature> {
    let label = label.map(str::to_owned);
    vec![Signature::FileSystem { name, label }]
}

/// A physical volume whose metadata area of 4 KiB begins at 4096 and whose text begins `at` bytes into it.
fn lvm(text: &str, at: usize) -> Vec<u8> {
    let mut header = vec![0; 40];
    header[..32].copy_from_slice(b"abcdefghijklmnopqrstuvwxyz012345");
    for (offset, size) in [(MIB as u64, 0u64), (0, 0), (4096, 4096), (0, 0)] {
        header.extend(offset.to_le_bytes());
        header.extend(size.to_le_bytes());
    }
    let mut label = vec![0; 32];
    label[..8].copy_from_slice(b"LABELONE");
    label[20..24].copy_from_slice(&32u32.to_le_bytes());
    label[24..].copy_from_slice(b"LVM2 001");
    let mut area = vec![0; 4096];
    area[4..20].copy_from_slice(b" LVM2 x[5A%r0N*>");
    area[32..40].copy_from_slice(&4096u64.to_le_bytes());
    area[40..48].copy_from_slice(&(at as u64).to_le_bytes());
    area[48..56].copy_from_slice(&(text.len() as u64).to_le_bytes());
    for (index, byte) in text.bytes().enumerate() {
        let place = at + index;
        // The area is a ring behind its header.
        area[if place < 4096 { place } else { place - 4096 + 512 }] = byte;
    }
    disk(&[(512, &label), (544, &header), (4096, &area)])
}

const GROUP: &str = "# made by a test\nvg0 {\nid = \"VG\"\nseqno = 3\ntags = [\"storage_domain\", \"RHAT\"]\n\nphysical_volumes {\n\npv0 {\n\
                     id = \"abcdef-ghij-klmn-opqr-stuv-wxyz-012345\"\ndevice = \"/dev/sda\"\n}\npv1 {\nid = \"other\"\n}\n}\n\
                     logical_volumes {\nlv {\nid = \"LV\"\ntags = [\"no\"]\n}\n}\n}\n";

#[test]
fn a_volume_group_is_named_with_its_members_and_tags() {
    // At the start of the ring, and over its end.
    for at in [512, 4000] {
        let disk = lvm(GROUP, at);
        let expected = LvmMember {
            id: "abcdefghijklmnopqrstuvwxyz012345".into(),
            group: Some("vg0".into()),
            members: vec!["abcdefghijklmnopqrstuvwxyz012345".into(), "other".into()],
            tags: vec!["storage_domain".into(), "RHAT".into()],
        };
        let found = read(&disk, disk.len() as u64).expect("a disk in memory");
        assert_eq!(found, [Signature::Lvm(expected)], "{at}");
        assert_eq!(
            found[0].to_string(),
            "the LVM volume group vg0 (tags: storage_domain, RHAT)"
        );
        assert!(found[0].is_member());
    }
    let without = lvm("", 512);
    let found = read(&without, without.len() as u64).expect("a disk in memory");
    assert!(matches!(&found[..], [Signature::Lvm(member)] if member.group.is_none()));
}

#[test]
fn raid_members_are_found_at_both_ends() {
    let mut block = vec![0; 256];
    block[..4].copy_from_slice(&[0xfc, 0x4e, 0x2b, 0xa9]);
    block[4] = 1;
    block[16..32].fill(0xab);
    block[32..38].copy_from_slice(b"host:0");
    for (version, at) in [("1.1", 0), ("1.2", 4096), ("1.0", 4 * MIB - 8192)] {
        let expected = Signature::Md {
            version,
            set: "ab".repeat(16),
            name: Some("host:0".into()),
        };
        assert_eq!(found(&[(at, &block)]), [expected]);
    }
    block[4] = 0;
    let old = found(&[(4 * MIB - 65536, &block)]);
    assert!(matches!(
        &old[..],
        [Signature::Md {
            version: "0.90",
            name: None,
            ..
        }]
    ));
}

#[test]
fn what_a_firmware_wrote_is_found_at_the_end() {
    let end = 4 * MIB;
    let magics: [(&str, usize, &[u8]); 5] = [
        ("isw", end - 1024, b"Intel Raid ISM Cfg Sig. 1.0.00"),
        ("ddf", end - 512, &[0xde, 0x11, 0xde, 0x11]),
        ("ddf", end - 257 * 512, &[0x11, 0xde, 0x11, 0xde]),
        ("promise", end - 63 * 512, b"Promise Technology, Inc."),
        ("nvidia", end - 1024, b"NVIDIA"),
    ];
    for (format, at, magic) in magics {
        assert_eq!(found(&[(at, magic)]), [Signature::FakeRaid { format }]);
    }
}

#[test]
fn pools_and_stores_are_found() {
    let block = 0x00ba_b10cu64.to_le_bytes();
    let name = b"\0\0\0\x04name\0\0\0\x09\0\0\0\x01\0\0\0\x04tank";
    for label in [0, 256 << 10, 4 * MIB - (256 << 10)] {
        let both: [(usize, &[u8]); 2] = [(label + (128 << 10) + 1024, &block), (label + (16 << 10) + 4, name)];
        assert_eq!(
            found(&both),
            [Signature::Zfs {
                pool: Some("tank".into())
            }]
        );
    }
    assert_eq!(
        found(&[(0, b"bluestore block device\nabc\n")]),
        [Signature::CephBlueStore]
    );
    assert_eq!(found(&[(0, b"LUKS\xba\xbe\0\x02")]), [Signature::Luks { version: 2 }]);
    assert_eq!(found(&[(4086, b"SWAPSPACE2")]), [Signature::Swap]);
}

#[test]
fn file_systems_have_the_names_of_mount() {
    let ext = |features: &'static [u8]| found(&[(1080, &[0x53, 0xef]), (1116, features), (1144, b"corbel-data")]);
    assert_eq!(
        ext(&[4, 0, 0, 0, 0x40, 0, 0, 0]),
        file_system("ext4", Some("corbel-data"))
    );
    assert_eq!(ext(&[4, 0, 0, 0, 0, 0, 0, 0]), file_system("ext3", Some("corbel-data")));
    assert_eq!(ext(&[0; 8]), file_system("ext2", Some("corbel-data")));
    let fat: [(usize, &[u8]); 3] = [(510, &[0x55, 0xaa]), (82, b"FAT32   "), (71, b"CORBEL-ESP ")];
    assert_eq!(found(&fat), file_system("vfat", Some("CORBEL-ESP")));
    assert_eq!(
        found(&[(0, b"XFSB"), (108, b"store")]),
        file_system("xfs", Some("store"))
    );
    assert_eq!(found(&[(0x10040, b"_BHRfS_M")]), file_system("btrfs", None));
    assert_eq!(found(&[(3, b"NTFS    ")]), file_system("ntfs", None));
    assert_eq!(
        found(&[(0x8001, b"CD001"), (0x8028, b"CORBEL  ")]),
        file_system("iso9660", Some("CORBEL"))
    );
    assert_eq!(
        found(&[(1 << 20, &[0x0d, 0xd0, 0x01, 0xc0])]),
        file_system("vmfs", None)
    );
    assert_eq!(found(&[]), []);
}

#[test]
fn a_device_that_fails_is_no_empty_one() {
    // It says that it is longer than it is: the end cannot be read.
    assert!(read(&vec![0u8; MIB], 2 * MIB as u64).is_err());
    for length in [0, 1, 511, 512, 4096, 65536, 70000] {
        assert!(
            read(&vec![0u8; length], length as u64)
                .expect("short, and whole")
                .is_empty()
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn arbitrary_bytes_never_panic(
        text in "\\PC{0,200}|(vg|\\{|\\}|\n|tags = \\[\"a|id = \"x\"|physical_volumes|#| ){0,40}",
        at in 0usize..5000,
        noise in prop::collection::vec((0usize..4 * MIB - 64, prop::collection::vec(any::<u8>(), 1..64)), 0..8),
    ) {
        let mut disk = lvm(&text, at.clamp(512, 3000));
        let header = 4096;
        for (index, (place, bytes)) in noise.iter().enumerate() {
            // Half of the noise hits the headers of the volume group, where it matters.
            let place = if index % 2 == 0 { *place } else { [544, header + 32][index / 2 % 2] + place % 16 };
            disk[place..place + bytes.len()].copy_from_slice(bytes);
        }
        let _ = read(&disk, disk.len() as u64);
        let short = 1 + at * 700 % disk.len();
        for signature in read(&disk[..short], short as u64).expect("memory") {
            prop_assert!(!signature.to_string().contains('\n'));
        }
    }
}
