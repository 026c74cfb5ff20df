//! GRUB's menu from a UKI made by hand.

use super::*;
use crate::recipe::testing::recipe;

/// A PE file with these sections: name, virtual size, raw size, offset.
fn uki(sections: &[(&str, u32, u32, u32)]) -> Vec<u8> {
    let mut pe = vec![0u8; 8192];
    pe[..2].copy_from_slice(b"MZ");
    pe[60] = 128;
    pe[128..132].copy_from_slice(b"PE\0\0");
    pe[134] = u8::try_from(sections.len()).expect("few");
    pe[148] = 16;
    for (n, (name, virtual_size, size, offset)) in sections.iter().enumerate() {
        let header = &mut pe[168 + 40 * n..208 + 40 * n];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[8..12].copy_from_slice(&virtual_size.to_le_bytes());
        header[16..20].copy_from_slice(&size.to_le_bytes());
        header[20..24].copy_from_slice(&offset.to_le_bytes());
    }
    pe
}

fn menu_of(sections: &[(&str, u32, u32, u32)]) -> Result<String, BuildError> {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("corbel.efi");
    write_atomic(&path, &uki(sections), 0o644).expect("written");
    let recipe = recipe(dir.path());
    let entries = entries(&recipe, "1.2", "abcd");
    menu(&path, &recipe, &entries)
}

#[test]
fn each_entry_reads_kernel_and_initrd_out_of_the_uki() {
    let menu = menu_of(&[(".linux", 1000, 1024, 1024), (".initrd", 1025, 1536, 2048)]).expect("a menu");
    // 1000 bytes are two sectors, 1025 are three; no number begins with a zero, which GRUB would take for octal.
    let expected = "menuentry \"Run Corbel 1.2\" {\n\techo \"Loading the kernel ...\"\n\
                    \tlinux (uki)2+2 corbel.root=abcd quiet a=1\n\tinitrd (uki)4+3\n}\n";
    assert!(menu.contains(expected), "{menu}");
    assert!(
        menu.contains("\tlinux (uki)2+2 corbel.root=abcd quiet rescue\n"),
        "{menu}"
    );
    assert!(
        menu.starts_with("# CORBEL is the name of the volume.\nset timeout=3\n"),
        "{menu}"
    );
    assert!(
        menu.ends_with("menuentry \"Boot from the local disk\" {\n\texit 1\n}\n"),
        "{menu}"
    );
}

#[test]
fn a_uki_that_grub_could_not_read_is_refused() {
    let refused = |sections: &[_]| menu_of(sections).expect_err("refused").to_string();
    assert_eq!(refused(&[(".linux", 512, 512, 1024)]), "the UKI has no section .initrd");
    assert_eq!(
        refused(&[(".linux", 512, 512, 1000), (".initrd", 512, 512, 2048)]),
        "section .linux of the UKI does not begin at a sector"
    );
    assert!(refused(&[(".linux", 512, 512, 9000)]).starts_with("the UKI that ukify made cannot be read: "));
}
