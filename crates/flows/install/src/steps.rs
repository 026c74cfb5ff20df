//! Each step of an installation: what is written where, and in which order within the step.

use std::io;

use corbel_boot::{Content, HardDrive, Loaders, entry_words, install_loaders, install_system};
use corbel_disk::{RawDisk, partition_path, zero};
use corbel_layout::disk::{DiskLayout, LaidOut, Role};
use corbel_layout::grub::bios;
use corbel_layout::slot::Slot;
use corbel_layout::{Extent, ReadAt};
use corbel_plan::data::render_places;
use corbel_plan::install::{InstallPlan, PlannedDisk, Step};
use corbel_sys::Cancel;
use corbel_upgrade::{Release, SlotDevice, Step as Report, Summed, write_verified};

use crate::run::failed;
use crate::{ConfigFiles, Facilities, FacilityError, InstallError};

/// The ends of a disk that hold tables and what RAID sets are recognised by: the farthest is Promise's, 3087 sectors before the end.
const FRONT: u64 = 1 << 20;
const BACK: u64 = 2 << 20;

/// What starts a disk.
#[derive(Debug, Clone, Copy)]
pub struct BootImages<'a> {
    /// GRUB's boot.img.
    pub boot: &'a [u8],
    /// GRUB's core.img.
    pub core: &'a [u8],
    /// systemd-bootx64.efi.
    pub systemd_boot: &'a [u8],
}

/// What is installed.
#[derive(Debug, Clone, Copy)]
pub struct System<'a> {
    pub release: &'a Release,
    pub images: BootImages<'a>,
}

pub(crate) fn do_step(
    step: &Step,
    plan: &InstallPlan,
    system: &System<'_>,
    summed: &Summed,
    facilities: &dyn Facilities,
    report: &Report<'_>,
    cancel: &Cancel,
) -> Result<(), InstallError> {
    let on_disk = |path: &str, work: &dyn Fn(&dyn RawDisk) -> io::Result<()>| -> Result<(), InstallError> {
        let done = facilities.disk(path).and_then(|disk| Ok(work(disk.as_ref())?));
        done.map_err(failed(&step.to_string()))
    };
    match step {
        Step::Unboot { disk, keeps_data } => {
            let layout = &planned(plan, disk)?.layout;
            on_disk(disk, &|open| unboot(open, layout, *keeps_data))
        }
        Step::Clear { disk, extents } => on_disk(disk, &|open| {
            extents.iter().try_for_each(|extent| zero(open, *extent))?;
            open.flush()
        }),
        Step::Partition { disk } => {
            let layout = &planned(plan, disk)?.layout;
            on_disk(disk, &|open| write_tables(open, layout))?;
            facilities.reread(disk, layout).map_err(failed(&step.to_string()))
        }
        Step::Format {
            disk,
            role,
            file_system,
            label,
        } => {
            let planned = planned(plan, disk)?;
            let partition = node(planned, *role)?;
            let made = facilities.format(&partition, planned.layout.sector, *file_system, label, cancel);
            made.map_err(failed(&step.to_string()))
        }
        Step::WriteRoot { disk } => write_root(planned(plan, disk)?, system, summed, facilities, report, cancel),
        Step::WriteConfig { disk } => {
            let partition = node(planned(plan, disk)?, Role::Config)?;
            let places = render_places(&plan.places());
            let files = ConfigFiles {
                document: plan.document.as_deref(),
                words: &plan.words,
                places: &places,
            };
            let written = facilities.write_config(&partition, files);
            written.map_err(failed(&step.to_string()))
        }
        Step::WriteSlot { disk } => {
            let partition = node(planned(plan, disk)?, Role::Esp)?;
            let manifest = system.release.manifest();
            let words = entry_words(manifest, Slot::A, &plan.words.join(" "));
            let title = format!("Corbel {}", manifest.version);
            let content = Content {
                title: &title,
                words: &words,
                kernel: system.release.kernel(),
                release: system.release.text(),
            };
            let written = facilities.with_esp(&partition, &mut |esp| Ok(install_system(esp, &content)?));
            written.map_err(failed(&step.to_string()))
        }
        Step::WriteLoaders { disk } => {
            let planned = planned(plan, disk)?;
            write_loaders(planned, system, facilities, &step.to_string())
        }
        Step::BootEntry { disk } => {
            let drive = drive(planned(plan, disk)?)?;
            // An entry of an earlier installation would start nothing, and stand in the firmware's menu for ever.
            let added = facilities
                .remove_boot_entries()
                .and_then(|()| facilities.add_boot_entry(&drive));
            added.map_err(failed(&step.to_string()))
        }
    }
}

fn planned<'a>(plan: &'a InstallPlan, path: &str) -> Result<&'a PlannedDisk, InstallError> {
    let missing = || InstallError::NoPartition {
        disk: path.to_owned(),
        role: "at all",
    };
    plan.disks().find(|disk| disk.path == path).ok_or_else(missing)
}

fn partition(disk: &PlannedDisk, role: Role) -> Result<&LaidOut, InstallError> {
    let missing = || InstallError::NoPartition {
        disk: disk.path.clone(),
        role: role.name(),
    };
    disk.layout.partition(role).ok_or_else(missing)
}

fn node(disk: &PlannedDisk, role: Role) -> Result<String, InstallError> {
    Ok(partition_path(&disk.path, partition(disk, role)?.number))
}

fn drive(disk: &PlannedDisk) -> Result<HardDrive, InstallError> {
    let esp = partition(disk, Role::Esp)?;
    let sector = disk.layout.sector;
    Ok(HardDrive {
        number: esp.number,
        first: esp.extent.offset / sector,
        blocks: esp.extent.length / sector,
        guid: esp.id.0,
    })
}

/// The copy at the end first: while the one in front is whole, firmware starts what was there, and data that is kept is in it.
fn unboot(disk: &dyn RawDisk, layout: &DiskLayout, keeps_data: bool) -> io::Result<()> {
    if keeps_data && let Some(alone) = layout.only_data() {
        return write_tables(disk, &alone);
    }
    let bytes = layout.disk_bytes;
    let back = BACK.min(bytes);
    zero(
        disk,
        Extent {
            offset: bytes - back,
            length: back,
        },
    )?;
    disk.flush()?;
    zero(
        disk,
        Extent {
            offset: 0,
            length: FRONT.min(bytes),
        },
    )?;
    disk.flush()
}

/// Both copies, the one at the end first; one of them is whole at every moment. The boot code in sector 0 becomes zeros.
pub(crate) fn write_tables(disk: &dyn RawDisk, layout: &DiskLayout) -> io::Result<()> {
    for (offset, bytes) in [layout.backup(), layout.primary()] {
        disk.write_at(offset, &bytes)?;
        disk.flush()?;
    }
    Ok(())
}

/// A partition by its place on the disk.
struct Part {
    disk: Box<dyn RawDisk>,
    extent: Extent,
}

impl Part {
    fn checked(&self, offset: u64, count: usize) -> io::Result<u64> {
        let end = offset
            .checked_add(count as u64)
            .filter(|end| *end <= self.extent.length);
        end.map(|_| self.extent.offset + offset)
            .ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}

impl ReadAt for Part {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        self.disk.read_at(self.checked(offset, buf.len())?, buf)
    }
}

impl SlotDevice for Part {
    fn size(&self) -> io::Result<u64> {
        Ok(self.extent.length)
    }
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.disk.write_at(self.checked(offset, bytes.len())?, bytes)
    }
    fn flush(&self) -> io::Result<()> {
        self.disk.flush()
    }
}

fn write_root(
    disk: &PlannedDisk,
    system: &System<'_>,
    summed: &Summed,
    facilities: &dyn Facilities,
    report: &Report<'_>,
    cancel: &Cancel,
) -> Result<(), InstallError> {
    let extent = partition(disk, Role::RootA)?.extent;
    if summed.bytes() > extent.length {
        return Err(InstallError::SlotTooSmall {
            disk: disk.path.clone(),
            bytes: summed.bytes(),
            room: extent.length,
        });
    }
    let open = facilities
        .disk(&disk.path)
        .map_err(failed(&format!("open {}", disk.path)))?;
    let slot = Part { disk: open, extent };
    let copied = write_verified(system.release.root(), summed, &slot, report, cancel);
    copied.map_err(|source| InstallError::Copy {
        disk: disk.path.clone(),
        source,
    })
}

/// GRUB's core.img, the EFI partition's loaders, and last the sector that a BIOS starts. The images are patched before
/// anything is written.
fn write_loaders(
    disk: &PlannedDisk,
    system: &System<'_>,
    facilities: &dyn Facilities,
    step: &str,
) -> Result<(), InstallError> {
    let esp = node(disk, Role::Esp)?;
    let loaders = Loaders {
        systemd_boot: system.images.systemd_boot,
    };
    let write_esp = || facilities.with_esp(&esp, &mut |esp| Ok(install_loaders(esp, &loaders)?));
    // A BIOS counts in sectors of 512 bytes and starts no other disk.
    if disk.layout.sector != bios::SECTOR as u64 {
        return write_esp().map_err(failed(step));
    }
    let extent = partition(disk, Role::Bios)?.extent;
    let open = || -> Result<Box<dyn RawDisk>, InstallError> { facilities.disk(&disk.path).map_err(failed(step)) };
    let io = |error: io::Error| failed(step)(FacilityError::from(error));
    let mut sector0 = [0; bios::SECTOR];
    let raw = open()?;
    raw.read_at(0, &mut sector0).map_err(io)?;
    let sector = bios::SECTOR as u64;
    let images = bios::for_disk(
        system.images.boot,
        system.images.core,
        &sector0,
        extent.offset / sector,
        extent.length / sector,
    );
    let images = images.map_err(|source| InstallError::Bios {
        disk: disk.path.clone(),
        source,
    })?;
    raw.write_at(extent.offset, &images.core)
        .and_then(|()| raw.flush())
        .map_err(io)?;
    // Closed before the EFI partition is mounted: the disk is open for nobody else.
    drop(raw);
    write_esp().map_err(failed(step))?;
    let raw = open()?;
    raw.write_at(0, &images.first_sector)
        .and_then(|()| raw.flush())
        .map_err(io)
}
