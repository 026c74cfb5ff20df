//! Block lists, quoting, and the text of the menus.

use super::*;

fn section(name: &str, offset: u64, length: u64) -> Section {
    Section {
        name: name.to_owned(),
        offset,
        size: length.next_multiple_of(512),
        virtual_size: length,
    }
}

#[test]
fn kernel_and_initrd_are_block_lists() {
    let found = blocks(&[section(".linux", 1024, 1000), section(".initrd", 2048, 1025)]).expect("both are there");
    assert_eq!((found.linux.as_str(), found.initrd.as_str()), ("2+2", "4+3"));
    assert_eq!(
        blocks(&[section(".linux", 1024, 1)]),
        Err(GrubError::NoSection { name: ".initrd" })
    );
    assert_eq!(
        blocks(&[section(".linux", 1000, 1), section(".initrd", 2048, 1)]),
        Err(GrubError::Unaligned { name: ".linux" })
    );
}

#[test]
fn words_keep_their_meaning_in_grubs_script() {
    assert_eq!(quoted("quiet  console=ttyS0,115200"), "quiet console=ttyS0,115200");
    assert_eq!(quoted("adminpw=$6$a;b a='b'"), r"'adminpw=$6$a;b' 'a='\''b'\'''");
    assert_eq!(title("Corbel \"1\" $x"), "Corbel 1 x");
}

#[test]
fn a_slot_loads_its_own_uki() {
    let blocks = Blocks {
        linux: "2+2".to_owned(),
        initrd: "4+3".to_owned(),
    };
    let text = slot_config(Slot::B, "Corbel 1.2", &blocks, "corbel.root=abcd corbel.slot=b");
    assert!(
        text.starts_with("set title=\"Corbel 1.2\"\nif [ \"$load\" = yes ]; then\n"),
        "{text}"
    );
    assert!(text.contains("loopback uki $prefix/b/corbel.efi"), "{text}");
    assert!(
        text.contains("linux (uki)2+2 corbel.root=abcd corbel.slot=b $more;"),
        "{text}"
    );
    assert!(text.contains("initrd (uki)4+3;"), "{text}");
}

#[test]
fn the_menu_counts_by_comparing_and_offers_both_slots_and_rescue() {
    let text = main_config(3);
    for tries in 1..=9 {
        let line = format!("if [ \"$tries\" = {tries} ]; then set left={}\n", tries - 1);
        assert!(text.contains(&line), "{line}");
    }
    let saved = text.find("save_env tries").expect("the try is written down");
    let started = text.find("source $prefix/$first/grub.cfg").expect("a slot is started");
    assert!(saved < started, "the try is counted before the system is loaded");
    for wanted in ["(slot a)", "(slot b)", "Rescue shell", "terminal_output console serial"] {
        assert!(text.contains(wanted), "{wanted}");
    }
    let opened = text.matches("if [").count() - text.matches("elif [").count() + text.matches("if save_env").count();
    assert_eq!(opened, text.matches("fi\n").count(), "every condition ends:\n{text}");
}
