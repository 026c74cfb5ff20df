//! What keeps a disk from being a target. Each guard is one function and one sentence; `corbel-plan`'s cases hold every one.

use std::collections::BTreeSet;

use corbel_layout::signature::{LvmMember, Signature};
use corbel_model::install::{DeviceMatch, InstallRequest, Mode};
use corbel_release::version::Version;

use super::select::Candidate;
use super::{Disk, Firmware, Observed, Refusal};

/// A disk of the plan to be, with the part of the request that named it.
pub(super) struct Target<'a> {
    pub(super) candidate: Candidate<'a>,
    pub(super) meant: &'a DeviceMatch,
    /// `boot` or `data`.
    pub(super) field: &'static str,
}

impl Target<'_> {
    fn refuse(&self, message: String) -> Result<(), Refusal> {
        Err(Refusal::new(self.field, message))
    }
}

/// Refuses the first target that may not be written to.
pub(super) fn check(targets: &[Target<'_>], request: &InstallRequest, observed: &Observed) -> Result<(), Refusal> {
    for target in targets {
        usable(target)?;
        if target.field == "boot" {
            starts(target, observed.firmware)?;
        }
        free(target)?;
        same_major(target, &observed.release.version)?;
        not_installed(target, request.mode)?;
        firmware_raid(target, request.wipe_fakeraid)?;
    }
    whole_groups(targets)?;
    targets.iter().try_for_each(not_of_another)
}

/// The live medium, and disks that cannot be written or read.
fn usable(target: &Target<'_>) -> Result<(), Refusal> {
    let Disk { path, sector, .. } = target.candidate.disk;
    if target.candidate.is_live_medium() {
        return target.refuse(format!("{path} is the medium that this system runs from"));
    }
    for disk in target.candidate.disks() {
        if disk.read_only {
            return target.refuse(format!("{path} is read-only"));
        }
        if let Some(problem) = &disk.failing {
            return target.refuse(format!("{path} is failing: {problem}"));
        }
    }
    if !matches!(sector, 512 | 4096) {
        return target.refuse(format!(
            "{path} has sectors of {sector} bytes: only 512 and 4096 are supported"
        ));
    }
    Ok(())
}

/// GRUB's boot code counts in sectors of 512 bytes.
fn starts(target: &Target<'_>, firmware: Firmware) -> Result<(), Refusal> {
    if firmware == Firmware::Bios && target.candidate.disk.sector != 512 {
        let path = &target.candidate.disk.path;
        return target.refuse(format!(
            "{path} has sectors of 4096 bytes, which a BIOS does not start from: switch the machine to UEFI"
        ));
    }
    Ok(())
}

/// Nothing is taken from under what uses it.
fn free(target: &Target<'_>) -> Result<(), Refusal> {
    let path = &target.candidate.disk.path;
    for disk in target.candidate.disks() {
        if let Some(place) = disk.mounts.first() {
            return target.refuse(format!("{path} is in use: it is mounted at {place}"));
        }
        let map = &target.candidate.disk.name;
        if let Some(holder) = disk.holders.iter().find(|holder| *holder != map) {
            return target.refuse(format!("{path} is in use by {holder}: stop that first"));
        }
    }
    Ok(())
}

/// A configuration of another major version may mean something else.
fn same_major(target: &Target<'_>, offered: &str) -> Result<(), Refusal> {
    let installed = target
        .candidate
        .disk
        .installed
        .as_ref()
        .and_then(|i| i.version.as_deref());
    match installed {
        Some(installed) if major(installed).is_some_and(|old| Some(old) != major(offered)) => {
            let path = &target.candidate.disk.path;
            target.refuse(format!(
                "{path} carries Corbel {installed}, and {offered} is another major version: uninstall the old one first"
            ))
        }
        _ => Ok(()),
    }
}

/// `None` when it is no version: then the system there is taken for a damaged one.
fn major(version: &str) -> Option<u64> {
    version.parse::<Version>().ok().map(|version| version.major())
}

/// A node that starts from the network again and again with the word `install` must not lose what it is. A system whose version
/// cannot be told is one that an installation left unfinished: that is done again.
fn not_installed(target: &Target<'_>, mode: Mode) -> Result<(), Refusal> {
    let path = &target.candidate.disk.path;
    match &target.candidate.disk.installed {
        Some(_) if target.field == "data" => {
            target.refuse(format!("{path} carries a Corbel system: uninstall it first"))
        }
        Some(installed) if mode == Mode::Install && installed.version.is_some() => Err(Refusal::new(
            "mode",
            format!("{path} carries a Corbel system: ask for an upgrade to keep it, or for reinstall to make it anew"),
        )),
        _ => Ok(()),
    }
}

fn firmware_raid(target: &Target<'_>, permitted: bool) -> Result<(), Refusal> {
    let mut formats = target
        .candidate
        .disk
        .contents()
        .filter_map(|(_, signature)| match signature {
            Signature::FakeRaid { format } => Some(format),
            _ => None,
        });
    match formats.next() {
        Some(format) if !permitted => {
            let path = &target.candidate.disk.path;
            Err(Refusal::new(
                "wipe_fakeraid",
                format!("{path} carries metadata of a RAID firmware ({format}): say wipe_fakeraid to erase it"),
            ))
        }
        _ => Ok(()),
    }
}

/// A volume group that also lies on other disks would lose a part, whoever named the disk.
fn whole_groups(targets: &[Target<'_>]) -> Result<(), Refusal> {
    let members = |target: &Target<'_>| -> Vec<LvmMember> {
        let lvm = |(_, signature): (&str, &Signature)| match signature {
            Signature::Lvm(member) => Some(member.clone()),
            _ => None,
        };
        target.candidate.disk.contents().filter_map(lvm).collect()
    };
    let ours: BTreeSet<String> = targets.iter().flat_map(members).map(|member| member.id).collect();
    for target in targets {
        for member in members(target) {
            let elsewhere = member.members.iter().filter(|id| !ours.contains(*id)).count();
            if elsewhere > 0 {
                let (path, all) = (&target.candidate.disk.path, member.members.len());
                let group = member.group.unwrap_or_default();
                return target.refuse(format!(
                    "{path} carries a part of the LVM volume group {group}, of which {elsewhere} of {all} volumes lie on other \
                     disks: name all of them, or remove the group first"
                ));
            }
        }
    }
    Ok(())
}

/// Members of something larger are erased only when somebody named the very disk.
fn not_of_another(target: &Target<'_>) -> Result<(), Refusal> {
    if target.meant.names_outright() {
        return Ok(());
    }
    let disk = target.candidate.disk;
    // What a firmware wrote has its own permission.
    let member =
        |(_, signature): &(&str, &Signature)| signature.is_member() && !matches!(signature, Signature::FakeRaid { .. });
    match disk.contents().find(member) {
        Some((device, signature)) => target.refuse(format!(
            "{device} carries {signature}: name the disk by its exact path or serial number to erase that"
        )),
        None => Ok(()),
    }
}
