//! Which words of a boot an installed system keeps: those that the kernel needs on this machine, by name. Everything else is either
//! in the node's document, was meant for this one boot, or may be a secret of somebody's other system.

use super::Words;

/// Consoles, crash kernel, IOMMU and PCI, memory and processors, graphics: names of the kernel's own documentation
/// (admin-guide/kernel-parameters). `-` is written `_`.
const NAMES: [&str; 58] = [
    "console",
    "earlycon",
    "earlyprintk",
    "consoleblank",
    "no_console_suspend",
    "crashkernel",
    "iommu",
    "intel_iommu",
    "amd_iommu",
    "amd_iommu_intr",
    "intremap",
    "pci",
    "pcie_acs_override",
    "pcie_aspm",
    "pcie_port_pm",
    "pcie_ports",
    "hugepages",
    "hugepagesz",
    "default_hugepagesz",
    "transparent_hugepage",
    "numa_balancing",
    "mem",
    "memmap",
    "memory_corruption_check",
    "isolcpus",
    "nohz",
    "nohz_full",
    "rcu_nocbs",
    "irqaffinity",
    "maxcpus",
    "nr_cpus",
    "nosmt",
    "mitigations",
    "spectre_v2",
    "l1tf",
    "mds",
    "tsx",
    "clocksource",
    "tsc",
    "hpet",
    "idle",
    "intel_pstate",
    "amd_pstate",
    "acpi",
    "acpi_enforce_resources",
    "acpi_osi",
    "apic",
    "noapic",
    "nolapic",
    "nox2apic",
    "irqpoll",
    "reboot",
    "efi",
    "nomodeset",
    "video",
    "net.ifnames",
    "module_blacklist",
    "modprobe.blacklist",
];

/// Parameters of drivers that a machine may not boot or carry VMs without.
const MODULES: [&str; 22] = [
    "ahci",
    "ehci_hcd",
    "i915",
    "intel_idle",
    "iommu",
    "ixgbe",
    "kvm",
    "kvm_amd",
    "kvm_intel",
    "libata",
    "megaraid_sas",
    "mlx4_core",
    "mlx5_core",
    "mpt3sas",
    "nvme",
    "nvme_core",
    "pcie_aspm",
    "processor",
    "scsi_mod",
    "usb_storage",
    "usbcore",
    "vfio_pci",
];

impl Words {
    /// The words that the kernel of the installed system needs too, in their order. Never one with a blank, a quote or a backslash,
    /// which a boot entry cannot carry.
    pub fn kept(&self) -> Vec<String> {
        let needed = self.other.iter().filter(|word| is_needed(&word.name.replace('-', "_")));
        needed
            .map(|word| match &word.value {
                None => word.name.clone(),
                Some(value) => format!("{}={value}", word.name),
            })
            .filter(|text| text.chars().all(|c| c.is_ascii_graphic() && c != '"' && c != '\\'))
            .collect()
    }
}

fn is_needed(name: &str) -> bool {
    let module = name.split_once('.').map(|(module, _)| module);
    NAMES.contains(&name) || module.is_some_and(|module| MODULES.contains(&module))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_needs_is_kept_and_nothing_else() {
        let hash = "$6$saltsalt$1qXgV2tY7Kk0n3oFjQ9m4bWcR8eZ5xLpD6sHvTuN2aMiEyGfC";
        let words = Words::parse([
            format!(
                "BOOT_IMAGE=/x initrd=/i quiet install storage_init=/dev/sda adminpw={hash} rootpw={hash} console=tty0 \
                 console=ttyS1,115200n8 crashkernel=256M snmp_password=secret rhn_password=secret adminpww={hash}"
            )
            .as_str(),
            "intel_iommu=on kvm-intel.nested=1 vfio-pci.ids=10de:1eb8 nomodeset corbel.root=00 corbel.token_sha256=00 \
             systemd.set_credential=a:secret engine.password=secret hostname=a ip=dhcp rescue console=\"tty S\" \"hpet=\\\"",
        ]);
        assert_eq!(
            words.kept(),
            [
                "console=tty0",
                "console=ttyS1,115200n8",
                "crashkernel=256M",
                "intel_iommu=on",
                "kvm-intel.nested=1",
                "vfio-pci.ids=10de:1eb8",
                "nomodeset"
            ]
        );
    }
}
