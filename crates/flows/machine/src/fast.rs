//! A restart that leaves firmware out: the kernel of the slot that the loader would start is loaded from here (kexec(8)), with the
//! same words, and the try that the loader would count is counted. So a bad version is left again as after any other start.

use std::path::Path;

use corbel_boot::{Esp, apply, read_state};
use corbel_layout::slot::Slot;
use corbel_plan::slots::{Firmware, Step, choose_bios, choose_uefi};
use corbel_sys::{Cancel, Program};

use crate::kernel::Parts;
use crate::{MachineError, Node};

const FOLDER: &str = "/run/corbel/kexec";
const ENTRIES: &str = "loader/entries";

/// What will be started, and the change of the records that the loader would make before it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Next {
    slot: Slot,
    words: String,
    taken: Option<Taken>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Taken {
    Rename { from: String, to: String },
    Env(Step),
}

/// Loads the kernel of the next start and takes its try. After it, systemd's `kexec` starts it.
///
/// # Errors
/// Records or a kernel that cannot be read, or a kernel that kexec does not take; nothing is counted then.
pub fn load_next(node: &Node) -> Result<(), MachineError> {
    let esp = &node.installed.esp;
    let next = choose(esp, node.place.running.firmware)?;
    let parts = Parts::of(esp, next.slot, Path::new(FOLDER))?;
    Program::new("kexec")
        .args(["--load", "--kexec-syscall-auto"])
        .arg(parts.linux())
        .arg(format!("--initrd={}", parts.initrd().display()))
        .arg(format!("--command-line={}", next.words))
        .run(&Cancel::new())?;
    take(esp, next.taken)
}

fn choose(esp: &dyn Esp, firmware: Firmware) -> Result<Next, MachineError> {
    let state = read_state(esp)?;
    let (slot, taken) = match firmware {
        Firmware::Uefi => {
            let boot = choose_uefi(&state.records.entries).ok_or(MachineError::NothingToStart)?;
            let path = |name| format!("{ENTRIES}/{name}");
            let taken = boot.renamed.map(|renamed| Taken::Rename {
                from: path(boot.entry.name),
                to: path(renamed),
            });
            (boot.entry.name.slot, taken)
        }
        Firmware::Bios => {
            let loadable = Slot::ALL.map(|slot| state.slot(slot).menu && state.slot(slot).kernel);
            let boot = choose_bios(state.records.env, loadable).ok_or(MachineError::NothingToStart)?;
            (boot.slot, boot.saved.map(|env| Taken::Env(Step::PutEnv(env))))
        }
    };
    let words = state.entry_of(slot).map(|entry| entry.words.clone());
    Ok(Next {
        slot,
        words: words.ok_or(MachineError::NoKernel {
            slot,
            what: "the words of its entry",
        })?,
        taken,
    })
}

fn take(esp: &dyn Esp, taken: Option<Taken>) -> Result<(), MachineError> {
    match taken {
        None => Ok(()),
        // The new name first: an entry under two names is still the same slot, and one under none is lost.
        Some(Taken::Rename { from, to }) => {
            let content = esp.read(&from)?.unwrap_or_default();
            esp.put(&to, &content)?;
            Ok(esp.remove(&from)?)
        }
        Some(Taken::Env(step)) => Ok(apply(esp, step, None)?),
    }
}

#[cfg(test)]
mod tests {
    use corbel_boot::{FakeEsp, kernel_path};
    use corbel_layout::grubenv::{GrubEnv, Trial};
    use corbel_layout::loader_entry::LoaderEntry;

    use super::*;

    /// Slot a is good, slot b has three tries.
    fn esp() -> FakeEsp {
        let esp = FakeEsp::default();
        for (file, slot, generation) in [("corbel-a.conf", Slot::A, 1), ("corbel-b+3.conf", Slot::B, 2)] {
            let entry = LoaderEntry {
                title: "Corbel".to_owned(),
                generation,
                efi: format!("/{}", kernel_path(slot)),
                words: format!("quiet corbel.slot={slot}"),
            };
            esp.put(&format!("{ENTRIES}/{file}"), entry.render().as_bytes())
                .unwrap();
            esp.put(&kernel_path(slot), b"MZ").unwrap();
            esp.put(&corbel_boot::menu_path(slot), b"menu").unwrap();
        }
        let env = GrubEnv {
            good: Slot::A,
            trial: Some(Trial {
                slot: Slot::B,
                tries: 3,
            }),
        };
        apply(&esp, Step::PutEnv(env), None).unwrap();
        esp
    }

    #[test]
    fn the_next_start_is_the_one_of_the_loader_and_counts_as_its() {
        for firmware in [Firmware::Uefi, Firmware::Bios] {
            let esp = esp();
            for left in [2, 1, 0] {
                let next = choose(&esp, firmware).unwrap();
                assert_eq!((next.slot, next.words.as_str()), (Slot::B, "quiet corbel.slot=b"));
                take(&esp, next.taken).unwrap();
                let trial = read_state(&esp).unwrap().records.trial(firmware);
                assert_eq!(trial.map(|trial| trial.tries), Some(left), "{firmware:?}");
            }
            let next = choose(&esp, firmware).unwrap();
            assert_eq!(next.slot, Slot::A, "{firmware:?}: the tries are used up");
        }
    }

    #[test]
    fn without_records_there_is_nothing_to_start() {
        let error = choose(&FakeEsp::default(), Firmware::Uefi).unwrap_err();
        assert!(matches!(error, MachineError::NothingToStart), "{error}");
    }
}
