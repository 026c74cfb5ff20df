//! Which devices can be given to a machine alone: groups of the IOMMU, as `/sys/kernel/iommu_groups` shows them
//! (kernel documentation, ABI/testing/sysfs-kernel-iommu_groups), below a root that tests replace.

use std::fs;
use std::path::Path;

/// A group: what is in it can be given away together only.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IommuGroup {
    pub number: u32,
    pub devices: Vec<IommuDevice>,
}

/// A device of a group.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IommuDevice {
    /// On its bus, such as `0000:00:1f.2`.
    pub address: String,
    /// Of PCI: class, vendor and device as hexadecimal digits, such as `0c0330 8086:8d31`.
    pub id: Option<String>,
    /// What it is, by its class.
    pub kind: Option<&'static str>,
    pub driver: Option<String>,
}

/// Base classes of PCI (PCI Code and ID Assignment Specification), as far as a server has them.
const KINDS: [(&str, &str); 13] = [
    ("01", "storage"),
    ("02", "network"),
    ("03", "display"),
    ("04", "multimedia"),
    ("05", "memory"),
    ("06", "bridge"),
    ("07", "communication"),
    ("08", "system"),
    ("09", "input"),
    ("0b", "processor"),
    ("0c", "serial bus"),
    ("10", "encryption"),
    ("12", "accelerator"),
];

/// All groups by number; none where the IOMMU is off or absent.
pub fn iommu_groups(root: &Path) -> Vec<IommuGroup> {
    let folder = root.join("sys/kernel/iommu_groups");
    let names = |folder: &Path| -> Vec<String> {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        entries
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect()
    };
    let group = |number: u32| {
        let mut addresses = names(&folder.join(number.to_string()).join("devices"));
        addresses.sort();
        IommuGroup {
            number,
            devices: addresses.into_iter().map(|address| device(root, address)).collect(),
        }
    };
    let numbers = names(&folder);
    let mut numbers: Vec<u32> = numbers.iter().filter_map(|name| name.parse().ok()).collect();
    numbers.sort_unstable();
    numbers.into_iter().map(group).collect()
}

fn device(root: &Path, address: String) -> IommuDevice {
    let own = root.join("sys/bus/pci/devices").join(&address);
    let hex = |file: &str| {
        let text = fs::read_to_string(own.join(file)).ok()?;
        Some(text.trim().trim_start_matches("0x").to_owned())
    };
    let class = hex("class");
    let kind = class.as_deref().and_then(|class| {
        let base = KINDS.iter().find(|(base, _)| class.starts_with(base));
        base.map(|(_, kind)| *kind)
    });
    let driver = fs::read_link(own.join("driver")).ok();
    let id = match (class, hex("vendor"), hex("device")) {
        (Some(class), Some(vendor), Some(device)) => Some(format!("{class} {vendor}:{device}")),
        _ => None,
    };
    IommuDevice {
        address,
        id,
        kind,
        driver: driver.and_then(|path| Some(path.file_name()?.to_str()?.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_have_devices_and_their_drivers() {
        let root = tempfile::tempdir().expect("a folder");
        assert_eq!(iommu_groups(root.path()), []);
        let path = |path: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            path
        };
        for (group, address) in [(10, "0000:00:03.0"), (2, "0000:00:1f.2"), (2, "0000:00:1f.0")] {
            fs::create_dir_all(path(&format!("sys/kernel/iommu_groups/{group}/devices/{address}"))).expect("a folder");
        }
        for (file, text) in [("class", "0x020000\n"), ("vendor", "0x1af4\n"), ("device", "0x1041\n")] {
            let path = path(&format!("sys/bus/pci/devices/0000:00:03.0/{file}"));
            corbel_sys::write_atomic(&path, text.as_bytes(), 0o644).expect("a file");
        }
        let link = path("sys/bus/pci/devices/0000:00:03.0/driver");
        std::os::unix::fs::symlink("../../../bus/pci/drivers/virtio-pci", link).expect("a link");
        let groups = iommu_groups(root.path());
        let numbers: Vec<_> = groups.iter().map(|group| (group.number, group.devices.len())).collect();
        assert_eq!(numbers, [(2, 2), (10, 1)]);
        let expected = IommuDevice {
            address: "0000:00:03.0".into(),
            id: Some("020000 1af4:1041".into()),
            kind: Some("network"),
            driver: Some("virtio-pci".into()),
        };
        assert_eq!(groups[1].devices, [expected]);
        assert_eq!(groups[0].devices[0].address, "0000:00:1f.0");
    }
}
