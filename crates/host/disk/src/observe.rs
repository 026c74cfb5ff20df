//! The disks of this machine as the installer's plan wants them: identity, use, partitions, what lies on them, and whether they can be
//! read at all.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use corbel_layout::disk::find_layout;
use corbel_layout::gpt::{self, Partition};
use corbel_layout::grubenv::GrubEnv;
use corbel_layout::signature::{self, Signature};
use corbel_layout::slot::Slot;
use corbel_layout::{Extent, ReadAt, Window, fat};
use corbel_model::install::Bus;
use corbel_plan::install::{Disk, DiskPartition, Installed};
use corbel_release::release::Release;

use crate::udev_record::Record;
use crate::{FileMedium, partition_path};

/// Whole disks: what can be written to and holds something, and multipath maps. `root` is `/` on a node.
///
/// # Errors
/// When the kernel's list cannot be read. A disk that cannot be read is in the list and says so.
pub fn observe_disks(root: &Path) -> io::Result<Vec<Disk>> {
    let mounts = mounts(root);
    let mut found = Vec::new();
    for entry in fs::read_dir(root.join("sys/class/block"))? {
        // A device may go away between the listing and the look at it; that is no error.
        let folder = entry?.path();
        found.extend(disk(root, &folder, &mounts));
    }
    found.sort_by(|a, b| (a.name.len(), &a.name).cmp(&(b.name.len(), &b.name)));
    Ok(found)
}

fn attribute(folder: &Path, name: &str) -> Option<String> {
    let text = fs::read_to_string(folder.join(name)).ok()?;
    let text = text.trim().to_owned();
    (!text.is_empty()).then_some(text)
}

fn number(folder: &Path, name: &str) -> Option<u64> {
    attribute(folder, name)?.parse().ok()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    names
}

fn disk(root: &Path, folder: &Path, mounts: &BTreeMap<String, Vec<String>>) -> Option<Disk> {
    let name = folder.file_name()?.to_str()?.to_owned();
    // Made of memory or of other devices, or never a disk.
    let foreign = ["loop", "ram", "zram", "sr", "fd", "md", "nbd", "mtd"];
    let is_map = attribute(folder, "dm/uuid").is_some_and(|uuid| uuid.starts_with("mpath-"));
    let other_map = name.starts_with("dm-") && !is_map;
    if other_map || foreign.iter().any(|prefix| name.starts_with(prefix)) || folder.join("partition").exists() {
        return None;
    }
    let device_number = attribute(folder, "dev")?;
    // The kernel counts in units of 512 bytes whatever the sectors of the device.
    let bytes = number(folder, "size")?.checked_mul(512).filter(|bytes| *bytes > 0)?;
    let record = Record::read(root, &device_number);
    let path = match attribute(folder, "dm/name") {
        Some(map) => format!("/dev/mapper/{map}"),
        None => format!("/dev/{}", name.replace('!', "/")),
    };
    let mut holders = names(&folder.join("holders"));
    let multipath = holders.iter().find(|holder| is_multipath(root, holder)).cloned();
    let mut mounted = mounts.get(&device_number).cloned().unwrap_or_default();
    for part in names(folder)
        .into_iter()
        .filter(|part| folder.join(part).join("partition").exists())
    {
        let part = folder.join(part);
        holders.extend(names(&part.join("holders")));
        mounted.extend(
            attribute(&part, "dev")
                .and_then(|n| mounts.get(&n).cloned())
                .unwrap_or_default(),
        );
    }
    if is_map {
        // Its own partitions are maps over it (kpartx), and no use by somebody else.
        holders.retain(|holder| !is_partition_map(root, holder));
    }
    let mut disk = Disk {
        links: record.links.iter().map(|link| format!("/dev/{link}")).collect(),
        bytes,
        sector: number(folder, "queue/logical_block_size").unwrap_or(512),
        bus: bus(root, folder, &name, &record),
        serials: serials(folder, &record),
        wwn: record
            .get("ID_WWN_WITH_EXTENSION")
            .or_else(|| record.get("ID_WWN"))
            .or_else(|| attribute(folder, "wwid")),
        model: record
            .get("ID_MODEL")
            .map(|model| model.replace('_', " ").trim().to_owned())
            .or_else(|| attribute(folder, "device/model")),
        rotational: number(folder, "queue/rotational").map(|turns| turns == 1),
        removable: number(folder, "removable") == Some(1),
        read_only: number(folder, "ro") == Some(1),
        failing: attribute(folder, "device/state")
            .filter(|state| matches!(state.as_str(), "offline" | "blocked" | "dead"))
            .map(|state| format!("the kernel has set it {state}")),
        mounts: mounted,
        holders,
        multipath,
        path,
        name,
        ..Disk::default()
    };
    let node = root.join(disk.path.trim_start_matches('/'));
    match FileMedium::open(&node) {
        Ok(medium) => look(&medium, &mut disk),
        Err(error) => disk.failing = Some(format!("it cannot be opened: {error}")),
    }
    Some(disk)
}

fn is_multipath(root: &Path, holder: &str) -> bool {
    let uuid = attribute(&root.join("sys/class/block").join(holder), "dm/uuid");
    uuid.is_some_and(|uuid| uuid.starts_with("mpath-"))
}

fn is_partition_map(root: &Path, holder: &str) -> bool {
    let uuid = attribute(&root.join("sys/class/block").join(holder), "dm/uuid");
    uuid.is_some_and(|uuid| uuid.starts_with("part") && uuid.contains("-mpath-"))
}

/// The kernel's names and folders first: not every bus has a property of udev.
fn bus(root: &Path, folder: &Path, name: &str, record: &Record) -> Option<Bus> {
    let by_name = [
        ("nvme", Bus::Nvme),
        ("vd", Bus::Virtio),
        ("mmcblk", Bus::Mmc),
        ("cciss", Bus::Cciss),
    ];
    if let Some((_, bus)) = by_name.into_iter().find(|(prefix, _)| name.starts_with(prefix)) {
        return Some(bus);
    }
    if let Some(bus) = record.get("ID_BUS").and_then(|bus| bus.parse().ok()) {
        return Some(bus);
    }
    let device: PathBuf = fs::canonicalize(folder).unwrap_or_else(|_| root.to_owned());
    let device = device.to_string_lossy().into_owned();
    if device.contains("/usb") {
        Some(Bus::Usb)
    } else if device.contains("/ata") {
        Some(Bus::Ata)
    } else {
        name.starts_with("sd").then_some(Bus::Scsi)
    }
}

fn serials(folder: &Path, record: &Record) -> Vec<String> {
    let sources = [
        record.get("ID_SERIAL_SHORT"),
        record.get("ID_SCSI_SERIAL"),
        attribute(folder, "serial"),
        attribute(folder, "device/serial"),
        record.get("ID_SERIAL"),
    ];
    let mut serials: Vec<String> = Vec::new();
    for serial in sources.into_iter().flatten() {
        if !serials.contains(&serial) {
            serials.push(serial);
        }
    }
    serials
}

/// Mount points by `major:minor` (proc_pid_mountinfo(5)).
fn mounts(root: &Path) -> BTreeMap<String, Vec<String>> {
    let text = fs::read_to_string(root.join("proc/self/mountinfo")).unwrap_or_default();
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in text.lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        if let [_, _, device, _, place, ..] = fields[..] {
            found.entry(device.to_owned()).or_default().push(place.to_owned());
        }
    }
    found
}

/// Reads what lies on the disk; a place that cannot be read makes it a failing one.
fn look(medium: &FileMedium, disk: &mut Disk) {
    let mut last = [0; 512];
    let end = disk.bytes - 512;
    if let Err(error) = medium
        .read_at(0, &mut [0; 512])
        .and_then(|()| medium.read_at(end, &mut last))
    {
        disk.failing = Some(format!("it cannot be read: {error}"));
        return;
    }
    match signature::read(medium, disk.bytes) {
        Ok(found) => disk.signatures = found,
        Err(error) => disk.failing = Some(format!("it cannot be read: {error}")),
    }
    // A table whose first copy was damaged still tells where the data lies.
    let primary = gpt::read_primary(medium);
    let Ok(table) = primary.or_else(|_| gpt::read_backup(medium, disk.bytes)) else {
        return;
    };
    for partition in &table.partitions {
        let extent = Extent {
            offset: partition.offset,
            length: partition.length,
        };
        let window = Window::new(medium, extent);
        // One that reaches behind the end of the disk has nothing that could be read.
        let signatures: Vec<Signature> = signature::read(&window, extent.length).unwrap_or_default();
        disk.partitions.push(DiskPartition {
            number: partition.number,
            name: partition.name.clone(),
            path: partition_path(&disk.path, partition.number),
            bytes: partition.length,
            signatures,
        });
    }
    if let Some(layout) = find_layout(&table.partitions) {
        disk.installed = Some(installed(medium, &layout.esp).unwrap_or_default());
    }
    disk.table = Some(table);
}

/// The versions of the slots; `None` when the EFI partition does not tell.
fn installed(medium: &FileMedium, esp: &Partition) -> Option<Installed> {
    let window = Window::new(
        medium,
        Extent {
            offset: esp.offset,
            length: esp.length,
        },
    );
    let volume = fat::read_volume(&window).ok()?;
    let read = |path: &[&str]| -> Option<Vec<u8>> {
        let mut entries = volume.root(&window).ok()?;
        let (file, folders) = path.split_last()?;
        let find =
            |entries: &[fat::Entry], name: &str| entries.iter().find(|e| e.name.eq_ignore_ascii_case(name)).cloned();
        for folder in folders {
            entries = volume.list(&window, &find(&entries, folder)?).ok()?;
        }
        let entry = find(&entries, file)?;
        (entry.size <= 1 << 20)
            .then(|| volume.read_file(&window, &entry).ok())
            .flatten()
    };
    let env = GrubEnv::parse(&read(&["corbel", "grubenv"])?).ok()?;
    let version = |slot: Slot| {
        let manifest = read(&["corbel", slot.letter(), "release.json"])?;
        Release::parse(&manifest).ok().map(|release| release.version)
    };
    let trial = env.trial.filter(|trial| trial.tries > 0);
    Some(Installed {
        version: version(env.good),
        trial: trial.and_then(|trial| version(trial.slot)),
    })
}

#[cfg(test)]
mod tests;
