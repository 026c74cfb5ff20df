//! What each loader starts, from its record alone: the same decision that systemd-boot and our `grub.cfg` take.
//!
//! Shared with whoever must say of a recorded disk what would boot.

use std::cmp::{Ordering, Reverse};

use corbel_layout::grubenv::{GrubEnv, MOST_TRIES, Trial};
use corbel_layout::loader_entry::{Counter, EntryName};
use corbel_layout::slot::Slot;

use super::Entry;

/// What systemd-boot starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UefiBoot {
    /// The entry as it was found.
    pub entry: Entry,
    /// The name that the loader gives it before it starts it; absent when it counts nothing.
    pub renamed: Option<EntryName>,
}

/// What our `grub.cfg` starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BiosBoot {
    pub slot: Slot,
    /// The environment block after a try was taken; absent when none was.
    pub saved: Option<GrubEnv>,
}

/// The entry that systemd-boot 257 starts by itself: the first in its order (systemd-boot(7), "Boot counting", and
/// `boot_entry_compare` in its `src/boot/boot.c`), whatever its tries. Only entries whose kernel is there may be given: the
/// loader leaves others out. All of them have our sort key and no machine id.
pub fn choose_uefi(entries: &[Entry]) -> Option<UefiBoot> {
    let entry = *entries.iter().min_by(|a, b| compare(a, b))?;
    let renamed = entry.name.counter.map(|counter| EntryName {
        counter: Some(counter.taken()),
        ..entry.name
    });
    Some(UefiBoot { entry, renamed })
}

fn compare(a: &Entry, b: &Entry) -> Ordering {
    let used_up = |e: &Entry| e.name.counter.is_some_and(|c| c.left == 0);
    let by_counter = |a: Counter, b: Counter| Reverse(a.left).cmp(&Reverse(b.left)).then(a.done.cmp(&b.done));
    used_up(a)
        .cmp(&used_up(b))
        .then(b.generation.cmp(&a.generation))
        .then(b.name.slot.cmp(&a.name.slot))
        .then_with(|| match (a.name.counter, b.name.counter) {
            (Some(a), Some(b)) => by_counter(a, b),
            // Two files with one id, one of them without a counter: systemd-boot leaves their order open, and both are the same slot.
            _ => Ordering::Equal,
        })
}

/// The slot that `corbel/grub.cfg` starts by itself. `loadable` says for each slot (a, b) whether its `grub.cfg` and kernel can
/// be read; without an environment block the script takes a for good.
pub fn choose_bios(env: Option<GrubEnv>, loadable: [bool; 2]) -> Option<BiosBoot> {
    let can = |slot: Slot| loadable[slot as usize];
    let env = env.unwrap_or(GrubEnv {
        good: Slot::A,
        trial: None,
    });
    let trial = env
        .trial
        .filter(|t| t.slot != env.good && (1..=MOST_TRIES).contains(&t.tries));
    let saved = trial.map(|t| GrubEnv {
        trial: Some(Trial {
            tries: t.tries - 1,
            ..t
        }),
        ..env
    });
    let first = trial.map_or(env.good, |t| t.slot);
    let slot = [first, first.other()].into_iter().find(|slot| can(*slot))?;
    Some(BiosBoot { slot, saved })
}
