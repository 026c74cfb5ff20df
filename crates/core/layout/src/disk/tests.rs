use super::*;
use crate::gpt::{read_backup, read_primary};
use proptest::prelude::*;

const GIB: u64 = 1 << 30;

fn guids() -> Guids {
    Guids::from_seed([7; 32])
}

/// Both copies as a disk of that size would hold them: the bytes of the front and those of the end, with nothing between.
struct Sparse {
    bytes: u64,
    primary: (u64, Vec<u8>),
    backup: (u64, Vec<u8>),
}

impl Sparse {
    fn of(layout: &DiskLayout) -> Self {
        Self {
            bytes: layout.disk_bytes,
            primary: layout.primary(),
            backup: layout.backup(),
        }
    }
}

impl crate::ReadAt for Sparse {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> std::io::Result<()> {
        if offset + buf.len() as u64 > self.bytes {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        buf.fill(0);
        for (start, bytes) in [&self.primary, &self.backup] {
            let from = (*start).max(offset);
            let to = (start + bytes.len() as u64).min(offset + buf.len() as u64);
            if from < to {
                let length = (to - from) as usize;
                buf[(from - offset) as usize..][..length].copy_from_slice(&bytes[(from - start) as usize..][..length]);
            }
        }
        Ok(())
    }
}

fn check(layout: &DiskLayout) {
    let disk = Sparse::of(layout);
    let front = read_primary(&disk).expect("the copy in front");
    let behind = read_backup(&disk, layout.disk_bytes).expect("the copy at the end");
    assert_eq!(front, behind);
    assert_eq!((front.sector, front.disk), (layout.sector, layout.disk));
    assert_eq!(front.partitions.len(), layout.partitions.len());
    let (backup_at, backup) = layout.backup();
    assert_eq!(
        backup_at + backup.len() as u64,
        layout.disk_bytes / layout.sector * layout.sector
    );
    let mut last_end = layout.primary().1.len() as u64;
    for (read, written) in front.partitions.iter().zip(&layout.partitions) {
        assert_eq!((read.number, read.name.as_str()), (written.number, written.role.name()));
        assert_eq!(
            (read.offset, read.length),
            (written.extent.offset, written.extent.length)
        );
        assert_eq!((read.kind, read.id), (written.role.kind(), written.id));
        assert!(read.offset >= last_end, "partitions lie behind one another");
        last_end = read.offset + read.length;
    }
    assert!(last_end <= backup_at);
}

#[test]
fn a_disk_of_eight_gigabytes_is_enough() {
    for sector in [512, 4096] {
        let layout = lay_out(LEAST_BOOT_DISK / 4096 * 4096, sector, &Sizes::default(), &guids()).expect("it fits");
        check(&layout);
        let names: Vec<_> = layout.partitions.iter().map(|p| (p.number, p.role.name())).collect();
        assert_eq!(
            names,
            [
                (1, "corbel-esp"),
                (2, "corbel-bios"),
                (3, "corbel-root-a"),
                (4, "corbel-root-b"),
                (5, "corbel-config"),
                (6, "corbel-log"),
                (7, "corbel-data")
            ]
        );
        assert_eq!(layout.partition(Role::Esp).expect("there").extent.offset, ALIGNMENT);
        assert!(layout.partition(Role::Data).expect("there").extent.length > 3 * GIB);
    }
    assert!(Sizes::default().system_bytes() < 4 * GIB, "the aim of the issue");
}

#[test]
fn swap_lies_before_data() {
    let sizes = Sizes {
        swap: GIB,
        ..Sizes::default()
    };
    let layout = lay_out(20 * GIB, 512, &sizes, &guids()).expect("it fits");
    check(&layout);
    let number = |role| layout.partition(role).map(|p| p.number);
    assert_eq!((number(Role::Swap), number(Role::Data)), (Some(7), Some(8)));
}

#[test]
fn what_does_not_fit_is_said_with_both_numbers() {
    let error = lay_out(2 * GIB, 512, &Sizes::default(), &guids()).expect_err("too small");
    assert!(matches!(error, LayoutError::TooSmall { needed, available } if needed > available));
    assert!(matches!(
        lay_out(20 * GIB, 520, &Sizes::default(), &guids()),
        Err(LayoutError::Table(TableError::Sector { sector: 520 }))
    ));
    assert!(lay_out_data(GIB, 512, &guids(), Guid::default()).is_err());
    assert!(lay_out(0, 512, &Sizes::default(), &guids()).is_err());
}

#[test]
fn a_data_partition_that_is_kept_stays_where_it_is() {
    let first = lay_out(20 * GIB, 512, &Sizes::default(), &guids()).expect("it fits");
    let found = read_primary(&Sparse::of(&first)).expect("a table");
    let ours = find_layout(&found.partitions).expect("ours");
    let data = ours.data.expect("data");
    let again = lay_out_keeping(20 * GIB, 512, &Sizes::default(), &Guids::from_seed([8; 32]), &data).expect("it fits");
    check(&again);
    let (old, new) = (
        first.partition(Role::Data).expect("data"),
        again.partition(Role::Data).expect("data"),
    );
    assert_eq!((old.extent, old.id, new.kept), (new.extent, new.id, true));
    let esp = |layout: &DiskLayout| layout.partition(Role::Esp).expect("an EFI partition").id;
    assert_ne!(
        esp(&first),
        esp(&again),
        "a firmware entry of the old system finds nothing"
    );

    let alone = again.only_data().expect("data");
    check_only_data(&alone);
    let larger = Sizes {
        root: 4 * GIB,
        ..Sizes::default()
    };
    assert!(matches!(
        lay_out_keeping(20 * GIB, 512, &larger, &guids(), &data),
        Err(LayoutError::Kept { .. })
    ));
}

fn check_only_data(layout: &DiskLayout) {
    check(layout);
    let found = read_primary(&Sparse::of(layout)).expect("a table");
    assert!(find_layout(&found.partitions).is_none());
    assert_eq!(
        find_data(&found.partitions).map(|p| p.length),
        Some(layout.partitions[0].extent.length)
    );
}

#[test]
fn a_data_disk_says_whose_it_is_and_no_two_are_the_same() {
    let (mine, other) = (Guid([1; 16]), Guid([2; 16]));
    let disk = |seed: u8, set: Guid| {
        let layout = lay_out_data(20 * GIB, 512, &Guids::from_seed([seed; 32]), set).expect("it fits");
        check(&layout);
        layout.disk
    };
    assert!(is_of_set(mine, disk(1, mine)) && !is_of_set(other, disk(1, mine)));
    assert_ne!(disk(1, mine), disk(2, mine));
    assert_eq!(&disk(1, mine).to_string()[14..15], "8", "it has a version");
    assert_eq!(
        (data_set(mine, Some(other)), data_set(mine, None)),
        (other, mine),
        "the data outlives the system"
    );
}

#[test]
fn identifiers_are_versioned_and_differ() {
    let text = guids().of("corbel-esp").to_string();
    assert_eq!(&text[14..15], "8");
    assert!(matches!(&text[19..20], "8" | "9" | "a" | "b"));
    assert_ne!(guids().of("corbel-esp"), guids().of("corbel-bios"));
    assert_eq!(Role::Esp.kind().to_string(), "c12a7328-f81f-11d2-ba4b-00a0c93ec93b");
    assert_eq!(Role::Bios.kind().to_string(), "21686148-6449-6e6f-744e-656564454649");
}

#[test]
fn a_table_that_overlaps_is_refused() {
    let partition = |number, offset, length| NewPartition {
        number,
        name: format!("p{number}"),
        kind: Role::Data.kind(),
        id: Guid([number as u8; 16]),
        extent: Extent { offset, length },
        automatic: true,
    };
    let table = |list| Table::new(GIB, 512, Guid([1; 16]), list);
    assert!(matches!(
        table(vec![
            partition(1, ALIGNMENT, 2 * ALIGNMENT),
            partition(2, 2 * ALIGNMENT, ALIGNMENT)
        ]),
        Err(TableError::Overlap { .. })
    ));
    assert!(matches!(
        table(vec![
            partition(3, ALIGNMENT, ALIGNMENT),
            partition(3, 4 * ALIGNMENT, ALIGNMENT)
        ]),
        Err(TableError::Number { number: 3 })
    ));
    for (offset, length) in [
        (0, 512),
        (ALIGNMENT, 0),
        (ALIGNMENT + 1, 512),
        (ALIGNMENT, GIB),
        (u64::MAX - 511, 512),
    ] {
        assert!(matches!(
            table(vec![partition(1, offset, length)]),
            Err(TableError::Extent { .. })
        ));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn what_is_written_is_read_and_nothing_overlaps(
        disk_mib in 1u64..4_000_000,
        odd in 0u64..256,
        large_sectors: bool,
        (esp, root, config, log, swap) in (1u64..3000, 1u64..4000, 1u64..500, 1u64..4000, 0u64..4000),
        data in prop_oneof![Just(DataSize::Rest), Just(DataSize::None), (0u64..1 << 40).prop_map(DataSize::Bytes)],
        seed: [u8; 32],
    ) {
        let sector = if large_sectors { 4096 } else { 512 };
        let sizes = Sizes { esp: esp << 20, bios: MIB, root: root << 20, config: config << 20, log: log << 20, swap: swap << 20, data };
        let guids = Guids::from_seed(seed);
        if let Ok(layout) = lay_out(disk_mib * MIB + odd * 4096, sector, &sizes, &guids) {
            check(&layout);
            prop_assert!(layout.partitions.iter().all(|p| p.extent.offset % ALIGNMENT == 0 && p.extent.length % ALIGNMENT == 0));
            let found = read_primary(&Sparse::of(&layout)).expect("a table");
            prop_assert!(find_layout(&found.partitions).is_some());
            let same = as_found(layout.disk_bytes, &found).expect("the same table");
            prop_assert_eq!(same.primary(), layout.primary());
            if let Some(alone) = layout.only_data() {
                check_only_data(&alone);
            }
        }
        if let Ok(layout) = lay_out_data(disk_mib * MIB + odd * 4096, sector, &guids, Guid::default()) {
            check(&layout);
        }
    }

    #[test]
    fn no_size_panics(sizes in prop::array::uniform6(any::<u64>()), disk: u64) {
        let [esp, bios, root, config, log, swap] = sizes;
        let _ = lay_out(disk, 512, &Sizes { esp, bios, root, config, log, swap, data: DataSize::Bytes(disk) }, &guids());
    }
}
