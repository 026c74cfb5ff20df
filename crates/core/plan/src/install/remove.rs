//! The plan of a removal: the disk is given back, with or without the data.

use corbel_layout::disk::{self, DiskLayout, Role};
use corbel_model::install::UninstallRequest;
use serde::Serialize;

use super::select::{Candidate, candidates};
use super::steps::ClearPart;
use super::{Content, Disk, Firmware, Observed, Refusal, UninstallStep};

/// A disk that is given back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RemovedDisk {
    /// Device node.
    pub path: String,
    /// For people: model, serial number and size.
    pub description: String,
    /// As it is now.
    pub layout: DiskLayout,
}

/// What a removal does. [`std::fmt::Display`] tells it to people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UninstallPlan {
    /// The boot disk first, then data disks.
    pub disks: Vec<RemovedDisk>,
    pub erased: Vec<Content>,
    pub kept: Vec<Content>,
    /// What may not be as somebody expects, such as data disks that stay because nothing says whose they are.
    pub warnings: Vec<String>,
    pub steps: Vec<UninstallStep>,
}

/// Makes the plan. The disk may be the one that the system runs from: the removal ends in a reboot. It can be made and done again
/// after one that was cut off, as the table goes last.
///
/// # Errors
/// No Corbel system, more than one and none named, or a disk that cannot be written.
pub fn plan_uninstall(request: &UninstallRequest, observed: &Observed) -> Result<UninstallPlan, Refusal> {
    let all = candidates(observed);
    let carries = |candidate: &&Candidate<'_>| {
        let table = candidate.disk.table.as_ref();
        table.is_some_and(|found| disk::find_layout(&found.partitions).is_some())
    };
    let meant = |candidate: &&Candidate<'_>| request.boot.as_ref().is_none_or(|meant| candidate.is_meant(meant));
    let found: Vec<&Candidate<'_>> = all.iter().filter(carries).filter(meant).collect();
    let boot = match (found.as_slice(), &request.boot) {
        ([one], _) => *one,
        ([], Some(meant)) => {
            return Err(Refusal::new(
                "boot",
                format!("no disk that is {meant} carries a Corbel system"),
            ));
        }
        ([], None) => return Err(Refusal::new("boot", "no disk of this machine carries a Corbel system")),
        (several, _) => {
            let paths: Vec<&str> = several.iter().map(|candidate| candidate.disk.path.as_str()).collect();
            let message = format!("several disks carry a Corbel system: name one of {}", paths.join(", "));
            return Err(Refusal::new("boot", message));
        }
    };
    let mut plan = UninstallPlan {
        disks: Vec::new(),
        erased: Vec::new(),
        kept: Vec::new(),
        warnings: Vec::new(),
        // A BIOS has no such entries.
        steps: (observed.firmware == Firmware::Uefi)
            .then_some(UninstallStep::BootEntries)
            .into_iter()
            .collect(),
    };
    remove(boot.disk, !request.wipe_data, &mut plan)?;
    data_disks(request, boot.disk, &all, &mut plan)?;
    plan.erased.sort_by_key(|content| !content.vm_storage);
    Ok(plan)
}

/// The disks that carry nothing but data: those that were made for this node, and those that are named. Another node's disk that is
/// plugged in is none of ours to take.
fn data_disks(
    request: &UninstallRequest,
    boot: &Disk,
    all: &[Candidate<'_>],
    plan: &mut UninstallPlan,
) -> Result<(), Refusal> {
    if !request.wipe_data {
        return match request.data.is_empty() {
            true => Ok(()),
            false => Err(Refusal::new(
                "data",
                "is named, and VM storage is kept: say that it goes too",
            )),
        };
    }
    let only_data = |candidate: &&Candidate<'_>| {
        let table = candidate.disk.table.as_ref();
        table.is_some_and(|found| found.partitions.len() == 1 && disk::find_data(&found.partitions).is_some())
    };
    let found: Vec<&Candidate<'_>> = all.iter().filter(only_data).collect();
    for meant in &request.data {
        if !found.iter().any(|candidate| candidate.is_meant(meant)) {
            let message = format!("no disk that is {meant} carries the data of a Corbel node and nothing else");
            return Err(Refusal::new("data", message));
        }
    }
    let set = boot
        .table
        .as_ref()
        .map(|found| disk::data_set(found.disk, disk::find_data(&found.partitions).map(|data| data.id)));
    for candidate in found {
        let named = request.data.iter().any(|meant| candidate.is_meant(meant));
        let id = candidate.disk.table.as_ref().map(|found| found.disk);
        let ours = set.zip(id).is_some_and(|(set, id)| disk::is_of_set(set, id));
        if named || ours {
            remove(candidate.disk, false, plan)?;
        } else {
            plan.warnings.push(format!(
                "{} ({}) stays as it is: it carries the data of a Corbel node, and nothing says that it is this one; name it to take it",
                candidate.disk.path,
                super::show::description(candidate.disk)
            ));
        }
    }
    Ok(())
}

fn remove(disk: &Disk, keep_data: bool, plan: &mut UninstallPlan) -> Result<(), Refusal> {
    let path = &disk.path;
    if disk.read_only {
        return Err(Refusal::new("boot", format!("{path} is read-only")));
    }
    let found = disk
        .table
        .as_ref()
        .ok_or_else(|| Refusal::new("boot", format!("{path} has no partition table")))?;
    let layout = disk::as_found(disk.bytes, found).map_err(|error| {
        Refusal::new(
            "boot",
            format!("the partition table of {path} is not one of ours: {error}"),
        )
    })?;
    let keeps_data = keep_data && layout.partition(Role::Data).is_some();
    let goes = |role: Role| !(keeps_data && role == Role::Data);
    let ends = |wanted: &dyn Fn(Role) -> bool| {
        let found = layout.partitions.iter();
        let found = found.filter(|partition| goes(partition.role) && wanted(partition.role));
        found.flat_map(super::plan::ends).collect::<Vec<_>>()
    };
    plan.steps.push(UninstallStep::BootCode { disk: path.clone() });
    // What starts a system is gone for good before anything is taken from under it: within a step a disk may write in any order.
    let (esp, rest) = (ends(&|role| role == Role::Esp), ends(&|role| role != Role::Esp));
    let behind = if esp.is_empty() {
        ClearPart::All
    } else {
        ClearPart::Rest
    };
    for (part, extents) in [(ClearPart::Esp, esp), (behind, rest)] {
        if !extents.is_empty() {
            plan.steps.push(UninstallStep::Clear {
                disk: path.clone(),
                part,
                extents,
            });
        }
    }
    plan.steps.push(UninstallStep::Table {
        disk: path.clone(),
        keeps_data,
    });
    let data = layout.partition(Role::Data).map(|data| data.number);
    for (number, content) in super::show::contents(disk) {
        if keeps_data && number.is_some() && number == data {
            plan.kept.push(content);
        } else {
            plan.erased.push(content);
        }
    }
    plan.disks.push(RemovedDisk {
        path: path.clone(),
        description: super::show::description(disk),
        layout,
    });
    Ok(())
}
