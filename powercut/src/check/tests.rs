//! The checker is worth what it can find: every kind of damage is brought in once, and must be seen.

mod configuration;

use corbel_layout::grubenv::{GrubEnv, Trial};
use corbel_plan::slots::{Firmware, Running, Step, plan_bless, plan_rollback, plan_upgrade};

use super::*;
use crate::{
    judge::judge,
    report::OperationReport,
    testing::{SmallNode, SmallRelease, records_of_a},
};

const RUNNING: Running = Running {
    slot: Slot::A,
    firmware: Firmware::Uefi,
};

/// A node with version 1 in slot a, and both versions.
fn node() -> (SmallNode, SmallRelease, SmallRelease) {
    let (old, new) = (SmallRelease::new(1), SmallRelease::new(2));
    (SmallNode::installed(512, &old), old, new)
}

fn upgrade(node: SmallNode, old: &SmallRelease, new: &SmallRelease) -> OperationReport {
    judge(
        &node.finish(),
        Operation::Upgrade,
        Some(&old.release),
        Some(&new.release),
    )
    .unwrap()
}

/// The steps of an upgrade, as they are planned.
fn steps() -> Vec<Step> {
    plan_upgrade(&records_of_a(), RUNNING).unwrap()
}

/// Something is damaged during an upgrade, and put right again before it goes on; so only states in between can show it.
fn damaged(
    damage: impl FnOnce(&mut SmallNode, &SmallRelease),
    repair: impl FnOnce(&mut SmallNode, &SmallRelease),
) -> Vec<String> {
    let (mut node, old, new) = node();
    damage(&mut node, &old);
    node.recorder.flush();
    repair(&mut node, &old);
    node.recorder.flush();
    node.run(&steps(), &new);
    let report = upgrade(node, &old, &new);
    assert!(report.failures > 0, "{report:?}");
    let mut reasons: Vec<String> = report.told.into_iter().map(|failure| failure.reason).collect();
    reasons.dedup();
    reasons
}

fn assert_told(reasons: &[String], expected: &str) {
    assert!(
        reasons.iter().any(|reason| reason.contains(expected)),
        "{expected:?} is not in {reasons:#?}"
    );
}

#[test]
fn an_upgrade_as_planned_is_old_or_new() {
    let (mut node, old, new) = node();
    node.run(&steps(), &new);
    let report = upgrade(node, &old, &new);
    assert_eq!(report.told, []);
    let bios = report.bios.unwrap();
    assert!(
        report.uefi.old > 50 && report.uefi.new > 0 && bios.old > 50 && bios.new > 0,
        "{report:?}"
    );
    assert!(report.reordered > report.cut_points, "{report:?}");
}

#[test]
fn an_install_is_nothing_or_new() {
    for sector in [512, 4096] {
        let new = SmallRelease::new(1);
        let mut node = SmallNode::empty(sector);
        node.install(&new);
        let report = judge(&node.finish(), Operation::Install, None, Some(&new.release)).unwrap();
        assert_eq!(report.told, []);
        assert_eq!(report.bios.is_some(), sector == 512);
        assert!(report.uefi.nothing > 50 && report.uefi.new > 0, "{report:?}");
    }
}

#[test]
fn a_blessing_and_a_rollback_are_old_or_new() {
    let (mut node, old, new) = node();
    let mut records = records_of_a();
    let planned = steps();
    node.run(&planned, &new);
    for step in &planned {
        match step {
            Step::PutEntry(entry) => records.entries.push(*entry),
            Step::PutEnv(env) => records.env = Some(*env),
            _ => {}
        }
    }
    let running = Running {
        slot: Slot::B,
        ..RUNNING
    };
    node.run(&plan_bless(&records, running).unwrap(), &new);
    assert_eq!(upgrade(node, &old, &new).told, []);
    assert!(plan_rollback(&records, running).is_ok());
}

#[test]
fn arming_before_the_root_is_written_is_seen() {
    let (mut node, old, new) = node();
    let mut wrong = steps();
    let write = wrong
        .iter()
        .position(|step| matches!(step, Step::WriteRoot(_)))
        .unwrap();
    let step = wrong.remove(write);
    wrong.push(step);
    node.run(&wrong, &new);
    assert!(upgrade(node, &old, &new).failures > 0);
}

#[test]
fn a_missing_flush_is_seen_though_the_order_is_right() {
    let (mut node, old, new) = node();
    for step in steps() {
        node.execute(&step, &new);
        if !matches!(step, Step::WriteRoot(_)) {
            node.recorder.flush();
        }
    }
    let flushed = upgrade(node, &old, &new);
    assert_eq!(flushed.told, [], "what follows the root flushes it too");

    let (mut node, old, new) = self::node();
    let (write, others): (Vec<Step>, Vec<Step>) =
        steps().into_iter().partition(|step| matches!(step, Step::WriteRoot(_)));
    let (last, first) = others.split_last().unwrap();
    node.run(first, &new);
    node.execute(&write[0], &new);
    node.execute(last, &new);
    let report = upgrade(node, &old, &new);
    assert!(report.failures > 0, "{report:?}");
}

#[test]
fn a_damaged_root_block_is_seen() {
    let place = |node: &SmallNode| node.extent(Role::RootA).offset + 5 * 4096;
    let reasons = damaged(
        |node, _| node.recorder.write(place(node), &[0xee; 512]),
        |node, old| node.execute(&Step::WriteRoot(Slot::A), old),
    );
    assert_told(&reasons, "corbel-root-a: the data block at byte 20480 is damaged");
}

#[test]
fn a_damaged_hash_tree_is_seen() {
    let reasons = damaged(
        |node, _| {
            let at = node.extent(Role::RootA).offset + 41 * 4096;
            node.recorder.write(at, &[0xee; 512]);
        },
        |node, old| node.execute(&Step::WriteRoot(Slot::A), old),
    );
    assert_told(&reasons, "corbel-root-a: the root hash is");
}

#[test]
fn a_torn_grubenv_is_seen() {
    let good = GrubEnv {
        good: Slot::A,
        trial: None,
    };
    let mut torn = good.render();
    torn[40..512].fill(0);
    let reasons = damaged(
        |node, _| node.overwrite("corbel/grubenv", &torn),
        |node, _| node.overwrite("corbel/grubenv", &good.render()),
    );
    assert_told(
        &reasons,
        "BIOS: the GRUB environment block has a line that is no variable",
    );
}

#[test]
fn a_missing_kernel_is_seen() {
    let reasons = damaged(
        |node, _| node.remove("corbel/a/corbel.efi"),
        |node, old| node.execute(&Step::WriteKernel(Slot::A), old),
    );
    assert_told(&reasons, "UEFI: nothing would be started");
}

#[test]
fn a_damaged_kernel_is_seen() {
    let reasons = damaged(
        |node, _| node.overwrite("corbel/a/corbel.efi", b"MZ but"),
        |node, old| node.execute(&Step::WriteKernel(Slot::A), old),
    );
    assert_told(&reasons, "/corbel/a/corbel.efi is the kernel image of no release");
}

#[test]
fn a_damaged_loader_is_seen() {
    let reasons = damaged(
        |node, _| node.overwrite("EFI/BOOT/BOOTX64.EFI", b"other"),
        |node, _| node.overwrite("EFI/BOOT/BOOTX64.EFI", b"MZ th"),
    );
    assert_told(&reasons, "UEFI: EFI/BOOT/BOOTX64.EFI is the loader of no release");
}

#[test]
fn boot_code_without_its_core_is_seen() {
    let place = |node: &SmallNode| node.extent(Role::Bios).offset + 512;
    let reasons = damaged(
        |node, _| node.recorder.write(place(node), &[0; 512]),
        |node, _| node.recorder.write(place(node), &[0xc0; 512]),
    );
    assert_told(&reasons, "BIOS: boot code and core.img do not belong together");
}

#[test]
fn a_lost_partition_table_is_seen() {
    let table = std::cell::RefCell::new(Vec::new());
    let reasons = damaged(
        |node, _| {
            *table.borrow_mut() = std::fs::read(node.recorder.disk()).unwrap()[512..1024].to_vec();
            node.recorder.write(512, &[0; 512]);
        },
        |node, _| node.recorder.write(512, &table.borrow()),
    );
    // UEFI reads the backup; GRUB has none.
    assert!(reasons.iter().all(|reason| reason.starts_with("BIOS: ")), "{reasons:?}");
}

#[test]
fn what_a_loader_falls_back_to_counts_too() {
    let (mut node, old, new) = node();
    node.run(&steps(), &new);
    // The trial is whole, and the slot behind it is not any more.
    let at = node.extent(Role::RootA).offset;
    node.recorder.write(at, &[0; 512]);
    node.recorder.flush();
    node.execute(&Step::WriteRoot(Slot::A), &old);
    let report = upgrade(node, &old, &new);
    assert!(
        report
            .told
            .iter()
            .any(|failure| failure.reason.contains("corbel-a.conf: corbel-root-a")),
        "{report:?}"
    );
}

#[test]
fn a_recording_of_something_else_is_refused() {
    let (mut node, old, new) = node();
    let trial = Some(Trial {
        slot: Slot::B,
        tries: 3,
    });
    node.run(&[Step::PutEnv(GrubEnv { good: Slot::A, trial })], &new);
    let refused = judge(
        &node.finish(),
        Operation::Upgrade,
        Some(&old.release),
        Some(&new.release),
    );
    assert!(
        refused
            .unwrap_err()
            .to_string()
            .contains("after the operation the disk should be New")
    );
}
