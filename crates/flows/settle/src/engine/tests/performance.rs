//! What the hardware is tuned for: done with the change, and taken back with it.

use super::*;

const GOVERNOR: &str = "/sys/devices/system/cpu/cpufreq/policy0/scaling_governor";
const PAGES: &str = "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages";

fn is(node: &FakeNode, path: &str) -> String {
    node.text(path).unwrap_or_default().trim().to_owned()
}

#[test]
fn a_change_is_done_read_back_and_rolled_back() {
    let (node, engine) = node("");
    let document = "[performance]\nprofile = \"throughput\"\nhuge_pages.of_2_mib = \"1 GiB\"\n";
    let applied = engine.apply(asked(document)).expect("applied");
    assert!(!applied.change.network);
    assert_eq!(
        (is(&node, GOVERNOR), is(&node, PAGES)),
        ("performance".into(), "512".into())
    );
    engine.rollback(1, asked("")).expect("rolled back");
    assert_eq!(
        (is(&node, GOVERNOR), is(&node, PAGES)),
        ("powersave".into(), "0".into())
    );
}

#[test]
fn what_the_machine_has_not_is_refused_by_its_key() {
    let (node, engine) = node("");
    let before = node.etc();
    for (lines, said) in [
        (
            "isolated_cpus = \"8\"",
            "performance.isolated_cpus: there is no processor 8: this machine has 0-7",
        ),
        (
            "governor = \"ondemand\"",
            "performance.governor: this machine has no governor ondemand: it has performance, powersave",
        ),
        (
            "huge_pages.of_1_gib = 64",
            "performance.huge_pages.of_1_gib: 64 GiB of huge pages leave less than 512 MiB of this machine's 64 GiB",
        ),
    ] {
        let error = engine
            .apply(asked(&format!("[performance]\n{lines}\n")))
            .expect_err("refused")
            .to_string();
        assert!(error.starts_with(said), "{error}");
    }
    assert_eq!(node.etc(), before);
}

#[test]
fn what_the_kernel_does_not_take_takes_everything_back() {
    let (node, engine) = node("[performance]\nprofile = \"latency\"\n");
    crate::tune(&node, crate::Manner::Strict).expect("as a boot does it");
    let before = node.etc();
    node.break_what_begins(PAGES);
    let document = "hostname = \"other\"\n[performance]\nprofile = \"power\"\nhuge_pages.of_2_mib = 8\n";
    let error = engine.apply(asked(document)).expect_err("refused").to_string();
    assert!(
        error.contains("tune processors, memory and disks") && error.contains("taken back"),
        "{error}"
    );
    assert_eq!((node.etc(), is(&node, GOVERNOR)), (before, "performance".into()));
}
