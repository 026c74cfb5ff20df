//! The disks of this machine for its clients, and plans over them: what is decided is decided in `corbel-plan`.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use corbel_agent::{Disk, InstalledSystem, Plan, SystemError, Target};
use corbel_layout::disk::Role;
use corbel_layout::iso9660;
use corbel_model::ByteSize;
use corbel_model::install::{DeviceMatch, InstallRequest, Mode, Pattern, UninstallRequest};
use corbel_plan::install::{
    self, Content, Firmware, InstallPlan, Observed, Refusal, ReleaseFacts, UninstallPlan, candidates,
};
use corbel_release::release::{KERNEL_PART, MANIFEST_PATH, ROOT_PART, Release, SIGNATURE_PATH};
use corbel_sys::read_limited;
use serde::Deserialize;

use super::slots::ReadOnly;
use super::{LIMIT, failed};

const REPORT: &str = "/run/corbel/boot.json";
/// What a network boot left of its release.
pub(super) const NETWORK_RELEASE: &str = "/run/corbel/release";
const BLOCK: &str = "/sys/class/block";

/// What the initrd reports of the boot.
#[derive(Deserialize, Default)]
pub(super) struct Report {
    pub(super) source: Option<String>,
    pub(super) medium: Option<String>,
}

impl Report {
    /// The disk that this system is installed on and runs from.
    pub(super) fn installed_on(self) -> Option<String> {
        self.medium.filter(|_| self.source.as_deref() == Some("installed"))
    }
}

/// The report; empty where there is none.
pub(super) fn boot() -> Report {
    let bytes = read_limited(Path::new(REPORT), LIMIT).unwrap_or_default();
    serde_json::from_slice(&bytes).unwrap_or_default()
}

/// Everything that plans depend on.
pub(super) fn observe() -> Result<Observed, SystemError> {
    let medium = boot().medium;
    let disks = corbel_disk::observe_disks(Path::new("/")).map_err(|error| failed("listing the disks", &error))?;
    let uefi = Path::new("/sys/firmware/efi").exists();
    Ok(Observed {
        disks,
        release: facts(medium.as_deref()),
        medium: medium.as_deref().map(whole_disk),
        firmware: if uefi { Firmware::Uefi } else { Firmware::Bios },
    })
}

/// Kernel name of the disk that a device is, or is a partition of.
fn whole_disk(device: &str) -> String {
    let name = device.trim_start_matches("/dev/");
    let entry = Path::new(BLOCK).join(name);
    let parent = entry
        .join("partition")
        .exists()
        .then(|| std::fs::canonicalize(&entry).ok())
        .flatten()
        .and_then(|path| Some(path.parent()?.file_name()?.to_string_lossy().into_owned()));
    parent.unwrap_or_else(|| name.to_owned())
}

/// What would be installed, as far as it can be told without reading all of it.
fn facts(medium: Option<&str>) -> ReleaseFacts {
    let manifest = manifest(medium).and_then(|text| Release::parse(&text).ok());
    let bytes = |manifest: &Release, part: &'static str| manifest.part(part).map_or(0, |part| part.bytes);
    match manifest {
        Some(manifest) => ReleaseFacts {
            root_bytes: bytes(&manifest, ROOT_PART),
            uki_bytes: bytes(&manifest, KERNEL_PART),
            version: manifest.version,
        },
        None => ReleaseFacts {
            version: corbel_machine::version(),
            ..ReleaseFacts::default()
        },
    }
}

/// The manifest of what this system runs from, as it was signed.
pub(super) fn manifest(medium: Option<&str>) -> Option<Vec<u8>> {
    of_release("release.json", MANIFEST_PATH, medium)
}

/// Its signature.
pub(super) fn signature(medium: Option<&str>) -> Option<Vec<u8>> {
    of_release("release.sig", SIGNATURE_PATH, medium)
}

/// A small file of a release, as a network boot left it or from the medium.
fn of_release(name: &str, path: &str, medium: Option<&str>) -> Option<Vec<u8>> {
    let folder = Path::new(NETWORK_RELEASE);
    if folder.is_dir() {
        return read_limited(&folder.join(name), LIMIT).ok();
    }
    let source = ReadOnly(File::open(medium?).ok()?);
    let volume = iso9660::read_volume(&source).ok()?;
    let extent = iso9660::find(&source, &volume, path).ok()?;
    let mut text = vec![0; usize::try_from(extent.length.min(LIMIT)).ok()?];
    corbel_layout::ReadAt::read_at(&source, extent.offset, &mut text).ok()?;
    Some(text)
}

/// All disks as clients see them. `has_password` says of a disk with a system whether that has a password.
pub(super) fn list(observed: &Observed, has_password: impl Fn(&install::Disk) -> bool) -> Vec<Disk> {
    let found = candidates(observed).into_iter();
    found
        .map(|candidate| {
            let disk = candidate.disk;
            Disk {
                path: disk.path.clone(),
                model: disk.model.clone(),
                serial: disk.serials.first().cloned(),
                wwn: disk.wwn.clone(),
                bus: disk.bus.map(|bus| bus.name().to_owned()),
                size: ByteSize(disk.bytes),
                sector_size: u32::try_from(disk.sector).unwrap_or(512),
                rotational: disk.rotational,
                removable: disk.removable,
                read_only: disk.read_only,
                contents: contents(disk),
                live_medium: candidate.is_live_medium(),
                installed: disk.installed.as_ref().map(|installed| InstalledSystem {
                    version: installed.version.clone(),
                    trial: installed.trial.clone(),
                    vm_storage: disk.partitions.iter().any(|part| part.name == Role::Data.name()),
                    admin_password_set: has_password(disk),
                }),
                target: target(&disk.path, |meant| check_boot(observed, meant)),
                data_target: target(&disk.path, |meant| install::check_data(&meant, observed)),
            }
        })
        .collect()
}

fn contents(disk: &install::Disk) -> String {
    let mut what: Vec<String> = vec![];
    if let Some(installed) = &disk.installed {
        let version = installed.version.as_deref().unwrap_or("of an unknown version");
        what.push(format!("Corbel {version}"));
    }
    for (device, signature) in disk.contents() {
        // The parts of an installed system are told above as a whole.
        if disk.installed.is_none() {
            what.push(format!("{signature} on {device}"));
        }
    }
    match (&disk.failing, what.is_empty()) {
        (Some(problem), _) => format!("It cannot be read: {problem}."),
        (None, true) if disk.partitions.is_empty() => "It is empty.".to_owned(),
        (None, true) => format!("It has {} partitions whose content is unknown.", disk.partitions.len()),
        (None, false) => format!("It carries {}.", what.join(", ")),
    }
}

/// Whether an installation could boot from what is meant. Whether that carries Corbel is told apart; here only the guards matter.
fn check_boot(observed: &Observed, boot: DeviceMatch) -> Result<(), Refusal> {
    let request = InstallRequest {
        boot,
        mode: Mode::Reinstall,
        ..InstallRequest::default()
    };
    install::plan_install(&request, observed, [0; 32]).map(drop)
}

/// What a request hears that names the disk outright, and one that means it without naming it.
fn target(path: &str, ask: impl Fn(DeviceMatch) -> Result<(), Refusal>) -> Target {
    if let Err(refusal) = ask(DeviceMatch::path(path)) {
        return Target::Refused(refusal.message);
    }
    // The same path as a pattern, which names nothing outright.
    let mut pattern = path.to_owned();
    if let Some(last) = pattern.pop() {
        pattern.push_str(&format!("[{last}]"));
    }
    let meant = DeviceMatch {
        path: Some(Pattern::new(pattern)),
        ..DeviceMatch::default()
    };
    match ask(meant) {
        Ok(()) => Target::Usable,
        Err(refusal) => Target::WhenNamed(refusal.message),
    }
}

fn of_refusal(refusal: Refusal) -> SystemError {
    SystemError::Invalid {
        field: refusal.field,
        problem: refusal.message,
    }
}

/// Random bytes that the identifiers of new partitions come from.
fn seed() -> Result<[u8; 32], SystemError> {
    let mut seed = [0; 32];
    File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut seed))
        .map_err(|error| failed("reading /dev/urandom", &error))?;
    Ok(seed)
}

/// The plan of an installation.
pub(super) fn installation(request: &InstallRequest) -> Result<InstallPlan, SystemError> {
    install::plan_install(request, &observe()?, seed()?).map_err(of_refusal)
}

fn sentences(contents: &[Content]) -> Vec<String> {
    let told = contents.iter().map(|content| {
        let mark = if content.vm_storage { "VM STORAGE: " } else { "" };
        format!("{mark}{}: {}", content.device, content.what)
    });
    told.collect()
}

/// The plan for clients.
pub(super) fn told(plan: &InstallPlan) -> Plan {
    Plan {
        erases: sentences(&plan.erased),
        keeps: sentences(&plan.kept),
        steps: plan.steps.iter().map(ToString::to_string).collect(),
        warnings: plan.notes.clone(),
    }
}

/// The plan of a removal.
pub(super) fn removal(request: &UninstallRequest) -> Result<UninstallPlan, SystemError> {
    install::plan_uninstall(request, &observe()?).map_err(of_refusal)
}

/// The same for clients.
pub(super) fn told_removal(plan: &UninstallPlan) -> Plan {
    Plan {
        erases: sentences(&plan.erased),
        keeps: sentences(&plan.kept),
        steps: plan.steps.iter().map(ToString::to_string).collect(),
        warnings: plan.warnings.clone(),
    }
}

#[cfg(test)]
mod tests {
    use corbel_layout::signature::Signature;
    use corbel_model::install::Bus;

    use super::*;

    fn disk(name: &str, bytes: u64) -> install::Disk {
        install::Disk {
            name: name.to_owned(),
            path: format!("/dev/{name}"),
            bytes,
            sector: 512,
            bus: Some(Bus::Ata),
            ..install::Disk::default()
        }
    }

    #[test]
    fn each_disk_says_whether_it_will_do() {
        let big = 100 << 30;
        let foreign = install::Disk {
            signatures: vec![Signature::CephBlueStore],
            ..disk("sdb", big)
        };
        let observed = Observed {
            disks: vec![disk("sda", big), foreign, disk("sdc", 4 << 30), disk("sdd", big)],
            medium: Some("sdd".to_owned()),
            release: ReleaseFacts {
                version: "0.1.0".to_owned(),
                root_bytes: 500 << 20,
                uki_bytes: 50 << 20,
            },
            ..Observed::default()
        };
        let listed = list(&observed, |_| panic!("no disk carries a system"));
        assert_eq!(
            (&listed[0].target, listed[0].contents.as_str()),
            (&Target::Usable, "It is empty.")
        );
        assert!(matches!(&listed[1].target, Target::WhenNamed(_)), "{:?}", listed[1]);
        assert!(listed[1].contents.starts_with("It carries "), "{}", listed[1].contents);
        assert!(matches!(&listed[2].target, Target::Refused(_)), "{:?}", listed[2]);
        let data = listed.iter().map(|disk| &disk.data_target).collect::<Vec<_>>();
        assert!(
            matches!(
                data[..],
                [Target::Usable, Target::WhenNamed(_), Target::Usable, Target::Refused(_)]
            ),
            "what is too small to boot from can hold data: {data:?}"
        );
        assert!(listed[3].live_medium && matches!(&listed[3].target, Target::Refused(_)));
    }

    #[test]
    fn a_disk_with_a_system_says_whether_an_upgrade_needs_a_password() {
        let carrying = |name: &str, parts: &[&str]| install::Disk {
            installed: Some(install::Installed::default()),
            rotational: Some(name == "sda"),
            partitions: parts
                .iter()
                .map(|part| install::DiskPartition {
                    name: (*part).to_owned(),
                    ..install::DiskPartition::default()
                })
                .collect(),
            ..disk(name, 100 << 30)
        };
        let observed = Observed {
            disks: vec![carrying("sda", &["corbel-data"]), carrying("sdb", &["corbel-esp"])],
            ..Observed::default()
        };
        let listed = list(&observed, |disk| disk.name == "sda");
        let told = listed.iter().map(|disk| {
            let installed = disk.installed.as_ref().unwrap();
            (disk.rotational, installed.vm_storage, installed.admin_password_set)
        });
        assert_eq!(
            told.collect::<Vec<_>>(),
            [(Some(true), true, true), (Some(false), false, false)]
        );
    }

    #[test]
    fn a_device_without_partitions_is_its_own_disk() {
        assert_eq!(whole_disk("/dev/no-such-disk"), "no-such-disk");
    }
}
