//! The order of a removal. It can be done again after one that was cut off: the table, by which the disk is recognised, goes last.

use std::io;

use corbel_disk::{RawDisk, zero};
use corbel_layout::Extent;
use corbel_layout::disk::DiskLayout;
use corbel_layout::grub::bios;
use corbel_plan::install::{UninstallPlan, UninstallStep};
use corbel_progress::Sink;
use corbel_sys::Cancel;
use corbel_upgrade::Step as Report;

use crate::run::{capital, failed, whole};
use crate::steps::write_tables;
use crate::{Facilities, InstallError};

/// What is cleared at each end of a disk that is given back whole.
const ENDS: u64 = 1 << 20;

/// Does the plan. A cancel is heeded between steps.
///
/// # Errors
/// The step that failed.
pub fn uninstall(
    plan: &UninstallPlan,
    facilities: &dyn Facilities,
    sink: &dyn Sink,
    cancel: &Cancel,
) -> Result<(), InstallError> {
    whole(sink, "Remove Corbel".into(), plan.steps.len(), || {
        for step in &plan.steps {
            if cancel.is_cancelled() {
                return Err(InstallError::Cancelled);
            }
            let report = Report::begin(sink, step.id(), &capital(&step.to_string()));
            do_step(step, plan, facilities)?;
            report.done();
        }
        Ok(())
    })
}

fn do_step(step: &UninstallStep, plan: &UninstallPlan, facilities: &dyn Facilities) -> Result<(), InstallError> {
    let on_disk = |path: &str, work: &dyn Fn(&dyn RawDisk) -> io::Result<()>| -> Result<(), InstallError> {
        let done = facilities.disk_in_use(path).and_then(|disk| Ok(work(disk.as_ref())?));
        done.map_err(failed(&step.to_string()))
    };
    match step {
        UninstallStep::BootEntries => facilities.remove_boot_entries().map_err(failed(&step.to_string())),
        UninstallStep::BootCode { disk } => on_disk(disk, &|open| {
            // A whole sector, which is written or not; the table's own mark in it stays.
            let mut sector = vec![0; 4096];
            open.read_at(0, &mut sector)?;
            sector[..bios::CODE_BYTES].fill(0);
            open.write_at(0, &sector)?;
            open.flush()
        }),
        UninstallStep::Clear { disk, extents, .. } => on_disk(disk, &|open| {
            extents.iter().try_for_each(|extent| zero(open, *extent))?;
            open.flush()
        }),
        UninstallStep::Table { disk, keeps_data } => {
            let layout = plan
                .disks
                .iter()
                .find(|removed| removed.path == *disk)
                .map(|removed| &removed.layout);
            let missing = || InstallError::NoPartition {
                disk: disk.clone(),
                role: "at all",
            };
            let layout = layout.ok_or_else(missing)?;
            on_disk(disk, &|open| give_back(open, layout, *keeps_data))
        }
    }
}

fn give_back(disk: &dyn RawDisk, layout: &DiskLayout, keeps_data: bool) -> io::Result<()> {
    if keeps_data && let Some(alone) = layout.only_data() {
        return write_tables(disk, &alone);
    }
    let bytes = layout.disk_bytes;
    let ends = ENDS.min(bytes);
    zero(
        disk,
        Extent {
            offset: bytes - ends,
            length: ends,
        },
    )?;
    disk.flush()?;
    zero(
        disk,
        Extent {
            offset: 0,
            length: ends,
        },
    )?;
    disk.flush()
}
