//! GRUB for BIOS: block lists into a UKI, the menu of an installed disk, and the two images that start it from a disk.
//!
//! Kernel and initrd are sections of the slot's UKI, which GRUB reads through a loop device, so that they are on the disk once.
//! The main `grub.cfg` is the same text on every disk; what differs lies in the slots' files and in `grubenv`.

use crate::pe::Section;
use crate::slot::Slot;

pub mod bios;

/// The sector in which GRUB counts, whatever the disk's are.
const SECTOR: u64 = 512;

/// What GRUB could not load or start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GrubError {
    #[error("the UKI has no section {name}")]
    NoSection { name: &'static str },
    #[error("section {name} of the UKI does not begin at a sector")]
    Unaligned { name: &'static str },
}

/// Kernel and initrd as block lists: `<first sector>+<sectors>`, decimal without leading zeros (GRUB takes those for octal).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocks {
    pub linux: String,
    pub initrd: String,
}

/// Where kernel and initrd lie in a UKI with these sections, to be read from a device that is the UKI.
///
/// # Errors
/// A section that is missing or does not begin at a sector: GRUB could not name it.
pub fn blocks(sections: &[Section]) -> Result<Blocks, GrubError> {
    let list = |name: &'static str| {
        let section = sections.iter().find(|section| section.name == name);
        let section = section.ok_or(GrubError::NoSection { name })?;
        if section.offset % SECTOR != 0 {
            return Err(GrubError::Unaligned { name });
        }
        let (first, count) = (section.offset / SECTOR, section.content().length.div_ceil(SECTOR));
        Ok(format!("{first}+{count}"))
    };
    Ok(Blocks {
        linux: list(".linux")?,
        initrd: list(".initrd")?,
    })
}

/// Kernel words as GRUB's script takes them: words that are not plain stand in single quotes (GRUB manual, "Quoting").
pub fn quoted(words: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    let quote = |word: &str| match word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    };
    words.split_whitespace().map(quote).collect::<Vec<_>>().join(" ")
}

/// A title between double quotes: what GRUB would read as something else there is left out.
pub fn title(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control() && !matches!(c, '"' | '\\' | '$' | '`'))
        .collect()
}

/// A menu entry that loads a kernel and its initrd from the loop device `(uki)`.
pub fn entry(name: &str, blocks: &Blocks, words: &str) -> String {
    format!(
        "menuentry \"{}\" {{\n\techo \"Loading the kernel ...\"\n\tlinux (uki){} {}\n\tinitrd (uki){}\n}}\n",
        title(name),
        blocks.linux,
        quoted(words),
        blocks.initrd
    )
}

/// How every menu of ours begins: seconds to wait, and VGA and serial console alike.
pub fn head(timeout: u32) -> String {
    format!(
        "set timeout={timeout}\nset default=0\nserial --unit=0 --speed=115200\n\
         terminal_input console serial\nterminal_output console serial\nset gfxpayload=text\n"
    )
}

/// `corbel/<slot>/grub.cfg`: says the slot's title, and loads its system when `load` is `yes`. The main file sources it for
/// both; `more` are words that it adds.
///
/// The load ends with `loaded=yes`, which GRUB reaches only when kernel and initrd were read.
pub fn slot_config(slot: Slot, name: &str, blocks: &Blocks, words: &str) -> String {
    format!(
        "set title=\"{}\"\nif [ \"$load\" = yes ]; then\n\
         \tif loopback uki $prefix/{slot}/corbel.efi; then\n\
         \t\techo \"Loading the kernel ...\"\n\
         \t\tif linux (uki){} {} $more; then\n\
         \t\t\tif initrd (uki){}; then\n\t\t\t\tset loaded=yes\n\t\t\tfi\n\t\tfi\n\tfi\nfi\n",
        title(name),
        blocks.linux,
        quoted(words),
        blocks.initrd,
    )
}

/// `corbel/grub.cfg`: the menu of an installed disk; `timeout` in seconds.
///
/// The first entry is what starts by itself: the trial while it has tries, else the good slot. GRUB has no arithmetic, so a
/// chain of comparisons says what is left after this try. A try that cannot be written down is not taken, because it would be
/// taken for ever. When the system chosen cannot be loaded, the other one is. Entries that a person chooses count nothing.
pub fn main_config(timeout: u32) -> String {
    let mut chain = String::new();
    for tries in 1..=9 {
        let word = if tries == 1 { "if" } else { "elif" };
        chain.push_str(&format!(
            "\t{word} [ \"$tries\" = {tries} ]; then set left={}\n",
            tries - 1
        ));
    }
    let mut slots = String::new();
    for slot in Slot::ALL {
        slots.push_str(&format!(
            "if [ -f $prefix/{slot}/grub.cfg ]; then\n\tset title=\n\tsource $prefix/{slot}/grub.cfg\n\
             \tmenuentry \"$title (slot {slot})\" {{\n\t\tset slot={slot}\n\t\tset more=\n\
             \t\tset load=yes\n\t\tsource $prefix/{slot}/grub.cfg\n\t}}\n\
             \tmenuentry \"Rescue shell of $title (slot {slot})\" {{\n\t\tset slot={slot}\n\t\tset more=rescue\n\
             \t\tset load=yes\n\t\tsource $prefix/{slot}/grub.cfg\n\t}}\nfi\n"
        ));
    }
    format!(
        "# The same on every disk; what may differ lies in grubenv and in the folders of the slots.\n{}\
         set good=a\nset trial=\nset tries=0\nset load=no\nset more=\nload_env good trial tries\n\
         if [ \"$good\" = b ]; then set other=a; else set good=a; set other=b; fi\n\n\
         # The slot to start, and the tries that are left after this one.\n\
         set slot=$good\nset left=\nif [ \"$trial\" = \"$other\" ]; then\n{chain}\tfi\n\
         \tif [ -n \"$left\" ]; then set slot=$trial; fi\nfi\n\n\
         set title=Corbel\nif [ -f $prefix/$slot/grub.cfg ]; then source $prefix/$slot/grub.cfg; fi\n\
         menuentry \"$title\" {{\n\tset first=$good\n\tset second=$other\n\
         \tif [ -n \"$left\" ]; then\n\t\tset tries=$left\n\
         \t\tif save_env tries; then\n\t\t\tset first=$trial\n\t\t\tset second=$good\n\
         \t\telse\n\t\t\techo \"The try could not be written down: the good system is started.\"\n\t\tfi\n\tfi\n\
         \tset more=\n\tset load=yes\n\tset loaded=no\n\tsource $prefix/$first/grub.cfg\n\
         \tif [ \"$loaded\" != yes ]; then\n\
         \t\techo \"Slot $first cannot be loaded: slot $second is started.\"\n\
         \t\tsource $prefix/$second/grub.cfg\n\tfi\n}}\n{slots}\
         menuentry \"Restart the machine\" {{\n\treboot\n}}\n",
        head(timeout)
    )
}

#[cfg(test)]
mod tests;
