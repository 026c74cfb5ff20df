//! The real [`Facilities`]: `/proc`, `/sys`, `/dev/kvm` and what the boot left in `/run/corbel`.

use std::fs::File;
use std::io::ErrorKind;
use std::os::fd::{FromRawFd, OwnedFd};
use std::path::Path;

use corbel_sys::Cancel;

use crate::Pool;
use crate::counters::{self, Counters};
use crate::facilities::{Boot, Facilities, Firmware, Memory, Ssh};
use crate::figures::{FiguresError, MONITORING_OFF};
use crate::parse;
use crate::promise::Promise;
use crate::virtualization::{Device, Extension, KvmFacts};

/// What settle reported about this boot.
const SETTLE_REPORT: &str = "/run/corbel/settle.json";

/// What `corbel dump load` reported about dumps of the kernel.
const DUMP_REPORT: &str = "/run/corbel/kernel-dump.json";

/// What became of the partitions that an installed node keeps; absent on others.
const STATE_REPORT: &str = "/run/corbel/state.json";

/// A pool for each further data disk that this boot has mounted, named as its folder: where none is mounted, volumes would lie in memory.
pub fn further_pools() -> Vec<Pool> {
    parse::parse_pools(read(STATE_REPORT).as_bytes())
}

/// Where collectd's write_prometheus listens, as its file in the image says.
const COLLECTD: &str = "http://127.0.0.1:9103/metrics";
/// A thousand machines with four disks each are less than half of it.
const MOST_FIGURES: u64 = 16 << 20;

/// This machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct Host;

fn read(path: &str) -> String {
    corbel_sys::read_limited(Path::new(path), 16 << 20)
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .unwrap_or_default()
}

impl Facilities for Host {
    fn hostname(&self) -> String {
        rustix::system::uname().nodename().to_string_lossy().into_owned()
    }

    fn uptime_seconds(&self) -> u64 {
        parse::parse_uptime(&read("/proc/uptime"))
    }

    fn memory(&self) -> Memory {
        parse::parse_meminfo(&read("/proc/meminfo"))
    }

    fn load(&self) -> [f64; 3] {
        parse::parse_load(&read("/proc/loadavg"))
    }

    fn counters(&self) -> Option<Counters> {
        counters::read(Path::new("/"))
    }

    fn cpus(&self) -> u32 {
        std::thread::available_parallelism()
            .ok()
            .and_then(|n| u32::try_from(n.get()).ok())
            .unwrap_or(1)
    }

    fn addresses(&self) -> Vec<(String, String)> {
        match corbel_net::addresses() {
            Ok(list) => list
                .into_iter()
                .map(|(interface, address)| (interface, address.to_string()))
                .collect(),
            Err(error) => {
                tracing::warn!(%error, "the addresses could not be read");
                vec![]
            }
        }
    }

    fn kvm(&self) -> KvmFacts {
        let cpuinfo = read("/proc/cpuinfo");
        let flags = parse::parse_flags(&cpuinfo);
        let shown = [Extension::Svm, Extension::Vmx]
            .into_iter()
            .find(|ext| flags.contains(&ext.flag()));
        let processor = shown.or_else(ask_processor);
        KvmFacts {
            processor,
            flag: shown.is_some(),
            guest: flags.contains(&"hypervisor"),
            module: processor.is_some_and(|ext| Path::new("/sys/module").join(ext.module()).exists()),
            device: try_kvm(),
        }
    }

    fn boot(&self) -> Boot {
        let firmware = if Path::new("/sys/firmware/efi").exists() {
            Firmware::Uefi
        } else {
            Firmware::Bios
        };
        parse::parse_boot(read("/run/corbel/boot.json").as_bytes(), firmware)
    }

    fn ssh(&self) -> Option<Ssh> {
        parse::parse_ssh(read(SETTLE_REPORT).as_bytes())
    }

    fn admin_password_set(&self) -> Option<bool> {
        // Not settle's report: a password may be given later, by passwd(1).
        parse::parse_password_set(&read("/etc/shadow"), "admin")
    }

    fn keyboard(&self) -> Option<String> {
        parse::parse_keymap(&read("/etc/corbel/keyboard"))
    }

    fn promise(&self) -> Option<Promise> {
        let percent = corbel_settle::Tuning::parse(&read(corbel_settle::PERFORMANCE_FILE)).memory_overcommit?;
        let memory = parse::parse_unreserved(&read("/proc/meminfo"));
        Some(Promise { percent, memory })
    }

    fn warnings(&self) -> Vec<String> {
        let reports = [SETTLE_REPORT, corbel_settle::TUNING_REPORT, DUMP_REPORT];
        let told = reports.map(|report| parse::parse_warnings(read(report).as_bytes()));
        told.concat()
    }

    fn figures(&self, stop: &Cancel) -> Result<String, FiguresError> {
        if Path::new(MONITORING_OFF).exists() {
            return Err(FiguresError::Off);
        }
        let mut told = Vec::new();
        let fetched = corbel_fetch::fetch(COLLECTD, MOST_FIGURES, &mut told, &mut |_, _| {}, stop);
        fetched.map_err(|error| FiguresError::Away(error.into()))?;
        String::from_utf8(told).map_err(|error| FiguresError::Away(error.into()))
    }
}

/// CPUID leaves 1 (VMX, Intel SDM volume 2A) and 8000_0001h (SVM, AMD APM volume 3).
#[cfg(target_arch = "x86_64")]
fn ask_processor() -> Option<Extension> {
    use std::arch::x86_64::__cpuid;
    if __cpuid(1).ecx & 1 << 5 != 0 {
        return Some(Extension::Vmx);
    }
    let svm = __cpuid(0x8000_0000).eax >= 0x8000_0001 && __cpuid(0x8000_0001).ecx & 1 << 2 != 0;
    svm.then_some(Extension::Svm)
}

#[cfg(not(target_arch = "x86_64"))]
fn ask_processor() -> Option<Extension> {
    None
}

/// Opens the device, asks its version and makes an empty machine: since Linux 6.12 it is only then that the processor's
/// extension is switched on, and refused when something else holds it.
fn try_kvm() -> Device {
    // linux/kvm.h
    const KVM_GET_API_VERSION: libc::c_ulong = 0xAE00;
    const KVM_CREATE_VM: libc::c_ulong = 0xAE01;
    const KVM_API_VERSION: i32 = 12;
    let file = match File::options().read(true).write(true).open("/dev/kvm") {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Device::Missing,
        Err(error) => return Device::CannotOpen(error.to_string()),
    };
    let ask = |request: libc::c_ulong| -> i32 {
        use std::os::fd::AsRawFd;
        // SAFETY: both requests take an integer argument and touch no memory of ours; the descriptor is open.
        #[allow(unsafe_code)]
        unsafe {
            libc::ioctl(file.as_raw_fd(), request, 0)
        }
    };
    match ask(KVM_GET_API_VERSION) {
        KVM_API_VERSION => {}
        -1 => return Device::Refuses(std::io::Error::last_os_error().to_string()),
        other => {
            return Device::Refuses(format!(
                "it speaks version {other} of the API instead of {KVM_API_VERSION}"
            ));
        }
    }
    match ask(KVM_CREATE_VM) {
        -1 => Device::Refuses(std::io::Error::last_os_error().to_string()),
        machine => {
            // SAFETY: the kernel has just given us this descriptor, and nobody else knows it.
            #[allow(unsafe_code)]
            drop(unsafe { OwnedFd::from_raw_fd(machine) });
            Device::Works
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_facts() {
        assert!(Host.memory().total.bytes() > 0);
        assert!(Host.cpus() > 0);
        assert!(Host.uptime_seconds() > 0);
        assert!(!Host.hostname().is_empty());
        assert!(!crate::judge(&Host.kvm()).message.is_empty());
    }
}
