//! Small disks of a few sectors, whose every state can be written down.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::testing::Recorder;

/// What each of the first sectors holds, as one digit a sector.
fn digits(state: &State<'_>, sectors: u64) -> String {
    let digit = |sector| {
        let mut byte = [0];
        state.read_at(sector * 512, &mut byte).unwrap();
        char::from(b'0' + byte[0])
    };
    (0..sectors).map(digit).collect()
}

fn all(recording: &Recording, sectors: u64) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let visited: Result<(), ()> = replay(recording, |name, state| {
        found.push((name.to_string(), digits(state, sectors)));
        Ok(())
    });
    visited.unwrap();
    found
}

#[test]
fn every_boundary_and_every_order_between_flushes() {
    let mut recorder = Recorder::new(512, 4 * 512);
    recorder.write(0, &[1; 1024]);
    recorder.write(512, &[2; 512]);
    recorder.flush();
    recorder.write(0, &[3; 512]);
    let found = all(&recorder.finish(), 3);
    let expected = [
        ("before the first write", "000"),
        ("write 0 torn after 1 sectors", "100"),
        ("after write 0", "110"),
        ("after write 1", "120"),
        ("write 0 missing", "020"),
        ("write 1 alone", "020"),
        ("after write 2", "320"),
    ];
    assert_eq!(
        found,
        expected.map(|(name, digits)| (name.to_owned(), digits.to_owned()))
    );
}

#[test]
fn a_forced_write_is_not_overtaken() {
    let mut recorder = Recorder::new(512, 4 * 512);
    recorder.write(0, &[1; 512]);
    recorder.write_forced(512, &[2; 512]);
    recorder.write(1024, &[3; 512]);
    let found: BTreeSet<String> = all(&recorder.finish(), 3)
        .into_iter()
        .map(|(_, digits)| digits)
        .collect();
    assert!(found.contains("023"), "{found:?}");
    assert!(!found.contains("103") && !found.contains("003"), "{found:?}");
}

#[test]
fn a_short_write_is_torn_at_each_sector_and_a_long_one_at_some() {
    assert_eq!(torn(1), Vec::<u64>::new());
    assert_eq!(torn(4), [1, 2, 3]);
    assert_eq!(torn(100), [1, 50, 99]);
}

#[test]
fn a_state_keeps_what_is_safe() {
    let mut recorder = Recorder::new(512, 8 * 512);
    recorder.write(0, &[1; 512]);
    recorder.flush();
    for sector in 1..7 {
        recorder.write(512 * sector, &[2; 512]);
    }
    let recording = recorder.finish();
    let found = all(&recording, 7);
    assert_eq!(found, all(&recording, 7));
    assert!(
        found.iter().skip(2).all(|(_, digits)| digits.starts_with('1')),
        "{found:?}"
    );
    assert!(found.iter().any(|(name, _)| name.contains("sample")), "{found:?}");
}

proptest! {
    /// The boundaries are what one gets by writing to an array.
    #[test]
    fn boundaries_are_plain_writes(writes in prop::collection::vec((0u64..12, 1u64..4, 1u8..9, any::<bool>()), 1..20)) {
        let mut recorder = Recorder::new(512, 16 * 512);
        let mut plain = vec![0u8; 16];
        let mut expected = vec![plain.clone()];
        for (sector, count, value, flush) in writes {
            recorder.write(sector * 512, &vec![value; (count * 512) as usize]);
            plain[sector as usize..(sector + count) as usize].fill(value);
            expected.push(plain.clone());
            if flush {
                recorder.flush();
            }
        }
        let recording = recorder.finish();
        let mut found = Vec::new();
        let visited: Result<(), ()> = replay(&recording, |name, state| {
            if name.cut.is_boundary() {
                found.push(digits(state, 16).bytes().map(|digit| digit - b'0').collect::<Vec<u8>>());
            }
            Ok(())
        });
        visited.unwrap();
        prop_assert_eq!(found, expected);
    }
}
