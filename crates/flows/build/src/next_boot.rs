//! "Boot from the local disk" for UEFI: a program that does nothing but fail. systemd-boot hands its failure to the firmware, which then
//! tries the next entry of its own list; loaders on other disks are none of systemd-boot's business (systemd-boot(7)).

/// In the EFI partition.
pub(crate) const PROGRAM: &str = "EFI/corbel/next.efi";
/// Boot Loader Specification, type 1. Without a sort-key it stands behind the UKI's entries.
pub(crate) const ENTRY: &str = "title Boot from the local disk\nefi /EFI/corbel/next.efi\n";
pub(crate) const ENTRY_PATH: &str = "loader/entries/local.conf";

/// EFI_NOT_FOUND (UEFI specification, appendix D).
const STATUS: u64 = 0x8000_0000_0000_000e;
/// Where the code begins in memory and in the file.
const CODE_AT: u32 = 0x1000;
const FILE_AT: u32 = 0x200;

/// A PE32+ image of two sectors (PE Format, "Optional Header"): headers, and `mov rax, STATUS; ret`.
pub(crate) fn program() -> Vec<u8> {
    let mut pe = Vec::with_capacity(1024);
    let put16 = |pe: &mut Vec<u8>, values: &[u16]| values.iter().for_each(|v| pe.extend(v.to_le_bytes()));
    let put32 = |pe: &mut Vec<u8>, values: &[u32]| values.iter().for_each(|v| pe.extend(v.to_le_bytes()));
    pe.extend(b"MZ");
    pe.resize(0x3c, 0);
    put32(&mut pe, &[0x40]);
    pe.extend(b"PE\0\0");
    // x86-64, one section; no time and no symbols; 240 bytes of optional header; executable, large addresses.
    put16(&mut pe, &[0x8664, 1]);
    put32(&mut pe, &[0, 0, 0]);
    put16(&mut pe, &[240, 0x22]);
    // PE32+, sizes of code and data, entry point, base of code.
    put16(&mut pe, &[0x20b, 0]);
    put32(&mut pe, &[0x200, 0, 0, CODE_AT, CODE_AT]);
    // Image base 0, alignments, six version numbers that nobody reads.
    put32(&mut pe, &[0, 0, 0x1000, 0x200, 0, 0, 0]);
    // Reserved, size of image and headers, checksum; EFI application, not writable where it is executable.
    put32(&mut pe, &[0, 0x2000, FILE_AT, 0]);
    put16(&mut pe, &[10, 0x100]);
    // Stack and heap are the firmware's; sixteen empty directories.
    put32(&mut pe, &[0, 0, 0, 0, 0, 0, 0, 0, 0, 16]);
    pe.resize(0x40 + 24 + 240, 0);
    pe.extend(b".text\0\0\0");
    put32(&mut pe, &[11, CODE_AT, 0x200, FILE_AT, 0, 0, 0, 0x6000_0020]);
    pe.resize(FILE_AT as usize, 0);
    pe.extend([0x48, 0xb8]);
    pe.extend(STATUS.to_le_bytes());
    pe.push(0xc3);
    pe.resize(1024, 0);
    pe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_program_of_one_section() {
        let bytes = program();
        assert_eq!(bytes.len(), 1024);
        let sections = corbel_layout::pe::sections(bytes.as_slice(), 1024).expect("a PE image");
        assert_eq!(
            (sections.len(), sections[0].name.as_str(), sections[0].offset),
            (1, ".text", 512)
        );
        assert_eq!(bytes[512..523], [0x48, 0xb8, 0x0e, 0, 0, 0, 0, 0, 0, 0x80, 0xc3]);
    }
}
