//! The plan of an installation: which disks, how they are cut, what is lost and what stays, and every step in its order.

use std::collections::BTreeSet;

use corbel_layout::disk::{self, ALIGNMENT, DATA_PLACES, DiskLayout, Guids, LaidOut, LayoutError, Role, Sizes};
use corbel_layout::gpt::{Guid, Partition};
use corbel_layout::signature::Signature;
use corbel_layout::{Extent, disk::DataSize};
use corbel_model::ByteSize;
use corbel_model::install::{DeviceMatch, InstallRequest, Mode};
use serde::Serialize;

use super::guard::{self, Target};
use super::select::{Candidate, candidates, pick};
use super::{Content, Disk, Firmware, Observed, Refusal, Step, sizes};
use crate::data::{Place, Places};

/// A disk of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedDisk {
    /// Kernel name.
    pub name: String,
    /// Device node.
    pub path: String,
    /// For people: model, serial number and size.
    pub description: String,
    /// Where its data is mounted; `None` for a boot disk without a data partition.
    pub place: Option<Place>,
    pub layout: DiskLayout,
}

/// What an installation does. [`std::fmt::Display`] tells it to people.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct InstallPlan {
    pub mode: Mode,
    /// The version that is installed.
    pub version: String,
    pub firmware: Firmware,
    pub boot: PlannedDisk,
    /// Disks that carry nothing but data, in the order of their mounts.
    pub data: Vec<PlannedDisk>,
    /// VM storage first.
    pub erased: Vec<Content>,
    pub kept: Vec<Content>,
    /// Where the plan is not to the letter what was asked for.
    pub notes: Vec<String>,
    /// More kernel words for the installed system.
    pub words: Vec<String>,
    /// The node's document. It holds password hashes and is not told.
    #[serde(skip)]
    pub document: Option<String>,
    pub steps: Vec<Step>,
}

/// Makes the plan, or says which part of the request cannot be done. `seed` is 32 random bytes: the identifiers of the new
/// partitions come from it.
///
/// # Errors
/// A guard, a size, or a disk that is not there.
pub fn plan_install(request: &InstallRequest, observed: &Observed, seed: [u8; 32]) -> Result<InstallPlan, Refusal> {
    let mut notes = Vec::new();
    let wanted = sizes::effective(&request.sizes, &observed.release, &mut notes)?;
    let all = candidates(observed);
    let targets = targets(request, &all, sizes::least_disk(&wanted))?;
    guard::check(&targets, request, observed)?;
    let (boot, further) = targets
        .split_first()
        .ok_or_else(|| Refusal::new("boot", "no disk was named"))?;
    let guids = |disk: &Disk| Guids::from_seed(mixed(seed, &disk.name));

    let kept_data = kept(request, boot.candidate.disk);
    let layout = boot_layout(boot.candidate.disk, &wanted, &guids(boot.candidate.disk), kept_data)?;
    if kept_data.is_some() && request.sizes.data.is_some() {
        notes.push("the data partition is kept and has the size that it has".into());
    }
    if layout.partition(Role::Data).is_none() && further.is_empty() {
        let message = "there would be no place for the data of the node: name a data disk, or give data a size";
        return Err(Refusal::new("sizes.data", message));
    }
    let own = layout.partition(Role::Data).map(|data| data.id);
    let set = disk::data_set(layout.disk, own);
    let boot = planned(&boot.candidate, own.map(|_| Place::FIRST), layout);
    let places = places(request, own.is_some(), further);
    let mut data: Vec<PlannedDisk> = Vec::new();
    for (target, place) in further.iter().zip(places) {
        let disk = target.candidate.disk;
        let layout = data_layout(disk, &guids(disk), set, kept(request, disk))?;
        data.push(planned(&target.candidate, Some(place?), layout));
    }
    data.sort_by_key(|disk| disk.place);
    let mut plan = InstallPlan {
        mode: request.mode,
        version: observed.release.version.clone(),
        firmware: observed.firmware,
        erased: Vec::new(),
        kept: Vec::new(),
        notes,
        words: request.words.clone(),
        document: request.document.clone(),
        steps: Vec::new(),
        boot,
        data,
    };
    for target in &targets {
        let layout = plan
            .disks()
            .find(|disk| disk.name == target.candidate.disk.name)
            .map(|d| d.layout.clone());
        let stays = layout.and_then(|layout| layout.partitions.iter().find(|p| p.kept).map(|p| p.id));
        let (erased, kept) = told(target.candidate.disk, stays);
        plan.erased.extend(erased);
        plan.kept.extend(kept);
    }
    plan.erased.sort_by_key(|content| !content.vm_storage);
    plan.steps = steps(&plan);
    Ok(plan)
}

/// Whether what is meant can hold nothing but data, whichever disk the node boots from.
///
/// # Errors
/// A guard, or a disk that is too small or not there.
pub fn check_data(meant: &DeviceMatch, observed: &Observed) -> Result<(), Refusal> {
    // A Corbel on it is refused in each mode.
    let request = InstallRequest::default();
    let all = candidates(observed);
    let found = pick(meant, &all, &[], "data", 0)?;
    let targets: Vec<Target<'_>> = found
        .into_iter()
        .map(|candidate| Target {
            candidate,
            meant,
            field: "data",
        })
        .collect();
    guard::check(&targets, &request, observed)?;
    for target in &targets {
        // No partition is made from these identifiers.
        data_layout(target.candidate.disk, &Guids::from_seed([0; 32]), Guid([0; 16]), None)?;
    }
    Ok(())
}

impl InstallPlan {
    /// Every disk that is written to or kept, the boot disk first.
    pub fn disks(&self) -> impl Iterator<Item = &PlannedDisk> {
        std::iter::once(&self.boot).chain(&self.data)
    }

    /// Which data partition has which place, for the new node's note.
    pub fn places(&self) -> Places {
        let place = |disk: &PlannedDisk| Some((disk.layout.partition(Role::Data)?.id, disk.place?));
        self.disks().filter_map(place).collect()
    }
}

impl std::fmt::Debug for InstallPlan {
    /// The document holds password hashes.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "InstallPlan({self})")
    }
}

fn targets<'a>(request: &'a InstallRequest, all: &[Candidate<'a>], least: u64) -> Result<Vec<Target<'a>>, Refusal> {
    let mut targets: Vec<Target<'a>> = Vec::new();
    let wanted =
        std::iter::once((&request.boot, "boot", least)).chain(request.data.iter().map(|meant| (meant, "data", 0)));
    for (meant, field, least) in wanted {
        let taken: Vec<&str> = targets
            .iter()
            .map(|target| target.candidate.disk.name.as_str())
            .collect();
        let found = pick(meant, all, &taken, field, least)?;
        if let [candidate] = found.as_slice()
            && candidate.disk.bytes < least
        {
            return Err(Refusal::new(field, sizes::too_small(candidate.disk, least)));
        }
        targets.extend(found.into_iter().map(|candidate| Target {
            candidate,
            meant,
            field,
        }));
    }
    Ok(targets)
}

/// So that two disks of one installation share no identifier.
fn mixed(seed: [u8; 32], name: &str) -> [u8; 32] {
    let (first, second) = (
        Guids::from_seed(seed).of(&format!("{name} 1")),
        Guids::from_seed(seed).of(&format!("{name} 2")),
    );
    let mut mixed = [0; 32];
    mixed[..16].copy_from_slice(&first.0);
    mixed[16..].copy_from_slice(&second.0);
    mixed
}

/// The data partition that stays: one of ours, which holds a file system. One that an interrupted installation left without is made.
fn kept<'a>(request: &InstallRequest, disk: &'a Disk) -> Option<&'a Partition> {
    let found = disk.table.as_ref().filter(|_| request.keep_data)?;
    let data = disk::find_data(&found.partitions)?;
    let partition = disk
        .partitions
        .iter()
        .find(|partition| partition.number == data.number)?;
    let holds = |signature: &Signature| matches!(signature, Signature::FileSystem { .. });
    partition.signatures.iter().any(holds).then_some(data)
}

fn boot_layout(disk: &Disk, sizes: &Sizes, guids: &Guids, kept: Option<&Partition>) -> Result<DiskLayout, Refusal> {
    let path = &disk.path;
    let made = match kept {
        Some(data) => disk::lay_out_keeping(disk.bytes, disk.sector, sizes, guids, data),
        None => disk::lay_out(disk.bytes, disk.sector, sizes, guids),
    };
    made.map_err(|error| match error {
        LayoutError::TooSmall { needed, .. } => match sizes.data {
            DataSize::Bytes(_) => Refusal::new("sizes", sizes::too_small(disk, needed)),
            _ => Refusal::new("boot", sizes::too_small(disk, needed)),
        },
        LayoutError::Kept { offset, needed } => Refusal::new(
            "keep_data",
            format!(
                "the data of {path} begins after {}, and the system in front of it needs {}: choose smaller sizes, or do not \
                 keep the data",
                ByteSize(offset),
                ByteSize(needed)
            ),
        ),
        LayoutError::Table(error) => Refusal::new("boot", format!("{path} cannot be partitioned: {error}")),
    })
}

fn data_layout(disk: &Disk, guids: &Guids, set: Guid, kept: Option<&Partition>) -> Result<DiskLayout, Refusal> {
    let alone = disk
        .table
        .as_ref()
        .filter(|found| kept.is_some() && found.partitions.len() == 1);
    let made = match alone {
        Some(found) => disk::as_found(disk.bytes, found),
        None => disk::lay_out_data(disk.bytes, disk.sector, guids, set),
    };
    made.map_err(|error| match error {
        LayoutError::TooSmall { needed, .. } => Refusal::new("data", sizes::too_small(disk, needed)),
        error => Refusal::new("data", format!("{} cannot be partitioned: {error}", disk.path)),
    })
}

fn planned(candidate: &Candidate<'_>, place: Option<Place>, layout: DiskLayout) -> PlannedDisk {
    PlannedDisk {
        name: candidate.disk.name.clone(),
        path: candidate.disk.path.clone(),
        description: super::show::description(candidate.disk),
        place,
        layout,
    }
}

/// The places of the data disks, in the order in which they were named. Data that is kept keeps its place, and else the first disk that
/// has none becomes `/data` where the boot disk has no data partition.
fn places(request: &InstallRequest, own: bool, further: &[Target<'_>]) -> Vec<Result<Place, Refusal>> {
    let mut found: Vec<Option<Place>> = vec![None; further.len()];
    let mut taken: BTreeSet<Place> = own.then_some(Place::FIRST).into_iter().collect();
    let holds_data: Vec<bool> = further
        .iter()
        .map(|target| kept(request, target.candidate.disk).is_some())
        .collect();
    let labelled = |at: usize| data_label(further[at].candidate.disk).filter(|_| holds_data[at]);
    for (at, place) in found.iter_mut().enumerate() {
        *place = labelled(at)
            .and_then(Place::from_label)
            .filter(|place| taken.insert(*place));
    }
    // A disk with data and the plain label was `/data` of a node without data on its boot disk, if it was one's.
    let mut rest: Vec<usize> = (0..further.len()).filter(|at| found[*at].is_none()).collect();
    rest.sort_by_key(|at| !(holds_data[*at] && labelled(*at).and_then(Place::from_label).is_none()));
    for at in rest {
        let mut all = std::iter::once(Place::FIRST).chain(Place::further());
        found[at] = all.find(|place| taken.insert(*place));
    }
    let too_many = || {
        Refusal::new(
            "data",
            format!("a node has room for {DATA_PLACES} data disks, the boot device among them"),
        )
    };
    found.into_iter().map(|place| place.ok_or_else(too_many)).collect()
}

/// The label of the file system in the data partition of a disk.
fn data_label(disk: &Disk) -> Option<&str> {
    let data = disk
        .partitions
        .iter()
        .find(|partition| partition.name == Role::Data.name())?;
    data.signatures.iter().find_map(|signature| match signature {
        Signature::FileSystem { label, .. } => label.as_deref(),
        _ => None,
    })
}

/// What is lost on a disk and what stays. `stays` is the identifier of the partition that is kept.
fn told(disk: &Disk, stays: Option<Guid>) -> (Vec<Content>, Vec<Content>) {
    let number = disk.table.as_ref().and_then(|table| {
        let partition = table.partitions.iter().find(|partition| Some(partition.id) == stays)?;
        Some(partition.number)
    });
    let mut lost = Vec::new();
    let mut kept = Vec::new();
    for (of, content) in super::show::contents(disk) {
        if of.is_some() && of == number {
            kept.push(content);
        } else {
            lost.push(content);
        }
    }
    (lost, kept)
}

fn steps(plan: &InstallPlan) -> Vec<Step> {
    let boot = &plan.boot;
    let disk = || boot.path.clone();
    let mut steps = vec![unboot(boot)];
    for further in &plan.data {
        // A data disk that is kept is not touched at all.
        if further.layout.partitions.iter().all(|partition| partition.kept) {
            continue;
        }
        steps.push(unboot(further));
        steps.extend(prepared(further));
    }
    steps.extend(prepared(boot));
    steps.push(Step::WriteRoot { disk: disk() });
    steps.push(Step::WriteConfig { disk: disk() });
    steps.push(Step::WriteSlot { disk: disk() });
    steps.push(Step::WriteLoaders { disk: disk() });
    if plan.firmware == Firmware::Uefi {
        steps.push(Step::BootEntry { disk: disk() });
    }
    steps
}

fn unboot(disk: &PlannedDisk) -> Step {
    Step::Unboot {
        disk: disk.path.clone(),
        keeps_data: disk.layout.partition(Role::Data).is_some_and(|data| data.kept),
    }
}

fn prepared(disk: &PlannedDisk) -> Vec<Step> {
    let new = || disk.layout.partitions.iter().filter(|partition| !partition.kept);
    let mut steps = vec![
        Step::Clear {
            disk: disk.path.clone(),
            extents: new().flat_map(ends).collect(),
        },
        Step::Partition {
            disk: disk.path.clone(),
        },
    ];
    steps.extend(new().filter_map(|partition| {
        Some(Step::Format {
            disk: disk.path.clone(),
            role: partition.role,
            file_system: partition.role.file_system()?,
            label: label(partition.role, disk.place),
        })
    }));
    steps
}

/// Labels of the file systems: FAT has room for 11 characters in capitals, ext4 for 16.
fn label(role: Role, place: Option<Place>) -> String {
    match (role, place) {
        (Role::Esp, _) => disk::ESP_LABEL.to_owned(),
        (Role::Data, Some(place)) => place.label(),
        (other, _) => other.name().to_owned(),
    }
}

/// The first and the last MiB of a partition: what every format that we know is recognised by lies there.
pub(super) fn ends(partition: &LaidOut) -> Vec<Extent> {
    let Extent { offset, length } = partition.extent;
    let first = Extent {
        offset,
        length: length.min(ALIGNMENT),
    };
    let last = Extent {
        offset: offset + length - length.min(ALIGNMENT),
        length: length.min(ALIGNMENT),
    };
    if first == last { vec![first] } else { vec![first, last] }
}
