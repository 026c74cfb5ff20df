//! Decides what making a machine takes: which volumes are made and what is on the cloud-init disk. The fake and libvirt
//! carry the same decision out.

use std::collections::{BTreeMap, BTreeSet};

use corbel_model::vm::{DiskFormat, DiskKind, DiskSpec, NicSource, SpecError, VmSpec};
use corbel_model::{ByteSize, VolumeName};

use crate::xml::ParsedDomain;
use crate::{PoolPaths, VirtError, cidata, rules};

/// What is there before the machine is made.
#[derive(Debug, Clone, Default)]
pub struct Observed {
    /// Names of the volumes with their formats.
    pub volumes: BTreeMap<String, String>,
    /// Pools that are active.
    pub pools: PoolPaths,
    pub networks: BTreeSet<String>,
}

/// What is to be done before the machine can be defined.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Creation {
    pub new_volumes: Vec<NewVolume>,
    /// Volumes that are there and will be written: no other machine may have them.
    pub reused: Vec<VolumeName>,
    pub seed: Option<Seed>,
}

/// A volume to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewVolume {
    pub name: VolumeName,
    pub size: ByteSize,
    pub format: DiskFormat,
}

/// The cloud-init disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seed {
    pub name: VolumeName,
    /// A whole ISO 9660 image.
    pub image: Vec<u8>,
}

impl From<SpecError> for VirtError {
    fn from(error: SpecError) -> Self {
        Self::Invalid {
            field: error.field,
            problem: error.problem,
        }
    }
}

/// libvirt's word for the format.
pub fn format_name(format: DiskFormat) -> &'static str {
    match format {
        DiskFormat::Raw => "raw",
        DiskFormat::Qcow2 => "qcow2",
    }
}

/// The file name of a machine's cloud-init disk.
pub fn seed_name(machine: &str) -> String {
    format!("{machine}-cidata.iso")
}

/// Checks `spec` against what is there and says what to make.
///
/// # Errors
/// [`VirtError::Invalid`] with the field for a volume or network that is not there or does not fit,
/// [`VirtError::Exists`] for the cloud-init disk.
pub fn plan_creation(spec: &VmSpec, observed: &Observed) -> Result<Creation, VirtError> {
    spec.check()?;
    let invalid = |field: String, problem: String| VirtError::Invalid { field, problem };
    let mut creation = Creation::default();
    for (i, disk) in spec.disks.iter().enumerate() {
        match (observed.volumes.get(disk.volume.as_str()), disk.create) {
            (Some(format), _) => {
                fits(i, disk, format)?;
                if disk.kind == DiskKind::Disk && !disk.read_only {
                    creation.reused.push(disk.volume.clone());
                }
            }
            (None, Some(size)) => {
                rules::check_size(size)?;
                let pool = disk.volume.pool();
                if !observed.pools.contains_key(pool) {
                    let known = observed.pools.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
                    let problem = format!(
                        "there is no active pool {pool}: there is {}",
                        if known.is_empty() { "none" } else { &known }
                    );
                    return Err(invalid(format!("disks[{i}].volume"), problem));
                }
                creation.new_volumes.push(NewVolume {
                    name: disk.volume.clone(),
                    size,
                    format: disk.format,
                });
            }
            (None, None) => {
                let problem = format!("{} does not exist: give its size to make it, or upload it", disk.volume);
                return Err(invalid(format!("disks[{i}].volume"), problem));
            }
        }
    }
    for (i, nic) in spec.networks.iter().enumerate() {
        if let NicSource::Nat(name) = &nic.source
            && !observed.networks.contains(name.as_str())
        {
            let known = observed
                .networks
                .iter()
                .map(String::as_str)
                .collect::<Vec<_>>()
                .join(", ");
            let problem = format!(
                "network {name} does not exist: there is {}",
                if known.is_empty() { "none" } else { &known }
            );
            return Err(invalid(format!("networks[{i}].nat"), problem));
        }
    }
    if let Some(boot) = &spec.direct_boot {
        for (field, name) in [("kernel", Some(&boot.kernel)), ("initrd", boot.initrd.as_ref())] {
            if let Some(name) = name.filter(|name| !observed.volumes.contains_key(name.as_str())) {
                return Err(invalid(
                    format!("direct_boot.{field}"),
                    format!("{name} does not exist: upload it"),
                ));
            }
        }
    }
    if let Some(cloud_init) = &spec.cloud_init {
        let name: VolumeName = seed_name(spec.name.as_str())
            .parse()
            .map_err(|error: corbel_model::NameError| invalid("name".into(), error.to_string()))?;
        if observed.volumes.contains_key(name.as_str()) || spec.disks.iter().any(|disk| disk.volume == name) {
            return Err(VirtError::Exists {
                kind: rules::VOLUME,
                name: name.to_string(),
            });
        }
        creation.seed = Some(Seed {
            name,
            image: cidata::image(spec.name.as_str(), cloud_init),
        });
    }
    Ok(creation)
}

/// The format that a machine is given must be the file's own: raw over a qcow2 file shows the guest rubbish, and a raw
/// disk in which a guest wrote a qcow2 header naming a backing file would hand it files of the node.
fn fits(i: usize, disk: &DiskSpec, format: &str) -> Result<(), VirtError> {
    let wanted = format_name(disk.format);
    if disk.kind == DiskKind::Cdrom || (wanted == "qcow2") == (format == "qcow2") {
        return Ok(());
    }
    let (field, right) = (
        format!("disks[{i}].format"),
        if format == "qcow2" { "qcow2" } else { "raw" },
    );
    Err(VirtError::Invalid {
        field,
        problem: format!("is {wanted}, but volume {} is {right}: say {right}", disk.volume),
    })
}

/// Volumes that go with a machine: its writable or read-only disks in the pools, by name, that no other machine has.
/// `others` are all machines but this one.
pub fn volumes_to_delete(
    machine: &ParsedDomain,
    others: &[ParsedDomain],
    pools: &PoolPaths,
    disks: bool,
) -> Vec<String> {
    let seed = seed_name(&machine.name);
    let mut names = Vec::new();
    for disk in &machine.disks {
        let Some(source) = disk.disk.source.as_deref() else {
            continue;
        };
        let in_pool = pools.iter().find_map(|(pool, folder)| {
            let start = match disk.pool.as_deref() {
                Some(named) => (named == pool).then_some(pool)?,
                None => folder,
            };
            let file = source.strip_prefix(start.as_str())?.strip_prefix('/')?;
            (!file.contains('/')).then(|| (VolumeName::join(pool, file), format!("{folder}/{file}")))
        });
        let Some((name, path)) = in_pool else {
            continue;
        };
        let goes = name == seed || (disks && disk.disk.kind == DiskKind::Disk);
        if goes && !others.iter().any(|other| other.uses(&path, &name)) {
            names.push(name);
        }
    }
    names
}

#[cfg(test)]
mod tests;
