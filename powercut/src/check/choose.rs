//! Which systems would be started, one boot after another, if none of them were ever blessed: a trial as often as it may be
//! tried, then what the loader falls back to. Every one of them must be whole. The choice itself is made by the node's own code.

use corbel_layout::{grubenv::GrubEnv, slot::Slot};
use corbel_plan::slots::{Entry, choose_bios, choose_uefi};

/// More boots than any counter of ours allows.
const MOST_BOOTS: usize = 32;

/// The entries that systemd-boot starts, first boot first; each is named once.
pub(super) fn uefi(mut entries: Vec<Entry>) -> Vec<Entry> {
    let mut started: Vec<Entry> = Vec::new();
    for _ in 0..MOST_BOOTS {
        let Some(boot) = choose_uefi(&entries) else { break };
        if started.iter().all(|seen| seen.name.slot != boot.entry.name.slot) {
            started.push(boot.entry);
        }
        let Some(renamed) = boot.renamed else { break };
        for entry in &mut entries {
            if *entry == boot.entry {
                entry.name = renamed;
            }
        }
    }
    started
}

/// The slots that GRUB starts, first boot first; each is named once.
pub(super) fn bios(env: GrubEnv, loadable: [bool; 2]) -> Vec<Slot> {
    let (mut env, mut started) = (env, Vec::new());
    for _ in 0..MOST_BOOTS {
        let Some(boot) = choose_bios(Some(env), loadable) else {
            break;
        };
        if !started.contains(&boot.slot) {
            started.push(boot.slot);
        }
        let Some(saved) = boot.saved else { break };
        env = saved;
    }
    started
}

#[cfg(test)]
mod tests {
    use corbel_layout::{grubenv::Trial, loader_entry::EntryName};

    use super::*;

    #[test]
    fn a_trial_is_followed_by_what_is_good() {
        let entries = vec![
            Entry {
                name: EntryName::plain(Slot::A),
                generation: 1,
            },
            Entry {
                name: EntryName::trial(Slot::B, 3),
                generation: 2,
            },
        ];
        let slots: Vec<Slot> = uefi(entries).iter().map(|entry| entry.name.slot).collect();
        assert_eq!(slots, [Slot::B, Slot::A]);
        let trial = Some(Trial {
            slot: Slot::B,
            tries: 3,
        });
        assert_eq!(bios(GrubEnv { good: Slot::A, trial }, [true, true]), [Slot::B, Slot::A]);
        assert_eq!(bios(GrubEnv { good: Slot::A, trial }, [true, false]), [Slot::A]);
        assert_eq!(
            uefi(vec![Entry {
                name: EntryName::trial(Slot::B, 3),
                generation: 2
            }])
            .len(),
            1
        );
        assert!(uefi(Vec::new()).is_empty());
    }
}
