//! Upgrades of a node in memory: the whole way, every refusal, and the power cut after every write.

use std::cell::Cell;
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use corbel_layout::slot::Slot;
use corbel_plan::gate::Facts;
use corbel_plan::slots::{Firmware, Outcome};
use corbel_progress::Event;
use corbel_release::release::{KeySet, Policy, Signed};
use corbel_sys::{Cancel, write_atomic};

use super::fake::{FakeNode, Parts, SLOT_BYTES, parts};
use super::*;

mod hooks;
mod releases;

const BOTH: [Firmware; 2] = [Firmware::Bios, Firmware::Uefi];
const DEADLINE: Duration = Duration::from_secs(300);

fn silent(_: Event) {}

fn policy() -> Policy {
    Policy {
        running: Some("1.0".parse().expect("a version")),
        allow_unsigned: true,
        ..Policy::strict(2000, "corbel", "amd64")
    }
}

fn open(parts: &Parts) -> Result<Release, OpenError> {
    Release::open(parts.iso(&parts.text(), None), &KeySet::new(), &policy())
}

fn take(node: &FakeNode, version: &str) -> Result<Armed, UpgradeError> {
    let release = open(&parts(version)).expect("a release");
    upgrade(node, &release, &silent, &Cancel::new())
}

/// A system whose clock goes on by a minute a look, and that is healthy from a given minute on.
struct Clock {
    minutes: Cell<u64>,
    healthy_from: u64,
    /// Its node restarts when it is asked.
    obeys: bool,
}

fn healthy_from(minute: u64) -> Clock {
    Clock {
        minutes: Cell::new(0),
        healthy_from: minute,
        obeys: false,
    }
}

impl Health for Clock {
    fn facts(&self) -> Facts {
        Facts {
            api: true,
            virtualization: self.minutes.get() >= self.healthy_from,
            ..Facts::default()
        }
    }
    fn elapsed(&self) -> Duration {
        Duration::from_secs(60 * self.minutes.get())
    }
    fn wait(&self) {
        self.minutes.set(self.minutes.get() + 1);
    }
    fn restart(&self) -> bool {
        self.obeys
    }
}

fn judge(node: &FakeNode, health: &Clock) -> Verdict {
    gate(node, health, DEADLINE).expect("judged")
}

#[test]
fn a_node_that_still_answers_restarts_itself_with_its_machines() {
    let mut node = FakeNode::installed(Firmware::Uefi);
    take(&node, "1.1").expect("upgraded");
    let reboots = |node: &FakeNode| *node.reboots.lock().expect("counted");
    for (obeys, forced) in [(true, 0), (false, 1)] {
        assert_eq!(node.boot(), Slot::B);
        let health = Clock {
            obeys,
            ..healthy_from(99)
        };
        assert!(matches!(judge(&node, &health), Verdict::Unhealthy(_)));
        assert_eq!(reboots(&node), forced);
    }
}

#[test]
fn a_default_that_was_chosen_in_the_menu_does_not_stand_against_a_trial() {
    for firmware in BOTH {
        let mut node = FakeNode::installed(firmware);
        let choose = |node: &FakeNode, slot| *node.default_entry.lock().expect("chosen") = Some(slot);
        choose(&node, Slot::A);
        assert!(take(&node, "1.1").expect("upgraded").warnings.is_empty());
        assert_eq!(node.boot(), Slot::B);
        assert_eq!(judge(&node, &healthy_from(0)), Verdict::Blessed);
        choose(&node, Slot::B);
        rollback(&node, &silent, &Cancel::new()).expect("rolled back");
        assert_eq!(node.boot(), Slot::A);
    }
}

#[test]
fn a_healthy_upgrade_stays_and_the_old_system_is_the_spare() {
    for firmware in BOTH {
        let mut node = FakeNode::installed(firmware);
        let armed = take(&node, "1.1").expect("upgraded");
        assert_eq!((armed.slot, armed.version.as_deref()), (Slot::B, Some("1.1")));
        assert_eq!(node.boot(), Slot::B);
        assert_eq!(judge(&node, &healthy_from(2)), Verdict::Blessed);
        for _ in 0..5 {
            assert_eq!(node.boot(), Slot::B);
            assert_eq!(judge(&node, &healthy_from(0)), Verdict::NotOnTrial(Outcome::Good));
        }
        let seen = status(&node).expect("status");
        assert_eq!(
            (seen.slots[0].state, seen.slots[1].state),
            (SlotState::Spare, SlotState::Good)
        );
        assert_eq!(seen.slots[1].version.as_deref(), Some("1.1"));
        assert!(seen.slots[1].running && seen.failed.is_empty() && seen.problems.is_empty());
        assert_eq!(
            rollback(&node, &silent, &Cancel::new())
                .expect("rolled back")
                .version
                .as_deref(),
            Some("1.0")
        );
        assert_eq!(node.boot(), Slot::A);
        assert_eq!(judge(&node, &healthy_from(0)), Verdict::Blessed);
        assert_eq!(node.version, "1.0");
    }
}

#[test]
fn an_unhealthy_upgrade_falls_back_after_its_tries_with_its_reason() {
    for firmware in BOTH {
        let mut node = FakeNode::installed(firmware);
        take(&node, "1.1").expect("upgraded");
        for _ in 0..3 {
            assert_eq!(node.boot(), Slot::B);
            assert!(matches!(judge(&node, &healthy_from(99)), Verdict::Unhealthy(_)));
        }
        assert_eq!(*node.reboots.lock().expect("counted"), 3);
        assert_eq!(node.boot(), Slot::A);
        assert_eq!(
            judge(&node, &healthy_from(0)),
            Verdict::NotOnTrial(Outcome::FellBack(Slot::B))
        );
        let seen = status(&node).expect("status");
        assert_eq!(seen.slots[1].state, SlotState::Failed);
        assert_eq!(seen.failed.len(), 1);
        assert_eq!(
            (seen.failed[0].version.as_str(), seen.failed[0].reason.as_str()),
            ("1.1", "after 300 s libvirt does not answer")
        );
        assert_eq!(judge(&node, &healthy_from(0)), Verdict::NotOnTrial(Outcome::Good));
        let failed = Policy {
            failed: vec!["1.1".to_owned()],
            ..policy()
        };
        let again = parts("1.1");
        let refused = Release::open(again.iso(&again.text(), None), &KeySet::new(), &failed);
        assert!(matches!(refused, Err(OpenError::Refused(_))), "{refused:?}");
        take(&node, "1.2").expect("another version is taken");
    }
}

#[test]
fn a_kernel_that_never_comes_up_and_a_crash_have_their_own_reasons() {
    for firmware in BOTH {
        let mut node = FakeNode::installed(firmware);
        take(&node, "1.1").expect("upgraded");
        for _ in 0..3 {
            assert_eq!(node.boot(), Slot::B);
        }
        node.boot();
        review_boot(&node).expect("reviewed");
        assert_eq!(status(&node).expect("status").failed[0].reason, NEVER_STARTED);
        take(&node, "1.2").expect("upgraded");
        node.boot();
        assert_eq!(review_boot(&node).expect("reviewed"), Outcome::OnTrial);
        for _ in 0..2 {
            node.boot();
        }
        assert_eq!(node.boot(), Slot::A);
        review_boot(&node).expect("reviewed");
        let failed = status(&node).expect("status").failed;
        assert!(failed[1].reason.starts_with("it started and stopped"), "{failed:?}");
    }
}

#[test]
fn a_trial_is_given_up_and_a_waiting_one_called_off() {
    let mut node = FakeNode::installed(Firmware::Uefi);
    take(&node, "1.1").expect("upgraded");
    let kept = rollback(&node, &silent, &Cancel::new()).expect("called off");
    assert_eq!((kept.slot, node.boot()), (Slot::A, Slot::A));
    assert!(status(&node).expect("status").failed.is_empty());
    take(&node, "1.1").expect("upgraded");
    assert_eq!(node.boot(), Slot::B);
    review_boot(&node).expect("reviewed");
    rollback(&node, &silent, &Cancel::new()).expect("given up");
    assert_eq!(node.boot(), Slot::A);
    assert_eq!(
        status(&node).expect("status").failed[0].reason,
        "it was given up by hand"
    );
    let failed = rollback(&node, &silent, &Cancel::new()).expect_err("b failed");
    assert_eq!(
        failed.to_string(),
        "slot b holds version 1.1, which failed on this node: it was given up by hand"
    );
    let fresh = FakeNode::installed(Firmware::Uefi);
    let nothing = rollback(&fresh, &silent, &Cancel::new()).expect_err("b was never healthy");
    assert_eq!(nothing.to_string(), "slot b holds no system that was ever healthy");
}

#[test]
fn a_cut_after_every_write_leaves_a_whole_system_and_a_second_upgrade_succeeds() {
    let writes = {
        let node = FakeNode::installed(Firmware::Bios);
        let before = node.esp.writes();
        take(&node, "1.1").expect("upgraded");
        node.esp.writes() - before
    };
    for firmware in BOTH {
        for cut in 0..writes {
            let mut node = FakeNode::installed(firmware);
            node.esp.cut_after(cut);
            take(&node, "1.1").expect_err("the power was cut");
            node.esp.restore();
            let slot = node.boot();
            let verdict = judge(&node, &healthy_from(0));
            assert_eq!(
                verdict == Verdict::Blessed,
                slot == Slot::B,
                "cut after {cut} writes: {verdict:?}"
            );
            if slot == Slot::A {
                take(&node, "1.1").expect("begun again");
                assert_eq!(node.boot(), Slot::B);
            }
        }
        let mut node = FakeNode::installed(firmware);
        node.slots[1].cut_after(0);
        assert!(matches!(
            take(&node, "1.1"),
            Err(UpgradeError::Write { slot: Slot::B, .. })
        ));
        assert_eq!(node.boot(), Slot::A);
    }
}

#[test]
fn a_device_that_does_not_keep_what_is_written_is_not_armed() {
    let mut node = FakeNode::installed(Firmware::Uefi);
    node.slots[1].forget();
    let error = take(&node, "1.1").expect_err("refused");
    assert!(
        matches!(
            error,
            UpgradeError::Write {
                source: CopyError::Kept { .. },
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(node.boot(), Slot::A);
}

#[test]
fn a_network_boot_leaves_a_release_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let parts = parts("1.1");
    let put = |name: &str, bytes: &[u8]| write_atomic(&folder.path().join(name), bytes, 0o644).expect("written");
    put("release.json", &parts.text());
    put("corbel.efi", &parts.kernel);
    let mut device = parts.root.clone();
    device.extend([0; 999]);
    let root: Source = Arc::new(device);
    let open = || Release::open_folder(folder.path(), Arc::clone(&root), &KeySet::new(), &policy());
    let mut node = FakeNode::installed(Firmware::Bios);
    upgrade(&node, &open().expect("a release"), &silent, &Cancel::new()).expect("upgraded");
    assert_eq!((node.boot(), node.version.as_str()), (Slot::B, "1.1"));
    put("corbel.efi", b"short");
    assert!(matches!(open(), Err(OpenError::Length { .. })));
}

#[test]
fn progress_has_an_end_and_cancel_arms_nothing() {
    let events = Mutex::new(Vec::new());
    let sink = |event: Event| events.lock().expect("events").push(event);
    let mut node = FakeNode::installed(Firmware::Uefi);
    let release = open(&parts("1.1")).expect("a release");
    let cancel = Cancel::new();
    cancel.cancel();
    upgrade(&node, &release, &sink, &cancel).expect_err("cancelled");
    assert_eq!(node.boot(), Slot::A);
    upgrade(&node, &release, &sink, &Cancel::new()).expect("upgraded");
    let events = events.lock().expect("events");
    let ends: Vec<bool> = events
        .iter()
        .filter_map(|event| match event {
            Event::End { ok, .. } => Some(*ok),
            _ => None,
        })
        .collect();
    assert_eq!(ends, [false, true]);
    let steps: Vec<&str> = events
        .iter()
        .skip_while(|event| !matches!(event, Event::End { .. }))
        .filter_map(|event| match event {
            Event::StepStarted { step, .. } => Some(step.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(steps, ["verify", "write-root", "write-kernel", "arm"]);
}

#[test]
fn the_owners_words_reach_both_loaders() {
    let node = FakeNode::installed(Firmware::Uefi);
    write_atomic(&node.folder().join("words"), b"# mine\nconsole=ttyS1 a=$b\n", 0o644).expect("written");
    take(&node, "1.1").expect("upgraded");
    let files = node.esp.files();
    let text = |path: &str| String::from_utf8_lossy(&files[path]).into_owned();
    assert!(text("loader/entries/corbel-b+3.conf").ends_with("quiet corbel.slot=b console=ttyS1 a=$b\n"));
    assert!(text("corbel/b/grub.cfg").contains("corbel.slot=b console=ttyS1 'a=$b' $more"));
}
