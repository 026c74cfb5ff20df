//! The writes of a slot transition, one at a time, and the first ones of a new disk.

use corbel_layout::grub::{self, GrubError};
use corbel_layout::grubenv::GrubEnv;
use corbel_layout::loader_entry::{EntryName, LoaderEntry, rescue, rescue_name};
use corbel_layout::pe::{self, PeError};
use corbel_layout::slot::Slot;
use corbel_plan::slots::{Entry, Refused, Running, Step, plan_arm, plan_bless, plan_disarm};
use corbel_release::release::Release;

use crate::{BootState, Esp, EspError, read_state};

/// Where systemd-boot looks for entries.
pub(crate) const ENTRIES: &str = "loader/entries";
/// GRUB's environment block.
pub(crate) const ENV: &str = "corbel/grubenv";
const MENU: &str = "corbel/grub.cfg";
/// Seconds that both menus wait on an installed disk.
const TIMEOUT: u32 = 3;

/// Why boot files could not be written.
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    #[error(transparent)]
    Esp(#[from] EspError),
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error("the UKI is not usable")]
    Kernel(#[from] PeError),
    #[error("the UKI is not usable")]
    Blocks(#[from] GrubError),
    #[error("nothing says how slot {slot} is started: it has neither an entry nor a manifest")]
    NoWords { slot: Slot },
}

/// What goes into a slot's folder.
#[derive(Debug, Clone, Copy)]
pub struct Content<'a> {
    /// For people: `Corbel 1.2.0`.
    pub title: &'a str,
    /// All kernel words, [`entry_words`].
    pub words: &'a str,
    /// The UKI.
    pub kernel: &'a [u8],
    /// RELEASE.JSON as it was signed.
    pub release: &'a [u8],
}

/// The loaders of a new disk.
#[derive(Debug, Clone, Copy)]
pub struct Loaders<'a> {
    /// `systemd-bootx64.efi`.
    pub systemd_boot: &'a [u8],
}

/// The slot's UKI.
pub fn kernel_path(slot: Slot) -> String {
    format!("corbel/{slot}/corbel.efi")
}

/// The slot's part of GRUB's menu.
pub fn menu_path(slot: Slot) -> String {
    format!("corbel/{slot}/grub.cfg")
}

/// The manifest of the release that was written to the slot.
pub fn release_path(slot: Slot) -> String {
    format!("corbel/{slot}/release.json")
}

fn rescue_path(slot: Slot) -> String {
    format!("{ENTRIES}/{}", rescue_name(slot))
}

fn entry_path(name: EntryName) -> String {
    format!("{ENTRIES}/{name}")
}

/// The kernel words of an installed slot: the release's, the slot, and the owner's `more` (from `/config/words`).
pub fn entry_words(release: &Release, slot: Slot, more: &str) -> String {
    let text = format!("{} corbel.slot={slot} {more}", release.words);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Does one step that concerns the EFI partition's records or menu; `content` says how the slot is started when the step begins
/// a new release, else what is on the partition says it. Other steps (root, kernel, notes) are the caller's and do nothing here.
///
/// # Errors
/// What could not be written, or a slot of which nothing is known.
pub fn apply(esp: &dyn Esp, step: Step, content: Option<&Content<'_>>) -> Result<(), BootError> {
    match step {
        Step::PutEntry(entry) => {
            let known = match content {
                Some(content) => loader_entry(entry, content.title, content.words),
                None => known_entry(&read_state(esp)?, entry)?,
            };
            esp.put(&entry_path(entry.name), known.render().as_bytes())?;
        }
        Step::RemoveEntry(name) => remove_entry(esp, name)?,
        Step::PutEnv(env) => put_env(esp, env)?,
        Step::RemoveMenu(slot) => remove_menu(esp, slot)?,
        Step::WriteRoot(_)
        | Step::WriteKernel(_)
        | Step::WriteMenu(_)
        | Step::NoteTrial(_)
        | Step::NoteStarted(_)
        | Step::NoteFailed(_)
        | Step::ForgetTrial => {}
    }
    Ok(())
}

fn loader_entry(entry: Entry, title: &str, words: &str) -> LoaderEntry {
    LoaderEntry {
        title: title.to_owned(),
        generation: entry.generation,
        efi: format!("/{}", kernel_path(entry.name.slot)),
        words: words.to_owned(),
    }
}

fn known_entry(state: &BootState, entry: Entry) -> Result<LoaderEntry, BootError> {
    let slot = entry.name.slot;
    if let Some(known) = state.entry_of(slot) {
        return Ok(LoaderEntry {
            generation: entry.generation,
            ..known.clone()
        });
    }
    let release = state.slot(slot).release.as_ref().ok_or(BootError::NoWords { slot })?;
    let title = format!("Corbel {}", release.version);
    Ok(loader_entry(entry, &title, &entry_words(release, slot, "")))
}

/// Names on FAT are found in any case, and counters may be written in more than one way: whatever means this entry goes.
fn remove_entry(esp: &dyn Esp, name: EntryName) -> Result<(), EspError> {
    for file in esp.list(ENTRIES)? {
        if file.parse() == Ok(name) {
            esp.remove(&format!("{ENTRIES}/{file}"))?;
        }
    }
    Ok(())
}

/// In place, so that it is one sector; a missing or odd file is made anew.
fn put_env(esp: &dyn Esp, env: GrubEnv) -> Result<(), EspError> {
    let block = env.render();
    match esp.read(ENV)?.filter(|old| old.len() == block.len()) {
        Some(_) => esp.overwrite(ENV, &block),
        None => esp.put(ENV, &block),
    }
}

/// Writes the slot's UKI and manifest and reads them back.
///
/// # Errors
/// What could not be written, or what came back different.
pub fn write_kernel(esp: &dyn Esp, slot: Slot, content: &Content<'_>) -> Result<(), BootError> {
    for (path, bytes) in [
        (kernel_path(slot), content.kernel),
        (release_path(slot), content.release),
    ] {
        esp.put(&path, bytes)?;
        if esp.read(&path)?.as_deref() != Some(bytes) {
            return Err(EspError::ReadBack { path }.into());
        }
    }
    Ok(())
}

/// Writes the slot's part of GRUB's menu, from which on GRUB can start it, and the entry of its rescue shell for systemd-boot.
///
/// # Errors
/// What could not be written, or a UKI that GRUB could not read.
pub fn write_menu(esp: &dyn Esp, slot: Slot, content: &Content<'_>) -> Result<(), BootError> {
    let blocks = grub::blocks(&pe::sections(content.kernel, content.kernel.len() as u64)?)?;
    let text = grub::slot_config(slot, content.title, &blocks, content.words);
    let shell = rescue(slot, content.title, &format!("/{}", kernel_path(slot)), content.words);
    esp.put(&rescue_path(slot), shell.as_bytes())?;
    Ok(esp.put(&menu_path(slot), text.as_bytes())?)
}

/// Nothing that a person could choose starts the slot any more.
fn remove_menu(esp: &dyn Esp, slot: Slot) -> Result<(), EspError> {
    esp.remove(&menu_path(slot))?;
    esp.remove(&rescue_path(slot))
}

/// Fills a slot's folder: GRUB's menu goes first and comes last, so that it never names a half-written system.
///
/// # Errors
/// As [`write_kernel`] and [`write_menu`].
pub fn write_slot(esp: &dyn Esp, slot: Slot, content: &Content<'_>) -> Result<(), BootError> {
    remove_menu(esp, slot)?;
    write_kernel(esp, slot, content)?;
    write_menu(esp, slot, content)
}

fn apply_all(esp: &dyn Esp, steps: &[Step], content: Option<&Content<'_>>) -> Result<(), BootError> {
    steps.iter().try_for_each(|step| apply(esp, *step, content))
}

/// Takes the spare slot out of both records.
///
/// # Errors
/// As [`plan_disarm`], or what could not be written.
pub fn disarm(esp: &dyn Esp, running: Running) -> Result<(), BootError> {
    let steps = plan_disarm(&read_state(esp)?.records, running)?;
    apply_all(esp, &steps, None)
}

/// Puts `slot` on trial in both records; without `content` as it is.
///
/// # Errors
/// What could not be written, or a slot of which nothing is known.
pub fn arm(esp: &dyn Esp, slot: Slot, content: Option<&Content<'_>>) -> Result<(), BootError> {
    let steps = plan_arm(&read_state(esp)?.records, slot);
    apply_all(esp, &steps, content)
}

/// Makes the running trial good in both records.
///
/// # Errors
/// As [`plan_bless`], or what could not be written.
pub fn bless(esp: &dyn Esp, running: Running) -> Result<(), BootError> {
    let steps = plan_bless(&read_state(esp)?.records, running)?;
    apply_all(esp, &steps, None)
}

/// Both loaders and their fixed files on an empty EFI partition. Nothing can be started yet.
///
/// # Errors
/// What could not be written.
pub fn install_loaders(esp: &dyn Esp, loaders: &Loaders<'_>) -> Result<(), BootError> {
    let conf = format!("timeout {TIMEOUT}\nconsole-mode keep\n");
    esp.put("EFI/systemd/systemd-bootx64.efi", loaders.systemd_boot)?;
    esp.put("loader/loader.conf", conf.as_bytes())?;
    esp.put(MENU, grub::main_config(TIMEOUT).as_bytes())?;
    esp.put(
        ENV,
        &GrubEnv {
            good: Slot::A,
            trial: None,
        }
        .render(),
    )?;
    // The name that firmware starts without being told: it comes when everything that it reads is there.
    Ok(esp.put("EFI/BOOT/BOOTX64.EFI", loaders.systemd_boot)?)
}

/// The first system of a disk: slot a, good from the start.
///
/// # Errors
/// As [`write_slot`].
pub fn install_system(esp: &dyn Esp, content: &Content<'_>) -> Result<(), BootError> {
    write_slot(esp, Slot::A, content)?;
    let entry = Entry {
        name: EntryName::plain(Slot::A),
        generation: 1,
    };
    apply(esp, Step::PutEntry(entry), Some(content))
}
