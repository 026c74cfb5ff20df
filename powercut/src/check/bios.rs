//! What a BIOS would start: the boot code in sector 0, GRUB's core.img behind it, and the script and variables that GRUB reads
//! from the EFI partition.

use corbel_layout::{
    Extent, ReadAt,
    grub::{self, bios},
    slot::Slot,
};

use crate::{
    esp,
    release::{Release, Sum},
    state::State,
};

/// GRUB as it stands on a disk that is known to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Grub {
    code: [u8; bios::CODE_BYTES],
    /// First byte and bytes of core.img.
    core: Extent,
    sum: Sum,
}

/// What a BIOS finds in sector 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// No boot code: it goes on to the next medium.
    Nothing,
    /// Boot code that is not GRUB's.
    Other([u8; bios::CODE_BYTES]),
    /// GRUB's, with what stands where it expects core.img.
    Grub(Grub),
}

/// Reads sector 0 and what it names.
pub(super) fn find(state: &State<'_>) -> std::io::Result<Found> {
    let mut sector = [0; bios::SECTOR];
    state.read_at(0, &mut sector)?;
    let mut code = [0; bios::CODE_BYTES];
    code.copy_from_slice(&sector[..bios::CODE_BYTES]);
    if sector[510..] != [0x55, 0xaa] || code.iter().all(|byte| *byte == 0) {
        return Ok(Found::Nothing);
    }
    let Some(first) = bios::core_sector(&sector) else {
        return Ok(Found::Other(code));
    };
    let offset = first.saturating_mul(bios::SECTOR as u64);
    let mut head = [0; bios::SECTOR];
    if offset.saturating_add(bios::SECTOR as u64) > state.size() {
        return Ok(Found::Other(code));
    }
    state.read_at(offset, &mut head)?;
    // GRUB_BOOT_MACHINE_LIST_SIZE before the end of diskboot.img: how many sectors follow it.
    let rest = u64::from(u16::from_le_bytes([head[0x1fc], head[0x1fd]]));
    let length = ((1 + rest) * bios::SECTOR as u64).min(state.size() - offset);
    let mut core = vec![0; length as usize];
    state.read_at(offset, &mut core)?;
    Ok(Found::Grub(Grub {
        code,
        core: Extent { offset, length },
        sum: esp::sum(&core),
    }))
}

/// Whether the main script is the one that the node writes, whole; its menu may wait for any time.
pub(super) fn is_main_config(text: &str) -> bool {
    let timeout = text.lines().find_map(|line| line.strip_prefix("set timeout="));
    let timeout = timeout.and_then(|text| text.parse().ok());
    timeout.is_some_and(|timeout| grub::main_config(timeout) == text)
}

/// The kernel words in a slot's script, when it is whole and loads kernel and initrd of this release.
pub(super) fn slot_words(text: &str, slot: Slot, release: &Release) -> Option<String> {
    let title = text.lines().next()?.strip_prefix("set title=\"")?.strip_suffix('"')?;
    let linux = format!("if linux (uki){} ", release.blocks.linux);
    let line = text.lines().find_map(|line| line.trim().strip_prefix(linux.as_str()))?;
    let words = line.strip_suffix(" $more; then")?;
    // A word that needs no quotes stands for them, so that what is quoted already is not quoted again.
    let placeholder = "corbel-placeholder";
    let whole = grub::slot_config(slot, title, &release.blocks, placeholder).replace(placeholder, words);
    (whole == text).then(|| words.to_owned())
}
