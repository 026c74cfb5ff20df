//! Logs are written here by the format's description; that QEMU writes the same is held by `tests/qemu.rs`.

use proptest::prelude::*;

use super::*;

/// A log as dm-log-writes makes it.
fn write(sector: u64, entries: &[(u64, u64, u64, &[u8])]) -> Vec<u8> {
    let mut log = vec![0; sector as usize];
    log[..8].copy_from_slice(&MAGIC.to_le_bytes());
    log[8..16].copy_from_slice(&VERSION.to_le_bytes());
    log[16..24].copy_from_slice(&(entries.len() as u64).to_le_bytes());
    log[24..28].copy_from_slice(&(sector as u32).to_le_bytes());
    for (first, sectors, flags, bytes) in entries {
        let inline = if flags & MARK == 0 { 0 } else { bytes.len() };
        let mut header = vec![0; sector as usize];
        for (n, value) in [*first, *sectors, *flags, inline as u64].iter().enumerate() {
            header[8 * n..8 * n + 8].copy_from_slice(&value.to_le_bytes());
        }
        header[HEADER..HEADER + inline].copy_from_slice(&bytes[..inline]);
        log.extend(header);
        if flags & (MARK | DISCARD) == 0 {
            log.extend(
                bytes
                    .iter()
                    .copied()
                    .chain(std::iter::repeat(0))
                    .take((sectors * sector) as usize),
            );
        }
    }
    log
}

fn parse(log: &[u8]) -> Result<Log, LogError> {
    read(log, log.len() as u64)
}

#[test]
fn an_entry_that_was_lost_is_noticed() {
    let log = write(512, &[(8, 1, 0, b"first"), (0, 0, 0, b""), (16, 1, 0, b"last")]);
    let error = parse(&log).expect_err("a hole");
    assert!(
        error.to_string().contains("entry 1: neither sectors nor a flush"),
        "{error}"
    );
}

#[test]
fn each_kind_of_entry_is_read() {
    let log = write(
        512,
        &[
            (8, 2, 0, b"first"),
            (0, 0, FLUSH, b""),
            (0, 0, MARK, b"armed"),
            (3, 1, FLUSH | FUA, b"both"),
            (16, 100, DISCARD, b""),
            (1, 1, METADATA, b"last"),
        ],
    );
    let write = |offset, length, data, fua| {
        Entry::Write(Write {
            offset,
            length,
            data,
            fua,
        })
    };
    assert_eq!(
        parse(&log).unwrap().entries,
        [
            write(4096, 1024, Data::Log(1024), false),
            Entry::Flush,
            Entry::Mark("armed".to_owned()),
            Entry::Flush,
            write(1536, 512, Data::Log(3584), true),
            write(8192, 51200, Data::Zero, false),
            write(512, 512, Data::Log(5120), false),
        ]
    );
    assert_eq!(&log[5120..5124], b"last");
}

#[test]
fn what_is_wrong_is_named() {
    let good = write(4096, &[(8, 2, 0, b"x")]);
    assert_eq!(parse(&good).unwrap().sector, 4096);
    let check = |change: &dyn Fn(&mut Vec<u8>), expected: &str| {
        let mut log = good.clone();
        change(&mut log);
        assert_eq!(parse(&log).unwrap_err().to_string(), expected);
    };
    check(
        &|log| log[0] = 0,
        "no log of block writes: the magic number is 0x6a736677736800",
    );
    check(
        &|log| log[24] = 1,
        "the log of block writes is damaged: sectors of 4097 bytes",
    );
    check(
        &|log| log[16] = 9,
        "the log of block writes is damaged: 9 entries in 16384 bytes",
    );
    check(
        &|log| log[4096 + 16] = 64,
        "the log of block writes is damaged: entry 0: flags 0x40",
    );
    check(
        &|log| log.truncate(4096 * 3),
        "the log of block writes is damaged: entry 0: its 8192 bytes begin at byte 8192 of 12288",
    );
    check(
        &|log| log[4096 + 15] = 0xff,
        "the log of block writes is damaged: entry 0: 18374686479671623682 sectors from sector 8 on",
    );
    assert!(matches!(parse(&[]), Err(LogError::NotALog { found: 0 })));
}

proptest! {
    #[test]
    fn what_was_written_is_read(big in any::<bool>(), writes in prop::collection::vec((0u64..1 << 40, 1u64..5, any::<u8>(), any::<bool>()), 0..20)) {
        let sector = if big { 4096 } else { 512 };
        let bytes: Vec<Vec<u8>> = writes.iter().map(|w| vec![w.2; (w.1 * sector) as usize]).collect();
        let entries: Vec<_> = writes
            .iter()
            .zip(&bytes)
            .map(|((first, sectors, _, fua), bytes)| (*first, *sectors, if *fua { FUA } else { 0 }, bytes.as_slice()))
            .collect();
        let log = write(sector, &entries);
        let found = parse(&log).unwrap();
        prop_assert_eq!(found.entries.len(), writes.len());
        for (entry, (first, sectors, value, fua)) in found.entries.iter().zip(&writes) {
            let Entry::Write(write) = entry else { return Err(TestCaseError::fail("no write")) };
            prop_assert_eq!((write.offset, write.length, write.fua), (first * sector, sectors * sector, *fua));
            let Data::Log(at) = write.data else { return Err(TestCaseError::fail("no data")) };
            prop_assert!(log[at as usize..(at + write.length) as usize].iter().all(|byte| byte == value));
        }
    }

    #[test]
    fn arbitrary_changes_never_panic(changes in prop::collection::vec((0usize..2600, any::<u8>()), 0..40), cut in 0usize..2600) {
        let mut log = write(512, &[(8, 1, 0, b"first"), (0, 0, FLUSH, b""), (0, 0, MARK, b"armed"), (16, 100, DISCARD, b"")]);
        log.resize(2600, 0);
        for (at, value) in changes {
            log[at] = value;
        }
        log.truncate(cut);
        let _ = parse(&log);
    }
}
