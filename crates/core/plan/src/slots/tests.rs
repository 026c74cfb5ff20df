//! The loaders' order by examples, and every reachable state of a disk by exploration.

use super::*;
use corbel_layout::loader_entry::Counter;

mod explore;

fn entry(text: &str, generation: u64) -> Entry {
    Entry {
        name: text.parse().expect("a name"),
        generation,
    }
}

fn starts(entries: &[Entry]) -> (String, Option<String>) {
    let boot = choose_uefi(entries).expect("there is an entry");
    (
        boot.entry.name.to_string(),
        boot.renamed.map(|name: EntryName| name.to_string()),
    )
}

#[test]
fn systemd_boot_takes_the_newest_entry_that_has_tries() {
    let good = entry("corbel-a.conf", 4);
    assert_eq!(
        starts(&[good, entry("corbel-b+3.conf", 5)]),
        ("corbel-b+3.conf".into(), Some("corbel-b+2-1.conf".into()))
    );
    assert_eq!(
        starts(&[entry("corbel-b+0-3.conf", 5), good]),
        ("corbel-a.conf".into(), None)
    );
    assert_eq!(
        starts(&[entry("corbel-b.conf", 3), good]),
        ("corbel-a.conf".into(), None)
    );
    assert_eq!(
        starts(&[entry("corbel-b.conf", 10), entry("corbel-a.conf", 9)]).0,
        "corbel-b.conf"
    );
    // Better a used up entry than none.
    assert_eq!(starts(&[entry("corbel-b+0-3.conf", 5)]).0, "corbel-b+0-3.conf");
    assert_eq!(choose_uefi(&[]), None);
}

#[test]
fn two_counters_of_one_slot_go_by_what_is_left() {
    assert_eq!(
        starts(&[entry("corbel-b+1-2.conf", 5), entry("corbel-b+2-1.conf", 5)]).0,
        "corbel-b+2-1.conf"
    );
    let counter = Counter { left: 0, done: 3 };
    assert_eq!(counter.taken(), Counter { left: 0, done: 4 });
}

#[test]
fn grub_counts_down_and_goes_back() {
    let env = |trial| GrubEnv { good: Slot::A, trial };
    let trial = |slot, tries| Some(Trial { slot, tries });
    let boot = |env, loadable| choose_bios(env, loadable).map(|b| (b.slot, b.saved));
    let both = [true, true];
    assert_eq!(
        boot(Some(env(trial(Slot::B, 3))), both),
        Some((Slot::B, Some(env(trial(Slot::B, 2)))))
    );
    assert_eq!(boot(Some(env(trial(Slot::B, 0))), both), Some((Slot::A, None)));
    assert_eq!(boot(Some(env(None)), both), Some((Slot::A, None)));
    // A trial that cannot be loaded costs its try and the good slot starts.
    assert_eq!(
        boot(Some(env(trial(Slot::B, 3))), [true, false]),
        Some((Slot::A, Some(env(trial(Slot::B, 2)))))
    );
    // A nonsensical trial of the good slot is none.
    assert_eq!(boot(Some(env(trial(Slot::A, 3))), both), Some((Slot::A, None)));
    assert_eq!(boot(None, [false, true]), Some((Slot::B, None)));
    assert_eq!(boot(None, [false, false]), None);
}
