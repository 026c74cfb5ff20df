//! What each firmware would start from a state: the way from the partition table over the loader to a system.

use corbel_layout::{
    Extent, ReadAt, Window,
    disk::Role,
    fat::FatError,
    gpt::Partition,
    grubenv::GrubEnv,
    loader_entry::{EntryName, LoaderEntry},
    slot::Slot,
};
use corbel_plan::slots::Entry;

use super::{Checker, System, Verdict, bios, choose, failure, partition};
use crate::{
    esp::{self, Esp},
    recording::Operation,
    release::LOADERS,
    state::State,
};

impl Checker<'_> {
    pub(super) fn uefi(&mut self, state: &State<'_>, table: &[Partition]) -> anyhow::Result<Verdict> {
        let Some(part) = partition(table, Role::Esp) else {
            return Ok(Verdict::Nothing);
        };
        let window = Window::new(state, part);
        let esp = match Esp::open(&window) {
            Ok(esp) => esp,
            Err(FatError::Io { source, .. }) => return Err(source.into()),
            Err(_) => return Ok(Verdict::Nothing),
        };
        let mut loader = false;
        for path in LOADERS {
            let bytes = match esp.read(path) {
                Ok(Some(bytes)) => bytes,
                Ok(None) => continue,
                // What firmware cannot read it does not start.
                Err(_) if self.may_be_nothing() => continue,
                Err(error) => return failure(format!("{error:#}")),
            };
            let sum = esp::sum(&bytes);
            if !self.releases().any(|release| release.loaders.contains(&sum)) {
                return failure(format!("{path} is the loader of no release"));
            }
            loader = true;
        }
        if !loader {
            return Ok(Verdict::Nothing);
        }
        let entries = match entries(&esp) {
            Ok(entries) => entries,
            Err(error) => return failure(format!("{error:#}")),
        };
        let order = choose::uefi(entries.iter().map(|(entry, _)| *entry).collect());
        let mut first = None;
        for chosen in order {
            let Some((_, entry)) = entries
                .iter()
                .find(|(entry, _)| entry.generation == chosen.generation && entry.name.slot == chosen.name.slot)
            else {
                continue;
            };
            let system = System {
                slot: chosen.name.slot,
                uki: &entry.efi,
                words: &entry.words,
            };
            let verdict = self.system(state, table, &esp, &system)?;
            if let Verdict::Failure(reason) = verdict {
                return failure(format!("{}: {reason}", chosen.name));
            }
            first.get_or_insert(verdict);
        }
        // Without an entry systemd-boot gives the machine back to the firmware.
        Ok(first.unwrap_or(Verdict::Nothing))
    }

    pub(super) fn bios(&mut self, state: &State<'_>, table: &[Partition]) -> anyhow::Result<Verdict> {
        let found = bios::find(state)?;
        match &found {
            bios::Found::Nothing => return Ok(Verdict::Nothing),
            // What it starts, or does not, was so before.
            other if self.operation == Operation::Install && self.foreign.as_ref() == Some(other) => {
                return Ok(Verdict::Nothing);
            }
            bios::Found::Other(_) => return failure("the boot code in sector 0 is nobody's".to_owned()),
            bios::Found::Grub(grub) if !self.grubs.contains(grub) => {
                return failure("boot code and core.img do not belong together".to_owned());
            }
            bios::Found::Grub(_) => {}
        }
        let first = table
            .iter()
            .find(|partition| partition.number == 1 && partition.name == Role::Esp.name());
        let Some(part) = first else {
            return failure("GRUB starts, and its first partition is no EFI partition".to_owned());
        };
        let window = Window::new(
            state,
            Extent {
                offset: part.offset,
                length: part.length,
            },
        );
        let esp = match Esp::open(&window) {
            Ok(esp) => esp,
            Err(error) => return failure(format!("GRUB starts and finds {error}")),
        };
        match esp.read("corbel/grub.cfg") {
            Ok(Some(text)) if bios::is_main_config(&String::from_utf8_lossy(&text)) => {}
            Ok(Some(_)) => return failure("corbel/grub.cfg is not whole".to_owned()),
            Ok(None) => return failure("GRUB starts and finds no corbel/grub.cfg".to_owned()),
            Err(error) => return failure(format!("{error:#}")),
        }
        let env = match esp.read("corbel/grubenv") {
            Ok(Some(block)) => match GrubEnv::parse(&block) {
                Ok(env) => env,
                Err(error) => return failure(format!("{error}")),
            },
            Ok(None) => return failure("there is no corbel/grubenv".to_owned()),
            Err(error) => return failure(format!("{error:#}")),
        };
        // GRUB goes on to the other slot where it finds no files; whether they are whole it cannot know.
        let loadable = Slot::ALL.map(|slot| {
            let there = |name: &str| esp.has(&format!("corbel/{slot}/{name}"));
            there("grub.cfg") && there("corbel.efi")
        });
        let mut started = None;
        for slot in choose::bios(env, loadable) {
            let verdict = self.bios_slot(state, table, &esp, slot)?;
            if let Verdict::Failure(reason) = verdict {
                return failure(format!("slot {slot}: {reason}"));
            }
            started.get_or_insert(verdict);
        }
        match started {
            Some(verdict) => Ok(verdict),
            None => failure("GRUB starts and finds no system".to_owned()),
        }
    }

    fn bios_slot<T: ReadAt>(
        &mut self,
        state: &State<'_>,
        table: &[Partition],
        esp: &Esp<'_, T>,
        slot: Slot,
    ) -> anyhow::Result<Verdict> {
        let path = format!("corbel/{slot}/grub.cfg");
        let text = match esp.read(&path) {
            Ok(Some(text)) => String::from_utf8_lossy(&text).into_owned(),
            Ok(None) => return failure(format!("there is no {path}")),
            Err(error) => return failure(format!("{error:#}")),
        };
        let words = self
            .releases()
            .find_map(|release| bios::slot_words(&text, slot, release));
        let Some(words) = words else {
            return failure(format!("{path} is not whole, or of no release"));
        };
        let uki = format!("corbel/{slot}/corbel.efi");
        let system = System {
            slot,
            uki: &uki,
            words: &words,
        };
        self.system(state, table, esp, &system)
    }
}

/// The boot entries that systemd-boot would show. It leaves out what it cannot read or start, and so does this.
fn entries<T: ReadAt>(esp: &Esp<'_, T>) -> anyhow::Result<Vec<(Entry, LoaderEntry)>> {
    let mut found = Vec::new();
    for file in esp.names("loader/entries")? {
        let Ok(name) = file.parse::<EntryName>() else { continue };
        let Some(bytes) = esp.read(&format!("loader/entries/{file}"))? else {
            continue;
        };
        let Ok(entry) = LoaderEntry::parse(&String::from_utf8_lossy(&bytes)) else {
            continue;
        };
        if esp.has(&entry.efi) {
            let generation = entry.generation;
            found.push((Entry { name, generation }, entry));
        }
    }
    Ok(found)
}
