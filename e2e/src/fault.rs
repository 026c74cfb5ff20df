//! What may be wrong with a version, brought in from outside: the firmware hands systemd units and drop-ins
//! (systemd.system-credentials(7)) that do harm in one slot only, so the image under test stays as it is.

use corbel_node_api::SlotName;

use crate::MachineSpec;

/// A way in which a version is bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The daemon ends as soon as it is started.
    DaemonCrashes,
    /// No interface gets an address.
    NoNetwork,
    /// Before the configuration is read.
    KernelPanics,
    /// Before the configuration is read, nothing but one loop runs any more; a watchdog is all that helps.
    Hangs,
}

const UNIT: &str = "corbel-e2e-fault.service";

impl Fault {
    pub(crate) fn bring(self, spec: MachineSpec, slot: SlotName) -> MachineSpec {
        let word = format!("corbel.slot={slot}");
        let refuse = format!("[Service]\nExecStartPre=/bin/sh -c '! grep -q {word} /proc/cmdline'\n");
        let dropin = |unit: &str| format!("systemd.unit-dropin.{unit}~fault");
        match self {
            Self::DaemonCrashes => spec.credential_bytes(&dropin("corbel-node.service"), refuse.as_bytes()),
            Self::NoNetwork => spec.credential_bytes(&dropin("systemd-networkd.service"), refuse.as_bytes()),
            Self::KernelPanics => early(spec, &word, "echo c > /proc/sysrq-trigger"),
            Self::Hangs => {
                // Above everything else, and never interrupted: sched(7), "Limiting the CPU usage of real-time processes".
                let hog =
                    "echo -1 > /proc/sys/kernel/sched_rt_runtime_us; exec chrt -f 99 sh -c \"while :; do :; done\"";
                early(spec, &word, hog)
            }
        }
    }
}

/// With a unit that does this before the configuration is read.
fn early(spec: MachineSpec, word: &str, command: &str) -> MachineSpec {
    let unit = format!(
        "[Unit]\nDefaultDependencies=no\nConditionKernelCommandLine={word}\nBefore=corbel-settle.service\n\n\
         [Service]\nType=oneshot\nExecStart=/bin/sh -c '{command}'\n"
    );
    let wants = format!("[Unit]\nWants={UNIT}\n");
    spec.credential_bytes(&format!("systemd.extra-unit.{UNIT}"), unit.as_bytes())
        .credential_bytes("systemd.unit-dropin.sysinit.target~fault", wants.as_bytes())
}
