//! Plans as people read them: what is lost stands first, VM storage foremost.

use std::fmt;

use corbel_layout::disk::{DiskLayout, Role};
use corbel_layout::signature::Signature;
use corbel_model::ByteSize;

use super::{Content, Disk, DiskPartition, InstallPlan, PlannedDisk, UninstallPlan};
use crate::data::Place;

/// `QEMU HARDDISK, serial number A1, 20 GiB`.
pub(super) fn description(disk: &Disk) -> String {
    let mut parts: Vec<String> = Vec::new();
    parts.extend(disk.model.clone());
    parts.extend(disk.serials.first().map(|serial| format!("serial number {serial}")));
    parts.push(ByteSize(disk.bytes).to_string());
    parts.join(", ")
}

/// What somebody may miss, with the number of the partition that carries it. An empty disk has nothing.
pub(super) fn contents(disk: &Disk) -> Vec<(Option<u32>, Content)> {
    let mut found = Vec::new();
    let mut tell = |number: Option<u32>, device: &str, what: String, vm_storage: bool| {
        let device = device.to_owned();
        found.push((
            number,
            Content {
                vm_storage,
                device,
                what,
            },
        ));
    };
    for signature in &disk.signatures {
        tell(None, &disk.path, signature.to_string(), carries_vms(signature));
    }
    if let Some(installed) = &disk.installed {
        let what = match &installed.version {
            Some(version) => format!("Corbel {version} and its configuration"),
            None => "a Corbel system and its configuration".into(),
        };
        tell(None, &disk.path, what, false);
    }
    for partition in &disk.partitions {
        let ours = Role::from_name(&partition.name).filter(|_| disk.installed.is_some());
        let number = Some(partition.number);
        if partition.name == Role::Data.name() {
            tell(
                number,
                &partition.path,
                format!("the data of a Corbel node ({})", size(partition)),
                true,
            );
        } else if ours.is_some() {
            // Said above, for the system as a whole.
        } else if partition.signatures.is_empty() {
            tell(number, &partition.path, unknown(partition), false);
        } else {
            for signature in &partition.signatures {
                let what = format!("{signature} ({})", size(partition));
                tell(number, &partition.path, what, carries_vms(signature));
            }
        }
    }
    found
}

fn unknown(partition: &DiskPartition) -> String {
    match partition.name.as_str() {
        "" => format!("a partition of {}", size(partition)),
        name => format!("a partition {name:?} of {}", size(partition)),
    }
}

fn size(partition: &DiskPartition) -> ByteSize {
    ByteSize(partition.bytes)
}

/// What virtual machines are usually kept in.
fn carries_vms(signature: &Signature) -> bool {
    match signature {
        Signature::Lvm(_) | Signature::Zfs { .. } | Signature::CephBlueStore => true,
        Signature::FileSystem { name, .. } => matches!(*name, "vmfs" | "gfs2" | "ocfs2"),
        _ => false,
    }
}

impl fmt::Display for InstallPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let PlannedDisk { path, description, .. } = &self.boot;
        writeln!(f, "Corbel {} on {path} ({description})", self.version)?;
        for disk in &self.data {
            let mount = disk.place.map(Place::mount).unwrap_or_default();
            writeln!(f, "{} ({}) for data at {mount}", disk.path, disk.description)?;
        }
        writeln!(f)?;
        told(f, &self.erased, &self.kept)?;
        for disk in self.disks() {
            writeln!(f, "\nPartitions of {}:", disk.path)?;
            table(f, &disk.layout)?;
        }
        list(f, "Notes", &self.notes)?;
        if !self.words.is_empty() {
            writeln!(f, "\nKernel words: {}", self.words.join(" "))?;
        }
        list(f, "Steps", &self.steps)
    }
}

impl fmt::Display for UninstallPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for disk in &self.disks {
            writeln!(f, "Corbel is removed from {} ({})", disk.path, disk.description)?;
        }
        writeln!(f)?;
        told(f, &self.erased, &self.kept)?;
        list(f, "Notes", &self.warnings)?;
        list(f, "Steps", &self.steps)
    }
}

fn told(f: &mut fmt::Formatter<'_>, erased: &[Content], kept: &[Content]) -> fmt::Result {
    if erased.is_empty() {
        writeln!(f, "Nothing that is known will be erased.")?;
    } else {
        writeln!(f, "Will be ERASED:")?;
    }
    for content in erased {
        let mark = if content.vm_storage { "VM STORAGE: " } else { "" };
        writeln!(f, "  {mark}{}: {}", content.device, content.what)?;
    }
    if !kept.is_empty() {
        writeln!(f, "Will be kept:")?;
    }
    kept.iter()
        .try_for_each(|content| writeln!(f, "  {}: {}", content.device, content.what))
}

fn table(f: &mut fmt::Formatter<'_>, layout: &DiskLayout) -> fmt::Result {
    for partition in &layout.partitions {
        let size = ByteSize(partition.extent.length).to_string();
        let kept = if partition.kept { " (kept)" } else { "" };
        writeln!(f, "  {} {:<14} {size}{kept}", partition.number, partition.role)?;
    }
    Ok(())
}

fn list(f: &mut fmt::Formatter<'_>, title: &str, items: &[impl fmt::Display]) -> fmt::Result {
    if !items.is_empty() {
        writeln!(f, "\n{title}:")?;
    }
    items.iter().try_for_each(|item| writeln!(f, "  {item}"))
}
