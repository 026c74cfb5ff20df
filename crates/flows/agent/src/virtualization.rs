//! Whether this machine can run guests at full speed, decided from facts that [`crate::Facilities`] gathers. Pure.
//!
//! A kernel that finds the extension locked by firmware hides its flag in `/proc/cpuinfo` (x86: `vmx` since 5.6), so
//! "switched off" and "not there" are told apart by asking the processor itself (CPUID), which firmware does not hide.

use std::fmt;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum VirtualizationState {
    Usable,
    /// The processor has it, but it cannot be used.
    Disabled,
    #[default]
    Absent,
}

/// The verdict and one plain sentence for a person.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verdict {
    pub state: VirtualizationState,
    pub message: String,
}

/// The processor's extension for virtualization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extension {
    /// AMD-V, in firmware menus "SVM".
    Svm,
    /// Intel VT-x, in firmware menus "VT-x" or "VMX".
    Vmx,
}

impl Extension {
    /// The kernel module that drives it.
    pub fn module(self) -> &'static str {
        match self {
            Self::Svm => "kvm_amd",
            Self::Vmx => "kvm_intel",
        }
    }

    /// The flag in `/proc/cpuinfo`.
    pub fn flag(self) -> &'static str {
        match self {
            Self::Svm => "svm",
            Self::Vmx => "vmx",
        }
    }
}

impl fmt::Display for Extension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Svm => "AMD-V",
            Self::Vmx => "Intel VT-x",
        })
    }
}

/// What came of opening `/dev/kvm`, asking its API version and making an empty machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Device {
    Works,
    Missing,
    /// With the system's reason.
    CannotOpen(String),
    /// It opens, but is of another version or makes no machine; with the reason.
    Refuses(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KvmFacts {
    /// As CPUID tells it, whatever firmware has locked.
    pub processor: Option<Extension>,
    /// The kernel shows the flag, so firmware allows it.
    pub flag: bool,
    /// This machine is itself a guest (`hypervisor` in `/proc/cpuinfo`).
    pub guest: bool,
    /// `kvm_amd` or `kvm_intel` is loaded or built in.
    pub module: bool,
    pub device: Device,
}

/// The verdict on the facts.
pub fn judge(facts: &KvmFacts) -> Verdict {
    use VirtualizationState::{Absent, Disabled, Usable};
    let Some(extension) = facts.processor else {
        let message = match (&facts.device, facts.guest) {
            // Another architecture, or a nested arrangement that CPUID does not show: what works, works.
            (Device::Works, _) => {
                return Verdict {
                    state: Usable,
                    message: "Virtualization is present and usable.".to_owned(),
                };
            }
            (_, true) => {
                "Virtualization is absent: the host of this machine does not pass it on, so guests run in slow emulation."
            }
            (_, false) => "Virtualization is absent: this processor has none, so guests run in slow emulation.",
        };
        return Verdict {
            state: Absent,
            message: message.to_owned(),
        };
    };
    let why = match &facts.device {
        Device::Works => {
            return Verdict {
                state: Usable,
                message: format!("Virtualization ({extension}) is present and usable."),
            };
        }
        _ if !facts.flag => "it is switched off in firmware: enable it in the firmware's setup".to_owned(),
        _ if !facts.module => {
            format!(
                "the kernel module {} could not use it: enable it in the firmware's setup",
                extension.module()
            )
        }
        Device::Missing => "/dev/kvm is missing".to_owned(),
        Device::CannotOpen(reason) => format!("/dev/kvm cannot be opened: {reason}"),
        Device::Refuses(reason) => format!("/dev/kvm does not work: {reason}"),
    };
    Verdict {
        state: Disabled,
        message: format!("Virtualization ({extension}) is present but disabled: {why}."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_situation_has_its_sentence() {
        use Device::{CannotOpen, Missing, Refuses, Works};
        use VirtualizationState::{Absent, Disabled, Usable};
        let facts = |processor, flag, guest, module, device| KvmFacts {
            processor,
            flag,
            guest,
            module,
            device,
        };
        let denied = || CannotOpen("permission denied".to_owned());
        let cases = [
            (
                facts(Some(Extension::Svm), true, true, true, Works),
                Usable,
                "(AMD-V) is present and usable",
            ),
            (
                facts(Some(Extension::Vmx), true, false, true, Works),
                Usable,
                "(Intel VT-x) is present and usable",
            ),
            (facts(None, false, false, false, Works), Usable, "usable"),
            (
                facts(Some(Extension::Vmx), false, false, false, Missing),
                Disabled,
                "switched off in firmware",
            ),
            (
                facts(Some(Extension::Svm), true, false, false, Missing),
                Disabled,
                "module kvm_amd",
            ),
            (
                facts(Some(Extension::Svm), true, false, true, Missing),
                Disabled,
                "/dev/kvm is missing",
            ),
            (
                facts(Some(Extension::Svm), true, false, true, denied()),
                Disabled,
                "opened: permission denied",
            ),
            (
                facts(Some(Extension::Vmx), true, false, true, Refuses("busy".to_owned())),
                Disabled,
                "work: busy",
            ),
            (facts(None, false, true, false, Missing), Absent, "host of this machine"),
            (
                facts(None, false, false, false, Missing),
                Absent,
                "this processor has none",
            ),
        ];
        for (facts, state, part) in cases {
            let verdict = judge(&facts);
            assert_eq!(verdict.state, state, "{facts:?}");
            assert!(verdict.message.contains(part), "{}", verdict.message);
            assert!(
                verdict.message.ends_with('.') && !verdict.message.contains(". "),
                "{}",
                verdict.message
            );
        }
    }
}
