//! The slots of the installed node: what is in them, another version for the spare one, and back.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use corbel_agent::{FailedVersion, Permits, Secret, SlotInfo, SlotState, Slots, Source, SystemError};
use corbel_layout::ReadAt;
use corbel_layout::disk::Role;
use corbel_layout::slot::Slot;
use corbel_machine::Node;
use corbel_model::install::{DeviceMatch, Identity};
use corbel_plan::install::{Disk, candidates};
use corbel_progress::Sink;
use corbel_release::release::Policy;
use corbel_release::version::Version;
use corbel_sys::{Cancel, chain};
use corbel_upgrade::{Facilities as _, OpenError, Release, UpgradeError, load_keys};

use super::{Machine, disks, failed, password, refused};

pub(super) const KEYS: &str = "/usr/share/corbel/keys";
/// What releases for this node are called and made for.
pub(super) const NAME: &str = "corbel";
pub(super) const ARCHITECTURE: &str = "amd64";

/// A file or a device that is only read.
pub(super) struct ReadOnly(pub(super) File);

impl ReadAt for ReadOnly {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        self.0.read_exact_at(buf, offset)
    }
}

impl Machine {
    fn node(&self) -> Result<Option<Node>, SystemError> {
        corbel_machine::open().map_err(|error| failed("finding the installed node", &error))
    }

    fn installed(&self) -> Result<Node, SystemError> {
        let sentence = "this node is not installed: it runs from its medium and has no slot for another version";
        self.node()?.ok_or_else(|| refused(sentence))
    }

    pub(super) fn load_next(&self) -> Result<(), SystemError> {
        let node = self.installed()?;
        corbel_machine::load_next(&node).map_err(|error| failed("loading the next kernel", &error))
    }

    pub(super) fn read_slots(&self) -> Result<Slots, SystemError> {
        let Some(node) = self.node()? else {
            return Ok(Slots::default());
        };
        let status = corbel_upgrade::status(&node.installed).map_err(|error| failed("reading the slots", &error))?;
        let slots = status.slots.into_iter().map(|slot| {
            let (state, tries_left) = match slot.state {
                corbel_upgrade::SlotState::Good => (SlotState::Good, None),
                corbel_upgrade::SlotState::Trial { tries } => (SlotState::Trial, Some(tries)),
                corbel_upgrade::SlotState::Spare => (SlotState::Spare, None),
                corbel_upgrade::SlotState::Failed => (SlotState::Failed, None),
                corbel_upgrade::SlotState::Empty => (SlotState::Empty, None),
            };
            SlotInfo {
                name: slot.slot,
                state,
                version: slot.version,
                running: slot.running,
                tries_left,
            }
        });
        Ok(Slots {
            slots: slots.collect(),
            last_failed: status.failed.into_iter().next_back().map(|failed| FailedVersion {
                version: failed.version,
                reason: failed.reason,
            }),
            problems: status.problems,
        })
    }

    /// The system on a disk that somebody may upgrade from the medium.
    pub(super) fn admit(&self, boot: Option<&DeviceMatch>, password: Option<&Secret>) -> Result<Node, SystemError> {
        if self.node()?.is_some() {
            let sentence = "an installed node does not look for media: give the image as a file or a URL, or start \
                            the machine from the medium";
            return Err(refused(sentence));
        }
        let node = other(boot)?;
        password::check(&node.installed.config, password, password::boot_asks_for_upgrade())?;
        Ok(node)
    }

    pub(super) fn write_upgrade(
        &self,
        source: &Source,
        permits: Permits,
        sink: &dyn Sink,
        cancel: &Cancel,
    ) -> Result<String, SystemError> {
        // To the end of the work, not only of the look at it.
        let _disks = matches!(source, Source::Medium { .. }).then(|| self.take_disks());
        let (node, release) = match source {
            Source::File(spool) => {
                let node = self.installed()?;
                let release = open_release(&node, spool.path(), permits)?;
                (node, release)
            }
            Source::Medium { boot, password } => {
                let node = self.admit(boot.as_ref(), password.as_ref())?;
                let policy = policy(&node, permits)?;
                let release = super::install::release(|own| {
                    let allow_unsigned = own.allow_unsigned;
                    *own = Policy {
                        allow_unsigned,
                        ..policy
                    };
                })?;
                (node, release)
            }
        };
        let armed = corbel_upgrade::upgrade(&node.installed, &release, sink, cancel).map_err(of_upgrade)?;
        Ok(armed.version.unwrap_or_else(|| release.manifest().version.clone()))
    }

    pub(super) fn arm_other(&self, sink: &dyn Sink, cancel: &Cancel) -> Result<String, SystemError> {
        let node = self.installed()?;
        let armed = corbel_upgrade::rollback(&node.installed, sink, cancel).map_err(of_upgrade)?;
        Ok(armed.version.unwrap_or_else(|| format!("in slot {}", armed.slot)))
    }
}

/// The system on a disk of a machine that runs from a medium.
fn other(boot: Option<&DeviceMatch>) -> Result<Node, SystemError> {
    let observed = disks::observe()?;
    let meant = |disk: &Disk| match boot {
        None => true,
        Some(boot) => boot.matches(&Identity {
            paths: &std::iter::once(&disk.path)
                .chain(&disk.links)
                .cloned()
                .collect::<Vec<_>>(),
            bus: disk.bus,
            serials: &disk.serials,
            wwn: disk.wwn.as_deref(),
            model: disk.model.as_deref(),
            bytes: disk.bytes,
        }),
    };
    let mut found = candidates(&observed)
        .into_iter()
        .filter(|candidate| candidate.disk.installed.is_some() && !candidate.is_live_medium() && meant(candidate.disk));
    let disk = match (found.next(), found.next()) {
        (Some(one), None) => one.disk,
        (None, _) => {
            return Err(refused(
                "no disk of this machine carries a Corbel that could be upgraded",
            ));
        }
        (Some(_), Some(_)) => {
            return Err(refused("more than one disk carries Corbel: name the one to upgrade"));
        }
    };
    let part = |name: &str| {
        let found = disk.partitions.iter().find(|part| part.name == name);
        let path = found.map(|part| PathBuf::from(&part.path));
        path.ok_or_else(|| refused(format!("{} has no partition {name}: reinstall it", disk.path)))
    };
    let roots = [part(Slot::A.partition())?, part(Slot::B.partition())?];
    let (esp, config) = (part(Role::Esp.name())?, part(Role::Config.name())?);
    corbel_machine::open_other(&disk.path, &esp, roots, &config)
        .map_err(|error| failed("opening the installed system", &error))
}

fn policy(node: &Node, permits: Permits) -> Result<Policy, SystemError> {
    let status = corbel_upgrade::status(&node.installed).map_err(|error| failed("reading the slots", &error))?;
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |time| time.as_secs());
    let spare = node.installed.running.slot.other();
    let room = node.installed.slot(spare).and_then(|slot| slot.size());
    Ok(Policy {
        running: node.installed.version.parse::<Version>().ok(),
        slot_bytes: Some(room.map_err(|error| failed("opening the spare slot", &error))?),
        failed: status.failed.into_iter().map(|failed| failed.version).collect(),
        allow_downgrade: permits.downgrade,
        force: permits.force,
        ..Policy::strict(now, NAME, ARCHITECTURE)
    })
}

fn open_release(node: &Node, path: &Path, permits: Permits) -> Result<Release, SystemError> {
    let keys = load_keys(Path::new(KEYS)).map_err(|error| failed("reading the keys of this image", &error))?;
    let file = File::open(path).map_err(|error| failed("reading the image", &error))?;
    let opened = Release::open(Arc::new(ReadOnly(file)), &keys, &policy(node, permits)?);
    opened.map_err(|error| match error {
        OpenError::File(_) | OpenError::Read { .. } => failed("reading the image", &error),
        error => refused(chain(&error)),
    })
}

fn of_upgrade(error: UpgradeError) -> SystemError {
    match error {
        UpgradeError::Cancelled => SystemError::Cancelled,
        UpgradeError::Release(_)
        | UpgradeError::Refused(_)
        | UpgradeError::FailedThere { .. }
        | UpgradeError::TooLarge { .. }
        | UpgradeError::Hook(_) => refused(chain(&error)),
        error => failed("the change of slots", &error),
    }
}
