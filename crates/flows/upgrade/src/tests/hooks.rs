//! The owner's hooks: which are run and in which order, what a failure does, how long they may take, and which boot is the first of
//! another version.

use super::*;
use crate::hooks::run_hooks_within;

/// A configuration's folder with hooks that write into a log.
struct Owner {
    folder: tempfile::TempDir,
}

impl Owner {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self { folder }
    }

    fn config(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Writes a line of the log and goes on with `end`.
    fn hook(&self, turn: &str, name: &str, end: &str, mode: u32) {
        put_hook(self.config(), turn, name, end, mode);
    }

    /// What was written since the last look.
    fn log(&self) -> Vec<String> {
        take_log(self.config())
    }
}

fn put_hook(config: &std::path::Path, turn: &str, name: &str, end: &str, mode: u32) {
    let path = config.join(format!("hooks/{turn}.d/{name}"));
    let text = format!(
        "#!/bin/sh\necho $CORBEL_HOOK {name} ${{CORBEL_VERSION-?}} ${{CORBEL_SLOT-?}} ${{CORBEL_PREVIOUS_VERSION-?}} >> {}\n{end}\n",
        config.join("log").display()
    );
    write_atomic(&path, text.as_bytes(), mode).expect("written");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("mode");
}

fn take_log(config: &std::path::Path) -> Vec<String> {
    let path = config.join("log");
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let _ = std::fs::remove_file(&path);
    text.lines().map(str::to_owned).collect()
}

fn said(failures: &[HookError]) -> Vec<String> {
    failures.iter().map(ToString::to_string).collect()
}

#[test]
fn only_what_is_executable_and_meant_is_run_sorted_by_name() {
    let owner = Owner::new();
    for name in ["20-b", "10-z", "100-a", "A"] {
        owner.hook("on-boot", name, "", 0o755);
    }
    owner.hook("on-boot", ".hidden", "", 0o755);
    owner.hook("on-boot", "05-text", "", 0o644);
    owner.hook("on-boot", "10-old~", "", 0o755);
    owner.hook("on-boot", "00-folder/inside", "", 0o755);
    owner.hook("on-shutdown", "00-other", "", 0o755);
    std::os::unix::fs::symlink("nothing", owner.config().join("hooks/on-boot.d/00-gone")).expect("a link");
    let failures = run_hooks(owner.config(), Hook::OnBoot, &[], &Cancel::new());
    assert_eq!(said(&failures), Vec::<String>::new());
    let order: Vec<String> = owner.log();
    assert_eq!(
        order,
        [
            "on-boot 10-z ? ? ?",
            "on-boot 100-a ? ? ?",
            "on-boot 20-b ? ? ?",
            "on-boot A ? ? ?"
        ]
    );
}

#[test]
fn a_failure_stops_an_upgrade_and_nothing_else() {
    const ALL: [Hook; 6] = [
        Hook::PreUpgrade,
        Hook::PostUpgrade,
        Hook::Rollback,
        Hook::OnBoot,
        Hook::OnShutdown,
        Hook::OnChangedImage,
    ];
    for hook in ALL {
        let owner = Owner::new();
        owner.hook(hook.name(), "10-fails", "echo no room >&2; exit 3", 0o755);
        owner.hook(hook.name(), "20-next", "", 0o755);
        let failures = run_hooks(owner.config(), hook, &[], &Cancel::new());
        assert_eq!(said(&failures), ["the hook 10-fails failed"], "{hook:?}");
        let HookError::Failed { source, .. } = &failures[0] else {
            panic!("{failures:?}");
        };
        assert!(source.to_string().ends_with("no room"), "{source}");
        let more = usize::from(hook != Hook::PreUpgrade);
        assert_eq!(owner.log().len(), 1 + more, "{hook:?}");
    }
    let nothing = Owner::new();
    assert!(run_hooks(nothing.config(), Hook::OnBoot, &[], &Cancel::new()).is_empty());
    write_atomic(&nothing.config().join("hooks/on-boot.d"), b"no folder", 0o644).expect("written");
    let failures = run_hooks(nothing.config(), Hook::OnBoot, &[], &Cancel::new());
    assert!(matches!(failures[..], [HookError::List { .. }]), "{failures:?}");
}

/// A hook that waits for the end of something that never ends.
const FOR_EVER: &str = "exec tail -f /dev/null";

#[test]
fn a_hook_that_takes_too_long_is_ended_and_the_next_one_runs() {
    let owner = Owner::new();
    owner.hook("on-boot", "10-hangs", FOR_EVER, 0o755);
    owner.hook("on-boot", "20-next", "", 0o755);
    let limits = Limits {
        hook: Duration::from_secs(2),
        turn: Duration::from_secs(600),
    };
    let failures = run_hooks_within(owner.config(), Hook::OnBoot, limits, &[], &Cancel::new());
    assert_eq!(said(&failures), ["the hook 10-hangs failed"]);
    assert!(
        matches!(
            &failures[0],
            HookError::Failed {
                source: corbel_sys::ProgramError::Deadline { .. },
                ..
            }
        ),
        "{failures:?}"
    );
    assert_eq!(owner.log().last().map(String::as_str), Some("on-boot 20-next ? ? ?"));
}

#[test]
fn a_turn_has_an_end_whatever_its_hooks_do() {
    let owner = Owner::new();
    for name in ["10-hangs", "20-late", "30-late"] {
        owner.hook("on-shutdown", name, FOR_EVER, 0o755);
    }
    let limits = Limits {
        hook: Duration::from_secs(600),
        turn: Duration::from_millis(300),
    };
    let failures = run_hooks_within(owner.config(), Hook::OnShutdown, limits, &[], &Cancel::new());
    assert_eq!(
        said(&failures),
        [
            "the hook 10-hangs failed",
            "the hook 20-late was not run: all hooks of on-shutdown together have 0 s",
            "the hook 30-late was not run: all hooks of on-shutdown together have 0 s"
        ]
    );
    assert_eq!(Hook::OnShutdown.limits().turn, Duration::from_secs(300));
}

fn boot(owner: &Owner, version: &str, slot: Slot) -> Vec<String> {
    let system = System {
        config: owner.config(),
        version: Some(version),
        slot,
    };
    boot_hooks(&system, &Cancel::new());
    owner.log()
}

#[test]
fn the_first_boot_of_another_version_is_told_once_and_before_on_boot() {
    let owner = Owner::new();
    owner.hook("on-boot", "boot", "", 0o755);
    owner.hook("on-changed-image", "changed", "exit 1", 0o755);
    owner.hook("on-shutdown", "end", "", 0o755);
    assert_eq!(
        boot(&owner, "1.0", Slot::A),
        ["on-changed-image changed 1.0 a ?", "on-boot boot 1.0 a ?"]
    );
    // Its failure was told, and the same failure at each boot would say nothing new.
    assert_eq!(boot(&owner, "1.0", Slot::A), ["on-boot boot 1.0 a ?"]);
    assert_eq!(
        boot(&owner, "1.1", Slot::B),
        ["on-changed-image changed 1.1 b 1.0", "on-boot boot 1.1 b ?"]
    );
    assert_eq!(boot(&owner, "1.1", Slot::B), ["on-boot boot 1.1 b ?"]);
    let system = System {
        config: owner.config(),
        version: None,
        slot: Slot::A,
    };
    assert!(boot_hooks(&system, &Cancel::new()).is_empty());
    assert_eq!(owner.log(), ["on-boot boot ? a ?"], "of a change nothing can be said");
    assert!(shutdown_hooks(&system, &Cancel::new()).is_empty());
    assert_eq!(owner.log(), ["on-shutdown end ? a ?"]);
}

#[test]
fn a_version_is_noted_only_when_its_hooks_had_their_run() {
    let owner = Owner::new();
    write_atomic(&owner.config().join("hooks/on-changed-image.d"), b"no folder", 0o644).expect("written");
    let system = System {
        config: owner.config(),
        version: Some("1.0"),
        slot: Slot::A,
    };
    let failures = boot_hooks(&system, &Cancel::new());
    assert!(
        matches!(failures[..], [(Hook::OnChangedImage, HookError::List { .. })]),
        "{failures:?}"
    );
    std::fs::remove_file(owner.config().join("hooks/on-changed-image.d")).expect("removed");
    owner.hook("on-changed-image", "changed", "", 0o755);
    assert_eq!(boot(&owner, "1.0", Slot::A), ["on-changed-image changed 1.0 a ?"]);
    // Two damaged copies are as good as none: it is told once more.
    for copy in ["a", "b"] {
        let path = owner.config().join(format!("boot/hooked.{copy}.toml"));
        write_atomic(&path, b"damaged", 0o600).expect("written");
    }
    assert_eq!(boot(&owner, "1.0", Slot::A), ["on-changed-image changed 1.0 a ?"]);
    assert!(boot(&owner, "1.0", Slot::A).is_empty());
}

#[test]
fn a_trial_that_falls_back_is_a_change_in_both_directions() {
    for firmware in BOTH {
        let mut node = FakeNode::installed(firmware);
        put_hook(node.folder(), "on-changed-image", "changed", "", 0o755);
        let start = |node: &FakeNode| {
            let system = System {
                config: node.config(),
                version: Some(node.version()),
                slot: node.running().slot,
            };
            assert!(boot_hooks(&system, &Cancel::new()).is_empty());
            take_log(node.folder())
        };
        assert_eq!(start(&node), ["on-changed-image changed 1.0 a ?"]);
        take(&node, "1.1").expect("upgraded");
        assert_eq!(node.boot(), Slot::B);
        assert_eq!(start(&node), ["on-changed-image changed 1.1 b 1.0"]);
        assert!(matches!(judge(&node, &healthy_from(99)), Verdict::Unhealthy(_)));
        for _ in 0..2 {
            assert_eq!(node.boot(), Slot::B);
            assert!(start(&node).is_empty(), "the same version tries again");
        }
        assert_eq!(node.boot(), Slot::A);
        assert_eq!(start(&node), ["on-changed-image changed 1.0 a 1.1"]);
        assert!(start(&node).is_empty());
    }
}

#[test]
fn hooks_run_in_order_and_the_first_turn_may_refuse() {
    let mut node = FakeNode::installed(Firmware::Uefi);
    let log = node.folder().join("log");
    let hook = |turn: &str, name: &str, end: &str, mode: u32| {
        let path = node.folder().join(format!("hooks/{turn}.d/{name}"));
        let text = format!(
            "#!/bin/sh\necho $CORBEL_HOOK {name} $CORBEL_VERSION >> {}\n{end}\n",
            log.display()
        );
        write_atomic(&path, text.as_bytes(), mode).expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("mode");
    };
    hook("pre-upgrade", "20-no", "exit 1", 0o755);
    hook("pre-upgrade", "10-first", "", 0o755);
    hook("pre-upgrade", "30-never", "", 0o755);
    hook("pre-upgrade", "05-text", "", 0o644);
    let before = node.esp.files();
    let error = take(&node, "1.1").expect_err("refused");
    assert!(matches!(error, UpgradeError::Hook(_)), "{error}");
    assert_eq!(node.esp.files(), before);
    hook("pre-upgrade", "20-no", "", 0o755);
    hook("post-upgrade", "10-fails", "exit 3", 0o755);
    let armed = take(&node, "1.1").expect("upgraded");
    assert_eq!(armed.warnings.len(), 1);
    assert!(
        armed.warnings[0].starts_with("the hook 10-fails failed: "),
        "{:?}",
        armed.warnings
    );
    let seen = std::fs::read_to_string(&log).expect("the log");
    let expected = "pre-upgrade 10-first 1.1\npre-upgrade 20-no 1.1\npre-upgrade 10-first 1.1\npre-upgrade 20-no 1.1\n\
                    pre-upgrade 30-never 1.1\npost-upgrade 10-fails 1.1\n";
    assert_eq!(seen, expected);
    assert_eq!(node.boot(), Slot::B);
}
