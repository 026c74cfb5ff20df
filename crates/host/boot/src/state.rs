//! What is on the EFI partition: both loaders' records and the files of the slots. Reading never changes anything.

use std::collections::BTreeMap;

use corbel_layout::grubenv::GrubEnv;
use corbel_layout::loader_entry::{EntryName, LoaderEntry};
use corbel_layout::slot::Slot;
use corbel_plan::slots::{Entry, Records};
use corbel_release::release::Release;

use crate::write::{ENTRIES, ENV, kernel_path, menu_path, release_path};
use crate::{Esp, EspError};

/// The boot files of one slot.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SlotFiles {
    /// What was written there last.
    pub release: Option<Release>,
    /// Its UKI is there.
    pub kernel: bool,
    /// Its part of GRUB's menu is there: GRUB can start it.
    pub menu: bool,
}

/// Everything on the EFI partition that decides about a boot.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BootState {
    /// What the loaders choose from.
    pub records: Records,
    /// The content of each entry of ours.
    pub entries: BTreeMap<EntryName, LoaderEntry>,
    /// By slot: a, b.
    pub slots: [SlotFiles; 2],
    /// Files that are there and cannot be used, as sentences.
    pub problems: Vec<String>,
}

impl BootState {
    /// The files of a slot.
    pub fn slot(&self, slot: Slot) -> &SlotFiles {
        &self.slots[slot as usize]
    }

    /// The entry that says best how the slot's system is started: the newest one.
    pub fn entry_of(&self, slot: Slot) -> Option<&LoaderEntry> {
        let own = self.entries.iter().filter(|(name, _)| name.slot == slot);
        own.max_by_key(|(_, entry)| entry.generation).map(|(_, entry)| entry)
    }
}

/// Reads all of it. Entries without a kernel are left out of the records, as systemd-boot leaves them out.
///
/// # Errors
/// A partition that cannot be read; what is merely damaged is among the problems.
pub fn read_state(esp: &dyn Esp) -> Result<BootState, EspError> {
    let mut state = BootState::default();
    for slot in Slot::ALL {
        let release = match esp.read(&release_path(slot))?.map(|bytes| Release::parse(&bytes)) {
            Some(Err(error)) => {
                state.problems.push(format!("slot {slot}: {error}"));
                None
            }
            read => read.and_then(Result::ok),
        };
        state.slots[slot as usize] = SlotFiles {
            release,
            kernel: esp.list(&format!("corbel/{slot}"))?.iter().any(|n| n == "corbel.efi"),
            menu: esp.read(&menu_path(slot))?.is_some(),
        };
    }
    for file in esp.list(ENTRIES)? {
        let Ok(name) = file.parse::<EntryName>() else {
            continue;
        };
        let path = format!("{ENTRIES}/{file}");
        let content = esp.read(&path)?.unwrap_or_default();
        match LoaderEntry::parse(&String::from_utf8_lossy(&content)) {
            Ok(entry) => {
                let ours = entry.efi.trim_start_matches('/') == kernel_path(name.slot);
                if ours && state.slot(name.slot).kernel {
                    let generation = entry.generation;
                    state.records.entries.push(Entry { name, generation });
                }
                state.entries.insert(name, entry);
            }
            Err(error) => state.problems.push(format!("{path}: {error}")),
        }
    }
    match esp.read(ENV)?.map(|block| GrubEnv::parse(&block)) {
        Some(Ok(env)) => state.records.env = Some(env),
        Some(Err(error)) => state.problems.push(format!("{ENV}: {error}")),
        None => state.problems.push(format!("{ENV} is not there")),
    }
    Ok(state)
}
