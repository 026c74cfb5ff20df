//! A virtual machine as a person wants it ([`VmSpec`]) and as it is seen ([`VmState`], [`VmStats`]).

use crate::{ByteSize, NetworkName, VmName, VolumeName};

/// Everything needed to define a machine. Checked by [`VmSpec::check`] before it reaches a hypervisor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VmSpec {
    pub name: VmName,
    /// Virtual CPUs, 1 to 255.
    pub cpus: u16,
    /// At least 16 MiB.
    pub memory: ByteSize,
    pub firmware: Firmware,
    pub disks: Vec<DiskSpec>,
    pub networks: Vec<NicSpec>,
    /// Boot this kernel directly instead of from a disk (paths on the node).
    pub direct_boot: Option<DirectBoot>,
    pub cloud_init: Option<CloudInit>,
    /// Start with the node.
    pub autostart: bool,
    pub on_reboot: OnReboot,
}

/// What becomes of a running machine when its node reboots or is upgraded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnReboot {
    /// The guest is asked to shut down.
    #[default]
    ShutDown,
    /// Its memory is written to disk, and it goes on from there after the reboot.
    Save,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Firmware {
    Bios,
    Uefi,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskSpec {
    /// Volume in the default pool.
    pub volume: VolumeName,
    /// Make the volume with this size when it does not exist; `None` means that it must exist.
    pub create: Option<ByteSize>,
    pub format: DiskFormat,
    pub bus: DiskBus,
    pub kind: DiskKind,
    pub read_only: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiskFormat {
    Raw,
    Qcow2,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiskBus {
    Virtio,
    Scsi,
    Sata,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiskKind {
    Disk,
    Cdrom,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NicSpec {
    pub source: NicSource,
    /// Lower case, colon separated; libvirt chooses one when absent.
    pub mac: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NicSource {
    /// A libvirt network with NAT.
    Nat(NetworkName),
    /// A bridge of the host.
    Bridge(NetworkName),
}

/// A kernel, an initrd and a command line, loaded by QEMU itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectBoot {
    pub kernel: VolumeName,
    pub initrd: Option<VolumeName>,
    pub command_line: String,
}

/// Documents of the NoCloud data source, put on a small CD labelled `cidata`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CloudInit {
    pub user_data: String,
    pub meta_data: Option<String>,
    pub network_config: Option<String>,
}

/// A value of a spec that cannot be had. `field` is its path, such as `disks[1].size`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct SpecError {
    pub field: String,
    pub problem: String,
}

impl SpecError {
    /// `problem` says what is wrong and what would be right.
    pub fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            problem: problem.into(),
        }
    }
}

/// What a machine is doing, as libvirt's `virDomainState` tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VmState {
    Running,
    Paused,
    /// Asked to shut down, still running.
    ShuttingDown,
    Off,
    Crashed,
    /// Suspended by guest power management.
    Suspended,
    Unknown,
}

/// One line of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VmSummary {
    /// As the hypervisor spells it: machines that others defined may have names that [`VmName`] would refuse.
    pub name: String,
    pub uuid: String,
    pub state: VmState,
    pub cpus: u32,
    pub memory: ByteSize,
    /// Survives the node's restart as a definition.
    pub persistent: bool,
    pub autostart: bool,
}

/// Everything about one machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VmDetail {
    pub summary: VmSummary,
    pub firmware: Firmware,
    pub disks: Vec<VmDisk>,
    pub nics: Vec<VmNic>,
    /// `kvm`, `qemu` …: the `type` of libvirt's domain element.
    pub accelerator: String,
    /// Process of the emulator while it runs.
    pub pid: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VmDisk {
    pub target: String,
    pub source: Option<String>,
    pub kind: DiskKind,
    pub read_only: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VmNic {
    pub mac: String,
    /// The kind of source: `network`, `bridge`, …
    pub kind: String,
    pub source: Option<String>,
}

/// Counters since the machine's start, except `memory`, which is a reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct VmStats {
    pub cpu_time_ns: u64,
    pub memory: ByteSize,
    /// Resident in the host.
    pub memory_rss: Option<ByteSize>,
    pub disk_read: ByteSize,
    pub disk_written: ByteSize,
    pub net_received: ByteSize,
    pub net_sent: ByteSize,
}

impl VmSpec {
    /// The rules that no single field can hold alone.
    pub fn check(&self) -> Result<(), SpecError> {
        if !(1..=255).contains(&self.cpus) {
            return Err(SpecError::new(
                "cpus",
                format!("{} is not possible: give 1 to 255", self.cpus),
            ));
        }
        if self.memory < ByteSize::mib(16) {
            return Err(SpecError::new(
                "memory",
                format!("{} is too little: give at least 16 MiB", self.memory),
            ));
        }
        if self.memory > ByteSize(1 << 46) {
            return Err(SpecError::new(
                "memory",
                format!("{} is more than 64 TiB, the most that KVM maps", self.memory),
            ));
        }
        if self.disks.len() > 24 {
            return Err(SpecError::new(
                "disks",
                format!("{} disks were given: at most 24", self.disks.len()),
            ));
        }
        if self.networks.len() > 16 {
            return Err(SpecError::new(
                "networks",
                format!("{} were given: at most 16", self.networks.len()),
            ));
        }
        for (i, disk) in self.disks.iter().enumerate() {
            if disk.create == Some(ByteSize(0)) {
                return Err(SpecError::new(format!("disks[{i}].size"), "is 0: give at least 1 MiB"));
            }
            if self.disks[..i].iter().any(|other| other.volume == disk.volume) {
                return Err(SpecError::new(
                    format!("disks[{i}].volume"),
                    format!("{} is used twice: give each disk a volume of its own", disk.volume),
                ));
            }
        }
        for (i, nic) in self.networks.iter().enumerate() {
            if let Some(mac) = &nic.mac {
                check_mac(mac).map_err(|problem| SpecError::new(format!("networks[{i}].mac"), problem))?;
            }
            if let NicSource::Bridge(name) = &nic.source
                && name.as_str().len() > 15
            {
                return Err(SpecError::new(
                    format!("networks[{i}].bridge"),
                    format!("{name} is longer than 15 characters, the most an interface name has"),
                ));
            }
        }
        Ok(())
    }
}

fn check_mac(mac: &str) -> Result<(), String> {
    let octets: Vec<_> = mac.split(':').collect();
    let hex = |o: &&str| o.len() == 2 && o.bytes().all(|b| b.is_ascii_hexdigit());
    if octets.len() != 6 || !octets.iter().all(hex) {
        return Err(format!("{mac:?} is not a MAC address: write it like 52:54:00:12:34:56"));
    }
    let first = u8::from_str_radix(octets[0], 16).unwrap_or(1);
    if first & 1 == 1 {
        return Err(format!("{mac} is a multicast address: the first octet must be even"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn spec() -> VmSpec {
        VmSpec {
            name: "web".parse().unwrap(),
            cpus: 1,
            memory: ByteSize::mib(512),
            firmware: Firmware::Bios,
            disks: Vec::new(),
            networks: Vec::new(),
            direct_boot: None,
            cloud_init: None,
            autostart: false,
            on_reboot: OnReboot::ShutDown,
        }
    }

    fn disk(volume: &str) -> DiskSpec {
        DiskSpec {
            volume: volume.parse().unwrap(),
            create: None,
            format: DiskFormat::Raw,
            bus: DiskBus::Virtio,
            kind: DiskKind::Disk,
            read_only: false,
        }
    }

    fn nic(source: NicSource, mac: Option<&str>) -> NicSpec {
        NicSpec {
            source,
            mac: mac.map(str::to_owned),
        }
    }

    #[track_caller]
    fn refused(spec: &VmSpec, sentence: &str) {
        assert_eq!(spec.check().unwrap_err().to_string(), sentence);
    }

    #[test]
    fn each_rule_names_its_field() {
        assert_eq!(spec().check(), Ok(()));
        refused(&VmSpec { cpus: 0, ..spec() }, "cpus: 0 is not possible: give 1 to 255");
        refused(
            &VmSpec { cpus: 256, ..spec() },
            "cpus: 256 is not possible: give 1 to 255",
        );
        refused(
            &VmSpec {
                memory: ByteSize::mib(15),
                ..spec()
            },
            "memory: 15 MiB is too little: give at least 16 MiB",
        );
        assert!(
            VmSpec {
                memory: ByteSize(u64::MAX),
                ..spec()
            }
            .check()
            .is_err()
        );
        let many = (0..25).map(|i| disk(&format!("d{i}"))).collect();
        refused(
            &VmSpec { disks: many, ..spec() },
            "disks: 25 disks were given: at most 24",
        );
        refused(
            &VmSpec {
                disks: vec![disk("a"), disk("b"), disk("a")],
                ..spec()
            },
            "disks[2].volume: a is used twice: give each disk a volume of its own",
        );
        let empty = DiskSpec {
            create: Some(ByteSize(0)),
            ..disk("a")
        };
        refused(
            &VmSpec {
                disks: vec![empty],
                ..spec()
            },
            "disks[0].size: is 0: give at least 1 MiB",
        );
    }

    #[test]
    fn networks_are_checked_by_kind() {
        let with = |nics| VmSpec {
            networks: nics,
            ..spec()
        };
        let nat = || NicSource::Nat("a-network-with-a-long-name".parse().unwrap());
        assert_eq!(with(vec![nic(nat(), Some("52:54:00:AB:cd:01"))]).check(), Ok(()));
        let long = NicSource::Bridge("bridge-of-16-cha".parse().unwrap());
        refused(
            &with(vec![nic(nat(), None), nic(long, None)]),
            "networks[1].bridge: bridge-of-16-cha is longer than 15 characters, the most an interface name has",
        );
        refused(
            &with(vec![nic(nat(), Some("01:00:5e:00:00:01"))]),
            "networks[0].mac: 01:00:5e:00:00:01 is a multicast address: the first octet must be even",
        );
        for mac in [
            "",
            "52:54:00:12:34",
            "52-54-00-12-34-56",
            "52:54:00:12:34:5g",
            "52:54:00:12:34:567",
        ] {
            assert!(with(vec![nic(nat(), Some(mac))]).check().is_err(), "{mac}");
        }
        assert!(with((0..17).map(|_| nic(nat(), None)).collect()).check().is_err());
    }

    proptest! {
        #[test]
        fn any_mac_is_answered(mac in ".{0,20}") {
            let _ = check_mac(&mac);
        }
    }
}
